"""What a column and its table are like in PostgreSQL, and what of that stands in the way. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import GuardError
from strongroom.postgres.connection import Connection
from strongroom.rotate.columns.book import PROGRESS

_KEY_TYPES = {
    "int2": "smallint", "int4": "integer", "int8": "bigint", "text": "text", "varchar": "text", "uuid": "uuid",
    "bytea": "bytea",
}  # fmt: skip
"""What a primary key may be made of, and as what its values are sent."""
_TYPES = {"text": "text", "varchar": "text", "bytea": "bytea"}
_TABLE = """
    SELECT c.oid::bigint, c.relkind::text, c.relhasrules, pg_catalog.row_security_active(c.oid),
        EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class h ON h.oid = i.inhrelid
            WHERE i.inhparent = c.oid AND c.relkind = 'r'),
        EXISTS (SELECT FROM pg_catalog.pg_partition_tree(c.oid) p JOIN pg_catalog.pg_class h ON h.oid = p.relid
            WHERE h.relkind NOT IN ('r', 'p')),
        EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
            AND (t.tgrelid = c.oid OR t.tgrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p)))
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s"""
_OTHER = "name a table of its own in columns: of system.yaml"
_REFUSED = (
    ("its table has rules, which rewrite what is written", "drop them, or make triggers of them"),
    ("row security hides rows of its table from this role", "connect as a role with BYPASSRLS"),
    ("tables inherit from its table: their rows are not reached by its key", _OTHER),
    ("a partition of its table is a foreign table", _OTHER),
)
_COLUMNS = """
    SELECT a.attname, a.attnum, t.typname, t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace, a.atttypmod,
        a.attnotnull, a.attgenerated::text, a.attidentity::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
        pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
        pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'UPDATE')
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (%s)"""
_KEYS = """
    SELECT ARRAY (SELECT a.attname::text FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
            WHERE k.place <= i.indnkeyatts ORDER BY k.place)
    FROM pg_catalog.pg_index i
    WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    ORDER BY i.indisprimary DESC, i.indexrelid"""
_OBSTACLES = """
    WITH held AS (SELECT a.attrelid AS oid, a.attnum AS number FROM pg_catalog.pg_attribute a
        WHERE a.attname = %(column)s AND NOT a.attisdropped AND (a.attrelid = %(table)s
            OR a.attrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(%(table)s::oid) p)))
    SELECT CASE o.contype WHEN 'p' THEN 'is part of a primary key' WHEN 'u' THEN 'is unique'
            WHEN 'f' THEN 'is part of a foreign key' ELSE 'is part of an exclusion constraint' END, o.conname
        FROM held h JOIN pg_catalog.pg_constraint o ON o.contype IN ('p', 'u', 'f', 'x')
            AND (o.conrelid = h.oid AND h.number = ANY (o.conkey) OR o.confrelid = h.oid AND h.number = ANY (o.confkey))
    UNION ALL
    SELECT 'is unique', c.relname FROM held h JOIN pg_catalog.pg_index i ON i.indrelid = h.oid
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        WHERE (i.indisunique OR i.indisexclusion)
            AND (h.number = ANY (i.indkey::int2[]) OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
                AND d.refobjid = i.indrelid AND d.refobjsubid = h.number))
    UNION ALL
    SELECT 'is what a generated column is made of', a.attname
        FROM held h JOIN pg_catalog.pg_depend d ON d.refobjid = h.oid AND d.refobjsubid = h.number
        JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
        JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
        WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND a.attnum <> h.number
    UNION ALL
    SELECT 'is what rows are shown by', p.polname
        FROM held h JOIN pg_catalog.pg_depend d ON d.refobjid = h.oid AND d.refobjsubid = h.number
        JOIN pg_catalog.pg_policy p ON p.oid = d.objid
        WHERE d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
    UNION ALL
    SELECT 'is part of the key of partitions', 'PARTITION BY'
        FROM held h JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = h.oid
        WHERE h.number = ANY (p.partattrs::int2[])"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTable:
    """A table with a column that can be changed."""

    oid: int
    number: int
    """The column's."""
    type: str
    """``text`` or ``bytea``."""
    keys: tuple[str, ...]
    """The columns by which rows are in order: those of the primary key, as its index has them."""
    key_types: tuple[str, ...]
    has_triggers: bool

    @property
    def as_bytes(self) -> bool:
        """Whether what stands in the column is bytes."""
        return self.type == "bytea"


def look_at_table(connection: Connection, entry: ColumnEntry, place: str, *, shortest: int = 0) -> PostgresTable:
    """Return a table whose column may be read; ``shortest`` is the length of the shortest text that must fit.

    Raises GuardError.
    """
    subject = f"column {entry.place}.{entry.table}.{entry.column} of {place}"
    found = connection.execute(_TABLE, (entry.postgres, entry.table)).fetchone()
    if found is None:
        raise GuardError(subject, "there is no such table", "correct columns: in system.yaml")
    oid, kind, *flags, has_triggers = found
    _refuse_table(subject, kind, flags)
    rows = connection.execute(_COLUMNS, (oid, [*entry.primary_key, entry.column])).fetchall()
    columns = {row[0]: row for row in rows}
    for name in (*entry.primary_key, entry.column):
        if name not in columns:
            raise GuardError(subject, f"there is no column {name}", "correct columns: in system.yaml")
        if not columns[name][9]:
            raise GuardError(subject, f"this role may not read {name}", "GRANT SELECT on it, or connect as its owner")
    _refuse_column(subject, columns[entry.column], shortest)
    obstacle = connection.execute(_OBSTACLES, {"table": oid, "column": entry.column}).fetchone()
    if obstacle is not None:
        fact = f"{obstacle[0]} ({obstacle[1]}): no two ciphertexts are equal"
        raise GuardError(subject, fact, "take that off first; look values up by a keyed hash in a column of its own")
    keys = _find_key(connection, subject, oid, entry, columns)
    return PostgresTable(
        oid=oid,
        number=columns[entry.column][1],
        type=_TYPES[columns[entry.column][2]],
        keys=keys,
        key_types=tuple(_KEY_TYPES[columns[name][2]] for name in keys),
        has_triggers=has_triggers,
    )


def _refuse_table(subject: str, kind: str, flags: Sequence[bool]) -> None:
    if kind not in ("r", "p"):
        raise GuardError(subject, "is no column of a table, but of a view or the like", _OTHER)
    for is_so, (fact, way) in zip(flags, _REFUSED, strict=True):
        if is_so:
            raise GuardError(subject, fact, way)


def _refuse_column(subject: str, row: Sequence[Any], shortest: int) -> None:
    _, _, type_, is_ours, length, _, generated, identity, spelt, *_ = row
    if generated or identity:
        raise GuardError(subject, "is generated", "encrypt what it is made of")
    if not is_ours or type_ not in _TYPES:
        raise GuardError(subject, f"is of type {spelt}", "make it text or bytea: ALTER TABLE … TYPE text")
    if (
        type_ == "varchar" and 0 < length < shortest + 4
    ):  # https://www.postgresql.org/docs/current/catalog-pg-attribute.html
        fact = f"is {spelt}, and the shortest ciphertext has {shortest} characters"
        raise GuardError(subject, fact, "make it text: ALTER TABLE … TYPE text")


def _find_key(
    connection: Connection, subject: str, oid: int, entry: ColumnEntry, columns: Mapping[str, Sequence[Any]]
) -> tuple[str, ...]:
    """Return the columns of the primary key in the order of an index that keeps them unique."""
    for name in entry.primary_key:
        _, _, type_, is_ours, _, is_required, *_ = columns[name]
        if not is_ours or type_ not in _KEY_TYPES:
            fact = f"its primary key has {name} of type {columns[name][8]}"
            raise GuardError(subject, fact, f"a key may be made of {', '.join(sorted(set(_KEY_TYPES.values())))}")
        if not is_required:
            raise GuardError(subject, f"{name} of its primary key may be NULL", "ALTER TABLE … SET NOT NULL")
    for (names,) in connection.execute(_KEYS, (oid,)).fetchall():
        if set(names) == set(entry.primary_key):
            return tuple(names)
    fact = f"({', '.join(entry.primary_key)}) is not what keeps the rows of its table unique"
    raise GuardError(subject, fact, "name the columns of the primary key, or of a unique index, in system.yaml")


_WRITING = """
    SELECT pg_catalog.has_column_privilege(%(table)s::oid, %(column)s::int2, 'UPDATE'),
        pg_catalog.current_setting('transaction_read_only') = 'on', pg_catalog.current_setting('server_encoding'),
        (SELECT pg_catalog.has_schema_privilege(n.oid, 'CREATE') FROM pg_catalog.pg_namespace n
            WHERE n.nspname = %(schema)s),
        EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = %(schema)s AND c.relname = %(progress)s
                AND pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE'))"""


def refuse_unwritable(connection: Connection, entry: ColumnEntry, table: PostgresTable, place: str) -> None:
    """Make sure that this role may change a column, and keep its progress beside it. Raises GuardError. Read-only."""
    subject = f"column {entry.place}.{entry.table}.{entry.column} of {place}"
    asked = {"table": table.oid, "column": table.number, "schema": entry.postgres, "progress": PROGRESS}
    found = connection.execute(_WRITING, asked).fetchone()
    may_write, is_read_only, encoding, may_create, has_progress = found or (False, False, "", False, False)
    if is_read_only:
        raise GuardError(subject, "the server only reads: it is a standby, or was told so", "name the primary")
    if encoding == "SQL_ASCII":
        fact = "the database does not say what its texts are written in (SQL_ASCII)"
        raise GuardError(subject, fact, "bring it into one with the encoding UTF8 first")
    if not may_write:
        raise GuardError(subject, "this role may not write it", "GRANT UPDATE on it, or connect as its owner")
    if not (may_create or has_progress):
        fact = f"this role may not make {PROGRESS} in the schema {entry.postgres}"
        raise GuardError(subject, fact, "GRANT CREATE ON SCHEMA, or connect as its owner")
