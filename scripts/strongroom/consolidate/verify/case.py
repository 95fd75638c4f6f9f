"""One target table on the desk: what is known of it while its rows are gone through."""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from strongroom.consolidate.verify.catalogue import BINARY
from strongroom.consolidate.verify.chains import Chains, Why
from strongroom.consolidate.verify.claims import Claim, Entries, read_entries, stands_apart
from strongroom.consolidate.verify.decided import Decided
from strongroom.consolidate.verify.derive import Deriver
from strongroom.consolidate.verify.desk import Desk, fill
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.follower import Follower
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.ids import Ids
from strongroom.consolidate.verify.relations import place_of, stored_cells, transform_of
from strongroom.consolidate.verify.rules import Shape
from strongroom.consolidate.verify.shown_rows import Copies
from strongroom.consolidate.verify.values import Row, Value, is_same, is_same_row
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
    decided: Decided
    copies: Copies
    counts: dict[int, Counter[str]] = field(default_factory=dict)
    unsettled: str = ""
    """The working table of rows whose groups must be looked at: number of the input, row."""
    settled: str = ""
    """The working table of rows with an entry that a join explained: number of the input, row."""
    bag: str = ""
    """The working table of rows, where nothing names them."""
    undecided: Counter[str] = field(default_factory=Counter)
    """Groups that no rule decides, by the source whose row is shown."""
    elsewhere: str = ""
    """The working table of rows that were found where their key is, if that may be another than in the source: without
    rowids, where it is transformed or followed. The key, number, row."""
    together: str = ""
    """The working table of rows that stand beside others with their key, because a person kept all: number, row."""
    beside: int = 0
    """How many rows have a key that one before them has, by such decisions."""
    chains: Chains | None = None
    """Where it is kept for what rows wait, when that is asked."""
    _fetching: str = ""
    refused: str = ""
    """The working table of rows that are said to be refused: number, row, rule, the row that was tried."""

    def begin(self) -> None:
        """Make the working tables."""
        self.unsettled = self.desk.make(
            "unsettled", "number INTEGER, rid INTEGER, PRIMARY KEY (number, rid)", "WITHOUT ROWID"
        )
        self.settled = self.desk.make(
            "settled", "number INTEGER, rid INTEGER, PRIMARY KEY (number, rid)", "WITHOUT ROWID"
        )
        self.refused = self.desk.make("refused", "number INTEGER, rid INTEGER, rule TEXT, body BLOB")
        if self.decided:
            self.together = self.desk.make(
                "together", "number INTEGER, rid INTEGER, PRIMARY KEY (number, rid)", "WITHOUT ROWID"
            )
        if self.fed.table.is_without_rowid and not self._is_plain(self._key_places()):
            self._make_elsewhere()
        self.counts = {entry.number: Counter() for entry in self.fed.inputs}

    def _key_places(self) -> list[int]:
        return [place_of(self.fed, name) for name in self.fed.table.primary_key]

    def _make_elsewhere(self) -> None:
        compared = self.fed.table.key_collations
        keys = ", ".join(f"k{place}" for place, _ in enumerate(compared))
        listed = ", ".join(f"k{place} COLLATE {quote(how)}" for place, how in enumerate(compared))
        self.elsewhere = self.desk.make(
            "elsewhere", f"{listed}, number INTEGER, rid INTEGER, PRIMARY KEY ({keys}), UNIQUE (number, rid)",
            "WITHOUT ROWID",
        )  # fmt: skip

    def note_place(self, entry: Input, row: int, there: Row) -> bool:
        """Keep where a row was found whose key may be another one now; tell whether no other was found there."""
        if not self.elsewhere:
            return True
        key = [there[place] for place in self._key_places()]
        holes = ", ".join(["{}"] * len(key))
        sql, given = fill(f"INSERT OR IGNORE INTO {self.elsewhere} VALUES ({holes}, ?, ?)", key)
        return self.desk.connection.execute(sql, [*given, entry.number, row]).rowcount == 1

    def has_left(self, entry: Input) -> bool:
        """Tell whether the ledger speaks of rows of an input that no join explained."""
        settled = self.desk.count(f"SELECT count(*) FROM {self.settled} WHERE number = {entry.number}")
        return self.entries[entry.number].size > settled

    def says_left(self, entry: Input) -> str:
        """Return the condition that an entry ``l`` is of such a row."""
        return f"NOT EXISTS (SELECT 1 FROM {self.settled} AS z WHERE z.number = {entry.number} AND z.rid = l._rowid)"

    def tally(self, entry: Input, disposition: str) -> None:
        """Count a row that is proven to have ended so."""
        self.counts[entry.number][disposition] += 1

    def is_left(self, entry: Input, row: int, claim: Claim | None) -> bool:
        """Tell whether what is said of a row can only be judged with its group: decided ones are looked at whole."""
        if stands_apart(self.fed, claim):
            return True
        return claim is not None and (entry.number, row) in self.decided.lines

    @property
    def is_key_plain(self) -> bool:
        """Tell whether the key's columns are filled plainly in every input: then SQLite can find its rows."""
        fed = self.fed
        is_filled = any(entry.places[place] is None for entry in fed.inputs for place in fed.key)
        return not fed.rule.normalize and not is_filled and self._is_plain(fed.key)

    def _is_plain(self, places: Iterable[int]) -> bool:
        """Tell whether columns hold what the sources do: nothing is transformed, and no reference followed."""
        followed = frozenset[int]() if self.follower is None else self.follower.places
        return not any(
            place in followed or transform_of(self.fed, self.fed.stored[place].name) is not None for place in places
        )

    def say_misfit(self, entry: Input, row: int, place: int) -> None:
        """Note a row that holds a value which its column would store as another one."""
        self.faults.add(entry.name, f"hold a value in {self.fed.stored[place].name} that the column would change", row)

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
        table = self.fed.table
        if not self._fetching:
            names = [table.rowid] if table.rowid is not None else table.primary_key
            hows = [BINARY] if table.rowid is not None else table.key_collations
            cells = [f"t.{_braces(quote(str(name)))}" for name in names]
            terms = " AND ".join(f"{cell} = {{}} COLLATE {quote(how)}" for cell, how in zip(cells, hows, strict=True))
            where = f"FROM {dotted('main', table.name)} AS t WHERE "
            self._fetching = f"SELECT {_braces(stored_cells(self.fed))} {_braces(where)}{terms}"
        if table.rowid is not None:
            return self.desk.find(self._fetching, [address])
        return self.desk.find(self._fetching, [values[place_of(self.fed, name)] for name in table.primary_key])

    def is_published_as(self, held: Row | None, values: Row, entry: Input) -> bool:
        """Tell whether the target holds a row as it must be; its id may be another one where the plan allows it."""
        if held is None:
            return False
        if is_same_row(held, values):
            return True
        place = self.ids.place
        if place is None or not self.ids.may_become(entry, values[place], held[place]):
            return False
        return is_same_row([*values[:place], held[place], *values[place + 1 :]], held)

    def has_moved(self, held: Row, values: Row) -> bool:
        """Tell whether a published row has another id than its own."""
        place = self.ids.place
        return place is not None and not is_same(held[place], values[place])


def _braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def pack(values: Row, why: Why | None, claim: Claim | None, *, is_open: bool, is_followed: bool) -> bytes:
    """Keep a member of a group until its group is gone through."""
    waits = None if why is None else (list(why[0]), why[1])
    return marshal.dumps((list(values), waits, None if claim is None else tuple(claim), is_open, is_followed))


def unpack(body: bytes) -> tuple[list[Value], Why | None, Claim | None, bool, bool]:
    """Return what ``pack`` kept: the values, for what the row waits, the claim, whether it is open, and followed."""
    values, why, claim, is_open, is_followed = marshal.loads(body)  # noqa: S302  written here, a moment ago
    return values, why, None if claim is None else Claim(*claim), is_open, is_followed


def open_case(desk: Desk, fed: FedTable, follower: Follower | None, chains: Chains | None = None) -> Case:
    """Lay a table on the desk, with all that is said of it."""
    faults = Faults(fed.into)
    entries = read_entries(desk, fed, faults)
    case = Case(
        desk=desk,
        fed=fed,
        faults=faults,
        entries=entries,
        follower=follower,
        shape=Shape.of(fed),
        ids=Ids.of(fed),
        chains=chains,
        derivers={entry.number: Deriver(fed, entry, follower) for entry in fed.inputs},
        decided=Decided(desk, fed, entries, faults),
        copies=Copies(desk, fed, faults),
    )
    case.begin()
    case.ids.begin(desk)
    return case


def names_of(fed: FedTable, places: Sequence[int]) -> str:
    """Name columns for people."""
    return ", ".join(fed.stored[place].name for place in places)
