"""Every field that a workload may have: carried out, without meaning here, or refused by its name.

A field that stands in no table is refused too: nothing of a manifest is passed over in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from strongroom.core.errors import UsageError
from strongroom.kubernetes.running.fields.jobs import JOBS
from strongroom.kubernetes.running.fields.model import Field
from strongroom.kubernetes.running.fields.pods import PODS
from strongroom.kubernetes.running.fields.volumes import VOLUMES

TYPES: Mapping[str, Mapping[str, Field]] = {**JOBS, **PODS, **VOLUMES}
"""By the name of a type in Kubernetes' API, and by field."""


def judge_fields(content: Mapping[str, Any], kind: str, place: str) -> dict[str, str]:
    """Return the fields that mean nothing here, by their place, with the reason.

    Raises UsageError for the first that is refused, and for one that is not known.
    """
    return dict(_judge(content, kind, place))


def _judge(content: Any, kind: str, place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(content, Mapping):
        raise UsageError(place, f"must hold fields of a {kind}", "see to the manifest: ./inv k8s.check")
    for name, value in content.items():
        here = f"{place}.{name}"
        field = TYPES[kind].get(str(name))
        if field is None:
            raise UsageError(here, f"is no field of {kind} that k8s.run knows", "see to the manifest: ./inv k8s.check")
        if value is None or value in ({}, []):
            continue
        if field.refused and value not in field.harmless:
            raise UsageError(here, f"is not carried out by k8s.run: {field.refused}", "run this Job in a cluster")
        if field.void:
            yield here, field.void
        elif field.kind:
            yield from _judge_inner(value, field, here)


def _judge_inner(value: Any, field: Field, place: str) -> Iterator[tuple[str, str]]:
    if not field.is_list:
        yield from _judge(value, field.kind, place)
        return
    for number, inner in enumerate(value if isinstance(value, list) else [value]):
        name = inner.get("name") if isinstance(inner, Mapping) else None
        yield from _judge(inner, field.kind, f"{place}[{name or number}]")
