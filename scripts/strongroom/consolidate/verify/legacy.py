"""Prove that the legacy files are still to be had: those that stay, where they are; those that gave way, in the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from strongroom.consolidate.verify.looking import Legacy, Part, Places
from strongroom.consolidate.verify.names import JOURNALS
from strongroom.consolidate.verify.seeing import Kind, Seen, hash_ends, is_unchanged, name_beside, see

_ANY_WRITE = 0o222


def judge_legacy(path: str, legacy: Legacy, places: Places) -> Iterator[str]:
    """Say what is not as it must be with a legacy file, now that the targets are live. Read-only.

    One that gave way to its link, and what moved with it, is the same as before: nobody writes to a source meanwhile.
    """
    if legacy.gives_way_to is None:
        yield from _judge_staying(path, legacy, places)
        return
    if _is_still_there(path, legacy, places):
        return  # which is said of its link
    for name, kept, part in _list_moved(path, legacy, places):
        now = see(kept)
        is_it = now.inode == part.file.inode
        yield from _judge_moved(name, now, is_it=is_it)
        if now.kind is Kind.FILE and is_it and not is_unchanged(now, part.file):
            yield f"{name}: the legacy file was changed while the targets went live"
    yield from _judge_moved_permissions(path, legacy, places)
    yield from _find_left(path, legacy, places)


def judge_recovered_legacy(path: str, legacy: Legacy, places: Places) -> Iterator[str]:
    """Say the same of one that gave way in a publishing that was finished later, maybe in a copy. Read-only.

    Until it moved its application may have opened it, and folded in what lay beside it, which its size or its time
    tells. Files of a copy are known by their size, their first and their last page; their permissions are not judged.
    """
    if legacy.gives_way_to is None or _is_still_there(path, legacy, places):
        return
    now, before = see(places.legacy / path), legacy.file
    is_it = (now.kind, now.inode) == (before.kind, before.inode)
    if not is_it or is_unchanged(now, before):
        for name, kept, part in _list_moved(path, legacy, places):
            yield from _judge_moved(name, see(kept), is_it=_is_same(kept, part))
    if is_it:
        yield from _judge_moved_permissions(path, legacy, places)
    yield from _find_left(path, legacy, places)


def _judge_staying(path: str, legacy: Legacy, places: Places) -> Iterator[str]:
    file = places.source / path
    now, before = see(file, through=True), legacy.file
    if now.kind is not Kind.FILE:
        yield f"{path}: the legacy file is {now.kind}"
    elif now.inode != before.inode:
        yield f"{path}: the legacy file is another one than before"
    elif not legacy.has_log and not is_unchanged(now, before):
        yield f"{path}: the legacy file was changed while the targets went live"
    else:
        yield from _judge_permissions(path, file, now, legacy)


def _judge_permissions(name: str, file: Path, now: Seen, legacy: Legacy) -> Iterator[str]:
    before, is_ours = legacy.file, legacy.is_inside or legacy.gives_way_to is not None
    if (now.mode ^ before.mode) & ~_ANY_WRITE:
        wanted = before.mode & ~_ANY_WRITE if is_ours else before.mode
        yield f"{name}: the legacy file has permissions {now.mode:04o}, and should have {wanted:04o}"
    elif is_ours and now.mode & _ANY_WRITE and _may_change(file, now):
        yield f"{name}: the legacy file can still be written to, and what is written there is in no target"


def _may_change(path: Path, now: Seen) -> bool:
    """Tell whether its permissions are ours to change: not another user's, not on a read-only disk."""
    return os.geteuid() in (0, now.uid) and os.access(path, os.W_OK)


def _is_still_there(path: str, legacy: Legacy, places: Places) -> bool:
    """Tell whether a file that had to move stands where its link should, which is said of the link."""
    now = see(places.target / path)
    return now.kind is Kind.FILE and now.inode == legacy.file.inode


def _list_moved(path: str, legacy: Legacy, places: Places) -> Iterator[tuple[str, Path, Part]]:
    """Yield what moved, the file itself first: how it is called, where it must be, and what it was."""
    for suffix, part in legacy.parts.items():
        yield f"{places.legacy.name}/{path}{suffix}", name_beside(places.legacy / path, suffix), part


def _judge_moved(name: str, now: Seen, *, is_it: bool) -> Iterator[str]:
    if now.kind is not Kind.FILE:
        yield f"{name}: is {now.kind}, and should be what gave way to a link"
    elif not is_it:
        yield f"{name}: is not the file that gave way to a link"


def _is_same(file: Path, part: Part) -> bool:
    """Tell whether it is the file that moved, or looks like a copy of it."""
    now = see(file)
    if now.kind is not Kind.FILE or now.inode == part.file.inode:
        return now.kind is Kind.FILE
    return now.size == part.file.size and hash_ends(file) == part.ends


def _judge_moved_permissions(path: str, legacy: Legacy, places: Places) -> Iterator[str]:
    file = places.legacy / path
    now = see(file)
    if now.kind is Kind.FILE:
        yield from _judge_permissions(f"{places.legacy.name}/{path}", file, now, legacy)


def _find_left(path: str, legacy: Legacy, places: Places) -> Iterator[str]:
    """Find what belongs to the file that moved, and lies beside its link."""
    for suffix in JOURNALS:
        if see(places.target / f"{path}{suffix}").kind is not Kind.NOTHING:
            yield f"{path}{suffix}: is left beside the link to {legacy.gives_way_to}, and is of the file that gave way"
