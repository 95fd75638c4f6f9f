"""Copy a database to a file of another encryption: encrypt a plain one, write an encrypted one back in plain.

The backup API does neither. ``sqlcipher_export`` gives rows without a key new numbers, and forgets the header.
"""

from __future__ import annotations

from strongroom.core.quoting import dotted, quote, quote_all
from strongroom.sqlite.connection import Connection, attached_live, open_source, open_stage
from strongroom.sqlite.content import HEADER, Stored, list_stored
from strongroom.sqlite.database import Database
from strongroom.sqlite.messages import translated


def copy_content(original: Database, copy: Database) -> None:
    """Copy what one read transaction sees of ``original`` to a new file; who asks for it proves it.

    Both are of the bundled library. What is not carried: pages as they lay, the journal mode, and the planner's
    statistics. Raises what opening raises.
    """
    with open_source(original) as source:
        encoding = source.execute("PRAGMA encoding").fetchone()[0]
    with open_stage(copy) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        # Else the live file is taken exclusively too, which one in WAL mode that is read only cannot be.
        connection.execute("PRAGMA locking_mode = NORMAL")
        with attached_live(connection, original, "src"):
            connection.execute("BEGIN")
            with translated(original):
                copy_attached(connection)
            connection.execute("COMMIT")


def copy_attached(connection: Connection) -> None:
    """Copy what is attached as ``src`` into the empty main database; the caller begins, commits and proves it."""
    # Indexes before rows: made afterwards they are sorted, and this library sorts in memory.
    for kind in ("table", "index"):
        for (sql,) in connection.execute(
            "SELECT sql FROM src.sqlite_master WHERE type = ? AND rootpage > 0 AND sql IS NOT NULL "
            "AND name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY rowid",
            (kind,),
        ).fetchall():
            connection.execute(sql)
    for table in list_stored(connection, "src"):
        connection.execute(_copy_rows(table))
    _copy_marks(connection)
    # As VACUUM does it: the tables behind virtual ones are there with their rows, and nothing may make them anew.
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "INSERT INTO main.sqlite_master SELECT * FROM src.sqlite_master "
        "WHERE type IN ('view', 'trigger') OR type = 'table' AND rootpage = 0"
    )
    connection.execute("PRAGMA writable_schema = OFF")
    for pragma in HEADER:
        number = connection.execute(f"PRAGMA src.{pragma}").fetchone()[0]
        connection.execute(f"PRAGMA main.{pragma} = {number}")


def copy_table(connection: Connection, table: Stored) -> None:
    """Copy one table that is attached as ``src`` into the empty main database: rows, row numbers, indexes, its mark.

    Triggers and views stay behind: they are about other tables too. The caller begins, commits and proves it.
    """
    for (sql,) in connection.execute(
        "SELECT sql FROM src.sqlite_master WHERE type IN ('table', 'index') AND tbl_name = ? AND sql IS NOT NULL "
        "ORDER BY type DESC, rowid",
        (table.name,),
    ).fetchall():
        connection.execute(sql)
    connection.execute(_copy_rows(table))
    if connection.execute("SELECT 1 FROM main.sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        connection.execute("DELETE FROM main.sqlite_sequence")
        connection.execute(
            "INSERT INTO main.sqlite_sequence SELECT * FROM src.sqlite_sequence WHERE name = ?", (table.name,)
        )


def _copy_rows(table: Stored) -> str:
    into, rows = dotted("main", table.name), dotted("src", table.name)
    if table.has_key and not table.is_computed:
        return f"INSERT INTO {into} SELECT * FROM {rows}"  # SQLite hands whole records over, indexes too
    names = quote_all(table.columns)
    if table.rowid is not None:
        names = f"{quote(table.rowid)}, {names}"
    return f"INSERT INTO {into} ({names}) SELECT {names} FROM {rows} NOT INDEXED"


def _copy_marks(connection: Connection) -> None:
    """Copy the AUTOINCREMENT high-water marks, and the table of them where all others that had some are gone."""
    there, here = (
        connection.execute(f"SELECT 1 FROM {schema}.sqlite_master WHERE name = 'sqlite_sequence'").fetchone()
        for schema in ("src", "main")
    )
    if not there:
        return
    if not here:
        connection.execute("CREATE TABLE main._strongroom_marks (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        connection.execute("DROP TABLE main._strongroom_marks")
    connection.execute("DELETE FROM main.sqlite_sequence")
    connection.execute("INSERT INTO main.sqlite_sequence SELECT * FROM src.sqlite_sequence")


def copy_statistics(connection: Connection) -> None:
    """Copy the planner's statistics from ``src`` too: a database that takes the place of another keeps its plans."""
    kept = ("sqlite_stat1", "sqlite_stat4")
    found = {name for (name,) in connection.execute("SELECT name FROM src.sqlite_master").fetchall()} & {*kept}
    if not found:
        return
    connection.execute("ANALYZE main.sqlite_schema")  # makes their tables, and looks at no other
    for name in kept:
        if name in found:
            connection.execute(f"INSERT INTO {dotted('main', name)} SELECT * FROM {dotted('src', name)}")
        else:
            connection.execute(f"DROP TABLE IF EXISTS {dotted('main', name)}")
