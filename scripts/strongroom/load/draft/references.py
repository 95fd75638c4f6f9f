"""Foreign keys as PostgreSQL can keep them: to columns that are unique there, of the same type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.core.quoting import fold, literal, quote, quote_all
from strongroom.load.draft.model import Drafted
from strongroom.load.draft.names import NameBook
from strongroom.load.draft.tables import Shape, kind_of
from strongroom.load.draft.terms import UntranslatableError
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.schema import Table

_WHOLE = {"bigint", "integer", "smallint"}
_ALIKE = {"varchar": "text", **dict.fromkeys(_WHOLE, "bigint")}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """A foreign key as SQLite declares it; ``parent_columns`` is empty where the primary key is meant."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_update: str
    on_delete: str
    deferral: str


def create_references(
    connection: Connection, shape: Shape, tables: Mapping[str, Table], shapes: Mapping[str, Shape], told: list[str]
) -> Iterator[Drafted]:
    """Yield a table's foreign keys; ``told`` gains those that do not come along.

    ``tables`` are the source's by folded name, ``shapes`` what is drafted of them: of a parent that is not, the server
    has to say whether it can be referred to.
    """
    names = NameBook(())
    for key in _read_keys(connection, shape):
        about = f"{shape.name}.{key.columns[0]}: FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {key.parent}"
        try:
            parent, columns = _find_parent(key, tables)
            known = shapes.get(fold(parent))
            if known is not None:
                _refuse_parent(key, shape, known, columns)
        except UntranslatableError as error:
            told.append(f"{about} does not come along: {error}")
            continue
        name = names.choose("fk", shape.name, *key.columns)
        yield Drafted(
            statement=f"ALTER TABLE {quote(shape.name)} ADD CONSTRAINT {quote(name)} "
            f"FOREIGN KEY ({quote_all(_spell(key.columns, shape.table))}) "
            f"REFERENCES {quote(parent)} ({quote_all(columns)}){_write_actions(key)}",
            subject=f"foreign key {shape.name}.{key.columns[0]}",
            is_optional=known is None,
        )


def _read_keys(connection: Connection, shape: Shape) -> list[_Key]:
    """Read a table's foreign keys in the order of their declaration, which is the reverse of their numbers."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    for number, place, *parts in connection.execute(f"PRAGMA foreign_key_list({literal(shape.name)})").fetchall():
        found.setdefault(number, []).append((place, *parts))
    keys = [sorted(found[number]) for number in sorted(found, reverse=True)]
    deferrals = shape.clauses.deferrals if len(shape.clauses.deferrals) == len(keys) else [""] * len(keys)
    return [
        _Key(
            columns=tuple(part[2] for part in parts),
            parent=parts[0][1],
            parent_columns=tuple(part[3] for part in parts if part[3] is not None),
            on_update=parts[0][4],
            on_delete=parts[0][5],
            deferral=deferral,
        )
        for parts, deferral in zip(keys, deferrals, strict=True)
    ]


def _find_parent(key: _Key, tables: Mapping[str, Table]) -> tuple[str, tuple[str, ...]]:
    """Return the parent and its columns as they are spelled there."""
    parent = tables.get(fold(key.parent))
    if parent is None:
        raise UntranslatableError("there is no such table")
    columns = key.parent_columns or parent.primary_key
    if len(columns) != len(key.columns):
        raise UntranslatableError(f"the primary key of {parent.name} has not so many columns")
    unknown = next((name for name in columns if fold(name) not in parent.by_name), None)
    if unknown is not None:
        raise UntranslatableError(f"{parent.name} has no column {unknown}")
    return parent.name, _spell(columns, parent)


def _spell(columns: Sequence[str], table: Table) -> tuple[str, ...]:
    return tuple(table.by_name[fold(name)].name for name in columns)


def _refuse_parent(key: _Key, shape: Shape, parent: Shape, columns: Sequence[str]) -> None:
    if frozenset(map(fold, columns)) not in parent.keys:
        raise UntranslatableError(f"{parent.name} ({', '.join(columns)}) is not unique there")
    for mine, theirs in zip(key.columns, columns, strict=True):
        one, other = shape.by_name[fold(mine)], parent.by_name[fold(theirs)]
        if _ALIKE.get(kind_of(one), one.type) != _ALIKE.get(kind_of(other), other.type) or one.enum != other.enum:
            raise UntranslatableError(f"{mine} is {one.type}, {parent.name}.{theirs} is {other.type}")


def _write_actions(key: _Key) -> str:
    actions = {"UPDATE": key.on_update, "DELETE": key.on_delete}
    written = "".join(f" ON {event} {action}" for event, action in actions.items() if action != "NO ACTION")
    return f"{written} {key.deferral}".rstrip()
