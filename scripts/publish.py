"""Put staged files live, or back, as a set: whatever happens, each file is the old one or the new one.

A journal says the intent before the first rename and is closed after the last; ``recover`` finishes
what an open journal began.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scripts.databases.sqlite import Connection, Error, connect_live
from scripts.errors import GuardError, RollbackFailedError, TargetBusyError, UnreachableError
from scripts.files import COMPANIONS, read_json, read_mark, sync_file, sync_folder, write_json
from scripts.openers import find_openers
from scripts.programs import require_success, run_program

Checkpoint = Callable[[str], None]
_COPY_SECONDS = 3600.0
_STOP_IT = "stop what uses it, then run the same command again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """One file to put live."""

    staged: str
    """Relative to the run's folder."""
    live: str
    """Relative to the target directory."""
    mark: str
    """Of the staged file (``files.read_mark``)."""
    aliases: tuple[str, ...] = ()
    """Old names to link to the live file; in a journal, those that this run makes."""
    had: bool = False
    """Whether a file was live before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run publishes to. Journals hold relative paths only, so that a moved tree acts on itself."""

    target: Path
    folder: Path
    """The run's folder: the journal, the staged and the previous files are in it."""

    @property
    def journal(self) -> Path:
        """Where the intent is written."""
        return self.folder / "publish.json"

    def live(self, swap: Swap) -> Path:
        """Return the file that applications open."""
        return self.target / swap.live

    def staged(self, swap: Swap) -> Path:
        """Return the file that was built."""
        return self.folder / swap.staged

    def previous(self, swap: Swap) -> Path:
        """Return where the file that was live is kept; may not exist."""
        return self.folder / "previous" / swap.live


def publish(place: Place, swaps: list[Swap], sources: list[Path], checkpoint: Checkpoint) -> None:
    """Put staged files live and make legacy sources read-only.

    Raises TargetBusyError before anything changed.
    """
    for swap in swaps:
        _dress(place, swap, sources)
    with _held([place.live(swap) for swap in swaps]):
        modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in sources if path.is_file()}
        swaps = [_foresee(place, swap) for swap in swaps]
        intent: dict[str, object] = {"state": "open", "swaps": [asdict(swap) for swap in swaps], "modes": modes}
        write_json(place.journal, intent)
        checkpoint("publish.intent")
        for swap in swaps:
            _put_live(place, swap)
            checkpoint(f"publish.{swap.live}")
    _finish(place, intent)
    checkpoint("publish.closed")


def _foresee(place: Place, swap: Swap) -> Swap:
    """Note, before anything changes, what the way back needs to know."""
    live = place.live(swap)
    missing = tuple(alias for alias in swap.aliases if not os.path.lexists(live.parent / alias))
    return replace(swap, had=live.exists(), aliases=missing)


def _dress(place: Place, swap: Swap, sources: list[Path]) -> None:
    """Give a staged file the owner and permissions of the file it replaces, else of the first source."""
    staged, live = place.staged(swap), place.live(swap)
    model = live if live.exists() else next((path for path in sources if path.is_file()), None)
    if model is None:
        return
    like = model.stat()
    staged.chmod(stat.S_IMODE(like.st_mode) & 0o666 | 0o600)
    if os.geteuid() == 0:
        os.chown(staged, like.st_uid, like.st_gid)


def _finish(place: Place, intent: dict[str, object]) -> None:
    for path in _modes(intent):
        _change_mode(Path(path), stat.S_IMODE(Path(path).stat().st_mode) & ~0o222 if Path(path).exists() else None)
    write_json(place.journal, {**intent, "state": "closed"})


def _put_live(place: Place, swap: Swap) -> None:
    staged, live, previous = place.staged(swap), place.live(swap), place.previous(swap)
    if staged.exists():
        previous.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        live.parent.mkdir(parents=True, exist_ok=True)
        if live.exists() and not previous.exists():
            _keep(live, previous)
        _drop_companions(live)
        staged.replace(live)
        sync_folder(live.parent)
        sync_folder(staged.parent)
    for alias in swap.aliases:
        _make_alias(live, live.parent / alias)


def _keep(live: Path, previous: Path) -> None:
    """Keep the live file under a second name, so that at no moment there is none.

    Where there are no hard links another process copies it: if we opened and closed the file ourselves, POSIX
    would drop the lock that we hold on it.
    """
    try:
        os.link(live, previous)
    except OSError:
        part = previous.with_name(previous.name + ".part")
        copied = run_program([shutil.which("cp") or "/bin/cp", "-p", live, part], environment={}, timeout=_COPY_SECONDS)
        require_success(copied, UnreachableError, "see to the target's file system, then run the same command again")
        sync_file(part)
        part.replace(previous)
    sync_folder(previous.parent)


def _drop_companions(live: Path) -> None:
    for suffix in COMPANIONS:
        live.with_name(live.name + suffix).unlink(missing_ok=True)


def _make_alias(live: Path, alias: Path) -> None:
    """Link an old name to the new file, unless something has that name."""
    if not alias.exists() and not alias.is_symlink():
        alias.parent.mkdir(parents=True, exist_ok=True)
        alias.symlink_to(os.path.relpath(live, alias.parent))


@contextmanager
def _held(lives: list[Path]) -> Iterator[None]:
    """Hold every live file exclusively, its write-ahead log folded in, while it is replaced."""
    refuse_busy(lives)
    with ExitStack() as stack:
        for live in lives:
            if live.exists():
                stack.callback(_hold(live).close)
        yield


def refuse_busy(lives: list[Path]) -> None:
    """Make sure that nobody uses the live files and no stale journal lies beside them.

    Raises TargetBusyError.
    """
    for live in lives:
        for suffix in COMPANIONS:
            companion = live.with_name(live.name + suffix)
            if not live.exists() and companion.exists():
                raise TargetBusyError(
                    companion,
                    "lies beside a target that is not there",
                    "find out whose it is; move it away, then run again",
                )
    openers = find_openers([live for live in lives if live.exists()])
    if openers:
        first = openers[0]
        raise TargetBusyError(
            first.path,
            f"is held open by process {first.pid} ({first.command})",
            "stop it, then run the same command again",
        )


def _hold(live: Path) -> Connection:
    connection = None
    try:
        connection = connect_live(live)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        connection.execute("BEGIN EXCLUSIVE")
    except Error as error:
        if connection is not None:
            connection.close()
        raise TargetBusyError(live, f"cannot be taken for ourselves ({error})", _STOP_IT) from error
    if mode != "delete":
        connection.close()
        raise TargetBusyError(live, "is open in another process (its journal mode cannot change)", _STOP_IT)
    return connection


def recover(place: Place) -> bool:
    """Finish what an open journal began; return whether there was one.

    Raises RollbackFailedError when neither the old nor the new file is to be found.
    """
    intent = read_json(place.journal)
    if intent is None or intent.get("state") == "closed":
        return False
    if intent["state"] == "undoing":
        _put_back(place, intent)
        return True
    for swap in _swaps(intent):
        if not place.staged(swap).exists() and not place.live(swap).exists():
            raise RollbackFailedError(
                place.live(swap),
                "neither the staged nor the live file is there",
                f"restore it from the backup beside {place.folder}",
            )
        _put_live(place, swap)
    _finish(place, intent)
    return True


def find_changes(place: Place) -> list[str]:
    """Return the published files that were written to since, in words."""
    intent = read_json(place.journal) or {}
    changes = []
    for swap in _swaps(intent):
        live = place.live(swap)
        if not live.exists():
            changes.append(f"{live.name} is gone")
            continue
        wal = live.with_name(live.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            changes.append(f"{live.name} has a write-ahead log of {wal.stat().st_size} bytes")
        elif read_mark(live) != swap.mark:
            changes.append(f"{live.name} was written to")
    return changes


def put_back(place: Place, *, discard_changes: bool) -> list[str]:
    """Put the previous files back and make the sources writable again; return what was put back.

    Raises GuardError when the published files were written to, TargetBusyError when they are in use.
    """
    intent = read_json(place.journal)
    if intent is None or intent.get("undone"):
        return []
    changes = [] if discard_changes else find_changes(place)
    if changes:
        raise GuardError(
            "rollback",
            f"would lose what was written since publish: {'; '.join(changes)}",
            "say --discard-changes to lose it",
        )
    lives = [place.live(swap) for swap in _swaps(intent)]
    with _held(lives):
        write_json(place.journal, {**intent, "state": "undoing"})
        return _put_back(place, intent)


def _put_back(place: Place, intent: dict[str, object]) -> list[str]:
    restored = []
    for swap in _swaps(intent):
        live, previous = place.live(swap), place.previous(swap)
        for alias in swap.aliases:
            _drop_alias(live, live.parent / alias)
        if previous.exists():
            _drop_companions(live)
            previous.replace(live)
        elif not swap.had and not place.staged(swap).exists():
            _drop_companions(live)
            live.unlink(missing_ok=True)
        if live.parent.is_dir():
            sync_folder(live.parent)
        restored.append(live.name)
    for path, mode in _modes(intent).items():
        _change_mode(Path(path), mode)
    write_json(place.journal, {**intent, "state": "closed", "undone": True})
    return restored


def _drop_alias(live: Path, alias: Path) -> None:
    if alias.is_symlink() and Path(os.path.realpath(alias)) == Path(os.path.realpath(live)):
        alias.unlink()


def _swaps(intent: dict[str, object]) -> list[Swap]:
    found = intent.get("swaps", [])
    return [Swap(**{**entry, "aliases": tuple(entry["aliases"])}) for entry in found]  # type: ignore[attr-defined]


def _modes(intent: dict[str, object]) -> dict[str, int]:
    found = intent.get("modes", {})
    return found if isinstance(found, dict) else {}


def _change_mode(path: Path, mode: int | None) -> None:
    """Change a source's permissions where the file system lets us; nothing depends on it."""
    if mode is not None and path.is_file() and os.access(path, os.R_OK):
        try:
            path.chmod(mode)
        except OSError:
            return
