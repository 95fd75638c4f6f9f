"""What stands where a run publishes, seen just before its targets go live.

Where to look is read from the plan's text, and nothing is asked of the code that publishes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from strongroom.consolidate.verify.names import HEADER, JOURNALS, hash_whole
from strongroom.consolidate.verify.old_names import name_links
from strongroom.consolidate.verify.seeing import Kind, Seen, hash_ends, list_names, name_beside, see
from strongroom.core.errors import PlanError
from strongroom.core.plan.models import PlanModel, TargetModel
from strongroom.core.quoting import fold
from strongroom.core.results import TableTally
from strongroom.core.yaml_text import load_yaml, validate_model

_HEADER, _VERSIONS, _ROLLBACK = 20, slice(18, 20), b"\x01\x01"
"""Two bytes of the header say whether a database has a rollback journal (https://sqlite.org/fileformat2.html, 1.3)."""


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
    directory. Of a legacy file in the place of its own link, that file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file that moves: a legacy file, or a log of it."""

    file: Seen
    ends: str
    """The hash of its first and last page (``hash_ends``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legacy:
    """One legacy file, links to it followed."""

    file: Seen
    is_inside: bool
    """Whether it lies in one of the directories that were typed; what a link leads to elsewhere is left as it is."""
    has_log: bool
    """Whether a write-ahead log lay beside it, which its application may fold in at any time."""
    gives_way_to: str | None = None
    """Where it stands in the place of its own link: the target's path, to which its name leads once it has moved."""
    parts: Mapping[str, Part] = field(default_factory=dict)
    """What moves then, by suffix: the file itself, and what holds rows or half a transaction of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that was seen; paths are relative to the directories that were typed."""

    targets: Mapping[str, Staged]
    """By path."""
    legacy: Mapping[str, Legacy]
    """By path, in the plan's order; without those that a target takes the place of."""
    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names in each folder that gets something."""
    folders: tuple[str, ...] = ()
    """Those of them that were not there, and the ones above them."""


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
    legacy: Path
    """Where the run keeps legacy files that give way to links."""


def look_before(
    places: Places, carried: Iterable[str] = (), tables: Mapping[str, TableTally] = MappingProxyType({})
) -> Look:
    """Look at the staged targets, at what they will replace, at the legacy files and their old names. Read-only.

    ``carried`` are the paths of files that the plan takes along without naming them, ``tables`` the source tables that
    were proven. Of a file that moves the first and the last page are hashed: all of a gigabyte would be read once more,
    and whoever changes it elsewhere changes its size or its time, or keeps neither inode. Raises PlanError.
    """
    model = _read_model(places.plan)
    links = name_links(model, tables)
    named = name_carried(model, carried)
    targets = {
        target.path: _look_at_target(name, target, places, [path for path, goal in links.items() if goal == name])
        for name, target in (
            *model.targets.items(),
            *((name, TargetModel(path=path)) for name, path in named.items()),
        )
    }
    sources = [*(source.path for source in model.sources.values()), *named.values()]
    return Look(
        targets=targets,
        legacy=_look_at_legacy(sources, targets, places),
        entries=_list(targets, places),
        folders=tuple(sorted(_find_missing(targets, places))),
    )


def find_written(earlier: Look, look: Look) -> list[str]:
    """Return the paths of the targets of which what is live is not what it was at an earlier look."""
    return [
        path for path, staged in look.targets.items() if _what_is_live(staged) != _what_is_live(earlier.targets[path])
    ]


def _what_is_live(staged: Staged) -> tuple[Seen, Mapping[str, str], bool]:
    return staged.live, staged.content, staged.has_journal


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


def _look_at_legacy(sources: list[str], targets: Mapping[str, Staged], places: Places) -> dict[str, Legacy]:
    replaced = {(places.target / path).resolve() for path in targets}
    trees = (places.source.resolve(), places.target.resolve())
    goals = {alias: path for path, staged in targets.items() for alias in staged.aliases}
    found = {}
    for path in sources:
        if not (places.source / path).is_file():
            continue
        real = (places.source / path).resolve()
        if real not in replaced:
            log = see(name_beside(real, "-wal"))
            goal = goals.get(PurePosixPath(path).as_posix()) if _is_in_place(path, places) else None
            found[path] = Legacy(
                file=see(real),
                is_inside=any(real.is_relative_to(tree) for tree in trees),
                has_log=log.size > 0,
                gives_way_to=goal,
                parts={} if goal is None else _look_at_parts(places.target / path),
            )
    return found


def _is_in_place(path: str, places: Places) -> bool:
    """Tell whether a source itself stands at its path below the target directory: the two folders are one."""
    there, source = places.target / path, places.source / path
    return see(there).kind is Kind.FILE and there.parent.samefile(source.parent)


def _look_at_parts(file: Path) -> dict[str, Part]:
    """Look at a file and at what lies beside it and must stay with it; the index of a log is made anew."""
    beside = {suffix: name_beside(file, suffix) for suffix in ("", "-wal", "-journal")}
    held = {suffix: (see(path), path) for suffix, path in beside.items()}
    return {
        suffix: Part(file=seen, ends=hash_ends(path))
        for suffix, (seen, path) in held.items()
        if suffix == "" or (seen.kind is Kind.FILE and seen.size)
    }


def _list(targets: Mapping[str, Staged], places: Places) -> dict[str, tuple[str, ...]]:
    return {folder: list_names(places.target / folder) for folder in name_folders(targets)}


def _find_missing(targets: Mapping[str, Staged], places: Places) -> Iterator[str]:
    """Find the folders that publishing has to make."""
    folders = {parent for folder in name_folders(targets) for parent in (Path(folder), *Path(folder).parents)}
    for folder in folders:
        if see(places.target / folder).kind is Kind.NOTHING:
            yield folder.as_posix()


def name_folders(targets: Mapping[str, Staged]) -> set[str]:
    """Name the folders that get something, relative to the target directory."""
    paths = {path for target, staged in targets.items() for path in (target, *staged.aliases)}
    return {".", *(Path(path).parent.as_posix() for path in paths)}
