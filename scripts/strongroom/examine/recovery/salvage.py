"""Read a damaged database around its damage: every row that a search by its rowid still finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from io import SEEK_END
from typing import Any

from strongroom.core.errors import StrongroomError
from strongroom.core.instants import Stored
from strongroom.core.quoting import dotted, quote, quote_all
from strongroom.sqlite.causes import can_be_read_alone, has_log
from strongroom.sqlite.connection import Connection, RawText, check_integrity, open_damaged, open_stage
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import Schema, Table, read_schema

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_SIZE = slice(16, 18)
_LARGEST_PAGE = 65536
_ENCRYPTED_PAGE = 4096
Row = tuple[Stored, ...]


class _UnreadableError(Exception):
    """The rows from here on cannot be read."""


class _Damaged:
    """A damaged database. After each error it is opened anew: SQLCipher gives nothing more once it met a bad page."""

    def __init__(self, database: Database, opened: ExitStack) -> None:
        self._database, self._opened = database, opened
        self._connection: Connection | None = None
        self.shows_ids = database.key is None
        """Of an encrypted one no cell is told."""

    def read(self, query: str, *values: int | str) -> Iterator[Row]:
        """Yield rows, TEXT as its bytes. Raises _UnreadableError where they end before their end."""
        if self._connection is None:
            self._connection = self._opened.enter_context(open_damaged(self._database))
            self._connection.text_factory = RawText
        connection = self._connection
        try:
            yield from connection.execute(query, values)
        except connection.Error as error:
            self._connection = None
            self._opened.close()
            raise _UnreadableError from error


def salvage(damaged: Database, made: Database) -> tuple[str, ...]:
    """Write every table, index, view and trigger that can be read to ``made``; return what is lost, a line each.

    ``damaged`` is a copy, which goes without half a page at its end, and without a log that makes it unreadable. Raises
    DamagedSourceError when the file does not even say which tables it has.
    """
    _drop_torn_page(damaged)
    schema, lost = _read_schema(damaged)
    with ExitStack() as opened, open_stage(made) as target:
        source = _Damaged(damaged, opened)
        target.execute(f"PRAGMA user_version = {schema.user_version}")
        target.execute(f"PRAGMA application_id = {schema.application_id}")
        for table in schema.tables.values():
            lost += _save_table(source, target, table)
            if table.autoincrement:
                _save_mark(source, target, table)
        others = [index.sql for table in schema.tables.values() for index in table.indexes if index.sql]
        others += [*schema.views.values(), *(sql for _, sql in schema.triggers.values())]
        for sql in others:
            try:
                target.execute(sql)
            except target.Error as error:
                lost.append(f"{' '.join(sql.split()[:4])} …: {error}")
    return tuple(lost)


def _drop_torn_page(damaged: Database) -> None:
    """Cut off the last page where it is not whole: SQLite takes what lacks of it for zeros, and finds rows in them."""
    with damaged.path.open("r+b") as stream:
        header = stream.read(_SIZE.stop)
        # https://sqlite.org/fileformat2.html, 1.3.2; SQLCipher's own is fixed (sqlite.connection makes no other)
        size = _ENCRYPTED_PAGE if damaged.key is not None else int.from_bytes(header[_SIZE], "big")
        size = _LARGEST_PAGE if size == 1 else size
        length = stream.seek(0, SEEK_END)
        if size and length > size:
            stream.truncate(length - length % size)


def _read_schema(damaged: Database) -> tuple[Schema, list[str]]:
    lost = _leave_log(damaged) if _is_worse_with_log(damaged) else []
    with suppress(StrongroomError), open_damaged(damaged) as source:
        return read_schema(source), lost
    lost = lost or _leave_log(damaged)
    with open_damaged(damaged) as source:
        return read_schema(source), lost


def _is_worse_with_log(damaged: Database) -> bool:
    """Tell whether a log lies beside a sound file that makes it unreadable: somebody else's."""
    if not has_log(damaged) or not can_be_read_alone(damaged):
        return False
    try:
        with open_damaged(damaged) as source:
            return bool(check_integrity(source, quick=True))
    except StrongroomError:
        return True


def _leave_log(damaged: Database) -> list[str]:
    if not has_log(damaged):
        return []
    damaged.beside("-wal").unlink()
    damaged.beside("-shm").unlink(missing_ok=True)
    return ["what stood in its -wal: it makes the file unreadable, and was left aside"]


def _save_table(source: _Damaged, target: Connection, table: Table) -> list[str]:
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
        lost.append(_describe_gap(source, table, last, start))
        if start is None:
            break
        first = start
    return [*lost, f"{table.name}: {refused} rows that its constraints refuse"] if refused else lost


def _describe_gap(source: _Damaged, table: Table, last: int, start: int | None) -> str:
    if not source.shows_ids:
        return f"{table.name}: the rows {'after' if start is None else 'between'} some {table.rowid}, if any"
    if start is None:
        return f"{table.name}: the rows after {table.rowid} {last}, if any"
    return f"{table.name}: the rows between {table.rowid} {last} and {start}, if any"


def _read_on(source: _Damaged, target: Connection, table: Table, first: int) -> tuple[int, int, bool]:
    """Copy rows from ``first`` on; return the last rowid, rows refused, and whether the end was reached."""
    rowid, refused, last = str(table.rowid), 0, max(first - 1, _LOWEST)
    names = [column.name for column in table.stored]
    listed = quote_all([rowid, *(name for name in names if name != rowid)])
    query = f"SELECT {listed} FROM {dotted('main', table.name)} WHERE {quote(rowid)} >= ? ORDER BY {quote(rowid)}"
    # Python reads one row ahead: the last one before the damage comes only when it is asked for alone.
    for statement in (query, f"{query} LIMIT 1"):
        is_whole = False
        try:
            for row in source.read(statement, first):
                refused += 1 - _insert(target, table, listed, row)
                last, first = _number(row[0]), _number(row[0]) + 1
            is_whole = statement == query
        except _UnreadableError:
            continue
        if is_whole:
            return last, refused, True
    return last, refused, False


def _number(value: Any) -> int:
    return int(value)


def _insert(target: Connection, table: Table, listed: str, row: Row) -> int:
    holes = ", ".join("CAST(? AS TEXT)" if isinstance(value, RawText) else "?" for value in row)
    return target.execute(
        f"INSERT OR IGNORE INTO {dotted('main', table.name)} ({listed}) VALUES ({holes})", row
    ).rowcount


def _find_next(source: _Damaged, table: Table, last: int) -> int | None:
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


def _probe(source: _Damaged, table: Table, start: int) -> int | None:
    """Return the first rowid from ``start`` on when its row can be read."""
    rowid = quote(str(table.rowid))
    # All of the row: what is read later must not fail then.
    query = f"SELECT {rowid}, * FROM {dotted('main', table.name)} WHERE {rowid} >= ? ORDER BY {rowid} LIMIT 1"
    try:
        row = next(source.read(query, start), None)
    except _UnreadableError:
        return None
    return _number(row[0]) if row else None


def _save_mark(source: _Damaged, target: Connection, table: Table) -> None:
    """Keep numbers of rows that are gone from being given again, where the mark can be read."""
    with suppress(_UnreadableError):
        (mark,) = next(source.read("SELECT coalesce(max(seq), 0) FROM main.sqlite_sequence WHERE name = ?", table.name))
        here = target.execute("SELECT max(seq) FROM main.sqlite_sequence WHERE name = ?", (table.name,)).fetchone()[0]
        if here is None:
            target.execute("INSERT INTO main.sqlite_sequence VALUES (?, ?)", (table.name, mark))
        else:
            target.execute("UPDATE main.sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (mark, table.name))


def _save_plainly(source: _Damaged, target: Connection, table: Table) -> list[str]:
    """Copy a table without rowids until the damage."""
    names = quote_all([column.name for column in table.stored])
    try:
        for row in source.read(f"SELECT {names} FROM {dotted('main', table.name)}"):
            _insert(target, table, names, row)
    except _UnreadableError:
        return [f"{table.name}: the rows after the damage; it has no rowids by which to find them"]
    return []
