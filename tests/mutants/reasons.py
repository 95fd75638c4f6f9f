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

_CONVERT, _INTO = "load/convert/", "load/into/"
OF_LOADS: dict[str, str] = {
    f"{_CONVERT}documents.py _refuse_large: dropped statement: if len(text) <= _LARGEST and 'e' not in text and "
    "('E' not i… -> nothing": "a short cut: a number of so few digits and no exponent is within all limits",
    f"{_CONVERT}choose.py module: constant: 0 -> 1": "the server's modifier of varchar is -1, or 5 and more",
    f"{_INTO}taking_out.py _find_changed: dropped predicate: connection.execute(asking.encode()).fetchone() or (0,) -> "
    "connection.execute(asking.encode()).fetchone() or False": "a query that counts gives a row always",
    f"{_INTO}taking_out.py module: dropped clause: rray_agg(a.attname::text ORDER BY k.place) FROM -> "
    "rray_agg(a.attname::text) FROM (2)": "the server happens to give them in this order, on which nobody may rely",
    f"{_INTO}meeting.py _decide_by_row: constant: True -> False": "both lists have a name for each column",
    "load/stage/mapping.py _measure: dropped predicate: rows or 0 -> rows or False": "False times a size is 0",
    "load/rows/structure.py module: dropped predicate: = 'f' AND o.conparentid = 0 ORDER -> = 'f' ORDER": (
        "the foreign key of a partition is that of its table once more, and no row comes into a partition by its name"
    ),
    "load/draft/queries.py Sources.find_column: dropped statement: if len(terms) > 1: raise UntranslatableError("
    "f'reads {name}… -> nothing": "SQLite itself cannot read a view in which a name may mean two columns, and is asked",
}
"""The same of loads, which are judged by tests: what no test can tell from the code as it is."""
MOST_OF_LOADS = 16
