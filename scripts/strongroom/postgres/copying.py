"""COPY in its binary format, and which of the server's complaints speak of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg

from strongroom.postgres.connection import Connection, compose, identifier

_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_OF_ROWS = ("22", "23", "54")
"""Data exceptions, constraints, and what has no room (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_RAISING = {"exec_stmt_raise", "exec_stmt_assert"}
"""Where PL/pgSQL's own errors come from, in the server's code."""

UniqueViolation = psycopg.errors.UniqueViolation
ForeignKeyViolation = psycopg.errors.ForeignKeyViolation


@contextmanager
def copy_rows(
    connection: Connection, table: tuple[str, str], columns: Sequence[str], *, freeze: bool = False
) -> Iterator[Callable[[bytes], None]]:
    """Give what takes rows, each the number of its fields (two bytes) and its fields, for a schema's table.

    ``freeze`` is for a table that was emptied in the same transaction. Raises psycopg.Error.
    """
    text = "COPY {table} ({columns}) FROM STDIN WITH (FORMAT binary" + (", FREEZE)" if freeze else ")")
    names = psycopg.sql.SQL(", ").join(map(identifier, columns))
    statement = compose(text, table=identifier(*table), columns=names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_HEAD)
        yield copy.write
        copy.write(_END)


def speaks_of_a_row(error: psycopg.Error) -> bool:
    """Tell whether a statement failed for what a row holds; a function of somebody's own may have said so."""
    return (error.sqlstate or "")[:2] in _OF_ROWS or _was_raised(error)


def say_what_failed(error: psycopg.Error) -> str:
    """Return what the server said of a row, without its values."""
    if _was_raised(error):
        return "the server refuses it: a function of the schema raises an error"
    said = (error.diag.message_primary or str(error)).strip().splitlines()[0]
    return said if '"' not in said or error.diag.constraint_name or error.diag.column_name else _without_values(error)


def _was_raised(error: psycopg.Error) -> bool:
    """Tell whether a RAISE or ASSERT of a function failed, whose text and code are its author's."""
    return error.diag.source_function in _RAISING


def _without_values(error: psycopg.Error) -> str:
    return f"the server refuses it: {type(error).__name__}"
