"""Look at every database of a directory, and at what tables of one name share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import StrongroomError, UnreachableError
from strongroom.core.files import find_databases
from strongroom.core.quoting import dotted, fold, quote
from strongroom.sqlite.connection import Connection, attached_live, open_memory, open_source
from strongroom.sqlite.database import Database, choose_engine
from strongroom.sqlite.schema import Schema, Table, read_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One database that can be read."""

    source: str
    path: str
    """Relative to the directory."""
    database: Database
    schema: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is there, and what cannot be read."""

    directory: Path
    found: tuple[Found, ...]
    unread: Mapping[str, str]
    """Path to the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How the rows of tables of one name meet on a key."""

    shared: int
    """Keys that stand in two files."""
    equal: int
    """Of these, the rows that are the same in all columns that both have."""


def survey(directory: Path, engine: Engine = Engine.SYSTEM) -> Survey:
    """Read the structure of every database under a directory. Read-only.

    Raises UnreachableError for a missing directory, or one without a database that can be read.
    """
    if not directory.is_dir():
        raise UnreachableError(directory, "there is no such directory", "say --source DIRECTORY")
    found: list[Found] = []
    unread: dict[str, str] = {}
    taken: set[str] = set()
    for file in find_databases(directory):
        path = file.relative_to(directory).as_posix()
        try:
            database = Database(file, engine)
            with open_source(database) as connection:
                schema = read_schema(connection)
        except StrongroomError as error:
            unread[path] = error.fact
            continue
        found.append(Found(source=_name_source(path, taken), path=path, database=database, schema=schema))
    if not found:
        said = "; ".join(f"{path}: {reason}" for path, reason in list(unread.items())[:3])
        fact = f"holds no database that can be read{f' ({said})' if said else ''}"
        raise UnreachableError(directory, fact, "say another --source DIRECTORY")
    return Survey(directory=directory, found=tuple(found), unread=unread)


def _name_source(path: str, taken: set[str]) -> str:
    """Return a name for a file that no other has: letters, digits and underscores."""
    stem = path.rpartition(".")[0] or path
    base = re.sub(r"\W+", "_", stem).strip("_").lower() or "source"
    if base in _RESERVED or base[0].isdigit():
        base = f"db_{base}"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name


_RESERVED = frozenset({"temp", "schema", "ledger", "scratch", "src", "main", "one", "two"})


def compare(one: Found, left: Table, two: Found, right: Table, key: Sequence[str]) -> Sharing:
    """Join two tables of one name on a key, by their columns' common names. Read-only."""
    common = [column.name for column in left.stored if fold(column.name) in right.by_name]
    same_key = " AND ".join(f"a.{quote(name)} = b.{quote(name)}" for name in key)
    same_row = " AND ".join(f"a.{quote(name)} IS b.{quote(name)}" for name in common) or "1"
    with (
        open_memory(choose_engine((one.database, two.database))) as connection,
        attached_live(connection, one.database, "one"),
        attached_live(connection, two.database, "two"),
    ):
        row = connection.execute(
            f"SELECT count(*), coalesce(sum({same_row}), 0) FROM {dotted('one', left.name)} a "
            f"JOIN {dotted('two', right.name)} b ON {same_key}"
        ).fetchone()
    return Sharing(shared=int(row[0]), equal=int(row[1]))


def is_unique_by_census(found: Found, table: Table, columns: Sequence[str]) -> bool:
    """Tell whether no two rows hold the same values in these columns, and none holds NULL. Read-only."""
    listed = ", ".join(map(quote, columns))
    missing = " OR ".join(f"{quote(name)} IS NULL" for name in columns)
    name = dotted("main", table.name)
    with open_source(found.database) as connection:
        doubles = connection.execute(f"SELECT 1 FROM {name} GROUP BY {listed} HAVING count(*) > 1 LIMIT 1").fetchone()
        return (
            doubles is None and connection.execute(f"SELECT 1 FROM {name} WHERE {missing} LIMIT 1").fetchone() is None
        )


def declared_parents(found: Found, table: Table) -> set[str]:
    """Return the names, folded, of the tables that a table's foreign keys lead to. Read-only."""
    with open_source(found.database) as connection:
        rows = connection.execute('SELECT "table" FROM pragma_foreign_key_list(?)', (table.name,))
        return {fold(name) for (name,) in rows}


def share_of_references(found: Found, table: Table, column: str, parent: Table, own: str) -> float:
    """Return which part of a column's values stand in another table's id; 0 where there are none. Read-only."""
    with open_source(found.database) as connection:
        try:
            return _share(connection, table, column, parent, own)
        except connection.Error:
            return 0.0


def _share(connection: Connection, table: Table, column: str, parent: Table, own: str) -> float:
    known = f"{quote(column)} IN (SELECT {quote(own)} FROM {dotted('main', parent.name)})"
    present = f"FROM {dotted('main', table.name)} WHERE {quote(column)} IS NOT NULL"
    row = connection.execute(f"SELECT count(*), coalesce(sum({known}), 0) {present}").fetchone()
    return int(row[1]) / int(row[0]) if row[0] else 0.0
