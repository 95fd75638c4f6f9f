"""A system's backups as one value: what it says of them, where its data lies, and what there is to take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NoReturn

from strongroom.backup.documents import Kind, Missing
from strongroom.backup.members.local import LocalSource, is_plain
from strongroom.core.backup_entry import BackupEntry
from strongroom.core.engines import Engine
from strongroom.core.errors import ConfigurationError, ExitCode, UnreachableError
from strongroom.core.files import (
    COMPANIONS,
    DATABASE_SUFFIXES,
    OWN_FOLDER,
    explain_os_error,
    follow,
    is_ours,
    show_path,
)

STAGE = "backup"
_REPAIRS = "lost+found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where an application's data lies, and what is to become of it."""

    system: str
    entry: BackupEntry
    data_dir: Path
    """Absolute."""
    engine: Engine = Engine.SYSTEM
    """The library that works on plain databases."""
    named: tuple[tuple[str, Path], ...] = ()
    """The databases that ``system.yaml`` names, by type, where they are in the mode of the application."""

    @property
    def stage(self) -> Path:
        """Return where sets are put together for a repository, the same path each time."""
        return self.own / "stage" if self.entry.stage is None else Path(self.entry.stage) / self.system

    def find_stage(self, store_id: str) -> Path:
        """Return where sets of one store are put together: two tasks on two stores never meet there."""
        return self.stage / store_id

    @property
    def own(self) -> Path:
        """Return our own folder in the data directory, which inventories and backups pass over."""
        return self.data_dir / OWN_FOLDER / STAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies in a data directory."""

    sources: tuple[LocalSource, ...]
    """Databases first, then files; each sorted by name."""
    missing: tuple[Missing, ...] = ()
    """Databases that the application uses, and that cannot be taken."""
    left_out: tuple[str, ...] = ()
    """What ``leave_out:`` names."""
    unnamed: tuple[str, ...] = ()
    """Files that are no databases, and that nothing names."""


def find_sources(site: Site) -> Found:
    """Look through the data directory. Read-only.

    Raises UnreachableError where it, or a folder in it, cannot be read, and ConfigurationError for a ``leave_out:`` or
    ``files:`` that names nothing: a misspelt one would leave out what it was to take.
    """
    if not site.data_dir.is_dir():
        raise UnreachableError(site.data_dir, "is no directory", "mount it, or correct data_dir: in system.yaml")
    databases, files, left_out, unnamed = [], [], [], []
    missing, met = list[Missing](), set[str]()
    for path in _walk(site.data_dir):
        name = path.relative_to(site.data_dir).as_posix()
        pattern = _find_pattern(name, [one.path for one in site.entry.leave_out], met)
        is_named = _find_pattern(name, site.entry.files, met) is not None
        if pattern is not None:
            left_out.append(show_path(Path(name)))
        elif path.is_symlink():
            missing += _look_at_link(site, path, name, is_named=is_named)
        elif not _is_text(name):
            if is_named or _is_database(path):
                fact = "has a name that is not UTF-8, which no manifest can hold: rename it"
                missing.append(Missing(name=show_path(Path(name)), fact=fact, exit_code=ExitCode.USAGE))
            else:
                unnamed.append(show_path(Path(name)))
        elif _is_database(path):
            databases.append(LocalSource(name=name, path=path, kind=Kind.SQLITE, engine=site.engine))
        elif is_named:
            files.append(LocalSource(name=name, path=path, kind=Kind.FILE))
        else:
            unnamed.append(name)
    missing += _list_outside(site, met)
    _refuse_unmet(site, met)
    return Found(
        sources=tuple(databases + files), missing=tuple(missing), left_out=tuple(left_out), unnamed=tuple(unnamed)
    )  # fmt: skip


def _find_pattern(name: str, patterns: tuple[str, ...] | list[str], met: set[str]) -> str | None:
    """Return the first pattern that names a path, or is it; ``*`` stands for any text, also over folders."""
    found = next((pattern for pattern in patterns if name == pattern or fnmatchcase(name, pattern)), None)
    if found is not None:
        met.add(found)
    return found


def _list_outside(site: Site, met: set[str]) -> Iterator[Missing]:
    for kind, path in site.named:
        is_met = path.is_relative_to(site.data_dir)  # the walk comes by, and tells of links
        if not path.is_file() or is_met or follow(path).is_relative_to(follow(site.data_dir)):
            continue
        if _find_pattern(kind, [one.path for one in site.entry.leave_out], met) is None:
            fact = f"{path} lies outside the data directory: move it there, or name {kind} under leave_out:"
            yield Missing(name=kind, fact=fact, exit_code=ExitCode.USAGE)


def _refuse_unmet(site: Site, met: set[str]) -> None:
    """Refuse a name that nothing has. A pattern may find nothing today; a file that is named must be there."""
    wanted = [*site.entry.files, *(one.path for one in site.entry.leave_out)]
    unmet = next((text for text in wanted if text not in met and "*" not in text), None)
    if unmet is not None:
        fact = f"names {unmet}, and there is no such file in {site.data_dir}"
        raise ConfigurationError("backup", fact, "correct it in system.yaml, or put the file back")


def _walk(data_dir: Path) -> Iterator[Path]:
    """Yield the regular files and the links of a directory, without our own folders and the journals of databases."""
    for folder, folders, names in os.walk(data_dir, onerror=_refuse_unread):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not is_ours(here / name) and not _is_for_repairs(here / name))
        yield from (here / name for name in folders if (here / name).is_symlink())
        for name in sorted(names):
            path = here / name
            if path.is_symlink() or (path.is_file() and not _is_journal(path)):
                yield path


def _is_for_repairs(folder: Path) -> bool:
    """Tell whether a folder is the one that ext4 keeps in the root of a disk for itself, closed to us."""
    is_in_the_root = folder.name == _REPAIRS and os.path.ismount(folder.parent)
    return is_in_the_root and not os.access(folder, os.R_OK | os.X_OK)


def _look_at_link(site: Site, path: Path, name: str, *, is_named: bool) -> Iterator[Missing]:
    """Tell of a link that leads to data elsewhere.

    What lies in the directory itself is taken under its own name; what lies in a store is a copy of ours.
    """
    goal = follow(path)
    is_wanted = is_named or goal.is_dir() or (goal.is_file() and _is_database(goal))
    stores = [Path(entry.path) for entry in (site.entry.store, site.entry.second) if entry is not None and entry.path]
    if is_wanted and not any(goal.is_relative_to(follow(place)) for place in (site.data_dir, *stores)):
        fact = (
            f"is a link to {show_path(goal)}, outside the data directory: move that there, or name it under leave_out:"
        )
        yield Missing(name=show_path(Path(name)), fact=fact, exit_code=ExitCode.USAGE)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_unread(error: OSError) -> NoReturn:
    raise explain_os_error(Path(os.fsdecode(error.filename)), error) from error


def _is_journal(path: Path) -> bool:
    base = next((path.name.removesuffix(end) for end in COMPANIONS if path.name.endswith(end)), None)
    return base is not None and path.with_name(base).is_file() and _is_database(path.with_name(base))


def _is_database(path: Path) -> bool:
    try:
        return path.name.endswith(DATABASE_SUFFIXES) or (path.stat().st_size > 0 and is_plain(path))
    except OSError as error:
        raise explain_os_error(path, error) from error
