"""Read YAML of which nothing is guessed, with the position of every entry.

A part of YAML 1.2: keys are text and stand once, only ``true`` and ``false`` are booleans, dates stay
text, and there are no anchors, merges, tags or tabs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

import yaml

from strongroom.core.errors import ConfigurationError, StrongroomError

KeyPath = tuple[str | int, ...]
Position = tuple[int, int]
Positions = Mapping[KeyPath, Position]
"""Path of keys and list indexes to (line, column), both from 1; an entry stands where its key does."""

_DEEPEST = 40
_SHOWN = 80
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """Composes nodes by the rules of YAML 1.2; refuses what hides where a value comes from."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            _refuse(event.start_mark, "anchors and aliases are not used here, write the value out")
        if self.depth == _DEEPEST:
            _refuse(event.start_mark, f"nested deeper than {_DEEPEST} levels")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


# A table of its own: the resolvers of YAML 1.1 turn `no` into false and `1:30` into 90.
_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)


def load_yaml(path: Path, error_class: type[StrongroomError] = ConfigurationError) -> tuple[dict[str, Any], Positions]:
    """Read a YAML file whose root is a mapping, with the position of every entry. Read-only.

    Raises ``error_class`` as ``file:line:column: fact`` for anything that is no such file.
    """
    text = _read_text(path, error_class)
    positions: dict[KeyPath, Position] = {(): (1, 1)}
    try:
        root = yaml.compose(text, Loader=_Loader)
        if not isinstance(root, yaml.MappingNode):
            got = "nothing" if root is None else f"a {_kind(root)}"
            raise error_class(f"{path}:1:1", f"the file must be a mapping of keys (got {got})")
        return cast("dict[str, Any]", _build(root, (), positions)), positions
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise error_class(f"{path}{at}", _phrase(error)) from None
    except yaml.reader.ReaderError as error:
        fact = f"a control character is not allowed (got {error.character:#04x})"
        raise error_class(f"{path}{_place(text[: error.position])}", fact) from None


def name_key(key: KeyPath) -> str:
    """Write a path as ``tables[3].key: ``; the root as nothing."""
    name = ""
    for part in key:
        if isinstance(part, int):
            name += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            name += f".{part}" if name else part
        else:
            name += f"[{json.dumps(part, ensure_ascii=False)}]"
    return f"{name}: " if name else ""


def cut(text: str) -> str:
    """Shorten a value for a message."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _read_text(path: Path, error_class: type[StrongroomError]) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise error_class(path, "there is no such file") from None
    except OSError as error:
        raise error_class(path, f"cannot be read ({error.strerror})") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        fact = f"is not UTF-8 (got byte {content[error.start]:#04x})"
        raise error_class(f"{path}{_place(before)}", fact) from None


def _place(before: str) -> str:
    line_start = before.rfind("\n") + 1
    return f":{before.count(chr(10)) + 1}:{len(before) - line_start + 1}"


def _refuse(mark: yaml.Mark, fact: str) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=fact, problem_mark=mark)


def _phrase(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "is no YAML"
    if "'\\t'" in problem:
        return "a tab is not allowed here, indent with spaces"
    return problem.replace("\n", " ")


def _kind(node: yaml.Node) -> str:
    return type(node).__name__.removesuffix("Node").lower()


def _build(node: yaml.Node, path: KeyPath, positions: dict[KeyPath, Position]) -> object:
    kind = node.tag.removeprefix(_TAG)
    if isinstance(node, yaml.MappingNode) and kind == "map":
        return _build_mapping(node, path, positions)
    if isinstance(node, yaml.SequenceNode) and kind == "seq":
        for number, item in enumerate(node.value):
            positions[(*path, number)] = (item.start_mark.line + 1, item.start_mark.column + 1)
        return [_build(item, (*path, number), positions) for number, item in enumerate(node.value)]
    if not isinstance(node, yaml.ScalarNode) or kind not in _SCALARS:
        _refuse(node.start_mark, f"tags are not used here (got {node.tag.replace(_TAG, '!!')})")
    try:
        return _SCALARS[kind](node.value)
    except (ValueError, KeyError):
        _refuse(node.start_mark, f"is no {kind} (got {cut(node.value)})")


def _build_mapping(node: yaml.MappingNode, path: KeyPath, positions: dict[KeyPath, Position]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key_node, value_node in node.value:
        mark, key = key_node.start_mark, key_node.value
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
            shown = key if isinstance(key, str) else f"a {_kind(key_node)}"
            _refuse(mark, f"a key must be text, put it in quotes (got {cut(shown)})")
        if key == "<<" and key_node.style is None:
            _refuse(mark, "merge keys are not used here, write the values out")
        here = (*path, key)
        if key in found:
            _refuse(mark, f"{name_key(here)}duplicate key (first on line {positions[here][0]})")
        positions[here] = (mark.line + 1, mark.column + 1)
        found[key] = _build(value_node, here, positions)
    return found


_SCALARS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "null": lambda _: None,
}
