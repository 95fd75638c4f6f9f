"""Keys that a task fetched are fetched anew, once, when one of them does not open what it should."""

from __future__ import annotations

from collections.abc import Callable

_known: list[Callable[[], bool]] = []


def forget() -> None:
    """Begin a task: no key is fetched yet."""
    _known.clear()


def know(refresh: Callable[[], bool]) -> None:
    """Remember who can fetch keys anew, and tells whether one is another now."""
    _known.append(refresh)


def refresh_keys() -> bool:
    """Fetch all keys anew; tell whether one is another now."""
    return sum(refresh() for refresh in _known) > 0
