"""Our own frozen values as JSON, and the schema of it. A field whose name is a word of Python's ends with ``_``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, create_model

_CONFIG = ConfigDict(use_attribute_docstrings=True, extra="forbid")


def as_object(value: object) -> object:
    """Return a value as what ``json.dumps`` takes."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name.rstrip("_"): as_object(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: as_object(entry) for key, entry in value.items()}
    return [as_object(entry) for entry in value] if isinstance(value, list | tuple) else value


def render_schema_of(types: Mapping[str, object], *, title: str, description: str) -> str:
    """Render the schema of an object that may hold a value of each type under its name.

    Every field of a value is required, and no other is allowed: what is printed is what is said here.
    """
    names = {f"field_{number}": name for number, name in enumerate(types)}
    members: dict[str, Any] = {field: (types[name], ...) for field, name in names.items()}
    model = create_model("Results", __config__=_CONFIG, **members)
    found = TypeAdapter(model).json_schema(mode="serialization")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "properties": {names[field]: _strip(entry) for field, entry in found["properties"].items()},
        "$defs": {name: _require_all(entry) for name, entry in found["$defs"].items()},
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _require_all(entry: dict[str, Any]) -> dict[str, Any]:
    """Say of an object that it has all its fields."""
    stripped: dict[str, Any] = _strip(entry)
    if "properties" in stripped:
        stripped["properties"] = {name.rstrip("_"): field for name, field in stripped["properties"].items()}
        stripped["required"] = list(stripped["properties"])
    return stripped


def _strip(entry: Any) -> Any:
    """Leave out what says nothing: titles made of names, and defaults, which are printed like any value."""
    if isinstance(entry, list):
        return [_strip(part) for part in entry]
    if not isinstance(entry, dict):
        return entry
    kept = {key: _strip(value) for key, value in entry.items() if key not in ("title", "default", "properties")}
    if "properties" in entry:  # its keys are names of fields, whatever they are
        kept["properties"] = {name: _strip(field) for name, field in entry["properties"].items()}
    return kept
