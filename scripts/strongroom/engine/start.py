"""Start an engine that nobody else starts, and end it again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from strongroom.core.errors import UnreachableError
from strongroom.core.programs import is_alive, start_program
from strongroom.engine.reach import describe_engine

HOME = Path("/run/strongroom")
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LAST_LINES = 3


def start_engine(environment: Mapping[str, str]) -> int:
    """Start ``dockerd`` and wait until it answers; return its process id.

    Raises UnreachableError, with the last lines of its log, when it does not.
    """
    HOME.mkdir(mode=0o700, exist_ok=True)
    log = HOME / "dockerd.log"
    process = start_program(["dockerd"], environment=environment, log=log)
    began = time.monotonic()
    while time.monotonic() - began < _START_SECONDS and is_alive(process):
        try:
            describe_engine(environment)
        except UnreachableError:
            time.sleep(0.2)
        else:
            return process
    ended = "does not answer" if is_alive(process) else "ended at once"
    stop_engine(process)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    raise UnreachableError("dockerd", f"{ended}: {' | '.join(lines)}", f"the whole log is {log}")


def stop_engine(process: int) -> None:
    """End an engine that ``start_engine`` started, with its containers; wait until it is gone."""
    began = time.monotonic()
    for number, patience in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _STOP_SECONDS + 5)):
        if is_alive(process):
            os.kill(process, number)
        while is_alive(process) and time.monotonic() - began < patience:
            time.sleep(0.1)
