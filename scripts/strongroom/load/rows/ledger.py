"""The ledger of a load: the rows that do not stand in the server as rows of the load, and why.

As in the ledger of a consolidation each source table has a table, with the values exactly as they were.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from strongroom.core.quoting import dotted, literal, quote, quote_all
from strongroom.load.rows.jobs import TableJob
from strongroom.sqlite.connection import Connection, attached, open_kept, open_snapshot, open_source
from strongroom.sqlite.database import Database, choose_engine

SERVER, KEY, REFERENCE = "server", "key", "reference"
"""Rules that are no column's name: what the server refuses, a key that is taken, a parent that waits."""
_CONTENTS = (
    "CREATE TABLE IF NOT EXISTS inputs (id INTEGER PRIMARY KEY, into_table TEXT, source TEXT, source_table TEXT, "
    "kept_table TEXT, columns TEXT, rowid_offset INTEGER, number INTEGER)"
)


_SAID = ("_disposition", "_reason", "_rule", "_winner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row that waits, or for which another one stands."""

    address: int
    reason: str
    rule: str
    """The column that it does not fit, or one of the words above."""
    disposition: str = "quarantined"
    winner: int | None = None


def note_rows(job: TableJob, entries: Iterable[Entry]) -> None:
    """Write rows into the ledger, with their values; those that are in it already are written again."""
    found = list(entries)
    if not found:
        return
    with _open(job) as connection:
        connection.execute("BEGIN IMMEDIATE")
        _provide(connection, job)
        connection.execute(f"CREATE TEMP TABLE noted (_a INTEGER PRIMARY KEY, {', '.join(_SAID)})")
        connection.executemany(
            "INSERT OR REPLACE INTO temp.noted VALUES (?, ?, ?, ?, ?)",
            [(one.address, one.disposition, one.reason, one.rule, one.winner) for one in found],
        )
        said, values = ", ".join(f"n.{name}" for name in _SAID[:3]), quote_all(job.kept, "s.")
        connection.execute(
            f"INSERT OR REPLACE INTO main.{quote(job.name)} SELECT n._a, {said}, NULL, NULL, n._winner, {values} "
            f"FROM temp.noted AS n CROSS JOIN {_write_source(job)}"
        )
        connection.execute("DROP TABLE temp.noted")
        connection.execute("COMMIT")


def _write_source(job: TableJob) -> str:
    """Return the source's table ``s``, and on what a row of it is one that is noted."""
    table = f"snapshot.{quote(job.table)}"
    if job.address is not None:
        return f"{table} AS s ON s.{quote(job.address)} = n._a"
    numbered = f"(SELECT row_number() OVER ({job.order}) AS _number, * FROM {table})"
    return f"{numbered} AS s ON s._number = n._a"


def settle_ledger(ledger: Database) -> None:
    """Take back what a kill left half written: whoever only reads cannot."""
    if ledger.path.is_file():
        with open_kept(ledger) as connection:
            connection.execute("SELECT count(*) FROM main.sqlite_master").fetchone()


def remove_ledger(ledger: Database) -> None:
    """Remove a ledger, and first its journal, which would be taken for the next one's."""
    for suffix in ("-journal", ""):
        ledger.beside(suffix).unlink(missing_ok=True)


def read_addresses(job: TableJob, *rules: str) -> frozenset[int]:
    """Return the addresses of a table's rows that wait for one of some reasons, all by default. Read-only."""
    if not job.ledger.path.is_file():
        return frozenset()
    with open_source(job.ledger) as connection:
        if not _has(connection, job):
            return frozenset()
        found = connection.execute(f"SELECT _rowid, _rule FROM main.{quote(job.name)}").fetchall()
    return frozenset(address for address, rule in found if not rules or _text(rule) in rules)


def count_waiting(ledger: Database) -> int:
    """Return how many rows of a target wait. Read-only."""
    if not ledger.path.is_file():
        return 0
    with open_source(ledger) as connection:
        kept = [_text(name) for (name,) in connection.execute("SELECT kept_table FROM inputs").fetchall()]
        asked = "SELECT count(*) FROM {} WHERE _disposition = 'quarantined'"
        return sum(int(connection.execute(asked.format(dotted("main", name))).fetchone()[0]) for name in kept)


def list_waiting(ledger: Database, limit: int = 1000) -> list[str]:
    """Return the first rows of a target that wait, in words, without a value. Read-only."""
    if not ledger.path.is_file():
        return []
    lines: list[str] = []
    with open_source(ledger) as connection:
        for (name,) in connection.execute("SELECT kept_table FROM inputs ORDER BY kept_table").fetchall():
            asked = (
                f"SELECT _rowid, _reason FROM {dotted('main', _text(name))} WHERE _disposition = 'quarantined' "
                f"ORDER BY _rowid LIMIT {limit}"
            )
            lines += [f"{_text(name)} row {rowid}: {_text(reason)}" for rowid, reason in connection.execute(asked)]
    return lines[:limit]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def _open(job: TableJob) -> Iterator[Connection]:
    """Open a ledger for writing, its snapshot beside it; workers wait for each other."""
    engine = choose_engine((job.ledger, job.snapshot))
    with open_snapshot(replace(job.snapshot, engine=engine)) as snapshot:
        (encoding,) = snapshot.execute("PRAGMA encoding").fetchone()
    with open_kept(replace(job.ledger, engine=engine)) as connection:
        connection.execute(f"PRAGMA encoding = {literal(_text(encoding))}")  # of a new one: SQLite attaches no other
        with attached(connection, job.snapshot, "snapshot"):
            yield connection


def _has(connection: Connection, job: TableJob) -> bool:
    asked = "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(asked, (job.name,)).fetchone() is not None


def _provide(connection: Connection, job: TableJob) -> None:
    if _has(connection, job):
        return
    connection.execute(_CONTENTS)
    columns = ", ".join(f"c{number}" for number in range(len(job.kept)))
    connection.execute(
        f"CREATE TABLE main.{quote(job.name)} (_rowid INTEGER PRIMARY KEY, _disposition TEXT, _reason TEXT, "
        f"_rule TEXT, _target_rowid INTEGER, _winner_input INTEGER, _winner_rowid INTEGER, {columns})"
    )
    row = (f"{job.target}.{job.into}", job.target, job.table, job.name, json.dumps(job.kept, ensure_ascii=False))
    connection.execute("INSERT INTO main.inputs VALUES (NULL, ?, ?, ?, ?, ?, 0, 1)", row)
