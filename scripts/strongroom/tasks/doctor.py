"""``doctor.run``: is this machine, and are these databases, fit for the work."""

from __future__ import annotations

import json
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom.core.config import read_settings
from strongroom.core.errors import ExitCode
from strongroom.examine.doctor import as_objects, describe_findings, examine, has_errors
from strongroom.tasks._task import is_json, task
from strongroom.tasks.inventory import expect


@task(
    help={
        "source": "Examine the databases in this directory too.",
        "target": "Try there what publishing relies on; nothing stays.",
        "system": "Say where the sources are older than this system declares.",
    }
)
def run(c: Context, source: Path | None = None, target: Path | None = None, system: str = "") -> int:
    """Check this machine, and a directory of databases."""
    findings = examine(source=source, target=target, expected=expect(system), engine=read_settings().sqlite)
    code = ExitCode.REFUSED if has_errors(findings) else ExitCode.DONE
    if is_json(c):
        print(json.dumps({"exit": code, "findings": as_objects(findings)}))
    else:
        print("\n".join(describe_findings(findings)))
    return code


namespace = Collection("doctor", run)
