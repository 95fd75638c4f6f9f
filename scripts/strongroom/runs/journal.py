"""The journal of publish: what is swapped for what, where that is, and what the legacy files were."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from strongroom.core.engines import Engine
from strongroom.core.files import COMPANIONS, follow
from strongroom.runs.documents import Document, read_document, write_document
from strongroom.sqlite.database import Database, under_key

LEGACY = "legacy"
"""Where a run keeps the legacy files that gave way to links, by their paths."""
Checkpoint = Callable[[str], None]
_WRITING = 0o222


class JournalState(StrEnum):
    """How far publishing, or taking it back, is."""

    OPEN = "open"
    CLOSED = "closed"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """One file to put live."""

    staged: str
    """Relative to the run's folder."""
    live: str
    """Relative to the target directory."""
    mark: str
    """Of the staged file (``database.read_mark``)."""
    aliases: tuple[str, ...] = ()
    """Old names to link to the live file, relative to the target directory; in a journal, those that this run makes."""
    had: bool = False
    """Whether a file was live before."""
    folders: tuple[str, ...] = ()
    """In a journal: the folders for the file and its names that this run makes, the outermost first."""
    key: str | None = None
    """The name of the key of what is put live."""
    key_before: str | None = None
    """The name of the key of what was live before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyFile:
    """One legacy file: read-only after publish, writable again after a rollback."""

    path: str
    """Relative to the sources' directory."""
    inside: str | None
    """Relative to the target directory where it lies in there: then it belongs to the same tree."""
    mode: int
    """Its permissions before publish."""
    link: str | None = None
    """Where it leads, as the link says, when it is one."""
    gives_way_to: str | None = None
    """The target, relative to the target directory, to which its name leads after publish, where the file stands in
    the place of that link: then it moves into the run."""
    logs: tuple[str, ...] = ()
    """Of one that gives way: its logs (``-wal``, ``-journal``) that hold something, which move with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalDocument(Document):
    """``publish.json``: the intent of a publishing, written before the first file changes its place."""

    kind: ClassVar[str] = "journal"

    state: JournalState
    swaps: tuple[Swap, ...]
    legacy: tuple[LegacyFile, ...]

    @property
    def is_open(self) -> bool:
        """Tell whether something was begun and not finished."""
        return self.state in (JournalState.OPEN, JournalState.UNDOING)

    def name_keys(self) -> set[str | None]:
        """Return the names of the keys of what was live, and of what was put live."""
        return {key for swap in self.swaps for key in (swap.key, swap.key_before)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run publishes to; all of it was typed, or lies in what was typed."""

    target: Path
    source: Path | None
    """The directory of legacy files; None where nobody typed it."""
    folder: Path
    """The run's folder: the journal, the staged and the previous files are in it."""
    owner: str
    """What marks the documents of the run."""
    engine: Engine = Engine.SYSTEM
    """The library that works on plain databases."""

    @property
    def journal(self) -> Path:
        """Where the intent is written."""
        return self.folder / "publish.json"

    def read_journal(self) -> JournalDocument | None:
        """Read the intent; None when there is none. Raises VersionError, GuardError."""
        return read_document(self.journal, JournalDocument, self.owner)

    def write_journal(self, document: JournalDocument) -> None:
        """Write the intent durably."""
        write_document(self.journal, document, self.owner)

    def live(self, swap: Swap) -> Path:
        """Return the file that applications open."""
        return self.target / swap.live

    def database(self, swap: Swap) -> Database:
        """Return the handle of what applications open, once it is published."""
        return under_key(self.live(swap), swap.key, self.engine)

    def before(self, swap: Swap) -> Database:
        """Return the handle of what applications open until it is published."""
        return under_key(self.live(swap), swap.key_before, self.engine)

    def staged(self, swap: Swap) -> Path:
        """Return the file that was built."""
        return self.folder / swap.staged

    def previous(self, swap: Swap) -> Path:
        """Return where the file that was live is kept; may not exist."""
        return self.folder / "previous" / swap.live

    def original(self, legacy: LegacyFile) -> Path:
        """Return where a legacy file stands, or stood, that gives way to a link."""
        return self.target / legacy.path

    def kept(self, legacy: LegacyFile) -> Path:
        """Return where a legacy file is once it has given way to a link; may not exist."""
        return self.folder / LEGACY / legacy.path

    def find(self, legacy: LegacyFile) -> Path | None:
        """Return where a legacy file is, links followed, or would be; None where that is no place that was typed."""
        if legacy.gives_way_to is not None:
            original = self.original(legacy)
            return self.kept(legacy) if original.is_symlink() or not original.exists() else original
        if legacy.inside is not None:
            return lies_under(self.target, self.target / legacy.inside)
        return None if self.source is None else lies_under(self.source, self.source / legacy.path)


def lies_under(folder: Path, path: Path) -> Path | None:
    """Return a path with its links followed, when it leads to a place inside the folder."""
    found = follow(path)
    return found if found.is_relative_to(follow(folder)) else None


def describe_legacy(
    paths: Iterable[tuple[str, Path]], target: Path, ways: Mapping[str, str] = MappingProxyType({})
) -> tuple[LegacyFile, ...]:
    """Describe legacy files, given as their paths in the sources' directory and where these are.

    ``ways`` says of those that give way to links to which targets these lead.
    """
    described = []
    for path, place in paths:
        found = lies_under(target, place)
        inside = None if found is None else found.relative_to(follow(target)).as_posix()
        link = str(place.readlink()) if place.is_symlink() else None
        mode = place.stat().st_mode & 0o7777
        logs = tuple(suffix for suffix in ("-wal", "-journal") if path in ways and _holds_something(place, suffix))
        way = ways.get(path)
        described.append(LegacyFile(path=path, inside=inside, mode=mode, link=link, gives_way_to=way, logs=logs))
    return tuple(described)


def _holds_something(file: Path, suffix: str) -> bool:
    log = file.with_name(file.name + suffix)
    return log.is_file() and log.stat().st_size > 0


def drop_companions(live: Path) -> None:
    """Remove the journals beside a file that is being replaced: they are of the old one."""
    for suffix in COMPANIONS:
        live.with_name(live.name + suffix).unlink(missing_ok=True)


def change_mode(path: Path, mode: int) -> bool:
    """Change a legacy file's permissions where the file system lets us; return whether it did."""
    try:
        if not path.is_file() or not os.access(path, os.R_OK):
            return False
        path.chmod(mode)
    except OSError:
        return False
    return True


def make_read_only(path: Path) -> bool:
    """Take the permissions to write from a legacy file."""
    return change_mode(path, _mode_of(path) & ~_WRITING)


def make_writable_again(path: Path, mode: int) -> bool:
    """Give a legacy file its permissions back, if they are what publish made of them: else it is another's file.

    Journals that a reader has left beside it meanwhile are as read-only as it was: they get them too.
    """
    is_ours = _mode_of(path) == mode & ~_WRITING
    for companion in (path.with_name(path.name + suffix) for suffix in COMPANIONS) if is_ours else ():
        change_mode(companion, mode)
    return is_ours and change_mode(path, mode)


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o7777
    except OSError:
        return 0
