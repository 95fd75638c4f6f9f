"""``why``: what an exit code or a run means here, and what to do next."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from strongroom import report
from strongroom.consolidate.account import tell_run
from strongroom.core.config import read_settings
from strongroom.core.errors import ExitCode, UsageError
from strongroom.runs.home import Home
from strongroom.tasks._task import is_json, task, wants_color


@task(
    help={
        "code": "An exit code that a command ended with.",
        "run": "A run's id, as the log and consolidate.status give it (default: the latest one).",
        "target": "Directory of the consolidated databases, which keeps its runs (default: this directory).",
    }
)
def why(c: Context, code: int | None = None, run: str | None = None, target: Path | None = None) -> None:
    """Say what an exit code or a run means, and what to do."""
    known = None if code is None else ExitCode.find(code)
    if code is None and run is None and target is None:
        raise UsageError("why", "needs --code, or --run with --target", "./inv why --help")
    if code is not None and (run is not None or target is not None):
        raise UsageError("why", "takes --code or --run, not both", "a run says with which code it ended")
    if code is not None and known is None:
        codes = ", ".join(str(int(one)) for one in ExitCode)
        raise UsageError("--code", f"no task ends with {code}", f"one of: {codes}")
    home = Home(target=target or Path(), engine=read_settings().sqlite)
    account = None if code is not None else tell_run(home, run)
    report.show_reason(known, account, as_json=is_json(c), color=wants_color(c))
