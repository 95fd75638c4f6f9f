"""Make a database of a JSON source: table ``document`` holds its text, others a row for each object.

Those others are the tables that the plan names under ``rows``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from strongroom.core.errors import DamagedSourceError
from strongroom.core.files import sync_file
from strongroom.core.plan import Source
from strongroom.core.quoting import quote, quote_all
from strongroom.sqlite.connection import Connection, open_stage
from strongroom.sqlite.database import Database

Json = Mapping[str, object] | list[object] | str | int | float | bool | None


def copy_document(source: Source, original: Path, copy: Database) -> tuple[Database, str]:
    """Copy a document to ``copy``; return the database beside it that holds its rows, and the document's hash.

    Under a key there is the database only.
    """
    database = replace(copy, path=copy.beside(".db"))
    database.path.unlink(missing_ok=True)
    if copy.key is None:
        shutil.copyfile(original, copy.path)
        sync_file(copy.path)
        content = copy.path.read_bytes()
    else:
        copy.path.unlink()
        content = original.read_bytes()
    try:
        document: Json = json.loads(content)
    except ValueError as error:
        raise DamagedSourceError(
            original, f"is not JSON ({error})", "mend the file, or take it out of the plan"
        ) from error
    with open_stage(database) as connection:
        database.path.chmod(0o600)
        connection.execute("CREATE TABLE document (name TEXT, content TEXT)")
        connection.execute("INSERT INTO document VALUES (?, CAST(? AS TEXT))", (original.name, content))
        for table, path in source.rows.items():
            _write_rows(connection, table, _select(document, path, original))
    return database, hashlib.sha256(content).hexdigest()


def _select(document: Json, path: str, original: Path) -> list[Mapping[str, object]]:
    found: Json = document
    for step in path.removeprefix("$").split("."):
        if not step:
            continue
        if not isinstance(found, Mapping) or step not in found:
            return []
        found = found[step]  # type: ignore[assignment]
    if isinstance(found, Mapping):
        found = [{"key": key, **value} if isinstance(value, Mapping) else value for key, value in found.items()]
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise DamagedSourceError(original, f"{path} is no list of objects", "correct rows: in the plan")
    return found  # type: ignore[return-value]


def _write_rows(connection: Connection, table: str, rows: list[Mapping[str, object]]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        return
    connection.execute(f"CREATE TABLE {quote(table)} ({quote_all(columns)})")
    holes = ", ".join("?" * len(columns))
    connection.executemany(
        f"INSERT INTO {quote(table)} VALUES ({holes})",
        ([_as_sql(row.get(name)) for name in columns] for row in rows),
    )


def _as_sql(value: object) -> str | int | float | None:
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    return json.dumps(value, ensure_ascii=False)
