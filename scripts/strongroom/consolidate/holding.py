"""No split brain: from the last look at the sources until the targets are live, nobody commits to a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from strongroom.consolidate.opening import Opening
from strongroom.core.errors import SourceBusyError, SourceChangedError
from strongroom.core.files import show_path
from strongroom.runs.folder import RunFolder
from strongroom.sqlite.database import Database, state_of
from strongroom.sqlite.openers import Opener, find_openers
from strongroom.sqlite.snapshot import Snapshot, refuse_changed
from strongroom.sqlite.writers import hold_writers, shows_locks

_LOOKS = 5
"""How often a source may be touched, its rows the same, while we look."""
Content = tuple[int, int, int]
"""Inode, size and time (ns) of the last change of a file's content."""


class HeldSources:
    """The sources that stay beside the targets, or move into the run, held against writers."""

    def __init__(self, opening: Opening, folder: RunFolder, free: tuple[Path, ...]) -> None:
        """Note what they are now; ``free`` are those that could not be held.

        Raises SourceBusyError for one that is open for writing, unless that risk is taken.
        """
        merged = set(opening.in_place.values())
        self._names = {opening.plan.sources[name].path: name for name in opening.found if name not in merged}
        self._opening = opening
        self._folder = folder
        self._free = free
        self._before = self._look()
        writers = find_writers(self._list_places().values())
        if not opening.request.allow_open_sources:
            _refuse_open(writers, list_staying(opening))
        self._known = {(one.pid, one.command) for one in writers}
        self._opened = tuple(f"{_say(one)}, for writing" for one in writers)

    def _list_places(self) -> dict[str, Path]:
        """Return where each is now, by its path in the sources' directory."""
        moved = {path: self._folder.legacy / path for path in self._names}
        return {
            path: moved[path] if moved[path].exists() else self._opening.found[name].path
            for path, name in self._names.items()
        }

    def _look(self) -> dict[str, Mapping[str, Content]]:
        return {path: _content_of(Database(place)) for path, place in self._list_places().items()}

    def describe(self) -> tuple[str, ...]:
        """Say which sources were open, and which could not be held: what is written later is in the old file only."""
        return (*self._opened, *(f"{show_path(path)} cannot be held against writers here" for path in self._free))

    def find_lost(self) -> list[Path]:
        """Return the sources that are not the files any more that they were. Read-only."""
        places, now = self._list_places(), self._look()
        return [places[path] for path, before in self._before.items() if now[path].get("", (0,))[0] != before[""][0]]

    def find_slipped(self) -> list[str]:
        """Return, in words, what was written to a source all the same, and who opened one to write to it. Read-only.

        A writer that waits for us would write to a file of which nothing is taken any more.
        """
        now, places = self._look(), self._list_places()
        changed = [
            f"{show_path(Path(path))} was written to" for path, before in self._before.items() if now[path] != before
        ]
        writers = (one for one in find_writers(places.values()) if (one.pid, one.command) not in self._known)
        return changed + [f"{_say(opener)}, to write to it" for opener in writers]


def list_staying(opening: Opening) -> dict[str, Database]:
    """Return the source databases of which no target takes the place."""
    merged = set(opening.in_place.values())
    return {
        name: database
        for name, database in opening.found.items()
        if name not in merged and not _is_document(opening, name)
    }


def _is_document(opening: Opening, name: str) -> bool:
    return opening.plan.sources[name].format != "sqlite"


def _content_of(database: Database) -> dict[str, Content]:
    """Return what tells whether a database was written to; permissions are no content."""
    return {suffix: (inode, size, changed) for suffix, (inode, size, changed, _) in state_of(database).items()}


def find_writers(paths: Iterable[Path]) -> tuple[Opener, ...]:
    """Return the processes that hold one of these files open for writing. Read-only."""
    return tuple(opener for opener in find_openers(paths) if opener.writable)


def refuse_open_sources(opening: Opening) -> None:
    """Make sure that no process holds a source open for writing, unless that risk is taken. Raises SourceBusyError."""
    if opening.request.allow_open_sources:
        return
    staying = list_staying(opening)
    _refuse_open(find_writers(database.path for database in staying.values()), staying)


def _refuse_open(writers: tuple[Opener, ...], staying: Mapping[str, Database]) -> None:
    """Refuse databases that somebody holds open for writing: who is seen, and who only shows by their locks."""
    way = "stop it, or say --allow-open-sources: what it writes after the last look stays behind"
    databases = {database.path for database in staying.values()}
    for opener in writers:
        if opener.path in databases:
            raise SourceBusyError(opener.path, f"{_hold(opener)}, for writing", way)
    for database in staying.values():
        if shows_locks(database) and not find_openers([database.path]):
            fact = "is open in a process that cannot be seen from here (another container?): its locks show it"
            raise SourceBusyError(database.path, fact, way)


def _say(opener: Opener) -> str:
    return f"{show_path(opener.path)} {_hold(opener)}"


def _hold(opener: Opener) -> str:
    return f"is held open by process {opener.pid} ({opener.command})"


@contextmanager
def hold_sources(opening: Opening, snapshots: Mapping[str, Snapshot], folder: RunFolder) -> Iterator[HeldSources]:
    """Hold every source that is what its snapshot holds, and look whether it still is once it is held.

    Raises SourceChangedError for one that is not, SourceBusyError for one that is open for writing.
    """
    staying = list_staying(opening)
    for _ in range(_LOOKS):
        before = {name: _content_of(database) for name, database in staying.items()}
        for name, snapshot in snapshots.items():
            refuse_changed(snapshot, opening.found[name], folder.scratch)
        with ExitStack() as stack:
            free = stack.enter_context(hold_writers(staying.values(), must=not opening.request.allow_open_sources))
            if before == {name: _content_of(database) for name, database in staying.items()}:
                yield HeldSources(opening, folder, free)
                return
    fact = "do not hold still: something writes to them again and again"
    raise SourceChangedError("the sources", fact, "stop what writes to them, then run the same command again")
