"""Encrypted columns go into PostgreSQL as they are, where they open: the same names, and the same primary keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from strongroom.binding.registered import Judgement, find_there, is_in_file, judge_names
from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import PlanError
from strongroom.core.plan import Plan, Target
from strongroom.core.quoting import fold, quote
from strongroom.load.rows.jobs import ColumnJob, TableJob
from strongroom.sqlite.connection import Connection

_WHOLE, _TEXT = "typeof({0}) = 'integer'", "typeof({0}) = 'text'"
_SAME_KEY = {
    "int2": _WHOLE,
    "int4": _WHOLE,
    "int8": _WHOLE,
    "text": _TEXT,
    "varchar": _TEXT,
    "bytea": "typeof({0}) = 'blob'",
    "uuid": f"{_TEXT} AND {{0}} = lower({{0}}) AND {{0}} GLOB '????????-????-????-????-????????????'",
}
"""Types in which a primary key stays the key that values are bound to, where this holds of it."""
_SAME_VALUE = {"text": "typeof({0}) <> 'blob'", "varchar": "typeof({0}) <> 'blob'", "bytea": "typeof({0}) <> 'text'"}
_DECRYPT = "columns.decrypt it first, and columns.encrypt it in PostgreSQL"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """A registered column, and the columns of the consolidated table that it and its primary key became."""

    registered: ColumnEntry
    column: str
    key: tuple[str, ...]


def refuse_unopened(
    source: Connection, plan: Plan, target: Target, job: TableJob, entries: Sequence[ColumnEntry]
) -> None:
    """Refuse a table in which values of registered columns would not open. Asks no key. Read-only.

    Raises PlanError naming the column.
    """
    for move in _list_moves(plan, target, job, entries):
        for fact, hint in _judge(source, target, job, move, entries):
            subject = f"{target.name}.{job.table}.{move.column}"
            raise PlanError(subject, f"is an encrypted column: {fact}", hint)


def _list_moves(plan: Plan, target: Target, job: TableJob, entries: Sequence[ColumnEntry]) -> Iterator[_Move]:
    """Yield what is registered for the consolidated file, for files that were merged into it, and for its schema."""
    known = {fold(column.source) for column in job.columns}
    for one in entries:
        is_here = is_in_file(one, target.path) or one.postgres == target.live_schema
        if is_here and fold(one.table) in (fold(job.table), fold(job.into)) and fold(one.column) in known:
            yield _Move(registered=one, column=one.column, key=one.primary_key)
        elif one.sqlite is not None:
            yield from _list_merged(plan, target, job, one)


def _list_merged(plan: Plan, target: Target, job: TableJob, one: ColumnEntry) -> Iterator[_Move]:
    for rule in plan.tables:
        if rule.target != target.name:
            continue
        for entry in rule.inputs:
            table = one.table if entry.table == "*" else rule.table
            is_named = entry.table == "*" or fold(entry.table) == fold(one.table)
            if is_named and fold(table) == fold(job.table) and is_in_file(one, plan.sources[entry.source].path):
                into = {fold(source): name for name, source in entry.columns.items()}
                column, *key = [into.get(fold(name), name) for name in (one.column, *one.primary_key)]
                yield _Move(registered=one, column=column, key=tuple(key))


def _judge(
    source: Connection, target: Target, job: TableJob, move: _Move, entries: Sequence[ColumnEntry]
) -> Iterator[Judgement]:
    found: Mapping[str, ColumnJob] = {fold(column.source): column for column in job.columns}
    missing = [name for name in (move.column, *move.key) if fold(name) not in found]
    if missing:
        yield f"{', '.join(missing)} is not loaded", "let the schema files hold it as a column of its own"
        return
    value, key = found[fold(move.column)], [found[fold(name)] for name in move.key]
    there = find_there(entries, target, job.into, value.into)
    yield from _judge_place(job, move, there, value, [column.into for column in key])
    is_cut = value.type.name == "varchar" and value.type.modifier != -1
    if value.type.name not in _SAME_VALUE or is_cut:
        yield f"it becomes {_name(value)}, which holds no ciphertext", "let it be text, or bytea where it is a BLOB"
    elif _holds_other(source, job, value, _SAME_VALUE[value.type.name]):
        yield f"it becomes {_name(value)}, and holds values of the other kind", "text where it is text, bytea for BLOBs"
    for column in key:
        if column.type.name not in _SAME_KEY:
            fact = f"its primary key {column.source} becomes {_name(column)}, to which no value is bound"
            yield fact, f"let it be bigint, text, uuid or bytea, or {_DECRYPT}"
        elif _holds_other(source, job, column, _SAME_KEY[column.type.name]):
            fact = f"its primary key {column.source} becomes {_name(column)}, and some rows are others then"
            yield fact, f"let it be of the type that it has (a uuid in lower case), or {_DECRYPT}"


def _judge_place(
    job: TableJob, move: _Move, there: ColumnEntry | None, value: ColumnJob, key: Sequence[str]
) -> Iterator[Judgement]:
    """Yield what keeps values from opening under the names that they get, letter by letter."""
    if there is move.registered or there is None:
        named = (move.registered.table, move.registered.column)
        if (job.into, value.into) != named:
            fact = f"it becomes {job.into}.{value.into}, where no value of it opens"
            yield fact, f"keep its name, or register it there with was: [{move.registered.name}]"
        return
    yield from judge_names(move.registered, there, job.into, value.into, key)


def _holds_other(source: Connection, job: TableJob, column: ColumnJob, condition: str) -> bool:
    name = quote(column.source)
    asked = f"SELECT 1 FROM main.{quote(job.table)} WHERE {name} IS NOT NULL AND NOT ({condition.format(name)}) LIMIT 1"
    return source.execute(asked).fetchone() is not None


def _name(column: ColumnJob) -> str:
    named = {"int8": "bigint", "int4": "integer", "int2": "smallint"}
    is_cut = column.type.name == "varchar" and column.type.modifier != -1
    return f"varchar({column.type.modifier - 4})" if is_cut else named.get(column.type.name, column.type.name)
