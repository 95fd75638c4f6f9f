"""Databases at random: a load ends, its proof agrees, and exactly those rows wait that the paper lets wait."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.integration.containers.load_oracle import LABELS, READERS, Held, UnfitError, find_waiting, read_label
from tests.integration.containers.load_site import LoadSite, open_load_site
from tests.integration.containers.schema_site import Site

NIGHTLY = 300
TABLES = ("plain", "order", "Sp ace", 'q"uote', "ünï", "x" * 63, "t_pkey", "100%", "t_id_seq")
COLUMNS = ("a", "user", "Select", "b c", 'd"e', "É", "rowid", "oid", "it's", "%s", "n" * 63)
TEXTS = ("", "a", "A", "ä", "Ä", " a", "a\0b", "NULL", "\\N", "1", "1.0", "01", "true", "FALSE", "null", "[]",
'["a", null]', "[1]",
         '{"a": 1}', '{"a": 1, "a": 2}', '"\\u0000"', '"\\ud800"', "NaN", "[1.5, 2e3]", "2024-02-29", "2023-02-29",
         "0000-01-01", "54191-01-01",
         "2024-01-01 10:00", "2024-01-01T11:00+01:00", "2024-01-01 10:00:00.0000001", "ab" * 16, "AB" * 16,
         "9223372036854775808",
         "123.45", "1000.00", "0.001", "-0", "x" * 3000, *LABELS)  # fmt: skip
WHOLES = (
    0,
    1,
    -1,
    2,
    2**15,
    -(2**15),
    2**31 - 1,
    2**31,
    2**53,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    1704103200,
    1704103200000,
)
REALS = (0.0, -0.0, 0.1, 0.5, 1.0, 1e300, 5e-324, float("inf"), -float("inf"), 2.0**63, 1704103200.25, 123.45)
BLOBS = (b"", b"\0", b"\xff\xfe", b"a", bytes(range(16)), b"true")
BROKEN = (b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\x80")
"""Bytes of TEXT that are no UTF-8."""
ANY = ("text", "bigint", "double precision", "numeric", "bytea")
PLANNED = {
    "INTEGER": ("smallint", "integer", "boolean", "bigint", "numeric", "double precision",
    "{type: timestamptz, epoch: s}"),
    "TEXT": ("text", "jsonb", "date", "uuid", "numeric", "'numeric(5,2)'", "boolean", "'text[]'", "'bigint[]'",
             "{type: timestamptz, epoch: s}", "{type: enum, values: [open, closed]}"),
    "REAL": ("double precision", "real", "numeric", "'numeric(5,2)'"),
    "BLOB": ("bytea", "uuid", *ANY),
    "": ANY,
    "NUMERIC": ("numeric", "double precision", "jsonb"),
}  # fmt: skip
UNPLANNED = ("INTEGER", "TEXT", "REAL", "VARCHAR(3)", "INTEGER", "TEXT", "REAL", "JSON", "DATE")
OF_DECLARED = {"INTEGER": "bigint", "REAL": "double precision", "JSON": "jsonb", "DATE": "date"}
IDS = st.tuples(st.just("?"), st.sampled_from((1, 2, 3, -7, 10**15, 2**63 - 1, -(2**63))))
NUMBERS = count(1)


@dataclass(frozen=True, kw_only=True)
class Table:
    """What is made: SQL, the plan's types, and rows, each a cell's SQL and its value."""

    name: str
    sql: str
    types: Mapping[str, str]
    columns: tuple[str, ...]
    rows: list[tuple[tuple[str, Any], ...]]


def fits(kind: str, value: Any) -> bool:
    """Tell whether a value fits a type as the plan has it, so that most values of most rows do."""
    name = "timestamp with time zone" if "timestamptz" in kind else kind.strip("'")
    try:
        READERS.get(name, read_label)(value)
    except UnfitError:
        return False
    return True


def cells(kind: str) -> st.SearchStrategy[tuple[str, Any]]:
    """Give a value of a column, and how it is written."""
    good = [value for value in (*TEXTS, *WHOLES, *REALS, *BLOBS) if fits(kind, value)]
    odd = st.one_of(
        *map(st.sampled_from, (TEXTS, WHOLES, REALS, BLOBS)), st.none(), st.integers(-9, 9), st.text(max_size=3)
    )
    plain = st.tuples(st.just("?"), st.sampled_from(good))
    other = st.one_of(
        st.tuples(st.just("?"), odd), st.tuples(st.just("CAST(? AS TEXT)"), st.sampled_from(BROKEN)), plain
    )
    return st.integers(0, 5).flatmap(lambda chance: other if chance == 5 else plain)


@st.composite
def tables(draw: st.DrawFn, name: str, parent: Table | None) -> Table:
    names = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique_by=str.lower))
    declared, types, values = [], {}, []
    for column in names:
        if draw(st.integers(0, 3)):
            kind = draw(st.sampled_from(sorted(PLANNED)))
            types[column] = draw(st.sampled_from(PLANNED[kind]))
        else:
            kind = draw(st.sampled_from(UNPLANNED))
        collation = draw(st.sampled_from(("", "", " COLLATE NOCASE"))) if kind == "TEXT" else ""
        declared.append(f"{quote(column)} {kind}{collation}")
        values.append(cells(types.get(column, OF_DECLARED.get(kind, "text"))))
    form = draw(st.sampled_from(("rowid", "rowid", "alias", "alias", "key", "composite", "without")))
    more = []
    if form == "alias":
        names.insert(0, "id")
        values.insert(0, IDS)
        declared.insert(0, f"id INTEGER PRIMARY KEY{draw(st.sampled_from(('', ' AUTOINCREMENT')))}")
    elif form != "rowid":
        key = names[:1] if form == "key" else names[:2]
        more.append(f"PRIMARY KEY ({', '.join(map(quote, key))})")
    if form in ("rowid", "alias") and draw(st.booleans()):
        more.append(f"UNIQUE ({quote(names[-1])})")
    if parent is not None and parent.columns[0] == "id" and form != "without":
        names.append("up")
        values.append(IDS)
        declared.append("up INTEGER")
        theirs = draw(st.sampled_from((parent.name, name) if form == "alias" else (parent.name,)))
        more.append(f"FOREIGN KEY (up) REFERENCES {quote(theirs)} (id)")
    rows = draw(st.lists(st.tuples(*values), max_size=8))
    generated = (
        [f"g TEXT AS (typeof({quote(names[0])})) {draw(st.sampled_from(('STORED', 'VIRTUAL')))}"]
        if draw(st.booleans())
        else []
    )
    inner, after = ", ".join([*declared, *generated, *more]), " WITHOUT ROWID" if form == "without" else ""
    sql = f"CREATE TABLE {quote(name)} ({inner}){after}"
    return Table(name=name, sql=sql, types=types, columns=tuple(names), rows=rows)


@st.composite
def databases(draw: st.DrawFn) -> list[Table]:
    names = draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=3, unique=True))
    made: list[Table] = []
    for name in names:
        made.append(draw(tables(name, made[0] if made else None)))
    return made


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def write(shop: LoadSite, made: list[Table]) -> None:
    with closing(sqlite3.connect(shop.database)) as connection, connection:
        for table in made:
            connection.execute(table.sql)
            names = ", ".join(map(quote, table.columns))
            for row in table.rows:
                slots = ", ".join(slot for slot, _ in row)
                statement = f"INSERT OR IGNORE INTO {quote(table.name)} ({names}) VALUES ({slots})"
                with suppress(sqlite3.IntegrityError):  # a rowid that is no whole number
                    connection.execute(statement, [value for _, value in row])
    types = {f"{table.name}.{column}": kind for table in made for column, kind in table.types.items()}
    shop.plan(
        defaults="time_zone: UTC, quarantine_budget: 999",
        types=", ".join(f"{json.dumps(place, ensure_ascii=False)}: {kind}" for place, kind in types.items()),
    )


def look(shop: LoadSite, made: list[Table]) -> dict[str, Held]:
    """Return what both sides hold, for the oracle."""
    return {table.name: _look_at(shop, table) for table in made}


def _look_at(shop: LoadSite, table: Table) -> Held:
    stands = f"'core_staged.{quote(table.name).replace(chr(39), chr(39) * 2)}'::regclass"
    columns = shop.site.read(
        f"SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = {stands} "
        "AND attnum > 0 AND NOT attisdropped"
    )
    named = (
        "(SELECT array_agg(attname::text ORDER BY n) FROM unnest({}) WITH ORDINALITY AS k(a, n) "
        "JOIN pg_attribute ON attrelid = {} AND attnum = a)"
    )
    uniques = shop.site.read(
        f"SELECT {named.format('indkey::int2[]', 'indrelid')} FROM pg_index WHERE indrelid = {stands} AND indisunique "
        "AND indexprs IS NULL AND indpred IS NULL ORDER BY NOT indisprimary, indexrelid"
    )
    references = shop.site.read(
        f"SELECT {named.format('conkey', 'conrelid')}, p.relname, {named.format('confkey', 'confrelid')} "
        f"FROM pg_constraint JOIN pg_class p ON p.oid = confrelid WHERE contype = 'f' AND conrelid = {stands}"
    )
    return Held(
        rows=dict(_read_rows(shop, table)),
        types={name: kind for name, kind, _ in columns},
        planned=frozenset(name for name, kind in table.types.items() if kind == "text"),
        required=frozenset(name for name, _, required in columns if required),
        uniques=[names for (names,) in uniques],
        references=[(tuple(names), parent, tuple(theirs)) for names, parent, theirs in references],
    )


def _read_rows(shop: LoadSite, table: Table) -> Iterator[tuple[int, dict[str, Any]]]:
    with closing(sqlite3.connect(shop.database)) as connection:
        connection.text_factory = lambda held: held.decode("utf-8", "surrogateescape")
        names = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({quote(table.name)})")]
        key = sorted(
            (row[5], row[1]) for row in connection.execute(f"PRAGMA table_info({quote(table.name)})") if row[5]
        )
        taken = {name.lower() for name in names}
        rowid = "id" if names[0] == "id" else next(one for one in ("rowid", "_rowid_", "oid") if one not in taken)
        order = ", ".join(quote(name) for _, name in key)
        address = f"row_number() OVER (ORDER BY {order})" if table.sql.endswith("WITHOUT ROWID") else rowid
        chosen = ", ".join(map(quote, names))
        for number, *values in connection.execute(f"SELECT {address}, {chosen} FROM {quote(table.name)}"):
            yield number, dict(zip(names, values, strict=True))


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> LoadSite:
    return open_load_site(site, tmp_path)


@settings(
    max_examples=NIGHTLY if settings.get_current_profile_name() == "nightly" else 10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(made=databases())
def test_exactly_the_rows_wait_that_the_paper_lets_wait(shop: LoadSite, made: list[Table]) -> None:
    here = replace(shop, target=shop.target / str(next(NUMBERS)))
    here.target.mkdir()
    write(here, made)
    ended = here.load("--json")
    event(f"exit {ended.code}")
    if ended.code == 2:
        ended.refuse(2)
        return
    assert ended.code == 0, ended.error + ended.out
    tables = look(here, made)
    waiting = find_waiting(tables)
    assert set(here.waiting()) == waiting
    event(f"{'some' if waiting else 'no'} rows wait")
    again = here.verify("--json")
    assert again.code == 0, again.error + again.out
    assert again.json["quarantined"] == len(waiting)
    for name, held in tables.items():
        standing = len(held.rows) - sum(table == name for table, _ in waiting)
        assert here.site.read(f"SELECT count(*) FROM core_staged.{quote(name)}") == [(standing,)]
