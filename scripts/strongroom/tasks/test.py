"""The one command that says whether a change may go in."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from strongroom import engine, report
from strongroom.core.config import read_settings
from strongroom.tasks._task import is_dry, task
from strongroom.tasks.check import COMPOSE, HELP_NIGHTLY, LINT, TYPES, pytest_command, run_parts

_MOST_PROCESSES = 4
"""Tests measure seconds and memory, and share one engine: more do not help. One more than cores: many wait."""


@task(
    help={
        **HELP_NIGHTLY,
        "install": "Install and start a Docker engine where none answers (Debian, root).",
        "reports": "Write a JUnit file into this directory.",
    }
)
def test(c: Context, nightly: bool = False, install: bool = True, reports: Path | None = None) -> int:
    """Run lint and types, which need no engine, and every test."""
    settings = read_settings()
    tests = pytest_command(nightly=nightly, reports=reports, processes=min(settings.jobs + 1, _MOST_PROCESSES))
    read: dict[str, tuple[str, ...]] = {"lint": LINT, "types": TYPES}
    run: dict[str, tuple[str, ...]] = {"compose": COMPOSE, "tests": (tests,)}
    if is_dry(c):
        return run_parts(c, read | run)
    settings.require_clone()
    failed = run_parts(c, read)
    with engine.ensured(settings.environment, install=install, say=report.say_progress):
        return run_parts(c, run) or failed
