"""A source table as merge reads it: a row id for every row, and the target's values as expressions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from strongroom.binding import BoundInput, TableJob
from strongroom.consolidate.merge.references import changed_reference, map_of, waiting_parent
from strongroom.core.quoting import dotted, quote, quote_all
from strongroom.sqlite.connection import Connection, attached
from strongroom.sqlite.functions import reference_call, transform_call


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An attached source table as it is. Expressions speak of it as ``s``."""

    table: str
    """What stands in FROM."""
    rid: str
    """The row's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """An attached input as its target stores it. Expressions speak of it as ``s``."""

    job: TableJob
    entry: BoundInput
    table: str
    rid: str
    is_settled: bool
    """Whether this is a copy with the target's columns and affinities."""

    @property
    def source(self) -> str:
        """Return the FROM clause."""
        return f"{self.table} AS s"

    @property
    def wanted(self) -> str:
        """Return the condition under which a row is not filtered."""
        if self.job.where is None or self.entry.is_seed:
            return "1"
        return "s._strongroom_wanted" if self.is_settled else f"({self.job.where.sql})"

    @property
    def waits(self) -> str:
        """Return the condition that a row refers to one that waits in quarantine."""
        return "s._strongroom_waits" if self.is_settled else "0"

    def value(self, column: str) -> str:
        """Return the expression for a target column's value."""
        if self.is_settled:
            return f"s.{quote(column)}"
        source = self.entry.columns.get(column)
        return self.job.defaults.get(column, "NULL") if source is None else f"s.{quote(source)}"

    def values(self) -> str:
        """Return the expressions for all target columns, in order."""
        return ", ".join(self.value(column.name) for column in self.job.columns)

    def target_rowid(self) -> str:
        """Return the expression for the rowid that a row gets when nothing takes it."""
        if self.job.table.integer_key is not None:
            return self.value(self.job.table.integer_key)
        return f"{self.rid} + {self.entry.rowid_offset}"


@contextmanager
def open_rows(connection: Connection, job: TableJob, entry: BoundInput) -> Iterator[Rows]:
    """Attach an input; where the target stores its values in another form, in a copy that has that form."""
    with open_raw(connection, entry) as raw:
        if not job.needs_settling(entry):
            yield Rows(job=job, entry=entry, table=raw.table, rid=raw.rid, is_settled=False)
            return
        settled = dotted("scratch", "settled")
        _settle_rows(connection, job, entry, raw, settled)
        try:
            yield Rows(job=job, entry=entry, table=settled, rid="s._strongroom_row", is_settled=True)
        finally:
            connection.execute(f"DROP TABLE {settled}")


@contextmanager
def open_raw(connection: Connection, entry: BoundInput) -> Iterator[Raw]:
    """Attach an input's snapshot; a table without rowids is numbered in key order first."""
    with attached(connection, entry.database, "src"):
        name = entry.table.rowid
        if name is not None:
            yield Raw(table=dotted("src", entry.table.name), rid=f"s.{quote(name)}")
            return
        numbered = dotted("scratch", "numbered")
        _number_rows(connection, entry, numbered)
        try:
            yield Raw(table=numbered, rid="s._strongroom_row")
        finally:
            connection.execute(f"DROP TABLE {numbered}")


def _number_rows(connection: Connection, entry: BoundInput, into: str) -> None:
    """Copy a table without a usable rowid and number its rows from 1 in key order."""
    names = [column.name for column in entry.table.columns]
    order = quote_all(entry.table.primary_key or names)
    columns = ", ".join(f"{quote(column.name)} {column.affinity}" for column in entry.table.columns)
    connection.execute(f"CREATE TABLE {into} (_strongroom_row INTEGER PRIMARY KEY, {columns})")
    connection.execute(
        f"INSERT INTO {into} SELECT row_number() OVER (ORDER BY {order}), {quote_all(names)} "
        f"FROM {dotted('src', entry.table.name)}"
    )


def _settle_rows(connection: Connection, job: TableJob, entry: BoundInput, raw: Raw, into: str) -> None:
    """Let SQLite itself turn the values into what the target's columns store."""
    columns = ", ".join(f"{quote(column.name)} {column.affinity}" for column in job.columns)
    wanted = f"(({job.where.sql}) IS TRUE)" if job.where and not entry.is_seed else "1"
    values = ", ".join(_change(job, entry, column.name) for column in job.columns)
    connection.execute(
        f"CREATE TABLE {into} (_strongroom_row INTEGER PRIMARY KEY, _strongroom_wanted INTEGER, "
        f"_strongroom_waits INTEGER, _strongroom_rewritten TEXT, {columns})"
    )
    connection.execute(
        f"INSERT INTO {into} SELECT {raw.rid}, {wanted}, {_join_waiting(job, entry)}, {_join_changed(job, entry)}, "
        f"{values} FROM {raw.table} AS s"
    )


def _join_waiting(job: TableJob, entry: BoundInput) -> str:
    waiting = [
        waiting_parent(rewrite, entry.source, f"s.{quote(entry.columns[rewrite.column])}")
        for rewrite in job.rewrites_of(entry)
    ]
    return " OR ".join(waiting) or "0"


def _join_changed(job: TableJob, entry: BoundInput) -> str:
    """Return the text that says which references changed, or NULL."""
    said = [
        f"coalesce({changed_reference(rewrite, entry.source, f's.{quote(entry.columns[rewrite.column])}')} || ' ', '')"
        for rewrite in job.rewrites_of(entry)
    ]
    return f"nullif(rtrim({' || '.join(said)}), '')" if said else "NULL"


def _change(job: TableJob, entry: BoundInput, column: str) -> str:
    source = entry.columns.get(column)
    if source is None:
        return job.defaults.get(column, "NULL")
    transform = None if entry.is_seed else job.transform.get(column)
    plain = f"s.{quote(source)}"
    for rewrite in job.rewrites_of(entry):
        if rewrite.column == column:
            plain = reference_call(map_of(rewrite), entry.source, plain, rewrite.json)
    return transform_call(transform.name, transform.option, plain) if transform else plain
