"""Say what is wrong with a YAML file in one line: file, line, key, fact and value."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from strongroom.core.errors import ConfigurationError, StrongroomError
from strongroom.core.yaml_text.loading import KeyPath, Position, Positions, cut, load_yaml, name_key

Model = TypeVar("Model", bound=BaseModel)


def read_model(
    path: Path,
    model: type[Model],
    error_class: type[StrongroomError] = ConfigurationError,
    *,
    unshown: Collection[str] = (),
) -> tuple[Model, Positions]:
    """Read a YAML file into a pydantic model; raises ``error_class`` with file, line, key and fact.

    What stands below a key of ``unshown`` is in no error: somebody may have put a secret there.
    """
    data, positions = load_yaml(path, error_class)
    return validate_model(data, positions, path, model, error_class, unshown=unshown), positions


def validate_model(
    data: Mapping[str, Any],
    positions: Positions,
    path: Path,
    model: type[Model],
    error_class: type[StrongroomError] = ConfigurationError,
    *,
    unshown: Collection[str] = (),
) -> Model:
    """Make a pydantic model of what ``load_yaml`` read; raises ``error_class`` with file, line, key and fact."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise explain_validation(error, path, positions, error_class, model, unshown=unshown) from None


def explain_validation(
    error: ValidationError,
    path: Path,
    positions: Positions,
    error_class: type[StrongroomError],
    model: type[BaseModel] | None = None,
    *,
    unshown: Collection[str] = (),
) -> StrongroomError:
    """Turn the first of pydantic's errors into ``file:line: key: fact (got value)``.

    With ``model`` an unknown key comes with the one that was probably meant. A wrong number or text is shown, but not
    below a key of ``unshown``.
    """
    faults = [_Fault.of(dict(entry), positions, unshown) for entry in error.errors(include_url=False)]
    # Of a union, pydantic reports every branch: one that was entered says more than those which were not.
    telling = [
        fault for fault in faults if not (fault.expected and any(_is_inside(other.key, fault.key) for other in faults))
    ]
    first = min(telling, key=lambda fault: (fault.kind != "extra_forbidden", fault.position))
    line = first.position[0]
    return error_class(f"{path}:{line}", f"{name_key(first.key)}{_state(first, telling, model)}")


def render_schema(model: type[BaseModel]) -> str:
    """Render a model's JSON Schema as it is committed for editors."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """One of pydantic's errors, placed in the file."""

    key: KeyPath
    steps: KeyPath
    """The same as pydantic says it: with the names of union branches between the keys."""
    position: Position
    kind: str
    expected: str
    """What would be accepted, where the value is of the wrong kind; else empty."""
    fact: str
    got: str

    @classmethod
    def of(cls, entry: dict[str, Any], positions: Positions, unshown: Collection[str]) -> _Fault:
        key: KeyPath = ()
        for part in entry["loc"]:  # names of union branches stand between the keys
            if (*key, part) in positions:
                key = (*key, part)
        position, kind = positions[key], entry["type"]
        if kind == "missing":
            key = (*key, entry["loc"][-1])
        value = entry.get("input")
        shown = kind not in ("missing", "extra_forbidden") and not isinstance(value, dict | list)
        shown = shown and key[:1] not in {(name,) for name in unshown}
        expected = _EXPECTED.get(kind, "")
        if kind == "literal_error":
            choices = entry["ctx"]["expected"].replace("'", "").replace("False", "false")
            expected = f"one of {choices}" if " or " in choices else choices
        return cls(
            key=key,
            steps=tuple(entry["loc"]),
            position=position,
            kind=kind,
            expected=expected,
            fact=_say(entry),
            got=f" (got {cut(json.dumps(value, ensure_ascii=False, default=str))})" if shown else "",
        )


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "null",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}


def _say(entry: dict[str, Any]) -> str:
    if entry["type"] == "missing":
        return "is missing"
    if entry["type"] in ("union_tag_not_found", "union_tag_invalid"):
        name = entry["ctx"]["discriminator"].strip("'")
        known = entry["ctx"].get("expected_tags", "").replace("'", "")
        return f"{name} must be one of {known}" if known else f"{name} is missing"
    message = str(entry["msg"]).removeprefix("Value error, ")
    return re.sub(r"^(Input|String|Value|List|Dictionary|Tuple|Mapping) should ", "must ", message)


def _state(first: _Fault, faults: list[_Fault], model: type[BaseModel] | None) -> str:
    if first.kind == "extra_forbidden":
        return "unknown key" + _suggest(first.steps, model)
    if first.expected:
        accepted = dict.fromkeys(fault.expected for fault in faults if fault.key == first.key)
        return f"must be {' or '.join(filter(None, accepted))}{first.got}"
    return f"{first.fact}{first.got}"


def _suggest(key: KeyPath, model: type[BaseModel] | None) -> str:
    known = sorted(_accepted_keys(model, key[:-1])) if model else []
    close = difflib.get_close_matches(str(key[-1]), known, 1)
    if close:
        return f", did you mean {close[0]}?"
    return f", accepted are {', '.join(known)}" if known else ""


def _accepted_keys(model: type[BaseModel], path: KeyPath) -> set[str]:
    """Follow a path through the model's JSON Schema to the keys that a mapping there may have."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    nodes = list(_alternatives(schema, definitions))
    for part in path:
        chosen = [{"$ref": node["discriminator"]["mapping"][part]} for node in nodes if _is_branch(node, part)]
        below = chosen or [found for node in nodes for found in _step(node, part)]
        if below:  # else it is the name of a branch, whose keys are among those of all
            nodes = [found for node in below for found in _alternatives(node, definitions)]
    return {name for node in nodes for name in node.get("properties", {})}


def _is_branch(node: dict[str, Any], part: str | int) -> bool:
    return part in node.get("discriminator", {}).get("mapping", {})


def _alternatives(node: dict[str, Any], definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        yield from _alternatives(definitions[node["$ref"].rpartition("/")[2]], definitions)
        return
    yield node
    for branch in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from _alternatives(branch, definitions)


def _step(node: dict[str, Any], part: str | int) -> Iterator[dict[str, Any]]:
    if isinstance(part, int):
        below = [node.get("items")]
    elif part in node.get("properties", {}):
        below = [node["properties"][part]]
    else:
        below = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    yield from (schema for schema in below if isinstance(schema, dict))


def _is_inside(inner: KeyPath, outer: KeyPath) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer
