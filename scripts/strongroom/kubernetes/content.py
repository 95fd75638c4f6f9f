"""Objects of Kubernetes as nested mappings, read without trusting their shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Content = Mapping[str, Any]


def dig(content: object, path: str) -> Any:
    """Return what stands at ``a.b.c`` of nested mappings; None where nothing does."""
    for name in path.split(".") if path else ():
        content = content.get(name) if isinstance(content, Mapping) else None
    return content


def mapping(value: object) -> Content:
    """Return a mapping; an empty one for whatever else stands there, which the schemas complain of."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> list[Content]:
    """Return the mappings of a list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """Return the texts of a list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def word(value: object) -> str:
    """Return a text; of anything else how it is written, nothing of nothing."""
    return "" if value is None else str(value)


def numbered(value: object) -> list[tuple[int, Content]]:
    """Return the mappings of a list with their places."""
    found = value if isinstance(value, list) else []
    return [(number, one) for number, one in enumerate(found) if isinstance(one, Mapping)]


def walk_texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of an object with its place, as in ``spec.containers[0].image``."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from walk_texts(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from walk_texts(inner, f"{path}[{number}]")
