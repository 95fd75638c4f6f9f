"""Selectors of labels, as Kubernetes matches them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from strongroom.kubernetes.checking.scene import Pod, Scene
from strongroom.kubernetes.content import Content, mapping, mappings

_MEANINGS: Mapping[str, Callable[[Content, str, list[object]], bool]] = {
    "In": lambda labels, key, values: labels.get(key) in values,
    "NotIn": lambda labels, key, values: labels.get(key) not in values,
    "Exists": lambda labels, key, _: key in labels,
    "DoesNotExist": lambda labels, key, _: key not in labels,
}


def fits(selector: object, labels: Content) -> bool:
    """Tell whether a selector means something with these labels; an empty one means all."""
    wanted = mapping(mapping(selector).get("matchLabels"))
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for one in mappings(mapping(selector).get("matchExpressions")):
        meaning = _MEANINGS.get(str(one.get("operator")))
        values = one.get("values")
        if meaning is None or not meaning(labels, str(one.get("key")), values if isinstance(values, list) else []):
            return False
    return True


def list_selected(scene: Scene, selector: object, namespace: str) -> list[Pod]:
    """Return the Pods of a namespace that a selector means."""
    return [pod for pod in scene.pods if pod.thing.namespace == namespace and fits(selector, pod.labels)]


def describe(selector: object) -> str:
    """Write a selector in a line, as in ``app=postgres,tier``."""
    wanted = [f"{key}={value}" for key, value in mapping(mapping(selector).get("matchLabels")).items()]
    for one in mappings(mapping(selector).get("matchExpressions")):
        values = one.get("values")
        listed = f" ({', '.join(map(str, values))})" if isinstance(values, list) else ""
        wanted.append(f"{one.get('key')} {one.get('operator')}{listed}")
    return ", ".join(wanted) or "everything"
