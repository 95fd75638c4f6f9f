"""The documents of a store: typed, versioned, each with a hash of itself; their owner is the store's id.

In a store lie ``store.json``, one entry for each set (``catalog/``), one piece of evidence for each time that somebody
looked at a set (``evidence/``), and with the content of each set its manifest. Nothing of them holds a cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from strongroom.runs.documents import Document

MANIFEST_FILE = "manifest.json"
"""Beside the members of a set."""


class Kind(StrEnum):
    """What a member of a set is."""

    SQLITE = "sqlite"
    SQLCIPHER = "sqlcipher"
    FILE = "file"
    POSTGRES = "postgres"
    REDIS = "redis"


class Action(StrEnum):
    """What was done with a set by whoever looked at it."""

    VERIFY = "verify"
    DRILL = "drill"
    ESCROW = "escrow"
    COPY = "copy"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One file of a member: its path in the set, with ``/``; SHA-256 in hex; size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRecord:
    """What one table held."""

    rows: int
    digest: str | None = None
    """Of its content, whatever the order of rows; computed where bytes do not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord:
    """One member of a set, as it was taken and looked over."""

    name: str
    """Its path in the data directory, ``postgres/DATABASE`` or ``redis``: one name for ever."""
    kind: Kind
    files: tuple[FileRecord, ...]
    tables: Mapping[str, TableRecord] = field(default_factory=dict)
    schema_sha256: str | None = None
    key: str | None = None
    """``NAME@VERSION`` of what its files are encrypted with."""
    column_keys: tuple[str, ...] | None = None
    """The keys (``NAME@VERSION``) that values of its columns are under; None where nobody looked."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the server and the programs that took part."""
    mode: int | None = None
    """Permission bits of the file; None for a server's."""
    owner: tuple[int, int] | None = None
    """User and group of the file."""
    began: datetime
    """From here on nothing that was committed before is missing."""
    ended: datetime
    """Nothing that was committed later is in it."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By phase: ``take``, ``check``, ``hash``, ``digest``."""

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files)

    @property
    def rows(self) -> int:
        """Rows of its tables."""
        return sum(table.rows for table in self.tables.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A member that could not be taken, and why."""

    name: str
    fact: str
    exit_code: int
    """What its error alone would have ended with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDocument(Document):
    """Everything that a set holds, kept with it."""

    kind: ClassVar[str] = "backup-manifest"
    set: str
    system: str
    tool: str
    """The version that made it."""
    began: datetime
    ended: datetime
    members: tuple[MemberRecord, ...]
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A member as the catalog lists it: readable without any key."""

    name: str
    kind: Kind
    size: int
    tables: Mapping[str, int]
    """Rows of each."""
    key: str | None = None
    column_keys: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDocument(Document):
    """What the catalog says of a set. It is written last: a set without one does not count, and is cleared away."""

    kind: ClassVar[str] = "backup-entry"
    set: str
    system: str
    tool: str
    began: datetime
    ended: datetime
    locator: str
    """What the store knows it by."""
    manifest_sha256: str
    members: tuple[Summary, ...]
    missing: tuple[Missing, ...] = ()
    alarms: tuple[str, ...] = ()
    """What looked wrong beside the set before it: nothing is pruned until it is accepted."""
    origin: str | None = None
    """The id of the store that it was copied from."""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether every member was taken."""
        return not self.missing

    @property
    def size(self) -> int:
        """Bytes of its members."""
        return sum(member.size for member in self.members)

    @property
    def rows(self) -> int:
        """Rows of its members."""
        return sum(sum(member.tables.values()) for member in self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceDocument(Document):
    """What came of looking at a set."""

    kind: ClassVar[str] = "backup-evidence"
    set: str
    action: Action
    at: datetime
    is_sound: bool
    members: tuple[str, ...]
    """Those that were looked at."""
    facts: tuple[str, ...] = ()
    """What is wrong."""
    accepted: bool = False
    """A person accepted what the set's alarms say."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By phase; of a drill the sum is the recovery time."""
    recovery_point_seconds: float | None = None
    """Of a drill: the age of the set when it was restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDocument(Document):
    """What a store is: written once, by ``backup.init``."""

    kind: ClassVar[str] = "backup-store"
    id: str
    system: str
    engine: str
    """``folder`` or ``restic``."""
    made: datetime
