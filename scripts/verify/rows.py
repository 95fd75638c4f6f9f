"""A source table as verification reads it, and what it means that a target row is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.binding import BoundInput, TableJob
from scripts.databases.schema import Column
from scripts.databases.sqlite import Connection, attached
from scripts.functions import rowid_call, transform_call
from scripts.quoting import dotted, fold, quote, quote_all

_LOWEST = "(-9223372036854775807 - 1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An attached input: ``s`` is its row, ``t`` the target's, ``l`` the ledger's."""

    job: TableJob
    entry: BoundInput
    rows: str
    rid: str
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
        table, rid = self.rows.removesuffix(" AS s"), self.rid.removeprefix("s.")
        # In a scope of its own, where the plan's bare column names can mean the source's only.
        return f"EXISTS (SELECT 1 FROM {table} f WHERE f.{rid} = {self.rid} AND ({self.job.where.sql}) IS TRUE)"

    def expected(self, column: Column) -> str:
        """Return what the target's column should hold for row ``s``, as an expression."""
        name = self.entry.columns.get(column.name)
        if name is None:
            return self.job.defaults.get(column.name, "NULL")
        transform = None if self.entry.is_seed else self.job.transform.get(column.name)
        plain = f"s.{quote(name)}"
        if transform is not None:
            return transform_call(transform.name, transform.option, plain)
        is_foreign = column.name == self.job.table.integer_key and name != self.entry.table.integer_key
        return rowid_call(plain) if is_foreign else plain

    def at_home(self) -> str:
        """Return the condition that ``t`` stands where row ``s`` goes when nothing takes its place."""
        table = self.job.table
        if table.integer_key is not None:
            return f"t.{quote(table.integer_key)} = {self.expected(table.by_name[fold(table.integer_key)])}"
        if table.rowid is not None:
            return f"t.{quote(table.rowid)} = {self.rid} + {self.entry.rowid_offset}"
        return self.same_key(table.primary_key)

    def at_ledger(self) -> str:
        """Return the condition that ``t`` is the row which the ledger names for ``l``."""
        table = self.job.table
        if table.rowid is None:
            return self.same_key(self.job.key or table.primary_key)
        return f"t.{quote(table.rowid)} = l._target_rowid"

    def same_key(self, key: tuple[str, ...]) -> str:
        """Return the condition that ``t`` and ``s`` have one key."""
        return " AND ".join(self._same_part(self.job.table.by_name[fold(name)]) for name in key) or "0"

    def _same_part(self, column: Column) -> str:
        source = self.entry.table.by_name.get(fold(self.entry.columns.get(column.name, "")))
        wanted = self.expected(column)
        if source is None or source.affinity != column.affinity:
            wanted = _settle(wanted, column.affinity)
        return f"t.{quote(column.name)} = {wanted} COLLATE BINARY"

    def same_values(self, *, without: str | None = None) -> str:
        """Return the condition that ``t`` holds exactly what row ``s`` should have become."""
        columns = [column for column in self.job.columns if column.name != without]
        return " AND ".join(self._same(column) for column in columns) or "1"

    def _same(self, column: Column) -> str:
        held, wanted = f"t.{quote(column.name)}", self.expected(column)
        source = self.entry.table.by_name.get(fold(self.entry.columns.get(column.name, "")))
        if source is None or column.name in self.job.transform:
            return _strictly(held, _settle(wanted, column.affinity))
        if source.affinity != column.affinity:
            return (
                _strictly(held, _settle(wanted, column.affinity))
                if column.affinity in ("TEXT", "BLOB")
                else f"{held} IS {wanted}"
            )
        if column.affinity == "BLOB":
            return _strictly(held, wanted)
        # A column with an affinity cannot hold both 1 and 1.0 (https://sqlite.org/datatype3.html, 3): the storage
        # class is compared with the value. -2^63 is the one number that INTEGER and NUMERIC keep in both classes.
        same = f"{held} IS {wanted} COLLATE BINARY"
        if column.affinity in ("INTEGER", "NUMERIC"):
            same += f" AND ({held} IS NOT {_LOWEST} OR typeof({held}) = typeof({wanted}))"
        return same

    def is_genuine(self) -> str:
        """Return the condition that the ledger's entry ``l`` holds exactly what row ``s`` holds."""
        return (
            " AND ".join(
                _strictly(f"l.c{number}", f"s.{quote(column.name)}")
                for number, column in enumerate(self.entry.table.columns)
            )
            or "1"
        )


def _strictly(left: str, right: str) -> str:
    return (
        f"({left} IS {right} COLLATE BINARY AND typeof({left}) = typeof({right}) AND (typeof({left}) <> 'real' "
        f"OR {left} <> 0 OR strongroom_sign({left}) = strongroom_sign({right})))"
    )


def _settle(expression: str, affinity: str) -> str:
    """Return the value that a column of ``affinity`` stores when it is given ``expression``."""
    if affinity == "TEXT":
        is_number = f"typeof({expression}) IN ('integer', 'real')"
        return f"(CASE WHEN {is_number} THEN CAST({expression} AS TEXT) ELSE {expression} END)"
    if affinity == "REAL":
        return f"(CASE WHEN typeof({expression}) = 'integer' THEN CAST({expression} AS REAL) ELSE {expression} END)"
    return expression


@contextmanager
def open_side(connection: Connection, job: TableJob, entry: BoundInput) -> Iterator[Side]:
    """Attach an input's snapshot as ``src``."""
    with attached(connection, Path(entry.file), "src"):
        entries = int(connection.execute(f"SELECT count(*) FROM {dotted('ledger', entry.name)}").fetchone()[0])
        if entry.table.rowid is not None:
            rows = f"{dotted('src', entry.table.name)} AS s"
            yield Side(job=job, entry=entry, rows=rows, rid=f"s.{quote(entry.table.rowid)}", entries=entries)
            return
        _number(connection, entry)
        try:
            yield Side(job=job, entry=entry, rows="temp.numbered AS s", rid="s._strongroom_row", entries=entries)
        finally:
            connection.execute("DROP TABLE temp.numbered")


def _number(connection: Connection, entry: BoundInput) -> None:
    """Give the rows of a table without rowids numbers in key order, as the ledger does."""
    names = [column.name for column in entry.table.columns]
    declared = ", ".join(f"{quote(column.name)} {column.affinity}" for column in entry.table.columns)
    connection.execute(f"CREATE TEMP TABLE numbered (_strongroom_row INTEGER PRIMARY KEY, {declared})")
    order = quote_all(entry.table.primary_key or tuple(names))
    connection.execute(
        f"INSERT INTO temp.numbered ({quote_all(names)}) SELECT {quote_all(names)} "
        f"FROM {dotted('src', entry.table.name)} ORDER BY {order}"
    )
