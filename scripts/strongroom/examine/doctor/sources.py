"""Look at the databases of a directory: locked, damaged, half-way, out of date. Read-only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import StrongroomError
from strongroom.core.quoting import quote
from strongroom.examine.doctor.finding import Finding, Level
from strongroom.examine.doctor.machine import parse_version
from strongroom.examine.inventory import DatabaseFacts, Expectation, Inventory, find_lacking
from strongroom.sqlite.connection import open_source
from strongroom.sqlite.database import under_key
from strongroom.sqlite.libraries import read_library_version

_NEWEST_FORMAT = 4
_VERSION_TABLE = re.compile(r"schema_?(version|migration)s?\Z", re.IGNORECASE)
_VERSIONS_READ = 1000
_NAMED = 3
"""How many files a note names."""


def examine_sources(
    inventory: Inventory, expected: Expectation | None = None, engine: Engine = Engine.SYSTEM
) -> Iterator[Finding]:
    """Look at every database of an inventory, and at what is no database."""
    for database in inventory.databases:
        yield from _examine_state(database)
        yield from _examine_age(database, expected, engine)
    yield from _examine_keys(inventory)
    yield from _examine_versions(inventory, engine)
    yield from _examine_journals(inventory)
    for other in inventory.others:
        yield Finding(
            level=Level.WARNING,
            subject=other.path,
            fact=other.reason,
            hint="look at it; a plan that does not name it stops at it",
        )
    for name in inventory.unplanned:
        yield Finding(level=Level.WARNING, subject=name, fact="is not in the plan", hint="add it to sources: or drop:")
    if inventory.hidden_processes:
        yield Finding(
            level=Level.NOTE,
            subject="openers",
            hint="run as root to see them",
            fact=f"{inventory.hidden_processes} processes may hold files open unseen",
        )
    rows = sum(table.rows for database in inventory.databases for table in database.tables)
    fact = f"databases: {len(inventory.databases):,}, rows: {rows:,}"
    yield Finding(level=Level.OK, subject="source", fact=fact)


def _examine_state(database: DatabaseFacts) -> Iterator[Finding]:
    problem = database.problem
    if problem is not None:
        yield Finding(level=Level.ERROR, subject=database.path, fact=problem.fact, hint=problem.hint)
    if database.integrity:
        yield Finding(
            level=Level.ERROR,
            subject=database.path,
            fact=f"is damaged: {database.integrity[0]}",
            hint="restore it from a backup, or save what is left with inventory.recover",
        )
    if database.hot_journal and problem is None:
        yield Finding(
            level=Level.WARNING,
            subject=database.path,
            fact="has a -journal: a write is going on",
            hint="stop the application that writes to it",
        )
    if database.wal is not None and database.wal.holds_content:
        yield Finding(
            level=Level.NOTE,
            subject=database.path,
            fact=f"its -wal holds {database.wal.frames:,} frames: never copy the file without it",
        )
    writers = sorted({f"{opener.command} ({opener.pid})" for opener in database.openers if opener.writable})
    if writers:
        yield Finding(
            level=Level.NOTE,
            subject=database.path,
            fact=f"is open for writing in {', '.join(writers)}",
            hint="reading is safe; stop them before publishing over it",
        )


def _examine_age(database: DatabaseFacts, expected: Expectation | None, engine: Engine) -> Iterator[Finding]:
    if 0 < database.file_format < _NEWEST_FORMAT:
        yield Finding(level=Level.NOTE, subject=database.path, fact=f"has file format {database.file_format} of 4")
    here = read_library_version(engine)
    if database.written_by and parse_version(database.written_by) > parse_version(here):
        yield Finding(
            level=Level.NOTE,
            subject=database.path,
            fact=f"was written by SQLite {database.written_by}, newer than {here} here",
        )
    for line in find_lacking(database, expected) if expected is not None else ():
        yield Finding(
            level=Level.WARNING,
            subject=database.path,
            fact=f"old schema: {line}",
            hint="the column stays at its default in the target",
        )


def _examine_keys(inventory: Inventory) -> Iterator[Finding]:
    """Name the keys of what is encrypted, and say where that costs memory."""
    encrypted = [database for database in inventory.databases if database.key is not None]
    if not encrypted:
        return
    largest = max(encrypted, key=lambda database: database.size)
    keys = ", ".join(f"{database.path} (key: {database.key})" for database in encrypted[:_NAMED])
    more = f" and {len(encrypted) - _NAMED} more" if len(encrypted) > _NAMED else ""
    fact = f"{len(encrypted)} of {len(inventory.databases)} databases are encrypted: {keys}{more}"
    yield Finding(
        level=Level.NOTE,
        subject="encryption",
        fact=f"{fact}; what is sorted of them is sorted in memory",
        hint="a table without a key takes its size of it in inventory.show, twice that in .draft;"
        f" the largest file has {largest.size >> 20:,} MB",
    )


def _examine_journals(inventory: Inventory) -> Iterator[Finding]:
    """Name the databases that are not in WAL mode, where readers and a writer stand in each other's way."""
    read = [database for database in inventory.databases if database.problem is None]
    found = sorted(database.path for database in read if database.journal_mode != "wal")
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        yield Finding(
            level=Level.NOTE,
            subject="journal mode",
            fact=f"WAL is off in {len(found)} of {len(read)}: {', '.join(found[:_NAMED])}{more}",
            hint='where "database is locked" is seen: PRAGMA journal_mode = WAL, once, by the application',
        )


def _examine_versions(inventory: Inventory, engine: Engine) -> Iterator[Finding]:
    """Compare what tables of schema versions, by their usual names, say about one module in several files."""
    said: dict[str, dict[str, list[str]]] = {}
    for database in inventory.databases:
        for module, version in _read_versions(Path(inventory.directory), database, engine):
            said.setdefault(module, {}).setdefault(version, []).append(database.path)
    encrypted = {database.path for database in inventory.databases if database.key is not None}
    for module, versions in said.items():
        if len(versions) > 1:
            hint = "start the application once on the older files, so that it brings them up to date"
            subject, fact = _describe_versions(module, versions, encrypted)
            yield Finding(level=Level.WARNING, subject=subject, fact=fact, hint=hint)


def _describe_versions(
    module: str, versions: Mapping[str, Sequence[str]], encrypted: Collection[str]
) -> tuple[str, str]:
    """Say which files have which version of a module; where one is encrypted neither, as both are cells."""
    files = sorted({file for group in versions.values() for file in group})
    if any(file in encrypted for file in files):
        return (
            "schema versions",
            f"one module is at several in {', '.join(files)}; which, is not told of encrypted ones",
        )
    places = "; ".join(f"{version} in {', '.join(group)}" for version, group in sorted(versions.items()))
    return module, f"is at several schema versions: {places}"


def _read_versions(directory: Path, database: DatabaseFacts, engine: Engine) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for table in database.tables:
        names = {column.name.lower() for column in table.columns}
        if not _VERSION_TABLE.search(table.name) or not {"module", "version"} <= names:
            continue
        what = "CAST(module AS TEXT), CAST(version AS TEXT)"
        sql = f"SELECT {what} FROM {quote(table.name)} LIMIT {_VERSIONS_READ}"
        try:
            with open_source(under_key(directory / database.path, database.key, engine)) as connection:
                found += [(str(module), str(version)) for module, version in connection.execute(sql)]
        except StrongroomError:
            continue  # said already: the inventory could not read it either
    return found
