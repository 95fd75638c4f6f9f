"""Look at what the tool runs on: Python, SQLite, cores, memory, limits. Read-only."""

from __future__ import annotations

import os
import resource
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.examine.doctor.finding import Finding, Level
from strongroom.sqlite.connection import open_memory
from strongroom.sqlite.libraries import read_library_version

_PYTHON_NEEDED = (3, 11)
_SQLITE_NEEDED = (3, 37, 0)  # PRAGMA table_list
# https://sqlite.org/wal.html#walresetbug: mended in 3.51.3, and in two older lines
_WAL_RESET_SINCE = (3, 7, 0)
_WAL_RESET_MENDED = (3, 51, 3)
_WAL_RESET_BACKPORTS = {(3, 44): 6, (3, 50): 7}
_MODULES = ("fts5", "fts4", "rtree")
_MEMORY_PER_PROCESS = 150 << 20
_OPEN_FILES_NEEDED = 256
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def examine_machine(python: Sequence[int], engine: Engine) -> Iterator[Finding]:
    """Look at everything that does not depend on a folder."""
    yield examine_python(python)
    yield from examine_sqlite(read_library_version(engine))
    with open_memory(engine) as connection:
        options = {str(row[0]) for row in connection.execute("PRAGMA compile_options")}
        modules = {str(row[0]) for row in connection.execute("SELECT name FROM pragma_module_list")}
    yield from examine_options(options, modules)
    cores = len(os.sched_getaffinity(0))
    yield examine_cores(cores, read_cpu_quota(_CGROUP))
    yield examine_memory(read_available_memory(_MEMINFO, _CGROUP), cores)
    yield from examine_limits()
    yield Finding(level=Level.OK, subject="programs", fact="none needed: no sqlite3, restic or Docker for these tasks")


def examine_python(version: Sequence[int]) -> Finding:
    """Look at the interpreter's version."""
    text = ".".join(str(part) for part in version[:3])
    if tuple(version[:2]) < _PYTHON_NEEDED:
        return Finding(
            level=Level.ERROR,
            subject="Python",
            fact=f"{text} is too old",
            hint="install Python 3.11 or later, remove .venv, and run ./inv again",
        )
    return Finding(level=Level.OK, subject="Python", fact=text)


def examine_sqlite(version: str) -> Iterator[Finding]:
    """Look at the SQLite library's version."""
    numbers = parse_version(version)
    if numbers < _SQLITE_NEEDED:
        yield Finding(
            level=Level.ERROR,
            subject="SQLite",
            fact=f"{version} is too old: 3.37 is needed",
            hint="use a Python whose sqlite3 module is linked with a newer library",
        )
    elif has_wal_reset_bug(numbers):
        yield Finding(
            level=Level.WARNING,
            subject="SQLite",
            fact=f"{version} has the WAL-reset bug: two connections that write to one WAL database"
            " can damage it; this tool never checkpoints a source",
            hint="where applications run, update SQLite to 3.51.3 or later (also mended: 3.50.7, 3.44.6)",
        )
    else:
        yield Finding(level=Level.OK, subject="SQLite", fact=version)


def parse_version(text: str) -> tuple[int, ...]:
    """Read ``3.40.1`` as numbers."""
    return tuple(int(part) for part in text.split(".")[:3])


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Tell whether a version of SQLite can damage a WAL database that two connections write to."""
    if not _WAL_RESET_SINCE <= version < _WAL_RESET_MENDED:
        return False
    mended_in = _WAL_RESET_BACKPORTS.get((version[0], version[1]))
    return mended_in is None or version < (version[0], version[1], mended_in)


def examine_options(options: Collection[str], modules: Collection[str]) -> Iterator[Finding]:
    """Look at how the SQLite library was compiled: its options, and the virtual tables it knows."""
    subject = "SQLite options"
    if "THREADSAFE=0" in options:
        yield Finding(
            level=Level.ERROR,
            subject=subject,
            fact="compiled without thread safety",
            hint="use a Python whose sqlite3 module is linked with an ordinary library",
        )
    if "TEMP_STORE=3" in options:
        fact = "temporary tables are always kept in memory: large merges need more of it"
        yield Finding(level=Level.WARNING, subject=subject, fact=fact)
    missing = [name for name in _MODULES if name not in modules]
    if missing:
        yield Finding(
            level=Level.WARNING,
            subject=subject,
            fact=f"no {', '.join(missing)}: virtual tables of that kind cannot be rebuilt",
            hint="matters only when inventory.show lists such tables",
        )
    limits = [option.partition("=")[2] for option in options if option.startswith("MAX_ATTACHED=")]
    fact = f"{limits[0] if limits else 10} databases at once"
    if "SECURE_DELETE" in options:
        fact += "; secure_delete is on by default, and turned off for staged files"
    yield Finding(level=Level.OK, subject=subject, fact=fact)


def examine_cores(cores: int, quota: float | None) -> Finding:
    """Look at how many processes can work at once; ``quota`` is the container's limit in cores."""
    usable = min(float(cores), quota) if quota is not None else float(cores)
    limited = f", limited to {quota:g} by the container" if quota is not None and quota < cores else ""
    if usable < 2:  # noqa: PLR2004  building and proving run side by side
        return Finding(level=Level.NOTE, subject="cores", fact=f"{cores}{limited}: builds and proofs run one by one")
    return Finding(level=Level.OK, subject="cores", fact=f"{cores}{limited}")


def read_cpu_quota(cgroup: Path) -> float | None:
    """Return the container's limit in cores, if there is one. Read-only."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def examine_memory(available: int | None, cores: int) -> Finding:
    """Look at the memory that each process may need."""
    if available is None:
        return Finding(level=Level.NOTE, subject="memory", fact="could not be measured")
    needed = _MEMORY_PER_PROCESS * max(cores, 1)
    fact = f"{available >> 20:,} MB available"
    if available < needed:
        return Finding(
            level=Level.WARNING,
            subject="memory",
            fact=f"{fact}, {needed >> 20:,} MB may be used by {cores} processes",
            hint=f"STRONGROOM_JOBS={max(available // _MEMORY_PER_PROCESS, 1)} uses fewer",
        )
    return Finding(level=Level.OK, subject="memory", fact=fact)


def read_available_memory(meminfo: Path, cgroup: Path) -> int | None:
    """Return the bytes that may still be used, by the machine's and the container's account. Read-only."""
    found = []
    try:
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        found.append(int(fields["MemAvailable"].split()[0]) << 10)
    except (OSError, KeyError, ValueError):
        pass
    try:
        limit = int((cgroup / "memory.max").read_text())
        found.append(max(limit - int((cgroup / "memory.current").read_text()), 0))
    except (OSError, ValueError):
        pass
    return min(found, default=None)


def examine_limits() -> Iterator[Finding]:
    """Look at what the system lets one process do."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files != resource.RLIM_INFINITY and files < _OPEN_FILES_NEEDED:
        yield Finding(
            level=Level.WARNING,
            subject="open files",
            fact=f"limited to {files}",
            hint=f"ulimit -n {_OPEN_FILES_NEEDED}",
        )
    else:
        yield Finding(
            level=Level.OK,
            subject="open files",
            fact="no limit" if files == resource.RLIM_INFINITY else f"up to {files:,}",
        )
    size = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if size != resource.RLIM_INFINITY:
        yield Finding(
            level=Level.WARNING,
            subject="file size",
            fact=f"limited to {size:,} bytes",
            hint="ulimit -f unlimited",
        )
    if resource.getrlimit(resource.RLIMIT_CORE)[0] != 0:
        yield Finding(
            level=Level.NOTE,
            subject="core dumps",
            fact="are on: a crash would write data to disk",
            hint="ulimit -c 0",
        )
