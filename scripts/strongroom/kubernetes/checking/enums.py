"""Words of which only a few are known: Kubernetes' schemas take any text there."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from strongroom.kubernetes.checking.scene import Finding, Scene
from strongroom.kubernetes.content import Content

_ACCESS = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "action": ("FailJob", "FailIndex", "Ignore", "Count"),
    "completionMode": ("NonIndexed", "Indexed"),
    "concurrencyPolicy": ("Allow", "Forbid", "Replace"),
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "fsGroupChangePolicy": ("OnRootMismatch", "Always"),
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "medium": ("", "Memory", "HugePages"),
    "podReplacementPolicy": ("TerminatingOrFailed", "Failed"),
    "preemptionPolicy": ("PreemptLowerPriority", "Never"),
    "protocol": ("TCP", "UDP", "SCTP"),
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "terminationMessagePolicy": ("File", "FallbackToLogsOnError"),
    "volumeMode": ("Filesystem", "Block"),
    "whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
}
_LISTS: Mapping[str, tuple[str, ...]] = {"accessModes": _ACCESS, "policyTypes": ("Ingress", "Egress")}
_BELOW: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "seccompProfile": {"type": ("RuntimeDefault", "Localhost", "Unconfined")},
    "onExitCodes": {"operator": ("In", "NotIn")},
    "matchExpressions": {"operator": ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")},
    "tolerations": {
        "operator": ("Exists", "Equal"),
        "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    },
}
"""Words that mean something only inside of one member."""
_OURS = ("batch/v1", "v1", "apps/v1", "policy/v1", "networking.k8s.io/v1")
_FREE = ("metadata", "data", "stringData", "binaryData", "labels", "annotations", "matchLabels")
"""Members whose own members are anybody's."""


def demand_known_words(scene: Scene) -> Iterator[Finding]:
    """Demand that a word is one of those which mean something there."""
    for thing in scene.things:
        if thing.content.get("apiVersion") in _OURS:
            for field, value, known in _walk(thing.content, "", ""):
                close = difflib.get_close_matches(str(value), known, 1, 0.4)
                fact = f"{value} is unknown" + (f", did you mean {close[0]}?" if close else "")
                yield thing.says(field, fact, f"one of {', '.join(filter(None, known))}")


def _walk(value: Content, path: str, inside: str) -> Iterator[tuple[str, object, tuple[str, ...]]]:
    for name, inner in value.items():
        field = f"{path}.{name}".lstrip(".")
        known = _BELOW.get(inside, {}).get(name) or _WORDS.get(name)
        if known is not None and isinstance(inner, str) and inner not in known:
            yield field, inner, known
        for place, one in enumerate(inner) if isinstance(inner, list) else ():
            if name in _LISTS and isinstance(one, str) and one not in _LISTS[name]:
                yield f"{field}[{place}]", one, _LISTS[name]
            if isinstance(one, Mapping):
                yield from _walk(one, f"{field}[{place}]", name)
        if isinstance(inner, Mapping) and name not in _FREE:
            yield from _walk(inner, field, name)
