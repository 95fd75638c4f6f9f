"""The way back from rows that came into live tables: those that are as they came go again, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from strongroom.core.errors import GuardError
from strongroom.core.quoting import dotted, quote
from strongroom.load.documents import LoadState
from strongroom.load.into.coming_in import order_tables, without_triggers
from strongroom.load.rows.structure import read_references
from strongroom.load.switch.cutovers import Kept, forget_live, read_kept, wait_for_others
from strongroom.load.switch.holding import Mode, hold, list_tables
from strongroom.load.switch.live import Table, read_tables
from strongroom.load.switch.owning import act_as, name_schema
from strongroom.load.switch.switching import Around, RollbackRequest, RollbackResult, acting
from strongroom.postgres.connection import Connection, Error, open_postgres

_CHILDREN = """
    SELECT n.nspname, c.relname, o.conname,
        (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(o.conkey) WITH ORDINALITY AS k(number, place)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.number),
        (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(o.confkey) WITH ORDINALITY AS k(number, place)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.number)
    FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class p ON p.oid = o.confrelid JOIN pg_catalog.pg_namespace m ON m.oid = p.relnamespace
    WHERE o.contype = 'f' AND o.conparentid = 0 AND m.nspname = %s AND p.relname = %s ORDER BY 1, 2, 3"""
_SAID = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Came:
    """A live table, and the rows that came into it."""

    table: Table
    writer: str
    """The transaction in which they came; a row that was changed since is another's."""
    rows: int


def take_out(asked: RollbackRequest, around: Around) -> RollbackResult:
    """Delete the rows that a load brought into live tables, and that nobody changed since.

    With ``discard_changes`` those that were changed stay as they are. Raises what ``roll_back`` raises, and GuardError
    for rows that others wrote since and that refer to rows which would go.
    """
    with open_postgres(asked.access) as connection:
        with acting(connection, asked):
            wait_for_others(connection, asked.system)
            kept = _read(connection, asked)
            is_done = not any(one.is_live for one in kept.values())
            written = () if is_done else _find_changed(connection, asked, kept)
        if not is_done and not asked.dry_run:
            with acting(connection, asked):
                written = _take_out(connection, asked, around)
    around.checkpoint("rollback.done")
    if not asked.dry_run:
        asked.folder.write(replace(asked.document, state=LoadState.ROLLED_BACK, ended=around.now(), live=None))
    return RollbackResult(
        load=asked.folder.name,
        live=tuple(one.live for one in kept.values()),
        gone=(),
        staged=tuple(one.staged for one in kept.values()),
        written=written,
        is_done_before=is_done,
        dry_run=asked.dry_run,
    )


def _read(connection: Connection, asked: RollbackRequest) -> dict[str, Kept]:
    kept = read_kept(connection, asked.system, asked.role, asked.mark)
    if not kept:
        raise GuardError(f"load {asked.folder.name}", "was never live", "nothing is to be put back")
    for one in kept.values():
        name = name_schema(connection, one.number)
        if one.is_live and name != one.live:
            fact = f"{one.live}, into which it went, is {'gone' if name is None else f'{name} now'}"
            raise GuardError(f"load {asked.folder.name}", fact, "take the cutover back that came since")
    return kept


def _list_came(connection: Connection, kept: Mapping[str, Kept]) -> list[_Came]:
    """Return the tables into which rows came, parents first; one that is gone since has no rows to lose."""
    found = []
    for one in kept.values():
        tables = read_tables(connection, one.live)
        for name in order_tables(one.marks, read_references(connection, one.live)):
            for writer, rows in one.marks[name]["writers"].items():
                if rows and name in tables:
                    found.append(_Came(table=tables[name], writer=writer, rows=rows))
    return found


def _find_changed(connection: Connection, asked: RollbackRequest, kept: Mapping[str, Kept]) -> tuple[str, ...]:
    """Say which rows were changed since, and which others refer to some. Raises GuardError unless they may."""
    came = _list_came(connection, kept)
    found = []
    for one in came:
        name = f"{one.table.schema}.{one.table.name}"
        asking = f"SELECT count(*) FROM {one.table.source} WHERE xmin = '{one.writer}'"
        (there,) = connection.execute(asking.encode()).fetchone() or (0,)
        if there != one.rows:
            found.append(f"{name}: {one.rows - there} rows that came in were changed since, or are gone")
        found += [
            f"{child}: {rows} rows refer to rows of {name} that would go" for child, rows in _count(connection, one)
        ]
    if found and not asked.discard_changes and not asked.dry_run:
        more = f"; and {len(found) - _SAID} more" if len(found) > _SAID else ""
        fact = f"would lose what was written since: {'; '.join(found[:_SAID])}{more}"
        raise GuardError("rollback", fact, "say --discard-changes: what was changed stays, the others go")
    return tuple(found)


def _count(connection: Connection, came: _Came) -> list[tuple[str, int]]:
    """Return the tables whose rows, of other transactions, refer to rows that came, and how many."""
    found = []
    asked = (came.table.schema, came.table.name)
    for schema, name, _, columns, held in connection.execute(_CHILDREN, asked).fetchall():
        pairs = zip(columns, held, strict=True)
        same = " AND ".join(f"c.{quote(column)} = p.{quote(parent)}" for column, parent in pairs)
        text = (
            f"SELECT count(*) FROM {dotted(schema, name)} c JOIN {came.table.source} p ON {same} "
            f"WHERE p.xmin = '{came.writer}' AND c.xmin <> '{came.writer}'"
        )
        (rows,) = connection.execute(text.encode()).fetchone() or (0,)
        if rows:
            found.append((f"{schema}.{name}", int(rows)))
    return found


def _take_out(connection: Connection, asked: RollbackRequest, around: Around) -> tuple[str, ...]:
    """Do it, in the caller's transaction."""
    wait_for_others(connection, asked.system)
    kept = _read(connection, asked)
    if not any(one.is_live for one in kept.values()):
        return ()
    schemas = [one.live for one in kept.values()]
    hold(connection, asked.access.place, Mode.READ_ONLY, list_tables(connection, schemas), say=around.say)
    act_as(connection, asked.role)
    written = _find_changed(connection, asked, kept)
    for one in reversed(_list_came(connection, kept)):
        with without_triggers(connection, one.table):
            _delete(connection, one)
    forget_live(connection, asked.system, asked.role, asked.mark)
    around.checkpoint("rollback.noted")
    return written


def _delete(connection: Connection, came: _Came) -> None:
    text = f"DELETE FROM {came.table.source} WHERE xmin = '{came.writer}'"
    try:
        connection.execute(text.encode())
    except Error as error:
        if connection.broken:
            raise
        said = (error.diag.message_primary or str(error)).strip().splitlines()[0]
        hint = "nothing was changed; delete the rows that refer to them first"
        raise GuardError(f"table {came.table.schema}.{came.table.name}", said, hint) from error
