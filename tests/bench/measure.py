"""What one child process costs, everything it started included."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.core.errors import StrongroomError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The cost of one run."""

    wall: float
    """Seconds on the clock."""
    cpu: float
    """User and system seconds of the child and all its descendants."""
    peak_mb: float
    """Largest resident set of any one of these processes, mapped files included; 10^6 bytes."""
    others: float = 0
    """CPU seconds that everything else on the machine used meanwhile, other guests of its host included."""
    steps: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds by step, of a run that counted them."""


def warm_memory(size: int) -> None:
    """Touch and free so many bytes of memory, in a process of its own.

    A virtual machine's host takes free memory back within seconds and gives it again page by page, at
    2 to 3 s a GB. Which contender finds how much of it depends on who ran before: so each finds enough.
    """
    subprocess.run([sys.executable, "-P", "-m", __name__, str(size)], check=True, env=child_environment())


def child_environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT}"}


def measure_child(arguments: list[str], logs: Path) -> tuple[Measurement, str]:
    """Run a command that can import this repository; return its cost and what it wrote to stdout.

    Raises StrongroomError when it does not exit 0. Linux counts the caller's own resident set into
    a child's peak (until the exec), so the caller must stay small.
    """
    os.sync()  # what the previous contender wrote is not on this one's bill
    logs.mkdir(parents=True, exist_ok=True)
    out, err = logs / "stdout", logs / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        began, busy = time.perf_counter(), read_busy_seconds()
        child = subprocess.Popen(arguments, stdout=stdout, stderr=stderr, env=child_environment())
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.terminate()  # we were interrupted: so is the child
            raise
        wall, busy = time.perf_counter() - began, read_busy_seconds() - busy
        child.returncode = os.waitstatus_to_exitcode(status)
    written = out.read_text(encoding="utf-8", errors="replace")
    if child.returncode:
        told = err.read_text(encoding="utf-8", errors="replace").strip()[-2000:]
        fact = f"exited {child.returncode}"
        raise StrongroomError(" ".join(arguments), fact, f"its last words: {told or written[-2000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    measurement = Measurement(
        wall=wall,
        cpu=cpu,
        peak_mb=usage.ru_maxrss * 1024 / 1e6,
        others=max(busy - cpu, 0),
    )
    return measurement, written


def read_busy_seconds() -> float:
    """Return the seconds that all cores together have worked, or were taken from us, since the machine began."""
    with Path("/proc/stat").open(encoding="ascii") as stat:
        user, nice, system, _idle, _waiting, irq, softirq, stolen, *_ = map(int, stat.readline().split()[1:])
    return (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")


def touch_memory(size: int) -> None:
    """Write to every page of so many bytes."""
    with mmap.mmap(-1, size) as memory:
        for place in range(0, size, mmap.PAGESIZE):
            memory[place] = 1


if __name__ == "__main__":
    touch_memory(int(sys.argv[1]))
