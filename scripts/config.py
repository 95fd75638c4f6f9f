"""What the environment says: the only reader of ``os.environ``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from scripts.errors import ConfigurationError

JOBS_VARIABLE = "STRONGROOM_JOBS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the repository is, how much of the machine to use, and what a system may ask for."""

    root: Path
    """The repository: ``sql/`` is in it."""
    jobs: int
    """Processes to work with."""
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    """May hold secrets: never shown, never written; ask through ``variable``."""

    def variable(self, name: str) -> str | None:
        """Return a variable that a system declares; one set to nothing counts as unset."""
        return self.environment.get(name) or None


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings, once per command. ``STRONGROOM_JOBS`` overrides the number of cores."""
    jobs = environ.get(JOBS_VARIABLE) or str(len(os.sched_getaffinity(0)))
    if not jobs.isdecimal() or int(jobs) == 0:
        raise ConfigurationError(JOBS_VARIABLE, f"must be a whole number from 1 (got {jobs!r})")
    return Settings(
        root=Path(__file__).resolve().parent.parent,
        jobs=int(jobs),
        environment=MappingProxyType(dict(environ)),
    )
