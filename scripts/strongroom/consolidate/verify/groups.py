"""Go through the groups of rows with one key in which anything is not plain; each is derived whole.

A row that was copied plainly may be the wrong winner: so every row of every input with such a key is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.consolidate.verify.case import WAITING_RULES, Case
from strongroom.consolidate.verify.chains import Chains
from strongroom.consolidate.verify.choosing import UnfitError, choose
from strongroom.consolidate.verify.claims import DECISION
from strongroom.consolidate.verify.decisions import ALL
from strongroom.consolidate.verify.members import Group, Member, find_groups
from strongroom.consolidate.verify.rules import Settlement, settle
from strongroom.consolidate.verify.shown_rows import Listed
from strongroom.consolidate.verify.stream import NOT_AS_THEY_MUST_BE, check_inserted_entry
from strongroom.consolidate.verify.values import Row, is_same_row


def examine_groups(case: Case) -> None:
    """Settle every group of which a row is unsettled."""
    wanted = case.desk.count(f"SELECT count(*) FROM {case.unsettled}")
    seen = 0
    for group in find_groups(case) if wanted else ():
        examine_group(case, group, settle_group(case, group.members))
        seen += sum(member.is_open for member in group.members)
    if seen != wanted:
        case.faults.say(f"{wanted - seen} rows were not found again while their groups were gone through")


def settle_group(case: Case, members: Sequence[Member]) -> Settlement:
    """Decide what becomes of a group: by the plan's rule, and where that leaves it undecided, by a person's word."""
    rows = [member.values for member in members]
    waiting = [number for number, member in enumerate(members) if member.why is not None]
    is_ambiguous = bool(case.fed.rule.normalize) and _is_ambiguous(case, members)
    found = settle(case.shape, rows, waiting, is_ambiguous=is_ambiguous)
    if found.is_undecided and case.decided:
        listed = list_rows(found)
        fitting = case.decided.find([(members[number].entry, members[number].row) for number in listed])
        if fitting is not None:
            decision, places = fitting
            try:
                found = choose(case.fed, decision, rows, waiting, [listed[place] for place in places])
            except UnfitError as error:
                case.decided.say_unfit(decision, str(error))
            else:
                found.listed = listed
    if case.chains is not None and waiting and not is_ambiguous:
        _keep_why(case, case.chains, members, found)
    return found


def list_rows(settlement: Settlement) -> list[int]:
    """Return the rows of an undecided group that a decision lists: the shown one, and those that wait for it."""
    return [0, *(number for number, (fate, _) in enumerate(settlement.fates) if fate == "quarantined")]


def examine_group(case: Case, group: Group, settlement: Settlement) -> None:
    """See that every row of a group ended as it must, and that the ledger says so."""
    members = group.members
    refused = _find_refused(case, members, settlement)
    shown: Row | None = None
    for number, member in enumerate(members):
        fate, winner = settlement.fates[number]
        if settlement.decision is not None:
            case.decided.expect_line(settlement.decision, member.entry, member.row)
        if winner is not None and winner in refused:
            if winner != number:
                rules = [*_list_rules(case, settlement, member, fate), *WAITING_RULES]
                _expect_quarantined(case, member, rules, members[winner])
        elif not member.is_open:
            _expect_plain(case, member, settlement, number)
        elif fate == "inserted":
            there = _expect_published(case, member, settlement, number, group.held)
            shown = there if number == 0 else shown
        elif settlement.waits(number):
            winner_of_all = None if settlement.decision is None else members[0]
            _expect_quarantined(case, member, _list_rules(case, settlement, member, fate), winner_of_all)
        else:
            _expect_lost(case, settlement, member, fate, members[winner or 0])
    if case.copies.is_kept and (settlement.decision is not None or (settlement.is_undecided and not refused)):
        _expect_copies(case, members, settlement, shown)


def _list_rules(case: Case, settlement: Settlement, member: Member, fate: str) -> list[str]:
    """Return what the ledger may give as the rule: what settled the group, or that what the row refers to waits."""
    by = case.fed.rule.conflict if settlement.decision is None else DECISION
    may_wait = fate == "quarantined" or settlement.decision is not None
    return [by, *(["reference"] if member.why and may_wait else [])]


def _expect_plain(case: Case, member: Member, settlement: Settlement, number: int) -> None:
    """See that a row which was found as it stands had to be there."""
    own = settlement.published.get(number)
    if settlement.fates[number][0] != "inserted" or own is None or not is_same_row(own, member.values):
        case.faults.add(member.entry.name, "stand in the target, and another row should", member.row)
    elif settlement.is_undecided:
        _expect_named(case, member)
    elif settlement.decision is not None:
        _say_unnamed(case, member)


def _expect_named(case: Case, member: Member) -> bool:
    """See that the ledger says of a row which is shown that nobody decided for it; count its group."""
    claim = member.claim
    if claim is None or claim.disposition != "inserted" or claim.rule != case.fed.rule.conflict:
        what = "are shown for a group that nobody decided, and the ledger does not say so"
        case.faults.add(member.entry.name, what, member.row)
        return False
    case.undecided[member.entry.source] += 1
    return True


def _say_unnamed(case: Case, member: Member) -> None:
    what = "stand in the target because a person decided so, and the ledger does not say it"
    case.faults.add(member.entry.name, what, member.row)


def _keep_why(case: Case, chains: Chains, members: Sequence[Member], settlement: Settlement) -> None:
    """Keep for what the rows of a group wait: for their own parents, or for those of it that do.

    Where nobody decides, the first row stands for all: they wait for that one alone.
    """
    freely = settle(case.shape, [member.values for member in members])
    nodes = [(case.fed.into, member.number, member.row) for member in members]
    waiting = [node for node, member in zip(nodes, members, strict=True) if member.why]
    for number, member in enumerate(members):
        if settlement.waits(number) and not freely.waits(number):
            is_behind = freely.is_undecided and number > 0 and settlement.decision is None
            why = (nodes[:1], False) if is_behind else member.why or (waiting, False)
            chains.add(nodes[number], why)


def _is_ambiguous(case: Case, members: Sequence[Member]) -> bool:
    """Tell whether one input alone holds keys that only look alike once they are normalized."""
    spelled: dict[int, bytes | None] = {}
    for member in members:
        spelling = case.derivers[member.number].spelling_of(member.values)
        if spelled.setdefault(member.number, spelling) != spelling:
            return True
    return False


def _find_refused(case: Case, members: Sequence[Member], settlement: Settlement) -> set[int]:
    """Return the rows that the group would publish and that are said to be refused; they are tried again."""
    refused: set[int] = set()
    for number, values in settlement.published.items():
        member = members[number]
        claim = member.claim
        if claim is None or not member.is_open or claim.disposition != "quarantined":
            continue
        if claim.rule in WAITING_RULES or (claim.rule == "merge" and case.fed.rule.conflict == "merge"):
            refused.add(number)
            case.refuse(member.entry, member.row, claim, values)
    return refused


def _expect_published(
    case: Case, member: Member, settlement: Settlement, number: int, held: dict[object, Row]
) -> Row | None:
    """See that a row which its group publishes stands in the target, perhaps with values of others; return it."""
    claim, entry, values = member.claim, member.entry, settlement.published[number]
    if claim is not None and claim.disposition != "inserted":
        case.faults.add(entry.name, f"should stand in the target, and are {claim.disposition}", member.row)
        return None
    stands = case.standing(entry, member.row, member.values, claim)
    there = held.get(stands) or case.fetch(stands, values)
    if there is None or not case.is_published_as(there, values, entry):
        case.faults.add(entry.name, NOT_AS_THEY_MUST_BE, member.row)
        return None
    if not case.note_place(entry, member.row, there):
        case.faults.add(entry.name, "are said to stand where another row stands", member.row)
    has_moved = case.has_moved(there, values)
    place = case.ids.place
    is_late = settlement.decision is not None and number > 0
    if (
        has_moved
        and place is not None
        and not case.ids.note(case.desk, entry, member.row, values[place], there[place], is_late=is_late)
    ):
        case.faults.add(entry.name, "stand under an id that another row got too", member.row)
    if not settlement.is_undecided or _expect_named(case, member):
        _check_entry(case, member, settlement, number, has_moved=has_moved)
    case.tally(entry, "inserted")
    is_person_s = settlement.is_undecided or settlement.decision is not None
    is_alone_s = member.claim is not None and member.claim.rule == "reference"
    if has_moved or (member.is_followed and (is_person_s or is_alone_s)):
        case.tally(entry, "rewritten")
    if case.together and settlement.decision is not None and settlement.decision.take == ALL:
        case.desk.connection.execute(f"INSERT INTO {case.together} VALUES (?, ?)", (entry.number, member.row))
        case.beside += is_late
    return there


def _check_entry(case: Case, member: Member, settlement: Settlement, number: int, *, has_moved: bool) -> None:
    """See that the ledger says of a published row why it is not plainly there."""
    reasons = ["identity"] if has_moved else []
    if settlement.decision is not None:
        if member.claim is None:
            _say_unnamed(case, member)
            return
        reasons = [DECISION, *(reasons if settlement.decision.take == ALL else [])]
    elif settlement.is_undecided or not is_same_row(settlement.published[number], member.values):
        reasons = [case.fed.rule.conflict, *reasons]
    elif member.is_followed:
        reasons = [*reasons, "reference"]
    check_inserted_entry(case, member.entry, member.row, member.claim, reasons)


def _expect_copies(case: Case, members: Sequence[Member], settlement: Settlement, shown: Row | None) -> None:
    """See that the ledger keeps what a decision about the group lists; of the shown row what stands in the target."""
    listed = []
    for number in settlement.listed or list_rows(settlement):
        member = members[number]
        values: Row = member.values
        if number == 0:
            values = settlement.published[0] if shown is None else shown
        listed.append(Listed(member.entry, member.row, values, waits=member.why is not None))
    case.copies.expect(listed, frozenset() if case.follower is None else case.follower.places)


def _expect_quarantined(case: Case, member: Member, rules: Sequence[str], winner: Member | None = None) -> None:
    """See that a row waits; where the one that it lost to is refused, the ledger may name that one."""
    claim = member.claim
    if claim is None or claim.disposition != "quarantined":
        case.faults.add(member.entry.name, "should wait in quarantine, and do not", member.row)
        return
    named = (claim.winner_input, claim.winner_rowid)
    may_name = [(None, None), *([] if winner is None else [(winner.number, winner.row)])]
    if claim.rule not in rules or claim.target_rowid is not None or named not in may_name:
        case.faults.add(member.entry.name, "wait for another reason than the ledger says", member.row)
    else:
        case.tally(member.entry, "quarantined")


def _expect_lost(case: Case, settlement: Settlement, member: Member, fate: str, winner: Member) -> None:
    """See that another row stands for one, and which."""
    claim = member.claim
    if claim is None or claim.disposition != fate:
        said = "have no entry in the ledger" if claim is None else f"are {claim.disposition} in the ledger"
        case.faults.add(member.entry.name, f"should be {fate}, and {said}", member.row)
        return
    stands = case.standing(winner.entry, winner.row, winner.values, winner.claim)
    wanted = (stands, winner.number, winner.row)
    named = (claim.target_rowid, claim.winner_input, claim.winner_rowid)
    if claim.rule not in _list_rules(case, settlement, member, fate) or named != wanted:
        case.faults.add(member.entry.name, f"are {fate}, and the ledger names another row for them", member.row)
        return
    case.tally(member.entry, fate)
