"""Tell in what two databases differ, whatever their pages look like: one pass over each, in SQLite itself.

By code of its own: it shares with the copying (``transfer``) only the list of what stands in a file.
"""

from __future__ import annotations

import marshal
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from strongroom.core.quoting import dotted, literal, quote
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.content import HEADER, Stored, list_stored, select_exactly
from strongroom.sqlite.schema import Column

_NUMBERS = (*HEADER, "auto_vacuum")
_SIDE_TABLES = ("sqlite_sequence", "sqlite_stat1", "sqlite_stat4")
"""What SQLite keeps beside the tables: the marks of AUTOINCREMENT, and the planner's statistics."""
_SAME_ZERO = "strongroom_same_zero"
_TERMS = 60
"""Conditions in one pair of brackets: SQLite's expressions are at most 1000 deep."""
_FORMAT = 2
"""Of ``marshal``: equal values have equal bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two databases have in common, and what not."""

    differences: tuple[str, ...]
    """``user_version``, ``definition of t``, ``table t``; nothing when they are the same."""
    tables: int
    rows: int
    """Of ``other``, in the tables that both have."""


def compare_content(connection: Connection, dear: str, other: str) -> Comparison:
    """Compare the databases attached as ``dear`` and ``other``: numbers of the header, definitions, marks, all rows.

    Every page of the tables of ``dear``, the one that costs more to read, is read once. Read-only; for one state, in
    a transaction of the caller's.
    """
    connection.create_function(_SAME_ZERO, 2, _is_same_zero)
    differences = [pragma for pragma in _NUMBERS if len({_ask(connection, pragma, one) for one in (dear, other)}) > 1]
    differences += [f"definition of {name}" for name in _find_other_definitions(connection, dear, other)]
    differences += [name for name in _SIDE_TABLES if not _is_same_side_table(connection, name, dear, other)]
    there = {table.name: table for table in list_stored(connection, other)}
    common = [table for table in list_stored(connection, dear) if there.get(table.name) == table]
    rows = 0
    for table in common:
        held, is_same = _compare_table(connection, table, dear, other)
        rows += held
        differences += [] if is_same else [f"table {table.name}"]
    return Comparison(differences=tuple(differences), tables=len(common), rows=rows)


def _ask(connection: Connection, pragma: str, schema: str) -> object:
    return connection.execute(f"PRAGMA {quote(schema)}.{pragma}").fetchone()[0]


def _is_same_zero(one: float, other: float) -> bool:
    """Tell 0.0 from -0.0, which SQLite does not."""
    return math.copysign(1.0, one) == math.copysign(1.0, other)


def _find_other_definitions(connection: Connection, dear: str, other: str) -> list[str]:
    def select(schema: str) -> str:
        return (
            f"SELECT type, name, tbl_name, sql FROM {quote(schema)}.sqlite_master "
            f"WHERE name NOT IN ({', '.join(map(literal, _SIDE_TABLES))})"
        )

    one_way, other_way = f"{select(dear)} EXCEPT {select(other)}", f"{select(other)} EXCEPT {select(dear)}"
    both = f"SELECT name FROM ({one_way}) UNION SELECT name FROM ({other_way})"
    return sorted(str(name) for (name,) in connection.execute(both))


def _is_same_side_table(connection: Connection, name: str, dear: str, other: str) -> bool:
    """Compare a small table without a key as a bag; one that is empty may be missing."""
    found = []
    for schema in (dear, other):
        asked = f"SELECT 1 FROM {quote(schema)}.sqlite_master WHERE name = {literal(name)}"
        is_there = connection.execute(asked).fetchone()
        rows = connection.execute(f"SELECT * FROM {dotted(schema, name)}").fetchall() if is_there else []
        found.append(sorted(map(repr, rows)))
    return found[0] == found[1]


def _compare_table(connection: Connection, table: Stored, dear: str, other: str) -> tuple[int, bool]:
    """Return how many rows ``other`` has, and whether ``dear`` has these, each with its row number, and no more."""
    ours, theirs = dotted(other, table.name), dotted(dear, table.name)
    held = int(connection.execute(f"SELECT count(*) FROM {ours} NOT INDEXED").fetchone()[0])
    columns = _read_columns(connection, table, dear)
    keys = (table.rowid,) if table.rowid is not None else _name_keys(connection, table, dear)
    if not keys:
        return held, _is_same_in_order(connection, table, dear, other)
    is_settled = table.has_key and not table.is_computed
    terms = [f"s.{quote(name)} = t.{quote(name)}" for name in keys]
    terms += [_same_cell(name, columns[name].affinity if is_settled else "") for name in table.columns]
    rows, same = connection.execute(
        f"SELECT count(*), count(s.{quote(keys[0])}) FROM {theirs} AS t NOT INDEXED "
        f"LEFT JOIN {ours} AS s ON {' AND '.join(_bracket(terms))}"
    ).fetchone()
    return held, bool(rows == same == held)


def _read_columns(connection: Connection, table: Stored, schema: str) -> dict[str, Column]:
    rows = connection.execute(f"PRAGMA {quote(schema)}.table_xinfo({literal(table.name)})").fetchall()
    listed = connection.execute("SELECT strict FROM pragma_table_list(?) WHERE schema = ?", (table.name, schema))
    (is_strict,) = listed.fetchone()
    return {
        row[1]: Column(
            name=row[1],
            declared=row[2],
            not_null=bool(row[3]),
            default=row[4],
            pk=row[5],
            generated=row[6] > 1,
            strict=bool(is_strict),
        )
        for row in rows
    }


def _name_keys(connection: Connection, table: Stored, schema: str) -> tuple[str, ...]:
    """Return the key of a table without rowids; nothing for one whose columns have all names of the row number."""
    listed = connection.execute("SELECT wr FROM pragma_table_list(?) WHERE schema = ?", (table.name, schema)).fetchone()
    columns = _read_columns(connection, table, schema).values()
    return tuple(column.name for column in columns if column.pk) if listed[0] else ()


def _same_cell(name: str, affinity: str) -> str:
    """Return the condition that a cell is the same in both, in storage class and every byte.

    Where a column's affinity settles which class a number has, and records are handed over as they are, that need not
    be asked: it costs as much as all the rest.
    """
    one, two = f"s.{quote(name)}", f"t.{quote(name)}"
    if affinity in ("TEXT", "INTEGER"):
        return f"{one} IS {two} COLLATE BINARY"
    if affinity == "REAL":
        return f"({one} IS {two} COLLATE BINARY AND ({two} IS NOT 0 OR {_SAME_ZERO}({one}, {two})))"
    same_class = f"typeof({one}) = typeof({two})"
    return (
        f"(+{one} IS +{two} COLLATE BINARY AND (+{two} >= '' OR (+{two} <> 0 AND {same_class}) OR {two} IS NULL "
        f"OR ({same_class} AND (typeof({two}) <> 'real' OR {_SAME_ZERO}({one}, {two})))))"
    )


def _bracket(terms: list[str]) -> Iterator[str]:
    for first in range(0, len(terms), _TERMS):
        yield f"({' AND '.join(terms[first : first + _TERMS])})"


def _is_same_in_order(connection: Connection, table: Stored, dear: str, other: str) -> bool:
    """Compare row by row: the numbers of these rows cannot be asked for, so that nothing can be joined by them."""
    factory, connection.text_factory = connection.text_factory, bytes
    try:
        pairs = zip_longest(*(connection.execute(select_exactly(table, schema)) for schema in (dear, other)))
        return all(marshal.dumps(one, _FORMAT) == marshal.dumps(two, _FORMAT) for one, two in pairs)
    finally:
        connection.text_factory = factory
