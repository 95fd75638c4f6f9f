"""``doctor.run``: is this machine, and are these databases, fit for the work."""

from __future__ import annotations

import json
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from scripts.doctor import as_objects, describe_findings, examine, has_errors
from scripts.tasks._task import is_json, task
from scripts.tasks.inventory import expect

UNFIT = 6


@task(
    help={
        "source": "Examine the databases in this directory too.",
        "target": "Try there what publishing relies on; nothing stays.",
        "system": "Say where the sources are older than this system declares.",
    }
)
def run(c: Context, source: Path | None = None, target: Path | None = None, system: str = "") -> int:
    """Check this machine, and a directory of databases."""
    findings = examine(source=source, target=target, expected=expect(system))
    unfit = has_errors(findings)
    if is_json(c):
        print(json.dumps({"exit": UNFIT if unfit else 0, "findings": as_objects(findings)}))
    else:
        print("\n".join(describe_findings(findings)))
    return UNFIT if unfit else 0


namespace = Collection("doctor", run)
