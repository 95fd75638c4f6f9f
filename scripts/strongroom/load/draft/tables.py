"""The DDL of tables: columns, keys and indexes as SQLite has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from strongroom.core.quoting import fold, literal, quote, quote_all
from strongroom.load.draft.clauses import Clauses
from strongroom.load.draft.comparing import collate
from strongroom.load.draft.defaults import write_default
from strongroom.load.draft.model import Chosen, Drafted
from strongroom.load.draft.names import NameBook
from strongroom.load.draft.terms import Term, UntranslatableError, term_of
from strongroom.sqlite.schema import Index, Table

_TEXTS = {"text", "varchar"}
_WITHOUT_ORDER = {"json"}
_WHOLE = {"bigint", "integer", "smallint"}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A table of the source, and what becomes of its columns."""

    table: Table
    chosen: tuple[Chosen, ...]
    clauses: Clauses
    key_holds_null: bool = False
    """Whether its PRIMARY KEY cannot be one in PostgreSQL, where none holds NULL."""

    @property
    def name(self) -> str:
        """Return the table's name."""
        return self.table.name

    @cached_property
    def by_name(self) -> dict[str, Chosen]:
        """Return its columns by folded name."""
        return {fold(one.column.name): one for one in self.chosen}

    @cached_property
    def keys(self) -> frozenset[frozenset[str]]:
        """Return the sets of columns (folded) that PostgreSQL keeps unique, and a foreign key may refer to."""
        whole = [index for index in self.table.indexes if index.unique and not index.partial and index.columns]
        found = {frozenset(map(fold, index.columns)) for index in whole if self.is_plain(index)}
        rowid = self.table.integer_key
        return frozenset(found) if rowid is None else frozenset({*found, frozenset({fold(rowid)})})

    def is_plain(self, index: Index) -> bool:
        """Tell whether an index on columns is one on the same columns in PostgreSQL."""
        return all(self.is_plain_part(str(name), collation) for name, _, collation in index.parts)

    def is_plain_part(self, name: str, collation: str) -> bool:
        """Tell whether a column is unique in PostgreSQL as it is under a collation of SQLite."""
        kind = kind_of(self.by_name[fold(name)])
        return kind not in _WITHOUT_ORDER and (kind not in _TEXTS or collation.upper() == "BINARY")

    def find_column(self, table: str, name: str) -> Term | None:
        """Return a column as an expression of this table sees it (``Scope``)."""
        if table and fold(table) != fold(self.name):
            return None
        found = self.by_name.get(fold(name))
        if found is None and fold(name) in {"rowid", "oid", "_rowid_"} and self.table.integer_key is not None:
            found = self.by_name[fold(self.table.integer_key)]
        if found is None:
            return None
        return term_of(found, self.clauses.collations.get(fold(found.column.name), "BINARY"))


def kind_of(chosen: Chosen) -> str:
    """Return a column's type without what stands in parentheses."""
    return chosen.type.partition("(")[0]


def create_enums(shape: Shape) -> Iterator[Drafted]:
    """Yield the types that columns need which are enums."""
    for chosen in shape.chosen:
        if chosen.type == "enum":
            labels = ", ".join(map(literal, chosen.labels))
            subject = f"type of {shape.name}.{chosen.column.name}"
            yield Drafted(statement=f"CREATE TYPE {quote(chosen.enum)} AS ENUM ({labels})", subject=subject)


def create_table(shape: Shape, book: NameBook, told: list[str]) -> Drafted:
    """Return the table with its keys, NOT NULL and defaults; ``told`` gains what does not come along."""
    parts = [_write_column(shape, chosen, book, told) for chosen in shape.chosen]
    parts += [_write_key(shape, index, book) for index in _list_keys(shape.table) if shape.is_plain(index)]
    if shape.table.integer_key is not None:
        name = quote(book.choose("pk", shape.name))
        parts.append(f"CONSTRAINT {name} PRIMARY KEY ({quote(shape.table.integer_key)})")
    return Drafted(statement=f"CREATE TABLE {quote(shape.name)} ({', '.join(parts)})", subject=f"table {shape.name}")


def create_key_indexes(shape: Shape, book: NameBook, told: list[str]) -> Iterator[Drafted]:
    """Yield unique indexes for keys that are unique under a collation of SQLite's."""
    for index in _list_keys(shape.table):
        if shape.is_plain(index):
            continue
        word = "PRIMARY KEY" if index.origin == "pk" else "UNIQUE"
        about = f"{shape.name}: {word} ({', '.join(index.columns)})"
        try:
            parts = ", ".join(write_part(shape, str(name), collation) for name, _, collation in index.parts)
        except UntranslatableError as error:
            told.append(f"{about} does not come along: it {error}")
            continue
        name = book.choose("pk" if index.origin == "pk" else "uq", shape.name, *index.columns)
        told.append(f"{about} comes as a unique index, for SQLite compares by a collation there")
        statement = f"CREATE UNIQUE INDEX {quote(name)} ON {quote(shape.name)} ({parts})"
        yield Drafted(statement=statement, subject=f"index {shape.name}.{name}")


def write_part(shape: Shape, column: str, collation: str) -> str:
    """Return a column as a part of an index. Raises UntranslatableError."""
    chosen = shape.by_name[fold(column)]
    name = quote(chosen.column.name)
    if shape.is_plain_part(column, collation):
        return name
    if kind_of(chosen) not in _TEXTS:
        raise UntranslatableError(f"is of {chosen.type}, which has no such order")
    return collate(name, collation.upper(), is_ordered=False)


def write_column_default(shape_name: str, chosen: Chosen, told: list[str]) -> str:
    """Return `` DEFAULT …``, or nothing; ``told`` gains a default that does not come along."""
    try:
        said = write_default(chosen)
    except UntranslatableError as error:
        told.append(
            f"{shape_name}.{chosen.column.name}: DEFAULT {chosen.column.default} does not come along: it {error}"
        )
        return ""
    return "" if said is None else f" DEFAULT {said}"


def write_type(chosen: Chosen) -> str:
    """Return a column's type as DDL has it."""
    return quote(chosen.enum) if chosen.type == "enum" else chosen.type


def _write_column(shape: Shape, chosen: Chosen, book: NameBook, told: list[str]) -> str:
    column = chosen.column
    written = f"{quote(column.name)} {write_type(chosen)}"
    if column.name == shape.table.integer_key and chosen.type in _WHOLE:
        return f"{written} GENERATED BY DEFAULT AS IDENTITY{_name_sequence(shape, column.name, book)}"
    if column.generated:
        told.append(f"{shape.name}.{column.name}: is computed in SQLite, and comes as a plain column with its values")
    default = write_column_default(shape.name, chosen, told)
    is_required = column.not_null or (bool(column.pk) and shape.table.without_rowid)
    return f"{written}{' NOT NULL' if is_required else ''}{default}"


def _name_sequence(shape: Shape, column: str, book: NameBook) -> str:
    """Name an identity's sequence where its usual name is given away."""
    usual = f"{shape.name}_{column}_seq"
    name = book.choose(usual)
    return "" if name == usual else f" (SEQUENCE NAME {quote(name)})"


def _list_keys(table: Table) -> Sequence[Index]:
    return [index for index in table.indexes if index.origin in {"pk", "u"}]


def _write_key(shape: Shape, index: Index, book: NameBook) -> str:
    is_primary = index.origin == "pk" and not shape.key_holds_null
    name = book.choose("pk", shape.name) if is_primary else book.choose("uq", shape.name, *index.columns)
    word = "PRIMARY KEY" if is_primary else "UNIQUE"
    return f"CONSTRAINT {quote(name)} {word} ({quote_all(index.columns)})"
