"""``doctor.run``: is this machine, and are these databases, fit for the work."""

from __future__ import annotations

from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.config import read_settings
from strongroom.examine.doctor import examine
from strongroom.tasks._task import is_json, task
from strongroom.tasks.inventory import KEY, expect, hold_keys_of
from strongroom.tasks.wiring import count_days_of_certificates


@task(
    help={
        "source": "Examine the databases in this directory too.",
        "target": "Try there what publishing relies on; nothing stays.",
        "system": "Say where the sources are older than this system declares; its keys (default: STRONGROOM_SYSTEM).",
        "key": KEY,
    }
)
def run(
    c: Context,
    source: Path | None = None,
    target: Path | None = None,
    system: str = "",
    key: list[str] | None = None,
) -> int:
    """Check this machine, and a directory of databases."""
    settings = read_settings()
    days, expected = count_days_of_certificates(settings), expect(system)
    with hold_keys_of(system, key) as keys:
        findings = examine(
            source=source, target=target, expected=expected, engine=settings.sqlite, days=days, keys=keys
        )
    return report.show_findings(findings, as_json=is_json(c))


namespace = Collection("doctor", run)
