"""What several tasks ask for in the same words, and the request that comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strongroom.consolidate.request import Request
from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import UsageError
from strongroom.core.system import choose_system
from strongroom.runs.home import Home

SYSTEM = "Folder under sql/, or a path to one (default: the --plan's folder, else STRONGROOM_SYSTEM)."
SOURCE = "Directory of the legacy files."
TARGET = "Directory of the consolidated databases."
PLAN = "Another plan than the system's plan.yaml."
RUN = "A run's id (default: the published one)."
TABLE = "One table: target.table or source.table."


def ask(
    settings: Settings,
    system: str | None,
    source: Path | None,
    target: Path | None,
    plan: Path | None,
    **options: Any,
) -> Request:
    """Put a request together from what was typed."""
    folder = choose_system(system, settings, plan=plan)
    if (budget := options.get("quarantine_budget") or 0) < 0:
        raise UsageError("--quarantine-budget", f"must be a number from 0 (got {budget})")
    return Request(
        system=folder,
        plan=plan or folder / "plan.yaml",
        source=source or Path(),
        target=target or source or Path(),
        jobs=settings.jobs,
        engine=settings.sqlite,
        **options,
    )


def find_home(target: Path) -> Home:
    """Return our own directory under a target that was typed."""
    return Home(target=target, engine=read_settings().sqlite)
