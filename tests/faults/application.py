"""Another process that uses a database, as an application would: it opens, writes, and stays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import Child, open_child

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

    def __init__(self, child: Child) -> None:
        self._child = child
        assert child.read_line() == "ready"

    def execute(self, statement: str) -> None:
        self._child.tell(statement)
        assert self._child.read_line() == "done"

    def kill(self) -> None:
        """End it without a chance to tidy up: its write-ahead log stays."""
        self._child.kill()


@contextmanager
def open_application(file: Path, *statements: str) -> Iterator[Application]:
    """Start an application on a database; it closes it properly at the end, unless it was killed."""
    with open_child([sys.executable, "-c", _USE, str(file), *statements]) as child:
        yield Application(child)
