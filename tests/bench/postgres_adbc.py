"""ADBC's way for ``bench.postgres``: SQLite to Arrow, Arrow to a binary COPY; what needs a cast goes through a stage.

``python postgres_adbc.py JOB.json`` runs in an environment that has ADBC's drivers and pyarrow, and nothing of ours.
The tables are there, without keys and indexes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as to_postgres  # type: ignore[import-not-found]  # the environment's, not ours
import adbc_driver_sqlite.dbapi as from_sqlite  # type: ignore[import-not-found]  # the same
import pyarrow as pa  # type: ignore[import-not-found]  # the same
import pyarrow.compute as pc  # type: ignore[import-not-found]  # the same

ARROW = {
    "text": pa.string(),
    "jsonb": pa.string(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "bytea": pa.binary(),
    "boolean": pa.bool_(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}
STAGED = ("jsonb",)
"""What no Arrow type becomes: sent as text, and cast by the server."""
STAGE = "adbc_stage"


def convert(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give the columns of a batch the types that the server is to receive."""
    columns = []
    for column, wanted in zip(batch.columns, schema.types, strict=True):
        if pa.types.is_timestamp(wanted):
            columns.append(pc.assume_timezone(pc.cast(column, pa.timestamp("us")), "UTC"))
        else:
            columns.append(pc.cast(column, wanted))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def load_table(source: Any, server: Any, table: dict[str, Any]) -> None:
    """Carry one table."""
    target, name, columns = table["target"], table["name"], table["columns"]
    schema = pa.schema([(column, ARROW[type_]) for column, type_ in columns.items()])
    listed = ", ".join(f'"{column}"' for column in columns)
    with closing(source.cursor()) as reading, closing(server.cursor()) as writing:
        reading.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "4096"})
        reading.execute(f'SELECT {listed} FROM "{name}"')
        rows = reading.fetch_record_batch()
        converted: Iterator[pa.RecordBatch] = (convert(batch, schema) for batch in rows)
        stream = pa.RecordBatchReader.from_batches(schema, converted)
        if not set(columns.values()) & set(STAGED):
            writing.adbc_ingest(name, stream, mode="append", db_schema_name=target)
        else:
            writing.adbc_ingest(STAGE, stream, mode="replace", db_schema_name=target)
            cast = ", ".join(f'"{column}"::{type_}' for column, type_ in columns.items())
            writing.execute(f'INSERT INTO "{target}"."{name}" SELECT {cast} FROM "{target}"."{STAGE}"')
            writing.execute(f'DROP TABLE "{target}"."{STAGE}"')
    server.commit()


def main(path: str) -> int:
    """Carry every table of a job; a table that fails is told, and the others go on."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    failed = 0
    with closing(to_postgres.connect(job["dsn"])) as server:
        for target, database in job["databases"].items():
            with closing(from_sqlite.connect(f"file:{database}?mode=ro")) as source:
                for table in job["tables"]:
                    if table["target"] == target and not _try(source, server, table):
                        failed = 1
    return failed


def _try(source: Any, server: Any, table: dict[str, Any]) -> bool:
    try:
        load_table(source, server, table)
    except (pa.ArrowException, from_sqlite.Error) as error:  # both drivers raise one kind
        server.rollback()
        print(f"{table['name']}: {error}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
