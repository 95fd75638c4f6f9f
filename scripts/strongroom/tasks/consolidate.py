"""``consolidate.*``: many legacy files in, a few trusted targets out."""

from __future__ import annotations

from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.consolidate import clean as cleaning
from strongroom.consolidate import explain as explaining
from strongroom.consolidate import finalize as ending
from strongroom.consolidate import preview as rehearsal
from strongroom.consolidate import rollback as rolling_back
from strongroom.consolidate import run as running
from strongroom.consolidate import since_publish as beside
from strongroom.consolidate import status as looking
from strongroom.consolidate import verify_published as again
from strongroom.consolidate.request import Surroundings
from strongroom.core.config import Settings, read_settings
from strongroom.tasks._around import read_clock, surround
from strongroom.tasks._keys import find_keys
from strongroom.tasks._request import PLAN, RUN, SOURCE, SYSTEM, TABLE, TARGET, ask, find_home
from strongroom.tasks._task import is_dry, is_json, task, wants_color
from strongroom.tasks.decide import decide


def surroundings(c: Context, settings: Settings, system: Path) -> Surroundings:
    """Pass in the clock, the progress, the system's keys and the environment of hooks."""
    return surround(c, settings, read_clock, find_keys(system))


@task(
    help={
        "system": SYSTEM,
        "source": f"{SOURCE} Without it only plan and schemas are checked.",
        "target": TARGET,
        "plan": PLAN,
        "expanded": "Show the plan in full form.",
    }
)
def check(
    c: Context,
    system: str | None = None,
    source: Path | None = None,
    target: Path | None = None,
    plan: Path | None = None,
    expanded: bool = False,
) -> None:
    """Check a plan, and that it fits the sources."""
    request = ask(read_settings(), system, source, target or Path("consolidated"), plan)
    found, work = rehearsal.check(request, with_sources=source is not None, keys=find_keys(request.system))
    report.show_plan(found, work, expanded=expanded, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        "system": SYSTEM,
        "source": SOURCE,
        "target": TARGET,
        "plan": PLAN,
        "quarantine_budget": "Rows that may wait for a person (default: the plan's).",
        "decisions": "What people decided (default: what consolidate.decide keeps in the target directory).",
    }
)
def preview(
    c: Context,
    source: Path,
    target: Path,
    system: str | None = None,
    plan: Path | None = None,
    quarantine_budget: int | None = None,
    decisions: Path | None = None,
) -> int:
    """Try a run, publish nothing, lock what it saw."""
    settings = read_settings()
    options = {"quarantine_budget": quarantine_budget, "decisions": decisions, "dry_run": True}
    request = ask(settings, system, source, target, plan, **options)
    outcome = rehearsal.preview(request, surroundings(c, settings, request.system))
    return report.show_outcome(outcome, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        "system": SYSTEM,
        "source": SOURCE,
        "target": TARGET,
        "plan": PLAN,
        "quarantine_budget": "Rows that may wait for a person (default: the plan's).",
        "decisions": "What people decided (default: what consolidate.decide keeps in the target directory).",
        "replace": "Replace targets that are there; rollback puts them back.",
        "discard_changes": "Replace targets although they hold rows that no run put there.",
        "allow_open_sources": "Publish although a process holds a source open for writing.",
        "backup": "Keep the verified snapshots as a backup in TARGET/backup.",
        "export_json": "Write every source table as JSON lines first, into the run's directory.",
        "fingerprints": "Report an order-free digest of every target table.",
        "dry_run": "Show what would happen; write nothing.",
    }
)
def run(
    c: Context,
    source: Path,
    target: Path,
    system: str | None = None,
    plan: Path | None = None,
    quarantine_budget: int | None = None,
    decisions: Path | None = None,
    replace: bool = False,
    discard_changes: bool = False,
    allow_open_sources: bool = False,
    backup: bool = True,
    export_json: bool = False,
    fingerprints: bool = False,
    dry_run: bool = False,
) -> int:
    """Consolidate the legacy databases, and prove it."""
    settings = read_settings()
    request = ask(
        settings,
        system,
        source,
        target,
        plan,
        quarantine_budget=quarantine_budget,
        decisions=decisions,
        replace=replace,
        discard_changes=discard_changes,
        allow_open_sources=allow_open_sources,
        backup=backup,
        export_json=export_json,
        fingerprints=fingerprints,
        dry_run=is_dry(c, dry_run),
    )
    outcome = running.run(request, surroundings(c, settings, request.system))
    return report.show_outcome(outcome, as_json=is_json(c), color=wants_color(c), folder=request.target)


@task(
    help={
        "target": TARGET,
        "source": f"{SOURCE} Without it nobody looks whether they were written to.",
        "run": RUN,
        "plan": PLAN,
    }
)
def verify(
    c: Context, target: Path, source: Path | None = None, run: str | None = None, plan: Path | None = None
) -> int:
    """Prove the published targets once more."""
    home = find_home(target)
    outcome = again.verify(home, run=run, source=source, plan_path=plan, keys=find_keys(home=home))
    return report.show_outcome(outcome, as_json=is_json(c), color=wants_color(c), again=True)


@task(
    help={
        "target": TARGET,
        "table": TABLE,
        "key": "Only rows that hold this value.",
        "run": RUN,
        "limit": "Rows to show per table (0: all).",
    }
)
def explain(
    c: Context,
    target: Path,
    table: str | None = None,
    key: str | None = None,
    run: str | None = None,
    limit: int = 5,
) -> None:
    """Show every losing value, and what stands in its place."""
    home = find_home(target)
    rows = explaining.explain(
        home, run=run, table=table, key=key, dispositions=report.LOSING, keys=find_keys(home=home)
    )
    report.show_kept(rows, limit=limit, as_json=is_json(c), color=wants_color(c))


@task(help={"target": TARGET, "table": TABLE, "run": RUN, "limit": "Rows to show per table (0: all)."})
def quarantine(c: Context, target: Path, table: str | None = None, run: str | None = None, limit: int = 0) -> None:
    """Show the rows that wait for a person, with their reasons."""
    home = find_home(target)
    rows = explaining.explain(home, run=run, table=table, dispositions=("quarantined",), keys=find_keys(home=home))
    report.show_kept(rows, limit=limit, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        "target": TARGET,
        "source": f"{SOURCE} Without it they stay read-only.",
        "discard_changes": "Lose what was written since publish.",
        "dry_run": "Show what would happen; write nothing.",
    }
)
def rollback(
    c: Context,
    target: Path,
    source: Path | None = None,
    discard_changes: bool = False,
    dry_run: bool = False,
) -> None:
    """Put the previous state back."""
    home = find_home(target)
    returned = rolling_back.rollback(
        home,
        source=source,
        now=read_clock(),
        discard_changes=discard_changes,
        dry_run=is_dry(c, dry_run),
        keys=find_keys(home=home),
    )
    report.show_returned(returned, as_json=is_json(c))


@task(
    help={
        "target": TARGET,
        "source": f"{SOURCE} Files are removed there, and nowhere else.",
        "retention_days": "Days that must have passed since publish (default: the system's).",
        "keep_undecided": "Keep rows that wait for a person beside the backup, and go on.",
        "accept_changes": "What was written to the targets since publish is the application's work.",
        "dry_run": "Show what would happen; remove nothing.",
    }
)
def finalize(
    c: Context,
    target: Path,
    source: Path,
    retention_days: int | None = None,
    keep_undecided: bool = False,
    accept_changes: bool = False,
    dry_run: bool = False,
) -> None:
    """Remove the legacy sources, once old enough and backed up."""
    home = find_home(target)
    wish = ending.Wish(
        home=home,
        source=source,
        now=read_clock(),
        retention_days=retention_days,
        keep_undecided=keep_undecided,
        accept_changes=accept_changes,
        dry_run=is_dry(c, dry_run),
        keys=find_keys(home=home),
    )
    report.show_finalized(ending.finalize(wish), as_json=is_json(c))


@task(
    help={
        "target": TARGET,
        "retention_days": "Days for which a run is kept (default: its system's).",
        "dry_run": "Show what would happen; remove nothing.",
    }
)
def clean(c: Context, target: Path, retention_days: int | None = None, dry_run: bool = False) -> None:
    """Remove old runs that nothing needs any more."""
    cleaned = cleaning.clean(
        find_home(target), now=read_clock(), retention_days=retention_days, dry_run=is_dry(c, dry_run)
    )
    report.show_cleaned(cleaned, as_json=is_json(c))


@task(help={"target": TARGET, "source": f"{SOURCE} Without it nobody looks whether they were written to."})
def status(c: Context, target: Path, source: Path | None = None) -> int:
    """List the runs and what is live; exit 7 when one is open."""
    home = find_home(target)
    runs = looking.list_runs(home)
    strays = None if source is None else beside.find_strays(home, source, find_keys(home=home))
    return report.show_runs(runs, strays, as_json=is_json(c), color=wants_color(c))


namespace = Collection(
    "consolidate", check, preview, run, decide, verify, explain, quarantine, rollback, finalize, clean, status
)
