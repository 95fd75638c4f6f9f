"""Where the rows of parent tables went: which are others now, which wait, and which never came.

What the ledger says of a parent is taken as its place here; that it is true is proven with the parent's own table.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

from strongroom.consolidate.verify.catalogue import Table
from strongroom.consolidate.verify.claims import Entries, read_entries
from strongroom.consolidate.verify.desk import Desk, fill, open_desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.ids import make_uuid
from strongroom.consolidate.verify.references import Reference, find_references
from strongroom.consolidate.verify.relations import (
    home_of,
    home_rowid,
    place_of,
    rows_of,
    rows_of_table,
    transform_of,
)
from strongroom.consolidate.verify.values import Row, Value, decode_text, encode_key, is_same_row
from strongroom.core.quoting import dotted, fold, quote, quote_all
from strongroom.sqlite.connection import Connection, attach_stage, open_memory, open_snapshot
from strongroom.sqlite.libraries import library_of

STANDS, WAITS, GONE = "stands", "waits", "gone"


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
    disturbed: str = ""
    """The working table of all values, old and new, that such rows are or were referred to by."""


class Parents:
    """Looks parents up for the tables of one desk."""

    def __init__(self, desk: Desk) -> None:
        """Know nothing yet; ``close`` when done."""
        self._desk = desk
        self._stack = ExitStack()
        self._desks: dict[str, Desk] = {}
        self._sources: dict[str, Connection] = {}
        self._registers: dict[tuple[str, str, tuple[str, ...]], str] = {}
        self._maps: dict[tuple[object, ...], ParentMap] = {}

    def close(self) -> None:
        """Close every connection."""
        self._stack.close()

    def map_of(self, reference: Reference) -> ParentMap:
        """Return what became of a reference's parents, gathered once."""
        what = reference.parent.into, reference.columns
        if what not in self._maps:
            self._maps[what] = self._gather(reference)
        return self._maps[what]

    def _open_desk(self, target: str) -> Desk:
        if target not in self._desks:
            house = self._desk.house
            self._desks[target] = self._stack.enter_context(open_desk(house, house.targets[target]))
        return self._desks[target]

    def _gather(self, reference: Reference) -> ParentMap:
        parent, number = reference.parent, len(self._maps)
        desk = self._open_desk(parent.target)
        table = self._desk.make(
            f"moved_{number}",
            "number INTEGER, rid INTEGER, state TEXT, is_changed INTEGER, address, new BLOB, PRIMARY KEY (number, rid)",
            "WITHOUT ROWID",
        )
        found = ParentMap(
            reference=reference,
            desk=desk,
            table=table,
            entries=read_entries(desk, parent, Faults(parent.into)),
            disturbed=self._desk.make(f"disturbed_{number}", "k TEXT PRIMARY KEY", "WITHOUT ROWID"),
        )
        for entry in parent.inputs:
            if all(entry.places[place] is not None for place in reference.columns):
                with desk.source(entry):
                    for moved in _read_moved(found, entry):
                        self._keep(found, moved)
        return found

    def _keep(self, found: ParentMap, moved: Parent) -> None:
        values = (moved.entry.number, moved.row, moved.state, moved.is_changed, moved.address, marshal.dumps(moved.new))
        self._desk.connection.execute(f"INSERT OR REPLACE INTO {found.table} VALUES (?, ?, ?, ?, ?, ?)", values)
        if moved.is_changed:
            found.changed.add(moved.entry.number)
            for value in (*moved.own, *moved.new):
                if value is not None:
                    sql, given = fill(f"INSERT OR IGNORE INTO {found.disturbed} VALUES ({{}})", [blur(value)])
                    self._desk.connection.execute(sql, given)

    def find(self, found: ParentMap, entry: Input, values: Row) -> Iterator[Parent]:
        """Yield the rows of one input that have these values, as SQLite compares them for foreign keys."""
        columns = [entry.source_column(place) for place in found.reference.columns]
        names = tuple(column.name for column in columns if column is not None)
        if len(names) != len(columns):
            return
        more = _address_names(found.reference.parent, entry)
        connection, relation, number = self._provide(entry, names, more)
        terms = " AND ".join(f"{_brace(quote(name))} = {{}}" for name in names)
        cells = _brace(quote_all([*names, *more]))
        sql, given = fill(f"SELECT {_brace(number)}, {cells} FROM {_brace(relation)} WHERE {terms}", values)
        for row, *held in connection.execute(sql, given).fetchall():
            own, place = tuple(held[: len(names)]), held[len(names) :]
            yield self._place(found, entry, row, own, place)

    def _place(self, found: ParentMap, entry: Input, row: int, own: Row, place: Row) -> Parent:
        held = self._desk.connection.execute(
            f"SELECT state, is_changed, address, new FROM {found.table} WHERE number = ? AND rid = ?",
            (entry.number, row),
        ).fetchone()
        if held is None:
            address = _find_home(found, entry, row, place)
            return Parent(entry, row, tuple(own), STANDS, is_changed=False, address=address, new=tuple(own))
        state, is_changed, address, new = held
        return Parent(entry, row, tuple(own), state, bool(is_changed), address, marshal.loads(new))  # noqa: S302  ours

    def _provide(self, entry: Input, names: tuple[str, ...], more: tuple[str, ...]) -> tuple[Connection, str, str]:
        """Return where an input's rows are found by some columns: their table, or a register made for it."""
        place = str(entry.database.path)
        if place not in self._sources:
            connection = self._stack.enter_context(open_snapshot(entry.database))
            connection.text_factory = decode_text
            if self._desk.work == "working":
                scratch = self._desk.house.evidence.scratch(self._desk.scratch / f"parents-{len(self._sources)}.db")
                attach_stage(connection, scratch, "working")
            self._sources[place] = connection
        connection = self._sources[place]
        if entry.table.rowid is not None and entry.table.is_found_by(names[0]):
            return connection, dotted("main", entry.table.name), quote(entry.table.rowid)
        what = place, fold(entry.table.name), names
        if what not in self._registers:
            register = dotted(self._desk.work, f"register {len(self._registers)}")
            _make_register(connection, entry.table, names, more, register)
            self._registers[what] = register
        return connection, self._registers[what], "r"

    def has_row(self, found: ParentMap, values: Row) -> Row | None:
        """Return what the target's row is referred to by that these values refer to, as SQLite compares them."""
        table = found.reference.parent.table
        names = [found.reference.parent.stored[place].name for place in found.reference.columns]
        terms = " AND ".join(f"{_brace(quote(name))} = {{}}" for name in names)
        return found.desk.find(
            f"SELECT {_brace(quote_all(names))} FROM {_brace(dotted('main', table.name))} WHERE {terms} LIMIT 1", values
        )


def blur(value: Value) -> str:
    """Return a form that all values share which any column could take for one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
    return fold(text).rstrip(" ")


def _brace(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _address_names(parent: FedTable, entry: Input) -> tuple[str, ...]:
    """Return the columns of a parent's input that say where its rows stand in the target."""
    table = parent.table
    if table.rowid is not None and parent.integer_key is None:
        return ()
    places = [parent.integer_key] if parent.integer_key is not None else _key_places(parent)
    columns = [entry.source_column(place) for place in places]
    return tuple(column.name for column in columns if column is not None)


def _find_home(found: ParentMap, entry: Input, row: int, place: Row) -> object:
    """Return what tells the target row of a plain source row apart."""
    parent = found.reference.parent
    if parent.integer_key is not None:
        own = place[0] if place else None
        return own + entry.shift if isinstance(own, int) else own
    return row + found.entries[entry.number].offset if parent.table.rowid is not None else encode_key(place)


def _key_places(parent: FedTable) -> list[int]:
    return [place_of(parent, name) for name in parent.table.primary_key]


def _make_register(
    connection: Connection, table: Table, names: tuple[str, ...], more: tuple[str, ...], register: str
) -> None:
    """Make a table of rows by some of their columns, compared as in their own table."""
    with open_memory(library_of(connection)) as scratch:
        scratch.execute(table.sql)
        scratch.execute(f"CREATE INDEX strongroom_probe ON {quote(table.name)} ({quote_all(names)})")
        parts = scratch.execute("PRAGMA index_xinfo(strongroom_probe)").fetchall()
    listed = [
        f"{quote(name)} {column.affinity} COLLATE {quote(part[4])}"
        for name, column, part in zip(names, map(table.find, names), parts, strict=False)
        if column is not None
    ]
    others = [name for name in dict.fromkeys(more) if name not in names]
    columns = ", ".join(["r INTEGER", *listed, *map(quote, others)])
    connection.execute(f"CREATE TABLE {register} ({columns})")
    cells = ", ".join(f"s.c{table.place_of(name)}" for name in (*names, *others))
    connection.execute(f"INSERT INTO {register} SELECT s.r, {cells} FROM {rows_of_table(table, None, 'main')}")
    schema, _, name = register.partition(".")
    connection.execute(f"CREATE INDEX {schema}.{quote(f'index of {name}')} ON {name} ({quote_all(names)})")


def _read_moved(found: ParentMap, entry: Input) -> Iterator[Parent]:
    """Yield the rows of a parent's input (``src``) that have an entry, or stand in the target by other values."""
    parent, entries = found.reference.parent, found.entries[entry.number]
    is_plain = _is_plain(found, entry)
    if is_plain and not entries.size:
        return
    width = len(found.reference.columns)
    for row in found.desk.connection.execute(_select_moved(found, entry, is_plain=is_plain)):
        number, disposition, *_ = row
        held, there = row[5 : 5 + width], row[5 + width : 5 + 2 * width]
        place: object = row[4]
        if parent.table.rowid is None:
            place, there = _find_by_winner(found, entry, row, row[5 + 2 * width :], there)
        state = {"quarantined": WAITS, "filtered": GONE}.get(disposition or "", STANDS)
        is_changed = state != STANDS or not is_same_row(held, there)
        if disposition is not None or is_changed:
            yield Parent(entry, number, held, state, is_changed, place, there if state == STANDS else ())


def _select_moved(found: ParentMap, entry: Input, *, is_plain: bool) -> str:
    """Return the join of an input's rows with what is said of them and where they stand."""
    parent, entries = found.reference.parent, found.entries[entry.number]
    table, rows = parent.table, rows_of(entry, parent.rule.where)
    names = [quote(parent.stored[place].name) for place in found.reference.columns]
    names += [quote(parent.stored[place].name) for place in _key_places(parent)] if table.rowid is None else []
    cells = [f"s.c{entry.places[place]}" for place in found.reference.columns]
    said, source = "NULL, NULL, NULL", rows
    if entries.size:
        said = "l._disposition, l._winner_input, l._winner_rowid"
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
    with desk.source(winner, "winning"):
        cells = ", ".join(f"s.c{winner.places[place]}" for place in keys)
        rows = rows_of(winner, parent.rule.where, "winning")
        own = desk.connection.execute(f"SELECT {cells} FROM {rows} WHERE s.r = ?", (row,)).fetchone()
    if own is None:
        return None, ()
    names = [parent.stored[place].name for place in found.reference.columns]
    terms = " AND ".join(f"{_brace(quote(name))} = {{}}" for name in parent.table.primary_key)
    sql = f"SELECT {_brace(quote_all(names))} FROM {_brace(dotted('main', parent.table.name))} WHERE {terms}"
    anew = [
        make_uuid(winner, value) if place == parent.identity and value is not None else value
        for place, value in zip(keys, own, strict=True)
    ]
    for key in (anew, own) if parent.rule.strategy == "uuid5" else (own,):
        there = desk.find(sql, key)
        if there is not None:
            return encode_key(key), there
    return None, ()
