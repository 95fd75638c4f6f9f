"""What a schema of the server holds: tables, columns, keys and what goes with them, by the catalogue alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from strongroom.load.verify.kinds import Kind, Kinds
from strongroom.postgres.connection import Connection

_FOLDED = re.compile(r"(lower|rtrim)\(\(?(?P<name>\"(?:[^\"]|\"\")+\"|\w+)\)?(?:::text)?(?P<plain> COLLATE \"C\")?"
                     r"(?:, ' '::text)?\)")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerColumn:
    """One column."""

    name: str
    number: int
    kind: Kind
    is_not_null: bool
    is_generated: bool
    default: str | None
    """As the server writes it."""
    sequence: str | None
    """The sequence (quoted, with its schema) that gives its numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerIndex:
    """One valid index: its columns, None for an expression, and what an expression makes of a column."""

    name: str
    columns: tuple[str | None, ...]
    folded: tuple[str, ...]
    """``lower``, ``casefold`` (of more than ASCII) or ``rtrim`` and the column, for the expressions that stand for a
    collation; empty for others.
    """
    collations: tuple[str, ...]
    """Of its columns, those to which different texts may be one (quoted, with its schema); empty for others."""
    is_unique: bool
    is_primary: bool
    is_partial: bool
    knows_null: bool
    """Whether NULL is a value like others to it."""

    @property
    def plain(self) -> tuple[str, ...]:
        """Return its columns, where it has nothing but columns and holds every row; else nothing."""
        return tuple(name for name in self.columns if name) if None not in self.columns and not self.is_partial else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKey:
    """One foreign key."""

    name: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    collations: tuple[str, ...]
    """By which values are compared: the parent's columns' (quoted, with its schema); empty for what has none."""
    is_validated: bool


@dataclass(slots=True, kw_only=True)
class ServerTable:
    """One table."""

    name: str
    oid: int
    is_logged: bool
    is_ruled: bool
    """Whether it has exclusions, or CHECKs that call functions of somebody's own: what these may refuse."""
    columns: tuple[ServerColumn, ...] = ()
    indexes: list[ServerIndex] = field(default_factory=list)
    foreign_keys: list[ServerKey] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    """Conditions that every row meets, as the server writes them."""
    heirs: list[str] = field(default_factory=list)
    """Other tables (quoted, with their schemas) whose rows are shown as its own; a partitioned table's are its own."""
    disabled: list[str] = field(default_factory=list)
    """Triggers that do not fire."""

    def find(self, name: str) -> ServerColumn | None:
        """Return a column by its very name."""
        return next((column for column in self.columns if column.name == name), None)


def read_server(connection: Connection, schema: str) -> dict[str, ServerTable]:
    """Return the tables of a schema by name. Read-only."""
    found = {
        row[0]: ServerTable(name=row[0], oid=row[1], is_logged=row[2] != "u", is_ruled=row[3])
        for row in connection.execute(
            "SELECT c.relname::text, c.oid, c.relpersistence::text, EXISTS (SELECT FROM pg_constraint k "
            "WHERE k.conrelid = c.oid AND (k.contype = 'x' OR (k.contype = 'c' AND EXISTS (SELECT FROM pg_depend d "
            "WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid "
            "AND d.refclassid = 'pg_proc'::regclass)))) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind IN ('r', 'p') ORDER BY 1",
            (schema,),
        )
    }
    tables = {table.oid: table for table in found.values()}
    _add_columns(connection, tables)
    _add_indexes(connection, tables)
    _add_keys(connection, tables)
    for oid, check in connection.execute(
        "SELECT conrelid, pg_get_expr(conbin, conrelid) FROM pg_constraint "
        "WHERE contype = 'c' AND conrelid = ANY(%s) ORDER BY conname",
        (list(tables),),
    ):
        tables[oid].checks.append(check)
    for oid, name in connection.execute(
        "SELECT i.inhparent, i.inhrelid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent "
        "WHERE c.relkind = 'r' AND c.oid = ANY(%s) ORDER BY 2",
        (list(tables),),
    ):
        tables[oid].heirs.append(name)
    for oid, name in connection.execute(
        "SELECT t.tgrelid, coalesce(k.conname, t.tgname)::text FROM pg_trigger t "
        "LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint "
        "WHERE t.tgenabled IN ('D', 'R') AND t.tgrelid = ANY(%s) ORDER BY 2",
        (list(tables),),
    ):
        tables[oid].disabled.append(name)
    return found


def _add_columns(connection: Connection, tables: Mapping[int, ServerTable]) -> None:
    kinds = Kinds(connection)
    sequences = _read_sequences(connection, tables)
    columns: dict[int, list[ServerColumn]] = {oid: [] for oid in tables}
    for oid, name, number, type_, modifier, shown, is_not_null, is_generated, default in connection.execute(
        "SELECT a.attrelid, a.attname::text, a.attnum, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod), "
        "a.attnotnull, a.attgenerated <> '', pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a "
        "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
        "WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum",
        (list(tables),),
    ):
        kind = kinds.find(type_, modifier, shown)
        columns[oid].append(
            ServerColumn(
                name=name,
                number=number,
                kind=kind,
                is_not_null=is_not_null or kind.is_not_null,
                is_generated=is_generated,
                default=default,
                sequence=sequences.get((oid, number)),
            )
        )
    for oid, table in tables.items():
        table.columns = tuple(columns[oid])


def _read_sequences(connection: Connection, tables: Mapping[int, ServerTable]) -> dict[tuple[int, int], str]:
    """Return the sequences behind columns: of identity, of serial, and of a default that names one."""
    return {
        (oid, number): name
        for oid, number, name in connection.execute(
            "SELECT d.refobjid, d.refobjsubid, d.objid::regclass::text FROM pg_depend d "
            "JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S' "
            "WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass "
            "AND d.refobjid = ANY(%(tables)s) AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') "
            "UNION SELECT f.adrelid, f.adnum, d.refobjid::regclass::text FROM pg_attrdef f "
            "JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid "
            "JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'S' "
            "WHERE d.refclassid = 'pg_class'::regclass AND f.adrelid = ANY(%(tables)s)",
            {"tables": list(tables)},
        )
    }


def _add_indexes(connection: Connection, tables: Mapping[int, ServerTable]) -> None:
    for oid, name, is_unique, is_primary, is_partial, knows_null, names, texts, collations in connection.execute(
        "SELECT i.indrelid, c.relname::text, i.indisunique, i.indisprimary, i.indpred IS NOT NULL, "
        "coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), "
        "array_agg(a.attname::text ORDER BY p.place), "
        "array_agg(CASE WHEN a.attname IS NULL THEN pg_get_indexdef(i.indexrelid, p.place::int, true) END "
        "ORDER BY p.place), array_agg(coalesce(o.oid::regcollation::text, '') ORDER BY p.place) "
        "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS p (number, place) "
        "LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = p.number AND p.number > 0 "
        "LEFT JOIN pg_collation o ON o.oid = (i.indcollation::oid[])[p.place - 1] AND NOT o.collisdeterministic "
        "WHERE i.indrelid = ANY(%s) AND i.indisvalid AND i.indisready AND p.place <= i.indnkeyatts "
        "GROUP BY i.*, i.indexrelid, i.indrelid, c.relname, i.indisunique, i.indisprimary, i.indpred IS NOT NULL "
        "ORDER BY c.relname",
        (list(tables),),
    ):
        tables[oid].indexes.append(
            ServerIndex(
                name=name,
                columns=tuple(names),
                folded=tuple(_read_folded(text or "") for text in texts),
                collations=tuple(collations),
                is_unique=is_unique,
                is_primary=is_primary,
                is_partial=is_partial,
                knows_null=knows_null,
            )
        )


def _read_folded(text: str) -> str:
    found = _FOLDED.fullmatch(text)
    if found is None:
        return ""
    name = found["name"]
    bare = name[1:-1].replace('""', '"') if name.startswith('"') else name
    how = "casefold" if found[1] == "lower" and found["plain"] is None else found[1]
    return f"{how} {bare}"


def _add_keys(connection: Connection, tables: Mapping[int, ServerTable]) -> None:
    for oid, name, columns, parent, parent_columns, collations, is_validated in connection.execute(
        "SELECT k.conrelid, k.conname::text, "
        "(SELECT array_agg(a.attname::text ORDER BY p.place) FROM unnest(k.conkey) WITH ORDINALITY AS p (number, place)"
        " JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.number), k.confrelid, "
        "(SELECT array_agg(a.attname::text ORDER BY p.place) FROM unnest(k.confkey) WITH ORDINALITY AS p "
        "(number, place) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.number), "
        "(SELECT array_agg(coalesce(nullif(a.attcollation, 0)::regcollation::text, '') ORDER BY p.place) "
        "FROM unnest(k.confkey) WITH ORDINALITY AS p (number, place) "
        "JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.number), k.convalidated "
        "FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = ANY(%s) ORDER BY k.conname",
        (list(tables),),
    ):
        if parent in tables:
            tables[oid].foreign_keys.append(
                ServerKey(
                    name=name,
                    columns=tuple(columns),
                    parent=tables[parent].name,
                    parent_columns=tuple(parent_columns),
                    collations=tuple(collations),
                    is_validated=is_validated,
                )
            )
