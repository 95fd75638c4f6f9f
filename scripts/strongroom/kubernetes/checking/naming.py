"""Names and labels: of a form that a cluster takes, once each, and in a namespace that is there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from strongroom.kubernetes.checking.scene import CLUSTER_WIDE, Finding, Pod, Scene, Thing
from strongroom.kubernetes.content import mapping, mappings

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LONGEST = {"CronJob": 52, "Job": 63, "Service": 63, "Namespace": 63}
"""A CronJob's Jobs have eleven characters more, and their Pods' label has 63."""
_USUAL_LONGEST = 253


def demand_names(scene: Scene) -> Iterator[Finding]:
    """Demand names of the form and length that a cluster takes."""
    for thing in scene.things:
        longest = _LONGEST.get(thing.kind, _USUAL_LONGEST)
        if len(thing.name) > longest:
            fact = f"has {len(thing.name)} characters, and {longest} are allowed"
            yield thing.says("metadata.name", fact, "a shorter name")
        elif not (_LABEL if longest < _USUAL_LONGEST else _SUBDOMAIN).fullmatch(thing.name):
            fact = f"is no name of an object (got {thing.name})"
            yield thing.says("metadata.name", fact, "lower-case letters, digits and -")


def demand_each_object_once(scene: Scene) -> Iterator[Finding]:
    """Demand that no object stands twice: the later one would silently win."""
    counted = Counter((thing.title, thing.namespace) for thing in scene.things)
    for (title, _), count in counted.items():
        if count > 1:
            yield Finding(object=title, field="metadata.name", fact=f"stands {count} times", remedy="keep one")


def demand_a_namespace_that_is_there(scene: Scene) -> Iterator[Finding]:
    """Demand a namespace of each object, and that it is made with it; without any it is one, made by somebody else."""
    made = {thing.name for thing in scene.list_kind("Namespace")}
    inside = [thing for thing in scene.things if thing.kind not in CLUSTER_WIDE]
    counted = Counter(thing.namespace for thing in inside)
    known = made or {name for name, _ in counted.most_common(1)}
    for thing in inside:
        if not thing.namespace:
            fact = "is not said: it would be whichever kubectl uses"
            yield thing.says("metadata.namespace", fact, "namespace: in the overlay")
        elif thing.namespace not in known:
            how = "made here is" if made else "all others are in"
            fact = f"{thing.namespace} is another one ({how} {', '.join(sorted(known))})"
            yield thing.says("metadata.namespace", fact, "correct it, or add the Namespace")


def demand_labels(scene: Scene) -> Iterator[Finding]:
    """Demand labels that a cluster takes: keys with a form, values of 63 characters."""
    for thing in scene.things:
        for place, labels in (("metadata.labels", thing.labels), *_list_labels_of_pods(scene, thing)):
            for key, value in labels.items():
                if not _KEY.fullmatch(str(key)):
                    yield thing.says(f"{place}[{key}]", "is no key of a label", "letters, digits, - _ . and one /")
                if isinstance(value, str) and not _VALUE.fullmatch(value):
                    fact = f"is no value of a label (got {value})"
                    yield thing.says(f"{place}[{key}]", fact, "at most 63 letters, digits, - _ and .")


def _list_labels_of_pods(scene: Scene, thing: Thing) -> Iterator[tuple[str, dict[str, object]]]:
    for pod in scene.pods:
        if pod.thing is thing and pod.template_path:
            yield f"{pod.template_path}.metadata.labels", dict(pod.labels)


def demand_names_within_a_pod(pod: Pod) -> Iterator[Finding]:
    """Demand that containers, volumes and variables each have a name of their own in a Pod."""
    yield from _find_twice(pod, "containers", [container.name for container in pod.containers])
    yield from _find_twice(pod, "volumes", [str(volume.get("name")) for _, volume in pod.volumes])
    for container in pod.containers:
        if not _LABEL.fullmatch(container.name) or len(container.name) > _LONGEST["Job"]:
            yield pod.says_of(container, "name", f"is no name (got {container.name})", "lower-case letters, digits, -")
        names = Counter(str(one.get("name")) for one in mappings(container.content.get("env")))
        for name in (name for name, count in names.items() if count > 1):
            yield pod.says_of(container, "env", f"{name} stands {names[name]} times: the last one counts", "keep one")
    for number, volume in pod.volumes:
        if not _LABEL.fullmatch(str(volume.get("name"))):
            yield pod.says(f"volumes[{number}].name", f"is no name (got {volume.get('name')})", "lower-case letters, -")


def _find_twice(pod: Pod, field: str, names: list[str]) -> Iterator[Finding]:
    for name, count in Counter(names).items():
        if count > 1:
            yield pod.says(field, f"{name} stands {count} times", "keep one, or give it another name")


def demand_files_that_fit(scene: Scene) -> Iterator[Finding]:
    """Demand keys of ConfigMaps and Secrets that can be names of files, and a size that a cluster takes."""
    for thing in scene.list_kind("ConfigMap", "Secret"):
        held = {**mapping(thing.find("data")), **mapping(thing.find("binaryData")), **mapping(thing.find("stringData"))}
        for key in (key for key in held if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) or key in (".", "..")):
            yield thing.says(f"data[{key}]", "is no key", "letters, digits, - _ and .")
        size = sum(len(value.encode()) for value in held.values() if isinstance(value, str))
        if size > 1024**2:
            yield thing.says("data", f"has {size} bytes, and 1048576 are allowed", "part it, or use a volume")
