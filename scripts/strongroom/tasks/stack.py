"""``stack.*``: the containers of ``compose.yaml`` on this machine."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.containers import stack
from strongroom.core.config import read_settings
from strongroom.core.errors import UsageError
from strongroom.tasks._task import is_json, task, wants_color

PROFILE = "Also start keys (vault, secrets) or storage (s3); may be repeated."


def ask(profile: list[str] | None = None) -> stack.Stack:
    """Return the stack as asked for."""
    settings = read_settings()
    return stack.Stack(root=settings.require_clone(), environment=settings.environment, profiles=tuple(profile or ()))


@task(help={"profile": PROFILE})
def up(c: Context, profile: list[str] | None = None) -> None:
    """Make what is missing, start it, wait until it is healthy."""
    started = stack.up(ask(profile), now=datetime.now(UTC), say=report.say_progress)
    report.show_started(started, as_json=is_json(c), color=wants_color(c))


@task
def status(c: Context) -> int:
    """Show the containers; exit 7 unless all are healthy."""
    asked = ask()
    services, days = stack.status(asked), stack.count_days(asked.folder, datetime.now(UTC))
    return report.show_services(services, days, as_json=is_json(c), color=wants_color(c))


@task(help={"service": "Only this service.", "lines": "How many lines from the end."})
def logs(c: Context, service: str = "", lines: int = 100) -> None:
    """Print what the containers said."""
    compose = ask().require_compose()
    said = compose.require("logs", "--no-color", "--tail", str(lines), *([service] if service else []))
    report.show_logs(said, as_json=is_json(c))


@task(help={"service": "Which container."})
def shell(c: Context, service: str = "postgres") -> int:
    """Open a shell in a container; what is piped into it is run."""
    is_terminal = sys.stdin.isatty()
    words = ask().require_compose().words("exec", *([] if is_terminal else ["--no-TTY"]), service, "sh")
    return int(c.run(shlex.join(words), pty=is_terminal, warn=True).exited)


@task
def down(c: Context) -> None:
    """Stop the containers; data stays."""
    asked = ask()
    _say_if_none(asked)
    report.show_gone(stack.down(asked), as_json=is_json(c))


@task(help={"volumes": "Remove the data too, and the passwords that belong to it.", "yes": "Do not ask."})
def destroy(c: Context, volumes: bool = False, yes: bool = False) -> None:
    """Remove the containers; data only with --volumes."""
    asked = ask()
    _say_if_none(asked)
    if volumes and not yes:
        _confirm(asked)
    report.show_gone(stack.destroy(asked, volumes=volumes), as_json=is_json(c))


def _say_if_none(asked: stack.Stack) -> None:
    if asked.read_kept() is None:
        report.say_note(asked.folder.root, "holds no stack: nothing was touched")


def _confirm(asked: stack.Stack) -> None:
    """Name what goes, and ask a person. Raises UsageError where there is none, or one who does not want it."""
    found = stack.belongings(asked)
    if not found:
        return
    doomed = f"{report.name_all(found)} and {asked.folder.root}"
    if not sys.stdin.isatty():
        raise UsageError("stack.destroy", f"would remove {doomed}", "say --yes where nobody can be asked")
    if input(f"remove {doomed}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UsageError("stack.destroy", "was not confirmed", "nothing was touched")


namespace = Collection("stack", up, down, destroy, status, logs, shell)
