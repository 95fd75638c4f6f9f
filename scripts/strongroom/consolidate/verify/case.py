"""One target table on the desk: what is known of it while its rows are gone through."""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from strongroom.consolidate.verify.chains import Chains, Why
from strongroom.consolidate.verify.claims import Claim, Entries
from strongroom.consolidate.verify.derive import Derived, Deriver
from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.follower import Follower
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.ids import Ids
from strongroom.consolidate.verify.relations import place_of, stored_cells
from strongroom.consolidate.verify.rules import Shape
from strongroom.consolidate.verify.values import Row, Value, is_same
from strongroom.core.quoting import dotted, quote

WAITING_RULES = ("constraint", "identity")
"""What may keep a row out that its group would publish: it is tried again."""


@dataclass(slots=True, kw_only=True)
class Case:
    """Everything about one table's proof that its steps share."""

    desk: Desk
    fed: FedTable
    faults: Faults
    entries: dict[int, Entries]
    follower: Follower | None
    shape: Shape
    ids: Ids
    derivers: dict[int, Deriver]
    counts: dict[int, Counter[str]] = field(default_factory=dict)
    unsettled: str = ""
    """The working table of rows whose groups must be looked at: number of the input, row."""
    chains: Chains | None = None
    """Where it is kept for what rows wait, when that is asked."""
    refused: str = ""
    """The working table of rows that are said to be refused: number, row, rule, the row that was tried."""

    def begin(self) -> None:
        """Make the working tables."""
        self.unsettled = self.desk.make(
            "unsettled", "number INTEGER, rid INTEGER, PRIMARY KEY (number, rid)", "WITHOUT ROWID"
        )
        self.refused = self.desk.make("refused", "number INTEGER, rid INTEGER, rule TEXT, body BLOB")
        self.counts = {entry.number: Counter() for entry in self.fed.inputs}

    def tally(self, entry: Input, disposition: str) -> None:
        """Count a row that is proven to have ended so."""
        self.counts[entry.number][disposition] += 1

    def refuse(self, entry: Input, row: int, claim: Claim, values: Row) -> None:
        """Keep a row that is said to be refused, to be tried again."""
        self.desk.connection.execute(
            f"INSERT INTO {self.refused} VALUES (?, ?, ?, ?)",
            (entry.number, row, claim.rule, marshal.dumps(list(values))),
        )

    def home_rowid(self, entry: Input, row: int, values: Row) -> int | None:
        """Return the rowid at which a row stands when it arrives plainly; None without one."""
        if self.fed.integer_key is not None:
            own = values[self.fed.integer_key]
            return own + entry.shift if isinstance(own, int) else None
        return None if self.fed.table.rowid is None else row + self.entries[entry.number].offset

    def standing(self, entry: Input, row: int, values: Row, claim: Claim | None) -> int | None:
        """Return the rowid at which a row is said to stand."""
        if claim is not None and isinstance(claim.target_rowid, int):
            return claim.target_rowid
        return self.home_rowid(entry, row, values)

    def fetch(self, address: int | None, values: Row) -> tuple[Value, ...] | None:
        """Return the target's row at an address; in a table without rowid the one with this key."""
        table, cells = self.fed.table, stored_cells(self.fed)
        where = f"FROM {dotted('main', table.name)} AS t WHERE"
        if table.rowid is not None:
            return self.desk.find(f"SELECT {_braces(cells)} {_braces(where)} t.{quote(table.rowid)} = {{}}", [address])
        terms = " AND ".join(f"t.{_braces(quote(name))} = {{}}" for name in table.primary_key)
        keys = [values[place_of(self.fed, name)] for name in table.primary_key]
        return self.desk.find(f"SELECT {_braces(cells)} {_braces(where)} {terms}", keys)

    def is_published_as(self, held: Row | None, values: Row, entry: Input) -> bool:
        """Tell whether the target holds a row as it must be; its id may be another one where the plan allows it."""
        if held is None:
            return False
        for place, (actual, wanted) in enumerate(zip(held, values, strict=True)):
            if not is_same(actual, wanted) and (
                place != self.ids.place or not self.ids.may_become(entry, wanted, actual)
            ):
                return False
        return True

    def has_moved(self, held: Row, values: Row) -> bool:
        """Tell whether a published row has another id than its own."""
        return self.ids.place is not None and not is_same(held[self.ids.place], values[self.ids.place])


def _braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def pack(derived: Derived, claim: Claim | None, *, is_open: bool) -> bytes:
    """Keep a member of a group until its group is gone through."""
    why = (list(derived.because), derived.is_root) if derived.waits else None
    return marshal.dumps((derived.values, why, None if claim is None else tuple(claim), is_open))


def unpack(body: bytes) -> tuple[list[Value], Why | None, Claim | None, bool]:
    """Return what ``pack`` kept: the values, for what the row waits, the claim, whether it is open."""
    values, why, claim, is_open = marshal.loads(body)  # noqa: S302  written here, a moment ago
    return values, why, None if claim is None else Claim(*claim), is_open


def names_of(fed: FedTable, places: Sequence[int]) -> str:
    """Name columns for people."""
    return ", ".join(fed.stored[place].name for place in places)
