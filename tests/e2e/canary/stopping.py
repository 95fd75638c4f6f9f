"""Stop a command line where it holds a key: when one was fetched, or in the middle of a run that waits for its hook."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from tests.e2e.canary.house import House
from tests.processes import wait_until

Meanwhile: TypeAlias = Callable[[subprocess.Popen[bytes]], None]
SECONDS = 60.0


def stop_when_a_key_is_at_hand(house: House, number: signal.Signals) -> Meanwhile:
    before = len(house.read_uses())

    def stop(process: subprocess.Popen[bytes]) -> None:
        wait_until(lambda: len(house.read_uses()) > before or process.poll() is not None, SECONDS)
        process.send_signal(number)

    return stop


def stop_at_the_hook(house: House, number: signal.Signals) -> Meanwhile:
    def stop(process: subprocess.Popen[bytes]) -> None:
        wait_until((house.root / "reached").exists, SECONDS)
        process.send_signal(number)

    return stop


@contextmanager
def waiting(house: House) -> Iterator[None]:
    """Let the run's hook wait, for the length of a block."""
    (house.root / "wait").touch()
    try:
        yield
    finally:
        (house.root / "go").touch()
        for name in ("wait", "reached"):
            (house.root / name).unlink(missing_ok=True)
