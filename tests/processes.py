"""What the system says about processes, and how long a test waits for one: never without an end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that ended and waits to be reaped does not."""
    return _read_stat(pid)[0] != "Z"


def find_children(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    numbers = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
    return [number for number in numbers if (stat := _read_stat(number))[0] != "Z" and stat[1] == str(pid)]


def _read_stat(pid: int) -> list[str]:
    """Return state, parent, group, session … (proc_pid_stat(5), from field 3 on); Z for one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["Z", ""]


def wait_until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something to become so, but not for ever."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s"
        time.sleep(0.005)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Fail what takes longer, again and again until it listens; for what runs in this process."""

    def fail(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"still waiting after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
