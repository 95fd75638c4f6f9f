"""Kubernetes' own schemas, strict, of every version that is supported; small ones of ours for what others define."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from strongroom.core.errors import UnreachableError
from strongroom.kubernetes.checking.scene import Finding, Scene, Thing
from strongroom.kubernetes.content import Content

VERSIONS = tuple(f"1.{minor}" for minor in range(29, 37))
"""The oldest that is supported to the newest."""
_CUSTOM = Path(__file__).with_name("custom_resources.json")
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class _Fault:
    field: str
    fact: str


def demand_sound_shapes(scene: Scene) -> Iterator[Finding]:
    """Demand that each object is of a kind that there is, in every version, and of its shape.

    Raises UnreachableError where the schemas are not installed.
    """
    _require_schemas()
    for thing in scene.things:
        if custom := _find_custom(thing):
            yield from (_say(thing, fault, []) for fault in _judge(thing.content, _validator(json.dumps(custom), "")))
            continue
        text = json.dumps(thing.content, sort_keys=True, default=str)
        told: dict[_Fault, list[str]] = {}
        for version in VERSIONS:
            for fault in _judge_version(text, version):
                told.setdefault(fault, []).append(version)
        yield from (_say(thing, fault, versions) for fault, versions in told.items())


def _require_schemas() -> None:
    try:
        _find_folder()
        import jsonschema  # type: ignore[import-untyped]  # noqa: F401  # it comes with them
    except ModuleNotFoundError as error:
        hint = "./inv k8s.check in a clone installs it; elsewhere: pip install kubernetes-validate"
        raise UnreachableError("kubernetes-validate", "is not installed", hint) from error


def _find_folder() -> Traversable:
    return files("kubernetes_validate") / "kubernetes-json-schema"


def _find_custom(thing: Thing) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _read_custom().get(f"{thing.content.get('apiVersion')}/{thing.kind}", {})
    return found


@lru_cache(maxsize=4096)
def _judge_version(text: str, version: str) -> tuple[_Fault, ...]:
    """Return what a version's schema says of an object; overlays share most of theirs."""
    content = json.loads(text)
    api, kind = str(content.get("apiVersion")), str(content.get("kind"))
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    file = _find_folder() / f"v{version}.0-local-strict" / f"{kind.lower()}-{group}.json"
    if not file.is_file():
        return (_Fault("kind", f"{api} {kind} is no kind that is known"),)
    return tuple(_judge(content, _validator(file.read_text(encoding="utf-8"), version)))


def _judge(content: Content, validator: Any) -> Iterator[_Fault]:
    for error in validator.iter_errors(content):
        deepest = _deepest(error)
        yield _Fault(_write_path(deepest.absolute_path), _phrase(deepest))


def _deepest(error: Any) -> Any:
    """Return, of a choice that nothing fits, the error that says most."""
    while error.context:
        error = max(error.context, key=lambda one: len(one.absolute_path))
    return error


def _write_path(path: Any) -> str:
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name or "kind"


def _phrase(error: Any) -> str:
    """Say what a schema demands; a value is shown where it is short."""
    if error.validator == "additionalProperties":
        extra = sorted(error.instance.keys() - error.schema.get("properties", {}).keys())
        return f"has no member {', '.join(extra)}"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"needs {', '.join(missing)}"
    got = json.dumps(error.instance, default=str)
    shown = f" (got {got})" if len(got) <= _SHOWN else ""
    if error.validator == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        return f"must be of type {' or '.join(kind for kind in kinds if kind != 'null')}{shown}"
    if error.validator == "enum":
        return f"must be one of {', '.join(map(str, error.validator_value))}{shown}"
    return f"does not fit its schema ({error.validator}){shown}"


def _say(thing: Thing, fault: _Fault, versions: list[str]) -> Finding:
    when = "" if len(versions) in (0, len(VERSIONS)) else f" (in {', '.join(versions)})"
    remedy = "kubectl explain shows what is there" if versions else "see the operator's reference"
    return thing.says(fault.field, fault.fact + when, remedy)


@lru_cache(maxsize=512)
def _validator(schema: str, version: str) -> Any:
    from jsonschema.validators import Draft202012Validator  # type: ignore[import-untyped]

    if not version:
        return Draft202012Validator(json.loads(schema))
    return Draft202012Validator(json.loads(schema), registry=_registry(version))


@lru_cache(maxsize=len(VERSIONS))
def _registry(version: str) -> Any:
    from referencing import Registry, Resource

    text = (_find_folder() / f"v{version}.0-local-strict" / "_definitions.json").read_text(encoding="utf-8")
    return Resource.from_contents(json.loads(text)) @ Registry()


@lru_cache(maxsize=1)
def _read_custom() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_CUSTOM.read_text(encoding="utf-8"))
    return found
