"""The ids of runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path


def choose_name(now: datetime, places: Iterable[Path]) -> str:
    """Return an id that no run has or had: when it began, in UTC, and a number where one of the places has that."""
    stamp, folders = now.astimezone(UTC).strftime("%Y%m%d_%H%M%S"), tuple(places)
    number, name = 1, stamp
    while any((place / name).exists() for place in folders):
        number += 1
        name = f"{stamp}_{number}"
    return name
