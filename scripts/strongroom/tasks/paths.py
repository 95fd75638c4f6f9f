"""Where each database of a system lives."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict

from invoke.collection import Collection
from invoke.context import Context

from strongroom.core.config import read_settings
from strongroom.core.errors import UsageError
from strongroom.core.paths import SystemPaths, resolve_paths
from strongroom.core.system import find_system, read_system
from strongroom.tasks._task import is_json, task


@task(
    help={
        "system": "Folder under sql/, or a path to one.",
        "mode": "legacy or consolidated (default: what the environment says).",
        "format": "text, json or shell (export lines).",
    }
)
def show(
    c: Context,
    system: str = "aragora",
    mode: str | None = None,
    format: str = "text",  # noqa: A002  # the flag's name
) -> None:
    """Show where each database lives in this mode."""
    render = _RENDERERS.get("json" if is_json(c) else format)
    if render is None:
        raise UsageError("--format", f"must be one of {', '.join(_RENDERERS)} (got {format!r})")
    settings = read_settings()
    print(render(resolve_paths(read_system(find_system(system, settings.root)), settings, mode)))


def _render_text(paths: SystemPaths) -> str:
    width = max((len(row.type) for row in paths.databases), default=0)
    length = max((len(str(row.path)) for row in paths.databases), default=0)
    lines = [f"{paths.system}, {paths.mode} mode, in {paths.data_dir}"]
    for row in paths.databases:
        state = "there" if row.exists else "missing"
        origin = f"  (by {row.variable})" if row.origin == "override" else ""
        lines.append(f"  {row.type:<{width}}  {row.path!s:<{length}}  {state}{origin}")
    return "\n".join(lines)


def _render_json(paths: SystemPaths) -> str:
    return json.dumps(asdict(paths), default=str, ensure_ascii=False)


def _render_shell(paths: SystemPaths) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in paths.exports.items())


_RENDERERS = {"text": _render_text, "json": _render_json, "shell": _render_shell}

namespace = Collection("paths", show)
