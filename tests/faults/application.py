"""Another process that uses a database, as an application would: it opens, writes, and stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_USE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("ready", flush=True)
for line in sys.stdin:
    connection.execute(line).fetchall()
    print("done", flush=True)
"""


class Application:
    """A running application."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.wait()

    def wait(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() in ("ready", "done")

    def execute(self, statement: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(statement + "\n")
        self._process.stdin.flush()
        self.wait()

    def kill(self) -> None:
        """End it without a chance to tidy up: its write-ahead log stays."""
        self._process.kill()
        self._process.wait()


@contextmanager
def open_application(file: Path, *statements: str) -> Iterator[Application]:
    """Start an application on a database; it closes it properly at the end, unless it was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _USE, str(file), *statements], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Application(process)
        if process.poll() is None and process.stdin is not None:
            process.stdin.close()
