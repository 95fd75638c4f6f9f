"""The variables of a container, as the kubelet makes them: sources first, then each in its order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.kubernetes.running.identity import Identity, read_resource
from strongroom.kubernetes.running.objects import Objects

_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")
INDEX = "JOB_COMPLETION_INDEX"


def expand(text: str, known: Mapping[str, str]) -> str:
    """Expand ``$(NAME)`` in a text; ``$$`` is a dollar, and a name that is not known stays as it is written."""

    def replace(found: re.Match[str]) -> str:
        if found[1] == "$":
            return "$"
        return known.get(found[2], found[0])

    return _REFERENCE.sub(replace, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """Makes the variables of a Pod's containers."""

    objects: Objects
    identity: Identity
    containers: Mapping[str, Mapping[str, Any]]
    """All of the Pod, by name."""

    def make(self, container: Mapping[str, Any], place: str) -> dict[str, str]:
        """Return a container's variables. Raises ConfigurationError where a source that it needs is not there."""
        found: dict[str, str] = {}
        for number, source in enumerate(container.get("envFrom") or ()):
            found |= dict(self._read_source(source, f"{place}.envFrom[{number}]"))
        for entry in container.get("env") or ():
            name = str(entry["name"])
            if entry.get("valueFrom"):
                value = self._read_value(entry["valueFrom"], str(container["name"]), f"{place}.env[{name}]")
                if value is not None:
                    found[name] = value
            else:
                found[name] = expand(str(entry.get("value") or ""), found)
        if self.identity.index is not None:  # the controller's own entry is the last one
            found.setdefault(INDEX, str(self.identity.index))
        return found

    def _read_source(self, source: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
        prefix = str(source.get("prefix") or "")
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            reference = source.get(field)
            if reference is None:
                continue
            content = self.objects.read_texts(kind, str(reference["name"]))
            if content is None and not reference.get("optional"):
                raise missing(place, kind, str(reference["name"]))
            for key, value in (content or {}).items():
                yield f"{prefix}{key}", _decode(value, f"{place}: {key}")

    def _read_value(self, source: Mapping[str, Any], own: str, place: str) -> str | None:
        """Return what a variable is taken from; None where that is optional and not there."""
        if "fieldRef" in source:
            return self.identity.read(str(source["fieldRef"].get("fieldPath")), f"{place}.fieldRef")
        if "resourceFieldRef" in source:
            return read_resource(source["resourceFieldRef"], self.containers, own, f"{place}.resourceFieldRef")
        kind = "ConfigMap" if "configMapKeyRef" in source else "Secret"
        reference = source["configMapKeyRef" if kind == "ConfigMap" else "secretKeyRef"]
        name, key = str(reference["name"]), str(reference["key"])
        content = self.objects.read_texts(kind, name)
        if content is not None and key in content:
            return _decode(content[key], place)
        if reference.get("optional"):
            return None
        if content is None:
            raise missing(place, kind, name)
        known = ", ".join(sorted(content)) or "none"
        raise ConfigurationError(place, f"{kind} {name} has no key {key}", f"it has: {known}")


def missing(place: str, kind: str, name: str) -> ConfigurationError:
    """Return the error that a Pod which waits for an object for ever stands for."""
    return ConfigurationError(
        place, f"needs {kind} {name}, which was not rendered", "in a cluster its Pod waits for ever"
    )


def _decode(value: bytes, place: str) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise UsageError(place, "is no text, and cannot be a variable", "mount it as a file") from None
    if "\x00" in text:
        raise UsageError(place, "holds a NUL, and cannot be a variable", "mount it as a file")
    return text
