"""Find the values that a target's column would store as others: SQLite converts without a word.

What is converted is documented in https://sqlite.org/datatype3.html, section 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from strongroom.binding.model import BoundInput, TableJob, Work
from strongroom.core.errors import PlanError
from strongroom.core.quoting import dotted, fold, quote
from strongroom.sqlite.connection import Connection, RawText, open_snapshot
from strongroom.sqlite.schema import Column

_NUMBER = re.compile(rb"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


def refuse_conversions(work: Work) -> None:
    """Refuse a plan by which values become others because a target's column has another type. Read-only.

    Raises PlanError naming the first such column, how many values of it change, and one of them.
    """
    for target in work.targets:
        for job in target.tables:
            for entry in job.inputs:
                for fact in _find_conversions(job, entry):
                    raise PlanError(job.into, fact, "declare the column with the type that its sources have")


def _find_conversions(job: TableJob, entry: BoundInput) -> Iterator[str]:
    pairs = [(column, entry.table.by_name[fold(entry.columns[column.name])]) for column in _taken(job, entry)]
    pairs = [(column, source) for column, source in pairs if column.affinity != source.affinity]
    if not pairs:
        return
    with open_snapshot(entry.database) as connection:
        connection.create_function("strongroom_is_number", 1, _is_number, deterministic=True)
        connection.text_factory = RawText
        for column, source in pairs:
            count, example = _ask(connection, job, entry, column, source)
            if count:
                may_show = not job.is_secret and column.name not in job.secret
                said = f" ({example})" if example is not None and may_show else ""
                many = "1 value" if count == 1 else f"{count} values"
                place = f"{entry.name}.{source.name}"
                yield f"{many} of {place}{said} would be stored as another by {column.name} {column.declared}".rstrip()


def _taken(job: TableJob, entry: BoundInput) -> list[Column]:
    """Return the columns that an input fills with its values as they are."""
    return [one for one in job.columns if one.name in entry.columns and one.name not in job.transform]


def _ask(
    connection: Connection, job: TableJob, entry: BoundInput, column: Column, source: Column
) -> tuple[int, str | None]:
    value = quote(source.name)
    wanted = "1" if job.where is None or entry.is_seed else f"({job.where.sql})"
    row = connection.execute(
        f"SELECT count(*), max(CASE typeof({value}) WHEN 'blob' THEN NULL ELSE quote({value}) END) "
        f"FROM {dotted('main', entry.table.name)} WHERE {_changes(column, value)} AND {wanted}"
    ).fetchone()
    return int(row[0]), None if row[1] is None else bytes(row[1]).decode(errors="replace")


def _changes(column: Column, value: str) -> str:
    """Return the condition that a column stores a value as another one."""
    number = f"typeof({value}) = 'text' AND strongroom_is_number(CAST({value} AS BLOB))"
    whole = f"typeof({value}) = 'real' AND {value} = CAST({value} AS INTEGER) AND abs({value}) < 9223372036854775807.0"
    return {
        "TEXT": f"typeof({value}) IN ('integer', 'real')",
        "REAL": f"(typeof({value}) = 'integer' OR {number})",
        "INTEGER": f"({number} OR {whole})",
        "NUMERIC": f"({number} OR {whole})",
    }.get(column.affinity, "0")


def _is_number(value: bytes) -> bool:
    return _NUMBER.fullmatch(value) is not None
