"""Read and write YAML documents as Kubernetes does: ``yes`` is true and ``0440`` is octal, as in YAML 1.1.

What a cluster would understand is what is checked: a strict reader would hide it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from strongroom.core.errors import ConfigurationError

_TAG = "tag:yaml.org,2002:"
_DEEPEST = 60


class _Dumper(yaml.SafeDumper):
    """Puts into quotes what a cluster would read as anything but text."""


class _Loader(yaml.SafeLoader):
    """Resolves plain words as sigs.k8s.io/yaml does: dates and ``1:30`` stay text; a key stands once."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth == _DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {_DEEPEST} levels", problem_mark=mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.MappingNode):
            _judge_keys(node)
        return node


_Loader.yaml_implicit_resolvers = {}
_Dumper.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (
        "bool",
        r"y|Y|yes|Yes|YES|on|On|ON|true|True|TRUE|n|N|no|No|NO|off|Off|OFF|false|False|FALSE",
        list("yYoOtTnNfF"),
    ),
    ("int", r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", list("-+0123456789.")),
    ("merge", r"<<", ["<"]),
):
    for _one in (_Loader, _Dumper):
        _one.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)


def _construct_bool(_: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return node.value.lower() in ("y", "yes", "on", "true")


def _construct_int(_: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("+-")
    if re.fullmatch(r"0[0-7]+", digits):
        return sign * int(digits, 8)
    return sign * int(digits, 0)


_Loader.add_constructor(_TAG + "bool", _construct_bool)
_Loader.add_constructor(_TAG + "int", _construct_int)


def load_documents(text: str, origin: object) -> list[dict[str, Any]]:
    """Return the documents of a stream that hold anything, in their order. Read-only.

    Raises ConfigurationError, with line and column, for what is no YAML, a key that stands twice in one place, or a
    document that is no mapping.
    """
    try:
        found = [one for one in yaml.load_all(text, Loader=_Loader) if one is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{origin}{at}", str(error.problem or error.context)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(origin, f"is no YAML ({str(error).splitlines()[0]})") from None
    odd = next((one for one in found if not isinstance(one, dict)), None)
    if odd is not None:
        raise ConfigurationError(origin, f"a document must be a mapping of keys (got a {type(odd).__name__})")
    return found


def dump_document(content: Mapping[str, Any]) -> str:
    """Write a document so that Kubernetes, and ``load_documents``, read it back; its keys in their order."""
    return yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, width=1000)


def _judge_keys(node: yaml.MappingNode) -> None:
    seen = set[str]()
    for key, _ in node.value:
        if key.tag not in (_TAG + "str", _TAG + "merge"):
            raise yaml.MarkedYAMLError(problem="a key must be text, put it in quotes", problem_mark=key.start_mark)
        if key.value in seen:
            raise yaml.MarkedYAMLError(problem=f"{key.value}: duplicate key", problem_mark=key.start_mark)
        seen.add(key.value)
