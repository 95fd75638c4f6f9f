"""The ledger keeps the cells of every row that did not arrive plainly, as they were in the source."""

from __future__ import annotations

from strongroom.consolidate.verify.case import Case
from strongroom.consolidate.verify.house import Input
from strongroom.consolidate.verify.relations import rows_of, same_anywhere
from strongroom.consolidate.verify.values import is_same_row


def keeps_cells(entry: Input, alias: str = "s", said: str = "l") -> str:
    """Return the condition that an entry holds the cells of its row."""
    affinities = ["" if entry.table.module is not None else column.affinity for column in entry.table.columns]
    return " AND ".join(
        f"({same_anywhere(f'{said}.c{place}', f'{alias}.c{place}', affinity)})"
        for place, affinity in enumerate(affinities)
    )


def check_kept_cells(case: Case, entry: Input) -> None:
    """See that every entry is of a row that the source (``src``) has, and keeps its cells as they were.

    Of rows that a join explained that is known.
    """
    entries, faults = case.entries[entry.number], case.faults
    if not entries.size:
        return
    unsaid = f"SELECT count(*) FROM {entries.table} WHERE coalesce(_reason, '') = '' AND _disposition IS NOT 'inserted'"
    faults.add(entry.name, "stand in the ledger without a reason", count=case.desk.count(unsaid))
    if not case.has_left(entry):
        return
    width = range(len(entry.table.columns))
    cells = "".join(f", l.c{place}" for place in width) + "".join(f", s.c{place}" for place in width)
    rows = case.desk.connection.execute(
        f"SELECT l._rowid, s.r{cells} FROM {entries.table} AS l LEFT JOIN {rows_of(entry, case.fed.rule.where)} "
        f"ON s.r = l._rowid WHERE {case.says_left(entry)} AND (s.r IS NULL OR ({keeps_cells(entry)}) IS NOT TRUE)"
    )
    unknown = 0
    for row, there, *held in rows:
        half = len(held) // 2
        if there is None:
            unknown += 1
        elif not is_same_row(held[:half], held[half:]):
            faults.add(entry.name, "are kept in the ledger with other values", row)
    faults.add("the ledger", f"of {entry.name} are of no row that it has", count=unknown)
