"""The usual ways to bring SQLite files together, each as one child process to be measured.

``python -m tests.bench.baselines bare|rows|dump SOURCE TARGET [SOURCE TARGET …]``: several sources
may name one target. None of these ways verifies anything.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from strongroom.core.quoting import dotted

ROWS_AT_A_TIME = 1000

SCHEMA = """SELECT name, sql FROM source.sqlite_schema
WHERE type = ? AND sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"""


def copy_bare(source: Path, target: Path) -> None:
    """INSERT INTO … SELECT * into tables without indexes, then CREATE INDEX."""
    with open_pair(source, target) as connection:
        for name in create_tables(connection):
            copied = f"INSERT INTO {dotted('main', name)} SELECT * FROM {dotted('source', name)}"
            connection.execute(copied)
        create_indexes(connection)


def copy_rows(source: Path, target: Path) -> None:
    """Carry every row through Python with fetchmany and executemany."""
    with open_pair(source, target) as connection:
        for name in create_tables(connection):
            rows = connection.execute(f"SELECT * FROM {dotted('source', name)}")
            places = ", ".join("?" * len(rows.description))
            insert = f"INSERT INTO {dotted('main', name)} VALUES ({places})"
            while batch := rows.fetchmany(ROWS_AT_A_TIME):
                connection.executemany(insert, batch)
        create_indexes(connection)


def copy_dump(source: Path, target: Path) -> None:
    """Pipe ``sqlite3 SOURCE .dump`` into ``sqlite3 TARGET``, or iterdump where there is no shell."""
    shell = shutil.which("sqlite3")
    if shell is None:
        copy_iterdump(source, target)
        return
    with subprocess.Popen([shell, source, ".dump"], stdout=subprocess.PIPE) as dump:
        subprocess.run([shell, target], stdin=dump.stdout, check=True)
    if dump.returncode:
        raise subprocess.CalledProcessError(dump.returncode, dump.args)


def copy_iterdump(source: Path, target: Path) -> None:
    """Feed Python's own dump, statement by statement, to a new database."""
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        writer.isolation_level = None
        for statement in reader.iterdump():
            writer.execute(statement)


@contextmanager
def open_pair(source: Path, target: Path) -> Iterator[sqlite3.Connection]:
    """Open the target with the source attached, nothing durable, in one transaction."""
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("ATTACH ? AS source", (str(source),))
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")


def create_tables(connection: sqlite3.Connection) -> list[str]:
    """Create the source's tables in the target and return their names."""
    tables = connection.execute(SCHEMA, ("table",)).fetchall()
    for _, statement in tables:
        connection.execute(statement)
    return [name for name, _ in tables]


def create_indexes(connection: sqlite3.Connection) -> None:
    """Build the source's indexes in the target."""
    for _, statement in connection.execute(SCHEMA, ("index",)).fetchall():
        connection.execute(statement)


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "bare": copy_bare,
    "rows": copy_rows,
    "dump": copy_dump,
}


def main(arguments: list[str]) -> None:
    """Copy each SOURCE into the TARGET that follows it."""
    way, *paths = arguments
    for source, target in zip(paths[::2], paths[1::2], strict=True):
        WAYS[way](Path(source), Path(target))


if __name__ == "__main__":
    main(sys.argv[1:])
