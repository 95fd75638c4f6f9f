"""Look through every column of a file for ciphertext that nobody registered. Read-only."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing

from strongroom.core.files import show_path
from strongroom.core.quoting import fold, literal, quote
from strongroom.rotate.columns.book import PROGRESS
from strongroom.rotate.columns.finding import JSON_SIGNS, count_formats
from strongroom.rotate.columns.model import Found
from strongroom.rotate.columns.sqlite_text import may_be_cipher
from strongroom.sqlite.connection import Connection, open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import read_schema


def scan_file(database: Database, registered: Collection[tuple[str, str]]) -> tuple[Found, ...]:
    """Return the ciphertext in columns other than those (table, column). Its key is held. Every row is looked at.

    Raises UnreachableError, DamagedSourceError, KeyMissingError.
    """
    known = {(fold(table), fold(column)) for table, column in registered}
    found: list[Found] = []
    with open_source(database) as connection:
        connection.text_factory = lambda content: content.decode(errors="surrogateescape")
        for table in read_schema(connection).tables.values():
            for column in table.columns if table.kind == "table" and table.name != PROGRESS else ():
                if (fold(table.name), fold(column.name)) not in known:
                    values = _read(connection, table.name, column.name)
                    found.extend(count_formats(show_path(database.path), f"{table.name}.{column.name}", values))
    return tuple(found)


def _read(connection: Connection, table: str, column: str) -> Iterator[object]:
    """Yield the values of a column which may be ciphertext, or hold some."""
    name = quote(column)
    inside = " OR ".join(f"instr({name}, {literal(sign)})" for sign in JSON_SIGNS)
    is_json = f"typeof({name}) = 'text' AND substr({name}, 1, 1) IN ('{{', '[') AND ({inside})"
    with closing(connection.cursor()) as cursor:
        text = f"SELECT {name} FROM main.{quote(table)} WHERE {may_be_cipher(name)} OR {is_json}"
        yield from (value for (value,) in cursor.execute(text))
