"""Files of decisions made by hand: the hashes of rows are written from the paper, in plain Python."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

Take = int | str | dict[str, int] | None


def hash_source_row(file: Path, source: str, rowid: int) -> str:
    """Return the hash of a row of ``source`` (``source.table``), found by its rowid or, without one, its number."""
    table = source.partition(".")[2]
    with closing(sqlite3.connect(file)) as connection:
        columns = [name for _, name, *_ in connection.execute(f'PRAGMA table_xinfo("{table}")')]
        kinds = ", ".join(
            f'typeof("{name}"), CASE typeof("{name}") WHEN \'text\' THEN CAST("{name}" AS BLOB) ELSE "{name}" END'
            for name in columns
        )
        try:
            row = connection.execute(f'SELECT {kinds} FROM "{table}" WHERE rowid = ?', (rowid,)).fetchone()
        except sqlite3.OperationalError:
            row = connection.execute(f'SELECT {kinds} FROM "{table}" LIMIT 1 OFFSET ?', (rowid - 1,)).fetchone()
    text = source.encode() + b"\n"
    for name, kind, value in zip(columns, row[::2], row[1::2], strict=True):
        text += name.encode() + b"=" + _write(kind, value) + b"\n"
    return hashlib.sha256(text).hexdigest()


def _write(kind: str, value: Any) -> bytes:
    if kind == "null":
        return b"N"
    if kind == "integer":
        return f"I{value}".encode()
    if kind == "real":
        return b"R" + struct.pack(">d", value).hex().encode()
    return {"text": b"T", "blob": b"B"}[kind] + bytes(value).hex().encode()


def write_decisions(file: Path, source: Path, groups: Sequence[tuple[str, Sequence[tuple[str, int]], Take]]) -> Path:
    """Write a file of decisions: of each group the target table, its rows (source.table, rowid), and what is taken."""
    decisions = [
        {
            "table": table,
            "rows": [
                {"source": name, "sha256": hash_source_row(source / f"{name.partition('.')[0]}.db", name, rowid)}
                for name, rowid in rows
            ],
            "take": take,
        }
        for table, rows, take in groups
    ]
    content = {"version": 1, "by": "ops", "why": "looked at both", "decisions": decisions}
    file.write_text(json.dumps(content, indent=1))
    return file
