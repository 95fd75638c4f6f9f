"""The volumes of a Pod as the engine has them: files in memory, empty folders, claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.engine import Client
from strongroom.engine.containers import Mounted, find_volume, make_volume
from strongroom.kubernetes.running.environment import missing
from strongroom.kubernetes.running.files import File, Sources, grant, read_files
from strongroom.kubernetes.running.quantities import read_bytes
from strongroom.kubernetes.running.tokens import find_renewal

ROOT = "/pod/volumes"
"""Where a Pod's sandbox sees its volumes."""
_FILES = ("configMap", "downwardAPI", "projected", "secret")
_OPEN, _STICKY = 0o777, 0o1777


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One volume that is there."""

    name: str
    source: str
    """A volume of the engine, or a path of its machine."""
    base: str
    """Where the engine's machine has its files."""
    is_path: bool = False
    read_only: bool = False
    files: Mapping[str, File] | None = field(default=None, repr=False)
    """What is put into it."""
    renewal: float | None = None
    """Seconds after which its tokens are made anew."""
    is_empty_folder: bool = False
    is_claim: bool = False
    limit: int | None = None
    """Of an empty folder on disk, in bytes."""
    limit_text: str = ""

    @property
    def inside(self) -> str:
        """Where the sandbox sees it."""
        return f"{ROOT}/{self.name}"

    def mount_inside(self) -> Mounted:
        """Return it as the sandbox has it: writable, unless nobody may write."""
        return Mounted(
            target=self.inside, source=self.source, is_path=self.is_path, read_only=self.read_only and self.is_claim
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes the volumes of one Pod."""

    client: Client
    pod: Mapping[str, Any]
    sources: Sources
    claims: Mapping[str, str]
    labels: Mapping[str, str]
    place: str
    made: list[str] = field(default_factory=list)
    """Volumes of the engine that end with the Pod."""

    def make(self) -> Iterator[Volume]:
        """Yield the volumes that a container of the Pod mounts. Raises ConfigurationError, UsageError."""
        declared = {str(volume["name"]): volume for volume in self.pod.get("volumes") or ()}
        for name in dict.fromkeys(self._list_used()):
            if name not in declared:
                raise UsageError(f"{self.place}.volumes", f"has no {name}, which a container mounts")
            place = f"{self.place}.volumes[{name}]"
            volume = declared[name]
            if "persistentVolumeClaim" in volume:
                yield self._claim(name, volume["persistentVolumeClaim"], place)
            elif "emptyDir" in volume:
                yield self._make_empty(name, volume["emptyDir"] or {}, place)
            elif any(kind in volume for kind in _FILES):
                yield self._make_files(name, volume, place)
            else:
                yield self._make_empty(name, {}, place)

    def read_again(self, name: str, now: datetime) -> dict[str, File]:
        """Return the files of a volume as they are to be from now on, with tokens of their own."""
        volume = next(volume for volume in self.pod["volumes"] if volume["name"] == name)
        sources = replace(self.sources, token=replace(self.sources.token, now=now))
        return read_files(volume, sources, f"{self.place}.volumes[{name}]")

    def _list_used(self) -> Iterator[str]:
        for container in (*(self.pod.get("initContainers") or ()), *self.pod["containers"]):
            yield from (str(mount["name"]) for mount in container.get("volumeMounts") or ())

    def _make_files(self, name: str, volume: Mapping[str, Any], place: str) -> Volume:
        group = self.sources.group
        files = read_files(volume, self.sources, place)
        base = self._make(name, memory=_describe_memory(grant(_STICKY, group, is_folder=True), group))
        return Volume(
            name=name, source=self._call(name), base=base, read_only=True, files=files, renewal=find_renewal(volume)
        )

    def _make_empty(self, name: str, asked: Mapping[str, Any], place: str) -> Volume:
        limit = (
            None if asked.get("sizeLimit") is None else read_bytes(asked["sizeLimit"], f"{place}.emptyDir.sizeLimit")
        )
        if asked.get("medium") != "Memory":
            base, text = self._make(name), str(asked.get("sizeLimit", ""))
            return Volume(
                name=name, source=self._call(name), base=base, is_empty_folder=True, limit=limit, limit_text=text
            )
        least = min((size for size in (limit, self._sum_memory()) if size is not None), default=None)
        group = self.sources.group
        options = _describe_memory(grant(_STICKY, group, is_folder=True), group)
        base = self._make(name, memory=options if least is None else f"{options},size={least}")
        return Volume(name=name, source=self._call(name), base=base)

    def _sum_memory(self) -> int | None:
        """Return how much memory the Pod may use; None where one of its containers has no limit."""
        found = [
            (container.get("resources") or {}).get("limits", {}).get("memory") for container in self.pod["containers"]
        ]
        return None if None in found else sum(read_bytes(limit, self.place) for limit in found)

    def _claim(self, name: str, asked: Mapping[str, Any], place: str) -> Volume:
        claim, read_only = str(asked["claimName"]), bool(asked.get("readOnly"))
        source = self.claims.get(claim)
        if source is None:
            if self.sources.objects.find("PersistentVolumeClaim", claim) is None:
                raise missing(f"{place}.persistentVolumeClaim", "PersistentVolumeClaim", claim)
            source = name_claim(self.sources.objects.namespace, claim)
            base = make_volume(self.client, source, {"strongroom.k8s.claim": claim})
        elif "/" in source:
            folder = Path(source).absolute()
            if not folder.is_dir():
                raise UsageError("--claim", f"{claim}: there is no folder {folder}", "make it, or name another one")
            source = base = str(folder)
        else:
            found = find_volume(self.client, source)
            if found is None:
                fact = f"{claim}: the engine has no volume {source}"
                raise ConfigurationError("--claim", fact, "a folder has a slash in its name: --claim NAME=./DIR")
            base = found
        return Volume(name=name, source=source, base=base, is_path="/" in source, read_only=read_only, is_claim=True)

    def _make(self, name: str, memory: str | None = None) -> str:
        self.made.append(self._call(name))
        return make_volume(self.client, self._call(name), self.labels, memory=memory)

    def _call(self, name: str) -> str:
        return f"{self.sources.identity.name}.{name}"


def name_claim(namespace: str, claim: str) -> str:
    """Return the engine's volume that stands for a claim which nobody names another one for."""
    return f"strongroom-k8s.{namespace}.{claim}"


def _describe_memory(mode: int, group: int | None) -> str:
    return f"mode={mode:o}" + ("" if group is None else f",gid={group}")


def open_to_group(volume: Volume, group: int | None, *, always: bool) -> str:
    """Return a script that gives a volume to the Pod's group as the kubelet does; nothing where it has none.

    ``always``: fsGroupChangePolicy is not OnRootMismatch, so that every file is looked at whatever the root says.
    """
    place = volume.inside
    if volume.is_empty_folder:
        own = f"chmod {_OPEN:o} {place}"
        return own if group is None else f"{own}; chgrp {group} {place}; chmod {0o2000 | _OPEN:o} {place}"
    if not volume.is_claim or group is None or volume.read_only:
        return ""
    change = (
        f"chgrp -hR {group} {place} && find {place} -type d -exec chmod g+rwxs,u+rwx {{}} + "
        f"&& find {place} ! -type d ! -type l -exec chmod ug+rw {{}} +"
    )
    return change if always else f"{_FITS.format(group=group, place=place)} || {{ {change}; }}"


_FITS = "[ $(stat -c %g {place}) = {group} ] && [ $(( 0$(stat -c %a {place}) & 02770 )) = $(( 02770 )) ]"
"""What OnRootMismatch asks of the root: its group, 0660, that a group may enter it, and setgid."""
