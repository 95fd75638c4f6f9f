"""Look at every process that a command line starts, while it runs: its arguments, its environment; and at its files.

The operator's own variable is in the process that he started, and in what that forks, which is the same program: that
is the one place where a key may stand. A program that we start has none.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.canary.needles import Needles

TICK_SECONDS = 0.003
JOIN_SECONDS = 10.0


@dataclass
class Watch:
    """What was seen, and what was found in it."""

    needles: Needles
    root: int
    own: bytes
    """How the command line ends that the operator typed."""
    given: Mapping[str, str]
    """His own variables, which hold keys."""
    temporary: Path
    found: set[str] = field(default_factory=set)
    pids: set[int] = field(default_factory=set)
    """The processes that were seen."""
    closed: set[int] = field(default_factory=set)
    """Processes that nobody of this user may look into."""
    _files: set[tuple[str, int, int]] = field(default_factory=set)

    def look(self) -> None:
        """Look once."""
        for pid in [self.root, *find_descendants(self.root)]:
            self._look_at(pid)
        for folder, _, names in os.walk(self.temporary):
            for name in names:
                self._look_into(Path(folder, name))

    def _look_at(self, pid: int) -> None:
        folder = Path(f"/proc/{pid}")
        try:
            line = (folder / "cmdline").read_bytes()
            variables = (folder / "environ").read_bytes()
        except PermissionError:
            self.closed.add(pid)
            return
        except (FileNotFoundError, ProcessLookupError):
            return
        if _read(folder / "cmdline") != line:
            return  # another program began meanwhile: the next look is at that
        self.pids.add(pid)
        self.found.update(f"cmdline: {said}" for said in self.needles.find(line))
        if line.endswith(self.own):
            variables = self._without_given(variables)
        self.found.update(f"environ of {_name(line)}: {said}" for said in self.needles.find(variables))

    def _without_given(self, variables: bytes) -> bytes:
        own = {f"{name}={value}".encode() for name, value in self.given.items()}
        return b"\0".join(one for one in variables.split(b"\0") if one not in own)

    def _look_into(self, file: Path) -> None:
        try:
            about = file.stat()
            seen = (str(file), about.st_size, about.st_mtime_ns)
            if file.is_file() and seen not in self._files:
                self._files.add(seen)
                self.found.update(f"temporary file: {said}" for said in self.needles.find(file.read_bytes()))
        except OSError:
            return


@contextmanager
def watching(watch: Watch) -> Iterator[Watch]:
    """Look again and again, in a thread, for the length of a block."""
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            watch.look()
            time.sleep(TICK_SECONDS)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        is_over.set()
        thread.join(timeout=JOIN_SECONDS)


def find_descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    try:
        texts = [(thread / "children").read_text() for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    children = [int(number) for text in texts for number in text.split()]
    return [*children, *(number for child in children for number in find_descendants(child))]


def _name(line: bytes) -> str:
    return " ".join(os.fsdecode(word) for word in line.split(b"\0")[:3] if word)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
