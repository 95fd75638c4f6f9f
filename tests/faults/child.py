"""Our end of the driver: start command lines in children, kill them, and wait until nothing of them is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.faults.scene import Ended

_DRIVER = Path(__file__).with_name("driver.py")
_PATIENCE_SECONDS = 10.0


class Driver:
    """A process that runs one command line at a time, each in a child of its own."""

    def __init__(self, process: subprocess.Popen[str], scratch: Path) -> None:
        self._process = process
        self._scratch = scratch
        self.pid = 0

    def start(self, argv: list[str], **where: Any) -> None:
        """Start a command line; see ``driver.py`` for where it may stop."""
        job = {"argv": argv, "out": str(self._scratch / "out"), **where}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        self.pid = int(self._answer())

    def wait(self) -> Ended:
        """Wait until it ended, and all its workers with it."""
        code = int(self._answer())
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while alive := find_session(self.pid):
            assert time.monotonic() < deadline, f"still alive {_PATIENCE_SECONDS} s after their parent: {alive}"
            time.sleep(0.005)
        said = (self._scratch / "out").read_text(errors="replace")
        return Ended(code=code, out=said, err=said)

    def run(self, argv: list[str], **where: Any) -> Ended:
        """Run a command line to its end."""
        self.start(argv, **where)
        return self.wait()

    def kill_after(self, seconds: float, argv: list[str], *, with_signal: int = signal.SIGKILL, **where: Any) -> Ended:
        """Run a command line and send it a signal after a while."""
        self.start(argv, **where)
        time.sleep(seconds)
        with suppress(ProcessLookupError):
            os.kill(self.pid, with_signal)
        return self.wait()

    def trace(self, argv: list[str], **where: Any) -> tuple[Ended, list[str]]:
        """Run a command line; return its checkpoints and the changes of files that it made, in order."""
        file = self._scratch / "trace"
        ended = self.run(argv, trace=str(file), **where)
        return ended, file.read_text().splitlines()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        assert answer, "the driver itself has ended: see its traceback on stderr"
        return answer


@contextmanager
def open_driver(scratch: Path) -> Iterator[Driver]:
    """Start the driver; it ends with its stdin."""
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    with subprocess.Popen(
        [sys.executable, str(_DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Driver(process, scratch)


def find_session(session: int) -> dict[int, str]:
    """Return the processes of a session that still run, zombies aside, with their names."""
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
