"""The proof where columns of the server compare texts in a way of their own: it compares bytes, the server its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.containers.audit_site import SCHEMA, Audit, expect, keep_rows, make_empty, open_audit
from tests.integration.containers.schema_site import name_server

LOOSE = f'COLLATE {SCHEMA}."Loose"'
"""To it the case of letters is nothing."""


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return open_audit(name_server(request), "collations", tmp_path_factory.mktemp("collations"))


@pytest.fixture
def loose(room: Audit, tmp_path: Path) -> Audit:
    """Return a load of nothing, in a schema that has the collation."""
    made = make_empty(room, tmp_path)
    made.do(f"CREATE COLLATION {SCHEMA}.\"Loose\" (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    return made


def fill(audit: Audit, source: Sequence[str], server: Sequence[str]) -> None:
    audit.change_source(*source)
    audit.do(*(statement.format(s=SCHEMA, loose=LOOSE) for statement in server))


def test_texts_are_compared_byte_by_byte(loose: Audit) -> None:
    fill(
        loose,
        ["CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL, more TEXT)", "CREATE TABLE bag (word TEXT)",
         "INSERT INTO words VALUES ('a', 'x'), ('B', 'y'), ('ä', 'Z'), ('zz', NULL)",
         "INSERT INTO bag VALUES ('a'), ('A'), ('A'), ('é')"],
        ["CREATE TABLE {s}.words (word text {loose} PRIMARY KEY, more text {loose})",
         "CREATE TABLE {s}.bag (word text {loose})",
         "INSERT INTO {s}.words VALUES ('zz', NULL), ('ä', 'Z'), ('a', 'x'), ('B', 'y')",
         "INSERT INTO {s}.bag VALUES ('A'), ('é'), ('a'), ('A')"],
    )  # fmt: skip
    expect(loose)
    loose.do(f"UPDATE {SCHEMA}.words SET more = 'X' WHERE more = 'x'")
    expect(loose, "words: row 1: more is TEXT")
    loose.do(
        f"UPDATE {SCHEMA}.words SET more = 'x' WHERE more = 'x'",
        f"UPDATE {SCHEMA}.words SET word = 'b' WHERE word = 'b'",
    )
    expect(loose, "words: row 2 stands in the source", "stands in PostgreSQL only")
    loose.do(f"UPDATE {SCHEMA}.words SET word = 'B' WHERE word = 'b'", f"UPDATE {SCHEMA}.bag SET word = lower(word)")
    assert sum("bag: row" in line for line in loose.prove().differences) == 2


def test_an_index_under_another_collation_finds_each_row(loose: Audit) -> None:
    long = "x" * 20_000
    fill(
        loose,
        ["CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL, more TEXT)",
         f"INSERT INTO words VALUES ('a', '{long}'), ('A', '{long}y'), ('b', '1')"],
        ["CREATE TABLE {s}.words (word text {loose} NOT NULL, more text)",
         'CREATE UNIQUE INDEX words_key ON {s}.words (word COLLATE "C")',
         f"INSERT INTO {{s}}.words VALUES ('b', '1'), ('A', '{long}y'), ('a', '{long}')"],
    )  # fmt: skip
    excused = replace(loose, reported=("words.primary key: another collation",))
    expect(excused)
    excused.do(f"UPDATE {SCHEMA}.words SET more = more || 'z' WHERE word COLLATE \"C\" = 'A'")
    expect(excused, "words: row 2: more is TEXT")


def test_a_row_waits_for_a_key_that_is_the_same_to_the_index(loose: Audit) -> None:
    fill(
        loose,
        ["CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL)", "INSERT INTO words VALUES ('a'), ('b')"],
        ["CREATE TABLE {s}.words (word text {loose} PRIMARY KEY)", "INSERT INTO {s}.words VALUES ('a'), ('b')"],
    )  # fmt: skip
    keep_rows(loose, "words", [(("A",), "key", 1)])
    expect(loose)
    loose.change_ledger('UPDATE "shop.words" SET _winner_rowid = 2 WHERE _rowid = 3')
    expect(loose, "words: row 3 waits, and row 2, which is said to have its key, has another")


def test_a_row_gives_way_to_a_live_one_that_is_the_same_to_the_index(loose: Audit) -> None:
    fill(
        loose,
        ["CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL)", "INSERT INTO words VALUES ('b')"],
        ["CREATE TABLE {s}.words (word text {loose} PRIMARY KEY)", "INSERT INTO {s}.words VALUES ('A'), ('b')"],
    )  # fmt: skip
    keep_rows(loose, "words", [(("a",), "key", None)])
    shared = replace(loose, shares=True)
    expect(shared)
    shared.do(f"DELETE FROM {SCHEMA}.words WHERE word = 'a'")
    expect(shared, "words: row 2 is said to give way to a live row, and none has its key")


@pytest.mark.parametrize("child", ["", LOOSE, 'COLLATE "C"'])
def test_a_parent_is_found_as_the_foreign_key_finds_it(loose: Audit, child: str) -> None:
    fill(
        loose,
        ["CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL)", "CREATE TABLE uses (word TEXT REFERENCES words)",
         "INSERT INTO words VALUES ('a')", "INSERT INTO uses VALUES ('a'), ('A'), (NULL)"],
        ["CREATE TABLE {s}.words (word text {loose} PRIMARY KEY)",
         f"CREATE TABLE {{s}}.uses (word text {child} REFERENCES {{s}}.words)",
         "INSERT INTO {s}.words VALUES ('a')", "INSERT INTO {s}.uses VALUES ('A'), ('a'), (NULL)"],
    )  # fmt: skip
    expect(loose)
    reference = loose.prove().references["shop.uses.word"]
    assert (reference.orphans_before, reference.orphans_after) == (1, 0)
    loose.do(
        f"ALTER TABLE {SCHEMA}.uses DISABLE TRIGGER ALL",
        f"INSERT INTO {SCHEMA}.uses VALUES ('c')",
        f"ALTER TABLE {SCHEMA}.uses ENABLE TRIGGER ALL",
    )
    found = loose.prove().differences
    assert any("is called valid, and 1 rows have no parent" in line for line in found), found


def test_a_column_that_the_source_lacks_holds_its_default_to_the_byte(loose: Audit) -> None:
    fill(
        loose,
        ["CREATE TABLE words (id INTEGER PRIMARY KEY)", "INSERT INTO words VALUES (1), (2)"],
        ["CREATE TABLE {s}.words (id bigint PRIMARY KEY, kind text {loose} DEFAULT 'a')",
         "INSERT INTO {s}.words VALUES (1), (2)"],
    )  # fmt: skip
    expect(loose)
    loose.do(f"UPDATE {SCHEMA}.words SET kind = 'A' WHERE id = 2")
    expect(loose, "column kind is not the source's, and holds not its default alone")
