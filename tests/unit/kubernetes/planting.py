"""Mistakes as data: a change of a sound rendering, and what must be said of it."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GONE = object()
"""In the place of a value: the member is taken out."""
JOB = "spec.jobTemplate.spec"
POD = f"{JOB}.template.spec"
BOX = f"{POD}.containers[ops]"


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One thing that somebody did, and what a check must answer."""

    name: str
    edits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By object, by place: the value that stands there now. ``list[+]`` is one more."""
    more: Sequence[Mapping[str, Any]] = ()
    """Objects that came along."""
    without: Sequence[str] = ()
    """Objects that are gone."""
    object: str
    field: str
    """A part of the field that is named."""
    says: str
    """A part of what is said."""
    overlay: str = "dev"


def plant(objects: Sequence[Mapping[str, Any]], mistake: Mistake) -> list[dict[str, Any]]:
    """Return a rendering with a mistake in it; fails where the change changes nothing."""
    made = [copy.deepcopy(dict(one)) for one in objects if title(one) not in mistake.without]
    assert len(made) == len(objects) - len(mistake.without), f"{mistake.name}: not all of {mistake.without} are there"
    for name, edits in mistake.edits.items():
        (target,) = [one for one in made if title(one) == name]
        for path, value in edits.items():
            put(target, path, value)
    made += [copy.deepcopy(dict(one)) for one in mistake.more]
    assert made != list(objects), f"{mistake.name}: nothing is changed"
    return made


def title(content: Mapping[str, Any]) -> str:
    return f"{content['kind']}/{content['metadata']['name']}"


def put(content: Any, path: str, value: object) -> None:
    """Put a value where a path leads to: ``data[a.yaml]``, ``args[0]``, ``volumes[tmp]`` by its name, ``env[+]``."""
    *way, last = re.findall(r"[^.\[\]]+(?![^\[]*\])|(?<=\[)[^\]]+", path)
    for step in way:
        content = _step(content, step)
    place: Any = _place(content, last) if isinstance(content, list) else last
    if value is GONE:
        del content[place]
    elif last == "+":
        content.append(value)
    else:
        content[place] = value(content[place]) if callable(value) else value


def _step(content: Any, step: str) -> Any:
    if isinstance(content, list):
        return content[_place(content, step)]
    return content.setdefault(step, {})


def _place(content: list[Any], step: str) -> int:
    if step == "+":
        return len(content)
    return int(step) if step.isdecimal() else [one.get("name") for one in content].index(step)
