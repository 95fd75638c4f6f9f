"""A source table as merge reads it: a row id for every row, and the target's values as expressions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.binding import BoundInput, TableJob
from scripts.databases.sqlite import Connection, attached
from scripts.functions import rowid_call, transform_call
from scripts.quoting import dotted, quote, quote_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """An input that is attached right now. Expressions speak of it as ``s``."""

    job: TableJob
    entry: BoundInput
    table: str
    """What stands in FROM."""
    rid: str
    """The row's id."""

    @property
    def source(self) -> str:
        """Return the FROM clause."""
        return f"{self.table} AS s"

    @property
    def wanted(self) -> str:
        """Return the condition under which a row is not filtered."""
        return f"({self.job.where.sql})" if self.job.where and not self.entry.is_seed else "1"

    def value(self, column: str) -> str:
        """Return the expression for a target column's value."""
        source = self.entry.columns.get(column)
        if source is None:
            return self.job.defaults.get(column, "NULL")
        plain = f"s.{quote(source)}"
        transform = None if self.entry.is_seed else self.job.transform.get(column)
        if transform is not None:
            return transform_call(transform.name, transform.option, plain)
        is_foreign = column == self.job.table.integer_key and source != self.entry.table.integer_key
        return rowid_call(plain) if is_foreign else plain

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
    """Attach an input's snapshot; a table without rowids is numbered in key order first."""
    with attached(connection, Path(entry.file), "src"):
        name = entry.table.rowid
        if name is not None:
            yield Rows(job=job, entry=entry, table=dotted("src", entry.table.name), rid=f"s.{quote(name)}")
            return
        numbered = dotted("scratch", "numbered")
        number_rows(connection, entry, numbered)
        try:
            yield Rows(job=job, entry=entry, table=numbered, rid="s._strongroom_row")
        finally:
            connection.execute(f"DROP TABLE {numbered}")


def number_rows(connection: Connection, entry: BoundInput, into: str) -> None:
    """Copy a table without a usable rowid and number its rows from 1 in key order."""
    names = [column.name for column in entry.table.columns]
    order = quote_all(entry.table.primary_key or names)
    columns = ", ".join(f"{quote(column.name)} {column.affinity}" for column in entry.table.columns)
    connection.execute(f"CREATE TABLE {into} (_strongroom_row INTEGER PRIMARY KEY, {columns})")
    connection.execute(
        f"INSERT INTO {into} SELECT row_number() OVER (ORDER BY {order}), {quote_all(names)} "
        f"FROM {dotted('src', entry.table.name)}"
    )
