"""``tls.*``: the stack's own certificate authority."""

from __future__ import annotations

from datetime import UTC, datetime

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.containers.stack import init_certificates
from strongroom.tasks._task import is_json, task
from strongroom.tasks.stack import ask


@task(help={"renew": "Issue the servers' certificates anew."})
def init(c: Context, renew: bool = False) -> None:
    """Make the stack's authority and certificates where missing."""
    folder = ask().folder
    made = init_certificates(folder, datetime.now(UTC), renew=renew)
    report.show_certificates(made, str(folder.tls), as_json=is_json(c))


namespace = Collection("tls", init)
