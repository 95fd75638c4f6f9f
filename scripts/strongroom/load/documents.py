"""What a load keeps of itself: ``load.json`` in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal

from strongroom.runs.documents import Document
from strongroom.runs.records import SnapshotRecord

Way = Literal["staged", "into-live", "skip-existing"]
"""How rows become live: by renaming schemas, or one by one; in the last case the live row wins."""


class LoadState(StrEnum):
    """How far a load is, as its document says; one that is loading and whose process is gone was interrupted."""

    LOADING = "loading"
    FAILED = "failed"
    STAGED = "staged"
    """Proven, and ready for cutover."""
    WAITING = "waiting"
    """Proven, and more rows wait than its budget allows."""
    DIFFERENT = "different"
    LIVE = "live"
    ROLLED_BACK = "rolled back"
    GIVEN_UP = "given up"
    """Another load took its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A foreign key of a schema: which columns hold which columns of which table of the same schema."""

    name: str
    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a table's structure that waits until its rows are in."""

    position: int
    table: str
    kind: str
    """``p``, ``u``, ``x``, ``f``: a constraint, as the catalogue says; ``i`` an index, ``t`` a trigger."""
    name: str
    statement: str
    is_there: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeSchema:
    """A staged schema as it was made, before a row came."""

    has_files: bool
    """Whether it was made by schema files."""
    objects: Mapping[str, str]
    """What stood in it, by name, as the server writes it."""
    references: tuple[Reference, ...]
    carried: tuple[str, ...]
    """What was taken along beside the files, one line each."""
    reported: tuple[str, ...]
    """What did not come along, or came as something else, one line each."""
    skipped: tuple[str, ...]
    """Tables of the source that hold nothing of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeDocument(Document):
    """``made.json``: the staged schemas, by target."""

    kind: ClassVar[str] = "staged schemas"

    targets: Mapping[str, MadeSchema]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRecord:
    """One target, and the schemas in which its rows stand or stood."""

    schema: str
    """The live one."""
    staged: str
    previous: str
    snapshot: SnapshotRecord
    """What was loaded."""
    key: str | None = None
    """The name of the key of its ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDocument(Document):
    """``load.json``: what was asked for, and how far it is."""

    kind: ClassVar[str] = "load"

    load: str
    state: LoadState
    tool: str
    """The version of the tool."""
    system: str
    origin: Literal["consolidated", "legacy"]
    way: Way
    plan: str
    """The plan's file, for people; its text is in the folder."""
    plan_sha256: str
    files_sha256: str
    """Of the schema files that made what is staged."""
    server: str
    """``host:port/database``, for people."""
    variable: str
    """What named the server."""
    targets: Mapping[str, SchemaRecord]
    began: datetime
    role: str | None = None
    """The role that owns what is staged; None: the system's."""
    ended: datetime | None = None
    error: str | None = None
    replaces: bool = False
    """Whether rows that only the live schemas hold may step aside with them."""
    live: Mapping[str, Mapping[str, int]] | None = None
    """After cutover, by target: what it takes to tell whether somebody wrote since."""
