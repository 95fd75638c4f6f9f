"""``keys.*``: a system's keys, from the providers that its ``system.yaml`` names. No value is ever shown."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom import rotate as rotation
from strongroom.core.backup_entry import ResticStore
from strongroom.core.config import read_settings
from strongroom.core.errors import UsageError
from strongroom.core.system import System
from strongroom.keys.checking import check_keys, choose, show_versions
from strongroom.keys.creating import create_key, keep_copy
from strongroom.keys.escrow import read_escrow
from strongroom.rotate import keys as rotating
from strongroom.rotate.columns.driving import Store
from strongroom.runs.home import Home
from strongroom.runs.key_names import count_uses
from strongroom.tasks._around import read_clock
from strongroom.tasks._columns import gather_columns
from strongroom.tasks._keys import Provided, open_keys
from strongroom.tasks._request import find_home
from strongroom.tasks._task import is_dry, is_json, task, wants_color
from strongroom.tasks.wiring import list_backups_under

SYSTEM = "Folder under sql/, or a path to one (default: STRONGROOM_SYSTEM)."
TARGETS = "Directory of consolidated databases."
KEY = "The key, as system.yaml names it."
ESCROW = "Who can open the copy: an age recipient (age1… or an SSH key)."
KEYS = "One key, as system.yaml names it (default: all)."


@task(
    help={
        "key": KEY,
        "system": SYSTEM,
        "escrow": ESCROW,
        "without_escrow": "Why there is no copy, instead.",
        "output": "Folder for the copy.",
        "dry_run": "Say what would be made; make nothing.",
    }
)
def init(
    c: Context,
    key: str,
    system: str | None = None,
    escrow: list[str] | None = None,
    without_escrow: str | None = None,
    output: Path = Path(),
    dry_run: bool = False,
) -> None:
    """Make a key where it is to be kept, and a copy for escrow."""
    copies = read_escrow(escrow or (), without_escrow, output)
    found = open_keys(system)
    (name,) = choose(found.keys, [key])
    entry = found.system.keys[name]
    made = create_key(found.keys, name, entry, copies, system=found.system.name, dry_run=is_dry(c, dry_run))
    report.show_created(made, as_json=is_json(c))


@task(help={"key": KEYS, "system": SYSTEM, "database": "An encrypted database that the key should open."})
def check(c: Context, key: list[str] | None = None, system: str | None = None, database: Path | None = None) -> int:
    """Check that keys can be had, are whole, and open a file."""
    found = open_keys(system)
    checked = check_keys(found.keys, key or (), database)
    return report.show_checked(checked, found.log, as_json=is_json(c))


@task(help={"key": KEYS, "system": SYSTEM, "target": f"{TARGETS} What lies under each version there is shown."})
def show(c: Context, key: list[str] | None = None, system: str | None = None, target: list[str] | None = None) -> int:
    """Show the versions of keys, and what lies under each."""
    found = open_keys(system)
    shown = show_versions(found.keys, key or (), read_clock())
    uses = count_uses(find_homes(target), [one.key for one in shown])
    return report.show_keys(shown, uses, as_json=is_json(c), color=wants_color(c))


@task(
    help={
        "key": KEY,
        "target": f"{TARGETS} All in them is put under the new version, backups aside.",
        "database": "Another encrypted database, such as a legacy one.",
        "system": SYSTEM,
        "escrow": ESCROW,
        "without_escrow": "Why there is no copy, instead.",
        "output": "Folder for the copy.",
        "columns": "Bring the columns of system.yaml under the new version as well, at the end.",
        "dry_run": "Say what would be rotated; change nothing.",
    }
)
def rotate(
    c: Context,
    key: str,
    target: list[str] | None = None,
    database: list[str] | None = None,
    system: str | None = None,
    escrow: list[str] | None = None,
    without_escrow: str | None = None,
    output: Path = Path(),
    columns: bool = True,
    dry_run: bool = False,
) -> int:
    """Make a new version of a key, and put all under it."""
    copies = read_escrow(escrow or (), without_escrow, output)
    found = open_keys(system)
    choose(found.keys, [key])
    _refuse_password(found.system, key)
    wish = rotating.Wish(
        key=key,
        targets=find_homes(target),
        databases=tuple(map(Path, database or ())),
        columns=_find_columns(c, found, key) if columns else (),
        dry_run=is_dry(c, dry_run),
    )
    around = rotation.Surroundings(now=read_clock, keys=found.keys, progress=report.open_progress(color=wants_color(c)))
    keep = partial(keep_copy, name=key, entry=found.system.keys[key], escrow=copies, system=found.system.name)
    return report.show_rotated(rotating.rotate_key(found.keys, wish, around, keep), as_json=is_json(c))


@task(
    help={
        "key": KEY,
        "version": "Which one, as keys.show lists it.",
        "target": f"{TARGETS} It is not retired while anything in them lies under it, or in a column.",
        "system": SYSTEM,
        "at_once": "Not to wait until five minutes are over since another version became active: no application runs.",
        "dry_run": "Say what stands in the way; change nothing.",
    }
)
def retire(
    c: Context,
    key: str,
    version: str,
    target: list[str] | None = None,
    system: str | None = None,
    at_once: bool = False,
    dry_run: bool = False,
) -> None:
    """Give up a version of a key that nothing needs any more."""
    found = open_keys(system)
    choose(found.keys, [key])
    wish = rotating.Wish(
        key=key,
        targets=find_homes(target),
        list_backups=partial(list_backups_under, found.system, read_settings()),
        columns=_find_columns(c, found, key),
        is_at_once=at_once,
        dry_run=is_dry(c, dry_run),
    )
    around = rotation.Surroundings(now=read_clock, keys=found.keys)
    report.show_retired(rotating.retire_key(found.keys, wish, version, around), as_json=is_json(c))


def _find_columns(c: Context, provided: Provided, key: str) -> tuple[Store, ...]:
    """Return the columns that are encrypted under a key, or hold values of an earlier format that are."""
    found = gather_columns(c, provided, None)
    mine = [one for one in found.entries if key in (one.key, *(read.key for read in one.reads))]
    return replace(found, entries=tuple(mine)).open_stores()


def _refuse_password(system: System, key: str) -> None:
    """Make sure that a key which opens a store of backups stays: another password does not close what one opened."""
    stores = () if system.backup is None else (system.backup.store, system.backup.second)
    if any(isinstance(store, ResticStore) and store.password == key for store in stores):
        fact = "opens a store of backups, which a new version would not"
        raise UsageError(f"key {key}", fact, ".github/runbooks/leaked-password.md: a new store, a copy, a drill")


def find_homes(targets: list[str] | None) -> tuple[Home, ...]:
    """Return our own directories under the target directories that were typed."""
    return tuple(find_home(Path(target)) for target in targets or ())


namespace = Collection("keys", init, check, show, rotate, retire)
