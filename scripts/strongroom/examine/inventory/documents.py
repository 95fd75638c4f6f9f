"""Say what a JSON file holds, without keeping it."""

from __future__ import annotations

import json
from pathlib import Path

from strongroom.examine.inventory.model import DocumentFacts

_LIMIT = 16 << 20
_SHOWN = 6


def observe_document(path: Path, name: str) -> DocumentFacts:
    """Describe one JSON file, shown as ``name``; one of more than 16 MB is only measured. Read-only."""
    size = path.stat().st_size
    if size > _LIMIT:
        return DocumentFacts(path=name, size=size, shape="large, not read", problem="")
    try:
        return DocumentFacts(path=name, size=size, shape=_describe(json.loads(path.read_bytes())), problem="")
    except (ValueError, RecursionError) as error:
        return DocumentFacts(path=name, size=size, shape="", problem=f"not JSON ({error})")


def _describe(value: object) -> str:
    if not isinstance(value, dict):
        return _describe_inside(value)
    inside = [f"{key} ({_describe_inside(member)})" for key, member in list(value.items())[:_SHOWN]]
    if len(value) > _SHOWN:
        inside.append("…")
    return f"object of {len(value)}" + (f": {', '.join(inside)}" if inside else "")


def _describe_inside(value: object) -> str:
    match value:
        case dict():
            return f"object of {len(value)}"
        case list():
            return f"list of {len(value)}"
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "text"
        case _:
            return "number"
