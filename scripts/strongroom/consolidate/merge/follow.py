"""What the ids that a table holds become, as expressions; ``references`` prepares what they look up.

``scratch."refs <reference> <input>"`` (old and new values, waits) says which values of an input's reference become
others, and with which its rows wait.
"""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.binding import BoundInput, Rewrite
from strongroom.core.quoting import dotted, literal, quote

_REFS = "refs "
_JOINED = 60
"""So many tables SQLite joins, and a few: the references behind them are looked up one by one."""


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


def join_refs(rewrites: tuple[Rewrite, ...], entry: BoundInput) -> str:
    """Return what follows row ``s`` of an input in FROM, so that each reference is looked up once a row."""
    return "".join(
        f" LEFT JOIN {refs_of(rewrite, entry)} AS {_alias(rewrite)} ON {_match(rewrite, entry)}"
        for rewrite in rewrites
        if rewrite.number < _JOINED
    )


def follow(rewrites: tuple[Rewrite, ...], entry: BoundInput, column: str, value: str) -> str:
    """Return what a column becomes by the references that it is part of; ``value`` is what it holds.

    This, and what follows here, is about a row that ``join_refs`` stands beside.
    """
    for rewrite in rewrites:
        if column in rewrite.columns:
            new = _find(rewrite, entry, f"n{rewrite.columns.index(column)}")
            made = _put(rewrite, entry, value, new, f"s.{quote(entry.columns[column])}")
            value = f"CASE WHEN {_find(rewrite, entry, 'waits')} = 0 THEN {made} ELSE {value} END"
    return value


def list_changes(rewrite: Rewrite, entry: BoundInput) -> list[str]:
    """Return, for each column of a reference, the text that says what it was and is, or NULL where it stays."""
    said = []
    for name, value, new in _list_values(rewrite, entry):
        text = f"{literal(name + ' ')} || quote({value}) || ' is now ' || quote({new})"
        said.append(f"CASE WHEN {new} IS NOT {value} THEN {text} END")
    return said


def is_changed(rewrite: Rewrite, entry: BoundInput) -> str:
    """Return the condition that ``list_changes`` says something."""
    return " OR ".join(f"{new} IS NOT {value}" for _, value, new in _list_values(rewrite, entry))


def _list_values(rewrite: Rewrite, entry: BoundInput) -> Iterator[tuple[str, str, str]]:
    """Yield each column of a reference with the expressions for what it was, and is."""
    for name in rewrite.columns:
        value = f"s.{quote(entry.columns[name])}"
        yield name, value, follow((rewrite,), entry, name, value)


def is_waiting(rewrite: Rewrite, entry: BoundInput) -> str:
    """Return the condition that row ``s`` waits for what it refers to."""
    return f"{_find(rewrite, entry, 'waits')} IS TRUE"


def _alias(rewrite: Rewrite) -> str:
    return f"m{rewrite.number}"


def _match(rewrite: Rewrite, entry: BoundInput) -> str:
    """Return the condition that a row of the reference's table says what the ids of row ``s`` become."""
    held = [(f"{_alias(rewrite)}.o{number}", value) for number, value in enumerate(held_values(rewrite, entry))]
    same = [f"{old} = {value}" for old, value in held]
    if entry.number in rewrite.spelled:
        same += [f"typeof({old}) = typeof({value})" for old, value in held]
    return " AND ".join(same)


def _find(rewrite: Rewrite, entry: BoundInput, column: str) -> str:
    """Return the expression for what the reference's table says of row ``s``, or NULL."""
    found = f"{_alias(rewrite)}.{column}"
    if rewrite.number < _JOINED:
        return found
    return f"(SELECT {found} FROM {refs_of(rewrite, entry)} AS {_alias(rewrite)} WHERE {_match(rewrite, entry)})"


def _put(rewrite: Rewrite, entry: BoundInput, value: str, new: str, plain: str) -> str:
    """Return a value with a new id in the old one's place; an id that is text stays text, unless it was tried out."""
    is_spelled = entry.number in rewrite.spelled
    if rewrite.json is None:
        return new if is_spelled else f"CASE typeof({plain}) WHEN 'text' THEN CAST({new} AS TEXT) ELSE {new} END"
    path = literal(rewrite.json)
    if is_spelled:
        return f"json_set({value}, {path}, {new})"
    made = f"CASE json_type({plain}, {path}) WHEN 'text' THEN CAST({new} AS TEXT) ELSE {new} END"
    return f"json_set({value}, {path}, {made})"
