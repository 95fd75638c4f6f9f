"""``guard.*``: keep together what was brought together."""

from __future__ import annotations

from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.config import read_settings
from strongroom.core.plan import read_plan
from strongroom.core.system import choose_system, read_system
from strongroom.examine import guard
from strongroom.tasks._task import is_dry, is_json, task


@task(
    help={
        "source": "Directory of the databases.",
        "system": "Folder under sql/, or a path to one (default: STRONGROOM_SYSTEM).",
        "code": "Directory of the application's code: paths in it count too.",
        "staged": "Only databases that git is about to commit.",
    }
)
def check(c: Context, source: Path, system: str | None = None, code: Path | None = None, staged: bool = False) -> int:
    """Find databases and paths that should not be there; exit 6."""
    settings = read_settings()
    folder = choose_system(system, settings)
    plan, known = read_plan(folder / "plan.yaml"), read_system(folder)
    if staged:
        stray = guard.find_staged(source, plan, known, settings.environment)
    else:
        stray = guard.find_stray(source, plan, known)
    forbidden = guard.find_forbidden(guard.audit_code(code), plan) if code else ()
    return report.show_guard(stray, forbidden, as_json=is_json(c))


@task(help={"code": "Directory of the application's code."})
def audit(c: Context, code: Path) -> None:
    """List the places in code that name a database file."""
    report.show_audit(guard.audit_code(code), as_json=is_json(c))


@task(
    help={
        "source": "Directory in which stray databases lie.",
        "target": "The application's data directory.",
        "dry_run": "Show what would happen; move nothing.",
    }
)
def clean(c: Context, source: Path, target: Path, dry_run: bool = False) -> None:
    """Move stray databases into the data directory."""
    dry = is_dry(c, dry_run)
    report.show_moved(guard.move_stray(source, target, dry_run=dry), str(target), dry_run=dry, as_json=is_json(c))


namespace = Collection("guard", check, audit, clean)
