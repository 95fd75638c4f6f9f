"""The rows of a legacy tree: what the files have in common, and what each has of its own.

Tables of one name and shape in several files are peers: of ten rows three are equal in every file,
three have equal keys but other content, and four are each file's own. Integer ids simply collide.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum

from strongroom.core.quoting import quote, quote_all
from strongroom.demo.tables import Check, Column, Table
from strongroom.demo.values import MAKERS, Value, draw, make_instant, make_name, number_of, singular

_RADIX = 4
_OWN_IDS = 1_000_000
_DEEPEST_REFERENCE = 4


class Share(Enum):
    """What a row has in common with its peers of the same number."""

    SAME = "everything"
    CHANGED = "the key"
    APART = "nothing"


class Content:
    """Every row of a tree, as a function of table and number."""

    def __init__(self, tables: Iterable[Table], *, rows: int, seed: int, orphans: bool) -> None:
        """Take the tables of all sources in the order of the plan."""
        self._rows = max(rows, 1)
        self._seed = seed
        self._orphans = orphans
        self._tables: dict[tuple[str, str], Table] = {}
        self._own: dict[str, int] = {}
        names: Counter[str] = Counter()
        shapes: Counter[tuple[str, tuple[str, ...]]] = Counter()
        for table in tables:
            self._tables[table.source, table.name.lower()] = table
            self._own.setdefault(table.source, len(self._own) + 1)
            names[table.name.lower()] += 1
            shapes[table.name.lower(), table.columns_text] += 1
        self._names, self._shapes = names, shapes

    def has_peers(self, table: Table) -> bool:
        """Say whether another file has a table of this name and shape."""
        return self._shapes[table.name.lower(), table.columns_text] > 1

    def make_rows(self, table: Table, numbers: Iterable[int]) -> Iterator[tuple[Value, ...]]:
        """Make rows with a value for each of the table's columns, in their order."""
        for number in numbers:
            row = {
                column.name.lower(): self._cell(table, column, number, _DEEPEST_REFERENCE) for column in table.columns
            }
            for check in table.checks:
                _obey(check, row, draw(self._seed, number, number_of(check.column)))
            yield tuple(row.values())

    def _share(self, table: Table, number: int) -> Share:
        if not self.has_peers(table) or number >= self._rows:
            return Share.APART
        return (Share.SAME, Share.CHANGED, Share.APART)[min(number % 10 // 3, 2)]

    def _cell(self, table: Table, column: Column, number: int, depth: int) -> Value:
        name = column.name.lower()
        if table.rowid_alias == column.name:
            return number + 1
        share, in_key = self._share(table, number), table.is_in_key(name)
        own = self._own[table.source] if self._names[table.name.lower()] > 1 else 0
        base = draw(self._seed, number_of(table.name.lower()), number_of(name), number)
        is_shared = share is Share.SAME or (share is Share.CHANGED and (in_key or _is_kept(column, base, number)))
        scope = 0 if is_shared else own
        chance = draw(base, scope)
        # Rows that differ are told apart by an instant: were it missing, a person would have to decide.
        is_told_apart = column.kind == "instant" and share is Share.CHANGED
        refers = name in table.references and depth > 0
        is_needed = _is_needed(column) or is_told_apart or (refers and self._is_orphan(number))
        if column.nullable and not is_needed and chance % 8 == 0:
            return None
        if refers:
            return self._refer(table, column, number, chance, depth - 1)
        if in_key:
            return _make_key(table, column, number, scope)
        return self._make_plain(column, chance)

    def _is_orphan(self, number: int) -> bool:
        return self._orphans and number % 20 == 7  # noqa: PLR2004

    def _refer(self, table: Table, column: Column, number: int, chance: int, depth: int) -> Value:
        name = column.name.lower()
        parent_name, parent_column = table.references[name]
        parent = self._tables.get((table.source, parent_name))
        columns = parent.columns if parent else ()
        pointed = next((found for found in columns if found.name.lower() == parent_column), None)
        if table.is_in_key(name):
            chosen = _digit(table, name, number)
        elif self._is_orphan(number):
            chosen = self._rows + chance % 1000
        else:
            chosen = chance % self._rows
            if self._share(table, number) is not Share.APART and chosen % 10 > 5:  # noqa: PLR2004
                chosen -= 4  # from a row of this file alone to one that the peers have, too
        if parent is None or pointed is None:
            return _write(column, f"{name.removesuffix('_id')}-{chosen:06d}", chosen)
        return self._cell(parent, pointed, chosen, depth)

    def _make_plain(self, column: Column, chance: int) -> Value:
        if column.kind == "instant":
            return make_instant(chance, column.affinity)
        if column.kind == "reference":
            return f"{column.name.lower().removesuffix('_id')}-{chance % self._rows:06d}"
        return MAKERS[column.kind](chance)


def insert_rows(connection: sqlite3.Connection, table: Table, content: Content, numbers: Iterable[int]) -> None:
    """Insert rows; one that breaks a constraint that we do not understand is left out."""
    columns = quote_all(column.name for column in table.columns)
    places = ", ".join("?" * len(table.columns))
    connection.executemany(
        f"INSERT OR IGNORE INTO {quote(table.name)} ({columns}) VALUES ({places})",
        content.make_rows(table, numbers),
    )


def _is_kept(column: Column, base: int, number: int) -> bool:
    """Say whether the peers of a changed row agree here; on instants only one row in 200 ties."""
    if column.kind == "instant":
        return number % 200 == 33  # noqa: PLR2004
    return base % 3 != 0


def _is_needed(column: Column) -> bool:
    """Say whether a value is always there although NULL is allowed, as applications write it."""
    always = column.has_default or column.name.lower() in ("created_at", "updated_at", "timestamp")
    return column.kind == "instant" and always


def _digit(table: Table, name: str, number: int) -> int:
    """Spread a row's number over the columns of a key, so that each key stands once."""
    key = next(key for key in table.keys if name in key)
    place, size = key.index(name), len(key)
    rest = number // int(_RADIX ** (size - 1 - place))
    return rest % _RADIX if place else rest


def _make_key(table: Table, column: Column, number: int, scope: int) -> Value:
    name = column.name.lower()
    key = next(key for key in table.keys if name in key)
    place, digit = key.index(name), _digit(table, name, number)
    own = scope if place == 0 else 0
    if column.kind == "instant":
        return make_instant((digit * 3600 + own) * 1_000_000, column.affinity)
    if column.kind == "name":
        text = make_name(digit) + (f"-{'abcdefgh'[place % 8]}" if place else "")
        text += f".{own:02d}" if own else ""
    elif column.kind == "email":
        text = f"{make_name(digit)}{f'.{own}' if own else ''}@example.org"
    else:
        stem = singular(table.name.lower()) if name == "id" else name.removesuffix("_id")
        text = f"{stem}-{own:02d}{digit:05d}" if own else f"{stem}-{digit:06d}"
    return _write(column, text, digit + own * _OWN_IDS)


def _write(column: Column, text: str, number: int) -> Value:
    if column.affinity == "INTEGER":
        return number
    if column.affinity in ("REAL", "NUMERIC"):
        return float(number)
    return text.encode() if column.affinity == "BLOB" else text


def _obey(check: Check, row: dict[str, Value], chance: int) -> None:
    """Change a row so that it keeps a check, where the check is of a form we know."""
    mine, operator = row[check.column], check.operator
    if check.other is not None:
        theirs = row[check.other]
        if operator[0] in "<>" and operator != "<>" and _is_less(theirs, mine) == (operator[0] == "<"):
            row[check.column], row[check.other] = theirs, mine
    elif operator in ("=", "==", "IN") and check.values:
        row[check.column] = check.values[chance % len(check.values)]
    elif check.values and isinstance(mine, int | float):
        row[check.column] = _bring_inside(mine, check)


def _is_less(left: Value, right: Value) -> bool:
    """Compare as SQLite does: numbers before text before bytes; text by its UTF-8."""

    def rank(value: Value) -> tuple[int, float, bytes]:
        if isinstance(value, int | float):
            return 1, value, b""
        if isinstance(value, str):
            return 2, 0, value.encode()
        return (0, 0, b"") if value is None else (3, 0, value)

    return rank(left) < rank(right)


def _bring_inside(value: float, check: Check) -> float:
    bounds = [bound for bound in check.values if isinstance(bound, int | float)]
    if not bounds:
        return value
    if check.operator in (">", ">="):
        return max(value, bounds[0] + (check.operator == ">"))
    if check.operator in ("<", "<="):
        return min(value, bounds[0] - (check.operator == "<"))
    return value
