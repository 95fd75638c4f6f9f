"""Stray databases and hard-coded paths on screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from strongroom.core.errors import ExitCode
from strongroom.examine.guard import Reference
from strongroom.report.screen import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """How often code names a database."""

    references: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A place in code that names a database file."""

    file: str
    line: int
    path: str
    """As it is written."""
    setting: str | None
    """The environment variable of which it is the value, or the default."""
    database: str
    """The file's name alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """All places in code that name a database file."""

    total: int
    files: int
    databases: Mapping[str, Mentions]
    references: tuple[Named, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What should not be there."""

    stray: tuple[str, ...]
    references: tuple[Reference, ...]
    exit: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Stray databases that were moved."""

    moved: tuple[str, ...]
    target: str
    dry_run: bool


RESULTS = {"guard.audit": Audit, "guard.check": Guarded, "guard.clean": Moved}


def show_audit(references: Sequence[Reference], *, as_json: bool) -> None:
    """Print every place, and how many there are of each database."""
    databases = {name: _count(references, name) for name in sorted({one.database for one in references})}
    files = len({one.file for one in references})
    screen = Screen(as_json=as_json)
    screen.lines([f"{one.file}:{one.line}: {one.path}" for one in references])
    most_first = sorted(databases.items(), key=lambda item: -item[1].references)
    screen.lines([f"{name}: {count.references} references in {count.files} files" for name, count in most_first])
    screen.conclude(f"{len(references)} references in {files} files to {len(databases)} databases")
    listed = tuple(Named(**asdict(one), database=one.database) for one in references)
    screen.end(Audit(total=len(references), files=files, databases=databases, references=listed))


def _count(references: Sequence[Reference], database: str) -> Mentions:
    files = [one.file for one in references if one.database == database]
    return Mentions(references=len(files), files=len(set(files)))


def show_guard(stray: Sequence[str], references: Sequence[Reference], *, as_json: bool) -> int:
    """Print what should not be there; return 6 when there is anything."""
    code = ExitCode.REFUSED if stray or references else ExitCode.DONE
    screen = Screen(as_json=as_json)
    screen.lines([f"stray database: {path}" for path in stray])
    for one in references:
        said = f"{one.setting} names {one.path}, which is no target" if one.setting else f"{one.path} is hard-coded"
        screen.lines([f"{one.file}:{one.line}: {said}"])
    screen.conclude(f"{len(stray)} stray databases, {len(references)} paths that should not be there")
    screen.end(Guarded(stray=tuple(stray), references=tuple(references), exit=code))
    return code


def show_moved(names: Sequence[str], target: str, *, dry_run: bool, as_json: bool) -> None:
    """Print which databases were moved."""
    screen = Screen(as_json=as_json)
    screen.lines(names)
    screen.conclude(f"{'would move' if dry_run else 'moved'} {len(names)} databases into {target}")
    screen.end(Moved(moved=tuple(names), target=target, dry_run=dry_run))
