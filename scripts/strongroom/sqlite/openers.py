"""Who holds a file open, as ``/proc`` shows it: blind in other PID namespaces, so never the only guard."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """One process that holds one file open."""

    path: Path
    pid: int
    command: str
    """The kernel's short name of the process; never its arguments, which may hold secrets."""
    writable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What one pass over ``/proc`` showed."""

    openers: tuple[Opener, ...]
    blind: int
    """Processes whose files we may not see."""


def find_openers(paths: Iterable[Path], *, proc: Path = _PROC) -> tuple[Opener, ...]:
    """Find the other processes that hold one of ``paths`` open. Read-only."""
    return survey_openers(paths, proc=proc).openers


def survey_openers(paths: Iterable[Path], *, proc: Path = _PROC) -> Survey:
    """Find the openers of all ``paths`` in one pass, and count the processes that hide theirs. Read-only.

    Files are compared by device and inode, so links and other names of a file are seen through;
    paths that are not there are left out.
    """
    wanted = _by_inode(paths)
    found: list[Opener] = []
    blind = 0
    for pid in _other_processes(proc) if wanted else ():
        try:
            held = _held_by(proc / str(pid), wanted)
        except PermissionError:
            blind += 1
        except OSError:
            continue  # it ended while we looked
        else:
            found += [
                Opener(path=path, pid=pid, command=_name_of(proc / str(pid)), writable=writable)
                for path, writable in held.items()
            ]
    return Survey(openers=tuple(sorted(found, key=lambda opener: (str(opener.path), opener.pid))), blind=blind)


def _by_inode(paths: Iterable[Path]) -> dict[tuple[int, int], list[Path]]:
    wanted: dict[tuple[int, int], list[Path]] = {}
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            continue
        names = wanted.setdefault((stat.st_dev, stat.st_ino), [])
        if path not in names:
            names.append(path)
    return wanted


def _other_processes(proc: Path) -> Iterator[int]:
    if not proc.is_dir():
        return
    own = os.getpid()
    with os.scandir(proc) as entries:
        for entry in entries:
            if entry.name.isdecimal() and int(entry.name) != own:
                yield int(entry.name)


def _held_by(process: Path, wanted: dict[tuple[int, int], list[Path]]) -> dict[Path, bool]:
    held: dict[Path, bool] = {}
    folder = process / "fd"
    start = f"{folder}/"  # thousands of descriptors: a Path for each costs more than asking the kernel
    for descriptor in os.listdir(folder):  # noqa: PTH208  names only, and many of them
        try:
            stat = os.stat(start + descriptor)  # noqa: PTH116  follows the kernel's link
        except OSError:
            continue
        names = wanted.get((stat.st_dev, stat.st_ino))
        if names:
            writable = _is_writable(process / "fdinfo" / descriptor)
            held.update({name: held.get(name, False) or writable for name in names})
    return held


def _is_writable(fdinfo: Path) -> bool:
    try:
        fields = dict(line.split(":", 1) for line in fdinfo.read_text().splitlines() if ":" in line)
        return int(fields["flags"].strip(), 8) & os.O_ACCMODE != os.O_RDONLY
    except (OSError, KeyError, ValueError):
        return True  # unknown counts as the worse case


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"
