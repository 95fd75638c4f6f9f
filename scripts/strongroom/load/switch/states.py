"""Which loads may go live: proven ones, of which no more waits than is allowed."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.errors import DecisionNeededError, DifferencesError, GuardError
from strongroom.load.documents import LoadState, Way
from strongroom.load.switch.switching import Asked

_READY = (LoadState.STAGED, LoadState.LIVE, LoadState.ROLLED_BACK)
"""The server says which of them it is."""


def refuse_unproven(asked: Asked, ways: Sequence[Way], waiting: int, budget: int | None) -> None:
    """Refuse a load that is not to go live, or not in one of these ways.

    Raises DifferencesError, GuardError; DecisionNeededError where more waits than its budget, and than is allowed now.
    """
    subject, state = f"load {asked.folder.name}", asked.document.state
    if asked.document.way not in ways:
        fact = f"was staged to go {asked.document.way}"
        raise GuardError(subject, fact, "run postgres.load again, with the way that is meant")
    if state is LoadState.DIFFERENT:
        raise DifferencesError(subject, "is not what its sources hold", "see its report; run postgres.load again")
    if state is LoadState.WAITING:
        if budget is None or waiting > budget:
            fact = f"has {waiting} rows in quarantine, more than its budget allows"
            raise DecisionNeededError(subject, fact, f"decide on them, or say --quarantine-budget {waiting}")
    elif state not in _READY:
        raise GuardError(subject, f"is not staged, but {state}", "run postgres.load again")
