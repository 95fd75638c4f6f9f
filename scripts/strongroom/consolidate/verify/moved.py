"""What became of the rows of parent tables that did not arrive plainly, as far as the ledger says so.

That it is true is proven with the parent's own table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from strongroom.consolidate.verify.claims import Entries
from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.ids import make_uuid
from strongroom.consolidate.verify.references import Reference, find_references
from strongroom.consolidate.verify.relations import home_of, home_rowid, place_of, rows_of, rows_of_table, transform_of
from strongroom.consolidate.verify.values import Row, Value, decode_text, encode_key, is_same_row
from strongroom.core.quoting import dotted, quote, quote_all
from strongroom.sqlite.connection import open_snapshot

STANDS, WAITS, GONE = "stands", "waits", "gone"


Derive = Callable[[Input, Row], Row]
"""Returns what a row's cells must have become."""


class Parent(NamedTuple):
    """A row of a parent table, and what became of it."""

    entry: Input
    row: int
    own: tuple[Value, ...]
    """What it is referred to by, in its source."""
    state: str
    is_changed: bool
    address: object
    """What tells target rows apart."""
    new: tuple[Value, ...]
    """What it is referred to by, in the target."""


@dataclass(slots=True, kw_only=True)
class ParentMap:
    """The rows of one parent table that did not arrive plainly, by the columns that refer to them."""

    reference: Reference
    desk: Desk
    """Of the parent's target."""
    table: str
    """The working table: number of the input, row, state, whether it changed, address, new values."""
    entries: dict[int, Entries]
    changed: set[int] = field(default_factory=set)
    """The inputs in which a row is referred to by another value now, waits, or is gone."""
    derive: Derive | None = None
    """What derives its rows, where the target has no rowids and their key may be another one there."""
    disturbed: str = ""
    """The working table of all values, old and new, that such rows are or were referred to by."""


def read_moved(found: ParentMap, entry: Input) -> Iterator[Parent]:
    """Yield the rows of a parent's input (``src``) that have an entry, or stand in the target by other values."""
    parent, entries = found.reference.parent, found.entries[entry.number]
    if found.derive is not None:
        yield from _read_derived(found, entry, found.derive)
        return
    is_plain = _is_plain(found, entry)
    if is_plain and not entries.size:
        return
    width = len(found.reference.columns)
    for row in found.desk.connection.execute(_select_moved(found, entry, is_plain=is_plain)):
        number, disposition, *_ = row
        held, there = row[6 : 6 + width], row[6 + width : 6 + 2 * width]
        place: object = row[5]
        if parent.table.rowid is None:
            place, there = _find_by_winner(found, entry, row, row[6 + 2 * width :], there)
        state = _read_state(found, row)
        is_changed = state != STANDS or not is_same_row(held, there)
        if disposition is not None or is_changed:
            yield Parent(entry, number, held, state, is_changed, place, there if state == STANDS else ())


def _read_derived(found: ParentMap, entry: Input, derive: Derive) -> Iterator[Parent]:
    """Yield every row of an input, where only derivation tells under which key a row stands."""
    entries, places = found.entries[entry.number], found.reference.columns
    said, ledger = "NULL, NULL, NULL, NULL", ""
    if entries.size:
        said = "l._disposition, l._winner_input, l._winner_rowid, l._target_rowid IS NOT NULL"
        ledger = f" LEFT JOIN {entries.table} AS l ON l._rowid = s.r"
    cells = ", ".join(f"s.c{place}" for place, _ in enumerate(entry.table.columns))
    rows = rows_of(entry, found.reference.parent.rule.where)
    inputs = {one.number: one for one in found.reference.parent.inputs}
    for row in found.desk.connection.execute(f"SELECT s.r, {said}, {cells} FROM {rows}{ledger}").fetchall():
        number, disposition, winner_input, winner_row, _, *own = row
        winner, given = entry, own
        if disposition not in (None, "inserted") and winner_input in inputs:
            winner = inputs[winner_input]
            given = _read_cells(winner, winner_row)
        key, there = _find_derived(found, derive(winner, given)) if given else (None, ())
        state = _read_state(found, row)
        held = tuple(own[entry.places[place] or 0] for place in places)
        is_changed = state != STANDS or not is_same_row(held, there)
        yield Parent(entry, number, held, state, is_changed, key, there if state == STANDS else ())


def _find_derived(found: ParentMap, values: Row) -> tuple[object, tuple[Value, ...]]:
    """Return the key under which a row stands in the target, and what it is referred to by there."""
    parent = found.reference.parent
    key = [values[place] for place in _key_places(parent)]
    names = [parent.stored[place].name for place in found.reference.columns]
    terms = " AND ".join(
        f"{brace(quote(name))} = {{}} COLLATE {quote(how)}"
        for name, how in zip(parent.table.primary_key, parent.table.key_collations, strict=True)
    )
    listed = brace(quote_all([*names, *parent.table.primary_key]))
    there = found.desk.find(f"SELECT {listed} FROM {brace(dotted('main', parent.table.name))} WHERE {terms}", key)
    if there is None:
        return None, ()
    return encode_key(there[len(names) :]), there[: len(names)]


def _read_cells(entry: Input, row: Value) -> list[Value]:
    """Return a source row's cells, by a connection of its own: what is attached stays locked while rows are read."""
    with open_snapshot(entry.database) as connection:
        connection.text_factory = decode_text
        cells = ", ".join(f"s.c{place}" for place, _ in enumerate(entry.table.columns))
        rows = rows_of_table(entry.table, None, "main")
        return list(connection.execute(f"SELECT {cells} FROM {rows} WHERE s.r = ?", (row,)).fetchone() or ())


def _read_state(found: ParentMap, row: Row) -> str:
    """Return what became of a row; one that waits for a decision is stood for by the row that is shown."""
    disposition, winner_input, winner_row, is_shown = row[1:5]
    if disposition == "filtered":
        return GONE
    if disposition != "quarantined" or is_shown:
        return STANDS
    winner = found.entries.get(winner_input) if isinstance(winner_input, int) else None
    if found.reference.parent.table.rowid is not None or winner is None or not winner.size:
        return WAITS
    said = f"SELECT count(*) FROM {winner.table} WHERE _rowid = ? AND _disposition = 'inserted'"
    return STANDS if found.desk.count(said, (winner_row,)) else WAITS


def _select_moved(found: ParentMap, entry: Input, *, is_plain: bool) -> str:
    """Return the join of an input's rows with what is said of them and where they stand."""
    parent, entries = found.reference.parent, found.entries[entry.number]
    table, rows = parent.table, rows_of(entry, parent.rule.where)
    names = [quote(parent.stored[place].name) for place in found.reference.columns]
    names += [quote(parent.stored[place].name) for place in _key_places(parent)] if table.rowid is None else []
    cells = [f"s.c{entry.places[place]}" for place in found.reference.columns]
    said, source = "NULL, NULL, NULL, NULL", rows
    if entries.size:
        said = "l._disposition, l._winner_input, l._winner_rowid, l._target_rowid IS NOT NULL"
        source = f"{rows} LEFT JOIN {entries.table} AS l ON l._rowid = s.r"
        if is_plain:
            source = f"{entries.table} AS l CROSS JOIN {rows} ON s.r = l._rowid"
    stands, address = home_of(parent, entry, entries.offset), "NULL"
    if table.rowid is not None:
        address = f"t.{quote(table.rowid)}"
        if entries.size:
            stands = f"{address} = coalesce(l._target_rowid, {home_rowid(parent, entry, entries.offset)})"
    target = f"LEFT JOIN {dotted('main', table.name)} AS t ON {stands}"
    listed = ", ".join([*cells, *(f"t.{name}" for name in names)])
    return f"SELECT s.r, {said}, {address}, {listed} FROM {source} {target}"


def _is_plain(found: ParentMap, entry: Input) -> bool:
    """Tell whether rows without an entry are referred to in the target as in their source."""
    parent = found.reference.parent
    if entry.is_seed:
        return True
    followed = {place for one in find_references(found.desk.house, parent) for place in one.places}
    return not any(
        place in followed or transform_of(parent, parent.stored[place].name) is not None
        for place in found.reference.columns
    )


def _find_by_winner(
    found: ParentMap, entry: Input, row: Row, pk: Row, there: tuple[Value, ...]
) -> tuple[object, tuple[Value, ...]]:
    """In a target without rowids: return the key of the row that stands for one, and what that is referred to by."""
    parent, (number, disposition, winner_input, winner_row) = found.reference.parent, row[:4]
    is_own = disposition in (None, "inserted") or set(parent.key) == set(_key_places(parent))
    if is_own and None not in pk:
        return encode_key(pk), there
    wanted = (entry.number, number) if disposition in (None, "inserted") else (winner_input, winner_row)
    winner = next((one for one in parent.inputs if one.number == wanted[0]), None)
    if winner is None:
        return None, ()
    return _find_anew(found, winner, wanted[1])


def _find_anew(found: ParentMap, winner: Input, row: Value) -> tuple[object, tuple[Value, ...]]:
    """Find a row that was inserted, by its own key or by the id that ``uuid5`` gave it."""
    parent, desk = found.reference.parent, found.desk
    keys = _key_places(parent)
    cells = ", ".join(f"s.c{winner.places[place]}" for place in keys)
    with open_snapshot(winner.database) as connection:  # of its own: what is attached stays locked while rows are read
        connection.text_factory = decode_text
        rows = rows_of(winner, parent.rule.where, "main")
        own = connection.execute(f"SELECT {cells} FROM {rows} WHERE s.r = ?", (row,)).fetchone()
    if own is None:
        return None, ()
    names = [parent.stored[place].name for place in found.reference.columns]
    terms = " AND ".join(f"{brace(quote(name))} = {{}}" for name in parent.table.primary_key)
    sql = f"SELECT {brace(quote_all(names))} FROM {brace(dotted('main', parent.table.name))} WHERE {terms}"
    anew = [
        make_uuid(winner, value) if place == parent.identity and value is not None else value
        for place, value in zip(keys, own, strict=True)
    ]
    for key in (anew, own) if parent.rule.strategy == "uuid5" else (own,):
        there = desk.find(sql, key)
        if there is not None:
            return encode_key(key), there
    return None, ()


def address_names(parent: FedTable, entry: Input) -> tuple[str, ...]:
    """Return the columns of a parent's input that say where its rows stand in the target."""
    table = parent.table
    if table.rowid is not None and parent.integer_key is None:
        return ()
    places = [parent.integer_key] if parent.integer_key is not None else _key_places(parent)
    columns = [entry.source_column(place) for place in places]
    return tuple(column.name for column in columns if column is not None)


def find_home(found: ParentMap, entry: Input, row: int, place: Row) -> object:
    """Return what tells the target row of a plain source row apart."""
    parent = found.reference.parent
    if parent.integer_key is not None:
        own = place[0] if place else None
        return own + entry.shift if isinstance(own, int) else own
    return row + found.entries[entry.number].offset if parent.table.rowid is not None else encode_key(place)


def _key_places(parent: FedTable) -> list[int]:
    return [place_of(parent, name) for name in parent.table.primary_key]


def brace(text: str) -> str:
    """Keep braces from being taken for holes."""
    return text.replace("{", "{{").replace("}", "}}")
