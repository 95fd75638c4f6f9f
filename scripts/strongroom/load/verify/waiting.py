"""What the ledger says of rows that do not stand: each is the source's, and its reason is true."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from strongroom.core.quoting import dotted, fold, quote
from strongroom.load.verify.describing import Describing
from strongroom.load.verify.faults import Faults
from strongroom.load.verify.grounds import find_grounded
from strongroom.load.verify.pairing import Pair
from strongroom.load.verify.parts import Both
from strongroom.load.verify.reading import Reading
from strongroom.load.verify.refusals import Refusals
from strongroom.load.verify.rivals import Rivals
from strongroom.load.verify.rows import ADDRESS, select_numbered
from strongroom.load.verify.unfit import UnfitError
from strongroom.load.verify.values import Value, decode_text, is_same_value
from strongroom.sqlite.connection import Connection

_OWN = ("_rowid", "_disposition", "_reason", "_rule", "_winner_rowid")
_KNOWN = ("quarantined", "merged_identical", "superseded")


@dataclass(slots=True)
class Waiting:
    """The entries of one table."""

    connection: Connection
    both: Both
    pair: Pair
    reading: Reading
    rivals: Rivals
    refusals: Refusals
    describing: Describing
    faults: Faults
    shares: bool
    counts: Counter[str] = field(default_factory=Counter)
    referring: int = 0
    refused: int = 0
    """Rows that the server refused, as the ledger says: the reason cannot be derived."""
    grounded: frozenset[int] | None = None
    """Rows of which what they wait for waits itself, once they were asked for."""

    def try_all(self) -> None:
        """Try every entry."""
        table = self.both.tables_of(self.pair)[0]
        names = [column.name for column in table.columns]
        if not self._has_columns(names):
            return
        self.connection.text_factory = decode_text
        kept = ", ".join(f"l.c{place}" for place in range(len(names)))
        held = ", ".join(f"s.{quote(name)}" for name in names)
        whole = select_numbered(self.pair, ", ".join(map(quote, names)))
        rows = self.connection.execute(
            f"SELECT s.{ADDRESS}, {', '.join(f'l.{name}' for name in _OWN)}, {kept}, {held} "
            f"FROM {dotted('ledger', str(self.pair.kept))} AS l LEFT JOIN ({whole}) AS s ON s.{ADDRESS} = l._rowid"
        )
        for there, address, disposition, _, rule, winner, *values in rows:
            self.counts[disposition] += 1
            if there is None:
                self.faults.add(f"row {address} waits, and the source has no such row")
                continue
            kept_values, own = values[: len(names)], dict(zip(map(fold, names), values[len(names) :], strict=True))
            self._compare_kept(address, names, kept_values, list(own.values()))
            self._try(address, disposition, str(rule), winner, own)

    def _has_columns(self, names: list[str]) -> bool:
        found = self.connection.execute(
            "SELECT columns FROM ledger.inputs WHERE kept_table = ?", (self.pair.kept,)
        ).fetchone()[0]
        if json.loads(found) == names:
            return True
        self.faults.add("the ledger names other columns than the source has")
        return False

    def _compare_kept(self, address: int, names: Sequence[str], kept: Sequence[Value], own: Sequence[Value]) -> None:
        for name, mine, theirs in zip(names, kept, own, strict=True):
            if not is_same_value(mine, theirs):
                told = " in the source and ".join(self.describing.tell_source(name, one) for one in (theirs, mine))
                self.faults.add(f"row {address}, which waits: {name} is {told} in the ledger")

    def _try(self, address: int, disposition: str, rule: str, winner: int | None, own: dict[str, Value]) -> None:
        if disposition not in _KNOWN or (disposition != "quarantined" and not self.shares):
            self.faults.add(f"row {address} is called {disposition}, which a load of this kind makes of no row")
        elif disposition == "superseded" or (rule == "key" and self.shares and winner is None):
            if not self.rivals.has_live_rival(own):
                self.faults.add(f"row {address} is said to give way to a live row, and none has its key")
        elif disposition == "quarantined":
            fault = self._find_fault(address, rule, winner, own)
            if fault:
                self.faults.add(f"row {address} waits, {fault}")

    def _find_fault(self, address: int, rule: str, winner: int | None, own: dict[str, Value]) -> str:
        """Return what is wrong with the reason of a row that waits; nothing where it is true."""
        place = self._find_place(rule)
        if place is not None:
            return self._try_value(place, own)
        if rule == "key":
            return self._try_key(address, winner, own)
        if rule == "reference":
            self.referring += 1
            return "" if self._waits_for_parent(address) else "and none of its parents does"
        if rule == "server":
            self.refused += 1
            return "" if self._may_be_refused(own) else "and there is nothing for which the server could refuse it"
        return f"by a rule that is none: {rule}"

    def _find_place(self, rule: str) -> int | None:
        named = [
            place for place, cell in enumerate(self.pair.cells) if fold(rule) in (fold(cell.source), fold(cell.into))
        ]
        return named[0] if named else None

    def _try_value(self, place: int, own: dict[str, Value]) -> str:
        cell = self.pair.cells[place]
        value = own[fold(cell.source)]
        try:
            same = self.reading.read_source(place, value)
        except UnfitError:
            return ""
        return f"and its {cell.source}, {self.describing.tell_source(cell.source, value, same)}, fits {cell.kind.shown}"

    def _try_key(self, address: int, winner: int | None, own: dict[str, Value]) -> str:
        if winner is None:
            return "and no row is named that has its key"
        if not self.shares and winner >= address:
            return f"and row {winner}, which is said to have its key, does not come before it"
        return self.rivals.try_winner(winner, own)

    def _waits_for_parent(self, address: int) -> bool:
        if self.grounded is None:
            self.grounded = find_grounded(self.connection, self.both)[fold(self.pair.source)]
        return address in self.grounded

    def _may_be_refused(self, own: dict[str, Value]) -> bool:
        """Tell whether the schema refuses a row whose values all fit, or may refuse it."""
        return (
            any(cell.kind.length is not None for cell in self.pair.cells)
            or self._is_odd(own)
            or self.refusals.may_refuse(own)
        )

    def _is_odd(self, own: dict[str, Value]) -> bool:
        """Tell whether a value does not fit by the paper either."""
        return any(self._try_value(place, own) == "" for place in range(len(self.pair.cells)))
