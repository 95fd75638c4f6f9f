"""Read a table of a snapshot in pieces of about equal size, each row with its address."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeAlias

from strongroom.core.quoting import quote
from strongroom.load.rows.jobs import Range, TableJob
from strongroom.sqlite.connection import Connection, RawText

_AT_ONCE = 500
_BYTES_AT_ONCE = 1 << 20
_STEP = 11
"""Rows between two looks at how large they are: large ones may follow small ones. No divisor of common intervals."""
_SMALL = 32 << 20
"""Bytes of a file of which no rows that are read at once can be too large."""
FIRST, LAST = -(2**63), 2**63 - 1
WHOLE = Range(low=FIRST, high=LAST, is_whole=True)


Piece: TypeAlias = Sequence[Sequence[Any]]
"""Some rows: of each its address, then the values of the columns that are loaded."""


def read_pieces(
    connection: Connection, job: TableJob, part: Range, skipped: Collection[int] = frozenset()
) -> Iterator[Piece]:
    """Yield the rows of a range in the order of their addresses, but for those that are ``skipped``.

    TEXT is str, or ``RawText`` where it is no UTF-8; BLOB is bytes. A row is in memory twice at most.
    """
    done = 0
    last = part.low
    try:
        for rows in _read(connection, job, part, str, 0):
            done, last = done + len(rows), rows[-1][0]
            yield _leave_out(rows, skipped)
    except connection.Error as error:
        if "decode" not in str(error).lower():
            raise
    else:
        return
    rest = part if job.address is None or not done else Range(low=last + 1, high=part.high, is_whole=False)
    for rows in _read(connection, job, rest, RawText, done):
        yield _leave_out([tuple(map(_decode, row)) for row in rows], skipped)


def _leave_out(rows: Piece, skipped: Collection[int]) -> Piece:
    return [row for row in rows if row[0] not in skipped] if skipped else rows


def _decode(value: Any) -> Any:
    if type(value) is not RawText:
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _read(connection: Connection, job: TableJob, part: Range, text: type, done: int) -> Iterator[Piece]:
    """Yield rows as SQLite gives them, their address before them; ``done`` rows of a table without rowid are behind."""
    names = ", ".join(quote(column.source) for column in job.columns)
    connection.text_factory = text
    if job.address is None:
        asked = f"SELECT {names} FROM main.{quote(job.table)} {job.order} LIMIT -1 OFFSET {done}"
        cursor = connection.execute(asked)
    else:
        address = quote(job.address)
        asked = (
            f"SELECT {address}, {names} FROM main.{quote(job.table)} WHERE {address} BETWEEN ? AND ? ORDER BY {address}"
        )
        cursor = connection.execute(asked, (part.low, part.high))
    count = _choose_count(job.row_size)
    step = _AT_ONCE if job.snapshot.path.stat().st_size < _SMALL else _STEP
    while rows := _fetch(cursor, count, step):
        count = _choose_count(max(map(_size_of, (rows[0], rows[len(rows) // 2], rows[-1]))))
        if job.address is None:
            yield [(number, *row) for number, row in enumerate(rows, start=done + 1)]
            done += len(rows)
        else:
            yield rows


def _fetch(cursor: Any, count: int, step: int) -> list[Sequence[Any]]:
    """Return the next rows: so many at most, and none after those that were found to be large."""
    rows: list[Sequence[Any]] = []
    size = 0
    while len(rows) < count and size < _BYTES_AT_ONCE:
        more = cursor.fetchmany(min(step, count - len(rows)))
        if not more:
            break
        rows += more
        size += len(more) * _size_of(more[-1])
    return rows


def _choose_count(size: int) -> int:
    """Return how many rows of about so many bytes are read at once."""
    return max(1, min(_AT_ONCE, _BYTES_AT_ONCE // max(1, size)))


def _size_of(row: Sequence[Any]) -> int:
    return sum(len(value) for value in row if isinstance(value, str | bytes))


def split_table(connection: Connection, job: TableJob, size: int) -> list[Range]:
    """Part a table's addresses into ranges of about ``size`` bytes."""
    count = -(-job.size // size)
    if job.address is None or count < 2:  # noqa: PLR2004  # one is the whole
        return [WHOLE]
    address, table = quote(job.address), quote(job.table)
    low, high = connection.execute(f"SELECT min({address}), max({address}) FROM main.{table}").fetchone()
    if low is None or high - low < count:
        return [WHOLE]
    step = (high - low) // count + 1
    starts = [FIRST, *range(low + step, high + 1, step)]
    ends = [start - 1 for start in starts[1:]] + [LAST]
    return [Range(low=start, high=end, is_whole=False) for start, end in zip(starts, ends, strict=True)]
