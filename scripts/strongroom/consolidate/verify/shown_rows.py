"""The ledger's copies of rows that wait for a decision, or that one was about: with them a later one is applied."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.values import Row, is_same
from strongroom.core.quoting import dotted


class Listed(NamedTuple):
    """A row that a decision about its group lists, or would."""

    entry: Input
    row: int
    values: Row
    """As the target would store it; of the shown row as it does."""
    waits: bool


class Copies:
    """What the ledger's table ``undecided`` keeps of one target table."""

    def __init__(self, desk: Desk, fed: FedTable, faults: Faults) -> None:
        """Find the copies; earlier versions kept none."""
        self._desk, self._fed, self._faults = desk, fed, faults
        self._table = ""
        self._groups: set[object] = set()
        self._seen = self._count = 0
        there = desk.count("SELECT count(*) FROM ledger.sqlite_master WHERE name = 'undecided'")
        self.is_kept = bool(there)
        if there:
            self._find()

    def _find(self) -> None:
        said = self._desk.connection.execute(
            "SELECT kept_table, columns FROM ledger.undecided WHERE lower(into_table) = lower(?)", (self._fed.into,)
        ).fetchall()
        if not said:
            return
        names = [column.name for column in self._fed.stored]
        if len(said) > 1 or json.loads(said[0][1]) != names:
            self._faults.say("the ledger's copies of undecided rows have other columns than the table")
            return
        kept = dotted("ledger", said[0][0])
        self._count = self._desk.count(f"SELECT count(*) FROM {kept}")
        if not self._count:
            return
        cells = ", ".join(f"c{place}" for place, _ in enumerate(names))
        columns = f"input INTEGER, rid INTEGER, g, number, waits, {cells}, PRIMARY KEY (input, rid)"
        table = self._desk.make("copies", columns, "WITHOUT ROWID")
        added = self._desk.connection.execute(
            f"INSERT OR IGNORE INTO {table} SELECT _input, _rowid, _group, _number, _waits, {cells} FROM {kept}"
        ).rowcount
        self._faults.add("the ledger", "stand twice among its copies of undecided rows", count=self._count - added)
        self._count = added
        self._table = f"SELECT g, number, waits, {cells} FROM {table} WHERE input = ? AND rid = ?"

    def expect(self, group: Sequence[Listed], unknown: Collection[int]) -> None:
        """See that a group's rows are kept, in their order and with their values.

        Of a row that waits itself nobody knows what the columns at the places ``unknown`` will hold.
        """
        if not self.is_kept:
            return
        groups = set()
        for number, (entry, row, values, waits) in enumerate(group, start=1):
            held = None
            if self._table:
                held = self._desk.connection.execute(self._table, (entry.number, row)).fetchone()
            if held is None:
                self._faults.add(entry.name, "wait for a decision, and the ledger keeps no copy", row)
                continue
            self._seen += 1
            groups.add(held[0])
            if held[1:3] != (number, int(waits)):
                self._faults.add(entry.name, "stand elsewhere in the ledger's copy of their group", row)
            elif not self._is_copy(entry, held[3:], values, unknown if waits else (), is_shown=number == 1):
                self._faults.add(entry.name, "have a copy in the ledger with other values", row)
        if len(groups) > 1 or groups & self._groups:
            self._faults.add("the ledger", "are kept with rows of another group (copies of undecided rows)")
        self._groups |= groups

    def _is_copy(self, entry: Input, held: Row, values: Row, unknown: Collection[int], *, is_shown: bool) -> bool:
        for place, (mine, theirs) in enumerate(zip(held, values, strict=True)):
            if place in unknown or is_same(mine, theirs):
                continue
            own = theirs + entry.shift if isinstance(theirs, int) else theirs
            if is_shown or place != self._fed.integer_key or not is_same(mine, own):
                return False
        return True

    def finish(self) -> None:
        """See that nothing else is kept."""
        left = self._count - self._seen
        if left:
            self._faults.add("the ledger", "stand among its copies of undecided rows, and are none", count=left)
