"""Requests and limits: said, readable, and in an order that a node can keep."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.kubernetes.checking.quantities import read_quantity
from strongroom.kubernetes.checking.scene import Container, Finding, Pod, Scene
from strongroom.kubernetes.content import dig, mapping

_REQUESTS = ("cpu", "memory", "ephemeral-storage")
_LIMITS = ("memory", "ephemeral-storage")
"""No limit of processors: it would only make a night's work longer."""
_LEAST_BYTES = 1024**2
_BYTES = ("memory", "ephemeral-storage", "storage")


def demand_requests_and_limits(pod: Pod) -> Iterator[Finding]:
    """Demand that a container says what it needs, and what ends it."""
    for container in pod.containers:
        for kind, names in (("requests", _REQUESTS), ("limits", _LIMITS)):
            said = mapping(dig(container.content, f"resources.{kind}"))
            for name in (name for name in names if name not in said):
                remedy = f"resources: {{{kind}: {{{name}: …}}}}"
                yield pod.says_of(container, f"resources.{kind}.{name}", "is not said", remedy)


def demand_readable_quantities(pod: Pod) -> Iterator[Finding]:
    """Demand quantities of the size that was meant: ``512m`` of memory is half a byte."""
    for container in pod.containers:
        for kind in ("requests", "limits"):
            for name, value in mapping(dig(container.content, f"resources.{kind}")).items():
                fact = _judge(name, value)
                if fact is not None:
                    yield pod.says_of(container, f"resources.{kind}.{name}", fact, "as in 512Mi, or 250m of a cpu")
        yield from _compare(pod, container)
    for number, volume in pod.volumes:
        size = dig(volume, "emptyDir.sizeLimit")
        if size is not None and read_quantity(size) is None:
            yield pod.says(f"volumes[{number}].emptyDir.sizeLimit", f"is no quantity (got {size})", "as in 1Gi")


def demand_readable_claims(scene: Scene) -> Iterator[Finding]:
    """Demand that a claim says how much it wants."""
    for thing in scene.list_kind("PersistentVolumeClaim"):
        fact = _judge("storage", thing.find("spec.resources.requests.storage"))
        if fact is not None:
            yield thing.says("spec.resources.requests.storage", fact, "as in 20Gi")


def demand_small_folders_of_memory_and_disk(pod: Pod) -> Iterator[Finding]:
    """Demand a limit of each emptyDir, and one that the Pod may use: else it is evicted."""
    limits = [read_quantity(dig(one.content, "resources.limits.ephemeral-storage")) for one in pod.containers]
    most = sum(limit for limit in limits if limit is not None)
    for number, volume in pod.volumes:
        if "emptyDir" not in volume:
            continue
        size = dig(volume, "emptyDir.sizeLimit")
        read = read_quantity(size)
        field = f"volumes[{number}].emptyDir.sizeLimit"
        if size is None:
            yield pod.says(field, "is not said: it may fill the node", "sizeLimit: …")
        elif read is not None and most and read > most and dig(volume, "emptyDir.medium") != "Memory":
            fact = f"{size} is more than the containers' limits of ephemeral-storage: the Pod would be evicted first"
            yield pod.says(field, fact, "raise limits.ephemeral-storage, or lower it")


def _judge(name: str, value: object) -> str | None:
    read = read_quantity(value)
    if read is None:
        return f"is no quantity (got {value})"
    if name in _BYTES and read < _LEAST_BYTES:
        return f"is next to nothing ({value} is {read.normalize():f} bytes)"
    return None


def _compare(pod: Pod, container: Container) -> Iterator[Finding]:
    for name, value in mapping(dig(container.content, "resources.requests")).items():
        limit = mapping(dig(container.content, "resources.limits")).get(name)
        asked, most = read_quantity(value), read_quantity(limit)
        if asked is not None and most is not None and asked > most:
            fact = f"{value} is more than the limit of {limit}"
            yield pod.says_of(container, f"resources.requests.{name}", fact, "raise the limit, or lower the request")
