"""Numbers and words that a server refuses, and schemas take: ports, counts, fields of the Pod, base64."""

from __future__ import annotations

import base64
import binascii
import difflib
from collections.abc import Iterator, Mapping

from strongroom.kubernetes.checking.scene import Finding, Scene
from strongroom.kubernetes.content import dig, mapping, numbered

_PORTS = (1, 65535)
_LEAST: Mapping[str, tuple[int, int | None]] = {
    "activeDeadlineSeconds": (1, None),
    "backoffLimit": (0, None),
    "backoffLimitPerIndex": (0, None),
    "completions": (1, None),
    "containerPort": _PORTS,
    "endPort": _PORTS,
    "failureThreshold": (1, None),
    "initialDelaySeconds": (0, None),
    "maxFailedIndexes": (0, None),
    "nodePort": _PORTS,
    "periodSeconds": (1, None),
    "port": _PORTS,
    "replicas": (0, None),
    "startingDeadlineSeconds": (0, None),
    "targetPort": _PORTS,
    "terminationGracePeriodSeconds": (0, None),
    "timeoutSeconds": (1, None),
    "ttlSecondsAfterFinished": (0, None),
}
_FREE = ("metadata", "data", "stringData", "binaryData", "matchLabels")
_FIELDS = (
    *("metadata.name", "metadata.namespace", "metadata.uid"),
    *("spec.nodeName", "spec.serviceAccountName"),
    *("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"),
)
_BY_KEY = ("metadata.labels['", "metadata.annotations['")


def demand_numbers_in_their_range(scene: Scene) -> Iterator[Finding]:
    """Demand ports that are some, and no count or time below what means something."""
    for thing in scene.things:
        for field, value, (least, most) in _walk(thing.content, ""):
            where = f"be {least} at least" if most is None else f"lie in {least} to {most}"
            yield thing.says(field, f"must {where} (got {value})", "correct the number")


def _walk(value: Mapping[str, object], path: str) -> Iterator[tuple[str, int, tuple[int, int | None]]]:
    for name, inner in value.items():
        field = f"{path}.{name}".lstrip(".")
        limits = _LEAST.get(str(name))
        if limits is not None and isinstance(inner, int) and not isinstance(inner, bool):
            least, most = limits
            if inner < least or (most is not None and inner > most):
                yield field, inner, limits
        if isinstance(inner, Mapping) and name not in _FREE:
            yield from _walk(inner, field)
        for place, one in numbered(inner):
            yield from _walk(one, f"{field}[{place}]")


def demand_fields_of_pods(scene: Scene) -> Iterator[Finding]:
    """Demand that a variable which is taken from the Pod is one of its fields."""
    for pod in scene.pods:
        for container in pod.containers:
            for number, one in numbered(container.content.get("env")):
                path = dig(one, "valueFrom.fieldRef.fieldPath")
                if path is None or path in _FIELDS or str(path).startswith(_BY_KEY):
                    continue
                close = difflib.get_close_matches(str(path), _FIELDS, 1)
                fact = f"{path} is no field of a Pod" + (f", did you mean {close[0]}?" if close else "")
                field = f"env[{number}].valueFrom.fieldRef.fieldPath"
                yield pod.says_of(container, field, fact, "as in metadata.name, spec.nodeName, status.podIP")


def demand_base64(scene: Scene) -> Iterator[Finding]:
    """Demand that ``data`` of a Secret is base64: plain text belongs into ``stringData``."""
    for thing in scene.list_kind("Secret"):
        for key, value in mapping(thing.find("data")).items():
            try:
                base64.b64decode("".join(str(value or "").splitlines()), validate=True)  # kustomize wraps long ones
            except (binascii.Error, ValueError):
                yield thing.says(f"data[{key}]", "is no base64", "encode it, or say it under stringData")
