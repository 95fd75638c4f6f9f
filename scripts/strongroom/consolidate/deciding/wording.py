"""Values and decisions as text: cut so that what differs stays visible, quoted so that YAML reads what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from strongroom.core.instants import Stored
from strongroom.core.plan.decisions import DecisionModel
from strongroom.core.yaml_text.plain import quote_text
from strongroom.sqlite.connection import RawText

_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BEFORE = 12
"""Characters shown before the first one that differs."""


@lru_cache(maxsize=1024)
def quote_name(name: str) -> str:
    """Write a name that comes again and again."""
    return quote_text(name)


def quote_mapping(values: Mapping[str, str]) -> str:
    """Write a mapping of texts on one line."""
    return "{" + ", ".join(f"{quote_name(name)}: {quote_text(value)}" for name, value in values.items()) + "}"


def _escape(letter: str) -> str:
    code = ord(letter)
    if code < 256:  # noqa: PLR2004  what two digits hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


def write_decision(model: DecisionModel) -> str:
    """Write a decision as one paragraph of a file."""
    lines = [f"- table: {quote_text(model.table)}"]
    lines += [f"  key: {quote_mapping(model.key)}"] if model.key else []
    lines.append("  rows:")
    for row in model.rows:
        place = "" if row.row is None else f'"row": {row.row}, '
        values = f', "values": {quote_mapping(row.values)}' if row.values else ""
        lines.append(f'  - {{"source": {quote_text(row.source)}, {place}"sha256": "{row.sha256}"{values}}}')
    lines.append(f"  take: {_write_take(model)}".rstrip())
    lines += [f"  by: {quote_text(model.by)}"] if model.by is not None else []
    lines += [f"  at: {quote_text(_write_moment(model.at))}"] if model.at is not None else []
    lines += [f"  why: {quote_text(model.why)}"] if model.why is not None else []
    return "\n".join(lines) + "\n"


def _write_moment(at: datetime) -> str:
    """Write a moment in UTC; one without a zone, or at the edge of the calendar, as it is."""
    try:
        return at.isoformat() if at.tzinfo is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return at.isoformat()


def _write_take(model: DecisionModel) -> str:
    if isinstance(model.take, dict):
        return "{" + ", ".join(f"{quote_text(name)}: {number}" for name, number in model.take.items()) + "}"
    return "" if model.take is None else str(model.take)


def write_apart(values: Sequence[Stored], room: int) -> list[str]:
    """Write values that are to be told apart, each in about so many characters, cut where they are alike.

    A value that is cut says how long it is; what cannot be seen is written as its escape.
    """
    texts = [_write_whole(value) for value in values]
    if max(map(len, texts)) <= room:
        return texts
    alike = _find_difference(texts)
    written = [_cut(text, value, alike, room) for text, value in zip(texts, values, strict=True)]
    for said in {said for said in written if written.count(said) > 1}:
        places = [place for place, other in enumerate(written) if other == said]
        alike = _find_difference([texts[place] for place in places])  # some differ from the others earlier
        for place in places:
            written[place] = _cut(texts[place], values[place], alike, room)
    return written


def _find_difference(texts: Sequence[str]) -> int:
    """Return how many characters all texts begin with alike."""
    return _count_alike(min(texts), max(texts))


def _count_alike(one: str, other: str) -> int:
    """Count the characters with which two texts begin alike."""
    return next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))


def _cut(text: str, value: Stored, alike: int, room: int) -> str:
    """Leave out what is in the middle, or before the place where the texts begin to differ: the same in all of them."""
    if len(text) <= room:
        return text
    size = f" ({len(value):,} bytes)".replace(",", " ") if isinstance(value, bytes) else ""
    left = max(room - len(size) - 2, 2 * _BEFORE)
    tail = left // 3
    if alike < left - tail - _BEFORE:
        return f"{text[: left - tail]}…{text[-tail:]}{size}"
    begin = max(alike - left // 2, 0)
    after = "…" if begin + left < len(text) else ""
    return f"…{text[begin : begin + left]}{after}{size}"


def _write_whole(value: Stored) -> str:
    """Write a stored value as SQL would, all of it."""
    if value is None:
        return "NULL"
    if isinstance(value, RawText):
        text = bytes(value).decode(errors="backslashreplace").replace("'", "''")
        return f"'{text if text.isprintable() else ''.join(map(_show, text))}'"
    return f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)


def _show(letter: str) -> str:
    """Write what moves the cursor, turns text around, or cannot be seen at all, as its escape."""
    return letter if letter.isprintable() else _NAMES.get(letter) or _escape(letter)
