"""Jobs: that they end, are tried again where that helps and not where it cannot, and say so to the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strongroom.core.exit_codes import ExitCode
from strongroom.kubernetes.checking.scene import Finding, Job, Scene
from strongroom.kubernetes.content import mapping, mappings, numbered

LEAST_GRACE = 60
"""Seconds that a step which cannot be cut may take: SIGTERM must be answered, and a repository's lock given up."""
_LEAST_KEPT = 3600
_MOST_RULES = 20
_CONDITION = "DisruptionTarget"
_AFTER_SIGNALS = (128, 255)


def demand_ends(scene: Scene) -> Iterator[Finding]:
    """Demand that a Job ends whatever happens, and is cleared away."""
    for job in scene.jobs:
        for name, example in (("activeDeadlineSeconds", 3600), ("ttlSecondsAfterFinished", 259200)):
            if not isinstance(job.spec.get(name), int):
                yield job.says(name, "is not said", f"{name}: {example}")
        kept = job.spec.get("ttlSecondsAfterFinished")
        if isinstance(kept, int) and kept < _LEAST_KEPT:
            fact = f"is {kept} s: what a run said would be gone before anybody looks"
            yield job.says("ttlSecondsAfterFinished", fact, "ttlSecondsAfterFinished: 259200")
        if not isinstance(job.spec.get("backoffLimit"), int) and job.spec.get("backoffLimitPerIndex") is None:
            yield job.says("backoffLimit", "is not said", "backoffLimit: 3")
        elif job.spec.get("backoffLimit") == 0:
            yield job.says("backoffLimit", "is 0: codes that a retry mends would not be retried", "backoffLimit: 3")


def demand_a_grace(scene: Scene) -> Iterator[Finding]:
    """Demand enough time between SIGTERM and SIGKILL for the longest step that cannot be cut."""
    for job in scene.jobs:
        said, field = job.pod.spec.get("terminationGracePeriodSeconds"), "template.spec.terminationGracePeriodSeconds"
        if not isinstance(said, int) or said < LEAST_GRACE:
            fact = f"is {said}, and a step may need {LEAST_GRACE} s" if isinstance(said, int) else "is not said (30)"
            yield job.says(field, fact, f"{LEAST_GRACE} at least")
        elif isinstance(deadline := job.spec.get("activeDeadlineSeconds"), int) and said >= deadline:
            yield job.says(field, f"is {said} s, longer than the Job may take ({deadline} s)", "lower it")


def demand_restart_never(scene: Scene) -> Iterator[Finding]:
    """Demand that the Job, and no kubelet, decides on another try: a policy by exit codes asks for it."""
    for job in scene.jobs:
        said = job.pod.spec.get("restartPolicy")
        if said != "Never":
            why = "podFailurePolicy needs Never" if job.spec.get("podFailurePolicy") else "exit codes would be lost"
            yield job.says("template.spec.restartPolicy", f"is {said or 'not said'}: {why}", "restartPolicy: Never")


def demand_our_policy(scene: Scene) -> Iterator[Finding]:
    """Demand of a Job what the table of exit codes promises for each code."""
    for job in scene.jobs:
        rules, field = mappings(mapping(job.spec.get("podFailurePolicy")).get("rules")), "podFailurePolicy.rules"
        wrong = [code for code in ExitCode if code and not _keeps(code, _decide(rules, code, job))]
        for way in ("fail", "retry"):
            codes = ", ".join(str(int(code)) for code in wrong if code.job == way)
            if codes:
                remedy = "take k8s' own pod-failure-policy.yaml, which is made of the table"
                yield job.says(field, f"exit {codes} must {_SAYS[way]}, and does not", remedy)
        if not _ignores_disruption(rules):
            fact = f"a Pod that is evicted ({_CONDITION}) counts as a failure"
            yield job.says(field, fact, f"first: {{action: Ignore, onPodConditions: [{{type: {_CONDITION}}}]}}")


_SAYS = {"fail": "fail the Job at once", "retry": "be tried again"}
_FAILS = ("FailJob", "FailIndex")


def _keeps(code: ExitCode, action: str) -> bool:
    return (action in _FAILS) == (code.job == "fail") and action != "Ignore"


def _decide(rules: list[Mapping[str, object]], code: int, job: Job) -> str:
    """Return what the first rule that fits does; Count where none does."""
    names = {container.name for container in job.pod.containers}
    for rule in rules:
        asked = mapping(rule.get("onExitCodes"))
        values = asked.get("values")
        if not asked or not isinstance(values, list) or asked.get("containerName") not in (None, *names):
            continue
        if (code in values) == (asked.get("operator") == "In"):
            return str(rule.get("action"))
    return "Count"


def _ignores_disruption(rules: list[Mapping[str, object]]) -> bool:
    """Tell whether an eviction is ignored before any exit code is looked at."""
    for rule in rules:
        if any(one.get("type") == _CONDITION for one in mappings(rule.get("onPodConditions"))):
            return rule.get("action") == "Ignore"
        if rule.get("onExitCodes") and _holds_signals(mapping(rule.get("onExitCodes"))):
            return False
    return False


def _holds_signals(asked: Mapping[str, object]) -> bool:
    """Tell whether a rule takes exit codes of a process that a signal ended."""
    values = asked.get("values")
    numbers = [one for one in values if isinstance(one, int)] if isinstance(values, list) else []
    low, high = _AFTER_SIGNALS
    return asked.get("operator") == "NotIn" or any(low < one <= high for one in numbers)


def demand_rules_that_are_admitted(scene: Scene) -> Iterator[Finding]:
    """Demand of a policy what the API server asks for and no schema says."""
    for job in scene.jobs:
        policy = mapping(job.spec.get("podFailurePolicy"))
        rules = numbered(policy.get("rules"))
        if len(rules) > _MOST_RULES:
            yield job.says("podFailurePolicy.rules", f"has more than {_MOST_RULES} rules", "put codes together")
        for number, rule in rules:
            for fact in _judge_rule(rule, job):
                yield job.says(f"podFailurePolicy.rules[{number}]", fact, "see the Job's reference, podFailurePolicy")
        if policy and job.spec.get("podReplacementPolicy") not in (None, "Failed"):
            fact = f"is {job.spec.get('podReplacementPolicy')}: with a podFailurePolicy it must be Failed"
            yield job.says("podReplacementPolicy", fact, "podReplacementPolicy: Failed, or nothing")


def _judge_rule(rule: Mapping[str, object], job: Job) -> Iterator[str]:
    if bool(rule.get("onExitCodes")) == bool(rule.get("onPodConditions")):
        yield "must have one of onExitCodes and onPodConditions"
    if rule.get("action") == "FailIndex" and job.spec.get("backoffLimitPerIndex") is None:
        yield "FailIndex needs backoffLimitPerIndex"
    asked = mapping(rule.get("onExitCodes"))
    values = asked.get("values")
    codes = [one for one in values if isinstance(one, int)] if isinstance(values, list) else []
    if asked and codes != sorted(set(codes)):
        yield "its values must stand once, in order"
    if asked.get("operator") == "In" and 0 in codes:
        yield "0 is no failure: it may not stand with In"
    if asked and not codes:
        yield "has no values"
    if any(not 0 <= one <= _AFTER_SIGNALS[1] for one in codes):
        yield "an exit code lies in 0 to 255"
    named = asked.get("containerName")
    if named is not None and named not in {container.name for container in job.pod.containers}:
        yield f"names the container {named}, which the Pod has not"


def forbid_twins(scene: Scene) -> Iterator[Finding]:
    """Forbid several Pods of one Job that are told the same: they would meet at one store."""
    for job in scene.jobs:
        for name in ("parallelism", "completions"):
            said = job.spec.get(name)
            if isinstance(said, int) and said > 1 and job.spec.get("completionMode") != "Indexed":
                yield job.says(name, f"is {said}, and each does the same", f"remove {name}, or completionMode: Indexed")


def demand_whole_indexes(scene: Scene) -> Iterator[Finding]:
    """Demand of Indexed Jobs that their numbers agree."""
    for job in scene.jobs:
        is_indexed, completions = job.spec.get("completionMode") == "Indexed", job.spec.get("completions")
        if is_indexed and not isinstance(completions, int):
            yield job.says("completions", "is not said, and an Indexed Job needs it", "completions: N")
        for name in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
            if job.spec.get(name) is not None and not is_indexed:
                yield job.says(name, "is for Indexed Jobs", "completionMode: Indexed")
        most = job.spec.get("maxFailedIndexes")
        if most is not None and job.spec.get("backoffLimitPerIndex") is None:
            yield job.says("maxFailedIndexes", "needs backoffLimitPerIndex", "backoffLimitPerIndex: 1")
        if isinstance(most, int) and isinstance(completions, int) and most > completions:
            yield job.says("maxFailedIndexes", f"{most} is more than the {completions} completions", "lower it")
        parallel = job.spec.get("parallelism")
        if isinstance(parallel, int) and parallel < 1:
            yield job.says("parallelism", f"is {parallel}: nothing would run", "parallelism: 1")
