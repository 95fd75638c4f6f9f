"""Who a Pod is: the names that a cluster gives it, and what it may ask about itself."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from strongroom.core.errors import UsageError
from strongroom.kubernetes.running.quantities import divide, read_quantity

INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_KEYED = re.compile(r"metadata\.(annotations|labels)\['([^']+)'\]")
_LONGEST_HOST = 63
_UNITS = {"cpu": Decimal(1), "memory": Decimal(1), "ephemeral-storage": Decimal(1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A Pod's names."""

    job: str
    namespace: str
    name: str
    hostname: str
    index: int | None
    account: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    account_uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    address: str = ""
    """Known once the Pod has a place in a network."""

    def read(self, path: str, place: str) -> str:
        """Return what a ``fieldRef`` asks for. Raises UsageError for what is not known here."""
        keyed = _KEYED.fullmatch(path)
        if keyed is not None:
            return (self.labels if keyed[1] == "labels" else self.annotations).get(keyed[2], "")
        known = {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "metadata.uid": self.uid,
            "metadata.labels": _write_pairs(self.labels),
            "metadata.annotations": _write_pairs(self.annotations),
            "spec.serviceAccountName": self.account,
            "spec.nodeName": "docker",
            "status.podIP": self.address,
            "status.podIPs": self.address,
        }
        if path not in known:
            raise UsageError(f"{place}.fieldPath", f"is not known here (got {path!r})", f"one of: {', '.join(known)}")
        return known[path]


def name_pod(
    job: str, namespace: str, spec: Mapping[str, Any], metadata: Mapping[str, Any], index: int | None
) -> Identity:
    """Name a new Pod of a Job, as the Job's controller does."""
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(5))
    stem = job if index is None else f"{job}-{index}"
    own = {"batch.kubernetes.io/job-name": job, "job-name": job}
    numbered = {} if index is None else {INDEX_ANNOTATION: str(index)}
    name = f"{stem[: _LONGEST_HOST - 6]}-{suffix}"
    return Identity(
        job=job,
        namespace=namespace,
        name=name,
        hostname=str(spec.get("hostname") or (name if index is None else stem))[:_LONGEST_HOST].rstrip("-."),
        index=index,
        account=str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"),
        labels={**(metadata.get("labels") or {}), **own, **numbered},
        annotations={**(metadata.get("annotations") or {}), **numbered},
    )


def read_resource(
    reference: Mapping[str, Any], containers: Mapping[str, Mapping[str, Any]], own: str, place: str
) -> str:
    """Return what a ``resourceFieldRef`` asks for, in units of its divisor. Raises UsageError."""
    container = str(reference.get("containerName") or own)
    kind, _, resource = str(reference.get("resource")).partition(".")
    if container not in containers or kind not in ("limits", "requests") or resource not in _UNITS:
        raise UsageError(f"{place}.resource", f"is not known here (got {kind}.{resource} of {container})")
    resources = containers[container].get("resources") or {}
    amount = (resources.get(kind) or resources.get("limits") or {}).get(resource)
    if amount is None:
        raise UsageError(f"{place}.resource", f"has no value: {container} has no such limit", "give it one")
    divisor = read_quantity(reference.get("divisor") or "1", f"{place}.divisor") or _UNITS[resource]
    return str(divide(read_quantity(amount, place), divisor))


def _write_pairs(pairs: Mapping[str, str]) -> str:
    return "\n".join(f'{key}="{value}"' for key, value in sorted(pairs.items()))
