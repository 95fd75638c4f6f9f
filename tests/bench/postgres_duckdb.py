"""DuckDB's way for ``bench.postgres``: ``INSERT … SELECT`` from an attached SQLite file into an attached server.

``python postgres_duckdb.py JOB.json`` runs in an environment that has DuckDB and its extensions, and nothing of ours.
The tables are there, without keys and indexes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb  # type: ignore[import-not-found]  # of the environment that the benchmark makes

CASTS = {
    "timestamptz": "CAST({column} || 'Z' AS TIMESTAMPTZ)",
    "boolean": "CAST({column} AS BOOLEAN)",
}
"""Type in PostgreSQL -> what is sent of a column, where it is not the value itself."""


def open_both(job: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the server and every database attached."""
    connection = duckdb.connect()
    for extension in sorted(Path(duckdb.__file__).parents[1].glob("duckdb_ext/extensions/*/*/*.duckdb_extension")):
        connection.execute(f"LOAD '{extension}'")
    for name, path in job["databases"].items():
        connection.execute(f"ATTACH '{path}' AS \"from_{name}\" (TYPE sqlite, READ_ONLY)")
    connection.execute(f"ATTACH '{job['dsn']}' AS server (TYPE postgres)")
    return connection


def load_table(connection: duckdb.DuckDBPyConnection, table: dict[str, Any]) -> None:
    """Carry one table."""
    values = [CASTS.get(type_, "{column}").format(column=f'"{column}"') for column, type_ in table["columns"].items()]
    place = f'"{table["target"]}"."{table["name"]}"'
    source = f'"from_{table["target"]}"."{table["name"]}"'
    connection.execute(f"INSERT INTO server.{place} SELECT {', '.join(values)} FROM {source}")


def main(path: str) -> int:
    """Carry every table of a job; a table that fails is told, and the others go on."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    connection = open_both(job)
    failed = 0
    for table in job["tables"]:
        try:
            load_table(connection, table)
        except duckdb.Error as error:
            print(f"{table['name']}: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
