"""An order to a Pod to end: given once, by whoever comes first."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Why a Pod is to end, and how much time it has."""

    reason: str
    message: str
    grace: float
    condition: str = ""
    fails: bool = False
    """Whether the Pod has failed however its containers end."""


class Order:
    """Waits to be given."""

    def __init__(self) -> None:
        """Begin without an order."""
        self._given: End | None = None
        self._event = threading.Event()
        self._lock = threading.Lock()

    def give(self, end: End) -> None:
        """Give the order, unless one was given before."""
        with self._lock:
            self._given = self._given or end
        self._event.set()

    @property
    def given(self) -> End | None:
        """The order, once there is one. Read-only."""
        return self._given

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until the order is given."""
        self._event.wait(seconds)
