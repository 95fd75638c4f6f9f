"""``keys.*``: a system's keys, from the providers that its ``system.yaml`` names. No value is ever shown."""

from __future__ import annotations

from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.keys.checking import check_keys, choose, show_versions
from strongroom.keys.creating import create_key
from strongroom.keys.escrow import read_escrow
from strongroom.tasks._around import read_clock
from strongroom.tasks._keys import open_keys
from strongroom.tasks._task import is_dry, is_json, task, wants_color

SYSTEM = "Folder under sql/, or a path to one (default: STRONGROOM_SYSTEM)."
KEYS = "One key, as system.yaml names it (default: all)."


@task(
    help={
        "key": "The key, as system.yaml names it.",
        "system": SYSTEM,
        "escrow": "Who can open the copy: an age recipient (age1… or an SSH key).",
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


@task(help={"key": KEYS, "system": SYSTEM})
def show(c: Context, key: list[str] | None = None, system: str | None = None) -> int:
    """Show the versions of keys with their states and ages."""
    found = open_keys(system)
    shown = show_versions(found.keys, key or (), read_clock())
    return report.show_keys(shown, as_json=is_json(c), color=wants_color(c))


namespace = Collection("keys", init, check, show)
