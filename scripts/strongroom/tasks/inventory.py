"""``inventory.*``: what is in a directory, before anything is planned; and a first plan for it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.config import read_settings
from strongroom.core.plan import read_plan
from strongroom.core.system import choose_system, read_system
from strongroom.examine import draft as drafting
from strongroom.examine import recovery
from strongroom.examine.inventory import Expectation, read_expectation, take_inventory
from strongroom.sqlite.bunch import Bunch, holding
from strongroom.tasks._keys import find_keys
from strongroom.tasks._task import is_dry, is_json, task

KEY = "Try this key of the system on what is encrypted (default: all, in their order)."
KEYS_OF = "Folder under sql/ that names the keys, or a path to one (default: STRONGROOM_SYSTEM)."


@task(
    help={
        "source": "Directory that holds the databases.",
        "integrity": "Check indexes too: slower.",
        "table": "Look at this table only.",
        "system": "Mark what this system (a folder under sql/) does not name; its keys (default: STRONGROOM_SYSTEM).",
        "key": KEY,
    }
)
def show(
    c: Context,
    source: Path,
    integrity: bool = False,
    table: list[str] | None = None,
    system: str = "",
    key: list[str] | None = None,
) -> None:
    """Show what is there: files, tables, awkward values."""
    engine, expected = read_settings().sqlite, expect(system)
    with hold_keys_of(system, key) as keys:
        inventory = take_inventory(
            source, integrity=integrity, tables=table or (), expected=expected, engine=engine, keys=keys
        )
    report.show_inventory(inventory, as_json=is_json(c))


@task(
    help={
        "source": "Directory that holds the databases.",
        "output": "The plan to write; a system.yaml is put beside it where there is none.",
        "system": KEYS_OF,
        "key": KEY,
        "dry_run": "Print the plan; write nothing.",
    }
)
def draft(
    c: Context,
    source: Path,
    output: Path = Path("plan.yaml"),
    system: str = "",
    key: list[str] | None = None,
    dry_run: bool = False,
) -> None:
    """Draft a plan for a directory that nobody has described."""
    with hold_keys_of(system, key) as keys:
        proposal = drafting.propose(drafting.survey(source, read_settings().sqlite, keys))
    folder, is_rehearsal = find_folder(system), is_dry(c, dry_run)
    text = drafting.render(proposal) if is_rehearsal else None
    named = read_system(folder) if folder is not None and proposal.survey.keys else None
    choices = () if is_rehearsal else drafting.write_draft(proposal, output, named)
    report.show_draft(proposal, str(output), choices, text=text, as_json=is_json(c))


@task(
    help={
        "file": "The damaged database; it keeps its bytes.",
        "to": "The file to write; under the same key, where the damaged one is encrypted.",
        "system": KEYS_OF,
        "key": KEY,
    }
)
def recover(c: Context, file: Path, to: Path, system: str = "", key: list[str] | None = None) -> None:
    """Save what is left of a damaged database."""
    settings = read_settings()
    with hold_keys_of(system, key) as keys:
        recovered = recovery.recover(file, to, environment=settings.environment, engine=settings.sqlite, keys=keys)
    report.show_recovered(recovered, as_json=is_json(c))


def hold_keys_of(system: str, names: Sequence[str] | None) -> AbstractContextManager[Bunch]:
    """Take a system's keys in hand, those of these names or all; none is fetched before a file needs it."""
    return holding(find_keys(choose_system(system, read_settings()) if system else None), names or ())


def find_folder(system: str) -> Path | None:
    """Return the folder of the system that is named, or meant by ``STRONGROOM_SYSTEM``; None where none is."""
    settings = read_settings()
    return None if not system and settings.system is None else choose_system(system or None, settings)


def expect(system: str) -> Expectation | None:
    """Read what a system declares; None when none is meant, or it has no plan yet."""
    folder = find_folder(system)
    if folder is None or not (folder / "plan.yaml").is_file():
        return None
    return read_expectation(folder, read_plan(folder / "plan.yaml").sources.values())


namespace = Collection("inventory", show, draft, recover)
