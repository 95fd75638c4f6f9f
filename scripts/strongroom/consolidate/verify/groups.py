"""Go through the groups of rows with one key in which anything is not plain; each is derived whole.

A row that was copied plainly may be the wrong winner: so every row of every input with such a key is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from strongroom.consolidate.verify.case import WAITING_RULES, Case, pack, unpack
from strongroom.consolidate.verify.chains import Chains, Why
from strongroom.consolidate.verify.claims import CLAIMED, Claim, number_inputs
from strongroom.consolidate.verify.desk import in_batches
from strongroom.consolidate.verify.house import Input
from strongroom.consolidate.verify.relations import rows_of, transform_of
from strongroom.consolidate.verify.rules import Claimant, Settlement, settle
from strongroom.consolidate.verify.stream import NOT_AS_THEY_MUST_BE, check_inserted_entry
from strongroom.consolidate.verify.values import Value, is_same_row

_SIEVE = 1 << 22
"""Bytes of a sieve that keeps most rows from being looked up."""


class _Member(NamedTuple):
    entry: Input
    row: int
    values: list[Value]
    why: Why | None
    """For what it waits."""
    claim: Claim | None
    is_open: bool
    """It was not found as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """Whether the key's columns are filled plainly in every input: then SQLite can find its rows."""

    is_plain: bool


def examine_groups(case: Case) -> None:
    """Settle every group of which a row is unsettled."""
    wanted = case.desk.count(f"SELECT count(*) FROM {case.unsettled}")
    if not wanted:
        return
    members = case.desk.make(
        "members", "k BLOB, number INTEGER, rid INTEGER, body BLOB, PRIMARY KEY (k, number, rid)", "WITHOUT ROWID"
    )
    if _is_key_plain(case):
        touched = _touch_plain(case)
        for entry in case.fed.inputs:
            with case.desk.source(entry):
                _gather(case, entry, members, _select_plain(case, entry, touched))
    else:
        _gather_derived(case, members)
    seen = 0
    named = number_inputs(case.fed)
    rows = case.desk.connection.execute(f"SELECT k, number, rid, body FROM {members} ORDER BY k, number, rid")
    for _, group in groupby(rows, key=lambda row: row[0]):
        found = [_Member(named[number], row, *unpack(body)) for _, number, row, body in group]
        seen += sum(member.is_open for member in found)
        _examine_group(case, found)
    if seen != wanted:
        case.faults.say(f"{wanted - seen} rows were not found again while their groups were gone through")


def _is_key_plain(case: Case) -> bool:
    fed = case.fed
    if fed.rule.normalize:
        return False
    for place in fed.key:
        if transform_of(fed, fed.stored[place].name) is not None or place in _followed_places(case):
            return False
        if any(entry.places[place] is None for entry in fed.inputs):
            return False
    return True


def _followed_places(case: Case) -> frozenset[int]:
    return frozenset() if case.follower is None else case.follower.places


def _key_cells(case: Case, entry: Input) -> list[str]:
    return [f"s.c{entry.places[place]}" for place in case.fed.key]


def _touch_plain(case: Case) -> str:
    """Gather the keys of unsettled rows; 1 and 1.0 are one."""
    columns = ", ".join(f"k{number}" for number, _ in enumerate(case.fed.key))
    touched = case.desk.make("touched", f"{columns}, PRIMARY KEY ({columns})", "WITHOUT ROWID")
    for entry in case.fed.inputs:
        with case.desk.source(entry):
            cells = _key_cells(case, entry)
            present = " AND ".join(f"{cell} IS NOT NULL" for cell in cells)
            case.desk.connection.execute(
                f"INSERT OR IGNORE INTO {touched} SELECT {', '.join(cells)} FROM {case.unsettled} AS u "
                f"CROSS JOIN {rows_of(entry, case.fed.rule.where)} ON s.r = u.rid "
                f"WHERE u.number = {entry.number} AND {present}"
            )
    return touched


def _select_plain(case: Case, entry: Input, touched: str) -> str:
    """Return the join of an input's rows with the touched keys, the one that is looked up last."""
    rows = rows_of(entry, case.fed.rule.where)
    cells = _key_cells(case, entry)
    exact = [f"k.k{number} = +{cell} COLLATE BINARY" for number, cell in enumerate(cells)]
    first = entry.source_column(case.fed.key[0])
    if first is None or not entry.table.is_found_by(first.name):
        return f"{rows} CROSS JOIN {touched} AS k ON {' AND '.join(exact)}"
    near = [f"{cell} = k.k{number}" for number, cell in enumerate(cells)]
    return f"{touched} AS k CROSS JOIN {rows} ON {' AND '.join([*near, *(f'+{term}' for term in exact)])}"


def _gather(case: Case, entry: Input, members: str, joined: str) -> None:
    """Derive an input's rows (``src``) in a join, and keep them by their key."""
    for batch in in_batches(_derive_all(case, entry, joined)):
        case.desk.connection.executemany(f"INSERT OR IGNORE INTO {members} VALUES (?, ?, ?, ?)", batch)


def _derive_all(case: Case, entry: Input, joined: str) -> Iterator[tuple[Value, ...]]:
    """Yield key, input, row and what is known of it, of rows that pass and have a key."""
    fed, entries, deriver = case.fed, case.entries[entry.number], case.derivers[entry.number]
    width = len(entry.table.columns)
    cells = "".join(f", s.c{place}" for place in range(width))
    passes = " WHERE s.w" if fed.rule.where is not None and not entry.is_seed else ""
    said = CLAIMED if entries.size else ", ".join(["NULL"] * 6)
    ledger = f" LEFT JOIN {entries.table} AS l ON l._rowid = s.r" if entries.size else ""
    is_open = f"EXISTS (SELECT 1 FROM {case.unsettled} AS o WHERE o.number = {entry.number} AND o.rid = s.r)"
    for row in case.desk.connection.execute(f"SELECT s.r{cells}, {is_open}, {said} FROM {joined}{ledger}{passes}"):
        derived = deriver.derive(row[1 : width + 1])
        key = deriver.key_of(derived.values)
        if key is not None:
            claim = None if row[width + 2] is None else Claim(*row[width + 2 :])
            body = pack(derived, claim, is_open=bool(row[width + 1]))
            yield key, entry.number, row[0], body


def _gather_derived(case: Case, members: str) -> None:
    """Gather groups whose keys only derivation tells: all rows are derived, and those with a touched key kept."""
    touched = case.desk.make("touched", "k BLOB PRIMARY KEY", "WITHOUT ROWID")
    sieve = bytearray(_SIEVE)
    for is_first in (True, False):
        for entry in case.fed.inputs:
            with case.desk.source(entry):
                rows = rows_of(entry, case.fed.rule.where)
                if is_first:
                    open_rows = f"{case.unsettled} AS u CROSS JOIN {rows} ON u.number = {entry.number} AND s.r = u.rid"
                    _touch(case, touched, sieve, (row[0] for row in _derive_all(case, entry, open_rows)))
                else:
                    kept = _sift(case, touched, sieve, _derive_all(case, entry, rows))
                    for batch in in_batches(kept):
                        case.desk.connection.executemany(f"INSERT OR IGNORE INTO {members} VALUES (?, ?, ?, ?)", batch)


def _touch(case: Case, touched: str, sieve: bytearray, keys: Iterable[Value]) -> None:
    for batch in in_batches((key,) for key in keys):
        for (key,) in batch:
            place = hash(key) % (_SIEVE * 8)
            sieve[place >> 3] |= 1 << (place & 7)
        case.desk.connection.executemany(f"INSERT OR IGNORE INTO {touched} VALUES (?)", batch)


def _sift(case: Case, touched: str, sieve: bytearray, rows: Iterable[tuple[Value, ...]]) -> Iterator[tuple[Value, ...]]:
    for row in rows:
        place = hash(row[0]) % (_SIEVE * 8)
        if sieve[place >> 3] & 1 << (place & 7) and case.desk.count(
            f"SELECT count(*) FROM {touched} WHERE k = ?", (row[0],)
        ):
            yield row


def _examine_group(case: Case, members: Sequence[_Member]) -> None:
    claimants = [Claimant(values=member.values, waits=member.why is not None) for member in members]
    is_ambiguous = _is_ambiguous(case, members)
    settlement = settle(case.shape, claimants, is_ambiguous=is_ambiguous)
    if case.chains is not None and any(member.why for member in members) and not is_ambiguous:
        _keep_why(case, case.chains, members, settlement)
    refused = _find_refused(case, members, settlement)
    for number, member in enumerate(members):
        fate, winner = settlement.fates[number]
        if winner in refused:
            if winner != number:
                _expect_quarantined(case, member, (case.fed.rule.conflict, *WAITING_RULES), members[winner])
        elif not member.is_open:
            own = settlement.published.get(number)
            if fate != "inserted" or own is None or not is_same_row(own, member.values):
                case.faults.add(member.entry.name, "stand in the target, and another row should", member.row)
        elif fate == "inserted":
            _expect_published(case, member, settlement.published[number])
        elif fate == "quarantined":
            _expect_quarantined(case, member, (case.fed.rule.conflict, *(["reference"] if member.why else [])))
        else:
            _expect_lost(case, member, fate, members[winner or 0])


def _keep_why(case: Case, chains: Chains, members: Sequence[_Member], settlement: Settlement) -> None:
    """Keep for what the rows of a group wait: for their own parents, or for those of it that do."""
    freely = settle(case.shape, [Claimant(values=member.values, waits=False) for member in members])
    waiting = [(case.fed.into, member.entry.number, member.row) for member in members if member.why]
    for number, member in enumerate(members):
        node = case.fed.into, member.entry.number, member.row
        if settlement.fates[number][0] == "quarantined" and freely.fates[number][0] != "quarantined":
            chains.add(node, member.why or (waiting, False))


def _is_ambiguous(case: Case, members: Sequence[_Member]) -> bool:
    """Tell whether one input alone holds keys that only look alike once they are normalized."""
    if not case.fed.rule.normalize:
        return False
    spelled: dict[int, bytes | None] = {}
    for member in members:
        spelling = case.derivers[member.entry.number].spelling_of(member.values)
        if spelled.setdefault(member.entry.number, spelling) != spelling:
            return True
    return False


def _find_refused(case: Case, members: Sequence[_Member], settlement: Settlement) -> set[int]:
    """Return the rows that the group would publish and that are said to be refused; they are tried again."""
    refused = set()
    for number, values in settlement.published.items():
        member = members[number]
        claim = member.claim
        may_wait = (*WAITING_RULES, "merge") if case.fed.rule.conflict == "merge" else WAITING_RULES
        if member.is_open and claim and claim.disposition == "quarantined" and claim.rule in may_wait:
            refused.add(number)
            case.refuse(member.entry, member.row, claim, values)
    return refused


def _expect_published(case: Case, member: _Member, values: list[Value]) -> None:
    """See that a row which its group publishes stands in the target, perhaps with values of others."""
    claim, entry = member.claim, member.entry
    if claim is not None and claim.disposition != "inserted":
        case.faults.add(entry.name, f"should stand in the target, and are {claim.disposition}", member.row)
        return
    held = case.fetch(case.standing(entry, member.row, member.values, claim), values)
    if held is None or not case.is_published_as(held, values, entry):
        case.faults.add(entry.name, NOT_AS_THEY_MUST_BE, member.row)
        return
    has_moved = case.has_moved(held, values)
    place = case.ids.place
    if has_moved and place is not None:
        case.ids.note(case.desk, entry, member.row, values[place], held[place])
    is_merged = not is_same_row(values, member.values)
    check_inserted_entry(case, entry, member.row, claim, has_moved=has_moved, is_followed=False, is_merged=is_merged)
    case.tally(entry, "inserted")
    if has_moved:
        case.tally(entry, "rewritten")


def _expect_quarantined(case: Case, member: _Member, rules: Sequence[str], winner: _Member | None = None) -> None:
    """See that a row waits; where the one that it lost to is refused, the ledger may name that one."""
    claim = member.claim
    if claim is None or claim.disposition != "quarantined":
        case.faults.add(member.entry.name, "should wait in quarantine, and do not", member.row)
        return
    named = (claim.winner_input, claim.winner_rowid)
    may_name = [(None, None), *([] if winner is None else [(winner.entry.number, winner.row)])]
    if claim.rule not in rules or claim.target_rowid is not None or named not in may_name:
        case.faults.add(member.entry.name, "wait for another reason than the ledger says", member.row)
    else:
        case.tally(member.entry, "quarantined")


def _expect_lost(case: Case, member: _Member, fate: str, winner: _Member) -> None:
    """See that another row stands for one, and which."""
    claim = member.claim
    if claim is None or claim.disposition != fate:
        said = "have no entry in the ledger" if claim is None else f"are {claim.disposition} in the ledger"
        case.faults.add(member.entry.name, f"should be {fate}, and {said}", member.row)
        return
    stands = case.standing(winner.entry, winner.row, winner.values, winner.claim)
    wanted = (case.fed.rule.conflict, stands, winner.entry.number, winner.row)
    if (claim.rule, claim.target_rowid, claim.winner_input, claim.winner_rowid) != wanted:
        case.faults.add(member.entry.name, f"are {fate}, and the ledger names another row for them", member.row)
        return
    case.tally(member.entry, fate)
