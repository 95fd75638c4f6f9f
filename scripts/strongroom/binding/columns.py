"""Which source column feeds which target column, and what stands in where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from strongroom.core.engines import Engine
from strongroom.core.errors import PlanError
from strongroom.core.plan import Input, Scalar, TableRule
from strongroom.core.quoting import fold, literal
from strongroom.sqlite.connection import Connection, open_memory
from strongroom.sqlite.schema import Column, Table

_LITERAL = re.compile(
    r"""[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|'([^']|'')*'|"([^"]|"")*"|NULL|TRUE|FALSE|x'([0-9a-f]{2})*'""",
    re.IGNORECASE,
)


def map_columns(rule: TableRule, target: Table, source: Table, entry: Input) -> Mapping[str, str]:
    """Return target column to source column, by the plan's renames and then by name in any case.

    Raises PlanError when a rename names a column that is not there.
    """
    mapped: dict[str, str] = {}
    for into, column in entry.columns.items():
        mapped[_find(rule, target, into, rule.into).name] = _find(rule, source, column, entry.name).name
    taken = {fold(name) for name in mapped.values()}
    for held in target.stored:
        twin = source.by_name.get(fold(held.name))
        if held.name not in mapped and twin is not None and fold(twin.name) not in taken:
            mapped[held.name] = twin.name
    return mapped


def missing_columns(target: Table, source: Table, entry: Input) -> list[Column]:
    """Return the source's columns that have no place in the target yet."""
    renamed = {fold(name) for name in entry.columns.values()}
    return [
        column
        for column in source.stored
        if fold(column.name) not in target.by_name and fold(column.name) not in renamed
    ]


def _find(rule: TableRule, table: Table, name: str, where: str) -> Column:
    column = table.by_name.get(fold(name))
    if column is None:
        raise PlanError(rule.origin, f"{where} has no column {name!r}", f"one of: {_names(table.columns)}")
    return column


def _names(columns: Iterable[Column]) -> str:
    return ", ".join(column.name for column in columns)


def choose_key(rule: TableRule, table: Table) -> tuple[tuple[str, ...], str | None, str]:
    """Return the columns on which rows match, the surrogate id if there is one, and how it changes.

    Raises PlanError when they name columns that are not there, or keep_both has no surrogate.
    """
    key = tuple(_find(rule, table, name, rule.into).name for name in rule.key or table.primary_key)
    identity, strategy = None, "keep"
    if rule.identity is not None and rule.identity.strategy != "keep":
        identity, strategy = _find(rule, table, rule.identity.column, rule.into).name, rule.identity.strategy
    if rule.conflict.rule == "keep_both":
        identity, strategy = table.integer_key, strategy if strategy == "offset" else "renumber"
        if identity is None or key != (identity,):
            raise PlanError(
                rule.origin,
                f"{rule.into}: keep_both needs an INTEGER PRIMARY KEY as its key",
                "use prefer, newest, merge or quarantine",
            )
    if identity is not None:
        _check_strategy(rule, table, identity, strategy)
    return key, identity, strategy


def _check_strategy(rule: TableRule, table: Table, identity: str, strategy: str) -> None:
    is_number = identity == table.integer_key
    if strategy != "uuid5" and not is_number:
        fact = f"{rule.into}: {identity} is no INTEGER PRIMARY KEY and cannot be renumbered"
        raise PlanError(rule.origin, fact, "use uuid5 for ids that are text")
    if strategy == "uuid5" and (is_number or table.rowid is None or table.by_name[fold(identity)].affinity != "TEXT"):
        raise PlanError(
            rule.origin, f"{rule.into}: {identity} is no TEXT column of a table with rowids", "use renumber"
        )


def choose_normalize(rule: TableRule, table: Table, key: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Return the transforms of each key column that is matched through them.

    Raises PlanError for a column outside the key.
    """
    chosen = {_find(rule, table, name, rule.into).name: names for name, names in rule.normalize.items()}
    for name in chosen:
        if name not in key:
            raise PlanError(
                rule.origin, f"{rule.into}: normalize names {name}, which is not in the key", "add it there"
            )
    return chosen


def choose_secret(rule: TableRule, table: Table) -> frozenset[str]:
    """Return the columns whose values are shown nowhere.

    Raises PlanError for one that is not there.
    """
    return frozenset(_find(rule, table, name, rule.into).name for name in rule.secret)


def check_columns(
    rule: TableRule, key: tuple[str, ...], table: Table, source: Table, columns: Mapping[str, str]
) -> None:
    """Make sure that the columns which the rule speaks of are really there.

    Raises PlanError naming the line of the rule.
    """
    wanted = [("key", name) for name in key]
    wanted += [("by", name) for name in rule.conflict.by]
    wanted += [("by", entry.by) for entry in rule.conflict.columns.values() if entry.by]
    for what, name in wanted:
        column = _find(rule, table, name, rule.into)
        if column.name not in columns and column.name not in rule.defaults:
            raise PlanError(
                rule.origin, f"{what} column {name!r} is missing in {source.name} ({_names(source.columns)})"
            )
    for name in (*rule.conflict.columns, *rule.transform, *rule.defaults):
        _find(rule, table, name, rule.into)


def choose_defaults(rule: TableRule, table: Table, engine: Engine) -> Mapping[str, str]:
    """Return an SQL literal for each target column: the plan's, else the DDL's where it is a literal, else NULL.

    It is the value that the column stores: 7 becomes '7' in a TEXT column.
    """
    named = {fold(name): value for name, value in rule.defaults.items()}
    with open_memory(engine) as connection:
        return {column.name: _as_stored(connection, column, _choose_default(column, named)) for column in table.stored}


def _choose_default(column: Column, named: Mapping[str, Scalar]) -> str:
    if fold(column.name) in named:
        return _as_literal(named[fold(column.name)])
    written = literal_default(column) or "NULL"
    return literal(written[1:-1].replace('""', '"')) if written.startswith('"') else written


def literal_default(column: Column) -> str | None:
    """Return the DEFAULT of a column as it is written, where that is a literal; "text" is one in SQLite."""
    written = (column.default or "").strip()
    return written if _LITERAL.fullmatch(written) else None


def _as_stored(connection: Connection, column: Column, value: str) -> str:
    if value == "NULL":
        return value
    connection.execute(f"CREATE TABLE stored (held {column.affinity})")
    connection.execute(f"INSERT INTO stored VALUES ({value})")
    same, held = connection.execute(f"SELECT typeof(held) = typeof({value}), quote(held) FROM stored").fetchone()
    connection.execute("DROP TABLE stored")
    return value if same else str(held)


def _as_literal(value: Scalar) -> str:
    if value is None:
        return "NULL"
    return repr(value) if isinstance(value, float) else literal(value)
