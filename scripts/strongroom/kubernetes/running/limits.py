"""Limits of what a Pod writes to disk, past which the kubelet evicts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.engine.containers import RunningBox
from strongroom.kubernetes.running.quantities import read_bytes
from strongroom.kubernetes.running.sandbox import Sandbox
from strongroom.kubernetes.running.saying import Saying

_STORAGE = "ephemeral-storage"


def find_excess(
    pod: Mapping[str, Any],
    sandbox: Sandbox,
    running: Mapping[str, tuple[RunningBox | None, Saying | None]],
    place: str,
) -> str:
    """Return what holds more than it may, in the kubelet's words; nothing where all is well."""
    limits = {str(container["name"]): _read_limit(container, place) for container in pod["containers"]}
    folders = {name: volume for name, volume in sandbox.volumes.items() if volume.limit is not None}
    if not folders and not any(limits.values()):
        return ""
    used = sandbox.measure()
    for name, volume in folders.items():
        if volume.limit is not None and used.get(name, 0) > volume.limit:
            return f'Usage of EmptyDir volume "{name}" exceeds the limit "{volume.limit_text}".'
    written = {name: _count(*running[name]) for name in limits if limits[name] is not None and name in running}
    for name, size in written.items():
        limit = limits[name]
        if limit is not None and size > limit:
            return f'Container {name} exceeded its local ephemeral storage limit "{limit}".'
    whole = [limit for limit in limits.values() if limit is not None]
    if len(whole) == len(limits) and sum(written.values()) + sum(used.values()) > sum(whole):
        return f"Pod ephemeral local storage usage exceeds the total limit of containers {sum(whole)}."
    return ""


def _read_limit(container: Mapping[str, Any], place: str) -> int | None:
    limit = ((container.get("resources") or {}).get("limits") or {}).get(_STORAGE)
    return None if limit is None else read_bytes(limit, f"{place}: {container.get('name')}: {_STORAGE}")


def _count(box: RunningBox | None, saying: Saying | None) -> int:
    return (0 if box is None else box.count_written()) + (0 if saying is None else saying.size)
