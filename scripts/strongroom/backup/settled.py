"""See that our own tools do not change the data directory while a set is taken: it would be half of each state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from strongroom.backup.restores import Phase, list_restores
from strongroom.core.errors import SourceChangedError, StaleError
from strongroom.runs.home import Home

State = tuple[str | None, tuple[tuple[str, str], ...]]
"""Which run is live, and how far each restore in place came."""


def watch(data_dir: Path) -> Callable[[], None]:
    """Look now, and return what looks again: it raises SourceChangedError where a run or a restore went live meanwhile.

    Raises StaleError while files are being put live, or were when somebody was killed. Read-only.
    """
    before = _look(data_dir)

    def look_again() -> None:
        if _look(data_dir) != before:
            fact = "a run or a restore went live while the set was taken"
            raise SourceChangedError(data_dir, fact, "run the same command again")

    return look_again


def _look(data_dir: Path) -> State:
    home = Home(target=data_dir)
    if not home.root.is_dir():
        return None, ()
    for name in home.all_runs():
        journal = home.open_run(name).place(home.target).read_journal()
        if journal is not None and journal.is_open:
            fact = f"run {name} is being put live, or was interrupted there"
            way = "wait for it; where it died: the same consolidate.run, or consolidate.rollback"
            raise StaleError(data_dir, fact, way)
    restores = list_restores(home)
    for folder, document in restores:
        if document.phase in (Phase.SWAPPING, Phase.GOING_BACK):
            fact = f"restore {folder.name} is being put live, or was interrupted there"
            raise StaleError(data_dir, fact, "wait for it; where it died: the same backup.restore, or backup.undo")
    phases = tuple((folder.name, str(document.phase)) for folder, document in restores)
    return home.read_current().run, phases
