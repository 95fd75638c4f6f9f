"""What the ledger says of keys, tried against what the server's indexes call one key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.containers.audit_site import SCHEMA, Audit, expect, fill, keep_rows, make_empty, open_audit
from tests.integration.containers.schema_site import name_server


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return open_audit(name_server(request), "keys", tmp_path_factory.mktemp("keys"))


@pytest.fixture
def empty(room: Audit, tmp_path: Path) -> Audit:
    return make_empty(room, tmp_path)


@pytest.mark.parametrize(
    ("declared", "typed", "mine", "live"),
    [
        ("UUID", "uuid", "0B5C4EA17F3D4B129E0A3D8C6F1A2B4C", "0b5c4ea1-7f3d-4b12-9e0a-3d8c6f1a2b4c"),
        ("DATETIME", "timestamptz", "2024-05-01T12:00:00.123456+02:00", "2024-05-01 10:00:00.123456+00"),
        ("DATETIME", "timestamp", "9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"),
        ("DATE", "date", "2024-02-29", "2024-02-29"),
        ("TEXT", "numeric(40, 3)", "12345678901234567890123456789.500", "12345678901234567890123456789.5"),
        ("REAL", "double precision", 0.1, "0.1"),
        ("", "double precision", -0.0, "0"),
        ("", "real", float("inf"), "Infinity"),
        ("BOOLEAN", "boolean", "TRUE", "t"),
        ("INTEGER", "smallint", -7, "-7"),
        ("BLOB", "bytea", b"\0\xff%s", r"\x00ff2573"),
        ("TEXT", "varchar(3)", "%{s", "%{s"),
        ("TEXT", "text", "a\\b'", "a\\b'"),
    ],
)
def test_a_row_gives_way_to_a_live_one_by_any_key(
    empty: Audit, declared: str, typed: str, mine: object, live: str
) -> None:
    fill(
        empty,
        [f"CREATE TABLE things (id INTEGER PRIMARY KEY, what {declared})"],
        [f"CREATE TABLE {{s}}.things (id bigint PRIMARY KEY, what {typed} UNIQUE)"],
    )
    with empty.connect() as connection:
        statement = f"INSERT INTO {SCHEMA}.things VALUES (9, %s::text::{typed.partition('(')[0]})"
        connection.execute(statement.encode(), (live,))
    keep_rows(empty, "things", [((1, mine), "key", None)])
    shared = replace(empty, shares=True)
    expect(shared)
    shared.do(f"DELETE FROM {SCHEMA}.things")
    expect(shared, "row 1 is said to give way to a live row, and none has its key")


def test_a_row_gives_way_by_a_key_that_folds_or_knows_null(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE things (id INTEGER PRIMARY KEY, mail TEXT, tag TEXT)"],
        ["CREATE TABLE {s}.things (id bigint PRIMARY KEY, mail text, tag text)",
         'CREATE UNIQUE INDEX mails ON {s}.things (lower(mail COLLATE "C"), rtrim(tag, \' \'))',
         "INSERT INTO {s}.things VALUES (8, 'ANN', 'x'), (9, 'bob', NULL)"],
    )  # fmt: skip
    keep_rows(empty, "things", [((1, "Ann", "x  "), "key", None), ((2, "bob", None), "key", None)])
    expect(replace(empty, shares=True), "row 2 is said to give way to a live row, and none has its key")


def test_both_zeros_are_one_key(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE things (id INTEGER PRIMARY KEY, what)", "INSERT INTO things VALUES (1, 0.0), (2, 0.5)"],
        ["CREATE TABLE {s}.things (id bigint PRIMARY KEY, what double precision UNIQUE)",
         "INSERT INTO {s}.things VALUES (1, 0), (2, 0.5)"],
    )  # fmt: skip
    keep_rows(empty, "things", [((3, -0.0), "key", 1)])
    expect(empty)
    empty.change_ledger('UPDATE "shop.things" SET _winner_rowid = 2')
    expect(empty, "row 3 waits, and row 2, which is said to have its key, has another")
