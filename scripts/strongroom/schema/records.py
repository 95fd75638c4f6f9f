"""What we keep in the server: which files were applied, and what they made of a schema, in the server's own words.

It stands in a schema of its own beside the system's, and belongs to the same owner. Whoever else could plant a
trigger, a default or a view there would have it run by whoever applies schemas next: so it is looked at, by the
catalogue alone, before anything in it is read, and refused where it is not exactly what we make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from strongroom import __version__
from strongroom.core.errors import GuardError
from strongroom.postgres.connection import Connection, Identifier, compose, identifier
from strongroom.schema.files import SchemaFile
from strongroom.schema.guards import FOREIGN, OPEN
from strongroom.schema.objects import Objects
from strongroom.schema.roles import owner_of, reader_of

_FILES, _OBJECTS = "applied_files", "expected_objects"
_COLUMNS = {
    _FILES: "database text, file text, sha256 text, version text, applied_at timestamp with time zone",
    _OBJECTS: "database text, object text, definition text",
}
_KEYS = {_FILES: "database, file", _OBJECTS: "database, object"}
_OLD_HOME = "strongroom"
"""Where versions before 0.2 kept records, and where others may have planted what such a version would run."""

_ODDITIES = f"""{OPEN}
    UNION ALL SELECT 'holds ' || c.relname || ', which is none of ours' FROM pg_class c
    WHERE c.relnamespace = %(home)s AND c.relname <> ALL (%(ours)s)
    UNION ALL SELECT 'holds the function ' || p.proname FROM pg_proc p WHERE p.pronamespace = %(home)s
    UNION ALL SELECT c.relname || ' is another table than ours' FROM pg_class c
    WHERE c.relnamespace = %(home)s AND c.relname = ANY (%(tables)s) AND (c.relkind <> 'r' OR c.relpersistence <> 'p'
        OR pg_get_userbyid(c.relowner) <> %(owner)s OR c.relrowsecurity OR c.relhassubclass
        OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
        OR EXISTS (SELECT FROM pg_attrdef d WHERE d.adrelid = c.oid)
        OR EXISTS (SELECT FROM pg_constraint o WHERE o.conrelid = c.oid AND o.contype NOT IN ('p', 'n')))
    UNION ALL SELECT c.relname || ' has a trigger, ' || g.tgname FROM pg_trigger g JOIN pg_class c
        ON c.oid = g.tgrelid WHERE c.relnamespace = %(home)s
    UNION ALL SELECT c.relname || ' has a rule, ' || r.rulename FROM pg_rewrite r JOIN pg_class c
        ON c.oid = r.ev_class WHERE c.relnamespace = %(home)s
"""
"""Whatever could run code of somebody else, or that somebody else could change."""
_HELD_COLUMNS = """
    SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = %(home)s AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1"""


def home_of(system: str) -> str:
    """Return the schema of a system's records."""
    return f"strongroom_{system}"


def _table(system: str, name: str) -> Identifier:
    return identifier(home_of(system), name)


def find_home(connection: Connection, system: str) -> bool:
    """Tell whether a system's records are there, and are ours; by the catalogue alone.

    Raises GuardError where they are not, or stand where another version kept them.
    """
    asked = "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE (nspname, relname) = (%s, %s)"
    if connection.execute(asked, (_OLD_HOME, _FILES)).fetchone() is not None:
        fact = f"holds {_FILES}, which this version neither reads nor writes: its own are in {home_of(system)}"
        hint = "see who made it; where that was an earlier version, apply to a new database"
        raise GuardError(f"schema {_OLD_HOME}", fact, hint)
    found = connection.execute("SELECT oid FROM pg_namespace WHERE nspname = %s", (home_of(system),)).fetchone()
    if found is not None:
        _refuse_strange(connection, system, found[0])
    return found is not None


def hold_home(connection: Connection, system: str) -> bool:
    """Do as ``find_home``, and let nobody change the tables until the transaction ends."""
    if not find_home(connection, system):
        return False
    for name in _COLUMNS:
        text = "LOCK TABLE ONLY {table} IN SHARE ROW EXCLUSIVE MODE"
        connection.execute(compose(text, table=_table(system, name)))
    return find_home(connection, system)


def _refuse_strange(connection: Connection, system: str, home: int) -> None:
    asked = {
        "home": home,
        "schema": home_of(system),
        "owner": owner_of(system),
        "tables": list(_COLUMNS),
        "ours": [*_COLUMNS, *(f"{name}_pkey" for name in _COLUMNS)],
    }
    name = home_of(system)
    foreign = connection.execute(FOREIGN, asked).fetchone()
    if foreign is not None:
        hint = f"nothing of it was read; it is none of ours: have {name} dropped or renamed by whose it is"
        raise GuardError(f"schema {name}", str(foreign[0]), hint)
    # Not to be dropped: it says which files were applied.
    hint = f"nothing of it was read; see who did that, and have what is named undone: keep the rest of {name}"
    odd = connection.execute(_ODDITIES, asked).fetchone()
    if odd is not None:
        raise GuardError(f"schema {name}", str(odd[0]), hint)
    held = dict(connection.execute(_HELD_COLUMNS, asked).fetchall())
    wrong = next((name for name in _COLUMNS if held.get(name) != _COLUMNS[name]), None)
    if wrong is not None:
        raise GuardError(f"schema {name}", f"{wrong} has other columns than ours: {held.get(wrong)}", hint)


def make_home(connection: Connection, system: str) -> None:
    """Make the schema of a system's records, which its reader may read."""
    owner, home = identifier(owner_of(system)), identifier(home_of(system))
    connection.execute(compose("CREATE SCHEMA {home} AUTHORIZATION {owner}", home=home, owner=owner))
    connection.execute(compose("SET LOCAL ROLE {owner}", owner=owner))
    reader = identifier(reader_of(system))
    connection.execute(compose("GRANT USAGE ON SCHEMA {home} TO {reader}", home=home, reader=reader))
    for name, columns in _COLUMNS.items():
        text = f"CREATE TABLE {{table}} ({columns}, PRIMARY KEY ({_KEYS[name]}))"
        connection.execute(compose(text, table=_table(system, name)))
        connection.execute(compose("GRANT SELECT ON {table} TO {reader}", table=_table(system, name), reader=reader))
    connection.execute("RESET ROLE")


def read_files(connection: Connection, system: str, database: str) -> dict[str, str]:
    """Return the hashes of the files that were applied, by name, in their order. The home is there. Read-only."""
    text = compose("SELECT file, sha256 FROM {table} WHERE database = %s", table=_table(system, _FILES))
    return dict(sorted(connection.execute(text, (database,)).fetchall()))


def read_expected(connection: Connection, system: str, database: str) -> dict[str, str]:
    """Return what the files made, as it was described when they were applied. The home is there. Read-only."""
    text = compose("SELECT object, definition FROM {table} WHERE database = %s", table=_table(system, _OBJECTS))
    return dict(connection.execute(text, (database,)).fetchall())


def write_files(connection: Connection, system: str, database: str, files: Sequence[SchemaFile]) -> None:
    """Note that files were applied; the caller acts as the system's owner."""
    text = compose("INSERT INTO {table} VALUES (%s, %s, %s, %s, now())", table=_table(system, _FILES))
    for file in files:
        connection.execute(text, (database, file.name, file.sha256, __version__))


def read_rows(connection: Connection, system: str, database: str) -> list[tuple[str, ...]]:
    """Return the records of a database's files whole, as texts. The home is there. Read-only."""
    text = "SELECT file, sha256, version, applied_at::text FROM {table} WHERE database = %s ORDER BY file"
    return connection.execute(compose(text, table=_table(system, _FILES)), (database,)).fetchall()


def write_rows(connection: Connection, system: str, database: str, rows: Iterable[Sequence[str]]) -> None:
    """Put such records in the place of what is there; the caller acts as the system's owner."""
    table = _table(system, _FILES)
    connection.execute(compose("DELETE FROM {table} WHERE database = %s", table=table), (database,))
    for row in rows:
        connection.execute(compose("INSERT INTO {table} VALUES (%s, %s, %s, %s, %s)", table=table), (database, *row))


def write_expected(connection: Connection, system: str, described: Mapping[str, Objects]) -> None:
    """Keep, in the place of what was kept, what files make of each database; the caller acts as the system's owner."""
    forget = compose("DELETE FROM {table} WHERE database = %s", table=_table(system, _OBJECTS))
    text = "INSERT INTO {table} SELECT %s, * FROM unnest(%s::text[], %s::text[])"
    keep = compose(text, table=_table(system, _OBJECTS))
    for database, objects in described.items():
        connection.execute(forget, (database,))
        connection.execute(keep, (database, list(objects), list(objects.values())))
