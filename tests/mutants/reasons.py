"""Faults that may survive, each with the reason: what nobody notices because nobody loses anything by it.

At most three. The name of a fault is the one in the table; one that is noticed again is taken out.
"""

from __future__ import annotations

REASONS: dict[str, str] = {
    "consolidate/merge/identity.py set_taken_ids_aside: dropped clause: OVER (ORDER BY rid) AS -> OVER () AS": (
        "which of the new numbers a row gets is the run's choice, and children follow any"
    ),
    "binding/model.py TableJob.needs_settling: dropped predicate: (self.transform or self.rewrites_of(entry)) and "
    "(not entry.… -> True and (not entry.is_seed)": (
        "rows take the long way and become the same; the list of undecided ones is numbered otherwise"
    ),
    "consolidate/deciding/kept.py _leave_cells_out: dropped predicate: if is_secret -> if True": (
        "by which name people know a group that was decided: its rows are known by their content"
    ),
}
MOST = 3
