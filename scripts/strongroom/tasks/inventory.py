"""``inventory.*``: what is in a directory, before anything is planned; and a first plan for it."""

from __future__ import annotations

from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.config import read_settings
from strongroom.core.plan import read_plan
from strongroom.core.system import choose_system
from strongroom.examine import draft as drafting
from strongroom.examine import recovery
from strongroom.examine.inventory import Expectation, read_expectation, take_inventory
from strongroom.tasks._task import is_dry, is_json, task


@task(
    help={
        "source": "Directory that holds the databases.",
        "integrity": "Check indexes too: slower.",
        "table": "Look at this table only.",
        "system": "Mark what this system (a folder under sql/) does not name (default: STRONGROOM_SYSTEM).",
    }
)
def show(c: Context, source: Path, integrity: bool = False, table: list[str] | None = None, system: str = "") -> None:
    """Show what is there: files, tables, awkward values."""
    engine = read_settings().sqlite
    inventory = take_inventory(source, integrity=integrity, tables=table or (), expected=expect(system), engine=engine)
    report.show_inventory(inventory, as_json=is_json(c))


@task(
    help={
        "source": "Directory that holds the databases.",
        "output": "The plan to write; a system.yaml is put beside it where there is none.",
        "dry_run": "Print the plan; write nothing.",
    }
)
def draft(c: Context, source: Path, output: Path = Path("plan.yaml"), dry_run: bool = False) -> None:
    """Draft a plan for a directory that nobody has described."""
    proposal = drafting.propose(drafting.survey(source, read_settings().sqlite))
    is_rehearsal = is_dry(c, dry_run)
    text = drafting.render(proposal) if is_rehearsal else None
    choices = () if is_rehearsal else drafting.write_draft(proposal, output)
    report.show_draft(proposal, str(output), choices, text=text, as_json=is_json(c))


@task(help={"file": "The damaged database; it keeps its bytes.", "to": "The file to write."})
def recover(c: Context, file: Path, to: Path) -> None:
    """Save what is left of a damaged database."""
    settings = read_settings()
    recovered = recovery.recover(file, to, environment=settings.environment, engine=settings.sqlite)
    report.show_recovered(recovered, as_json=is_json(c))


def expect(system: str) -> Expectation | None:
    """Read what a system declares; None when none is named, nor meant by ``STRONGROOM_SYSTEM``."""
    settings = read_settings()
    if not system and settings.system is None:
        return None
    folder = choose_system(system or None, settings)
    return read_expectation(folder, read_plan(folder / "plan.yaml").sources.values())


namespace = Collection("inventory", show, draft, recover)
