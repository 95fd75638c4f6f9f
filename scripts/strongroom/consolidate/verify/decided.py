"""Which group each decision about a table fits, and what the ledger's table ``decided`` says of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import NamedTuple

from strongroom.consolidate.verify.claims import Entries
from strongroom.consolidate.verify.decisions import Decision, hash_row
from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.instants import read_instant
from strongroom.consolidate.verify.relations import rows_of_table
from strongroom.consolidate.verify.values import Row, Value, decode_text
from strongroom.core.quoting import fold
from strongroom.sqlite.connection import open_snapshot

Place = tuple[int, int]
"""A row: the number of its input, its own."""


class Line(NamedTuple):
    """What the ledger says of a row of a decided group."""

    decision: Value
    took: Value
    by: Value
    at: Value
    why: Value


class Decided:
    """The decisions about one table."""

    def __init__(self, desk: Desk, fed: FedTable, entries: Mapping[int, Entries], faults: Faults) -> None:
        """Read what the ledger says of decided rows, and find no group yet."""
        self._desk, self._fed, self._entries, self._faults = desk, fed, entries, faults
        decisions = desk.house.decisions.get(fold(fed.into), ())
        self._by_rows = {decision.fits: decision for decision in decisions}
        for decision in decisions:
            if self._by_rows[decision.fits] is not decision:
                self._say(decision, "is about a group that another one is about too")
        self._used: set[int] = set()
        self.lines: dict[Place, Line] = {}
        """By row; a claim like any other."""
        self._read_lines()

    def __bool__(self) -> bool:
        """Tell whether anybody decided anything about the table."""
        return bool(self._by_rows)

    def find(self, rows: Sequence[tuple[Input, int]]) -> tuple[Decision, list[int]] | None:
        """Return the decision that fits an undecided group's rows, and these in its own order (as places among them).

        Each fits once.
        """
        if not self._by_rows:
            return None
        hashes = [self._hash(entry, row) for entry, row in rows]
        decision = self._by_rows.get(tuple(sorted(hashes)))
        if decision is None:
            return None
        self._used.add(decision.number)
        return decision, [hashes.index(one) for one in decision.rows]

    def expect_line(self, decision: Decision, entry: Input, row: int) -> None:
        """See that the ledger says of a row who decided about it, when and why."""
        line = self.lines.pop((entry.number, row), None)
        if line is None:
            self._faults.add(entry.name, "are decided, and the ledger does not say by whom", row)
        elif not _says(line, decision):
            self._faults.add(entry.name, "are decided otherwise than the ledger says", row)

    def say_unfit(self, decision: Decision, what: str) -> None:
        """Note what is wrong with a decision."""
        self._say(decision, what)

    def finish(self) -> None:
        """See that each decision found its group, and that the ledger speaks of no other rows as decided."""
        self.say_unused(self._by_rows.values())
        if self.lines:
            (number, row), _ = next(iter(self.lines.items()))
            names = {entry.number: entry.name for entry in self._fed.inputs}
            count, name = len(self.lines), names.get(number, f"input {number}")
            self._faults.say(f"the ledger calls {count} rows decided that are not ({name} row {row} is one)")

    def say_unused(self, decisions: Iterable[Decision]) -> None:
        """Say which of some decisions fit no group."""
        unused = [one for one in decisions if one.number not in self._used]
        if len(unused) == 1:
            self._say(unused[0], "fits no group that is undecided")
        elif unused:
            name = unused[0].name(is_secret=self._desk.house.evidence.is_secret)
            self._faults.say(f"{len(unused)} decisions fit no group that is undecided ({name} is one)")

    def _say(self, decision: Decision, what: str) -> None:
        self._faults.say(f"{decision.name(is_secret=self._desk.house.evidence.is_secret)} {what}")

    def _hash(self, entry: Input, row: int) -> bytes:
        """Hash a source row by the cells that the ledger keeps, which are proven to be the source's."""
        names = [column.name for column in entry.table.columns]
        held: Row | None = None
        table = self._entries[entry.number].table
        if table:
            cells = ", ".join(f"c{place}" for place, _ in enumerate(names))
            held = self._desk.connection.execute(f"SELECT {cells} FROM {table} WHERE _rowid = ?", (row,)).fetchone()
        return hash_row(entry.name, names, _read_row(entry, row) if held is None else held)

    def _read_lines(self) -> None:
        if not self._desk.count("SELECT count(*) FROM ledger.sqlite_master WHERE name = 'decided'"):
            return
        rows = self._desk.connection.execute(
            'SELECT input, row, decision, took, "by", at, why FROM ledger.decided WHERE lower(into_table) = lower(?)',
            (self._fed.into,),
        )
        for number, row, *line in rows:
            if (number, row) in self.lines:
                self._faults.say(f"the ledger says twice who decided about a row (input {number}, row {row})")
            self.lines[number, row] = Line._make(line)


def _read_row(entry: Input, row: int) -> Row:
    """Return a row as it stands in the source: one of which the ledger keeps nothing."""
    with open_snapshot(entry.database) as connection:
        connection.text_factory = decode_text
        cells = ", ".join(f"s.c{place}" for place, _ in enumerate(entry.table.columns))
        rows = rows_of_table(entry.table, None, "main")
        found: Row = connection.execute(f"SELECT {cells} FROM {rows} WHERE s.r = ?", (row,)).fetchone()
        return found


def _says(line: Line, decision: Decision) -> bool:
    """Tell whether a line says who decided, when and why; what was taken is text for people."""
    at = decision.at
    if at is None:
        is_then = line.at is None
    else:
        then = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        is_then = isinstance(line.at, str) and read_instant(line.at) == read_instant(then.isoformat())
    said = (line.decision, line.by or None, line.why or None)
    return is_then and bool(line.took) and said == (decision.number, decision.by or None, decision.why or None)
