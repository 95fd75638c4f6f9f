"""``tls.*``: the stack's own certificate authority, and how servers are reached."""

from __future__ import annotations

from datetime import UTC, datetime

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.containers import stack
from strongroom.tasks._task import is_json, task
from strongroom.tasks._transit import doctor
from strongroom.tasks.stack import ask


@task(help={"renew": "Issue the servers' certificates anew."})
def init(c: Context, renew: bool = False) -> None:
    """Make the stack's authority and certificates where missing."""
    asked = ask()
    made = stack.renew(asked, now=datetime.now(UTC), anew=renew)
    report.show_certificates(made, str(asked.folder.tls), as_json=is_json(c))


namespace = Collection("tls", init, doctor)
