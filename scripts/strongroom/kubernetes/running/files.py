"""The files of ConfigMaps, Secrets and projected volumes, laid as the kubelet lays them.

A folder named after the moment holds them, ``..data`` leads to it, and each name leads there through ``..data``.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.kubernetes.running.environment import missing
from strongroom.kubernetes.running.identity import Identity, read_resource
from strongroom.kubernetes.running.objects import Objects
from strongroom.kubernetes.running.tokens import TokenRequest, make_token

_MODE = 0o644
_TOKEN_MODE = 0o600
_FOLDER_MODE = 0o755
_GROUP_READS, _GROUP_ENTERS, _SETGID = 0o440, 0o110, 0o2000
"""What the kubelet adds for an ``fsGroup`` on a volume that is read only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a volume."""

    content: bytes = field(repr=False)
    mode: int
    user: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where files come from, and for whom."""

    objects: Objects
    identity: Identity
    containers: Mapping[str, Mapping[str, Any]]
    token: TokenRequest
    group: int | None
    """The Pod's ``fsGroup``."""
    user: int | None
    """As whom all of its containers run, where that is one."""


def read_files(volume: Mapping[str, Any], sources: Sources, place: str) -> dict[str, File]:
    """Return the files of a volume by their path in it.

    Raises ConfigurationError where a source that it needs, or a key of it, is not there; UsageError for a path that
    leaves the volume or stands twice.
    """
    found: dict[str, File] = {}
    for source, mode, where in _list_sources(volume, place):
        for path, file in _read_source(source, mode, sources, where):
            _refuse_path(path, where)
            found[path] = file  # the last source wins, as in the kubelet
    return found


def _list_sources(volume: Mapping[str, Any], place: str) -> Iterator[tuple[Mapping[str, Any], int, str]]:
    projected = volume.get("projected")
    if projected is not None:
        mode = _read_mode(projected.get("defaultMode"), _MODE)
        for number, source in enumerate(projected.get("sources") or ()):
            yield source, mode, f"{place}.projected.sources[{number}]"
        return
    for kind in ("configMap", "secret", "downwardAPI"):
        if kind in volume:
            source = dict(volume[kind] or {})
            if kind == "secret":
                source["name"] = source.get("secretName")
            yield {kind: source}, _read_mode(source.get("defaultMode"), _MODE), f"{place}.{kind}"


def _read_source(source: Mapping[str, Any], mode: int, sources: Sources, place: str) -> Iterator[tuple[str, File]]:
    if "serviceAccountToken" in source:
        asked = source["serviceAccountToken"]
        is_owned = sources.user is not None or sources.group is not None
        token = make_token(asked, sources.identity, sources.token, place)
        yield (
            str(asked["path"]),
            File(content=token.encode(), mode=_TOKEN_MODE if is_owned else mode, user=sources.user or 0),
        )
    elif "downwardAPI" in source:
        yield from _read_downward(source["downwardAPI"] or {}, mode, sources, place)
    else:
        kind = "configMap" if "configMap" in source else "secret"
        yield from _read_keys(kind, source[kind] or {}, mode, sources.objects, place)


def _read_downward(asked: Mapping[str, Any], mode: int, sources: Sources, place: str) -> Iterator[tuple[str, File]]:
    for item in asked.get("items") or ():
        where = f"{place}.items[{item.get('path')}]"
        if "fieldRef" in item:
            text = sources.identity.read(str(item["fieldRef"].get("fieldPath")), where)
        else:
            text = read_resource(item.get("resourceFieldRef") or {}, sources.containers, "", where)
        yield str(item["path"]), File(content=text.encode(), mode=_read_mode(item.get("mode"), mode))


def _read_keys(
    kind: str, asked: Mapping[str, Any], mode: int, objects: Objects, place: str
) -> Iterator[tuple[str, File]]:
    name, is_optional = str(asked.get("name")), bool(asked.get("optional"))
    title = "ConfigMap" if kind == "configMap" else "Secret"
    content = objects.read_config_map(name) if kind == "configMap" else objects.read_secret(name)
    if content is None:
        if is_optional:
            return
        raise missing(place, title, name)
    if not asked.get("items"):
        yield from ((key, File(content=value, mode=mode)) for key, value in content.items())
        return
    for item in asked["items"]:
        key = str(item["key"])
        if key in content:
            yield str(item["path"]), File(content=content[key], mode=_read_mode(item.get("mode"), mode))
        elif not is_optional:
            known = ", ".join(sorted(content)) or "none"
            raise ConfigurationError(f"{place}.items", f"{title} {name} has no key {key}", f"it has: {known}")


def _read_mode(value: Any, usual: int) -> int:
    return usual if value is None else int(value)


def _refuse_path(path: str, place: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith(("/", "..")) or ".." in parts:
        raise UsageError(place, f"has a path that leaves the volume (got {path!r})")


LINK, NEXT = "..data", "..data_tmp"
"""What leads to the files, and to those that are about to take their place."""


def pack_files(
    volumes: Mapping[str, Mapping[str, File]], now: datetime, group: int | None, *, link: str = LINK
) -> bytes:
    """Return an archive of the files of volumes, each under its name, as they are laid, with owners and modes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, files in volumes.items():
            _Layer(archive=archive, root=name, now=now, group=group).lay(files, link)
    return stream.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """Lays the files of one volume."""

    archive: tarfile.TarFile
    root: str
    now: datetime
    group: int | None

    def lay(self, files: Mapping[str, File], link: str) -> None:
        moment = self.now.strftime("..%Y_%m_%d_%H_%M_%S.%f")
        parents = {str(parent) for path in files for parent in PurePosixPath(path).parents[:-1]}
        for folder in (moment, *(f"{moment}/{parent}" for parent in sorted(parents))):
            self._add_folder(folder)
        for path, file in sorted(files.items()):
            about = self._describe(f"{moment}/{path}")
            about.mode, about.uid, about.size = grant(file.mode, self.group), file.user, len(file.content)
            self.archive.addfile(about, io.BytesIO(file.content))
        self._add_link(link, moment)
        for name in dict.fromkeys(PurePosixPath(path).parts[0] for path in sorted(files)):
            self._add_link(name, f"{LINK}/{name}")

    def _add_folder(self, path: str) -> None:
        about = self._describe(path)
        about.type, about.mode = tarfile.DIRTYPE, grant(_FOLDER_MODE, self.group, is_folder=True)
        self.archive.addfile(about)

    def _add_link(self, path: str, target: str) -> None:
        about = self._describe(path)
        about.type, about.mode, about.linkname = tarfile.SYMTYPE, 0o777, target
        self.archive.addfile(about)

    def _describe(self, path: str) -> tarfile.TarInfo:
        about = tarfile.TarInfo(f"{self.root}/{path}")
        about.gid, about.mtime = self.group or 0, int(self.now.timestamp())
        return about


def grant(mode: int, group: int | None, *, is_folder: bool = False) -> int:
    """Return a mode as the kubelet leaves it on a volume that is read only, for the Pod's ``fsGroup``."""
    if group is None:
        return mode
    return mode | _GROUP_READS | (_GROUP_ENTERS | _SETGID if is_folder else 0)
