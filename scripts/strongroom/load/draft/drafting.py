"""Draft what a system without schema files gets: tables, keys, indexes, views from a SQLite snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from strongroom.core.errors import PlanError
from strongroom.core.plan.form import Defaults, Target
from strongroom.core.quoting import fold, quote
from strongroom.load.draft.census import holds_null
from strongroom.load.draft.choosing import choose_types
from strongroom.load.draft.clauses import Clauses, UnreadableError, read_clauses, read_module
from strongroom.load.draft.indexes import create_checks, create_indexes
from strongroom.load.draft.model import Chosen, Draft, Drafted
from strongroom.load.draft.names import NameBook, refuse_column_name, refuse_table_name, shorten
from strongroom.load.draft.planned import refuse_undecided, refuse_unknown
from strongroom.load.draft.reading import texts_as_str
from strongroom.load.draft.references import create_references
from strongroom.load.draft.tables import (
    Shape,
    create_enums,
    create_key_indexes,
    create_table,
    write_column_default,
    write_type,
)
from strongroom.load.draft.views import create_views
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.schema import Schema, Table, read_schema

_KEEPING = {"fts3", "fts4", "fts5", "rtree", "rtree_i32"}
"""Modules of virtual tables whose rows are their own, unless ``content`` says otherwise."""


@dataclass(frozen=True, kw_only=True)
class _Desk:
    """What one draft works with."""

    connection: Connection
    target: Target
    defaults: Defaults
    schema: Schema
    book: NameBook
    told: list[str] = field(default_factory=list)

    @property
    def tables(self) -> Mapping[str, Table]:
        """Return the source's tables by folded name."""
        return {fold(name): table for name, table in self.schema.tables.items()}

    def shape(self, table: Table) -> Shape:
        """Choose the types of a table's columns. Raises PlanError."""
        refuse_table_name(self.target.name, table.name)
        for column in table.columns:
            refuse_column_name(self.target.name, table.name, column.name)
        chosen = choose_types(self.connection, self.target, self.defaults, table, table.columns)
        self.told.extend(one.reported for one in chosen if one.reported)
        return Shape(
            table=table,
            chosen=tuple(map(self.name_enum, [table.name] * len(chosen), chosen)),
            clauses=self._read(table),
            key_holds_null=self._has_key_with_null(table),
        )

    def _has_key_with_null(self, table: Table) -> bool:
        """Tell whether SQLite let NULL into a PRIMARY KEY, as it does where nothing says NOT NULL."""
        key = next((index.columns for index in table.indexes if index.origin == "pk"), ())
        if table.without_rowid or not key or not holds_null(self.connection, table.name, key):
            return False
        self.told.append(
            f"{table.name}: PRIMARY KEY ({', '.join(key)}) comes as UNIQUE, for NULL is in it, which SQLite lets in"
        )
        return True

    def name_enum(self, table: str, chosen: Chosen) -> Chosen:
        if chosen.type != "enum":
            return chosen
        return replace(chosen, enum=self.book.choose(table, chosen.column.name))

    def _read(self, table: Table) -> Clauses:
        if table.kind == "virtual":
            self.told.append(f"{table.name}: virtual table, its rows come as those of a plain one")
            return Clauses()
        try:
            clauses = read_clauses(table.sql)
        except UnreadableError:
            self.told.append(f"{table.name}: its SQL cannot be parsed: CHECKs and DEFERRABLE do not come along")
            return Clauses()
        self.told.extend(
            f"{table.name}: ON CONFLICT {word} does not come along: PostgreSQL ends the statement with an error"
            for word in dict.fromkeys(clauses.resolutions)
        )
        return clauses

    def refuse_undecided(self, *shapes: Shape) -> None:
        """Raise PlanError for columns whose values no type holds."""
        columns = [(shape.name, chosen) for shape in shapes for chosen in shape.chosen]
        refuse_undecided(self.connection, self.target, columns)

    def close(self, statements: Sequence[Drafted], skipped: Sequence[str] = ()) -> Draft:
        """Return the draft."""
        return Draft(statements=tuple(statements), reported=tuple(self.told), skipped=tuple(skipped))


def draft_schema(connection: Connection, target: Target, defaults: Defaults) -> Draft:
    """Draft the whole schema of a snapshot. Read-only; at most two passes over each table, flat memory.

    Raises PlanError for columns whose values no type holds, for names that PostgreSQL does not take, and for what the
    plan says under ``types:`` and cannot be.
    """
    with texts_as_str(connection):
        desk = _open_desk(connection, target, defaults)
        refuse_unknown(target, desk.schema.tables)
        skipped = [table.name for table in desk.schema.tables.values() if not _keeps_rows(table)]
        shapes = [desk.shape(table) for table in desk.schema.tables.values() if table.name not in skipped]
        desk.told.extend(f"{name}: virtual table without content of its own, is not loaded" for name in skipped)
        desk.refuse_undecided(*shapes)
        statements = list(_create_all(desk, shapes))
        desk.told.extend(
            f"{table}: trigger {name} does not come along" for name, (table, _) in desk.schema.triggers.items()
        )
        return desk.close(statements, skipped)


def draft_table(connection: Connection, target: Target, defaults: Defaults, table: str) -> Draft:
    """Draft one table, to stand beside those of schema files; its foreign keys and indexes may fail there. Read-only.

    Raises PlanError as ``draft_schema`` does, and where there is no such table.
    """
    with texts_as_str(connection):
        desk = _open_desk(connection, target, defaults)
        found = _find_table(desk, table)
        if not _keeps_rows(found):
            desk.told.append(f"{found.name}: virtual table without content of its own, is not loaded")
            return desk.close([], [found.name])
        _refuse_unknown_columns(desk, found)
        shape = desk.shape(found)
        desk.refuse_undecided(shape)
        made = _create_tables(desk, [shape])
        statements = [*made, *create_references(connection, shape, desk.tables, {fold(shape.name): shape}, desk.told)]
        desk.told.extend(
            f"{shape.name}: trigger {name} does not come along"
            for name, (owner, _) in desk.schema.triggers.items()
            if fold(owner) == fold(shape.name)
        )
        return desk.close([replace(one, is_optional=_may_fail(one)) for one in statements])


def draft_column(  # noqa: PLR0917  # what draft_table takes, and two names more
    connection: Connection, target: Target, defaults: Defaults, table: str, column: str, into: str
) -> Draft:
    """Draft one column of a table, to be added to the table ``into`` of schema files; it may be NULL there. Read-only.

    Raises PlanError as ``draft_schema`` does, and where there is no such column.
    """
    with texts_as_str(connection):
        desk = _open_desk(connection, target, defaults)
        found = _find_table(desk, table)
        named = found.by_name.get(fold(column))
        if named is None:
            raise PlanError(f"{target.name}.{table}.{column}", "there is no such column in the source")
        refuse_column_name(target.name, found.name, named.name)
        (chosen,) = choose_types(connection, target, defaults, found, [named])
        desk.told.extend([chosen.reported] if chosen.reported else [])
        shape = Shape(table=found, chosen=(desk.name_enum(found.name, chosen),), clauses=Clauses())
        desk.refuse_undecided(shape)
        (chosen,) = shape.chosen
        default = write_column_default(found.name, chosen, desk.told)
        added = Drafted(
            statement=f"ALTER TABLE {quote(into)} ADD COLUMN {quote(named.name)} {write_type(chosen)}{default}",
            subject=f"column {into}.{named.name}",
        )
        return desk.close([*create_enums(shape), added])


def _open_desk(connection: Connection, target: Target, defaults: Defaults) -> _Desk:
    schema = read_schema(connection)
    indexes = [index.name for table in schema.tables.values() for index in table.indexes if index.origin == "c"]
    kept = [name for name in indexes if shorten(name) == name]
    book = NameBook([*schema.tables, *schema.views, *kept])
    return _Desk(connection=connection, target=target, defaults=defaults, schema=schema, book=book)


def _find_table(desk: _Desk, name: str) -> Table:
    found = desk.schema.find(name)
    if found is None:
        raise PlanError(f"{desk.target.name}.{name}", "there is no such table in the source")
    return found


def _create_all(desk: _Desk, shapes: Sequence[Shape]) -> Iterator[Drafted]:
    by_name = {fold(shape.name): shape for shape in shapes}
    yield from _create_tables(desk, shapes)
    for shape in shapes:
        yield from create_references(desk.connection, shape, desk.tables, by_name, desk.told)
    for view in desk.schema.views:
        refuse_table_name(desk.target.name, view)
    yield from create_views(desk.connection, desk.schema.views, by_name, desk.told)


def _create_tables(desk: _Desk, shapes: Sequence[Shape]) -> Iterator[Drafted]:
    for shape in shapes:
        yield from create_enums(shape)
    for shape in shapes:
        yield create_table(shape, desk.book, desk.told)
        yield from create_checks(shape, desk.told)
    for shape in shapes:
        yield from create_key_indexes(shape, desk.book, desk.told)
        yield from create_indexes(shape, desk.book, desk.told)


def _may_fail(one: Drafted) -> bool:
    """Tell whether a statement may fail beside what schema files made: all but types and tables."""
    return one.is_optional or not one.statement.startswith(("CREATE TYPE", "CREATE TABLE"))


def _refuse_unknown_columns(desk: _Desk, table: Table) -> None:
    said = {key: kind for key, kind in desk.target.types.items() if fold(key[0]) == fold(table.name)}
    refuse_unknown(replace(desk.target, types=said), {table.name: table})


def _keeps_rows(table: Table) -> bool:
    """Tell whether a table's rows are its own."""
    if table.kind != "virtual":
        return True
    try:
        module, arguments = read_module(table.sql)
    except UnreadableError:
        return False
    words = fold(arguments).replace(" ", "")
    return module in _KEEPING and "content=" not in words
