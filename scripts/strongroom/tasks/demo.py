"""``demo``: a realistic legacy tree, consolidated, proven, explained and rolled back before your eyes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from invoke.context import Context

from strongroom import report
from strongroom.consolidate import explain, preview, rollback, verify_published
from strongroom.consolidate import run as consolidate
from strongroom.core.config import Settings, read_settings
from strongroom.core.system import find_system
from strongroom.tasks._request import ask, find_home
from strongroom.tasks._task import is_json, task, wants_color
from strongroom.tasks.consolidate import surroundings
from strongroom.tasks.wiring import build_legacy_tree

SEED = 20260101
BUDGET = 1_000_000


@task(
    help={
        "directory": "Keep everything there (default: a temporary directory, removed).",
        "rows": "Rows per legacy table.",
    }
)
def demo(c: Context, directory: Path | None = None, rows: int = 120) -> int:
    """Make a legacy tree, consolidate it, prove it, undo it."""
    settings = read_settings()
    place = directory or Path(tempfile.mkdtemp(prefix="strongroom-demo-"))
    try:
        return _Walk(c, settings, place).show(rows)
    finally:
        if directory is None:
            shutil.rmtree(place, ignore_errors=True)


class _Walk:
    """The steps of the demo, each with the command that does the same."""

    def __init__(self, c: Context, settings: Settings, place: Path) -> None:
        self._c = c
        self._settings = settings
        self._legacy, self._target = place / "legacy", place / "consolidated"
        self._look: dict[str, Any] = {"as_json": False, "color": wants_color(c)}

    def show(self, rows: int) -> int:
        """Walk through all steps; return the run's exit code."""
        self._target.parent.mkdir(parents=True, exist_ok=True)
        folder = find_system("aragora", self._settings.root)
        tree = build_legacy_tree(folder, self._legacy, rows=rows, seed=SEED)
        facts = sorted(tree.awkward.values())
        self._say(f"a legacy tree of {len(tree.files)} files in {self._legacy}, with what real ones hold:")
        print("\n".join(f"  {fact}" for fact in facts[:12]))
        around = surroundings(self._c, self._settings, folder)
        request = ask(self._settings, "aragora", self._legacy, self._target, None, quarantine_budget=BUDGET)
        self._say("consolidate.preview", "tries the run, publishes nothing, locks what it saw")
        seen = preview.preview(request, around)
        print(report.say(seen))
        self._say("consolidate.run", "does it")
        outcome = consolidate.run(request, around)
        report.show_outcome(outcome, folder=self._target, **self._look)
        self._say("consolidate.verify", "proves it once more, from the snapshots")
        report.show_outcome(
            verify_published.verify(find_home(self._target), run=None, plan_path=None),
            again=True,
            only_sentence=True,
            **self._look,
        )
        self._explain()
        self._say("consolidate.rollback", "puts the previous state back")
        returned = rollback.rollback(
            find_home(self._target), source=self._legacy, now=around.now(), discard_changes=False, dry_run=False
        )
        report.show_returned(returned, as_json=False)
        if is_json(self._c):
            report.print_json(outcome.as_json())
        return outcome.exit

    def _explain(self) -> None:
        self._say("consolidate.explain --table core.debates --limit 1", "shows every losing value")
        rows = explain.explain(find_home(self._target), run=None, table="core.debates", dispositions=report.LOSING)
        report.show_kept(rows, limit=1, **self._look)

    def _say(self, command: str, what: str = "") -> None:
        print(f"\n── {command}{': ' + what if what else ''}", flush=True)
