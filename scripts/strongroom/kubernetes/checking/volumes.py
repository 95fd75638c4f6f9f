"""Volumes: declared and mounted, where there is something to mount, as the files' readers need them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import PurePosixPath

from strongroom.kubernetes.checking.scene import Finding, Pod, Scene
from strongroom.kubernetes.checking.selecting import fits
from strongroom.kubernetes.content import Content, dig, mappings, numbered, texts, word

_TOO_MUCH = 0o137
"""What no file of a secret needs: to be run, changed by its group, or seen by others."""
_MOST = 0o777
_NARROW = ("ReadWriteOnce", "ReadWriteOncePod")


def demand_declared_volumes(pod: Pod) -> Iterator[Finding]:
    """Demand that what is mounted is declared."""
    declared = {word(volume.get("name")) for _, volume in pod.volumes}
    for container in pod.containers:
        for number, mount in container.mounts:
            if word(mount.get("name")) not in declared:
                fact = f"mounts {mount.get('name')}, which the Pod does not declare"
                remedy = f"one of {', '.join(sorted(declared)) or 'none'}, or declare it under volumes:"
                yield pod.says_of(container, f"volumeMounts[{number}].name", fact, remedy)


def demand_mounted_volumes(pod: Pod) -> Iterator[Finding]:
    """Demand that what is declared is mounted: else something was forgotten."""
    mounted = {word(mount.get("name")) for container in pod.containers for _, mount in container.mounts}
    mounted |= {
        word(one.get("name"))
        for container in pod.containers
        for one in mappings(container.content.get("volumeDevices"))
    }
    for number, volume in pod.volumes:
        if word(volume.get("name")) not in mounted:
            fact = f"{volume.get('name')} is declared, and no container mounts it"
            yield pod.says(f"volumes[{number}]", fact, "mount it, or remove it")


def demand_places_of_their_own(pod: Pod) -> Iterator[Finding]:
    """Demand that each mount has an absolute path of its own."""
    for container in pod.containers:
        paths = Counter(str(mount.get("mountPath")).rstrip("/") for _, mount in container.mounts)
        for number, mount in container.mounts:
            path = str(mount.get("mountPath"))
            field = f"volumeMounts[{number}].mountPath"
            if not path.startswith("/") or ":" in path:
                yield pod.says_of(container, field, f"is no absolute path (got {path})", "begin with /")
            elif paths[path.rstrip("/")] > 1:
                yield pod.says_of(container, field, f"{path} is mounted twice", "give each mount a path of its own")


def demand_claims_that_are_there(scene: Scene) -> Iterator[Finding]:
    """Demand that a claim which is mounted is made here, where the namespace is: else it may be the application's."""
    for pod in scene.pods:
        for number, volume in pod.volumes:
            name = dig(volume, "persistentVolumeClaim.claimName")
            is_seen = scene.find("PersistentVolumeClaim", name, pod.thing.namespace) is not None
            if name and not is_seen and scene.is_ours(pod.thing.namespace):
                known = scene.close_to("PersistentVolumeClaim", pod.thing.namespace)
                fact = f"there is no claim {name} (there are: {known})"
                yield pod.says(f"volumes[{number}].persistentVolumeClaim.claimName", fact, "correct it, or make one")


def forbid_frozen_files(pod: Pod) -> Iterator[Finding]:
    """Forbid subPath of what the kubelet renews: a file mounted so keeps its first content for ever."""
    kinds = {word(volume.get("name")): volume for _, volume in pod.volumes}
    for container in pod.containers:
        for number, mount in container.mounts:
            volume = kinds.get(word(mount.get("name")), {})
            renewed = next((kind for kind in ("secret", "configMap", "projected") if kind in volume), None)
            for name in (name for name in ("subPath", "subPathExpr") if mount.get(name) and renewed):
                fact = f"a {renewed} mounted by {name} is never renewed"
                yield pod.says_of(container, f"volumeMounts[{number}].{name}", fact, "mount the folder")


def demand_private_secrets(pod: Pod) -> Iterator[Finding]:
    """Demand that files of secrets are its user's and group's alone; a mode without 0 in front is another number."""
    for number, volume in pod.volumes:
        for field, source in _list_secret_sources(volume):
            default = source.get("defaultMode", 0o644)
            items = [
                (f"{field}.items[{place}].mode", item.get("mode")) for place, item in numbered(source.get("items"))
            ]
            has_default = "secretName" in source or "sources" in source
            for where, mode in [*([(f"{field}.defaultMode", default)] if has_default else []), *items]:
                if isinstance(mode, int) and (mode > _MOST or mode & _TOO_MUCH):
                    fact = f"is {mode:04o}" + (", which is no mode" if mode > _MOST else ": " + _say_mode(mode))
                    yield pod.says(f"volumes[{number}].{where}", fact, "0440")
    yield from _demand_group(pod)


def _say_mode(mode: int) -> str:
    return "everybody may read it" if mode & 0o007 else "its group may change or run it"


def _list_secret_sources(volume: Content) -> Iterator[tuple[str, Content]]:
    if isinstance(volume.get("secret"), dict):
        yield "secret", volume["secret"]
    projected = volume.get("projected")
    if isinstance(projected, dict):
        sources = numbered(projected.get("sources"))
        if any("secret" in one or "serviceAccountToken" in one for _, one in sources):
            yield "projected", projected
        for place, one in sources:
            if isinstance(one.get("secret"), dict):
                yield f"projected.sources[{place}].secret", one["secret"]


def _demand_group(pod: Pod) -> Iterator[Finding]:
    """Volumes belong to root until a group of the Pod's own is said."""
    needs = [volume for _, volume in pod.volumes if volume.keys() & {"persistentVolumeClaim", "secret", "projected"}]
    if needs and not isinstance(dig(pod.spec, "securityContext.fsGroup"), int):
        fact = f"is not said: the volume {needs[0].get('name')} is root's, and no user of ours may read it"
        yield pod.says("securityContext.fsGroup", fact, "fsGroup: 10001")
    claims = [volume for _, volume in pod.volumes if "persistentVolumeClaim" in volume]
    policy = dig(pod.spec, "securityContext.fsGroupChangePolicy")
    if claims and policy != "OnRootMismatch":
        fact = f"is {policy or 'not said'}: every start would walk through all files of the volume"
        yield pod.says("securityContext.fsGroupChangePolicy", fact, "fsGroupChangePolicy: OnRootMismatch")


def demand_a_place_for_temporary_files(pod: Pod) -> Iterator[Finding]:
    """Demand something writable at /tmp, where the root file system is read-only."""
    for container in pod.containers:
        is_read_only = (
            container.runs_a_task and dig(container.content, "securityContext.readOnlyRootFilesystem") is True
        )
        places = {str(mount.get("mountPath")).rstrip("/") for _, mount in container.mounts if not mount.get("readOnly")}
        if is_read_only and "/tmp" not in places:  # noqa: S108  # in a container
            fact = "nothing writable is at /tmp, and the root file system is read-only"
            yield pod.says_of(container, "volumeMounts", fact, "an emptyDir with a sizeLimit at /tmp")


def demand_writable_databases(pod: Pod) -> Iterator[Finding]:
    """Demand that a claim with SQLite's files is mounted to be written: readers write -wal and -shm too."""
    claims = {word(v.get("name")): (number, v) for number, v in pod.volumes if "persistentVolumeClaim" in v}
    for container in pod.containers:
        for number, mount in container.mounts:
            place, volume = claims.get(word(mount.get("name")), (0, {}))
            if not volume or PurePosixPath(str(mount.get("mountPath"))).parts[:2] != ("/", "work"):
                continue
            remedy = "remove readOnly: SQLite's WAL mode needs it, and nothing is written to the data"
            if mount.get("readOnly"):
                fact = "is read-only, and a database in WAL mode could not be read"
                yield pod.says_of(container, f"volumeMounts[{number}].readOnly", fact, remedy)
            if dig(volume, "persistentVolumeClaim.readOnly"):
                fact = "is read-only, and a database in WAL mode could not be read"
                yield pod.says(f"volumes[{place}].persistentVolumeClaim.readOnly", fact, remedy)


def demand_one_node_for_one_volume(scene: Scene) -> Iterator[Finding]:
    """Demand that Pods which share a volume of a single node are drawn to the same one."""
    narrow = _list_narrow(scene)
    unbound = [(pod, _list_claims(pod) & narrow) for pod in scene.pods]
    told = set[str]()
    for (one, mine), (other, theirs) in combinations(unbound, 2):
        shared = sorted(mine & theirs)
        if shared and one.thing.title not in told and not (_is_drawn(one, other) or _is_drawn(other, one)):
            told.add(one.thing.title)
            fact = f"nothing draws it to the node of {other.thing.title}, with which it shares {shared[0]}"
            remedy = "requiredDuringScheduling… with topologyKey: kubernetes.io/hostname, and a label both have"
            yield one.says("affinity.podAffinity", fact, remedy)


def demand_one_writer_at_a_time(scene: Scene) -> Iterator[Finding]:
    """Demand of a Deployment on a volume of a single node that it is one Pod, which goes before the next one comes."""
    narrow = _list_narrow(scene)
    for pod in scene.pods:
        if pod.thing.kind != "Deployment" or not _list_claims(pod) & narrow:
            continue
        replicas, kind = pod.thing.find("spec.replicas"), pod.thing.find("spec.strategy.type")
        if isinstance(replicas, int) and replicas > 1:
            fact = f"is {replicas}, and only one node mounts the volume"
            yield pod.thing.says("spec.replicas", fact, "replicas: 1, or a claim that is ReadWriteMany")
        if kind != "Recreate":
            fact = f"is {kind or 'not said, which is RollingUpdate'}: the new Pod waits for the volume of the old one"
            yield pod.thing.says("spec.strategy.type", fact, "strategy: {type: Recreate}")


def _list_narrow(scene: Scene) -> set[str]:
    claims = scene.list_kind("PersistentVolumeClaim")
    return {claim.name for claim in claims if set(texts(claim.find("spec.accessModes"))) <= set(_NARROW)}


def _list_claims(pod: Pod) -> set[str]:
    return {name for _, volume in pod.volumes if (name := word(dig(volume, "persistentVolumeClaim.claimName")))}


def _is_drawn(pod: Pod, to: Pod) -> bool:
    terms = mappings(dig(pod.spec, "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution"))
    near = [term for term in terms if term.get("topologyKey") == "kubernetes.io/hostname"]
    return any(fits(term.get("labelSelector"), to.labels) for term in near) or "nodeName" in pod.spec


def forbid_links_out_of_volumes(pod: Pod) -> Iterator[Finding]:
    """Forbid a subPath that leaves its volume."""
    for container in pod.containers:
        for number, mount in container.mounts:
            path = str(mount.get("subPath") or "")
            if path.startswith("/") or ".." in re.split("/", path):
                fact = f"leaves its volume (got {path})"
                yield pod.says_of(container, f"volumeMounts[{number}].subPath", fact, "a path inside the volume")
