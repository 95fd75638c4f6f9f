"""``engine.*``: the Docker engine that runs the containers."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from strongroom import engine, report
from strongroom.core.config import read_settings
from strongroom.tasks._task import is_json, task


@task(help={"install": "Install and start one where none answers (Debian, root)."})
def ensure(c: Context, install: bool = False) -> None:
    """Make sure that a Docker engine answers."""
    found = engine.ensure_engine(read_settings().environment, install=install, say=report.say_progress)
    report.show_engine(found, as_json=is_json(c))


namespace = Collection("engine", ensure)
