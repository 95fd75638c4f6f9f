"""What the copies of the sources hold: their tables, and what stands around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.consolidate.verify.catalogue import Table, read_mark, read_tables
from strongroom.consolidate.verify.collations import see_that_all_are_known
from strongroom.consolidate.verify.documents import make_tables
from strongroom.consolidate.verify.evidence import Evidence
from strongroom.consolidate.verify.values import decode_text
from strongroom.core.plan.models import PlanModel, SourceModel
from strongroom.sqlite.connection import Connection, open_snapshot
from strongroom.sqlite.database import Database

AROUND = ("view", "trigger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One copy, as it can be read."""

    name: str
    path: str
    """Of the source, in the sources' directory."""
    database: Database
    tables: Mapping[str, Table]
    around: tuple[tuple[str, str, str], ...]
    """Views and triggers: kind, name, text."""
    marks: Mapping[str, int]
    """The highest ids that AUTOINCREMENT ever gave, by folded name."""
    user_version: int
    application_id: int


def read_sources(evidence: Evidence, model: PlanModel, carried: Mapping[str, str], scratch: Path) -> dict[str, Source]:
    """Read what every copy declares; documents are made into tables first.

    Raises DamagedSourceError, and GuardError where SQLite cannot compare what one holds.
    """
    written = {**model.sources, **{name: SourceModel(path=path) for name, path in carried.items()}}
    found: dict[str, Source] = {}
    for name, source in written.items():
        database = evidence.snapshots.get(source.path)
        if database is None:
            continue
        if source.format == "json":
            document, database = database, evidence.scratch(scratch / f"document-{len(found)}.db")
            make_tables(document, source.path, source.rows, database)
        found[name] = _read_source(name, source.path, database)
    return found


def _read_source(name: str, path: str, database: Database) -> Source:
    with open_snapshot(database) as connection:
        connection.text_factory = decode_text
        tables = read_tables(connection)
        for table in tables.values():
            see_that_all_are_known(connection, table, f"{name}.{table.name}")
        return Source(
            name=name,
            path=path,
            database=database,
            tables=tables,
            around=tuple(
                connection.execute(
                    "SELECT type, name, sql FROM sqlite_master WHERE type IN (?, ?) ORDER BY rowid", AROUND
                ).fetchall()
            ),
            marks={folded: read_mark(connection, table.name) for folded, table in tables.items()},
            user_version=_read_number(connection, "user_version"),
            application_id=_read_number(connection, "application_id"),
        )


def _read_number(connection: Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA main.{pragma}").fetchone()[0])
