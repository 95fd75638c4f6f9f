"""Our end of the driver: start command lines in children, kill them, and wait until nothing of them is left."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.faults.scene import Ended
from tests.processes import Child, open_child, wait_until

_DRIVER = Path(__file__).with_name("driver.py")
_PATIENCE_SECONDS = 10.0
_ANSWER_SECONDS = 120.0
"""More than any command line of these tests takes, on any machine."""


class Driver:
    """A process that runs one command line at a time, each in a child of its own."""

    def __init__(self, child: Child, scratch: Path) -> None:
        self._child = child
        self._scratch = scratch
        self.pid = 0

    def start(self, argv: list[str], **where: Any) -> None:
        """Start a command line; see ``driver.py`` for where it may stop."""
        job = {"argv": argv, "out": str(self._scratch / "out"), **where}
        self._child.tell(json.dumps(job))
        self.pid = self._read_answer("pid")

    def finish(self) -> Ended:
        """Wait until it ended, and all its workers with it."""
        try:
            code = self._read_answer("code")
            wait_until(lambda: not find_session(self.pid), _PATIENCE_SECONDS)
        finally:
            for pid in find_session(self.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        said = (self._scratch / "out").read_text(errors="replace")
        return Ended(code=code, out=said, err=said)

    def _read_answer(self, kind: str) -> int:
        """Read a number that is what we wait for: another one, taken for a process, would have strangers killed."""
        said, number = self._child.read_line().split()
        assert said == kind, f"{said} {number} is the answer to an earlier job, which nobody waited for"
        return int(number)

    def run(self, argv: list[str], **where: Any) -> Ended:
        """Run a command line to its end."""
        self.start(argv, **where)
        return self.finish()

    def kill_after(self, seconds: float, argv: list[str], *, with_signal: int = signal.SIGKILL, **where: Any) -> Ended:
        """Run a command line and send it a signal after a while."""
        self.start(argv, **where)
        time.sleep(seconds)
        with suppress(ProcessLookupError):
            os.kill(self.pid, with_signal)
        return self.finish()

    def trace(self, argv: list[str], **where: Any) -> tuple[Ended, list[str]]:
        """Run a command line; return its checkpoints and the changes of files that it made, in order."""
        file = self._scratch / "trace"
        ended = self.run(argv, trace=str(file), **where)
        return ended, file.read_text().splitlines()


@contextmanager
def open_driver(scratch: Path) -> Iterator[Driver]:
    """Start the driver; it ends with its stdin."""
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    with open_child([sys.executable, str(_DRIVER)], seconds=_ANSWER_SECONDS, environment=environment) as child:
        yield Driver(child, scratch)


def find_session(session: int) -> dict[int, str]:
    """Return the processes of a session that still run, zombies aside, with their names."""
    assert session > 1, "no session of ours"
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = rest.split()
        if int(fields[3]) == session and fields[0] != "Z":
            found[int(folder.name)] = name.partition("(")[2]
    return found
