"""``backup.*``: take sets of an application's data, read them, rehearse them, bring them back, give old ones up."""

from __future__ import annotations

from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.backup.catalog import read_catalog
from strongroom.backup.copying import copy_sets
from strongroom.backup.creating import foresee_set
from strongroom.backup.listing import list_sets, show_set
from strongroom.backup.place import find_sources
from strongroom.backup.pruning import foresee_prune, prune_sets
from strongroom.backup.rehearsing import RANDOM, Scene, choose_random, rehearse_set
from strongroom.backup.restoring import choose_set
from strongroom.backup.status import look_at
from strongroom.backup.stores.opening import initialise
from strongroom.backup.verifying import Look, verify_sets
from strongroom.core.errors import ExitCode, UsageError
from strongroom.keys.escrow import read_escrow
from strongroom.tasks._backup import DRY_RUN, EVERYWHERE, SET, SYSTEM, find_backups, with_signals
from strongroom.tasks._servers import find_servers, list_rehearsals, take_set
from strongroom.tasks._task import is_dry, is_json, task, wants_color
from strongroom.tasks.restore import restore, undo


@task(
    help={
        **EVERYWHERE,
        "escrow": "Who can open the escrow password: an age recipient (age1… or an SSH key).",
        "without_escrow": "Why there is no second password, instead.",
        "output": "Folder for the escrow password.",
        "second": "Make the store that second: names.",
        "dry_run": DRY_RUN,
    }
)
def init(
    c: Context,
    system: str | None = None,
    store: str | None = None,
    to: Path | None = None,
    escrow: list[str] | None = None,
    without_escrow: str | None = None,
    output: Path = Path(),
    second: bool = False,
    dry_run: bool = False,
) -> None:
    """Make the store of a system's backups, once."""
    backups = find_backups(c, system, store, to)
    entry = backups.choose(second=second)
    if entry.kind == "folder" and escrow:
        raise UsageError("--escrow", "a folder has no password", "it is for repositories: leave it out")
    copies = None if entry.kind == "folder" else read_escrow(escrow or (), without_escrow, output)
    made = initialise(entry, backups.site, backups.around, copies, dry_run=is_dry(c, dry_run))
    report.show_initialised(made, as_json=is_json(c))


@task(help={**EVERYWHERE, "dry_run": DRY_RUN})
def create(
    c: Context, system: str | None = None, store: str | None = None, to: Path | None = None, dry_run: bool = False
) -> ExitCode:
    """Take a set: stage, check, store, read back, list."""
    backups = find_backups(c, system, store, to)
    if is_dry(c, dry_run):
        foreseen = foresee_set(backups.open(), find_sources(backups.site), find_servers(backups))
        return report.show_created_set(foreseen, as_json=is_json(c), color=wants_color(c))

    def work() -> ExitCode:
        return report.show_created_set(take_set(backups), as_json=is_json(c), color=wants_color(c))

    return with_signals(backups, "create", work)


@task(name="list", help=EVERYWHERE)
def list_(c: Context, system: str | None = None, store: str | None = None, to: Path | None = None) -> None:
    """List the sets, with the trend of sizes and times."""
    backups = find_backups(c, system, store, to)
    place, catalog = backups.read()
    listed = list_sets(backups.site.system, place, catalog)
    report.show_sets(listed, as_json=is_json(c), color=wants_color(c))


@task(help={"set": SET, **EVERYWHERE})
def show(
    c: Context,
    set: str = "latest",  # noqa: A002  # the flag's name
    system: str | None = None,
    store: str | None = None,
    to: Path | None = None,
) -> None:
    """Show what a set holds, and who looked at it."""
    backups = find_backups(c, system, store, to)
    opened = backups.open()
    shown = show_set(opened, choose_set(backups.read()[1], set, backups.around))
    report.show_set(shown, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        "set": "A set's id (default: every set).",
        "full": "Read all of a repository, not only a seventh of it each day.",
        **EVERYWHERE,
        "dry_run": "Read as much; keep no evidence of it.",
    }
)
def verify(
    c: Context,
    set: str | None = None,  # noqa: A002  # the flag's name
    full: bool = False,
    system: str | None = None,
    store: str | None = None,
    to: Path | None = None,
    dry_run: bool = False,
) -> ExitCode:
    """Read what is kept, and compare it; exit 3 on damage."""
    backups, is_trial = find_backups(c, system, store, to), is_dry(c, dry_run)

    def work() -> ExitCode:
        opened = backups.open()
        with backups.lease(opened, "verify", dry_run=is_trial) as around:
            catalog = read_catalog(opened.objects, opened.about.id, backups.site.system)
            chosen = catalog.sets if set is None else (choose_set(catalog, set, around),)
            look = Look(sets=chosen, scratch=backups.scratch("verify", opened), full=full, dry_run=is_trial)
            verified = verify_sets(opened, catalog, look, around)
        return report.show_verified(verified, as_json=is_json(c), color=wants_color(c))

    return with_signals(backups, "verify", work, dry_run=is_trial)


@task(
    help={
        "at": "latest, random, or an instant: the newest set that was there by then.",
        "escrow": "Ask for the escrow password, and open the store with it alone.",
        **EVERYWHERE,
    }
)
def drill(
    c: Context,
    at: str = "latest",
    escrow: bool = False,
    system: str | None = None,
    store: str | None = None,
    to: Path | None = None,
) -> ExitCode:
    """Rehearse a restore, compare, and keep the evidence."""
    backups = find_backups(c, system, store, to)

    def work() -> ExitCode:
        opened = backups.open_with_escrow() if escrow else backups.open()
        with backups.lease(opened, "drill") as around:
            catalog = read_catalog(opened.objects, opened.about.id, backups.site.system)
            chosen = choose_random(catalog) if at == RANDOM else choose_set(catalog, at, around)
            scene = Scene(
                scratch=backups.scratch("drill", opened),
                rehearsals=list_rehearsals(),
                checks=backups.entry.checks,
            )
            drilled = rehearse_set(opened, chosen, scene, around, escrow=escrow)
        return report.show_drilled(drilled, as_json=is_json(c), color=wants_color(c))

    return with_signals(backups, "drill", work)


@task(
    help={
        "accept": "What looks wrong with the newest set is as it should be.",
        "days": "Keep what is younger and the newest that count, whatever keep: says.",
        **EVERYWHERE,
        "dry_run": "Say what would be removed; remove nothing.",
    }
)
def prune(
    c: Context,
    accept: bool = False,
    days: int | None = None,
    system: str | None = None,
    store: str | None = None,
    to: Path | None = None,
    dry_run: bool = False,
) -> ExitCode:
    """Remove the sets that no rule keeps."""
    backups = find_backups(c, system, store, to)
    keep = backups.choose_keep(days)
    if is_dry(c, dry_run):
        opened, (_, catalog) = backups.open(), backups.read()
        report.show_pruned(foresee_prune(opened, catalog, keep, backups.around, accept=accept), as_json=is_json(c))
        return ExitCode.DONE

    def work() -> ExitCode:
        opened = backups.open()
        with backups.lease(opened, "prune") as around:
            pruned = prune_sets(opened, keep, around, backups.scratch("prune", opened), accept=accept)
        report.show_pruned(pruned, as_json=is_json(c))
        return ExitCode.DONE

    return with_signals(backups, "prune", work)


@task(help={"system": SYSTEM, "dry_run": DRY_RUN})
def copy(c: Context, system: str | None = None, dry_run: bool = False) -> ExitCode:
    """Copy the sets that count to the second store."""
    backups = find_backups(c, system)
    is_trial = is_dry(c, dry_run)

    def work() -> ExitCode:
        opened, second = backups.open(), backups.open(backups.choose(second=True))
        catalog = backups.read()[1]
        with backups.lease(second, "copy", dry_run=is_trial) as around:
            there = read_catalog(second.objects, second.about.id, backups.site.system)
            copied = copy_sets(opened, catalog, second, there, around, dry_run=is_trial)
        return report.show_copied(copied, as_json=is_json(c))

    return with_signals(backups, "copy", work, dry_run=is_trial)


@task(help=EVERYWHERE)
def status(c: Context, system: str | None = None, store: str | None = None, to: Path | None = None) -> ExitCode:
    """Say how old backup and drill are; exit 7 if stale."""
    backups = find_backups(c, system, store, to)
    place, catalog = backups.read()
    found = look_at(backups.site.system, place, catalog, backups.entry.objectives, backups.around.now())
    return report.show_backup_status(found, as_json=is_json(c), color=wants_color(c))


namespace = Collection("backup", init, create, list_, show, verify, drill, restore, undo, prune, copy, status)
