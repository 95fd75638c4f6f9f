"""Where each database of a system lives."""

from __future__ import annotations

import shlex

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.config import read_settings
from strongroom.core.errors import UsageError
from strongroom.core.paths import SystemPaths, resolve_paths
from strongroom.core.system import choose_system, read_system
from strongroom.tasks._task import is_json, task

_FORMATS = ("text", "json", "shell")


@task(
    help={
        "system": "Folder under sql/, or a path to one (default: STRONGROOM_SYSTEM).",
        "mode": "legacy or consolidated (default: what the environment says).",
        "format": "text, json or shell (export lines).",
    }
)
def show(
    c: Context,
    system: str | None = None,
    mode: str | None = None,
    format: str = "text",  # noqa: A002  # the flag's name
) -> None:
    """Show where each database lives in this mode."""
    if format not in _FORMATS:
        raise UsageError("--format", f"must be one of {', '.join(_FORMATS)} (got {format!r})")
    settings = read_settings()
    paths = resolve_paths(read_system(choose_system(system, settings)), settings, mode)
    screen = report.Screen(as_json=is_json(c) or format == "json")
    if format == "shell":
        screen.give(_render_shell(paths))
    else:
        screen.lines(_render_text(paths))
    screen.end(paths)


def _render_text(paths: SystemPaths) -> list[str]:
    width = max((len(row.type) for row in paths.databases), default=0)
    length = max((len(str(row.path)) for row in paths.databases), default=0)
    lines = [f"{paths.system}, {paths.mode} mode, in {paths.data_dir}"]
    for row in paths.databases:
        state = "there" if row.exists else "missing"
        origin = f"  (by {row.variable})" if row.origin == "override" else ""
        lines.append(f"  {row.type:<{width}}  {row.path!s:<{length}}  {state}{origin}")
    return lines


def _render_shell(paths: SystemPaths) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in paths.exports.items()]


namespace = Collection("paths", show)
