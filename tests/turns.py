"""One at a time, over all processes that test: for what changes the machine."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import wait_until

_SECONDS = 900.0
"""More than installing takes, on any machine."""


@contextmanager
def turn(name: str) -> Iterator[None]:
    """Wait for our turn at something, and keep it for a while."""
    with (Path(tempfile.gettempdir()) / f"strongroom-tests-{name}.lock").open("w") as lock:
        wait_until(lambda: _takes(lock.fileno()), _SECONDS)
        yield


def _takes(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
