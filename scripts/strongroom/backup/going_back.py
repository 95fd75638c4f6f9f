"""One file put live in the place of another, which is kept: forward in a restore, back when it is taken back.

Whatever a SIGKILL leaves, the same call ends it. A database and its journals go together: where one of the two files
has a log that holds something, there is for an instant no live file, and never one beside another one's log.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.files import COMPANIONS, explain_os_error, sync_folder
from strongroom.runs.keeping import keep_file

_LOGS = ("-wal", "-journal")
"""Companions without which a database is another one; the third is made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One file that changes places; all places are on one file system."""

    live: Path
    """Where applications open it."""
    incoming: Path | None
    """What is to be live; None: nothing."""
    outgoing: Path
    """Where what is live goes."""
    found: Path
    """Where that goes which an application made in the place of a live file while there was none, after a kill."""
    between: Callable[[], None] = lambda: None
    """Called once what was live is kept, and the other is not live yet."""


def exchange(one: Exchange) -> bool:
    """Put a file live, its logs with it, in the place of another, which is kept with its own.

    Tells whether something was found in the place of both. Raises UnreachableError, NoSpaceError.
    """
    try:
        return _exchange(one)
    except OSError as error:
        raise explain_os_error(one.live, error) from error


def _exchange(one: Exchange) -> bool:
    live, incoming, outgoing = one.live, one.incoming, one.outgoing
    if incoming is not None and is_same(live, incoming):  # a kill came between its second name and the rename
        _drop(incoming, with_file=True)
        return False
    is_found = False
    if outgoing.exists() and not is_same(live, outgoing):
        is_found = _put_stray_aside(live, [outgoing, *([] if incoming is None else [incoming])], one.found)
    else:
        _put_away(live, outgoing, with_gap=incoming is None or has_log(live) or has_log(incoming))
    one.between()
    if incoming is not None:
        _bring(live, incoming)
    return is_found


def is_same(one: Path, other: Path) -> bool:
    """Tell whether two names lead to one file that is there; links are not followed."""
    try:
        return os.path.samestat(one.lstat(), other.lstat())
    except FileNotFoundError:
        return False


def has_log(file: Path) -> bool:
    """Tell whether a log that holds something lies beside a file."""
    return bool(list_logs(file))


def list_logs(file: Path) -> list[Path]:
    """Return the logs beside a file that hold something."""
    logs = (beside(file, suffix) for suffix in _LOGS)
    return [log for log in logs if log.is_file() and log.stat().st_size]


def beside(file: Path, suffix: str) -> Path:
    """Return the path of a companion of a file."""
    return file.with_name(file.name + suffix)


def _put_away(live: Path, outgoing: Path, *, with_gap: bool) -> None:
    """Keep what is live at ``outgoing``; without a gap its file stays live too, until another takes its place."""
    outgoing.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_there = live.exists()
    if is_there:  # whatever a kill left of an earlier attempt may be stale by now
        _drop(outgoing, with_file=True)
    companions = [suffix for suffix in COMPANIONS if beside(live, suffix).exists()]
    for suffix in companions:
        beside(outgoing, suffix).unlink(missing_ok=True)
        keep_file(beside(live, suffix), beside(outgoing, suffix))
    if is_there:
        if with_gap:
            live.rename(outgoing)
        else:
            _name_again(live, outgoing)
    sync_folder(outgoing.parent)
    for suffix in companions:
        beside(live, suffix).unlink()
    sync_folder(live.parent)  # a log that holds something is gone for good before another file comes beside it


def _name_again(live: Path, outgoing: Path) -> None:
    try:
        os.link(live, outgoing)
    except OSError:  # no hard links here: then there is a gap after all
        live.rename(outgoing)


def _put_stray_aside(live: Path, known: list[Path], found: Path) -> bool:
    """Move what is neither the old nor the new file to ``found``; tell whether the live file was such a one."""
    is_stray = live.exists()
    place, number = found, 1
    while os.path.lexists(place):
        number += 1
        place = found.with_name(f"{found.name}.{number}")
    for suffix in ("", *COMPANIONS):
        path = beside(live, suffix)
        if not path.exists():
            continue
        if suffix and any(is_same(path, beside(one, suffix)) for one in known):
            path.unlink()
        else:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.rename(beside(place, suffix))
    if place.parent.is_dir():
        sync_folder(place.parent)
    sync_folder(live.parent)
    return is_stray


def _bring(live: Path, incoming: Path) -> None:
    for log in list_logs(incoming):
        keep_file(log, live.with_name(log.name))
    incoming.replace(live)
    sync_folder(live.parent)
    _drop(incoming, with_file=False)
    sync_folder(incoming.parent)


def _drop(file: Path, *, with_file: bool) -> None:
    for suffix in COMPANIONS:
        beside(file, suffix).unlink(missing_ok=True)
    if with_file:
        file.unlink(missing_ok=True)
