"""What the system says about processes, and how long a test waits for one: never without an end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any


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


def read_line(stream: IO[Any], seconds: float) -> str:
    """Return the next line of a pipe that nobody has read from by other means; what follows it stays there."""
    deadline = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        assert select.select([stream], [], [], max(deadline - time.monotonic(), 0))[0], f"no line within {seconds:g} s"
        said = os.read(stream.fileno(), 1)
        assert said, "it has ended without an answer: see its traceback on stderr"
        line += said
    return line.decode().removesuffix("\n")


class Child:
    """A process that is told and answers lines; whoever waits for it does so with a limit."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self._seconds = seconds

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    def read_line(self) -> str:
        """Return the next line that it says."""
        assert self._process.stdout is not None
        return read_line(self._process.stdout, self._seconds)

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self._process.kill()
        self._process.wait(timeout=self._seconds)

    def end(self) -> None:
        """Let it end by itself, as it does when nobody tells it anything more."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        try:
            self._process.wait(timeout=self._seconds)
        finally:
            if self._process.poll() is None:
                self.kill()


@contextmanager
def open_child(
    words: Sequence[str], *, seconds: float = 60.0, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Start a process; at the end it is let go, or killed when it does not go within ``seconds``."""
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0)
    child = Child(process, seconds)
    try:
        yield child
    finally:
        child.end()
