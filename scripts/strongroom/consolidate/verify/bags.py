"""Tables whose rows nothing names (no key, columns called like every name of the rowid) are compared as bags."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.consolidate.verify.case import Case
from strongroom.consolidate.verify.desk import in_batches
from strongroom.consolidate.verify.fingerprint import encode_row
from strongroom.consolidate.verify.house import Input
from strongroom.consolidate.verify.relations import stored_cells
from strongroom.consolidate.verify.values import Value
from strongroom.core.quoting import dotted

_ADD = "INSERT INTO {} VALUES (?, ?) ON CONFLICT (row) DO UPDATE SET count = count + excluded.count"


def begin_bag(case: Case) -> str:
    """Make the working table of rows and how often more they are wanted than there."""
    return case.desk.make("bag", "row BLOB PRIMARY KEY, count INTEGER", "WITHOUT ROWID")


def want(case: Case, bag: str, entry: Input, values: list[Value]) -> None:
    """Note a row that must be in the target; that it is shows at the end."""
    case.desk.connection.execute(_ADD.format(bag), (encode_row(values), 1))
    case.tally(entry, "inserted")


def compare_bag(case: Case, bag: str) -> None:
    """Take the target's rows out of the bag: nothing must be left, and nothing missing."""
    for batch in in_batches(_read_target(case)):
        case.desk.connection.executemany(_ADD.format(bag), batch)
    for sign, what in ((">", "rows of the sources are not there"), ("<", "rows are no source's")):
        left = case.desk.count(f"SELECT sum(abs(count)) FROM {bag} WHERE count {sign} 0")
        if left:
            case.faults.say(f"{left} {what}")


def _read_target(case: Case) -> Iterator[tuple[Value, ...]]:
    table = dotted("main", case.fed.table.name)
    for row in case.desk.connection.execute(f"SELECT {stored_cells(case.fed)} FROM {table} AS t"):
        yield encode_row(row), -1
