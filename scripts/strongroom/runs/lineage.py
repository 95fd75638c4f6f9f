"""Runs that changed what another run made live, by what people decided, and the run that began it."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.records import RunDocument


def trace(home: Home, folder: RunFolder) -> Iterator[tuple[RunFolder, RunDocument]]:
    """Yield a run, the run that it settles, and so on; the last one published the legacy files and knows them.

    Raises VersionError, GuardError.
    """
    about = folder.read(RunDocument)
    while about is not None:
        yield folder, about
        if about.settles is None:
            return
        folder = home.open_run(about.settles)
        about = folder.read(RunDocument)


def find_origin(home: Home, folder: RunFolder) -> tuple[RunFolder, RunDocument] | None:
    """Return the run that published the legacy files; None where a document of the way there is gone."""
    runs = list(trace(home, folder))
    return runs[-1] if runs and runs[-1][1].settles is None else None
