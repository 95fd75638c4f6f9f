"""Name rows by their keys too: an address is the source's own, and says nothing in the server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from strongroom.core.quoting import quote
from strongroom.load.verify.describing import Describing
from strongroom.load.verify.pairing import Pair
from strongroom.load.verify.rows import ADDRESS, select_numbered
from strongroom.load.verify.source import SourceTable
from strongroom.load.verify.values import decode_text
from strongroom.sqlite.connection import Connection

_ADDRESSED = re.compile(r": row (-?\d+)\b")


def name_keys(
    connection: Connection, pair: Pair, table: SourceTable, describing: Describing, lines: Iterable[str]
) -> Iterator[str]:
    """Yield sentences about rows of a table, each row with its primary key, of which only whole numbers are shown.

    The key of a row is left out where the table has none, or the address is the key.
    """
    columns = tuple(table.primary_key)
    for line in lines:
        found = _ADDRESSED.search(line)
        if found is None or not columns:
            yield line
            continue
        named = _name(connection, pair, columns, describing, int(found[1]))
        yield f"{line[: found.end()]} ({named}){line[found.end() :]}" if named else line


def _name(
    connection: Connection, pair: Pair, columns: tuple[str, ...], describing: Describing, address: int
) -> str | None:
    connection.text_factory = decode_text
    names = ", ".join(map(quote, columns))
    asked = f"SELECT {names} FROM ({select_numbered(pair, names)}) WHERE {ADDRESS} = ?"
    row = connection.execute(asked, (address,)).fetchone()
    if row is None or row == (address,):
        return None
    return ", ".join(
        f"{name} = {describing.tell_number(name, value) or describing.tell_source(name, value)}"
        for name, value in zip(columns, row, strict=True)
    )
