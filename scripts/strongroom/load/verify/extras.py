"""Rows that the server has and the source has not, looked for by the key when there are too many."""

from __future__ import annotations

from strongroom.core.quoting import dotted, quote
from strongroom.load.verify.asking import Asking
from strongroom.load.verify.describing import Describing
from strongroom.load.verify.faults import SHOWN, Faults
from strongroom.load.verify.rows import ADDRESS, AWAY, select_numbered
from strongroom.load.verify.values import encode_text
from strongroom.sqlite.connection import Connection


def find_extras(connection: Connection, asking: Asking, describing: Describing, faults: Faults, count: int) -> None:
    """Note so many rows of the server that no row of the source has become; the first of them by their keys."""
    pair = describing.pair
    cells = [pair.cells[place] for place in pair.key]
    away = ""
    if pair.kept is not None:
        away = (
            f" AND NOT EXISTS (SELECT 1 FROM {dotted('ledger', pair.kept)} AS l "
            f"WHERE l._rowid = s.{ADDRESS} AND l._disposition IN {AWAY})"
        )
    # Texts are compared as bytes: a source's column may hold others than the server's, and compare them its own way.
    same = " AND ".join(f"s.{quote(cell.source)} = {_bind(cell.kind.name)} COLLATE BINARY" for cell in cells)
    whole = select_numbered(pair, ", ".join(quote(cell.source) for cell in cells))
    statement = f"SELECT 1 FROM ({whole}) AS s WHERE {same}{away} LIMIT 1"
    named = 0
    for key in asking.read_keys():
        if connection.execute(statement, [_to_source(value) for value in key]).fetchone() is None:
            faults.add(f"{describing.tell_key(key)} stands in PostgreSQL only")
            named += 1
            if named == min(count, SHOWN):
                break
    for _ in range(count - named):
        faults.add("a row stands in PostgreSQL only")


def _bind(kind: str) -> str:
    return "CAST(? AS TEXT)" if kind in ("text", "varchar") else "?"


def _to_source(value: object) -> object:
    return encode_text(value) if isinstance(value, str) else value
