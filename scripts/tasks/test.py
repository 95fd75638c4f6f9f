"""The one command that says whether a change may go in."""

from __future__ import annotations

from invoke.context import Context

from scripts.tasks._task import task
from scripts.tasks.check import HELP_NIGHTLY, LINT, TYPES, pytest_command, run_parts


@task(help=HELP_NIGHTLY)
def test(c: Context, nightly: bool = False) -> int:
    """Run lint, types and every test."""
    return run_parts(c, {"lint": LINT, "types": TYPES, "tests": (pytest_command(nightly=nightly),)})
