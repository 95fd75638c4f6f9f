"""``postgres.load`` and what follows it: consolidated databases into PostgreSQL, proven, live, and back."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from strongroom import report
from strongroom.core.config import read_settings
from strongroom.core.system import choose_system
from strongroom.tasks._keys import find_keys
from strongroom.tasks._loading import Loads, choose_way, refuse_negative
from strongroom.tasks._merging import list_waiting, merge, refuse_other_origin, say_merged
from strongroom.tasks._request import PLAN, SYSTEM, find_home
from strongroom.tasks._task import is_dry, is_json, task, wants_color
from strongroom.tasks.wiring import explain_load, give_schemas

TARGET = "Directory of the consolidated databases."
LOAD = "A load's id (default: the latest)."
OF_A_LOAD = {"system": SYSTEM, "target": TARGET, "plan": PLAN, "load": LOAD}


@task(
    help={
        "system": SYSTEM,
        "target": TARGET,
        "from_": "legacy: consolidate --source into --target first.",
        "source": "Directory of the legacy files, with --from legacy.",
        "plan": PLAN,
        "quarantine_budget": "Rows that may wait for a person, of each step (default: the plan's).",
        "replace": "Let what only the live schemas hold step aside; from legacy, what --target holds too.",
        "into_live": "Bring rows that are new into the live tables; of two with one key the new one waits.",
        "skip_existing": "The same, and of two with one key the live one stays.",
        "backup": "Take a backup before rows go live, where system.yaml says that this database is backed up.",
        "dry_run": "Show what would happen; write nothing.",
    }
)
def load(
    c: Context,
    target: Path,
    system: str | None = None,
    from_: str = "consolidated",
    source: Path | None = None,
    plan: Path | None = None,
    quarantine_budget: int | None = None,
    replace: bool = False,
    into_live: bool = False,
    skip_existing: bool = False,
    backup: bool = True,
    dry_run: bool = False,
) -> int:
    """Load databases into PostgreSQL, staged and proven."""
    from strongroom.load.into.arriving import load_into_live
    from strongroom.load.request import Request
    from strongroom.load.run import load as run

    refuse_negative(quarantine_budget)
    refuse_other_origin(from_, source)
    way = choose_way(replace=replace, into_live=into_live, skip_existing=skip_existing)
    found = Loads(system, plan, "deploy")
    access = found.find_access()
    merged = None if source is None else merge(c, found, source, target, quarantine_budget, replace, dry_run)
    if merged is not None and (merged.exit or merged.dry_run):
        return report.show_outcome(merged, as_json=is_json(c), color=wants_color(c), folder=target)
    request = Request(
        system=found.about.name,
        plan=found.file,
        target=target,
        access=access,
        way=way,
        replace=replace,
        quarantine_budget=quarantine_budget,
        dry_run=is_dry(c, dry_run),
        origin="consolidated" if merged is None else "legacy",
        jobs=found.settings.jobs,
        engine=found.settings.sqlite,
    )
    if way == "staged":
        outcome = run(request, found.surround(c))
    else:
        outcome = load_into_live(request, found.surround(c), found.surround_arrival(c, access, backup=backup))
    if merged is not None:
        waiting = list_waiting(merged, find_home(target), found.folder)
        outcome = outcome.after(merged.run, say_merged(merged), waiting)
    return report.show_load(outcome, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        **OF_A_LOAD,
        "show_values": "Name values that differ, and not only their hashes.",
    }
)
def verify(
    c: Context,
    target: Path,
    system: str | None = None,
    plan: Path | None = None,
    load: str | None = None,
    show_values: bool = False,
) -> int:
    """Prove a load row by row; exit 3 where it differs."""
    from strongroom.load.again import VerifyRequest
    from strongroom.load.again import verify as run

    found = Loads(system, plan, "monitor")
    request = VerifyRequest(
        target=target,
        access=found.find_access(),
        load=load,
        show_values=show_values,
        jobs=found.settings.jobs,
        engine=found.settings.sqlite,
    )
    outcome = run(request, find_keys(found.folder), give_schemas(found.about.name, found.folder))
    return report.show_load(outcome, as_json=is_json(c), color=wants_color(c), again=True)


@task(
    help={
        **OF_A_LOAD,
        "quarantine_budget": "Rows that may wait for a person (default: what the load was allowed).",
        "replace": "Let rows that only the live schemas hold step aside with them, into NAME_previous.",
        "replace_previous": "Drop an earlier NAME_previous although it holds rows that are nowhere else.",
        "backup": "Take a backup first, where system.yaml says that this database is backed up.",
        "dry_run": "Show what would go live; change nothing.",
    }
)
def cutover(
    c: Context,
    target: Path,
    system: str | None = None,
    plan: Path | None = None,
    load: str | None = None,
    quarantine_budget: int | None = None,
    replace: bool = False,
    replace_previous: bool = False,
    backup: bool = True,
    dry_run: bool = False,
) -> None:
    """Make a proven load live, in one transaction."""
    from strongroom.load.switch.cutover import CutoverRequest, cut_over

    refuse_negative(quarantine_budget)
    found = Loads(system, plan, "deploy")
    with found.open_load(target, load) as opened:
        request = CutoverRequest(
            system=found.about.name,
            access=found.find_access(),
            folder=opened.folder,
            document=opened.about,
            replace=replace,
            replace_previous=replace_previous,
            waiting=opened.count_waiting(),
            quarantine_budget=quarantine_budget,
            dry_run=is_dry(c, dry_run),
        )
        around = found.surround_switch(c, opened, request.access, backup=backup)
        result = cut_over(request, around)
    report.show_cutover(result, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        **OF_A_LOAD,
        "discard_changes": "Step back although that leaves what was written since in the staged schemas only.",
        "dry_run": "Show what would be live again; change nothing.",
    }
)
def rollback(
    c: Context,
    target: Path,
    system: str | None = None,
    plan: Path | None = None,
    load: str | None = None,
    discard_changes: bool = False,
    dry_run: bool = False,
) -> None:
    """Put back what was live before a cutover."""
    from strongroom.load.switch.rollback import RollbackRequest, roll_back

    found = Loads(system, plan, "deploy")
    with found.open_load(target, load) as opened:
        request = RollbackRequest(
            system=opened.about.system,
            access=found.find_access(),
            folder=opened.folder,
            document=opened.about,
            discard_changes=discard_changes,
            dry_run=is_dry(c, dry_run),
        )
        result = roll_back(request, found.surround_switch(c, opened, request.access, backup=False))
    report.show_rollback(result, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        "system": f"{SYSTEM} Only its keys are asked for.",
        "target": TARGET,
        "table": "One table: target.table.",
        "key": "Only rows that hold this value.",
        "load": LOAD,
        "beaten": "Rows too for which others stand: equal ones, and live ones that stayed.",
        "limit": "Rows to show per table (0: all).",
    }
)
def quarantine(
    c: Context,
    target: Path,
    system: str | None = None,
    table: str | None = None,
    key: str | None = None,
    load: str | None = None,
    beaten: bool = False,
    limit: int = 0,
) -> None:
    """Show the rows of a load that wait, with their reasons."""
    home = find_home(target)
    dispositions = report.LOSING if beaten else ("quarantined",)
    keys = find_keys(None if system is None else choose_system(system, read_settings()), home)
    rows = explain_load(home, load, table=table, dispositions=dispositions, key=key, keys=keys)
    report.show_kept(rows, limit=limit, as_json=is_json(c), color=wants_color(c))
