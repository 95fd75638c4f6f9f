"""The ledger's copies of rows that wait for a decision, or that one was about: with them a later one is applied."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.values import Row, is_same, is_same_row
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
        self._reading = ""
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
        first = self._desk.make("copies", "input INTEGER, rid INTEGER, g, PRIMARY KEY (input, rid)", "WITHOUT ROWID")
        self._desk.connection.execute(
            f"INSERT OR IGNORE INTO {first} SELECT _input, _rowid, _group FROM {kept} WHERE _number = 1"
        )
        cells = ", ".join(f"k.c{place}" for place, _ in enumerate(names))
        self._reading = (
            f"SELECT k._number, k._input, k._rowid, k._waits, {cells} FROM {first} AS f CROSS JOIN {kept} AS k "
            "ON k._group = f.g WHERE f.input = ? AND f.rid = ? ORDER BY k._number"
        )

    def expect(self, group: Sequence[Listed], unknown: Collection[int]) -> None:
        """See that a group's rows are kept, in their order and with their values.

        Of a row that waits itself nobody knows what the columns at the places ``unknown`` will hold.
        """
        shown, held = group[0], []
        if self._reading:
            held = self._desk.connection.execute(self._reading, (shown.entry.number, shown.row)).fetchall()
        self._seen += len(held)
        said = [row[:4] for row in held]
        if said != [(number, one.entry.number, one.row, one.waits) for number, one in enumerate(group, start=1)]:
            what = "are shown until somebody decides, and the ledger's copy of their group lists other rows"
            self._faults.add(shown.entry.name, what, shown.row)
            return
        for row, one in zip(held, group, strict=True):
            if not is_same_row(row[4:], one.values) and not self._is_copy(
                one.entry, row[4:], one.values, unknown if one.waits else (), is_shown=one is shown
            ):
                self._faults.add(one.entry.name, "have a copy in the ledger with other values", one.row)

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
        self._faults.add("the ledger", "stand among its copies of undecided rows, and are none", count=left)
