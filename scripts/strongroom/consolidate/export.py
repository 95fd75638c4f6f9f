"""Write tables as JSON lines, one object per row, exactly enough to read every value back."""

from __future__ import annotations

import json
import math
from pathlib import Path

from strongroom.core.files import make_private_folder, sync_file, sync_folder
from strongroom.core.quoting import dotted, quote_all
from strongroom.sqlite.connection import RawText, open_snapshot
from strongroom.sqlite.schema import read_schema
from strongroom.sqlite.snapshot import Snapshot

Json = None | int | float | str | dict[str, str]


def export_source(snapshot: Snapshot, folder: Path) -> dict[str, int]:
    """Write each table of a snapshot to ``folder/<source>/<table>.jsonl``; return rows per table. Read-only.

    A value that JSON has no word for is an object of one key: ``{"blob": hex}``, ``{"text": hex}`` for text
    that is no UTF-8, ``{"real": "inf"}``. Files are on disk when this returns.
    """
    place = folder / snapshot.source
    make_private_folder(place)
    counts: dict[str, int] = {}
    with open_snapshot(snapshot.copy) as connection:
        tables = read_schema(connection).tables.values()
        connection.text_factory = RawText
        for number, table in enumerate(tables, start=1):
            names = [column.name for column in table.columns]
            file = place / _name_file(table.name, number)
            with file.open("w", encoding="utf-8") as stream:
                for row in connection.execute(f"SELECT {quote_all(names)} FROM {dotted('main', table.name)}"):
                    values = dict(zip(names, map(_as_json, row), strict=True))
                    stream.write(json.dumps(values, ensure_ascii=False) + "\n")
                    counts[table.name] = counts.get(table.name, 0) + 1
            counts.setdefault(table.name, 0)
            file.chmod(0o600)
            sync_file(file)
    sync_folder(place)
    return counts


def _name_file(table: str, number: int) -> str:
    """Return a file name; a table whose name is none gets its number, after a dot that no plain name has."""
    is_plain = table.replace("_", "").replace("-", "").isalnum() and table.isascii()
    return f"{table if is_plain else f'table.{number}'}.jsonl"


def _as_json(value: float | bytes | None) -> Json:
    if isinstance(value, RawText):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"text": value.hex()}
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": repr(value)}
    return value
