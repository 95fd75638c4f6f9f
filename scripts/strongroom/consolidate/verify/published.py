"""Prove, from the plan's text and what was seen before, that what is live is what was proven.

A second look at the work of the code that publishes: it shares no line with it, and believes no document of its.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from strongroom.consolidate.verify.legacy import judge_legacy, judge_recovered_legacy
from strongroom.consolidate.verify.looking import Look, Places, Staged, find_written, look_before, name_folders
from strongroom.consolidate.verify.names import BACKUPS, DATABASES, HEADER, JOURNALS, OWN, hash_whole
from strongroom.consolidate.verify.seeing import Kind, Seen, hash_ends, is_unchanged, list_names, see

__all__ = ["NO_WAY_BACK", "Look", "Places", "find_written", "look_before", "prove_live", "prove_recovered"]

_DATA = 0o666
_OWNER = 0o600
_STILL_OLD = "is still the file that was live before"
NO_WAY_BACK = "there is no way back to it"
"""How a sentence about a lost file ends."""


def prove_live(look: Look, places: Places) -> list[str]:
    """Say in sentences what is not as it must be now that the targets are live; none is a proof. Read-only.

    Not proven: that a target was given to the owner of the file it replaces (not everybody may give files away), and
    that the application made no file of its own in the directory meanwhile.
    """
    found = list(_find_shared(look, places))
    for path, staged in look.targets.items():
        found += _judge_target(path, staged, look, places)
        found += _judge_permissions(path, staged, look, places)
        found += _judge_previous(path, staged, places)
        for alias, before in staged.aliases.items():
            found += _judge_alias(alias, before, path, places)
    for path, legacy in look.legacy.items():
        found += judge_legacy(path, legacy, places)
    return found + list(_find_strangers(look, places))


def prove_recovered(look: Look, places: Places) -> list[str]:
    """Say the same of a publishing that was interrupted and finished later, maybe in a copy of the tree. Read-only.

    Inodes, times, permissions, the content of what was replaced and legacy files that stayed may have changed honestly
    meanwhile: they are not looked at. Targets are, by their size and their first and last page, and so are links,
    stale journals, whether what was replaced is kept at all, and the legacy files that moved.
    """
    found = list(_find_shared(look, places))
    for path, staged in look.targets.items():
        now = see(places.target / path)
        found += _judge_kind(path, now) or _judge_content(path, now, staged, places)
        found += _find_leftovers(path, staged, places)
        found += _judge_kept(path, staged, places)
        for alias, before in staged.aliases.items():
            found += _judge_alias(alias, before, path, places)
    for path, legacy in look.legacy.items():
        found += judge_recovered_legacy(path, legacy, places)
    return found


def _judge_target(path: str, staged: Staged, look: Look, places: Places) -> list[str]:
    now = see(places.target / path)
    found = _judge_kind(path, now)
    if not found and now.inode != staged.file.inode:
        found = [f"{path}: {_say_which(now, staged, look)}"]
    elif not found and now.mtime_ns != staged.file.mtime_ns:
        said = _STILL_OLD if _is_old(now, staged) else "was written to after it was proven"
        found = [f"{path}: {said}"]
    elif not found:
        found = _judge_content(path, now, staged, places)
    return [*found, *_find_leftovers(path, staged, places)]


def _judge_kind(path: str, now: Seen) -> list[str]:
    if now.kind is Kind.FILE:
        return []
    if now.kind is Kind.NOTHING:
        return [f"{path}: is not there, and should be live"]
    return [f"{path}: is {now.kind}, and should be the database itself"]


def _say_which(now: Seen, staged: Staged, look: Look) -> str:
    """Say which file stands where the proven one should."""
    if now.inode == staged.live.inode or _is_old(now, staged):
        return _STILL_OLD
    for path, other in look.targets.items():
        if now.inode == other.file.inode:
            return f"is the database that was proven for {path}"
    return "is another file than the one that was proven"


def _is_old(now: Seen, staged: Staged) -> bool:
    """Tell whether a file looks like a copy of the one that was live before."""
    return (now.kind, now.size, now.mtime_ns) == (staged.live.kind, staged.live.size, staged.live.mtime_ns)


def _judge_content(path: str, now: Seen, staged: Staged, places: Places) -> list[str]:
    if now.size != staged.file.size:
        return [f"{path}: has {now.size} bytes, and the one that was proven had {staged.file.size}"]
    if hash_ends(places.target / path) != staged.ends:
        return [f"{path}: does not hold what was proven (its first or last page is another one)"]
    return []


def _find_leftovers(path: str, staged: Staged, places: Places) -> Iterator[str]:
    for suffix in JOURNALS:
        if see(places.target / f"{path}{suffix}").kind is not Kind.NOTHING:
            yield f"{path}{suffix}: lies beside it and is not of it: move it away before anything opens the database"
    if see(places.stage / f"{staged.name}.db").kind is not Kind.NOTHING:
        yield f"{path}: is still in the stage too"


def _find_shared(look: Look, places: Places) -> Iterator[str]:
    """Find targets that are one file under two names."""
    known: dict[int, str] = {}
    for path in look.targets:
        now = see(places.target / path)
        if now.kind is Kind.FILE and known.setdefault(now.inode, path) != path:
            yield f"{path}: is the same file as {known[now.inode]}"


def _judge_permissions(path: str, staged: Staged, look: Look, places: Places) -> list[str]:
    """Compare with the file that was replaced, else the first legacy file here; without either it is ours alone."""
    now = see(places.target / path)
    if now.kind is not Kind.FILE:
        return []
    like = staged.live if staged.live.kind is Kind.FILE else None
    if like is None:
        like = next((one.file for one in look.legacy.values() if one.is_inside), staged.file)
    wanted = (like.mode & _DATA) | _OWNER
    found = []
    if now.mode & ~wanted:
        found.append(f"{path}: has permissions {now.mode:04o}, more than the {wanted:04o} that it should have")
    elif now.mode != wanted:
        found.append(f"{path}: has permissions {now.mode:04o}, and should have {wanted:04o}")
    if now.uid not in (like.uid, staged.file.uid) or now.gid not in (like.gid, staged.file.gid):
        found.append(f"{path}: belongs to {now.uid}:{now.gid}, and should belong to {like.uid}:{like.gid}")
    return found


def _judge_previous(path: str, staged: Staged, places: Places) -> list[str]:
    """See that the file which was live before is still to be had, as it was; that it is live is said already."""
    if staged.live.kind is not Kind.FILE or see(places.target / path).inode == staged.live.inode:
        return []
    lost = _judge_kept(path, staged, places)
    if lost:
        return lost
    kept = places.previous / path
    now = see(kept)
    name = f"{places.previous.name}/{path}"
    if now.inode == staged.live.inode and (staged.has_journal or is_unchanged(now, staged.live)):
        return []
    if not staged.content or staged.has_journal:
        return [f"{name}: is not the file that {path} was before"]
    return [
        f"{name}{suffix}: does not hold what {path}{suffix} held before"
        for suffix, digest in staged.content.items()
        if not _holds(kept.with_name(kept.name + suffix), digest)
    ]


def _judge_kept(path: str, staged: Staged, places: Places) -> list[str]:
    now = see(places.previous / path)
    if staged.live.kind is not Kind.FILE or now.kind is Kind.FILE:
        return []
    return [f"{places.previous.name}/{path}: is {now.kind}, and should be what {path} was before: {NO_WAY_BACK}"]


def _holds(path: Path, digest: str) -> bool:
    return see(path).kind is Kind.FILE and hash_whole(path) == digest


def _judge_alias(alias: str, before: Seen, path: str, places: Places) -> list[str]:
    """See that an old name leads to its target, by the link that was there if one was."""
    place = places.target / alias
    now = see(place)
    if now.kind is Kind.NOTHING:
        return [f"{alias}: the link to {path} was not made, and whoever opens the old name finds nothing"]
    if now.kind is not Kind.LINK:
        return [f"{alias}: is {now.kind}, and should be a link to {path}"]
    if os.path.realpath(place) != os.path.realpath(places.target / path):
        return [f"{alias}: leads to {now.goal}, and should lead to {path}"]
    if before.kind is Kind.LINK and now.goal != before.goal:
        return [f"{alias}: was a link to {before.goal}, which is not ours, and is one to {now.goal}"]
    return []


def _find_strangers(look: Look, places: Places) -> Iterator[str]:
    """Find what appeared beside the targets and has to do with them.

    Whatever else an application makes meanwhile (a log, the journals of a database of its own) is its own affair.
    """
    ours = {path for target, staged in look.targets.items() for path in (target, *staged.aliases)}
    names = {Path(path).name for path in ours}
    beside = {f"{target}{suffix}" for target in look.targets for suffix in JOURNALS}  # said elsewhere
    folders = {folder.as_posix() for path in ours for folder in Path(path).parents}
    wanted = ours | beside | folders | {OWN, BACKUPS}
    for folder in sorted(name_folders(look.targets)):
        before = set(look.entries.get(folder, ()))
        for name in list_names(places.target / folder):
            path = (Path(folder) / name).as_posix()
            if name in before or path in wanted or _is_companion(name, before):
                continue
            if _is_telling(places.target / path, names, look):
                yield f"{path}: appeared beside the targets, and nothing asked for it"


def _is_companion(name: str, before: Iterable[str]) -> bool:
    return any(name.endswith(suffix) and name.removesuffix(suffix) in before for suffix in JOURNALS)


def _is_telling(path: Path, names: set[str], look: Look) -> bool:
    now = see(path)
    if now.kind is not Kind.FILE or path.suffix in DATABASES or any(name in path.name for name in names):
        return True
    if now.inode in {staged.file.inode for staged in look.targets.values()}:
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(len(HEADER)) == HEADER
    except OSError:  # gone already, or not for us to read: we did not make it
        return False
