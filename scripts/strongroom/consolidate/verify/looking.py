"""What stands where a run publishes, seen just before its targets go live.

Where to look is read from the plan's text, and nothing is asked of the code that publishes.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from strongroom.consolidate.verify.names import HEADER, JOURNALS, hash_whole, show
from strongroom.consolidate.verify.old_names import name_links
from strongroom.core.errors import PlanError
from strongroom.core.plan.models import PlanModel, TargetModel
from strongroom.core.quoting import fold
from strongroom.core.results import TableTally
from strongroom.core.yaml_text import load_yaml, validate_model

_PAGE = 4096
_HEADER, _VERSIONS, _ROLLBACK = 20, slice(18, 20), b"\x01\x01"
"""Two bytes of the header say whether a database has a rollback journal (https://sqlite.org/fileformat2.html, 1.3)."""


class Kind(StrEnum):
    """What stands in a place, in the words of a sentence."""

    NOTHING = "not there"
    FILE = "a file"
    LINK = "a link"
    FOLDER = "a folder"
    OTHER = "neither file nor folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One place, links not followed."""

    kind: Kind
    inode: int = 0
    size: int = 0
    mtime_ns: int = 0
    mode: int = 0
    """Permissions only."""
    uid: int = 0
    gid: int = 0
    goal: str = ""
    """What a link says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One target that was proven, and what stood in its place before."""

    name: str
    file: Seen
    """In the stage."""
    ends: str
    """The hash of its first and last page (``hash_ends``)."""
    live: Seen
    content: Mapping[str, str]
    """The hash of all that was live, by suffix, where publishing may have to copy it; else it is moved."""
    has_journal: bool
    """Whether a half transaction waited beside it, which is taken back before it is kept."""
    aliases: Mapping[str, Seen]
    """What stood where its links belong, those of its sources' old names among them: by path, relative to the target
    directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legacy:
    """One legacy file, links to it followed."""

    file: Seen
    is_inside: bool
    """Whether it lies in one of the directories that were typed; what a link leads to elsewhere is left as it is."""
    has_log: bool
    """Whether a write-ahead log lay beside it, which its application may fold in at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that was seen; paths are relative to the directories that were typed."""

    targets: Mapping[str, Staged]
    """By path."""
    legacy: Mapping[str, Legacy]
    """By path, in the plan's order; without those that a target takes the place of."""
    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names in each folder that gets something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look."""

    plan: Path
    """The text that the run kept."""
    target: Path
    source: Path
    stage: Path
    previous: Path
    """Where the run keeps what it replaces."""


def look_before(
    places: Places, carried: Iterable[str] = (), tables: Mapping[str, TableTally] = MappingProxyType({})
) -> Look:
    """Look at the staged targets, at what they will replace, at the legacy files and their old names. Read-only.

    ``carried`` are the paths of files that the plan takes along without naming them, ``tables`` the source tables that
    were proven. A legacy file that itself stands where its old name would lead is looked at as such alone. Of a staged
    file the first and the last page are hashed: all of a gigabyte would be read once more, and whoever changes it
    elsewhere changes its size or its time, or keeps neither inode. Raises PlanError.
    """
    model = _read_model(places.plan)
    links = {path: name for path, name in name_links(model, tables).items() if not _is_legacy(path, places)}
    named = name_carried(model, carried)
    targets = {
        target.path: _look_at_target(name, target, places, [path for path, goal in links.items() if goal == name])
        for name, target in (
            *model.targets.items(),
            *((name, TargetModel(path=path)) for name, path in named.items()),
        )
    }
    sources = [*(source.path for source in model.sources.values()), *named.values()]
    return Look(targets=targets, legacy=_look_at_legacy(sources, targets, places), entries=_list(targets, places))


def _read_model(plan: Path) -> PlanModel:
    data, positions = load_yaml(plan, PlanError)
    return validate_model(data, positions, plan, PlanModel, PlanError)


def name_carried(model: PlanModel, paths: Iterable[str]) -> dict[str, str]:
    """Name the files that no text names, as ``.github/PLAN.md`` says (section 1): name to path."""
    taken = {fold(name) for name in (*model.sources, *model.targets)}
    names: dict[str, str] = {}
    for path in sorted(paths):
        name = base = "carried_" + re.sub(r"\W", "_", path)
        number = 2
        while fold(name) in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(fold(name))
        names[name] = path
    return names


def _is_legacy(path: str, places: Places) -> bool:
    """Tell whether a source itself stands at its path below the target directory: the two are one."""
    there, source = places.target / path, places.source / path
    return see(there).kind is Kind.FILE and source.exists() and there.samefile(source)


def _look_at_target(name: str, target: TargetModel, places: Places, old_names: Iterable[str]) -> Staged:
    staged, live = places.stage / f"{name}.db", places.target / target.path
    file, before = see(staged), see(live)
    beside = [live.with_name(live.name + suffix) for suffix in JOURNALS]
    held = {path.name.removeprefix(live.name): path for path in beside if see(path).size}
    content = {}
    if before.kind is Kind.FILE and not _is_moved(live):
        content = {suffix: hash_whole(path) for suffix, path in [("", live), *held.items()] if suffix in ("", "-wal")}
    aliases = [*(Path(alias).as_posix() for alias in target.aliases), *old_names]
    return Staged(
        name=name,
        file=file,
        ends=hash_ends(staged) if file.kind is Kind.FILE else "",
        live=before,
        content=content,
        has_journal="-journal" in held,
        aliases={path: see(places.target / path) for path in aliases},
    )


def _is_moved(live: Path) -> bool:
    """Tell whether holding a file leaves its bytes alone, so that it need not be copied: no WAL mode, no secret."""
    with live.open("rb") as stream:
        header = stream.read(_HEADER)
    return header.startswith(HEADER) and header[_VERSIONS] == _ROLLBACK


def _look_at_legacy(sources: list[str], targets: Iterable[str], places: Places) -> dict[str, Legacy]:
    replaced = {(places.target / path).resolve() for path in targets}
    trees = (places.source.resolve(), places.target.resolve())
    found = {}
    for path in sources:
        if not (places.source / path).is_file():
            continue
        real = (places.source / path).resolve()
        if real not in replaced:
            log = see(real.with_name(real.name + "-wal"))
            is_inside = any(real.is_relative_to(tree) for tree in trees)
            found[path] = Legacy(file=see(real), is_inside=is_inside, has_log=log.size > 0)
    return found


def _list(targets: Mapping[str, Staged], places: Places) -> dict[str, tuple[str, ...]]:
    return {folder: list_names(places.target / folder) for folder in name_folders(targets)}


def name_folders(targets: Mapping[str, Staged]) -> set[str]:
    """Name the folders that get something, relative to the target directory."""
    paths = {path for target, staged in targets.items() for path in (target, *staged.aliases)}
    return {".", *(Path(path).parent.as_posix() for path in paths)}


def list_names(folder: Path) -> tuple[str, ...]:
    """List a folder in words; one that is not there holds nothing."""
    return tuple(sorted(_show_names(folder))) if folder.is_dir() else ()


def _show_names(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        yield show(Path(path.name))


def see(path: Path, *, through: bool = False) -> Seen:
    """Look at one place, ``through`` a link if wanted; what nobody can reach is not there. Read-only."""
    try:
        found = path.stat() if through else path.lstat()
    except OSError:
        return Seen(kind=Kind.NOTHING)
    tests = ((stat.S_ISREG, Kind.FILE), (stat.S_ISLNK, Kind.LINK), (stat.S_ISDIR, Kind.FOLDER))
    kind = next((kind for is_it, kind in tests if is_it(found.st_mode)), Kind.OTHER)
    return Seen(
        kind=kind,
        inode=found.st_ino,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        goal=show(path.readlink()) if kind is Kind.LINK else "",
    )


def hash_ends(path: Path) -> str:
    """Return the SHA-256 of a file's first and last page, in hex. Read-only."""
    with path.open("rb") as stream:
        digest = hashlib.sha256(stream.read(_PAGE))
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _PAGE))
        digest.update(stream.read(_PAGE))
    return digest.hexdigest()
