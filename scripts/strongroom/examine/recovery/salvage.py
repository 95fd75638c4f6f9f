"""Read a damaged database around its damage: every row that a search by its rowid still finds."""

from __future__ import annotations

from strongroom.core.instants import Stored
from strongroom.core.quoting import dotted, quote, quote_all
from strongroom.sqlite.connection import Connection, RawText, open_snapshot, open_stage
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import Table, read_schema

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def salvage(damaged: Database, made: Database) -> tuple[str, ...]:
    """Write every table, index, view and trigger that can be read to ``made``; return what is lost, a line each.

    Raises DamagedSourceError when the file does not even say which tables it has.
    """
    lost: list[str] = []
    with open_snapshot(damaged) as source, open_stage(made) as target:
        schema = read_schema(source)
        for table in schema.tables.values():
            lost += _save_table(source, target, table)
        others = [index.sql for table in schema.tables.values() for index in table.indexes if index.sql]
        others += [*schema.views.values(), *(sql for _, sql in schema.triggers.values())]
        for sql in others:
            try:
                target.execute(sql)
            except target.Error as error:
                lost.append(f"{' '.join(sql.split()[:4])} …: {error}")
    return tuple(lost)


def _save_table(source: Connection, target: Connection, table: Table) -> list[str]:
    target.execute(table.sql)
    if table.rowid is None:
        return _save_plainly(source, target, table)
    lost: list[str] = []
    first, refused = _LOWEST, 0
    while True:
        last, more, is_whole = _read_on(source, target, table, first)
        refused += more
        if is_whole:
            break
        start = _find_next(source, table, last)
        if start is None:
            lost.append(f"{table.name}: the rows after {table.rowid} {last}, if any")
            break
        lost.append(f"{table.name}: the rows between {table.rowid} {last} and {start}, if any")
        first = start
    return [*lost, f"{table.name}: {refused} rows that its constraints refuse"] if refused else lost


def _read_on(source: Connection, target: Connection, table: Table, first: int) -> tuple[int, int, bool]:
    """Copy rows from ``first`` on; return the last rowid, rows refused, and whether the end was reached."""
    rowid, refused, last = str(table.rowid), 0, max(first - 1, _LOWEST)
    names = [column.name for column in table.stored]
    listed = quote_all([rowid, *(name for name in names if name != rowid)])
    query = f"SELECT {listed} FROM {dotted('main', table.name)} WHERE {quote(rowid)} >= ? ORDER BY {quote(rowid)}"
    source.text_factory = RawText
    try:
        # Python reads one row ahead: the last one before the damage comes only when it is asked for alone.
        for statement in (query, f"{query} LIMIT 1"):
            is_whole = False
            try:
                for row in source.execute(statement, (first,)):
                    refused += 1 - _insert(target, table, listed, row)
                    last, first = int(row[0]), int(row[0]) + 1
                is_whole = statement == query
            except source.Error:
                continue
            if is_whole:
                return last, refused, True
    finally:
        source.text_factory = str
    return last, refused, False


def _insert(target: Connection, table: Table, listed: str, row: tuple[Stored, ...]) -> int:
    holes = ", ".join("CAST(? AS TEXT)" if isinstance(value, RawText) else "?" for value in row)
    return target.execute(
        f"INSERT OR IGNORE INTO {dotted('main', table.name)} ({listed}) VALUES ({holes})", row
    ).rowcount


def _find_next(source: Connection, table: Table, last: int) -> int | None:
    """Return the lowest rowid beyond the damage: found in growing steps, then between the last two."""
    step = 1
    while last + step <= _HIGHEST:
        found = _probe(source, table, last + step)
        if found is not None:
            low, high = last + step // 2, last + step
            while high - low > 1:
                middle = (low + high) // 2
                if _probe(source, table, middle) is None:
                    low = middle
                else:
                    high = middle
            return _probe(source, table, high) or found
        step *= 2
    return None


def _probe(source: Connection, table: Table, start: int) -> int | None:
    """Return the first rowid from ``start`` on when its row can be read."""
    rowid = quote(str(table.rowid))
    source.text_factory = RawText
    try:
        row = source.execute(  # all of the row: what is read later must not fail then
            f"SELECT {rowid}, * FROM {dotted('main', table.name)} WHERE {rowid} >= ? ORDER BY {rowid} LIMIT 1", (start,)
        ).fetchone()
    except source.Error:
        return None
    finally:
        source.text_factory = str
    return int(row[0]) if row else None


def _save_plainly(source: Connection, target: Connection, table: Table) -> list[str]:
    """Copy a table without rowids until the damage."""
    names = quote_all([column.name for column in table.stored])
    source.text_factory = RawText
    try:
        for row in source.execute(f"SELECT {names} FROM {dotted('main', table.name)}"):
            _insert(target, table, names, row)
    except source.Error:
        return [f"{table.name}: the rows after the damage; it has no rowids by which to find them"]
    finally:
        source.text_factory = str
    return []
