"""What the environment says: the only reader of ``os.environ``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from strongroom.core import transit
from strongroom.core.engines import Engine
from strongroom.core.errors import ConfigurationError

JOBS_VARIABLE = "STRONGROOM_JOBS"
SQLITE_VARIABLE = "STRONGROOM_SQLITE"
SYSTEM_VARIABLE = "STRONGROOM_SYSTEM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the repository is, how much of the machine to use, and what a system may ask for."""

    root: Path
    """Where ``sql/`` is: the clone, or the installed package, which brings it along."""
    jobs: int
    """Processes to work with."""
    sqlite: Engine = Engine.SYSTEM
    """The library that works on plain databases."""
    system: str | None = None
    """The system that is meant where none is named."""
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    """May hold secrets: never shown, never written; ask through ``variable``."""

    def require_clone(self) -> Path:
        """Return the clone of the repository, for tasks that need its tests or its images.

        Raises ConfigurationError in an installed package, which brings neither.
        """
        if not (self.root / "compose.yaml").is_file():
            raise ConfigurationError("this task", "needs a clone of the repository", "run ./inv in one")
        return self.root

    def variable(self, name: str) -> str | None:
        """Return a variable that a system declares; one set to nothing counts as unset."""
        return self.environment.get(name) or None


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings, once per command.

    ``STRONGROOM_JOBS`` overrides the number of cores, ``STRONGROOM_SQLITE`` the SQLite library; ``STRONGROOM_SYSTEM``
    is the system where none is named; ``STRONGROOM_DEVELOPMENT`` lets weak ways to servers pass.
    Raises ConfigurationError for a value that means nothing.
    """
    jobs = environ.get(JOBS_VARIABLE) or str(len(os.sched_getaffinity(0)))
    if not jobs.isdecimal() or int(jobs) == 0:
        raise ConfigurationError(JOBS_VARIABLE, f"must be a whole number from 1 (got {jobs!r})")
    transit.is_development(environ)
    sqlite = environ.get(SQLITE_VARIABLE) or Engine.SYSTEM
    if sqlite not in set(Engine):
        raise ConfigurationError(SQLITE_VARIABLE, f"must be {' or '.join(Engine)} (got {sqlite!r})")
    return Settings(
        root=_find_root(),
        jobs=int(jobs),
        sqlite=Engine(sqlite),
        system=environ.get(SYSTEM_VARIABLE) or None,
        environment=MappingProxyType(dict(environ)),
    )


@contextmanager
def in_development(*, is_said: bool) -> Iterator[None]:
    """Let the variable say, for the length of a command line, what its switch says, also to those that it forks."""
    before = os.environ.get(transit.VARIABLE)
    if is_said:
        os.environ[transit.VARIABLE] = "1"
    try:
        yield
    finally:
        if is_said and before is None:
            del os.environ[transit.VARIABLE]
        elif is_said and before is not None:
            os.environ[transit.VARIABLE] = before


def _find_root() -> Path:
    package = Path(__file__).resolve().parents[1]
    return package if (package / "sql").is_dir() else package.parents[1]
