"""The one command that says whether a change may go in."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from scripts import engine, report
from scripts.config import read_settings
from scripts.tasks._task import is_dry, task
from scripts.tasks.check import HELP_NIGHTLY, LINT, TYPES, pytest_command, run_parts


@task(
    help={
        **HELP_NIGHTLY,
        "install": "Install and start a Docker engine where none answers (Debian, root).",
        "reports": "Write a JUnit file into this directory.",
    }
)
def test(c: Context, nightly: bool = False, install: bool = True, reports: Path | None = None) -> int:
    """Run lint, types and every test."""
    parts = {"lint": LINT, "types": TYPES, "tests": (pytest_command(nightly=nightly, reports=reports),)}
    if is_dry(c):
        return run_parts(c, parts)
    with engine.ensured(read_settings().environment, install=install, say=report.say_progress):
        return run_parts(c, parts)
