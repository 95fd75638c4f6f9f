"""Go through the rows that the join with the target does not explain: each is derived and looked for, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from strongroom.consolidate.verify.bags import want
from strongroom.consolidate.verify.case import WAITING_RULES, Case
from strongroom.consolidate.verify.claims import (
    CLAIMED,
    Claim,
    says_apart,
    says_inserted,
)
from strongroom.consolidate.verify.derive import Deriver
from strongroom.consolidate.verify.house import Input
from strongroom.consolidate.verify.kept_cells import check_kept_cells
from strongroom.consolidate.verify.relations import home_of, home_rowid, is_plain, rows_of, stored_cells
from strongroom.consolidate.verify.rewritten import explain_rewritten
from strongroom.consolidate.verify.values import Value
from strongroom.core.progress import add_rows
from strongroom.core.quoting import dotted, fold, literal, quote
from strongroom.core.results import DISPOSITIONS

NOT_AS_THEY_MUST_BE = "are not in the target as they must be"
_CLAIM_WIDTH = 5


class OpenRow(NamedTuple):
    """A source row beside what is said of it and what stands in its place."""

    row: int
    cells: tuple[Value, ...]
    passes: Value
    claim: Claim | None
    held: tuple[Value, ...] | None
    """The target's row where this one is said to stand, else where it would stand plainly."""


def examine_input(case: Case, entry: Input) -> int:
    """Settle every row of an input (``src``) that can be settled alone; return how many rows it has.

    What stands with its group waits in the working table of unsettled rows.
    """
    read = case.desk.count(f"SELECT count(*) FROM {dotted('src', entry.table.name)}")
    deriver = case.derivers[entry.number]
    looked_at = 0 if case.bag else _leave_to_groups(case, entry)
    explain_rewritten(case, entry)
    check_kept_cells(case, entry)
    looked_at += sum(case.counts[entry.number][name] for name in DISPOSITIONS)
    for found in _open_rows(case, entry):
        looked_at += 1
        _examine(case, entry, deriver, found)
    case.counts[entry.number]["inserted"] += read - looked_at
    add_rows(read)
    return read


def _leave_to_groups(case: Case, entry: Input) -> int:
    """Leave rows to their groups of which something is said that only these can tell; return how many."""
    entries, fed = case.entries[entry.number], case.fed
    if not (case.has_left(entry) and fed.key and case.is_key_plain):
        return 0
    present = " AND ".join(f"s.c{entry.places[place]} IS NOT NULL" for place in fed.key)
    passes = " AND s.w" if fed.rule.where is not None and not entry.is_seed else ""
    found = case.desk.connection.execute(
        f"INSERT INTO {case.unsettled} SELECT {entry.number}, s.r FROM {entries.table} AS l "
        f"CROSS JOIN {rows_of(entry, fed.rule.where)} ON s.r = l._rowid "
        f"WHERE ({says_apart(fed)}{_name_decided(case, entry)}) AND {present}{passes} "
        f"AND {case.says_left(entry)}"
    )
    return found.rowcount


def _name_decided(case: Case, entry: Input) -> str:
    """Return the condition that an entry's row is said to be decided, whatever the entry says."""
    if not case.decided.lines:
        return ""
    into = literal(fold(case.fed.into))
    lines = f"SELECT d.row FROM ledger.decided AS d WHERE lower(d.into_table) = {into} AND d.input = {entry.number}"
    return f" OR (l._disposition IS NOT 'filtered' AND l._rowid IN ({lines}))"


def _open_rows(case: Case, entry: Input) -> Iterator[OpenRow]:
    """Yield the rows that are not plainly where they belong, those with an entry in the ledger among them."""
    entries, fed = case.entries[entry.number], case.fed
    rows = rows_of(entry, fed.rule.where)
    width = len(entry.table.columns)
    cells = "".join(f", s.c{place}" for place in range(width))
    passes = "s.w" if fed.rule.where is not None and not entry.is_seed else "1"
    target = "" if case.bag else f"LEFT JOIN {dotted('main', fed.table.name)} AS t ON"
    there = "0" if case.bag else f"{_presence(case)} IS NOT NULL, {stored_cells(fed)}"
    home = "" if case.bag else home_of(fed, entry, entries.offset)
    terms = [
        "0" if case.bag else is_plain(fed, entry),
        *(case.follower.keeps(entry) if case.follower is not None else ()),
    ]
    unsaid = f"NOT EXISTS (SELECT 1 FROM {entries.table} AS l WHERE l._rowid = s.r)" if entries.size else "1"
    plain = " AND ".join(f"({term})" for term in terms)
    nothing = ", ".join(["NULL"] * _CLAIM_WIDTH)
    yield from _read(
        case,
        f"SELECT s.r{cells}, {passes}, {nothing}, {there} FROM {rows} {target} {home} "
        f"WHERE CASE WHEN {plain} THEN 0 ELSE {unsaid} END",
        width,
    )
    if case.has_left(entry):
        stands = home
        if fed.table.rowid is not None:
            stands = f"t.{quote(fed.table.rowid)} = coalesce(l._target_rowid, {home_rowid(fed, entry, entries.offset)})"
        yield from _read(
            case,
            f"SELECT s.r{cells}, {passes}, {CLAIMED}, {there} FROM {entries.table} AS l "
            f"CROSS JOIN {rows} ON s.r = l._rowid {target} {stands} WHERE NOT EXISTS (SELECT 1 FROM {case.unsettled} "
            f"AS u WHERE u.number = {entry.number} AND u.rid = s.r) AND {case.says_left(entry)}",
            width,
        )


def _presence(case: Case) -> str:
    table = case.fed.table
    return f"t.{quote(table.rowid or table.primary_key[0])}"


def _read(case: Case, sql: str, width: int) -> Iterator[OpenRow]:
    cursor = case.desk.connection.execute(sql)
    claimed, there = width + 2, width + 2 + _CLAIM_WIDTH
    for row in cursor:
        claim = None if row[claimed] is None else Claim._make(row[claimed:there])
        yield OpenRow(row[0], row[1 : width + 1], row[width + 1], claim, row[there + 1 :] if row[there] else None)


def _examine(case: Case, entry: Input, deriver: Deriver, found: OpenRow) -> None:
    claim = found.claim
    if not found.passes:
        _examine_filtered(case, entry, found)
        return
    derived = deriver.derive(found.cells)
    if case.follower is not None:
        case.follower.count(derived.events)
    if derived.misfit is not None:
        case.say_misfit(entry, found.row, derived.misfit)
        return
    if case.bag and not derived.waits and says_inserted(claim):
        want(case, case.bag, entry, derived.values)
        return
    key = deriver.key_of(derived.values)
    is_grouped = key is not None and case.is_left(entry, found.row, claim)
    is_said = not derived.waits and not is_grouped and says_inserted(claim)
    found = _find_anew(case, found, derived.values) if is_said and key is None else found
    if is_said and case.is_published_as(found.held, derived.values, entry):
        _take_published(case, entry, found, derived.values, is_followed=derived.is_followed)
        return
    if key is not None:
        case.desk.connection.execute(f"INSERT INTO {case.unsettled} VALUES (?, ?)", (entry.number, found.row))
    elif derived.waits:
        if case.chains is not None:
            case.chains.add((case.fed.into, entry.number, found.row), (derived.because, derived.is_root))
        _expect_waiting(case, entry, found)
    elif claim is not None and claim.disposition == "quarantined" and claim.rule in WAITING_RULES:
        case.refuse(entry, found.row, claim, derived.values)
    else:
        case.faults.add(entry.name, NOT_AS_THEY_MUST_BE, found.row)


def _find_anew(case: Case, found: OpenRow, values: list[Value]) -> OpenRow:
    """Return a row of no group with what stands where it must: without rowids by its key, which may be another now."""
    return found if case.fed.table.rowid is not None else found._replace(held=case.fetch(None, values))


def _examine_filtered(case: Case, entry: Input, found: OpenRow) -> None:
    claim = found.claim
    if claim is None or claim.disposition != "filtered":
        case.faults.add(entry.name, "do not pass where, and are not left out", found.row)
    elif claim.rule != "where" or claim.target_rowid is not None or claim.winner_input is not None:
        case.faults.add(entry.name, "are left out by where, and the ledger says it otherwise", found.row)
    else:
        case.tally(entry, "filtered")


def _take_published(case: Case, entry: Input, found: OpenRow, values: list[Value], *, is_followed: bool) -> None:
    """Count a row that stands in the target as it must; what the ledger says of it must be so."""
    has_moved = found.held is not None and case.has_moved(found.held, values)
    if has_moved and found.held is not None and case.ids.place is not None:
        own, actual = values[case.ids.place], found.held[case.ids.place]
        if not case.ids.note(case.desk, entry, found.row, own, actual):
            case.faults.add(entry.name, "stand under an id that another row got too", found.row)
            return
    if found.held is not None and not case.note_place(entry, found.row, found.held):
        case.faults.add(entry.name, "are said to stand where another row stands", found.row)
        return
    reasons = [rule for rule, is_one in (("identity", has_moved), ("reference", is_followed)) if is_one]
    check_inserted_entry(case, entry, found.row, found.claim, reasons)
    case.tally(entry, "inserted")
    if has_moved or is_followed:
        case.tally(entry, "rewritten")


def check_inserted_entry(case: Case, entry: Input, row: int, claim: Claim | None, reasons: Sequence[str]) -> None:
    """See that a published row has an entry in the ledger if there is a reason for one, and none without."""
    if claim is None:
        if reasons:
            case.faults.add(entry.name, "changed on the way, and the ledger does not say so", row)
        return
    if not reasons:
        case.faults.add(entry.name, "arrived plainly, and the ledger says otherwise", row)
    elif claim.rule not in reasons:
        case.faults.add(entry.name, "changed on the way for another reason than the ledger says", row)
    elif claim.winner_input is not None or claim.winner_rowid is not None:
        case.faults.add(entry.name, "stand in the target, and the ledger names another row for them", row)
    elif case.fed.integer_key is None and claim.target_rowid not in (None, case.home_rowid(entry, row, ())):
        case.faults.add(entry.name, "are said to stand elsewhere than their rowid and the offset say", row)


def _expect_waiting(case: Case, entry: Input, found: OpenRow) -> None:
    claim = found.claim
    if claim is None or claim.disposition != "quarantined" or claim.rule != "reference":
        case.faults.add(entry.name, "refer to a row that waits, and do not wait with it", found.row)
    elif claim.target_rowid is not None or claim.winner_input is not None:
        case.faults.add(entry.name, "wait, and the ledger names a row for them", found.row)
    else:
        case.tally(entry, "quarantined")
