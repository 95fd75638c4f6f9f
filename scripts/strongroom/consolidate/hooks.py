"""Run a system's own commands around publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.core.errors import GuardError
from strongroom.core.programs import require_success, run_program

_SECONDS = 300.0


def run_hooks(commands: Sequence[Sequence[str]], environment: Mapping[str, str], so: str) -> None:
    """Run commands one after the other; the first that fails, or takes five minutes, ends the run.

    Raises GuardError saying what that means.
    """
    for command in commands:
        result = run_program(command, environment=environment, timeout=_SECONDS)
        require_success(result, GuardError, f"{so}; see to the hook in system.yaml, then run the same command again")
