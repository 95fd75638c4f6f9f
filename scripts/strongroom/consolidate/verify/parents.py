"""Look parents up: in the files, by the values that refer to them, with what became of each in the target."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from strongroom.consolidate.verify.catalogue import Table
from strongroom.consolidate.verify.claims import read_entries
from strongroom.consolidate.verify.collations import read_collations
from strongroom.consolidate.verify.desk import Desk, fill, in_batches, open_desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.moved import (
    STANDS,
    Derive,
    Parent,
    ParentMap,
    address_names,
    brace,
    find_home,
    read_moved,
)
from strongroom.consolidate.verify.references import Reference, find_references
from strongroom.consolidate.verify.relations import place_of, rows_of_table, transform_of
from strongroom.consolidate.verify.strays import Stray
from strongroom.consolidate.verify.values import Row, Value, decode_text, is_utf8
from strongroom.core.quoting import dotted, fold, quote, quote_all
from strongroom.sqlite.connection import Connection, attach_stage, open_snapshot
from strongroom.sqlite.database import Database

MakeDerive = Callable[[Desk, FedTable, "Parents", Sequence[Reference]], Derive]
"""Returns what derives a table's rows, of whose references these are followed."""


class Parents:
    """Looks parents up for the tables of one desk."""

    def __init__(self, desk: Desk, make_derive: MakeDerive) -> None:
        """Know nothing yet; ``close`` when done."""
        self._desk = desk
        self._make_derive = make_derive
        self._gathered: list[str] = []
        self._stack = ExitStack()
        self._desks: dict[str, Desk] = {}
        self._sources: dict[str, Connection] = {}
        self._registers: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], str] = {}
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
        parent = reference.parent
        derive = self._find_derive(parent)  # which may gather others first
        number = len(self._maps)
        desk = self._open_desk(parent.target)
        table = self._desk.make(
            f"moved_{number}",
            "number INTEGER, rid INTEGER, state TEXT, is_changed INTEGER, address, new BLOB, first, "
            "PRIMARY KEY (number, rid)",
            "WITHOUT ROWID",
        )
        found = ParentMap(
            reference=reference,
            desk=desk,
            table=table,
            derive=derive,
            entries=read_entries(desk, parent, Faults(parent.into)),
            disturbed=self._desk.make(f"disturbed_{number}", "k TEXT PRIMARY KEY", "WITHOUT ROWID"),
        )
        for entry in parent.inputs:
            if all(entry.places[place] is not None for place in reference.columns):
                with desk.source(entry):
                    for batch in in_batches(read_moved(found, entry)):
                        self._keep(found, batch)
        return found

    def _find_derive(self, parent: FedTable) -> Derive | None:
        """Return what derives the rows of a table in which they are found by a key that may be another one there.

        In a table of a circle its key does not follow what is being gathered: that would have no end.
        """
        keys = {place_of(parent, name) for name in parent.table.primary_key}
        changing = [one for one in find_references(self._desk.house, parent) if keys & set(one.places)]
        is_transformed = any(transform_of(parent, name) is not None for name in parent.table.primary_key)
        if parent.table.rowid is not None or not (changing or is_transformed):
            return None
        self._gathered.append(parent.into)
        followed = [one for one in changing if one.parent.into not in self._gathered]
        derive = self._make_derive(self._desk, parent, self, followed)
        self._gathered.pop()
        return derive

    def _keep(self, found: ParentMap, batch: Sequence[Parent]) -> None:
        """Keep what became of some rows, and the values that are disturbed by it."""
        insert = f"INSERT OR REPLACE INTO {found.table} VALUES (?, ?, ?, ?, ?, ?, {{}})"
        for is_odd, rows in _part(batch):
            values = [
                (one.entry.number, one.row, one.state, one.is_changed, one.address, marshal.dumps(one.new), _first(one))
                for one in rows
            ]
            if not is_odd:
                self._desk.connection.executemany(insert.format("?"), values)
            for *known, first in values if is_odd else ():
                sql, given = fill(insert, [first])
                self._desk.connection.execute(sql, [*known, *given])
        found.changed |= {one.entry.number for one in batch if one.is_changed}
        blurred = [
            (blur(value),) for one in batch if one.is_changed for value in (*one.own, *one.new) if value is not None
        ]
        plain = [value for value in blurred if is_utf8(value[0])]
        self._desk.connection.executemany(f"INSERT OR IGNORE INTO {found.disturbed} VALUES (?)", plain)
        for value in blurred:
            if not is_utf8(value[0]):
                self._desk.connection.execute(*fill(f"INSERT OR IGNORE INTO {found.disturbed} VALUES ({{}})", value))

    def find(self, found: ParentMap, entry: Input, values: Row) -> Iterator[Parent]:
        """Yield the rows of one input that have these values, as SQLite compares them for foreign keys."""
        columns = [entry.source_column(place) for place in found.reference.columns]
        names = tuple(column.name for column in columns if column is not None)
        if len(names) != len(columns):
            return
        more = address_names(found.reference.parent, entry)
        connection, relation, number = self._provide(entry.database, entry.table, names, more)
        terms = _equal(names)
        cells = brace(quote_all([*names, *more]))
        sql, given = fill(f"SELECT {brace(number)}, {cells} FROM {brace(relation)} WHERE {terms}", values)
        for row, *held in connection.execute(sql, given).fetchall():
            own, place = tuple(held[: len(names)]), held[len(names) :]
            yield self._place(found, entry, row, own, place)

    def _place(self, found: ParentMap, entry: Input, row: int, own: Row, place: Row) -> Parent:
        held = self._desk.connection.execute(
            f"SELECT state, is_changed, address, new FROM {found.table} WHERE number = ? AND rid = ?",
            (entry.number, row),
        ).fetchone()
        if held is None:
            address = find_home(found, entry, row, place)
            return Parent(entry, row, tuple(own), STANDS, is_changed=False, address=address, new=tuple(own))
        state, is_changed, address, new = held
        return Parent(entry, row, tuple(own), state, bool(is_changed), address, marshal.loads(new))  # noqa: S302  ours

    def is_in(self, stray: Stray, values: Row) -> bool:
        """Tell whether a row of a table that stands beside the parent's has these values, compared in the same way."""
        connection, relation, _ = self._provide(stray.database, stray.table, stray.names, ())
        sql, given = fill(f"SELECT 1 FROM {brace(relation)} WHERE {_equal(stray.names)} LIMIT 1", values)
        return connection.execute(sql, given).fetchone() is not None

    def _provide(
        self, database: Database, table: Table, names: tuple[str, ...], more: tuple[str, ...]
    ) -> tuple[Connection, str, str]:
        """Return where a table's rows are found by some columns: the table itself, or a register made for it."""
        place = str(database.path)
        if place not in self._sources:
            connection = self._stack.enter_context(open_snapshot(database))
            connection.text_factory = decode_text
            if self._desk.work == "working":
                scratch = self._desk.house.evidence.scratch(self._desk.scratch / f"parents-{len(self._sources)}.db")
                attach_stage(connection, scratch, "working")
            self._sources[place] = connection
        connection = self._sources[place]
        if table.rowid is not None and table.is_found_by(names[0]):
            return connection, dotted("main", table.name), quote(table.rowid)
        what = place, fold(table.name), names, more
        if what not in self._registers:
            register = dotted(self._desk.work, f"register {len(self._registers)}")
            _make_register(connection, table, names, more, register)
            self._registers[what] = register
        return connection, self._registers[what], "r"

    def has_row(self, found: ParentMap, values: Row) -> Row | None:
        """Return what the target's row is referred to by that these values refer to, as SQLite compares them."""
        table = found.reference.parent.table
        names = [found.reference.parent.stored[place].name for place in found.reference.columns]
        return found.desk.find(
            f"SELECT {brace(quote_all(names))} FROM {brace(dotted('main', table.name))} WHERE {_equal(names)} LIMIT 1",
            values,
        )

    def find_targets(self, found: ParentMap, values: Row) -> list[Row]:
        """Return by what else the target's rows are referred to that these values refer to: each spelling once."""
        return self._look(found, "SELECT DISTINCT {cells} FROM {rows} WHERE {terms}", values)

    def are_several(self, found: ParentMap, values: Row) -> bool:
        """Tell whether these values refer to more than one row of the target."""
        return len(self._look(found, "SELECT 1 FROM {rows} WHERE {terms} LIMIT 2", values)) > 1

    def _look(self, found: ParentMap, sql: str, values: Row) -> list[Row]:
        """Ask for the target's rows that have values: in a register where no index finds them."""
        parent, target = found.reference.parent, self._desk.house.evidence.targets[found.reference.parent.target]
        names = tuple(parent.stored[place].name for place in found.reference.columns)
        connection, rows, _ = self._provide(target, parent.table, names, ())
        cells = ", ".join(f"+{brace(quote(name))} COLLATE BINARY" for name in names)
        asked = sql.format(cells=cells, rows=brace(rows), terms=_equal(names))
        return connection.execute(*fill(asked, values)).fetchall()

    def is_unique_there(self, found: ParentMap) -> bool:
        """Tell whether values refer to one row of the target at most, by a reference."""
        parent = found.reference.parent
        return self.is_unique(parent.table, [parent.stored[place].name for place in found.reference.columns])

    def is_unique(self, table: Table, names: Sequence[str]) -> bool:
        """Tell whether values refer to one row of a table at most: as its columns compare, not as an index does."""
        return table.has_unique(names, read_collations(self._desk.connection, table, names))


def _equal(names: Sequence[str]) -> str:
    """Return the condition that columns have values, with a hole for each."""
    return " AND ".join(f"{brace(quote(name))} = {{}}" for name in names)


def _first(one: Parent) -> Value:
    return one.new[0] if one.new else None


def _part(batch: Sequence[Parent]) -> Iterator[tuple[bool, list[Parent]]]:
    """Tell those whose new value is TEXT and no UTF-8 from the others."""
    odd = [one for one in batch if isinstance(_first(one), str) and not is_utf8(str(_first(one)))]
    yield True, odd
    yield False, [one for one in batch if one not in odd] if odd else list(batch)


def blur(value: Value) -> str:
    """Return a form that all values share which any column could take for one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
    return fold(text).rstrip(" ")


def _make_register(
    connection: Connection, table: Table, names: tuple[str, ...], more: tuple[str, ...], register: str
) -> None:
    """Make a table of rows by some of their columns, compared as in their own table."""
    collations = read_collations(connection, table, names)
    listed = [
        f"{quote(name)} {column.affinity} COLLATE {quote(collation)}"
        for name, column, collation in zip(names, map(table.find, names), collations, strict=True)
        if column is not None
    ]
    others = [name for name in dict.fromkeys(more) if name not in names]
    columns = ", ".join(["r INTEGER", *listed, *map(quote, others)])
    connection.execute(f"CREATE TABLE {register} ({columns})")
    cells = ", ".join(f"s.c{table.place_of(name)}" for name in (*names, *others))
    connection.execute(f"INSERT INTO {register} SELECT s.r, {cells} FROM {rows_of_table(table, None, 'main')}")
    schema, _, name = register.partition(".")
    connection.execute(f"CREATE INDEX {schema}.{quote(f'index of {name}')} ON {name} ({quote_all(names)})")
