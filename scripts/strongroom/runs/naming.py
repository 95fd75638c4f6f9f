"""The ids of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path


def choose_name(now: datetime, places: Iterable[Path]) -> str:
    """Return an id that no run has or had: when it began, in UTC, and a number where one of the places has that."""
    folders = tuple(places)
    return choose_free_name(now, lambda name: any((place / name).exists() for place in folders))


def choose_free_name(now: datetime, is_taken: Callable[[str], bool]) -> str:
    """Return an id for what begins now, with a number where that is taken."""
    stamp = now.astimezone(UTC).strftime("%Y%m%d_%H%M%S")
    number, name = 1, stamp
    while is_taken(name):
        number += 1
        name = f"{stamp}_{number}"
    return name
