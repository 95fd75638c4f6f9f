"""Prove that what takes a live target's place differs from it by newly decided groups alone (section 8 of the paper).

Applications may have written to what is live; their rows stay as they are, and so the proof of the whole content
says nothing here. Nothing is loaded whole: rows are laid beside each other by the rowid, or by the primary key.
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.consolidate.verify.case import Case, open_case
from strongroom.consolidate.verify.claims import number_inputs
from strongroom.consolidate.verify.decisions import Decision, read_decided, sort_by_table
from strongroom.consolidate.verify.desk import Desk, fill, open_desk
from strongroom.consolidate.verify.follower import Follower
from strongroom.consolidate.verify.groups import examine_group, settle_group
from strongroom.consolidate.verify.house import FedTable, House
from strongroom.consolidate.verify.ids import check_fresh_ids
from strongroom.consolidate.verify.left_behind import LeftBehind
from strongroom.consolidate.verify.members import Group, Member, find_groups
from strongroom.consolidate.verify.parents import Parents
from strongroom.consolidate.verify.refusals import try_refused
from strongroom.consolidate.verify.relations import place_of, stored_cells
from strongroom.consolidate.verify.retracing import open_parents
from strongroom.consolidate.verify.rules import Settlement
from strongroom.consolidate.verify.untouched import LIVE, Named, compare_databases, is_addressed, make_named
from strongroom.consolidate.verify.values import Row, Value, is_same_row
from strongroom.core.quoting import dotted, fold, literal, quote
from strongroom.sqlite.connection import attached_live, check_integrity
from strongroom.sqlite.database import Database


@dataclass(slots=True)
class Settled:
    """What was found about a target that is what is live and new decisions."""

    wrong: list[str]
    """In what it is not, in sentences; none is a proof."""
    released: int = 0
    """How many rows waited for a decision, and wait no more."""
    decided: Counter[str] = field(default_factory=Counter)
    """Groups that were decided, by the source whose row is shown."""


def prove_settled(house: House, target: str, before: Database, earlier: Path | None) -> Settled:
    """Say in what a target is not what is live and the new decisions. Read-only.

    ``house`` is read from the evidence of the new run, whose plan has all decisions beside it; ``before`` is what is
    live, ``earlier`` the decisions that it was made with. Raises PlanError, UnreachableError, KeyMissingError.
    """
    new, wrong = _find_new(house, target, read_decided(earlier))
    found = Settled(wrong)
    with (
        open_desk(house, house.targets[target]) as desk,
        attached_live(desk.connection, before, LIVE),
        closing(open_parents(desk)) as parents,
    ):
        try:
            wrong += [f"{target}: {line}" for line in check_integrity(desk.connection)]
            named: dict[str, Named] = {}
            for number, fed in enumerate(house.targets[target].tables):
                decisions = new.get(fold(fed.into))
                if decisions:
                    rows = make_named(desk, fed.table, number)
                    named[fold(fed.table.name)] = rows
                    _prove_table(desk, fed, parents, decisions, rows, found=found)
            wrong += compare_databases(desk, named)
            wrong += _find_strangers(desk)
        except desk.connection.Error as error:
            wrong.append(f"{target}: cannot be compared with what is live ({desk.say(error)})")
    return found


def _find_strangers(desk: Desk) -> Iterator[str]:
    """Find tables of the ledger that it does not speak of."""
    known = {"inputs", "undecided", "decided"}
    names = {name for (name,) in desk.connection.execute("SELECT name FROM ledger.sqlite_master WHERE type = 'table'")}
    for table in ("inputs", "undecided"):
        if table in names:
            known |= {name for (name,) in desk.connection.execute(f"SELECT kept_table FROM ledger.{table}")}
    for name in sorted(names - known):
        yield f"{desk.target.name}: the ledger has a table {name}, of which it does not speak"


def count_left(found: Sequence[Settled], waiting: int, undecided: Mapping[str, int]) -> tuple[int, dict[str, int]]:
    """Return how many rows still wait, and of each source how many groups show a row, of so many before."""
    left = Counter(undecided)
    for one in found:
        left.subtract(one.decided)
    return waiting - sum(one.released for one in found), {source: many for source, many in sorted(left.items()) if many}


def _find_new(
    house: House, target: str, earlier: tuple[Decision, ...]
) -> tuple[dict[str, tuple[Decision, ...]], list[str]]:
    """Return the decisions about a target's tables that were not there before; those that were must still be."""
    before = {(fold(one.into), one.fits): one for one in earlier}
    new, wrong = [], []
    for held in house.decisions.values():
        for one in held:
            was = before.pop((fold(one.into), one.fits), None)
            if was is None:
                new.append(one)
            elif _means(was) != _means(one):
                wrong.append(_say(house, one, "was another one when what is live was made"))
    wrong += [_say(house, one, "is not there any more, and what is live was made with it") for one in before.values()]
    mine = {fold(fed.into) for fed in house.targets[target].tables}
    every = {fold(fed.into) for held in house.targets.values() for fed in held.tables}
    wrong += [_say(house, one, "is about a table that nothing feeds") for one in new if fold(one.into) not in every]
    return {into: held for into, held in sort_by_table(new).items() if into in mine}, wrong


def _means(decision: Decision) -> tuple[object, ...]:
    """Return what a decision says, whatever the order of its rows and its place in the file."""
    take = decision.take
    taken: object = take
    if isinstance(take, int):
        taken = decision.rows[take - 1]
    elif not isinstance(take, str):
        taken = sorted((fold(name), decision.rows[number - 1]) for name, number in take.items())
    return taken, decision.by, decision.at, decision.why


def _say(house: House, decision: Decision, what: str) -> str:
    return f"{decision.into}: {decision.name(is_secret=house.evidence.is_secret)} {what}"


def _prove_table(
    desk: Desk, fed: FedTable, parents: Parents, decisions: tuple[Decision, ...], named: Named, *, found: Settled
) -> None:
    """Prove the newly decided groups of one table, and name the rows that may differ from what is live."""
    follower = Follower(desk, fed, parents)
    case = open_case(desk, fed, follower if follower.references else None)
    if not named.columns:
        found.wrong.append(f"{fed.into}: its rows have neither a number nor a key: none can be decided about now")
        return
    _mark(case, decisions)
    numbers = {one.number for one in decisions}
    table = _Before(case, named)
    for group in find_groups(case):
        settlement = settle_group(case, group.members)
        if settlement.decision is not None and settlement.decision.number in numbers:
            examine_group(case, group, settlement)
            table.add(group, settlement)
            found.released += sum(not settlement.waits(number) for number in settlement.listed[1:])
            found.decided[group.members[0].entry.source] += 1
    case.decided.say_unused(decisions)
    table.compare()
    try_refused(case)
    check_fresh_ids(desk, fed, case.ids, case.entries, case.faults, besides=LIVE)
    found.wrong += case.faults.sentences()


def _mark(case: Case, decisions: tuple[Decision, ...]) -> None:
    """Leave the rows to their groups about which the ledger says that they are newly decided."""
    execute, numbers = case.desk.connection.execute, case.desk.make("new_decisions", "n INTEGER PRIMARY KEY")
    case.desk.connection.executemany(f"INSERT INTO {numbers} VALUES (?)", [(one.number,) for one in decisions])
    if case.decided.lines:
        execute(
            f"INSERT OR IGNORE INTO {case.unsettled} SELECT d.input, d.row FROM ledger.decided AS d "
            f"WHERE lower(d.into_table) = {literal(fold(case.fed.into))} AND d.decision IN (SELECT n FROM {numbers})"
        )


class _Before:
    """What is live of newly decided groups: the shown rows as they were published, and none of those that came."""

    def __init__(self, case: Case, named: Named) -> None:
        """Make the working table of shown rows: by their keys."""
        self._case, self._named, self._groups = case, named, 0
        self._left = LeftBehind(case.desk, case.fed)
        self._keys = [case.fed.stored[place].name for place in case.fed.key]
        listed = ", ".join(f"k{place}" for place, _ in enumerate(self._keys))
        self._table = case.desk.make("shown", f"g INTEGER PRIMARY KEY, number, rid, body BLOB, {listed}")
        case.desk.connection.execute(f"CREATE INDEX {self._index()} ({listed})")

    def _index(self) -> str:
        schema, _, name = self._table.partition(".")
        return f"{schema}.{quote('keys of shown')} ON {name}"

    def add(self, group: Group, settlement: Settlement) -> None:
        """Name the rows of a group that stand in the target, and keep the shown one as it was published."""
        case = self._case
        for number, values in settlement.published.items():
            member = group.members[number]
            stands = case.standing(member.entry, member.row, member.values, member.claim)
            there = group.held.get(stands) or case.fetch(stands, values)
            if there is None or (member.claim is not None and member.claim.disposition != "inserted"):
                continue
            address = self._address(stands, there)
            self._name(member, address, is_new=number > 0)
            if number == 0:
                self._keep(member, address, there)

    def _address(self, stands: int | None, there: Row) -> list[Value]:
        table = self._case.fed.table
        if table.rowid is not None:
            return [stands]
        return [there[place_of(self._case.fed, name)] for name in table.primary_key]

    def _name(self, member: Member, address: Row, *, is_new: bool) -> None:
        holes = ", ".join(["{}"] * len(address))
        sql, given = fill(f"INSERT OR IGNORE INTO {self._named.table} VALUES ({holes}, {int(is_new)})", address)
        if self._case.desk.connection.execute(sql, given).rowcount != 1:
            self._case.faults.add(member.entry.name, "are said to stand where another decided row stands", member.row)

    def _keep(self, member: Member, address: Row, there: Row) -> None:
        place, values = self._case.ids.place, list(member.values)
        if place is not None:
            values[place] = there[place]
        self._left.add(values, there)
        self._groups += 1
        keys = [values[place] for place in self._case.fed.key]
        holes = ", ".join(["{}"] * len(keys))
        sql, given = fill(f"INSERT INTO {self._table} VALUES (?, ?, ?, ?, {holes})", keys)
        body = marshal.dumps((list(address), values))
        self._case.desk.connection.execute(sql, [self._groups, member.number, member.row, body, *given])

    def compare(self) -> None:
        """See that each shown row is live as it was published, and that no row is live where others came."""
        case, found = self._case, Counter[int]()
        named = number_inputs(case.fed)
        for group, number, row, body, address, *held in case.desk.connection.execute(self._select()):
            found[group] += 1
            entry, (wanted, values) = named[number], marshal.loads(body)  # noqa: S302  written here, a moment ago
            if not is_same_row(held, values):
                case.faults.add(entry.name, "are decided, and what was shown of them changed since", row)
            elif not is_same_row([address] if case.fed.table.rowid else self._address(None, held), wanted):
                case.faults.add(entry.name, "are decided, and stand elsewhere than before", row)
        for group, number, row in case.desk.connection.execute(f"SELECT g, number, rid FROM {self._table}"):
            if found[group] != 1:
                what = "several rows have their key now" if found[group] else "what was shown of them is gone"
                case.faults.add(named[number].name, f"are decided, and {what}", row)
        self._find_overwritten()
        self._left.say(case.faults)

    def _select(self) -> str:
        """Return the join of the shown rows with what is live by the key: by an index, or in one pass."""
        fed = self._case.fed
        live, cells = f"{dotted(LIVE, fed.table.name)} AS t", [f"t.{quote(name)}" for name in self._keys]
        terms = [f"s.k{place} = +{cell} COLLATE BINARY" for place, cell in enumerate(cells)]
        joined = f"{live} CROSS JOIN {self._table} AS s ON {' AND '.join(terms)}"
        if fed.table.is_found_by(self._keys[0]):
            terms += [f"{cell} = s.k{place}" for place, cell in enumerate(cells)]
            joined = f"{self._table} AS s CROSS JOIN {live} ON {' AND '.join(terms)}"
        rowid = "NULL" if fed.table.rowid is None else f"t.{quote(fed.table.rowid)}"
        return f"SELECT s.g, s.number, s.rid, s.body, {rowid}, {stored_cells(fed)} FROM {joined}"

    def _find_overwritten(self) -> None:
        columns = [f"t.{quote(name)}" for name in self._named.columns]
        same = is_addressed(self._case.fed.table, columns, [f"x.a{place}" for place, _ in enumerate(columns)])
        there = f"SELECT 1 FROM {dotted(LIVE, self._case.fed.table.name)} AS t WHERE {same}"
        count = self._case.desk.count(
            f"SELECT count(*) FROM {self._named.table} AS x WHERE x.is_new AND EXISTS ({there})"
        )
        self._case.faults.add("some input", "came by a decision, and stand where a row was live", count=count)
