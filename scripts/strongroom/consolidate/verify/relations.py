"""The SQL in which rows of a source and of a target are laid side by side, and when two of them are the same."""

from __future__ import annotations

from math import isfinite

from strongroom.consolidate.verify.catalogue import BINARY, Column, Table
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.values import Value, encode_text
from strongroom.core.quoting import dotted, fold, quote

_YEAR_10000 = 253_402_300_800
"""Seconds from 1970 until then."""
_SETTLED = ("TEXT", "NUMERIC", "REAL")
"""Between columns of one of these affinities equal values have the same storage class."""


def rows_of(entry: Input, where: str | None, schema: str = "src", alias: str = "s") -> str:
    """Return an input's rows as a table: ``r`` the row's number, ``c0`` … its columns, ``w`` whether it passes.

    The number is the rowid; without one, the place in the order of the primary key. The plan's ``where`` sees the
    source table alone.
    """
    return rows_of_table(entry.table, None if entry.is_seed else where, schema, alias)


def rows_of_table(table: Table, where: str | None, schema: str, alias: str = "s") -> str:
    """Return a table's rows as ``rows_of`` does."""
    parts = [f"{number_of(table)} AS r"]
    parts += [f"{quote(column.name)} AS c{place}" for place, column in enumerate(table.columns)]
    if where is not None:
        parts.append(f"(({where}\n) IS TRUE) AS w")
    return f"(SELECT {', '.join(parts)} FROM {dotted(schema, table.name)}) AS {alias}"


def number_of(table: Table) -> str:
    """Return what numbers a table's rows."""
    if table.rowid is not None:
        return quote(table.rowid)
    index = next((index for index in table.indexes if index.is_of_key), None)
    if index is None:
        return "row_number() OVER ()"
    order = ", ".join(
        f"{quote(str(name))} COLLATE {quote(collation)}"
        for name, collation in zip(index.columns, index.collations, strict=True)
        if name in table.primary_key
    )
    return f"row_number() OVER (ORDER BY {order})"


def is_numbered(table: Table) -> bool:
    """Tell whether a table's rows must be counted to be numbered."""
    return table.rowid is None


def same_cell(ours: str, our_column: Column, theirs: str, their_column: Column) -> str:
    """Return the condition that two cells are the same, in storage class and every byte.

    A REAL zero is never said to be: SQLite does not tell 0.0 from -0.0, so Python looks.
    """
    if our_column.affinity == their_column.affinity and our_column.affinity in _SETTLED:
        return f"{ours} IS {theirs} COLLATE BINARY"
    return same_anywhere(ours, theirs)


def same_anywhere(ours: str, theirs: str, affinity: str = "") -> str:
    """Return the condition that two cells of any columns are the same; see ``same_cell`` about zero.

    Without affinities only numbers are equal to what is of another storage class; a column of TEXT holds none.
    """
    if affinity == "TEXT":
        return f"+{ours} IS +{theirs} COLLATE BINARY"
    return (
        f"typeof({ours}) = typeof({theirs}) AND +{ours} IS +{theirs} COLLATE BINARY "
        f"AND (typeof({theirs}) <> 'real' OR {theirs} <> 0)"
    )


def same_place(theirs: str, mine: str, collation: str = BINARY) -> str:
    """Return the condition that two cells are equal as a column of this collation compares what it stores of them.

    That is what they are, for what it would change is refused: what their own columns declare has no say. The first
    term has, and lets SQLite use an index of the first cell's column: it holds wherever the second one does. Not under
    RTRIM: the Bloom filters of SQLite 3.38 to 3.40 take texts of two lengths for different.
    """
    told = "" if collation == BINARY else f" COLLATE {quote(collation)}"
    exact = f"+{theirs} = +{mine} COLLATE {quote(collation)}"
    return exact if collation == "RTRIM" else f"{theirs} = +{mine}{told} AND {exact}"


def differs(ours: str, our_column: Column, theirs: str, their_column: Column) -> str:
    """Return the condition that two cells are surely not the same; see ``same_cell`` about zero."""
    if our_column.affinity == their_column.affinity and our_column.affinity in _SETTLED:
        return f"{ours} IS NOT {theirs} COLLATE BINARY"
    return f"typeof({ours}) <> typeof({theirs}) OR +{ours} IS NOT +{theirs} COLLATE BINARY"


def write_value(value: Value) -> str:
    """Write a value as SQL, such that no affinity has a say."""
    if isinstance(value, str):
        return f"+CAST(x'{encode_text(value).hex()}' AS TEXT)"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float):
        return repr(value) if isfinite(value) else "9e999" if value > 0 else "-9e999"
    return "NULL" if value is None else str(value)


def same_value(ours: str, value: Value) -> str:
    """Return the condition that a cell is this value."""
    if value is None:
        return f"{ours} IS NULL"
    if isinstance(value, float):
        return "0"  # Python looks
    kind = "integer" if isinstance(value, int) else "text" if isinstance(value, str) else "blob"
    return f"typeof({ours}) = '{kind}' AND +{ours} = {write_value(value)} COLLATE BINARY"


def is_plain(fed: FedTable, entry: Input) -> str:
    """Return the condition that target row ``t`` is what source row ``s`` becomes under its own id and references."""
    terms = [f"t.{quote(name)} IS NOT NULL" for name in _address_columns(fed)]
    terms += cell_terms(fed, entry)
    if fed.rule.where is not None and not entry.is_seed:
        terms.append("s.w")
    return " AND ".join(f"({term})" for term in terms)


def cell_terms(fed: FedTable, entry: Input) -> list[str]:
    """Return for each stored column the condition that it holds what the source row's value becomes."""
    terms = []
    for place, column in enumerate(fed.stored):
        ours, given = f"t.{quote(column.name)}", entry.source_column(place)
        if given is None:
            terms.append(same_value(ours, entry.fills[place]))
        elif entry.shift and place == fed.integer_key:
            terms.append("0")
        else:
            theirs = f"s.c{entry.places[place]}"
            same = same_cell(ours, column, theirs, given)
            way = None if entry.is_seed else transform_of(fed, column.name)
            terms.append(same if way is None else transformed(way, ours, theirs, same))
    return terms


def transformed(way: object, ours: str, theirs: str, same: str) -> str:
    """Return the condition that a cell holds what a transform makes of another; text only, else Python looks."""
    kinds = "('text')" if isinstance(way, str) else "('integer', 'real')"
    made = f"{name_function(way)}({f'CAST({theirs} AS BLOB)' if isinstance(way, str) else theirs})"
    if not isinstance(way, str):
        made = _written(str(getattr(way, "epoch", "")), theirs, made)
    done = f"typeof({ours}) = 'text' AND +{ours} IS {made} COLLATE BINARY"
    return f"CASE WHEN typeof({theirs}) IN {kinds} THEN {done} ELSE {same} END"


def _written(unit: str, cell: str, otherwise: str) -> str:
    """Return what writes a number as an instant: SQLite does integers of the years 1970 to 9999."""
    units = {"auto": ("s", "ms"), "s": ("s",), "ms": ("ms",), "us": ("us",)}[unit]
    cases = []
    for one in units:
        parts = {"s": 1, "ms": 1_000, "us": 1_000_000}[one]
        least, end = 0, _YEAR_10000 * parts
        if unit == "auto":
            least, end = (0, 10**11) if one == "s" else (10**11, 10**14)
        second = f"strftime('%Y-%m-%dT%H:%M:%S', {cell} / {parts}, 'unixepoch')"
        rest = f"CASE {cell} % {parts} WHEN 0 THEN 'Z' ELSE printf('.%06dZ', {cell} % {parts} * {10**6 // parts}) END"
        cases.append(f"WHEN {cell} >= {least} AND {cell} < {end} THEN {second} || {rest}")
    return f"CASE WHEN typeof({cell}) <> 'integer' THEN {otherwise} {' '.join(cases)} ELSE {otherwise} END"


def name_function(way: object) -> str:
    """Return the name of the SQL function (``desk``) that does a transform."""
    return f"proof_{way}" if isinstance(way, str) else f"proof_epoch_{getattr(way, 'epoch', '')}"


def transform_of(fed: FedTable, name: str) -> object:
    """Return the plan's transform of a column: ``trim``, ``casefold``, a model, or None."""
    wanted = fold(name)
    return next((way for given, way in fed.rule.transform.items() if fold(given) == wanted), None)


def _address_columns(fed: FedTable) -> tuple[str, ...]:
    return (fed.table.rowid,) if fed.table.rowid is not None else fed.table.primary_key


def home_of(fed: FedTable, entry: Input, offset: int) -> str:
    """Return the condition that target row ``t`` stands where source row ``s`` stands when it arrives plainly."""
    table = fed.table
    if fed.integer_key is not None:
        place = entry.places[fed.integer_key]
        if place is None:
            return "0"
        return f"t.{quote(str(table.rowid))} = +s.c{place}" + (f" + {entry.shift}" if entry.shift else "")
    if table.rowid is not None:
        return f"t.{quote(table.rowid)} = s.r + {offset}"
    terms = []
    for name, collation in zip(table.primary_key, table.key_collations, strict=True):
        place = entry.places[place_of(fed, name)]
        if place is None:
            return "0"
        terms.append(f"t.{quote(name)} = +s.c{place} COLLATE {quote(collation)}")
    return " AND ".join(terms) or "0"


def home_rowid(fed: FedTable, entry: Input, offset: int) -> str:
    """Return the rowid at which source row ``s`` stands when it arrives plainly."""
    if fed.integer_key is None:
        return f"s.r + {offset}"
    place = entry.places[fed.integer_key]
    return "NULL" if place is None else f"s.c{place} + {entry.shift}" if entry.shift else f"s.c{place}"


def place_of(fed: FedTable, name: str) -> int:
    """Return the place of a column among the stored ones."""
    return next(place for place, column in enumerate(fed.stored) if column.name == name)


def stored_cells(fed: FedTable, alias: str = "t") -> str:
    """Return the target's stored columns, to be selected."""
    return ", ".join(f"{alias}.{quote(column.name)}" for column in fed.stored)
