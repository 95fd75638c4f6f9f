"""Ask virtual tables whether their index says what their content says; SQLite's own integrity check does not."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from strongroom.binding import TargetJob
from strongroom.core.quoting import literal, quote
from strongroom.sqlite.connection import Connection, copy_database, open_stage
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import SCRATCH
from strongroom.sqlite.libraries import library_of
from strongroom.sqlite.schema import Table, read_schema

_MODULE = re.compile(r"\bUSING\s+(\w+)", re.IGNORECASE)


def verify_virtual(connection: Connection, job: TargetJob) -> list[str]:
    """Return, in words, the full-text and R-tree indexes that do not fit their content.

    Full-text tables answer only to a statement that may write, so they are asked in a copy.
    """
    virtual = [table for table in read_schema(connection).tables.values() if table.kind == "virtual"]
    text = [table for table in virtual if _read_module(table).startswith("fts")]
    boxes = [table for table in virtual if _read_module(table) == "rtree"]
    differences = []
    for table in boxes:
        answer = connection.execute(f"SELECT rtreecheck('main', {literal(table.name)})").fetchone()[0]
        if answer != "ok":
            differences.append(f"{job.name}.{table.name}: its R-tree is wrong ({answer})")
    return differences + (_ask_in_copy(connection, job, text) if text else [])


def _read_module(table: Table) -> str:
    found = _MODULE.search(table.sql)
    return found.group(1).lower() if found else ""


def _ask_in_copy(connection: Connection, job: TargetJob, tables: list[Table]) -> list[str]:
    differences = []
    is_encrypted = job.template.key is not None
    with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
        copy = Database(Path(scratch) / "copy.db", library_of(connection), SCRATCH if is_encrypted else None)
        copy_database(connection, copy)
        with open_stage(copy) as asked:
            for table in tables:
                name = quote(table.name)
                try:
                    asked.execute(f"INSERT INTO {name}({name}) VALUES ('integrity-check')")
                except asked.Error as error:
                    differences.append(f"{job.name}.{table.name}: its full-text index is wrong ({error})")
    return differences
