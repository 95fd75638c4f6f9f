"""What a Job does about a Pod that failed: the rules of ``podFailurePolicy``, in their order, the first that fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.core.errors import UsageError
from strongroom.kubernetes.running.outcome import ContainerEnd, PodEnd

ACTIONS = ("FailJob", "FailIndex", "Ignore", "Count")
DISRUPTION = "DisruptionTarget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: of exit codes, or of conditions of the Pod."""

    action: str
    codes: frozenset[int] = frozenset()
    is_in: bool = True
    """Whether a code has to be among these, or must not be."""
    container: str | None = None
    conditions: tuple[tuple[str, str], ...] = ()
    """Type and status."""

    def fits(self, pod: PodEnd) -> str:
        """Return what of a Pod fits, in words; nothing where nothing does."""
        for kind, status in self.conditions:
            if pod.condition == kind and status == "True":
                return f"condition {kind}"
        for one in pod.containers if self.codes else ():
            if self._fits_code(one):
                return f"container {one.name} failed with exit code {one.exit_code}"
        return ""

    def _fits_code(self, container: ContainerEnd) -> bool:
        if container.exit_code == 0 or self.container not in (None, container.name):
            return False
        return (container.exit_code in self.codes) == self.is_in


def read_rules(policy: Mapping[str, Any], place: str) -> tuple[Rule, ...]:
    """Return the rules of a ``podFailurePolicy``. Raises UsageError for one that a cluster would refuse."""
    return tuple(
        _read_rule(content, f"{place}.rules[{number}]") for number, content in enumerate(policy.get("rules") or ())
    )


def _read_rule(content: Mapping[str, Any], place: str) -> Rule:
    action = content.get("action")
    if action not in ACTIONS:
        raise UsageError(f"{place}.action", f"must be one of {', '.join(ACTIONS)} (got {action!r})")
    codes, conditions = content.get("onExitCodes"), content.get("onPodConditions")
    if (codes is None) == (not conditions):
        raise UsageError(place, "needs either onExitCodes or onPodConditions")
    if codes is None:
        pairs = ((str(one.get("type")), str(one.get("status", "True"))) for one in conditions or ())
        return Rule(action=action, conditions=tuple(pairs))
    operator, values = codes.get("operator"), codes.get("values") or []
    if operator not in ("In", "NotIn") or not values:
        raise UsageError(f"{place}.onExitCodes", "needs values and an operator, In or NotIn")
    if operator == "In" and 0 in values:
        raise UsageError(f"{place}.onExitCodes.values", "holds 0, which is no failure")
    return Rule(action=action, codes=frozenset(values), is_in=operator == "In", container=codes.get("containerName"))


def judge_failure(rules: tuple[Rule, ...], pod: PodEnd) -> tuple[str, str]:
    """Return what to do about a Pod that failed, and why in the controller's words; Count where no rule fits."""
    for number, rule in enumerate(rules):
        what = rule.fits(pod)
        if what:
            return rule.action, f"{what} of pod {pod.name}, which rule {number} answers with {rule.action}"
    return "Count", ""
