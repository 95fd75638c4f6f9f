"""The system that a container works on: ``system.yaml`` as its Pod mounts it, and the files that this names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from strongroom.core.backup_entry import Bucket, FolderStore, StoreEntry
from strongroom.core.config import SYSTEM_VARIABLE
from strongroom.core.errors import ConfigurationError
from strongroom.core.key_entries import FileKey, KubernetesLogin, Place, VaultKey
from strongroom.core.system import SYSTEM_FILE, System, read_system
from strongroom.kubernetes.checking.references import find_keys, list_variables
from strongroom.kubernetes.checking.scene import Container, Finding, Pod, Scene
from strongroom.kubernetes.content import Content, dig, mapping, mappings


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a container of ours does, and on what."""

    pod: Pod
    container: Container
    task: str
    variables: dict[str, str | None]
    """What it sees; None for a value that only a cluster knows."""
    folder: str | None
    """Where its system is said to be."""

    def says(self, field: str, fact: str, remedy: str) -> Finding:
        """Make a finding about its container."""
        return self.pod.says_of(self.container, field, fact, remedy)


def list_works(scene: Scene) -> Iterator[Work]:
    """Yield the containers that run a task of ours, by our image's own entrypoint."""
    for pod in scene.pods:
        for container in pod.containers:
            task = next(iter(container.arguments), "")
            if task in scene.tasks and container.runs_a_task:
                variables = list_variables(scene, pod, container)
                folder = _read_flag(container, "--system") or variables.get(SYSTEM_VARIABLE)
                yield Work(pod=pod, container=container, task=task, variables=variables, folder=folder)


def _read_flag(container: Container, flag: str) -> str | None:
    words = container.arguments
    for number, word in enumerate(words):
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
        if word == flag and number + 1 < len(words):
            return words[number + 1]
    return None


def demand_systems(scene: Scene) -> Iterator[Finding]:
    """Demand that the system which a container is told of is mounted, and can be read."""
    for work in list_works(scene):
        if work.folder is None or not work.folder.startswith("/"):
            continue
        source = _find_text(scene, work, f"{work.folder}/{SYSTEM_FILE}")
        if source is None:
            if not _is_in_image(work.folder) and not lies_on_a_disk(work, work.folder):
                fact = f"{work.folder}/{SYSTEM_FILE} is not in the Pod"
                yield work.says("volumeMounts", fact, f"mount the ConfigMap with {SYSTEM_FILE} at {work.folder}")
            continue
        title, text = source
        fault = _read(text)[1]
        if fault is not None:
            yield Finding(object=title, field=f"data[{SYSTEM_FILE}]", fact=fault, remedy="correct it there")


def find_system(scene: Scene, work: Work) -> System | None:
    """Return the system of a container; None where it is not mounted from here, or is wrong."""
    source = None if work.folder is None else _find_text(scene, work, f"{work.folder}/{SYSTEM_FILE}")
    return None if source is None else _read(source[1])[0]


def demand_files_of_systems(scene: Scene) -> Iterator[Finding]:
    """Demand that each file which a system names is mounted where a task needs it, and folders are writable."""
    for work in list_works(scene):
        system = find_system(scene, work)
        if system is None:
            continue
        for what, path in _list_files(work.task, system):
            if not is_file_there(scene, work, path):
                yield work.says("volumeMounts", f"{what} {path} is not in the Pod", "mount what holds it there")
        for what, path in _list_folders(work, system):
            mount = find_mount(work, path)
            if mount is None:
                fact = f"{what} {path} is on no volume, and the root file system is read-only"
                yield work.says("volumeMounts", fact, "mount a volume there")
            elif mount.get("readOnly") or not lies_on_a_disk(work, path):
                yield work.says("volumeMounts", f"{what} {path} is mounted read-only", "mount it to be written")


def _list_files(task: str, system: System) -> Iterator[tuple[str, str]]:
    """Yield what a task reads: its keys, and what a store asks for."""
    is_backup = task.startswith("backup.") and system.backup is not None
    wanted = set(system.keys) if task.startswith("keys.") else set()
    for store in list_stores(system) if is_backup else ():
        wanted |= set() if isinstance(store, FolderStore) else {store.password}
        bucket = None if isinstance(store, FolderStore) else store.bucket
        if bucket is not None:
            yield from _list_places(bucket)
    for name in sorted(wanted & set(system.keys)):
        entry = system.keys[name]
        if isinstance(entry, FileKey) and entry.path:
            yield f"key {name}", entry.path
        if isinstance(entry, VaultKey):
            yield from [("authorities", entry.ca_file)] if entry.ca_file else []
            yield from [("token", entry.auth.token_file)] if isinstance(entry.auth, KubernetesLogin) else []


def _list_places(bucket: Bucket) -> Iterator[tuple[str, str]]:
    named: list[tuple[str, Place]] = [("access key", bucket.access_key), ("secret key", bucket.secret_key)]
    yield from ((what, place.file) for what, place in named if place.file)
    yield from [("authorities", bucket.ca_file)] if bucket.ca_file else []


def _list_folders(work: Work, system: System) -> Iterator[tuple[str, str]]:
    """Yield what a task writes to; who reads a database in WAL mode writes beside it."""
    task, data = work.task, system.data_dir
    if system.audit_log is not None and task.startswith("keys."):
        yield "audit_log", system.audit_log
    if system.backup is None or not task.startswith("backup."):
        return
    for store in list_stores(system):
        if store.kind == "folder" or store.path is not None:
            yield "store", str(store.path)
    if task == "backup.create":
        named = [work.variables.get(name) for name in data.variables] if data is not None else []
        where = next(filter(None, named), data.default if data is not None else "")
        yield from [("data directory", where)] if where.startswith("/") else []
        yield from [("stage", system.backup.stage)] if system.backup.stage else []
        yield from [("metrics", system.backup.metrics)] if system.backup.metrics else []


def list_stores(system: System) -> list[StoreEntry]:
    """Return the stores of a system."""
    entry = system.backup
    return [] if entry is None else [store for store in (entry.store, entry.second) if store is not None]


def is_file_there(scene: Scene, work: Work, path: str) -> bool:
    """Tell whether a container sees a file, as far as can be told here: on a disk there may be any."""
    volume = _find_volume(work, path)
    if volume is None:
        return False
    names = list_files(scene, work.pod, volume)
    mount = mapping(find_mount(work, path))
    inside = PurePosixPath(path).relative_to(str(mount.get("mountPath")))
    return names is None or str(inside) in names


def list_files(scene: Scene, pod: Pod, volume: Content) -> set[str] | None:
    """Return the files of a volume that the kubelet makes; None for a disk."""
    sources = [volume] if volume.keys() & {"configMap", "secret"} else mappings(dig(volume, "projected.sources"))
    if "projected" not in volume and not volume.keys() & {"configMap", "secret", "downwardAPI"}:
        return None
    names = {str(dig(one, "serviceAccountToken.path")) for one in sources if "serviceAccountToken" in one}
    for one in sources:
        for member, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            named = mapping(one.get(member))
            items = mappings(named.get("items"))
            if items:
                names |= {str(item.get("path")) for item in items}
            elif named:
                name = str(named.get("name") or named.get("secretName"))
                names |= find_keys(scene, kind, name, pod.thing.namespace) or set()
    return names


def find_mount(work: Work, path: str) -> Content | None:
    """Return the mount that holds a path: the innermost."""
    whole = PurePosixPath(path)
    fitting = [
        mount
        for _, mount in work.container.mounts
        if whole.is_relative_to(str(mount.get("mountPath"))) and str(mount.get("mountPath")).startswith("/")
    ]
    return max(fitting, key=lambda mount: len(str(mount.get("mountPath"))), default=None)


def _find_volume(work: Work, path: str) -> Content | None:
    mount = find_mount(work, path)
    named = None if mount is None else mount.get("name")
    return next((volume for _, volume in work.pod.volumes if named and volume.get("name") == named), None)


def lies_on_a_disk(work: Work, path: str) -> bool:
    """Tell whether a path of a container is on a volume that files are written to."""
    volume = _find_volume(work, path)
    return volume is not None and bool(volume.keys() & {"persistentVolumeClaim", "emptyDir", "ephemeral", "csi"})


def _is_in_image(folder: str) -> bool:
    return PurePosixPath(folder).is_relative_to("/opt/strongroom")


def _find_text(scene: Scene, work: Work, path: str) -> tuple[str, str] | None:
    """Return the object that holds a text file of a container, and the text."""
    volume = _find_volume(work, path)
    name = None if volume is None else dig(volume, "configMap.name")
    thing = scene.find("ConfigMap", name, work.pod.thing.namespace) if name else None
    text = None if thing is None else mapping(thing.find("data")).get(PurePosixPath(path).name)
    return None if thing is None or text is None else (thing.title, str(text))


@lru_cache(maxsize=32)
def _read(text: str) -> tuple[System | None, str | None]:
    """Return a system, or what is wrong with its text."""
    with tempfile.TemporaryDirectory(prefix="strongroom-system-") as scratch:
        (Path(scratch) / SYSTEM_FILE).write_text(text, encoding="utf-8")
        try:
            return read_system(Path(scratch)), None
        except ConfigurationError as error:
            line = error.subject.removeprefix(f"{scratch}/{SYSTEM_FILE}").strip(":")
            return None, f"line {line}: {error.fact}"
