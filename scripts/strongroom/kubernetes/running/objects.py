"""What was rendered beside a workload: what its Pods read, found as a cluster finds it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strongroom.core.errors import ConfigurationError, UsageError

_WORKLOADS = ("CronJob", "Job")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """The objects of one namespace; what is in them may be secret and stays out of ``repr``."""

    namespace: str
    known: Mapping[tuple[str, str], Mapping[str, Any]] = field(repr=False)
    """By kind and name."""

    def find(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """Return an object; None where none was rendered."""
        return self.known.get((kind, name))

    def read_config_map(self, name: str) -> Mapping[str, bytes] | None:
        """Return what a ConfigMap holds, by key; None where none was rendered. Raises ConfigurationError."""
        found = self.find("ConfigMap", name)
        if found is None:
            return None
        texts = {str(key): str(value).encode() for key, value in (found.get("data") or {}).items()}
        return texts | _decode(f"ConfigMap {name}", found.get("binaryData") or {})

    def read_texts(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        """Return what variables may be taken from: all of a Secret, and of a ConfigMap what is no ``binaryData``."""
        if kind == "Secret":
            return self.read_secret(name)
        found = self.find(kind, name)
        return None if found is None else {str(k): str(v).encode() for k, v in (found.get("data") or {}).items()}

    def read_secret(self, name: str) -> Mapping[str, bytes] | None:
        """Return what a Secret holds, by key; None where none was rendered. Raises ConfigurationError."""
        found = self.find("Secret", name)
        if found is None:
            return None
        texts = {str(key): str(value).encode() for key, value in (found.get("stringData") or {}).items()}
        return _decode(f"Secret {name}", found.get("data") or {}) | texts


def find_workload(objects: Sequence[Mapping[str, Any]], name: str) -> tuple[Mapping[str, Any], Objects]:
    """Return a Job or CronJob by its name, and what was rendered in its namespace.

    Raises UsageError naming those that are there, ConfigurationError where two objects have one name.
    """
    workloads = [one for one in objects if one.get("kind") in _WORKLOADS]
    chosen = [one for one in workloads if _name(one) == name]
    if not chosen:
        known = ", ".join(sorted(_name(one) for one in workloads)) or "none"
        raise UsageError("--job", f"there is no {name} (known: {known})")
    namespace = _namespace(chosen[0])
    known_objects: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in objects:
        if _namespace(one) == namespace or one.get("kind") == "Namespace":
            place = (str(one.get("kind")), _name(one))
            if place in known_objects:
                raise ConfigurationError(f"{place[0]} {place[1]}", "stands twice in what was rendered")
            known_objects[place] = one
    return chosen[0], Objects(namespace=namespace, known=known_objects)


def _name(content: Mapping[str, Any]) -> str:
    return str((content.get("metadata") or {}).get("name", ""))


def _namespace(content: Mapping[str, Any]) -> str:
    return str((content.get("metadata") or {}).get("namespace") or "default")


def _decode(place: str, data: Mapping[str, Any]) -> dict[str, bytes]:
    found = {}
    for key, value in data.items():
        try:
            found[str(key)] = base64.b64decode("".join(str(value or "").split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConfigurationError(
                f"{place}: {key}", "is no base64", "kustomize writes it: secretGenerator"
            ) from error
    return found
