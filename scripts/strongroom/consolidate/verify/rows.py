"""A source table as verification reads it, and what it means that a target row is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.verify.references import follow_references, is_waiting
from strongroom.core.quoting import dotted, fold, quote, quote_all
from strongroom.sqlite.connection import Connection, attached
from strongroom.sqlite.functions import normalized_call, same_sign, transform_call
from strongroom.sqlite.schema import Column

_LOWEST = "(-9223372036854775807 - 1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An attached input: ``s`` is its row as the target should store it, ``t`` the target's, ``l`` the ledger's."""

    job: TableJob
    entry: BoundInput
    rows: str
    rid: str
    raw: str
    """The source table itself, and what names its rows."""
    raw_rid: str
    is_settled: bool
    """Whether ``s`` comes from a copy with the target's columns and affinities."""
    entries: int
    """How many ledger entries the input has."""

    @property
    def kept(self) -> str:
        """Return the ledger table of this input."""
        return dotted("ledger", self.entry.name)

    @property
    def target(self) -> str:
        """Return the target table."""
        return dotted("main", self.job.table.name)

    @property
    def wanted(self) -> str:
        """Return the condition that the plan does not leave row ``s`` out."""
        if self.job.where is None or self.entry.is_seed:
            return "1"
        # In a scope of its own, where the plan's bare column names can mean the source's only.
        same = f"f.{self.raw_rid} = {self.rid}"
        return f"EXISTS (SELECT 1 FROM {self.raw} f WHERE {same} AND ({self.job.where.sql}) IS TRUE)"

    @property
    def stands(self) -> str:
        """Return the condition that row ``s`` goes in: it is wanted, and what it refers to does not wait."""
        if not self.job.rewrites_of(self.entry):
            return self.wanted
        return f"{self.wanted} AND NOT {self.waits}"

    @property
    def waits(self) -> str:
        """Return the condition that row ``s`` refers to a row that waits in quarantine."""
        waiting = is_waiting(self.job, self.entry, "f")
        return f"EXISTS (SELECT 1 FROM {self.raw} f WHERE f.{self.raw_rid} = {self.rid} AND ({waiting}))"

    def expected(self, column: Column) -> str:
        """Return what the target's column should hold for row ``s``, as an expression."""
        if self.is_settled:
            return f"s.{quote(column.name)}"
        name = self.entry.columns.get(column.name)
        return self.job.defaults.get(column.name, "NULL") if name is None else f"s.{quote(name)}"

    def at_home(self) -> str:
        """Return the condition that ``t`` stands where row ``s`` goes when nothing takes its place."""
        table = self.job.table
        if table.integer_key is not None:
            return f"t.{quote(table.integer_key)} = {self.expected(table.by_name[fold(table.integer_key)])}"
        if table.rowid is not None:
            return f"t.{quote(table.rowid)} = {self.rid} + {self.entry.rowid_offset}"
        return self._same_columns(table.primary_key)

    def at_ledger(self) -> str:
        """Return the condition that ``t`` is the row which the ledger names for ``l``."""
        table = self.job.table
        if table.rowid is None:
            return self.same_key(self.job.key or table.primary_key)
        return f"t.{quote(table.rowid)} = l._target_rowid"

    def same_key(self, key: tuple[str, ...]) -> str:
        """Return the condition that ``t`` and ``s`` have one key, in the form in which keys are matched."""
        if not any(name in self.job.normalize for name in key):
            return self._same_columns(key)
        parts = []
        for name in key:
            ways, expected = self.job.normalize.get(name, ()), self.expected(self.job.table.by_name[fold(name)])
            held = normalized_call(ways, f"t.{quote(name)}")
            parts.append(f"{held} = {normalized_call(ways, expected)} COLLATE BINARY")
        return " AND ".join(parts)

    def _same_columns(self, names: tuple[str, ...]) -> str:
        columns = [self.job.table.by_name[fold(name)] for name in names]
        return (
            " AND ".join(f"t.{quote(column.name)} = {self.expected(column)} COLLATE BINARY" for column in columns)
            or "0"
        )

    def same_values(self, *, without: str | None = None) -> str:
        """Return the condition that ``t`` holds exactly what row ``s`` should have become."""
        columns = [column for column in self.job.columns if column.name != without]
        return " AND ".join(self._same(column) for column in columns) or "1"

    def _same(self, column: Column) -> str:
        held, wanted = f"t.{quote(column.name)}", self.expected(column)
        if column.affinity == "BLOB":
            return _strictly(held, wanted)
        # A column with an affinity cannot hold both 1 and 1.0 (https://sqlite.org/datatype3.html, 3): the storage
        # class is compared with the value. -2^63 is the one number that INTEGER and NUMERIC keep in both classes.
        same = f"{held} IS {wanted} COLLATE BINARY"
        if column.affinity in ("INTEGER", "NUMERIC"):
            same += f" AND ({held} IS NOT {_LOWEST} OR typeof({held}) = typeof({wanted}))"
        return same

    def is_genuine(self) -> str:
        """Return the condition that the ledger's entry ``l`` holds exactly what the source's row holds."""
        alias = "r" if self.is_settled else "s"
        same = " AND ".join(
            _strictly(f"l.c{number}", f"{alias}.{quote(column.name)}")
            for number, column in enumerate(self.entry.table.columns)
        )
        if not self.is_settled:
            return same or "1"
        return f"EXISTS (SELECT 1 FROM {self.raw} r WHERE r.{self.raw_rid} = {self.rid} AND {same or '1'})"


def _strictly(left: str, right: str) -> str:
    return f"({left} IS {right} COLLATE BINARY AND typeof({left}) = typeof({right}) AND {same_sign(left, right)})"


@contextmanager
def open_side(connection: Connection, job: TableJob, entry: BoundInput) -> Iterator[Side]:
    """Attach an input's snapshot as ``src``, numbered and in the target's form where that is needed."""
    with attached(connection, entry.database, "src"):
        entries = int(connection.execute(f"SELECT count(*) FROM {dotted('ledger', entry.name)}").fetchone()[0])
        raw, raw_rid = dotted("src", entry.table.name), quote(entry.table.rowid or "")
        if entry.table.rowid is None:
            _number(connection, job, entry)
            raw, raw_rid = f"{job.working}.numbered", "_strongroom_row"
        is_settled = job.needs_settling(entry)
        if is_settled:
            _settle(connection, job, entry, raw, raw_rid)
        yield Side(
            job=job,
            entry=entry,
            rows=f"{job.working}.settled AS s" if is_settled else f"{raw} AS s",
            rid="s._strongroom_row" if is_settled else f"s.{raw_rid}",
            raw=raw,
            raw_rid=raw_rid,
            is_settled=is_settled,
            entries=entries,
        )
        for table in ("numbered", "settled"):
            connection.execute(f"DROP TABLE IF EXISTS {job.working}.{table}")


def _number(connection: Connection, job: TableJob, entry: BoundInput) -> None:
    """Give the rows of a table without rowids numbers in key order, as the ledger does."""
    names = [column.name for column in entry.table.columns]
    declared = ", ".join(f"{quote(column.name)} {column.affinity}" for column in entry.table.columns)
    connection.execute(f"CREATE TABLE {job.working}.numbered (_strongroom_row INTEGER PRIMARY KEY, {declared})")
    order = quote_all(entry.table.primary_key or tuple(names))
    connection.execute(
        f"INSERT INTO {job.working}.numbered ({quote_all(names)}) SELECT {quote_all(names)} "
        f"FROM {dotted('src', entry.table.name)} ORDER BY {order}"
    )


def _settle(connection: Connection, job: TableJob, entry: BoundInput, raw: str, raw_rid: str) -> None:
    """Let SQLite store the source's values as the target's columns would."""
    declared = ", ".join(f"{quote(column.name)} {column.affinity}" for column in job.columns)
    connection.execute(f"CREATE TABLE {job.working}.settled (_strongroom_row INTEGER PRIMARY KEY, {declared})")
    values = ", ".join(make_value(job, entry, column, f"s.{quote(name)}") for column, name in _pairs(job, entry))
    connection.execute(f"INSERT INTO {job.working}.settled SELECT s.{raw_rid}, {values} FROM {raw} AS s")


def _pairs(job: TableJob, entry: BoundInput) -> Iterator[tuple[Column, str]]:
    return ((column, entry.columns.get(column.name, "")) for column in job.columns)


def make_value(job: TableJob, entry: BoundInput, column: Column, plain: str) -> str:
    """Return what a target's column is given, where ``plain`` is what the source's column holds."""
    if column.name not in entry.columns:
        return job.defaults.get(column.name, "NULL")
    plain = follow_references(job, entry, column.name, plain)
    transform = None if entry.is_seed else job.transform.get(column.name)
    return transform_call(transform.name, transform.option, plain) if transform else plain
