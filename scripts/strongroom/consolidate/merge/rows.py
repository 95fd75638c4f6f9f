"""A source table as merge reads it: a row id for every row, and the target's values as expressions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from strongroom.binding import BoundInput, Rewrite, TableJob
from strongroom.consolidate.merge.follow import follow, is_changed, is_waiting, join_refs, list_changes
from strongroom.consolidate.merge.raw import Raw, open_raw
from strongroom.core.quoting import dotted, quote
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.functions import transform_call

WAITS = "the row that it refers to waits in quarantine"
"""What the ledger says of a row whose parent waits."""


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
    """Attach an input; where the target stores its values in another form, in a copy that has that form.

    The copy is made once, and stays until the table is done.
    """
    with open_raw(connection, entry) as raw:
        if not job.needs_settling(entry):
            yield Rows(job=job, entry=entry, table=raw.table, rid=raw.rid, is_settled=False)
            return
        name = settled_name(entry)
        settled = dotted("scratch", name)
        if not connection.execute("SELECT 1 FROM scratch.sqlite_master WHERE name = ?", (name,)).fetchone():
            _settle_rows(connection, job, entry, raw, settled)
        yield Rows(job=job, entry=entry, table=settled, rid="s._strongroom_row", is_settled=True)


def settled_name(entry: BoundInput) -> str:
    """Return the name of the working table with an input's rows as the target stores them."""
    return f"settled_{entry.number}"


def _settle_rows(connection: Connection, job: TableJob, entry: BoundInput, raw: Raw, into: str) -> None:
    """Let SQLite itself turn the values into what the target's columns store."""
    columns = ", ".join(f"{quote(column.name)} {column.affinity}" for column in job.columns)
    values = ", ".join(settled_value(job, entry, column.name) for column in job.columns)
    rewrites = job.rewrites_of(entry)
    connection.execute(
        f"CREATE TABLE {into} (_strongroom_row INTEGER PRIMARY KEY, _strongroom_wanted INTEGER, "
        f"_strongroom_waits INTEGER, _strongroom_rewritten TEXT, {columns})"
    )
    connection.execute(
        f"INSERT INTO {into} SELECT {raw.rid}, {_ask_wanted(job, entry, raw)}, {waits_for(rewrites, entry)}, "
        f"{say_changes(rewrites, entry)}, {values} FROM {raw.table} AS s{join_refs(rewrites, entry)}"
    )


def _ask_wanted(job: TableJob, entry: BoundInput, raw: Raw) -> str:
    """Return the condition under which a row is not filtered; beside other tables it has a scope of its own."""
    if job.where is None or entry.is_seed:
        return "1"
    if not job.rewrites_of(entry):
        return f"(({job.where.sql}) IS TRUE)"
    same = f"f.{raw.rid.partition('.')[2]} = {raw.rid}"
    return f"EXISTS (SELECT 1 FROM {raw.table} AS f WHERE {same} AND ({job.where.sql}) IS TRUE)"


def waits_for(rewrites: tuple[Rewrite, ...], entry: BoundInput) -> str:
    """Return the condition that a row waits for one that it refers to."""
    return " OR ".join(is_waiting(rewrite, entry) for rewrite in rewrites) or "0"


def say_changes(rewrites: tuple[Rewrite, ...], entry: BoundInput) -> str:
    """Return the text that says which references changed, or NULL."""
    said = [text for rewrite in rewrites for text in list_changes(rewrite, entry)]
    if len(said) < 2:  # noqa: PLR2004  # nothing to be joined
        return said[0] if said else "NULL"
    joined = " || ".join(f"coalesce({text} || ' ', '')" for text in said)
    return f"nullif(rtrim({joined}), '')"


def has_changes(rewrites: tuple[Rewrite, ...], entry: BoundInput) -> str:
    """Return the condition that a reference changed: the text need not be made for that."""
    return " OR ".join(is_changed(rewrite, entry) for rewrite in rewrites) or "0"


def settled_value(job: TableJob, entry: BoundInput, column: str) -> str:
    """Return what the plan makes of a source's value for a target column, before the target stores it."""
    source = entry.columns.get(column)
    if source is None:
        return job.defaults.get(column, "NULL")
    transform = None if entry.is_seed else job.transform.get(column)
    plain = follow(job.rewrites_of(entry), entry, column, f"s.{quote(source)}")
    return transform_call(transform.name, transform.option, plain) if transform else plain
