"""What every task that runs beside the clock and the keys takes from its surroundings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from invoke.context import Context

from strongroom import report
from strongroom.consolidate.request import Surroundings
from strongroom.core.config import Settings
from strongroom.core.secret import Secret
from strongroom.tasks._task import wants_color


def read_clock() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def surround(c: Context, settings: Settings, now: Callable[[], datetime], keys: Mapping[str, Secret]) -> Surroundings:
    """Pass in the clock, the progress, the keys and the environment of hooks."""
    progress = report.open_progress(color=wants_color(c))
    return Surroundings(now=now, progress=progress, environment=settings.environment, keys=keys)
