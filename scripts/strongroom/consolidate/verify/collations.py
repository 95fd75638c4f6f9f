"""How a table's columns compare TEXT: SQLite's catalogue does not say it, and is asked of an index made for that."""

from __future__ import annotations

import re
from collections.abc import Sequence

from strongroom.consolidate.verify.catalogue import BINARY, Table
from strongroom.core.errors import GuardError
from strongroom.core.quoting import fold, quote, quote_all
from strongroom.sqlite.connection import Connection, open_memory
from strongroom.sqlite.libraries import library_of

_KNOWN = (BINARY, "NOCASE", "RTRIM")
_UNKNOWN = re.compile(r"no such (collation sequence|function): (.*)", re.DOTALL)


def read_collations(connection: Connection, table: Table, names: Sequence[str]) -> list[str]:
    """Return the collations of some columns; ``connection`` only says by which library to ask.

    What only an application knows has a stand-in while SQLite is asked: other columns may need it.
    """
    if table.module is not None:
        return [BINARY] * len(names)
    with open_memory(library_of(connection)) as scratch:
        _execute(scratch, table.sql)
        _execute(scratch, f"CREATE INDEX strongroom_probe ON {quote(table.name)} ({quote_all(names)})")
        parts = scratch.execute("PRAGMA index_xinfo(strongroom_probe)").fetchall()
    return [str(part[4]).upper() for part in parts[: len(names)]]


def see_that_all_are_known(connection: Connection, table: Table, told: str) -> None:
    """See that SQLite can compare what a table holds, which people know as ``told``. Raises GuardError."""
    if "collate" not in fold(table.sql):
        return
    names = [column.name for column in table.columns]
    for name, collation in zip(names, read_collations(connection, table, names), strict=True):
        if collation not in _KNOWN:
            raise GuardError(
                f"{told}.{name}",
                f"compares by {fold(collation)}, which is no collation of SQLite",
                "give the source a copy of the file whose tables do without it",
            )


def _execute(scratch: Connection, sql: str) -> None:
    """Run a statement; where it names what SQLite does not know, with stand-ins for that."""
    while True:
        try:
            scratch.execute(sql)
        except scratch.OperationalError as error:
            unknown = _UNKNOWN.fullmatch(str(error))
            if unknown is None:
                raise
            if unknown.group(1) == "function":
                scratch.create_function(unknown.group(2), -1, _nothing, deterministic=True)
            else:
                scratch.create_collation(unknown.group(2), _compare)
        else:
            return


def _compare(one: str, other: str) -> int:
    return (one > other) - (one < other)


def _nothing(*_: object) -> None:
    """Stand for a function that is never called: the table stays empty."""
