"""Faults that may survive, each with the reason: what nobody notices because nobody loses anything by it.

At most three. The name of a fault is the one in the table; one that is noticed again is taken out.
"""

from __future__ import annotations

REASONS: dict[str, str] = {
    "binding/references.py _order: dropped predicate: free or [min(waiting, key=lambda name: len(_open_parents(na… -> "
    "False or [min(waiting, key=lambda name: len(_open_parents(n…": (
        "tables are filled one by one, as in a circle: references are followed later, and to the same rows"
    ),
}
MOST = 3

OF_LOADS: dict[str, str] = {}
"""The same of loads, which are judged by tests: what no test can tell from the code as it is."""
