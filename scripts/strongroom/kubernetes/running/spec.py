"""A Job as its controller reads it: with its defaults, and what contradicts itself refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.core.errors import UsageError
from strongroom.kubernetes.running.failing import Rule, read_rules

GRACE_SECONDS = 30.0
_BACKOFF_LIMIT = 6
_NO_LIMIT = (1 << 31) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What a Job's controller goes by."""

    completions: int
    parallelism: int
    is_indexed: bool
    backoff_limit: int
    backoff_per_index: int | None
    max_failed_indexes: int | None
    deadline: float | None
    """In seconds."""
    rules: tuple[Rule, ...]
    restarts: bool
    """Whether containers that failed begin again in their Pod: restartPolicy OnFailure."""
    grace: float
    """In seconds."""
    metadata: Mapping[str, Any]
    """Of its Pods."""
    pod: Mapping[str, Any]


def read_job_spec(workload: Mapping[str, Any]) -> tuple[JobSpec, str]:
    """Return the specification of a Job or a CronJob, and its place. Raises UsageError for what is none."""
    place = f"{workload['kind']} {workload['metadata']['name']}: spec"
    spec = workload.get("spec") or {}
    if workload["kind"] == "CronJob":
        spec, place = (spec.get("jobTemplate") or {}).get("spec") or {}, f"{place}.jobTemplate.spec"
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    if not pod.get("containers"):
        raise UsageError(f"{place}.template.spec.containers", "is empty", "name an image and what it runs")
    is_indexed = spec.get("completionMode", "NonIndexed") == "Indexed"
    completions, parallelism = _read_counts(spec, place, is_indexed=is_indexed)
    per_index = _read_int(spec, "backoffLimitPerIndex", place)
    rules = read_rules(spec.get("podFailurePolicy") or {}, f"{place}.podFailurePolicy")
    _refuse_contradictions(spec, pod, rules, place, is_indexed=is_indexed)
    limit = _read_int(spec, "backoffLimit", place)
    deadline = _read_int(spec, "activeDeadlineSeconds", place)
    grace = _read_int(pod, "terminationGracePeriodSeconds", f"{place}.template.spec")
    return JobSpec(
        completions=completions,
        parallelism=parallelism,
        is_indexed=is_indexed,
        backoff_limit=limit if limit is not None else (_BACKOFF_LIMIT if per_index is None else _NO_LIMIT),
        backoff_per_index=per_index,
        max_failed_indexes=_read_int(spec, "maxFailedIndexes", place),
        deadline=None if deadline is None else float(deadline),
        rules=rules,
        restarts=pod.get("restartPolicy") == "OnFailure",
        grace=GRACE_SECONDS if grace is None else float(grace),
        metadata=template.get("metadata") or {},
        pod=pod,
    ), place


def _read_counts(spec: Mapping[str, Any], place: str, *, is_indexed: bool) -> tuple[int, int]:
    completions, parallelism = _read_int(spec, "completions", place), _read_int(spec, "parallelism", place)
    if completions is None and is_indexed:
        raise UsageError(f"{place}.completions", "is missing: an Indexed Job has so many indexes")
    if completions is None and parallelism not in (None, 1):
        fact = "is missing: Pods that share out work among themselves are not run here"
        raise UsageError(f"{place}.completions", fact, "say how many Pods have to succeed")
    if parallelism == 0:
        raise UsageError(f"{place}.parallelism", "is 0: no Pod ever runs")
    return 1 if completions is None else completions, 1 if parallelism is None else parallelism


def _refuse_contradictions(
    spec: Mapping[str, Any], pod: Mapping[str, Any], rules: tuple[Rule, ...], place: str, *, is_indexed: bool
) -> None:
    """Refuse what a cluster refuses."""
    policy = pod.get("restartPolicy", "Always")
    if policy not in ("Never", "OnFailure"):
        raise UsageError(f"{place}.template.spec.restartPolicy", f"must be Never or OnFailure (got {policy})")
    if rules and policy != "Never":
        raise UsageError(f"{place}.podFailurePolicy", "needs restartPolicy: Never")
    for name, needs in (("backoffLimitPerIndex", is_indexed), ("maxFailedIndexes", "backoffLimitPerIndex" in spec)):
        if spec.get(name) is not None and not needs:
            needed = "completionMode: Indexed" if name == "backoffLimitPerIndex" else "backoffLimitPerIndex"
            raise UsageError(f"{place}.{name}", f"needs {needed}")
    if any(rule.action == "FailIndex" for rule in rules) and spec.get("backoffLimitPerIndex") is None:
        raise UsageError(f"{place}.podFailurePolicy", "FailIndex needs backoffLimitPerIndex")
    containers = {str(one.get("name")) for one in (*(pod.get("initContainers") or ()), *pod["containers"])}
    for number, rule in enumerate(rules):
        if rule.container is not None and rule.container not in containers:
            where = f"{place}.podFailurePolicy.rules[{number}].onExitCodes.containerName"
            raise UsageError(
                where, f"names no container (got {rule.container}; known: {', '.join(sorted(containers))})"
            )


def _read_int(content: Mapping[str, Any], name: str, place: str) -> int | None:
    value = content.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{place}.{name}", f"must be a whole number from 0 (got {value!r})")
    return value
