"""What workers are handed: a table of the source, where its rows go, and which of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.quoting import quote, quote_all
from strongroom.load.convert import Reading
from strongroom.load.documents import Part
from strongroom.load.stage.columns import ServerType
from strongroom.sqlite.database import Database

ADDRESS = "_strongroom_address"
"""The column of a staged table by which a row of the source is found again; no live table has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnJob:
    """One column that is loaded."""

    source: str
    into: str
    type: ServerType
    reading: Reading
    not_null: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TableJob:
    """One table that is loaded."""

    target: str
    table: str
    into: str
    schema: str
    """Where the table stands."""
    columns: tuple[ColumnJob, ...]
    kept: tuple[str, ...]
    """All columns of the source that can be read, in their order."""
    address: str | None
    """By what a row is found again: a name of its rowid; None: by its place in the order of ``key``."""
    key: tuple[str, ...]
    snapshot: Database
    ledger: Database
    size: int
    """Bytes, estimated."""
    row_size: int
    """Bytes of a row, by the first ones."""
    keeps_address: bool = False
    """Whether each row's address goes into a column of its own, ``ADDRESS``."""

    @property
    def name(self) -> str:
        """Return ``target.table`` of the source."""
        return f"{self.target}.{self.table}"

    @property
    def order(self) -> str:
        """Return the clause by which rows are ordered; empty where they have neither rowid nor key by name."""
        names = (self.address,) if self.address is not None else self.key
        return f"ORDER BY {quote_all(names)}" if names else ""

    def select_addressed(self, columns: Sequence[ColumnJob]) -> str:
        """Return the query of every row's address, as ``_address``, and of some columns."""
        address = quote(self.address) if self.address is not None else f"row_number() OVER ({self.order})"
        names = "".join(f", {quote(column.source)}" for column in columns)
        return f"SELECT {address} AS _address{names} FROM main.{quote(self.table)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Some rows of a table, by their addresses; both ends are in it."""

    low: int
    high: int
    is_whole: bool
    """Whether they are all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWork:
    """What is left to do for one table."""

    job: TableJob
    ranges: tuple[Range, ...]
    parts: tuple[Part, ...]
    """What was taken off of it, but for foreign keys."""
    sequences: tuple[str, ...]
    """Columns that go on by themselves."""
