"""A run's state on disk, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strongroom.consolidate.request import Surroundings
from strongroom.core.errors import DifferencesError
from strongroom.runs.cleanup import end_run
from strongroom.runs.folder import RunFolder
from strongroom.runs.records import RunDocument, RunState


@contextmanager
def recorded(folder: RunFolder, about: RunDocument, target: Path, around: Surroundings) -> Iterator[None]:
    """Keep the run's state on disk; an error leaves it said and its bulk removed."""
    folder.write(about)
    try:
        yield
    except BaseException as error:
        name = type(error).__name__
        if not folder.place(target).journal.exists():
            end_run(folder, about, RunState.FAILED, around.now(), error=name)
        elif isinstance(error, DifferencesError):  # it is live, and wrong
            end_run(folder, about, RunState.PUBLISHED, around.now(), error=name)
        raise
