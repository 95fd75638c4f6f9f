"""What the ids that a table holds become, as expressions; ``references`` prepares what they look up.

``scratch."refs <reference> <input>"`` (old and new values, waits) says which values of an input's reference become
others, and with which its rows wait.
"""

from __future__ import annotations

from strongroom.binding import BoundInput, Rewrite
from strongroom.core.quoting import dotted, literal, quote

_REFS = "refs "


def is_reference(name: str) -> bool:
    """Tell whether a working table says what a reference becomes."""
    return name.startswith(_REFS)


def refs_of(rewrite: Rewrite, entry: BoundInput) -> str:
    """Return the name of the table that says what the ids of an input become."""
    return dotted("scratch", f"{_REFS}{rewrite.number} {entry.number}")


def held_values(rewrite: Rewrite, entry: BoundInput) -> list[str]:
    """Return the expressions for the ids that row ``s`` of an input holds; they compare as the other side does."""
    plain = [f"s.{quote(entry.columns[name])}" for name in rewrite.columns]
    if rewrite.json is None:
        return [f"+{value}" for value in plain]
    value, path = plain[0], literal(rewrite.json)
    found = f"CASE WHEN json_type({value}, {path}) IN ('integer', 'text') THEN json_extract({value}, {path}) END"
    return [f"CASE WHEN typeof({value}) = 'text' AND json_valid({value}) THEN {found} END"]


def follow(rewrites: tuple[Rewrite, ...], entry: BoundInput, column: str, value: str) -> str:
    """Return what a column becomes by the references that it is part of; ``value`` is what it holds."""
    for rewrite in rewrites:
        if column in rewrite.columns:
            found = _match(rewrite, entry)
            made = _put(rewrite, value, f"m.n{rewrite.columns.index(column)}", f"s.{quote(entry.columns[column])}")
            known = f"EXISTS (SELECT 1 {found} AND NOT m.waits)"
            value = f"CASE WHEN {known} THEN (SELECT {made} {found}) ELSE {value} END"
    return value


def list_changes(rewrite: Rewrite, entry: BoundInput) -> list[str]:
    """Return, for each column of a reference, the text that says what it was and is, or NULL where it stays."""
    said = []
    for name in rewrite.columns:
        value = f"s.{quote(entry.columns[name])}"
        new = follow((rewrite,), entry, name, value)
        text = f"{literal(name + ' ')} || quote({value}) || ' is now ' || quote({new})"
        said.append(f"CASE WHEN {new} IS NOT {value} THEN {text} END")
    return said


def is_waiting(rewrite: Rewrite, entry: BoundInput) -> str:
    """Return the condition that row ``s`` waits for what it refers to."""
    return f"EXISTS (SELECT 1 {_match(rewrite, entry)} AND m.waits)"


def _match(rewrite: Rewrite, entry: BoundInput) -> str:
    """Return FROM and WHERE that find what the ids of row ``s`` become."""
    held = held_values(rewrite, entry)
    same = " AND ".join(f"m.o{number} = {value}" for number, value in enumerate(held))
    return f"FROM {refs_of(rewrite, entry)} m WHERE {same}"


def _put(rewrite: Rewrite, value: str, new: str, plain: str) -> str:
    """Return a value with a new id in the old one's place; an id that is text stays text."""
    if rewrite.json is None:
        return f"CASE typeof({plain}) WHEN 'text' THEN CAST({new} AS TEXT) ELSE {new} END"
    path = literal(rewrite.json)
    made = f"CASE json_type({plain}, {path}) WHEN 'text' THEN CAST({new} AS TEXT) ELSE {new} END"
    return f"json_set({value}, {path}, {made})"
