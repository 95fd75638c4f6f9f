"""Prove one target table: every row of what feeds it, and every row that stands there."""

from __future__ import annotations

from strongroom.consolidate.verify.bags import begin_bag, compare_bag
from strongroom.consolidate.verify.case import Case, open_case
from strongroom.consolidate.verify.chains import Chains
from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.follower import Follower
from strongroom.consolidate.verify.groups import examine_groups
from strongroom.consolidate.verify.house import FedTable
from strongroom.consolidate.verify.ids import check_fresh_ids
from strongroom.consolidate.verify.pairs import explain_pairs
from strongroom.consolidate.verify.refusals import try_refused
from strongroom.consolidate.verify.standing import check_keys, check_places
from strongroom.consolidate.verify.stream import examine_input
from strongroom.core.quoting import dotted
from strongroom.core.results import DISPOSITIONS, TableTally, TargetTally


def prove_table(
    desk: Desk, fed: FedTable, follower: Follower | None, chains: Chains | None = None
) -> tuple[dict[str, TableTally], TargetTally, list[str]]:
    """Return a tally for each source table, one for the target's, and what is wrong in words."""
    case = open_case(desk, fed, follower, chains)
    if fed.table.rowid is None and not fed.table.primary_key:
        case.bag = begin_bag(case)
    explain_pairs(case)
    read = {}
    for entry in fed.inputs:
        with desk.source(entry):
            read[entry.number] = examine_input(case, entry)
    if case.bag:
        compare_bag(case, case.bag)
    examine_groups(case)
    case.decided.finish()
    case.copies.finish()
    try_refused(case)
    check_fresh_ids(desk, fed, case.ids, case.entries, case.faults)
    check_places(case)
    check_keys(case)
    if follower is not None:
        follower.check_usurped(case.faults)
    return _sum_up(case, read)


def _sum_up(case: Case, read: dict[int, int]) -> tuple[dict[str, TableTally], TargetTally, list[str]]:
    fed, faults = case.fed, case.faults
    tallies, seeded, explained = {}, 0, 0
    for entry in fed.inputs:
        counts = case.counts[entry.number]
        ended = {name: counts[name] for name in DISPOSITIONS}
        explained += ended["inserted"]
        unexplained = read[entry.number] - sum(ended.values())
        if entry.is_seed:
            seeded = ended["inserted"]
            faults.add(entry.name, "of the schema file are not what they must be", count=unexplained)
            continue
        tallies[entry.name] = TableTally(
            into=fed.into, read=read[entry.number], rewritten=counts["rewritten"], unexplained=unexplained, **ended
        )
    rows = case.desk.count(f"SELECT count(*) FROM {dotted('main', fed.table.name)}")
    if rows != explained:
        faults.say(f"holds {rows} rows, and the sources explain {explained}")
    tally = TargetTally(rows=rows, explained=explained, seeded=seeded, undecided=dict(sorted(case.undecided.items())))
    return tallies, tally, faults.sentences()
