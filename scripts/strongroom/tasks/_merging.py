"""``postgres.load --from legacy``: the consolidation that comes before a load, and what of it waits."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Protocol

from invoke.context import Context

from strongroom import report
from strongroom.consolidate.explain import explain
from strongroom.consolidate.outcome import Outcome
from strongroom.consolidate.request import Request
from strongroom.consolidate.run import run
from strongroom.core.config import Settings
from strongroom.core.errors import UsageError
from strongroom.runs.home import Home
from strongroom.tasks._around import read_clock, surround
from strongroom.tasks._keys import find_keys
from strongroom.tasks._task import is_dry

_ORIGINS = ("consolidated", "legacy")
_LISTED = 1000


def refuse_other_origin(origin: str, source: Path | None) -> None:
    """Make sure that an origin is one of the two, and that legacy files are named where they are meant, and only there.

    Raises UsageError.
    """
    if origin not in _ORIGINS:
        raise UsageError("--from", f"must be {' or '.join(_ORIGINS)} (got {origin!r})")
    if (origin == "legacy") != (source is not None):
        fact = "is needed with --from legacy" if source is None else "is for --from legacy only"
        raise UsageError("--source", fact, "--from legacy --source DIRECTORY")


class Found(Protocol):
    """A system, as a task found it."""

    settings: Settings
    folder: Path
    file: Path
    """The plan."""


def merge(
    c: Context, found: Found, source: Path, target: Path, budget: int | None, replace: bool, dry_run: bool
) -> Outcome:
    """Consolidate as ``consolidate.run`` does; a dry run goes no further. Raises what that raises."""
    settings = found.settings
    request = Request(
        system=found.folder,
        plan=found.file,
        source=source,
        target=target,
        quarantine_budget=budget,
        replace=replace,
        dry_run=is_dry(c, dry_run),
        jobs=settings.jobs,
        engine=settings.sqlite,
    )
    merged = run(request, surround(c, settings, read_clock, find_keys(found.folder)))
    if merged.dry_run and not merged.exit:
        fact = "tried the consolidation only; once its databases are there, a load can be tried too"
        report.say_note("dry run", fact)
    return merged


def say_merged(merged: Outcome) -> str:
    """Say in a line what came of a consolidation."""
    done = "nothing to do" if merged.nothing_done else f"{merged.rows_read:,} rows read".replace(",", " ")
    quarantined = f", {merged.quarantined} quarantined" if merged.quarantined else ""
    return f"consolidation {merged.run}: {done}{quarantined}, {merged.verdict.value}"


def list_waiting(merged: Outcome, home: Home, system: Path) -> tuple[str, ...]:
    """Return the first rows that wait since a consolidation, in words, as a load lists its own. Read-only."""
    if not merged.quarantined:
        return ()
    rows = explain(home, run=merged.run, table=None, dispositions=("quarantined",), keys=find_keys(system))
    return tuple(f"{row.source} row {row.rowid}: {row.reason}" for row in islice(rows, _LISTED))
