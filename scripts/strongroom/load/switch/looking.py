"""Look at what a cutover would push aside, before anything is held: what only stands there is refused, or listed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from strongroom.core.errors import GuardError
from strongroom.load.changes import refuse_changes
from strongroom.load.documents import LoadState, SchemaRecord
from strongroom.load.judging import read_made
from strongroom.load.rows.book import Book
from strongroom.load.switch.live import Alone, find_alone, holds_rows
from strongroom.load.switch.outside import find_outside, refuse_outside
from strongroom.load.switch.owning import act_as, find_schema, refuse_foreign
from strongroom.load.switch.switching import Around, Asked
from strongroom.postgres.connection import Connection

_OLDEST = "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint"
_THINGS = """
    SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence '
                          ELSE 'foreign table ' END || c.relname
    FROM pg_catalog.pg_class c WHERE c.relnamespace = {number} AND c.relkind IN ('v', 'm', 'S', 'f')
    UNION SELECT 'function ' || p.proname FROM pg_catalog.pg_proc p WHERE p.pronamespace = {number}
    UNION SELECT 'trigger ' || g.tgname || ' of ' || c.relname FROM pg_catalog.pg_trigger g
    JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid WHERE c.relnamespace = {number} AND NOT g.tgisinternal
    UNION SELECT 'rule ' || r.rulename || ' of ' || c.relname FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_class c ON c.oid = r.ev_class WHERE c.relnamespace = {number} AND r.rulename <> '_RETURN'
    UNION SELECT 'policy ' || p.polname || ' of ' || c.relname FROM pg_catalog.pg_policy p
    JOIN pg_catalog.pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = {number}
    UNION SELECT 'index ' || c.relname FROM pg_catalog.pg_class c
    WHERE c.relnamespace = {number} AND c.relkind IN ('i', 'I') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid = c.oid)"""
"""What stands in a schema besides its tables and their constraints."""
_HIDDEN = """
    SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_class o ON o.relname = c.relname
    WHERE c.relnamespace = {live} AND o.relnamespace = {staged} AND c.relrowsecurity AND NOT o.relrowsecurity
    ORDER BY 1 LIMIT 1"""
_SAID = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look found."""

    since: int
    """The first transaction whose rows it may not have seen."""
    numbers: Mapping[str, int | None]
    """Those of the live and staged schemas, by name."""
    alone: Mapping[str, Alone]
    """``schema.table`` to the rows that only the live one holds."""
    left: tuple[str, ...]
    """What else only live schemas hold."""
    dropped: tuple[str, ...]
    """Ways back of earlier cutovers, of which nothing is lost, or that may be lost."""
    holds_rows: bool


def look(connection: Connection, asked: Asked, around: Around, *, replace_previous: bool) -> Seen:
    """Look at every target, within a transaction of the system's owner that may be long.

    Raises GuardError for what is not the system's, for a schema that is not there or not the load's, for hidden rows
    that would be shown, and for an earlier way back of which something would be lost. Nothing stays changed.
    """
    (since,) = connection.execute(_OLDEST).fetchone() or (0,)
    numbers = dict[str, int | None]()
    alone, left, dropped = dict[str, Alone](), list[str](), list[str]()
    _refuse_other_load(connection, asked)
    for record in asked.document.targets.values():
        for schema in (record.schema, record.staged):
            refuse_foreign(connection, asked.role, schema)
            numbers[schema] = find_schema(connection, schema)
        _refuse_missing(connection, record)
        find_outside(connection, record.schema)
        _refuse_shown(connection, numbers, record)
        found = _find_alone(connection, asked, around, record)
        alone |= {f"{record.schema}.{table}": rows for table, rows in found.items()}
        left += [f"{record.schema}: {thing}" for thing in _find_left(connection, numbers, record)]
        if _may_drop_previous(connection, asked, record, replace_previous=replace_previous):
            dropped.append(record.previous)
    refuse_rewritten(connection, asked)
    refuse_remade(connection, asked, around)
    live = any(holds_rows(connection, record.schema) for record in asked.document.targets.values())
    return Seen(
        since=since, numbers=numbers, alone=alone, left=tuple(left), dropped=tuple(dropped), holds_rows=live
    )  # fmt: skip


def refuse_alone(asked: Asked, alone: Mapping[str, Alone], left: tuple[str, ...]) -> None:
    """Refuse a cutover after which rows, or what else applications use, would be gone. Raises GuardError."""
    used = [thing for thing in left if ": index " not in thing]
    said = [*(f"{rows} in {table}" for table, rows in alone.items()), *used]
    if said:
        more = f"; and {len(said) - _SAID} more" if len(said) > _SAID else ""
        names = ", ".join(record.previous for record in asked.document.targets.values())
        fact = f"hold what the load lacks: {'; '.join(said[:_SAID])}{more}"
        hint = f"--replace keeps it in {names}; postgres.load --into-live adds the load's rows to what is there"
        raise GuardError("live schemas", fact, hint)


def refuse_not_staged(connection: Connection, asked: Asked) -> None:
    """Refuse a load that is not the one whose schemas are staged. Raises GuardError."""
    _refuse_other_load(connection, asked)
    for record in asked.document.targets.values():
        refuse_foreign(connection, asked.role, record.staged)
        _refuse_missing(connection, record)


def _refuse_other_load(connection: Connection, asked: Asked) -> None:
    book = Book(system=asked.system, owner=asked.role, load=asked.mark)
    refuse_foreign(connection, asked.role, book.schema)
    if not book.is_open(connection):
        fact = "is not the one that is staged there"
        raise GuardError(f"load {asked.folder.name}", fact, "another load took its place: run postgres.load again")


def _refuse_missing(connection: Connection, record: SchemaRecord) -> None:
    if find_schema(connection, record.staged) is None:
        raise GuardError(f"schema {record.staged}", "is not there", "run postgres.load again")


def refuse_rewritten(connection: Connection, asked: Asked) -> None:
    """Refuse staged schemas that were written to since they were proven, staged or live. Raises GuardError."""
    book = Book(system=asked.system, owner=asked.role, load=asked.mark)
    written = book.find_written(connection, asked.document)
    if written:
        fact = f"is not what was proven: {'; '.join(written[:_SAID])}"
        raise GuardError(f"load {asked.folder.name}", fact, "run postgres.load again")


def refuse_remade(connection: Connection, asked: Asked, around: Around) -> None:
    """Refuse staged schemas whose structure is not as it was made. Raises DifferencesError that names what is not."""
    staged = replace(asked.document, state=LoadState.STAGED)
    refuse_changes(connection, staged, read_made(asked.folder), around.schemas)


def _refuse_shown(connection: Connection, numbers: Mapping[str, int | None], record: SchemaRecord) -> None:
    live, staged = numbers[record.schema], numbers[record.staged]
    if live is None:
        return
    found = connection.execute(_HIDDEN.format(live=live, staged=staged).encode()).fetchone()
    if found is not None:
        fact = f"{found[0]} hides rows (row security), and the loaded table does not"
        hint = f"make its policies in {record.staged} too, and ALTER TABLE … ENABLE ROW LEVEL SECURITY there"
        raise GuardError(f"schema {record.schema}", fact, hint)


def _find_alone(connection: Connection, asked: Asked, around: Around, record: SchemaRecord) -> dict[str, Alone]:
    """Return what only a live schema holds, but for rows that its files put there."""
    alone = find_alone(connection, record.schema, record.staged)
    if not alone:
        return alone
    fresh = f"strongroom_{secrets.token_hex(8)}"
    with connection.transaction(force_rollback=True):
        connection.execute("RESET ROLE")
        if around.schemas.make(connection, record.schema, fresh):
            act_as(connection, asked.role)
            alone = find_alone(connection, record.schema, record.staged, fresh=fresh)
    act_as(connection, asked.role)
    return alone


def _find_left(connection: Connection, numbers: Mapping[str, int | None], record: SchemaRecord) -> list[str]:
    live, staged = numbers[record.schema], numbers[record.staged]
    if live is None:
        return []
    return sorted(_list_things(connection, live) - _list_things(connection, staged))


def _list_things(connection: Connection, number: int | None) -> set[str]:
    found: list[Any] = connection.execute(_THINGS.format(number=number).encode()).fetchall()
    return {name for (name,) in found}


def _may_drop_previous(connection: Connection, asked: Asked, record: SchemaRecord, *, replace_previous: bool) -> bool:
    """Tell whether an earlier way back gives way. Raises GuardError where it does, and holds what is nowhere else."""
    if find_schema(connection, record.previous) is None or find_schema(connection, record.schema) is None:
        return False  # nothing is live that would take its name
    refuse_foreign(connection, asked.role, record.previous)
    refuse_outside(connection, record.previous)
    lost = {} if replace_previous else find_alone(connection, record.previous, record.schema)
    if lost:
        said = "; ".join(f"{rows} in {table}" for table, rows in list(lost.items())[:_SAID])
        fact = f"is the way back of an earlier cutover, and holds what {record.schema} lacks: {said}"
        hint = "rename it, or back it up and say --replace-previous to drop it"
        raise GuardError(f"schema {record.previous}", fact, hint)
    return True
