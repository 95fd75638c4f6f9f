"""A small part of YAML that our own programs write, for files of many records: read some hundred times as fast.

A line is a comment, ``key: value``, ``- key: value`` (a record begins) or ``- value`` (of the list that the line before
began); a value is JSON, a number, a few words, or ``{name: number}``. Whatever else a person makes of such a file is
YAML still, and read as that.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring as quote_json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from strongroom.core.errors import ConfigurationError, StrongroomError
from strongroom.core.yaml_text.explaining import read_model

Model = TypeVar("Model", bound=BaseModel)

_ODD = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON leaves as it is, and YAML takes for a line break or refuses."""
_NOT_ALIKE = re.compile(r"\t|\r|\\u[dD][89a-fA-F]|" + _ODD.pattern)
"""What JSON and YAML read as different things."""
_LINE = re.compile(r"(- |  )?(?:([a-z_]+):(?: +(.*))?|- (.*))")
_COUNTS = re.compile(r"\{ *([A-Za-z_]\w*: +[0-9]{1,9}(?: *, *[A-Za-z_]\w*: +[0-9]{1,9})*) *\}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9_ .,()-]*")
_NO_WORDS = frozenset(["null", "true", "false"])
_NOTHING = object()


def quote_text(text: str) -> str:
    """Write a text so that JSON and YAML read it back."""
    quoted = quote_json(text)
    if quoted.isascii() and "\x7f" not in quoted:
        return quoted
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def read_plain_model(path: Path, model: type[Model], error_class: type[StrongroomError] = ConfigurationError) -> Model:
    """Read a YAML file into a pydantic model, as ``read_model`` does.

    Raises ``error_class`` with file, line, key and fact.
    """
    content = _read(path)
    if content is not None:
        try:
            return model.model_validate(content)
        except ValidationError:
            pass  # what is wrong, and where, is said by whoever knows the lines
    return read_model(path, model, error_class)[0]


def _read(path: Path) -> dict[str, Any] | None:
    """Read a file of this form; None where it is another, or none."""
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None
    return read_lines(text)


def read_lines(text: str) -> dict[str, Any] | None:
    """Read a text of this form; None where it is another: nothing of it is guessed."""
    if _NOT_ALIKE.search(text):
        return None
    reader = _Reader()
    for line in text.split("\n"):
        said = line.lstrip(" ")
        if said and not said.startswith("#") and not reader.take(line):
            return None
    return reader.root


class _Reader:
    """Reads line by line: a mapping, and in its last member records."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._place = self.root
        """The mapping that is being read."""
        self._last = ""
        """Its last key."""
        self._items: list[Any] | None = None
        """Where the items go of a list that may begin here."""

    def take(self, line: str) -> bool:
        """Read a line; tell whether it is of this form."""
        found = _LINE.fullmatch(line)
        if found is None:
            return False
        indent, key, said, item = found.groups()
        value = _read_value(item if key is None else said or "")
        if value is _NOTHING:
            return False
        if key is None:
            return self._add_item(indent, value)
        is_placed = self._begin_record() if indent == "- " else (indent is None) == (self._place is self.root)
        if not is_placed or key in self._place or key in _NO_WORDS:
            return False
        self._place[key], self._last, self._items = value, key, [] if value is None else None
        return True

    def _add_item(self, indent: str | None, value: Any) -> bool:
        if indent != "  " or self._items is None or self._place is self.root:
            return False
        self._items.append(value)
        self._place[self._last] = self._items
        return True

    def _begin_record(self) -> bool:
        if self._place is self.root:
            if self._items is None:
                return False
            self.root[self._last] = self._records = self._items
        self._place = {}
        self._records.append(self._place)
        return True


def _read_value(text: str) -> Any:
    if not text:
        return None
    if text[0] in '"{[':
        counts = _COUNTS.fullmatch(text)
        return _read_counts(counts[1]) if counts is not None else _read_json(text)
    text = text.partition(" #")[0].rstrip(" ")
    if _NUMBER.fullmatch(text):
        return int(text)
    return text if _WORDS.fullmatch(text) and text.lower() not in _NO_WORDS else _NOTHING


def _read_counts(text: str) -> Any:
    pairs = [pair.partition(":")[::2] for pair in text.split(",")]
    found = {name.strip(): number.strip() for name, number in pairs}
    is_plain = all(name.lower() not in _NO_WORDS for name in found) and all(map(_NUMBER.fullmatch, found.values()))
    if len(found) != len(pairs) or not is_plain:
        return _NOTHING
    return {name: int(number) for name, number in found.items()}


def _read_json(text: str) -> Any:
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        return _NOTHING


def _refuse_twice(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(_name: str) -> Any:
    raise ValueError("JSON has no such number")


_JSON = json.JSONDecoder(object_pairs_hook=_refuse_twice, parse_constant=_refuse)
