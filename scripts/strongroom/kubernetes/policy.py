"""What a Job does with each exit code: rules of ``podFailurePolicy``, made from the table of exit codes alone.

A code that a retry cannot mend fails the Job at once; a disruption (drain, preemption, a kubelet that went away) costs
no retry; everything else, codes that nobody knows among it (137: out of memory), counts towards ``backoffLimit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from strongroom.core.exit_codes import ExitCode

Action: TypeAlias = Literal["FailJob", "FailIndex"]
Rule: TypeAlias = Mapping[str, Any]
_FAIL, _RETRY, _NOTHING = "fail", "retry", ""
_ADVICE = {_FAIL, _RETRY, _NOTHING}


def list_lasting_codes() -> tuple[int, ...]:
    """Return the exit codes that a retry cannot mend, in order. Raises ValueError for advice that means nothing."""
    unknown = {code.job for code in ExitCode} - _ADVICE
    if unknown:
        raise ValueError(f"the table of exit codes says {', '.join(sorted(unknown))}, which no rule knows")
    return tuple(sorted(int(code) for code in ExitCode if code.job == _FAIL))


def make_rules(action: Action = "FailJob") -> Sequence[Rule]:
    """Return the rules, the first that fits decides; ``FailIndex`` is for Jobs that count retries of each index."""
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": action, "onExitCodes": {"operator": "In", "values": list(list_lasting_codes())}},
    ]


def render_patch(action: Action = "FailJob") -> str:
    """Return the patch that gives every CronJob these rules, as YAML."""
    values = ", ".join(map(str, list_lasting_codes()))
    return f"""\
# Made from the table of exit codes (scripts/strongroom/core/exit_codes.py); a test compares. No container is named: it
# is about all of a Pod's. Whatever no rule names counts towards backoffLimit.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: any
spec:
  jobTemplate:
    spec:
      podFailurePolicy:
        rules:
          - action: Ignore # a drain or a preemption costs no retry: the next Pod goes on (143)
            onPodConditions: [{{type: DisruptionTarget, status: "True"}}]
          - action: {action} # a retry cannot mend it
            onExitCodes: {{operator: In, values: [{values}]}}
"""
