"""``stack.*``: the containers of ``compose.yaml`` on this machine."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.containers import stack
from strongroom.core.config import read_settings
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
    return report.show_services(stack.status(ask()), as_json=is_json(c), color=wants_color(c))


@task(help={"service": "Only this service.", "lines": "How many lines from the end."})
def logs(c: Context, service: str = "", lines: int = 100) -> None:
    """Print what the containers said."""
    compose = ask().compose("keys", "storage")
    print(compose.require("logs", "--no-color", "--tail", str(lines), *([service] if service else [])), end="")


@task(help={"service": "Which container."})
def shell(c: Context, service: str = "postgres") -> int:
    """Open a shell in a container."""
    words = ask().compose("keys", "storage").words("exec", service, "sh")
    return int(c.run(shlex.join(words), pty=True, warn=True).exited)


@task
def down(c: Context) -> None:
    """Stop the containers; data stays."""
    stack.down(ask())


@task(help={"volumes": "Remove the data too, and the passwords that belong to it."})
def destroy(c: Context, volumes: bool = False) -> None:
    """Remove the containers; data only with --volumes."""
    stack.destroy(ask(), volumes=volumes)


namespace = Collection("stack", up, down, destroy, status, logs, shell)
