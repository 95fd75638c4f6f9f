"""Hand the proof what it may know, part by part, on every core."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.results import Verification
from strongroom.core.workers import Workers
from strongroom.load.outcome import bring_together
from strongroom.load.verify import Claim, conclude, list_parts, prove_part
from strongroom.postgres.connection import Access


def prove(claims: Sequence[Claim], access: Access, workers: Workers, *, show_values: bool) -> Verification:
    """Prove all that a load claims. Raises UnreachableError, PlanError."""
    work = [(claim, part) for claim in claims for part in list_parts(claim, access)]
    futures = [workers.submit(prove_part, claim, part, access, show_values) for claim, part in work]
    findings = workers.gather(futures)
    by_claim = [[finding for (one, _), finding in zip(work, findings, strict=True) if one is claim] for claim in claims]
    return bring_together(
        [conclude(claim, access, found, show_values=show_values) for claim, found in zip(claims, by_claim, strict=True)]
    )
