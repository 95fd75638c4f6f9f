"""What a draft makes is taken by the server, and means there what it means in SQLite."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from strongroom.core.plan.form import ColumnType
from strongroom.load.draft import Draft
from strongroom.sqlite.schema import read_schema
from tests.integration.containers.random_conditions import COLUMNS, TABLE, make_expression, make_rows
from tests.integration.containers.schema_site import Site
from tests.unit.load.draft.drafts import draft, open_script

STAGED = "core_staged"


@contextmanager
def made(site: Site, found: Draft) -> Iterator[psycopg.Connection[Any]]:
    """Make a draft in a schema of its own, and look names up there."""
    with site.connect() as connection:
        connection.execute(f"CREATE SCHEMA {STAGED}".encode())
        connection.execute(f"SET search_path = {STAGED}".encode())
        for one in found.statements:
            connection.execute(one.statement.encode())
        yield connection


def copy_rows(script: str, connection: psycopg.Connection[Any]) -> None:
    """Put the rows of a script's tables into those of the server, as values that both know."""
    with open_script(script) as source:
        for table in read_schema(source).tables.values():
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            for row in source.execute(f"SELECT {columns} FROM {table.name}").fetchall():
                values = [
                    bool(value) if column.declared == "BOOLEAN" and value is not None else value
                    for column, value in zip(table.columns, row, strict=True)
                ]
                marks = ", ".join(["%s"] * len(values))
                statement = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"
                connection.execute(statement.encode(), values)


def as_sqlite(value: Any) -> Any:
    """Return a value of the server's as SQLite has it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else value


def is_same(one: Any, two: Any) -> bool:
    other = as_sqlite(two)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-300)
    return type(one) is type(other) and one == other


def test_random_conditions_hold_for_the_same_rows(site: Site, *, is_nightly: bool) -> None:
    seed = Random().randrange(2**32) if is_nightly else 7
    chance, wanted = Random(seed), 10_000 if is_nightly else 300
    rows = list(make_rows(chance, 150))
    with closing(sqlite3.connect(":memory:")) as source:
        source.execute(TABLE)
        source.executemany(f"INSERT INTO x ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})", rows)
        script = "\n".join(source.iterdump())
        conditions = list(_make_conditions(source, chance, wanted))
    views = "".join(f"CREATE VIEW v{at} AS SELECT id FROM x WHERE {one};" for at, (one, _) in enumerate(conditions))
    found = draft(script + views)
    with made(site, found) as connection:
        copy_rows(script, connection)
        names = {one.subject.removeprefix("view ") for one in found.statements if one.subject.startswith("view ")}
        assert len(names) > wanted / 4, "hardly anything is translated"
        for at, (condition, ids) in enumerate(conditions):
            if f"v{at}" in names:
                held = [row[0] for row in connection.execute(f"SELECT id FROM v{at} ORDER BY id".encode())]
                assert held == ids, f"seed {seed}: {condition}"


def _make_conditions(source: sqlite3.Connection, chance: Random, count: int) -> Iterator[tuple[str, list[int]]]:
    """Yield conditions that SQLite takes, and the ids of the rows for which they hold."""
    while count:
        condition = make_expression(chance, chance.randint(1, 3))
        try:
            ids = [row[0] for row in source.execute(f"SELECT id FROM x WHERE {condition} ORDER BY id")]
        except sqlite3.Error:
            continue
        count -= 1
        yield condition, ids


ROWS = """
CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT, ok BOOLEAN, x REAL);
CREATE TABLE b (a_id INTEGER, n INTEGER);
INSERT INTO a VALUES (1, 'b', 1, 1.5), (2, 'B', 0, NULL), (3, NULL, NULL, -2.0), (4, 'a', 1, 0.25);
INSERT INTO b VALUES (1, 1), (1, 2), (2, NULL), (NULL, 5), (4, 7), (4, 7);
"""
QUERIES = [
    "SELECT * FROM a ORDER BY name, id",
    "SELECT id, ok = 1 AS yes, NOT ok AS no FROM a ORDER BY id",
    "SELECT id, count(n) AS c, sum(n) AS s, avg(n), total(n) FROM a LEFT JOIN b ON a_id = id GROUP BY 1 ORDER BY 1",
    "SELECT min(name) AS l, max(name) AS h, min(x) AS x, sum(ok) AS o FROM a",
    "SELECT DISTINCT n FROM b ORDER BY n DESC",
    "SELECT count(DISTINCT n) AS d, group_concat(n, '-') IS NULL AS g FROM b",
    "SELECT id FROM a WHERE id NOT IN (SELECT a_id FROM b WHERE a_id IS NOT NULL) ORDER BY id",
    "SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE a_id = a.id AND n > 1) ORDER BY id",
    "SELECT id, (SELECT count(*) FROM b WHERE a_id = a.id) AS c FROM a ORDER BY id LIMIT 2 OFFSET 1",
    "SELECT id FROM a EXCEPT SELECT a_id FROM b UNION ALL SELECT 9 ORDER BY 1",
    "WITH c AS (SELECT a_id AS k, max(n) AS m FROM b GROUP BY 1) SELECT name, m FROM a JOIN c ON k = id ORDER BY id",
    "SELECT s.k, s.w FROM (SELECT n AS k, n / 2 AS w FROM b) AS s WHERE s.k > 1 ORDER BY k, w",
    "SELECT name || ':' || id AS l, coalesce(name, '-') AS n, CASE WHEN ok THEN 1 ELSE 2 END AS k FROM a ORDER BY id",
    "SELECT a.name FROM a, b WHERE a.id = b.a_id ORDER BY n, name",
]


def test_views_answer_the_same(site: Site) -> None:
    script = ROWS + "".join(f"CREATE VIEW v{at} AS {query};" for at, query in enumerate(QUERIES))
    found = draft(script)
    assert found.reported == ()
    with made(site, found) as connection, open_script(script) as source:
        copy_rows(script, connection)
        for at, query in enumerate(QUERIES):
            wanted = source.execute(f"SELECT * FROM v{at}").fetchall()
            held = connection.execute(f"SELECT * FROM v{at}".encode()).fetchall()
            assert len(wanted) == len(held), query
            for one, other in zip(wanted, held, strict=True):
                assert all(map(is_same, one, other)), (query, wanted, held)


DEFAULTS = {
    "a": "INTEGER DEFAULT (60 * 60)",
    "b": "TEXT DEFAULT 'it''s \\ %s'",
    "c": "REAL DEFAULT 0.1",
    "d": "BOOLEAN DEFAULT 1",
    "e": "BLOB DEFAULT x'00ff'",
    "f": "DATE DEFAULT '2024-02-29'",
    "g": "DECIMAL(5, 2) DEFAULT 9.99",
    "h": "TEXT DEFAULT word",
    "i": "INTEGER DEFAULT (strftime('%s', 'now') / 60 * 0 + 7)",
}
MOMENTS = {
    "a": "DATETIME DEFAULT CURRENT_TIMESTAMP",
    "b": "TEXT DEFAULT CURRENT_TIMESTAMP",
    "c": "DATE DEFAULT (date('now'))",
    "d": "INTEGER DEFAULT (strftime('%s', 'now'))",
    "e": "REAL DEFAULT (julianday('now'))",
    "f": "TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M', 'now'))",
    "g": "INTEGER DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))",
}


def insert_in_both(site: Site, columns: dict[str, str]) -> tuple[Sequence[Any], Sequence[Any], Draft]:
    script = f"CREATE TABLE t ({', '.join(f'{name} {said}' for name, said in columns.items())});"
    found = draft(script)
    with made(site, found) as connection, open_script(script) as source:
        connection.execute("INSERT INTO t DEFAULT VALUES")
        source.execute("INSERT INTO t DEFAULT VALUES")
        (held,) = connection.execute("SELECT * FROM t").fetchall()
        return source.execute("SELECT * FROM t").fetchone(), held, found


def test_defaults_are_the_same_values(site: Site) -> None:
    wanted, held, found = insert_in_both(site, DEFAULTS)
    (told,) = found.reported
    assert told.startswith("t.i: DEFAULT strftime('%s', 'now') / 60 * 0 + 7 does not come along")
    assert all(map(is_same, wanted[:-1], held[:-1])), (wanted, held)
    assert held[-1] is None


def test_defaults_of_time_are_the_same_time(site: Site) -> None:
    wanted, held, found = insert_in_both(site, MOMENTS)
    assert found.reported == ()
    for one, other in zip(wanted, map(as_sqlite, held), strict=True):
        assert type(one) is type(other)
        assert _read_seconds(other) == pytest.approx(_read_seconds(one), abs=90), (one, other)


def _read_seconds(value: Any) -> float:
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()
    if isinstance(value, float):
        return (value - 2440587.5) * 86400
    return value / 1000 if value > 10**11 else float(value)


def test_keys_of_a_collation_are_as_unique_as_in_sqlite(site: Site) -> None:
    script = "CREATE TABLE t (mail TEXT COLLATE NOCASE UNIQUE, tag TEXT COLLATE RTRIM UNIQUE);"
    with made(site, draft(script)) as connection, open_script(script) as source:
        for row in (("A@b", "x"), ("a@B", "y"), ("Ä", "x  "), ("ä", "X"), ("Ä", "z")):
            refused = []
            for execute, mark in ((source.execute, "?"), (connection.execute, "%s")):
                try:
                    execute(f"INSERT INTO t VALUES ({mark}, {mark})", row)
                except (sqlite3.IntegrityError, psycopg.errors.UniqueViolation):
                    refused.append(execute)
            assert len(refused) in {0, 2}, row
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)


def test_names_types_and_references_are_those_of_the_source(site: Site) -> None:
    script = (
        'CREATE TABLE "Order" (id INTEGER PRIMARY KEY, "user" TEXT, state TEXT DEFAULT \'open\');'
        'CREATE TABLE "a ""b""" (o INTEGER REFERENCES "Order" ON DELETE CASCADE, self INT REFERENCES "a ""b""" (o), '
        "UNIQUE (o));"
    )
    found = draft(script, {"order.state": ColumnType(type="enum", values=("open", "it's"))})
    with made(site, found) as connection:
        assert connection.execute('INSERT INTO "Order" ("user") VALUES (\'x\') RETURNING id, state').fetchall() == [
            (1, "open")
        ]
        connection.execute('INSERT INTO "a ""b""" VALUES (1, 1)')
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute('INSERT INTO "a ""b""" VALUES (2, NULL)')
        connection.execute('DELETE FROM "Order"')
        assert connection.execute('SELECT count(*) FROM "a ""b"""').fetchone() == (0,)


def test_the_databases_that_come_with_the_house_are_taken_whole(site: Site, repository: Path) -> None:
    scripts = sorted((repository / "sql").glob("*/sqlite/*.sql"))
    assert scripts
    for script in scripts:
        found = draft(script.read_text("utf-8"))
        assert not [line for line in found.reported if "CHECK" in line or "index" in line], script
        with made(site, found) as connection:
            connection.execute(f"DROP SCHEMA {STAGED} CASCADE".encode())
