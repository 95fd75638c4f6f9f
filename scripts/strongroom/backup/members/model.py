"""One thing that is backed up, whatever it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from strongroom.backup.documents import FileRecord, Kind, MemberRecord
from strongroom.backup.request import Surroundings
from strongroom.core.files import hash_file


class Source(Protocol):
    """Where a member of a set comes from."""

    @property
    def name(self) -> str:
        """The member's name: its path in the data directory, ``postgres/DATABASE`` or ``redis``."""

    @property
    def kind(self) -> Kind:
        """What it is."""

    def take(self, set_folder: Path, around: Surroundings) -> MemberRecord:
        """Put a consistent copy into the folder of a set, on disk when this returns, and look it over.

        Raises StrongroomError; then it is no member of the set.
        """


CHECK = "check "
"""How a fact of a rehearsal begins, behind the member's name, that is about a question of ``system.yaml``."""


def is_about_check(fact: str) -> bool:
    """Tell whether a fact of a rehearsal is an answer that is wrong, and no difference."""
    return fact.partition(": ")[2].startswith(CHECK)


class Phases:
    """How long each phase of a work took, in seconds of wall time."""

    def __init__(self) -> None:
        """Begin with none."""
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measured(self, phase: str) -> Iterator[None]:
        """Count what happens within to a phase."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = round(self.seconds.get(phase, 0.0) + time.monotonic() - began, 3)


def record_file(set_folder: Path, path: Path) -> FileRecord:
    """Read a file of a set again, and return what is noted of it."""
    return FileRecord(path=path.relative_to(set_folder).as_posix(), sha256=hash_file(path), size=path.stat().st_size)
