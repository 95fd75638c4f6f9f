"""What each way of ``bench.postgres`` makes of values that are hard to carry: right, altered, or gone.

A value that its type cannot hold is to be left out; what a way makes of it instead is altered. Each stands in a table
of its own beside a plain value, which has to arrive whatever becomes of the other.
"""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psycopg

from strongroom.core.quoting import quote
from tests.bench.kinds import Kind
from tests.bench.measure import child_environment
from tests.bench.outcome import align
from tests.bench.postgres_data import Consolidated, LoadedTable
from tests.bench.postgres_server import BenchServer
from tests.bench.postgres_ways import Ground

TARGET = "odd"
PLACES = {
    "text": ("value", "TEXT", "'plain'"),
    "bigint": ("value", "INTEGER", "7"),
    "double precision": ("value", "REAL", "0.5"),
    "boolean": ("value", "BOOLEAN", "1"),
    "jsonb": ("artifact", "TEXT", "'{}'"),
    "timestamptz": ("updated_at", "TEXT", "'2020-01-01 00:00:00'"),
    "bytea": ("value", "BLOB", "X'01'"),
}
"""Type -> a column, its declaration, a plain value of it as SQLite spells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One value."""

    about: str
    type: str
    value: str
    """As SQLite spells it."""
    becomes: str | None = None
    """As PostgreSQL spells it; None: no row may stand for it."""


def _case(type_: str, about: str, value: str, becomes: str | None = None) -> Case:
    return Case(about=about, type=type_, value=value, becomes=becomes)


CASES = (
    _case("text", "plain", "'plain'", "'plain'"),
    _case("text", "empty", "''", "''"),
    _case("text", "spaces around", "' a '", "' a '"),
    _case("text", "backslash, N", "'\\N'", "'\\N'"),
    _case("text", "tab and newline", "'a' || char(9) || 'b' || char(10)", "E'a\\tb\\n'"),
    _case("text", "beyond the BMP", "char(128512)", "chr(128512)"),
    _case("text", "NUL", "CAST(X'610062' AS TEXT)"),
    _case("text", "invalid UTF-8", "CAST(X'61ff' AS TEXT)"),
    _case("bigint", "2^63 - 1", "9223372036854775807", "9223372036854775807"),
    _case("bigint", "-2^63", "-9223372036854775808", "'-9223372036854775808'::bigint"),
    _case("bigint", "2^63, a REAL", "9223372036854775808"),
    _case("bigint", "a text", "'abc'"),
    _case("bigint", "a fraction", "1.5"),
    _case("double precision", "a third", "1.0 / 3", "0.3333333333333333::float8"),
    _case("double precision", "the largest", "1.7976931348623157e308", "1.7976931348623157e308::float8"),
    _case("double precision", "the smallest", "5e-324", "'5e-324'::float8"),
    _case("double precision", "infinity", "9e999", "'Infinity'::float8"),
    _case("double precision", "a text", "'n/a'"),
    _case("boolean", "0", "0", "false"),
    _case("boolean", "1", "1", "true"),
    _case("boolean", "2", "2"),
    _case("jsonb", "a number of 30 digits", "'[123456789012345678901234567890]'", "'[123456789012345678901234567890]'"),
    _case("jsonb", "an object", """'{"a": [true, null]}'""", """'{"a": [true, null]}'"""),
    _case("jsonb", "\\u0000", "'[\"\\u0000\"]'"),
    _case("jsonb", "a name twice", """'{"a": 1, "a": 2}'"""),
    _case("jsonb", "no JSON", "'{'"),
    _case("timestamptz", "T, Z", "'2020-01-02T03:04:05Z'", "'2020-01-02 03:04:05+00'"),
    _case("timestamptz", "+02:00", "'2020-01-02 03:04:05.123456+02:00'", "'2020-01-02 01:04:05.123456+00'"),
    _case("timestamptz", "no zone", "'2020-01-02 03:04:05'", "'2020-01-02 03:04:05+00'"),
    _case("timestamptz", "30 February", "'2020-02-30 00:00:00'"),
    _case("timestamptz", "year 0", "'0000-01-01 00:00:00'"),
    _case("timestamptz", "a word", "'yesterday'"),
    _case("bytea", "empty", "X''", "'\\x'"),
    _case("bytea", "NUL, 255", "X'00ff'", "'\\x00ff'"),
    _case("bytea", "a text", "'text'"),
)


Judged: TypeAlias = tuple[int, list[str]]
"""An exit code, and what became of each value."""


def make_odd(root: Path) -> Consolidated:
    """Make a database of a table for each value, with a plain one beside it."""
    tables = [_describe(number, case) for number, case in enumerate(CASES)]
    data = Consolidated(root=root, tables=tuple(tables), rows=2 * len(CASES))
    data.databases.mkdir(parents=True)
    (root / "csv").mkdir()
    with closing(sqlite3.connect(data.databases / f"{TARGET}.db")) as connection, connection:
        for table, case in zip(tables, CASES, strict=True):
            connection.execute(table.kind.table_sql(table.name))
            values = (PLACES[case.type][2], case.value)
            for number, value in enumerate(values):
                connection.execute(f"INSERT INTO {quote(table.name)} VALUES ({number}, {value})")
            data.csv_of(table).touch()
    return data


def _describe(number: int, case: Case) -> LoadedTable:
    column, declared, _ = PLACES[case.type]
    kind = Kind(columns={"id": ("INTEGER PRIMARY KEY", ""), column: (declared, "")}, key=("id",), indexes=())
    name = f"value_{number:02}"
    return LoadedTable(target=TARGET, name=name, kind=kind, said=(column,), added={}, source=Path(f"{name}.db"))


def judge_values(ground: Ground, name: str, schema: str) -> Judged:
    """Let a way load the odd values; return its exit code, and what became of each."""
    ground.prepare(name)
    done = subprocess.run(ground.spell(name), capture_output=True, env=child_environment(), check=False)
    pairs = zip(ground.data.tables, CASES, strict=True)
    return done.returncode, [judge(case, table, ground.server, schema) for table, case in pairs]


def judge(case: Case, table: LoadedTable, server: BenchServer, schema: str) -> str:
    """Return ``right``, ``altered``, ``left out`` or ``GONE``; with the plain value where that is gone, too."""
    column = PLACES[case.type][0]
    found = f"{quote(column)}::{case.type}"
    wanted = "NULL" if case.becomes is None else f"({case.becomes})::{case.type}"
    if case.type == "double precision":
        found, wanted = f"float8send({found})", f"float8send({wanted})"
    place = f"{quote(schema)}.{quote(table.name)}"
    try:
        rows = dict(server.read(f"SELECT id, {found} IS NOT DISTINCT FROM {wanted} FROM {place}"))
    except psycopg.errors.UndefinedTable:
        rows = {}
    if 1 in rows:
        became = "right" if rows[1] and case.becomes is not None else "altered"
    else:
        became = "left out" if case.becomes is None else "GONE"
    return became if 0 in rows else f"{became}, and the table"


def count_wrong(judged: Judged) -> int:
    """Count the values that were lost or altered, or whose neighbour was lost."""
    return sum(became not in ("right", "left out") for became in judged[1])


def format_values(found: Mapping[str, Judged]) -> list[str]:
    """Return a table of the values, a column for each way."""
    lines = [("value", *found, "type")]
    lines += [
        (case.about, *(judged[number] for _, judged in found.values()), case.type) for number, case in enumerate(CASES)
    ]
    lines.append(("exit code", *(str(code) for code, _ in found.values()), ""))
    return align(lines)
