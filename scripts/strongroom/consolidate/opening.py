"""What is looked at before anything is written: once, for run, preview, dry run and check alike."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom import __version__
from strongroom.consolidate.carry import carry_paths
from strongroom.consolidate.deciding.kept import find_decisions
from strongroom.consolidate.request import Request
from strongroom.consolidate.verify_published import find_rows_since
from strongroom.core.engines import Engine
from strongroom.core.errors import GuardError, NoSpaceError, PlanError, TargetExistsError, UnreachableError
from strongroom.core.files import find_databases, follow, show_path
from strongroom.core.plan import Plan
from strongroom.core.plan.decisions import Decisions
from strongroom.runs import refuse_busy
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.journal import lies_under
from strongroom.runs.legacy import find_moved
from strongroom.runs.records import PlanDocument, RunDocument
from strongroom.sqlite.database import Database, has_plain_header, key_of
from strongroom.sqlite.snapshot import is_as_copied

_ROOM = 2.5
"""Snapshots, targets and ledgers together take at most this many times the sources' size."""


_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A request, and what was found of what it asks for."""

    request: Request
    plan: Plan
    """With the files that it carries."""
    carried: tuple[str, ...]
    """These files, relative to the sources' directory."""
    found: Mapping[str, Database]
    """The sources that are there, links followed; documents too."""
    in_place: Mapping[str, str]
    """The targets that are sources too: target name to source name."""
    decisions: Decisions | None = None
    """What people decided; None where they decided nothing."""
    discarded: tuple[str, ...] = ()
    """In words: the rows of targets that are to be replaced which no run put there."""

    @property
    def home(self) -> Home:
        """Return our own directory under the target."""
        return Home(target=self.request.target, engine=self.request.engine)

    @property
    def size(self) -> int:
        """Return the bytes of all sources, write-ahead logs included."""
        return sum(map(size_of, self.found.values()))

    @property
    def is_moved(self) -> bool:
        """Tell whether a source lies in the run that is live, and its name leads to a target."""
        return any(database.path.is_relative_to(follow(self.home.runs)) for database in self.found.values())

    @property
    def legacy(self) -> dict[str, Path]:
        """Return the sources that stay beside the targets, by their paths in the sources' directory."""
        merged = set(self.in_place.values())
        names = {name: self.plan.sources[name].path for name in self.found if name not in merged}
        return {path: self.request.source / path for path in names.values()}

    def name_keys(self) -> set[str | None]:
        """Return the names of the keys that it takes: of sources, of targets, of what these replace or interrupt.

        Raises VersionError, GuardError for documents.
        """
        names = {self.plan.sources[name].key for name in self.found} | self.home.name_open_keys()
        names |= {target.key for target in self.plan.targets.values()}
        names |= {self.find_key_before(name) for name in self.plan.targets}
        current = self.home.open_current()
        kept = set() if current is None else current[0].name_keys() | current[0].name_source_keys()
        return names | {name for name in kept if key_of(name) in names}  # versions of them from before a rotation

    def find_key_before(self, target: str) -> str | None:
        """Return the name of the key of the file that a target replaces; None for none, and for a plain one.

        A file that is neither a source nor ours is taken to be under the target's own.
        """
        live = Database(self.request.target / self.plan.targets[target].path)
        if not live.path.is_file() or has_plain_header(live):
            return None
        current = self.home.open_current()
        journal = None if current is None else current[0].place(self.request.target).read_journal()
        known = {self.request.target / swap.live: swap.key for swap in (journal.swaps if journal is not None else ())}
        of_source = self.plan.sources[self.in_place[target]].key if target in self.in_place else None
        return known.get(live.path, of_source or self.plan.targets[target].key)


def find_sources(request: Request, plan: Plan) -> Opening:
    """Find the sources that a request speaks of. Read-only.

    Raises UnreachableError for a missing directory or source that is not optional, PlanError for a database
    file that the plan does not name, and for a source that a target into which it does not go would overwrite.
    """
    directory = request.source
    if not directory.is_dir():
        raise UnreachableError(directory, "there is no such directory", "say --source DIRECTORY")
    plan, carried = _carry_files(request, plan)
    found: dict[str, Database] = {}
    moved = find_moved(Home(target=request.target, engine=request.engine), request.source)
    for name, source in plan.sources.items():
        path = moved.get(source.path, directory / source.path)
        if path.is_file() and not _is_old_name(path, source.path, request, plan):
            is_secret = plan.choose_snapshot_key(name) is not None
            found[name] = Database(follow(path), Engine.BUNDLED if is_secret else request.engine, source.key)
    if not found:
        raise _miss_all(request, plan)
    for name, source in plan.sources.items():
        if name not in found and not source.optional:
            path, way = directory / source.path, f"put it there, or say optional: true for {name}"
            raise UnreachableError(path, "there is no such file", way)
    sources = {database.path: name for name, database in found.items()}
    pairs = {name: sources.get(follow(request.target / target.path)) for name, target in plan.targets.items()}
    opening = Opening(
        request=request,
        plan=plan,
        carried=carried,
        found=found,
        in_place={target: source for target, source in pairs.items() if source is not None},
        decisions=find_decisions(request),
    )
    _refuse_unmapped_files(opening)
    _refuse_overlap(opening)
    return opening


def _miss_all(request: Request, plan: Plan) -> UnreachableError:
    """Say what was expected in a directory that holds nothing of it: mostly it is another application's."""
    paths = [source.path for source in plan.sources.values()]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    fact = f"holds none of the sources that {request.plan} names ({', '.join(paths[:_SHOWN])}{more})"
    other = f"other files need a plan of their own: inventory.draft --source {request.source} drafts one, for --plan"
    return UnreachableError(request.source, fact, f"{other}; or name another --system, or another --source")


def _is_old_name(path: Path, name: str, request: Request, plan: Plan) -> bool:
    """Tell whether a source's path is a link of ours to a target: the source itself was not there, or is gone."""
    lives = [request.target / target.path for target in plan.targets.values() if name in target.aliases]
    return path.is_symlink() and follow(path) in map(follow, lives)


def open_request(opening: Opening, room: Path) -> None:
    """See that a request may be carried out, with room for it in the directory ``room``. Read-only.

    Whoever only looks may look while an application uses the targets. Raises TargetExistsError,
    TargetBusyError, NoSpaceError.
    """
    _refuse_existing(opening)
    if not opening.request.dry_run:
        paths = [opening.request.target / target.path for target in opening.plan.targets.values()]
        refuse_busy([Database(path, opening.request.engine) for path in paths])
    _refuse_full_disk(opening, room)


def _carry_files(request: Request, plan: Plan) -> tuple[Plan, tuple[str, ...]]:
    """Give every file that the plan does not name a target of its own, where it says so."""
    if plan.defaults.unmapped_file != "carry":
        return plan, ()
    paths = tuple(path.relative_to(request.source).as_posix() for path in _find_unnamed(request, plan))
    return carry_paths(plan, paths), paths


def _find_unnamed(request: Request, plan: Plan) -> Iterator[Path]:
    """Find the databases in the sources' directory that are neither sources nor targets of the plan."""
    named = [request.source / source.path for source in plan.sources.values()]
    named += [place / target.path for target in plan.targets.values() for place in (request.source, request.target)]
    known = {follow(path) for path in named}
    for path in find_databases(request.source):
        if follow(path) not in known:
            _refuse_unreadable_name(path)
            yield path


def _refuse_unreadable_name(path: Path) -> None:
    if show_path(path) != str(path):
        raise PlanError(path, "has a name that is no UTF-8, which no plan can hold", "rename it, or move it away")


def _refuse_unmapped_files(opening: Opening) -> None:
    for path in _find_unnamed(opening.request, opening.plan):
        fact = "the plan does not name this file"
        raise PlanError(path, fact, "add it under sources:, or move it out of the source directory")


def _refuse_overlap(opening: Opening) -> None:
    feeds = {(rule.target, entry.source) for rule in opening.plan.tables for entry in rule.inputs}
    for name, source in opening.in_place.items():
        if (name, source) not in feeds:
            fact = f"is the same file as source {source} ({opening.plan.targets[name].path})"
            raise PlanError(f"target {name}", fact, "say another --target directory")


def _refuse_existing(opening: Opening) -> None:
    """Refuse to touch targets that are there, unless told to replace them or they are sources too.

    A source that a run of ours made is refused: the others went into it already.
    """
    current = opening.home.read_current().run
    for target in opening.plan.targets.values():
        live = opening.request.target / target.path
        is_source = target.name in opening.in_place
        if current is not None and opening.is_moved:
            fact = f"holds the legacy files of run {current}, whose names lead to its targets now"
            raise TargetExistsError(opening.request.target, fact, "roll back first, then run again")
        if live.is_symlink():
            raise TargetExistsError(live, "is a symbolic link", "give the file that it leads to, or move it away")
        if lies_under(opening.request.target, live) is None:
            raise GuardError(live, "leads out of the target", "mount the other disk there instead of a link")
        if is_source and current is not None:
            fact = f"is a source, and holds what run {current} made of all sources"
            raise TargetExistsError(live, fact, "roll back first, or take the merged sources out of the plan")
        if live.exists() and not is_source and not opening.request.replace:
            ours = current is not None
            fact = "was published before, and sources, plan or target changed since" if ours else "is there already"
            way = "say --replace to replace it (a backup is kept), or choose another --target"
            raise TargetExistsError(live, fact, way)


def _refuse_full_disk(opening: Opening, room: Path) -> None:
    """Make sure that there is room for a run in a directory. Raises NoSpaceError with both figures."""
    needed = int(_ROOM * opening.size)
    free = shutil.disk_usage(room).free
    if free < needed:
        raise NoSpaceError(
            room,
            f"{free >> 20} MB are free and a run needs up to {(needed >> 20) + 1} MB",
            "free some space, or choose another --target",
        )


def size_of(database: Database) -> int:
    """Return the bytes of a database and its write-ahead log."""
    log = database.beside("-wal")
    return database.path.stat().st_size + (log.stat().st_size if log.is_file() else 0)


def find_unchanged(opening: Opening) -> RunFolder | None:
    """Return the published run, when plan, sources and targets are as it left them. Raises GuardError."""
    current = opening.home.open_current()
    if current is None:
        return None
    folder, about = current
    if not _is_complete(opening, folder, about):
        return None
    plan, snapshots = folder.read(PlanDocument), folder.read_snapshots()
    if plan is None or snapshots is None or about.tool != __version__:
        return None
    if not _is_same_wish(opening, plan) or snapshots.keys() != opening.found.keys():
        return None
    merged = set(opening.in_place.values())
    scratch = opening.home.root / "scratch"
    for name, snapshot in snapshots.items():
        if name not in merged and not is_as_copied(snapshot, opening.found[name], scratch):
            return None
    if folder.place(opening.request.target).read_journal() is None:
        raise GuardError(folder.root, "is live, and does not say what it published", "put its publish.json back")
    return None if find_rows_since(opening.home, folder) else folder


def _is_same_wish(opening: Opening, plan: PlanDocument) -> bool:
    decided = None if opening.decisions is None else opening.decisions.sha256
    return (plan.sha256_of_texts, plan.sha256_of_decisions) == (opening.plan.sha256, decided)


def _is_complete(opening: Opening, folder: RunFolder, about: RunDocument) -> bool:
    """Tell whether what the way back and the next proof need is there: ledgers, the backup, old names."""
    if not folder.ledger.is_dir() or (about.has_backup and folder.read_manifest() is None):
        return False
    aliases = [alias for target in opening.plan.targets.values() for alias in target.aliases]
    return all(os.path.lexists(opening.request.target / alias) for alias in aliases)
