"""Which process it is that holds a lease, and whether it can be proven dead from here."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

_PROCESSES = Path("/proc")
_BOOT = _PROCESSES / "sys" / "kernel" / "random" / "boot_id"
_ENDED = ("Z", "X")
"""The states of a process that runs no more (proc_pid_stat(5))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process, told apart from every other one of this and of other machines; None for what is not to be had."""

    host: str
    process: int
    boot: str | None = None
    """Of its machine: another one after each start."""
    namespace: str | None = None
    """In which ``process`` is its number: containers of one machine have one each."""
    started: str | None = None
    """When, in ticks since the machine started: numbers are given again."""

    @property
    def text(self) -> str:
        """Say which one it is."""
        return f"process {self.process} on {self.host}"


def describe_this_process() -> Holder:
    """Return this process. Read-only."""
    return Holder(
        host=socket.gethostname(),
        process=os.getpid(),
        boot=_read(_BOOT),
        namespace=_read_namespace(),
        started=_read_start(os.getpid()),
    )


def is_proven_dead(holder: Holder, here: Holder) -> bool | None:
    """Tell whether a process has ended; None where that cannot be seen from ``here``. Read-only."""
    if None in (holder.boot, holder.namespace, here.boot, here.namespace):
        return None
    if (holder.boot, holder.namespace) != (here.boot, here.namespace):
        return None
    try:
        os.kill(holder.process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's
    started = _read_start(holder.process)
    return None if started is None else started != holder.started


def _read_start(process: int) -> str | None:
    """Return when a process started; an empty text for one that has ended, None where it cannot be seen."""
    said = _read(_PROCESSES / str(process) / "stat")
    if said is None:
        return None
    state, *fields = said.rpartition(") ")[2].split()
    return "" if state in _ENDED else fields[18]


def _read_namespace() -> str | None:
    try:
        return str((_PROCESSES / "self" / "ns" / "pid").readlink())
    except OSError:
        return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
