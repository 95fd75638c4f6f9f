"""Say what a write-ahead log holds that the database file alone does not."""

from __future__ import annotations

from strongroom.core.errors import StrongroomError
from strongroom.core.quoting import dotted, fold, quote
from strongroom.examine.inventory.model import WalChange
from strongroom.sqlite.connection import Connection, attached, open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import Table, count_rows, read_schema

_BARE = "without_log"


def compare_with_wal(database: Database) -> tuple[WalChange, ...] | None:
    """Compare a database read with its log and without; None when the file alone cannot be read. Read-only.

    Nobody else may have the file open: without its log it is read as if nothing could change it.
    """
    try:
        with open_source(database) as connection, attached(connection, database, _BARE):
            return _compare(connection)
    except StrongroomError:
        return None


def _compare(connection: Connection) -> tuple[WalChange, ...]:
    whole, bare = read_schema(connection), read_schema(connection, _BARE)
    changes = []
    for table in whole.tables.values():
        before = bare.find(table.name)
        if table.kind != "table":
            continue
        if before is None:
            changes.append(WalChange(table=table.name, added=count_rows(connection, table.name), changed=0, removed=0))
        elif _identity(table) and _identity(table) == _identity(before):
            changes.append(_compare_table(connection, table, before))
    changes += [
        WalChange(table=table.name, added=0, changed=0, removed=count_rows(connection, table.name, _BARE))
        for table in bare.tables.values()
        if table.kind == "table" and whole.find(table.name) is None
    ]
    return tuple(change for change in changes if change.added or change.changed or change.removed)


def _identity(table: Table) -> tuple[str, ...]:
    if table.without_rowid:
        return table.primary_key
    return (table.rowid,) if table.rowid is not None else ()


def _compare_table(connection: Connection, table: Table, before: Table) -> WalChange:
    now, then = dotted("main", table.name), dotted(_BARE, before.name)
    same = " AND ".join(f"a.{quote(name)} = b.{quote(name)}" for name in _identity(table))
    shared = [column.name for column in table.stored if fold(column.name) in before.by_name]
    differs = " OR ".join(f"a.{quote(name)} IS NOT b.{quote(name)} COLLATE BINARY" for name in shared)
    missing = "SELECT count(*) FROM {} AS a WHERE NOT EXISTS (SELECT 1 FROM {} AS b WHERE {})"
    return WalChange(
        table=table.name,
        added=_number(connection, missing.format(now, then, same)),
        changed=_number(
            connection,
            f"SELECT count(*) FROM {now} AS a JOIN {then} AS b ON {same} WHERE {differs or 'false'}",
        ),
        removed=_number(connection, missing.format(then, now, same)),
    )


def _number(connection: Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])
