"""See that two databases hold the same, but for rows that are named: in every byte and every type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from strongroom.consolidate.verify.catalogue import BINARY, Table, read_stored, read_tables
from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.fingerprint import digest_table
from strongroom.consolidate.verify.relations import same_anywhere
from strongroom.consolidate.verify.values import Row, is_same_row
from strongroom.core.quoting import dotted, fold, quote

LIVE = "live"
"""The name under which what is live is attached; what takes its place is ``main``."""
_PRAGMAS = ("user_version", "application_id", "encoding")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The rows of one table that are named: a working table of what says where each stands."""

    table: str
    columns: Sequence[str]
    """Of the target's table: the rowid, or the primary key; in the working table ``a0``, ``a1`` …"""
    """And ``is_new``, for rows that came."""
    is_virtual: bool = False


def address_columns(table: Table) -> tuple[str, ...]:
    """Return the columns that say where a row of a table stands; nothing where none do."""
    return (table.rowid,) if table.rowid is not None else table.primary_key


def is_addressed(table: Table, columns: Sequence[str], values: Sequence[str]) -> str:
    """Return the condition that columns which say where a row stands have these values, as the table compares them."""
    hows = [BINARY] if table.rowid is not None else table.key_collations
    terms = zip(columns, values, hows, strict=True)
    return " AND ".join(f"{column} = {value} COLLATE {quote(how)}" for column, value, how in terms)


def make_named(desk: Desk, table: Table, number: int) -> Named:
    """Make the working table of a table's named rows."""
    columns = address_columns(table)
    listed = ", ".join(f"a{place}" for place, _ in enumerate(columns))
    made = desk.make(f"named_{number}", f"{listed}, is_new, PRIMARY KEY ({listed})", "WITHOUT ROWID") if columns else ""
    return Named(table=made, columns=columns, is_virtual=table.module is not None)


def compare_databases(desk: Desk, named: Mapping[str, Named]) -> Iterator[str]:
    """Say in what the target is not what is live, outside of the named rows (by folded table)."""
    target = desk.target.name
    for pragma in _PRAGMAS:
        held, was = (desk.connection.execute(f"PRAGMA {schema}.{pragma}").fetchone()[0] for schema in ("main", LIVE))
        if held != was:
            yield f"{target}: {pragma} is {held} and was {was}"
    wrong = _compare_structure(desk)
    if wrong:
        yield f"{target}: {wrong}"
        return
    yield from _compare_marks(desk, named)
    for table in _list_tables(desk, named):
        yield from _compare_rows(desk, table, named.get(fold(table.name)))


def _list_tables(desk: Desk, named: Mapping[str, Named]) -> Iterator[Table]:
    """Yield all that holds rows; of a virtual table with named rows itself instead of what stands behind it."""
    virtual = {name for name, rows in named.items() if rows.is_virtual}
    for table in read_stored(desk.connection):
        if not any(fold(table.name).startswith(f"{name}_") for name in virtual):
            yield table
    tables = read_tables(desk.connection)
    yield from (tables[name] for name in virtual)


def _compare_structure(desk: Desk) -> str:
    held, was = (
        set(desk.connection.execute(f"SELECT type, name, tbl_name, sql FROM {schema}.sqlite_master"))
        for schema in ("main", LIVE)
    )
    changed = sorted({f"{kind} {name}" for kind, name, _, _ in held ^ was})
    return f"its structure is not what it was ({', '.join(changed[:3])})" if changed else ""


def _compare_marks(desk: Desk, named: Mapping[str, Named]) -> Iterator[str]:
    """See that AUTOINCREMENT stands where it stood, or where rows came no further than the last of them."""
    held, was = (_read_marks(desk, schema) for schema in ("main", LIVE))
    for name in sorted(held.keys() | was.keys()):
        now, then = held.get(name, 0), was.get(name, 0)
        if now == then and (name in held) == (name in was):
            continue
        rows = named.get(fold(name))
        most: object = then
        if rows is not None and _has_new(desk, rows) and isinstance(then, int):
            most = max(then, desk.count(f"SELECT max({quote(rows.columns[0])}) FROM {dotted('main', name)}"))
        if not (isinstance(now, int) and isinstance(then, int) and isinstance(most, int) and then <= now <= most):
            yield f"{desk.target.name}.{name}: AUTOINCREMENT stands at {now} and stood at {then}"


def _has_new(desk: Desk, named: Named) -> bool:
    return bool(desk.count(f"SELECT count(*) FROM {named.table} WHERE is_new"))


def _read_marks(desk: Desk, schema: str) -> dict[str, object]:
    if not desk.count(f"SELECT count(*) FROM {schema}.sqlite_master WHERE name = 'sqlite_sequence'"):
        return {}
    return dict(desk.connection.execute(f"SELECT name, seq FROM {schema}.sqlite_sequence").fetchall())


def _compare_rows(desk: Desk, table: Table, named: Named | None) -> Iterator[str]:
    into = f"{desk.target.name}.{table.name}"
    columns = address_columns(table)
    if not columns:
        if digest_table(desk.connection, table) != digest_table(desk.connection, table, LIVE):
            yield f"{into}: its rows are not what they were"
        return
    here, there = dotted("main", table.name), dotted(LIVE, table.name)
    pairs = is_addressed(table, *([f"{alias}.{quote(name)}" for name in columns] for alias in ("o", "n")))
    changed, example = _count_changed(desk, table, f"{here} AS n CROSS JOIN {there} AS o ON {pairs}", named)
    yield from _say(into, changed, "not what it was", "not what they were", example)
    for schema, other, one, several in (
        (there, here, "gone that was there", "gone that were there"),
        (here, there, "there that nobody asked for", "there that nobody asked for"),
    ):
        rows = f"FROM {schema} AS n WHERE NOT EXISTS (SELECT 1 FROM {other} AS o WHERE {pairs})"
        if schema == here:
            rows += f" AND {_is_other(named)}"
        found = desk.count(f"SELECT count(*) {rows}")
        shown = f"row {_show(desk, table, rows)}" if found and table.rowid is not None else ""
        yield from _say(into, found, one, several, shown)


def _count_changed(desk: Desk, table: Table, pairs: str, named: Named | None) -> tuple[int, str]:
    """Count the rows that stand in one place of both and differ; SQLite finds the candidates, Python looks."""
    same = " AND ".join(
        f"({same_anywhere(f'n.{quote(column.name)}', f'o.{quote(column.name)}')})" for column in table.columns
    )
    cells = ", ".join(f"{alias}.{quote(column.name)}" for alias in ("n", "o") for column in table.columns)
    rowid = "NULL" if table.rowid is None else f"n.{quote(table.rowid)}"
    width, count, example = len(table.columns), 0, ""
    for row in desk.connection.execute(
        f"SELECT {rowid}, {cells} FROM {pairs} WHERE ({same}) IS NOT TRUE AND {_is_other(named)}"
    ):
        if not is_same_row(row[1 : 1 + width], row[1 + width :]):
            count += 1
            example = example or ("" if row[0] is None else f"row {row[0]}")
    return count, example


def _is_other(named: Named | None) -> str:
    """Return the condition that row ``n`` is none that is named."""
    if named is None:
        return "1"
    # Without the sign the affinity of the target's column would keep SQLite from the index of the named rows.
    same = " AND ".join(f"x.a{place} = +n.{quote(name)}" for place, name in enumerate(named.columns))
    return f"NOT EXISTS (SELECT 1 FROM {named.table} AS x WHERE {same})"


def _show(desk: Desk, table: Table, rows: str) -> Row:
    found: Row = desk.connection.execute(f"SELECT n.{quote(str(table.rowid))} {rows} LIMIT 1").fetchone()[0]
    return found


def _say(into: str, count: int, one: str, several: str, example: str) -> Iterator[str]:
    if count == 1:
        yield f"{into}: 1 row is {one}{f' ({example})' if example else ''}"
    elif count:
        yield f"{into}: {count} rows are {several}{f' ({example} is one)' if example else ''}"
