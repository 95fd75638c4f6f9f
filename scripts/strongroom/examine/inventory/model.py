"""What an inventory says, as frozen values that ``dataclasses.asdict`` turns into JSON."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.sqlite.openers import Opener


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """One column, its cells counted by storage class: zeros when it is generated, or without a census."""

    name: str
    declared: str
    affinity: str
    generated: bool
    null: int = 0
    integer: int = 0
    real: int = 0
    text: int = 0
    blob: int = 0
    empty: int = 0
    """Texts of no length."""
    with_nul: int = 0
    """Texts that hold a NUL."""
    invalid: int = 0
    """Texts that are not valid in the database's encoding."""
    digits: int = 0
    """Texts of digits only."""
    infinite: int = 0
    extreme: int = 0
    """Integers at either end of 64 bits."""
    largest: int = 0
    """Bytes of the largest text or blob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceFacts:
    """The AUTOINCREMENT mark of a table beside the ids that are there."""

    mark: int
    lowest: int
    largest: int
    missing: int
    """Ids between the lowest and the largest that no row has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """One table."""

    name: str
    kind: str
    """``table`` or ``virtual``."""
    rows: int
    key: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]
    sequence: SequenceFacts | None = None
    """None also where the database is encrypted: these are ids."""
    duplicates: int = 0
    """Keyless tables: rows that repeat another one exactly."""
    alike_keys: int = 0
    """Keys that differ from another one in case or surrounding spaces only."""
    foreign_key_violations: int = 0
    oddities: tuple[str, ...] = ()
    """One line each, beginning with the table, or the table and the column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalChange:
    """Rows of one table that differ between the database with its log and without."""

    table: str
    added: int
    changed: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalFacts:
    """A write-ahead log beside a database."""

    size: int
    frames: int
    """Frames that belong to the current log; older ones may follow them."""
    holds_content: bool
    """A committed transaction is in it: copying the database without it may lose rows."""
    only_here: tuple[WalChange, ...] | None = None
    """What is in the log alone; None when it was not compared (no census, or a process has it open)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a database could not be read, or not in full."""

    fact: str
    hint: str
    exit_code: int
    """What a task that needs this file would end with (README, "Exit codes")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """One SQLite file."""

    path: str
    """Relative to the directory."""
    key: str | None
    """The name of the key that opens it; None where it is plain. Of an encrypted one no cell is told, nor any id."""
    size: int
    page_size: int
    journal_mode: str
    """``wal`` or ``rollback``, as the file's header says."""
    encoding: str
    user_version: int
    application_id: int
    file_format: int
    """1 to 4; below 4 only for files that were made with ancient settings; 0 of an encrypted one: it is not told."""
    written_by: str
    """The SQLite version that wrote last; empty of an encrypted one: it is not told."""
    wal: WalFacts | None
    hot_journal: int
    """Bytes of a rollback journal that an interrupted or running write left; 0 when there is none."""
    shared_memory: bool
    """A ``-shm`` is beside it."""
    integrity: tuple[str, ...]
    """What SQLite finds wrong; nothing when it is sound, or could not be read at all (``problem``)."""
    openers: tuple[Opener, ...]
    tables: tuple[TableFacts, ...]
    views: int
    triggers: int
    problem: Problem | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFacts:
    """One JSON file."""

    path: str
    size: int
    shape: str
    """For a reader: ``object of 3: agents (list of 20), …``."""
    problem: str
    """Why it is no JSON; empty when it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFile:
    """A file that looks like a database and is none."""

    path: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Tables of one name in several files."""

    table: str
    files: tuple[str, ...]
    rows: tuple[int, ...]
    """Per file."""
    same_columns: bool
    differences: tuple[str, ...]
    """Per file that lacks or reorders columns, one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is in a directory, as observed."""

    directory: str
    databases: tuple[DatabaseFacts, ...]
    documents: tuple[DocumentFacts, ...]
    others: tuple[OtherFile, ...]
    overlaps: tuple[Overlap, ...]
    hidden_processes: int
    """Processes whose open files we may not see."""
    unplanned: tuple[str, ...]
    """Files that the plan does not name; empty when none was given."""
    absent: tuple[str, ...]
    """Files that the plan names and that are not here."""
