"""Names that one object says of another, and the keys in it: all of them are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.kubernetes.checking.scene import Container, Finding, Pod, Scene, Thing
from strongroom.kubernetes.content import Content, dig, mapping, mappings, numbered, texts

_VARIABLE = re.compile(r"(?<!\$)\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_GIVEN = {"JOB_COMPLETION_INDEX"}
"""Variables that Kubernetes gives by itself."""
_OF_CLUSTERS = ("system-cluster-critical", "system-node-critical")


@dataclass(frozen=True, kw_only=True)
class Use:
    """A place where a Pod takes something out of a ConfigMap or a Secret."""

    kind: str
    name: str
    key: str | None
    """None where all of it is taken."""
    field: str
    is_optional: bool


def demand_what_is_named(scene: Scene) -> Iterator[Finding]:
    """Demand that each ConfigMap and Secret that a Pod needs is there, with the key that it takes."""
    for pod in scene.pods:
        for use in list_uses(pod):
            if not use.is_optional:
                yield from _judge_use(scene, pod, use)


def _judge_use(scene: Scene, pod: Pod, use: Use) -> Iterator[Finding]:
    keys = find_keys(scene, use.kind, use.name, pod.thing.namespace)
    if keys is None:
        known = scene.close_to(use.kind, pod.thing.namespace)
        fact = f"there is no {use.kind} {use.name} (there are: {known})"
        yield pod.thing.says(use.field, fact, "correct the name, or make one")
    elif use.key is not None and use.key not in keys:
        fact = f"{use.kind} {use.name} has no key {use.key} (it has: {', '.join(sorted(keys)) or 'none'})"
        yield pod.thing.says(use.field, fact, "correct the key")


def find_keys(scene: Scene, kind: str, name: str, namespace: str) -> set[str] | None:
    """Return the keys of a ConfigMap or a Secret, also of one that an ExternalSecret makes; None where none is."""
    thing = scene.find(kind, name, namespace)
    found = (
        None
        if thing is None
        else {key for part in ("data", "binaryData", "stringData") for key in mapping(thing.find(part))}
    )
    for maker in scene.list_kind("ExternalSecret") if kind == "Secret" else ():
        if (maker.find("spec.target.name") or maker.name) == name and maker.namespace == namespace:
            made = {str(one.get("secretKey")) for one in mappings(maker.find("spec.data"))}
            found = (found or set()) | made | set(mapping(maker.find("spec.target.template.data")))
    return found


def list_uses(pod: Pod) -> Iterator[Use]:
    """Yield what a Pod takes out of ConfigMaps and Secrets: as variables, as files, to pull images."""
    for container in pod.containers:
        yield from _list_variables(container)
    for number, volume in pod.volumes:
        yield from _list_files(f"{pod.path}.volumes[{number}]", volume)
    for number, one in numbered(pod.spec.get("imagePullSecrets")):
        field = f"{pod.path}.imagePullSecrets[{number}].name"
        yield Use(kind="Secret", name=str(one.get("name")), key=None, field=field, is_optional=False)


def _list_variables(container: Container) -> Iterator[Use]:
    for number, one in numbered(container.content.get("env")):
        for member, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            named = mapping(dig(one, f"valueFrom.{member}"))
            if named:
                yield _use(kind, named, f"{container.path}.env[{number}].valueFrom.{member}", key=str(named.get("key")))
    for number, one in numbered(container.content.get("envFrom")):
        for member, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if mapping(one.get(member)):
                yield _use(kind, one[member], f"{container.path}.envFrom[{number}].{member}")


def _list_files(path: str, volume: Content) -> Iterator[Use]:
    sources = [(path, volume)]
    sources += [(f"{path}.projected.sources[{n}]", one) for n, one in numbered(dig(volume, "projected.sources"))]
    for place, source in sources:
        for member, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            named = mapping(source.get(member))
            if named:
                yield _use(kind, named, f"{place}.{member}")
                for number, item in numbered(named.get("items")):
                    yield _use(kind, named, f"{place}.{member}.items[{number}].key", key=str(item.get("key")))


def _use(kind: str, named: Content, field: str, key: str | None = None) -> Use:
    name = named.get("name") or named.get("secretName")
    return Use(kind=kind, name=str(name), key=key, field=field, is_optional=named.get("optional") is True)


def forbid_unused(scene: Scene) -> Iterator[Finding]:
    """Forbid a ConfigMap, a Secret or a claim that nothing uses: what was to use it names another."""
    used = {(use.kind, use.name) for pod in scene.pods for use in list_uses(pod)}
    used |= {
        ("PersistentVolumeClaim", str(dig(volume, "persistentVolumeClaim.claimName")))
        for pod in scene.pods for _, volume in pod.volumes
    }  # fmt: skip
    used |= {("Secret", name) for store in scene.list_kind("SecretStore") for name in _list_names(store.content)}
    for thing in scene.list_kind("ConfigMap", "Secret", "PersistentVolumeClaim"):
        is_taken_by_label = any(label.startswith("grafana_dashboard") for label in thing.labels)
        if (thing.kind, thing.name) not in used and not is_taken_by_label:
            yield thing.says("metadata.name", "nothing uses it", "correct who names another, or remove it")


def _list_names(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (str(inner) for name, inner in value.items() if name == "name" and isinstance(inner, str))
        for inner in value.values():
            yield from _list_names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _list_names(inner)


def demand_variables_that_are_set(scene: Scene) -> Iterator[Finding]:
    """Demand that ``$(NAME)`` means a variable that is set: else it is passed on as it stands."""
    for pod in scene.pods:
        for container in pod.containers:
            known = list_variables(scene, pod, container)
            for field in ("command", "args"):
                for number, word in enumerate(texts(container.content.get(field))):
                    for name in _VARIABLE.findall(str(word)):
                        if name not in known:
                            fact = f"$({name}) is no variable of the container"
                            yield pod.says_of(container, f"{field}[{number}]", fact, f"set {name} under env:")


def list_variables(scene: Scene, pod: Pod, container: Container) -> dict[str, str | None]:
    """Return the variables that a container sees, with their values; None for one that only a cluster knows."""
    indexed = any(job.pod is pod and job.spec.get("completionMode") == "Indexed" for job in scene.jobs)
    found: dict[str, str | None] = dict.fromkeys(_GIVEN) if indexed else {}
    for one in mappings(container.content.get("envFrom")):
        for member, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            name = dig(one, f"{member}.name")
            for key in find_keys(scene, kind, str(name), pod.thing.namespace) or () if name else ():
                found[f"{one.get('prefix') or ''}{key}"] = _read(scene, pod, kind, name, key)
    for one in mappings(container.content.get("env")):
        found[str(one.get("name"))] = _read_variable(scene, pod, one)
    return found


def _read_variable(scene: Scene, pod: Pod, one: Content) -> str | None:
    named = mapping(dig(one, "valueFrom.configMapKeyRef"))
    if named:
        return _read(scene, pod, "ConfigMap", named.get("name"), named.get("key"))
    value = one.get("value")
    return None if value is None else str(value)


def _read(scene: Scene, pod: Pod, kind: str, name: object, key: object) -> str | None:
    thing = scene.find(kind, name, pod.thing.namespace) if kind == "ConfigMap" else None
    value = None if thing is None else mapping(thing.find("data")).get(str(key))
    return None if value is None else str(value)


def demand_makers(scene: Scene) -> Iterator[Finding]:
    """Demand the service account of a Pod, and the store of an ExternalSecret."""
    for pod in scene.pods:
        name = pod.spec.get("serviceAccountName")
        if name not in (None, "default") and scene.find("ServiceAccount", name, pod.thing.namespace) is None:
            known = scene.close_to("ServiceAccount", pod.thing.namespace)
            yield pod.says("serviceAccountName", f"there is no {name} (there are: {known})", "correct it, or make one")
        priority = pod.spec.get("priorityClassName")
        if priority not in (None, *_OF_CLUSTERS) and scene.find("PriorityClass", priority, "") is None:
            yield pod.says("priorityClassName", f"there is no {priority} here", "make it, or remove it")
    for maker in scene.list_kind("ExternalSecret"):
        yield from _judge_store(scene, maker)


def _judge_store(scene: Scene, maker: Thing) -> Iterator[Finding]:
    kind, name = maker.find("spec.secretStoreRef.kind") or "SecretStore", maker.find("spec.secretStoreRef.name")
    if kind == "SecretStore" and scene.find("SecretStore", name, maker.namespace) is None:
        known = scene.close_to("SecretStore", maker.namespace)
        yield maker.says("spec.secretStoreRef.name", f"there is no {kind} {name} (there are: {known})", "correct it")
