"""Compare a target's structure, marks and header with its template and its sources."""

from __future__ import annotations

from collections import Counter

from strongroom.binding import TargetJob
from strongroom.core.quoting import dotted, quote
from strongroom.sqlite.connection import Connection, attached, check_integrity
from strongroom.sqlite.schema import count_rows, read_schema, read_sequence


def verify_structure(connection: Connection, job: TargetJob) -> list[str]:
    """Return the differences in tables, indexes, views, triggers, marks and header, in words."""
    with attached(connection, job.template, "template"):
        wanted, held = _objects(connection, "template"), _objects(connection, "main")
        differences = [f"{job.name}: {kind} {name} is missing" for kind, name in wanted.keys() - held.keys()]
        differences += [f"{job.name}: {kind} {name} should not be there" for kind, name in held.keys() - wanted.keys()]
        differences += [
            f"{job.name}: {kind} {name} is not what the schema says"
            for kind, name in wanted.keys() & held.keys()
            if wanted[kind, name] != held[kind, name]
        ]
        for pragma in ("user_version", "application_id"):
            numbers = [connection.execute(f"PRAGMA {schema}.{pragma}").fetchone()[0] for schema in ("template", "main")]
            if numbers[0] != numbers[1]:
                differences.append(f"{job.name}: {pragma} is {numbers[1]} and should be {numbers[0]}")
        differences += _find_unfed_rows(connection, job)
    return sorted(differences) + _verify_sequences(connection, job)


def _find_unfed_rows(connection: Connection, job: TargetJob) -> list[str]:
    """Return, in words, the tables that nothing feeds and that hold rows all the same."""
    fed = {table.table.name for table in job.tables}
    return [
        f"{job.name}.{name}: holds rows, and nothing feeds it"
        for name in read_schema(connection).tables
        if name not in fed and count_rows(connection, name)
    ]


def _objects(connection: Connection, schema: str) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        f"SELECT type, name, coalesce(sql, '') FROM {schema}.sqlite_master WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^'"
    )
    return {(kind, name): sql for kind, name, sql in rows}


def _verify_sequences(connection: Connection, job: TargetJob) -> list[str]:
    differences = []
    for table in job.tables:
        if not table.table.autoincrement:
            continue
        name = table.table.name
        highest = connection.execute(
            f"SELECT max({quote(str(table.table.integer_key))}) FROM {dotted('main', name)}"
        ).fetchone()[0]
        wanted = int(highest or 0)
        for entry in table.inputs:
            with attached(connection, entry.database, "src"):
                wanted = max(wanted, read_sequence(connection, entry.table.name, "src"))
        held = read_sequence(connection, name)
        if held != wanted:
            differences.append(f"{table.into}: AUTOINCREMENT stands at {held} and should stand at {wanted}")
    return differences


def find_damage(connection: Connection, job: TargetJob) -> list[str]:
    """Return what SQLite's integrity check finds in the target."""
    return [f"{job.name}: {line}" for line in check_integrity(connection)]


def count_orphans(connection: Connection, job: TargetJob) -> list[str]:
    """Return, in words, the rows whose parent is missing, beside how many the sources had."""
    held = Counter(row[0] for row in connection.execute("PRAGMA main.foreign_key_check"))
    notes = []
    for table in job.tables:
        count = held.get(table.table.name, 0)
        if not count:
            continue
        before = 0
        for entry in table.inputs:
            with attached(connection, entry.database, "src"):
                found = connection.execute(f"PRAGMA src.foreign_key_check({quote(entry.table.name)})").fetchall()
                before += len(found)
        rows = count_rows(connection, table.table.name)
        notes.append(f"{table.into}: {count} of {rows} rows have no parent ({before} had none in the sources)")
    return notes
