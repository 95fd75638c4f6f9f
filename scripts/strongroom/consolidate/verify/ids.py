"""Ids that are others now: which a row may get, and that it had to get one (``.github/PLAN.md``, section 4)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from strongroom.consolidate.verify.catalogue import BINARY
from strongroom.consolidate.verify.claims import Entries
from strongroom.consolidate.verify.collations import read_collations
from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.relations import rows_of, same_place
from strongroom.consolidate.verify.values import Value, encode_text, is_same
from strongroom.core.quoting import dotted, quote

_NAMESPACE = uuid.UUID("8f0c9d1e-6a43-5b0e-9d1c-5f2a7c3e4b10")
_MOST = (1 << 63) - 1


@dataclass(slots=True, kw_only=True)
class Ids:
    """How one table's rows may get other ids."""

    place: int | None
    """The place of the column among the stored ones; None where ids stay."""
    strategy: str
    count: int = 0
    fresh: str = ""
    """The working table of rows under another id, or that wait for theirs: number, row, old id, new id."""

    @classmethod
    def of(cls, fed: FedTable) -> Ids:
        """Return what the plan allows."""
        return cls(place=None if fed.rule.strategy == "keep" else fed.identity, strategy=fed.rule.strategy)

    def begin(self, desk: Desk) -> None:
        """Make the working table."""
        self.fresh = desk.make(
            "fresh",
            "number INTEGER, rid INTEGER, old, new UNIQUE, late DEFAULT 0, PRIMARY KEY (number, rid)",
            "WITHOUT ROWID",
        )

    def may_become(self, entry: Input, own: Value, actual: Value) -> bool:
        """Tell whether a row with this id of its own may stand under another one; that it had to is shown later."""
        if entry.is_seed and self.strategy != "renumber":
            return False
        if self.strategy == "uuid5":
            return own is not None and is_same(actual, make_uuid(entry, own))
        if not isinstance(actual, int):
            return False
        if self.strategy == "offset":
            return bool(isinstance(own, int) and entry.shift and actual == own + entry.shift)
        return self.strategy == "renumber"

    def note(self, desk: Desk, entry: Input, row: int, own: Value, actual: Value, *, is_late: bool = False) -> bool:
        """Keep a row under another id, to be tried; tell whether no other has that id already.

        One that came late, by a decision, gives way to whatever row has its id.
        """
        if self.strategy == "offset" and actual is not None:
            return True  # by how much, and that no two meet, is known without a list
        held = encode_text(own) if isinstance(own, str) else own
        new = encode_text(actual) if isinstance(actual, str) else actual
        done = desk.connection.execute(
            f"INSERT OR IGNORE INTO {self.fresh} (number, rid, old, new, late) VALUES (?, ?, ?, ?, ?)",
            (entry.number, row, held, new, is_late),
        )
        self.count += 1
        return done.rowcount == 1


def make_uuid(entry: Input, own: Value) -> str:
    """Return the id that ``uuid5`` gives a row in place of its own."""
    held = own if isinstance(own, bytes) else encode_text(own if isinstance(own, str) else str(own))
    return str(uuid.uuid5(_NAMESPACE, f"{entry.name}/{held.hex().upper()}"))


def check_fresh_ids(
    desk: Desk, fed: FedTable, ids: Ids, entries: dict[int, Entries], faults: Faults, *, besides: str = ""
) -> None:
    """See that every new id is new, and that every row that got one, or waits for its own, could not keep it.

    ``besides`` names an attached database in which ids may be taken too.
    """
    if not ids.count:
        return
    place = fed.identity if fed.identity is not None else fed.integer_key
    if place is None:
        return
    desk.connection.execute(f"ALTER TABLE {ids.fresh} ADD COLUMN is_taken DEFAULT 0")
    is_number = fed.stored[place].affinity == "NUMERIC"
    if besides:
        old, column = "f.old" if is_number else "CAST(f.old AS TEXT)", quote(fed.stored[place].name)
        has_it = f"SELECT 1 FROM {dotted(besides, fed.table.name)} AS x WHERE x.{column} = +{old}"
        desk.connection.execute(f"UPDATE {ids.fresh} AS f SET is_taken = 1 WHERE EXISTS ({has_it})")
    how = BINARY if is_number else read_collations(desk.connection, fed.table, [fed.stored[place].name])[0]
    for entry in fed.inputs:
        with desk.source(entry):
            _check_against(desk, (fed, ids, entry, entries[entry.number]), (place, how), faults, is_number=is_number)
    _check_justified(desk, fed, ids, faults, is_number=is_number)


def _check_against(
    desk: Desk, which: tuple[FedTable, Ids, Input, Entries], where: tuple[int, str], faults: Faults, *, is_number: bool
) -> None:
    """Hold the new ids against the ids of one input (``src``), compared as the target's column does."""
    fed, ids, entry, entries = which
    column, how = entry.places[where[0]], where[1]
    if column is None:
        return
    mine, bound = f"s.c{column}", "f.new" if is_number else "CAST(f.new AS TEXT)"
    rows = rows_of(entry, fed.rule.where)
    if ids.strategy != "offset":
        has_it = f"{mine} = +{bound}" if is_number else same_place(mine, bound, how)  # its digits as TEXT use it too
        used = f"SELECT count(*) FROM {ids.fresh} AS f CROSS JOIN {rows} ON {has_it} WHERE f.new IS NOT NULL"
        faults.add(entry.name, "have an id that another row got", count=desk.count(used))
    if is_number and entry.mark and ids.strategy == "renumber":
        below = desk.count(f"SELECT count(*) FROM {ids.fresh} WHERE new <= ?", (entry.mark,))
        faults.add("some input", f"got an id that {entry.name} may have used before", count=below)
    is_its = same_place(mine, "f.old" if is_number else "CAST(f.old AS TEXT)", how)
    kept = stands_at_home(entry, entries, ids) + (" AND s.w" if fed.rule.where and not entry.is_seed else "")
    desk.connection.execute(
        f"UPDATE {ids.fresh} AS f SET is_taken = 1 WHERE typeof(f.old) IN ('integer', 'blob') AND f.is_taken = 0 "
        f"AND (f.late OR f.number > {entry.number} OR f.number = {entry.number} AND EXISTS ("
        f"SELECT 1 FROM {rows} WHERE {is_its} AND s.r < f.rid AND {kept})) "
        f"AND EXISTS (SELECT 1 FROM {rows} WHERE {is_its} AND {kept})"
    )


def stands(entries: Entries, alias: str) -> str:
    """Return the condition that a source row is said to stand in the target."""
    if not entries.size:
        return "1"
    kept = f"SELECT 1 FROM {entries.table} AS l WHERE l._rowid = {alias}.r AND l._disposition IS NOT 'inserted'"
    return f"NOT EXISTS ({kept})"


def stands_at_home(entry: Input, entries: Entries, ids: Ids, alias: str = "s") -> str:
    """Return the condition that a source row is said to stand in the target under its own id."""
    moved = (
        f"SELECT 1 FROM {ids.fresh} AS m WHERE m.number = {entry.number} AND m.rid = {alias}.r AND m.new IS NOT NULL"
    )
    return stands(entries, alias) + (f" AND NOT EXISTS ({moved})" if ids.count else "")


def _check_justified(desk: Desk, fed: FedTable, ids: Ids, faults: Faults, *, is_number: bool) -> None:
    """Rows that move up by ``offset`` need no reason; any other must have had none, or one that was taken.

    Texts are kept as BLOBs here; where ids are numbers a BLOB is the source's, and no id.
    """
    ids_are = "('integer')" if is_number else "('integer', 'blob')"
    named = {entry.number: entry.name for entry in fed.inputs}
    wrong = desk.connection.execute(
        f"SELECT number, rid, new IS NULL FROM {ids.fresh} WHERE NOT is_taken AND "
        f"{'new IS NULL' if ids.strategy == 'offset' else '1'} AND typeof(old) IN {ids_are}"
    )
    for number, row, waits in wrong:
        what = "wait, and the id was free" if waits else "got another id, and theirs was free"
        faults.add(named[number], what, row)


def taken_in(desk: Desk, fed: FedTable, own: Value) -> bool:
    """Tell whether a row of the target stands under an id."""
    table = fed.table
    found = desk.find(f"SELECT 1 FROM {dotted('main', table.name)} WHERE {quote(str(table.integer_key))} = {{}}", [own])
    return found is not None


def is_beyond(own: int, shift: int) -> bool:
    """Tell whether an id cannot move up so far."""
    return own + shift > _MOST
