"""Tell in what an encrypted copy holds other content than its source: pages say nothing, each is encrypted anew."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.consolidate.verify.catalogue import Table, read_mark, read_stored
from strongroom.consolidate.verify.fingerprint import digest_table
from strongroom.consolidate.verify.relations import same_cell
from strongroom.consolidate.verify.values import decode_text
from strongroom.core.quoting import dotted, fold, quote
from strongroom.sqlite.connection import Connection, attached, open_snapshot
from strongroom.sqlite.database import Database

_COPY = "copied"


def find_other_content(connection: Connection, copy: Database) -> tuple[str, ...]:
    """Return what is another in a copy than in its source: of definitions, header, marks and rows.

    The rows behind virtual tables are among them. Read-only; ``connection``, to the source, is in no transaction: that
    in which all rows are compared is begun and ended here.
    """
    with open_snapshot(copy) as copied:
        copied.text_factory = decode_text
        after = dict(_describe(copied))
    factory, connection.text_factory = connection.text_factory, decode_text
    try:
        before = dict(_describe(connection))
        other = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if not other:
            with attached(connection, copy, _COPY):
                other = _compare(connection, before)
    finally:
        connection.text_factory = factory
    return tuple(f"{copy.path.name}: its copy has another {name}" for name in other)


def _compare(connection: Connection, before: dict[str, object]) -> list[str]:
    """Compare what may have changed since it was described, and every row, at one moment."""
    connection.execute("BEGIN")
    try:
        now = dict(_describe(connection))
        other = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        tables = [] if other else _list_tables(connection)
        return other + [f"table {table.name}" for table in tables if not _is_same_table(connection, table)]
    finally:
        connection.execute("COMMIT")


def _describe(connection: Connection) -> Iterator[tuple[str, object]]:
    """Yield what a database is made of beside its rows."""
    for pragma in ("user_version", "application_id", "encoding"):
        yield pragma, connection.execute(f"PRAGMA main.{pragma}").fetchone()[0]
    definitions = connection.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_master").fetchall()
    yield "structure", sorted(repr(row) for row in definitions if not _is_statistics(row[1]))
    for table in _list_tables(connection):
        yield f"table {table.name}", read_mark(connection, table.name)


def _list_tables(connection: Connection) -> list[Table]:
    return [table for table in read_stored(connection) if not _is_statistics(table.name)]


def _is_statistics(name: str) -> bool:
    """Tell whether a table is the planner's: a copy under another key is made without it."""
    return fold(name).startswith("sqlite_stat")


def _is_same_table(connection: Connection, table: Table) -> bool:
    """Tell whether a table holds the same rows twice: by a join, or where SQLite cannot tell, by Python."""
    return _is_joined(connection, table) or _digest(connection, table, "main") == _digest(connection, table, _COPY)


def _is_joined(connection: Connection, table: Table) -> bool:
    """Tell whether each row of the copy meets one that is the same, and none is left over.

    The copy is read once: reading an encrypted page costs several times a plain one.
    """
    keys = (table.rowid,) if table.rowid is not None else table.primary_key if table.is_without_rowid else ()
    if not keys:
        return False
    ours, theirs = dotted("main", table.name), dotted(_COPY, table.name)
    (held,) = connection.execute(f"SELECT count(*) FROM {ours} NOT INDEXED").fetchone()
    terms = [f"s.{quote(name)} = t.{quote(name)}" for name in keys]
    cells = ((f"s.{quote(column.name)}", f"t.{quote(column.name)}", column) for column in table.columns)
    terms += [f"({same_cell(one, column, other, column)})" for one, other, column in cells]
    rows, same = connection.execute(
        f"SELECT count(*), count(s.{quote(keys[0])}) FROM {theirs} AS t NOT INDEXED "
        f"LEFT JOIN {ours} AS s ON {' AND '.join(terms)}"
    ).fetchone()
    return bool(rows == same == held)


def _digest(connection: Connection, table: Table, schema: str) -> tuple[int, int]:
    return digest_table(connection, table, schema, with_rowid=True)
