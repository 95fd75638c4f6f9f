"""What is done to a column, row by row, and what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from strongroom.core.errors import ExitCode

Stored: TypeAlias = str | bytes | int | float
Position: TypeAlias = tuple[Any, ...]
"""Where a walk through a table stands: the values by which its rows are in order."""
SHOWN = 20
"""So many rows of a column are named at most; all are counted."""


class Work(StrEnum):
    """What is done to a column."""

    ENCRYPT = "encrypt"
    ROTATE = "rotate"
    DECRYPT = "decrypt"
    CHECK = "check"
    """Every value is opened, and nothing is changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A value that may have to be changed, and where it stands."""

    position: Position
    key: tuple[Any, ...]
    """The values of the primary key, in the order in which ``system.yaml`` names it."""
    stored: Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row, and what is to stand in it."""

    row: Row
    new: Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A row that is left as it is."""

    key: tuple[Any, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What was read in one go: where it ends (None: at the end of the table), what is to be changed, what is left."""

    end: Position | None
    changes: tuple[Change, ...]
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """What stands in a column, by how each value begins."""

    nulls: int
    keys: Mapping[str, int]
    """Values that begin as ours, by what stands in them as the key's id."""
    others: int
    """Values that do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRow:
    """A row that was left as it is, for people."""

    key: str
    """Hashed, unless it may be shown."""
    why: str


@dataclass(slots=True)
class Leftovers:
    """The rows that one look at a table leaves: all counted, the first ones named."""

    shows_keys: bool
    count: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    rows: list[LeftRow] = field(default_factory=list)

    def add_unnamed(self, why: str, rows: int) -> None:
        """Count rows that nobody can name."""
        self.count += rows
        self.reasons[why] = self.reasons.get(why, 0) + rows

    def add(self, left: Left) -> None:
        """Count a row."""
        self.count += 1
        self.reasons[left.why] = self.reasons.get(left.why, 0) + 1
        if len(self.rows) < SHOWN:
            self.rows.append(LeftRow(key=name_row(left.key, shown=self.shows_keys), why=left.why))


def name_row(key: tuple[Any, ...], *, shown: bool) -> str:
    """Return the values of a primary key for people, or the beginning of their hash."""
    spelt = json.dumps(key, default=str, ensure_ascii=False)
    return spelt if shown else "#" + hashlib.sha256(spelt.encode(errors="surrogateescape")).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDone:
    """What became of one column, or would."""

    place: str
    """The schema or the file."""
    column: str
    """``table.column``."""
    version: str | None
    """What its values are under now; None: they are plain."""
    changed: int
    """Rows, those of a command that was interrupted before included."""
    left: int
    """Rows that are as they were, as they open under no key, are plain, or of a format that nobody named."""
    reasons: Mapping[str, int]
    """How many, by why."""
    rows: tuple[LeftRow, ...]
    """The first of them."""
    due: int
    """Rows that others wrote meanwhile under another version, and still to be done; in a dry run all that are."""
    went_on: bool
    """Whether it went on where a command was interrupted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsDone:
    """What became of all columns."""

    work: Work
    columns: tuple[ColumnDone, ...]
    reason: str | None
    """Why they are plain."""
    dry_run: bool
    exit: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCount:
    """What stands in one column."""

    place: str
    column: str
    active: str
    """The id of its key's active version."""
    nulls: int
    plain: int
    keys: Mapping[str, int]
    """Values of ours, by the key's id that stands in them."""
    formats: Mapping[str, int]
    """Values of other formats, and those that begin as ours and are not whole (``damaged``)."""
    unfinished: str | None
    """What was begun and did not come to its end."""
    closed: int | None
    """Values of ours that do not open where they stand; None where nobody tried."""
    rows: tuple[LeftRow, ...]
    """The first of them."""

    @property
    def is_done(self) -> bool:
        """Whether all of it is under the active version, and opens as far as that was tried."""
        return not (self.plain or self.formats or self.unfinished or self.keys.keys() - {self.active} or self.closed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Ciphertext in a column that nobody registered."""

    place: str
    column: str
    format: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsStatus:
    """How all columns stand."""

    columns: tuple[ColumnCount, ...]
    found: tuple[Found, ...]
    """In other columns of the same databases."""
    unread: tuple[str, ...]
    """Columns of them that this role may not read."""
    scanned: bool
    exit: ExitCode
