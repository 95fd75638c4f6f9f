"""Keys into which SQLite let NULL: unique in the server, and rows with NULL are known by all that they hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.containers.audit_site import SCHEMA, Audit, expect, keep_rows, make_empty, open_audit
from tests.integration.containers.schema_site import name_server

KEYS = {
    "one column": (
        "CREATE TABLE uses (code TEXT PRIMARY KEY, v TEXT)",
        "CREATE TABLE {s}.uses (code text CONSTRAINT uq UNIQUE, v text)",
        "('a', 'x'), (NULL, 'x'), (NULL, 'x'), (NULL, NULL), ('b', NULL), (NULL, NULL), (NULL, 'y')",
        "(code)",
    ),
    "two columns": (
        "CREATE TABLE uses (code TEXT, name TEXT, v TEXT, PRIMARY KEY (name, code))",
        "CREATE TABLE {s}.uses (code text, name text, v text, CONSTRAINT uq UNIQUE (code, name))",
        ("('a', 'n', 'x'), (NULL, 'n', 'x'), (NULL, 'n', 'x'), (NULL, NULL, NULL), ('a', NULL, NULL), "
         "('a', NULL, 'y'), (NULL, NULL, NULL), ('b', 'n', NULL), ('b', NULL, 'y')"),
        "(name, code)",
    ),
    "INTEGER PRIMARY KEY DESC": (
        "CREATE TABLE uses (code INTEGER PRIMARY KEY DESC, v TEXT)",
        "CREATE TABLE {s}.uses (code bigint CONSTRAINT uq UNIQUE, v text)",
        "(7, 'x'), (NULL, 'x'), (NULL, 'x'), (NULL, NULL), (-7, NULL), (NULL, NULL), (NULL, 'y')",
        "(code)",
    ),
    "rowids that nothing names": (
        "CREATE TABLE uses (rowid TEXT PRIMARY KEY, oid, _rowid_ TEXT, code TEXT, v TEXT)",
        "CREATE TABLE {s}.uses (rowid text CONSTRAINT uq UNIQUE, oid text, _rowid_ text, code text, v text)",
        ("('a', 'x', NULL, NULL, 'x'), (NULL, NULL, NULL, NULL, 'x'), (NULL, NULL, NULL, NULL, 'x'), "
         "(NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, 'y')"),
        "(rowid)",
    ),
}  # fmt: skip
UNIQUE, NOT_UNIQUE = "which holds NULL in the source, is not there as UNIQUE", "ALTER TABLE {s}.uses DROP CONSTRAINT uq"
ONE = "ctid = (SELECT max(ctid) FROM {s}.uses WHERE code IS NULL AND v = 'x')"
SPOILS = {
    "a row with NULL changed": (f"UPDATE {{s}}.uses SET v = 'z' WHERE {ONE}", "stands in the source", "stands in"),
    "NULL for what stands beside NULL": (f"UPDATE {{s}}.uses SET v = NULL WHERE {ONE}", "stands in the source",
                                         "stands in PostgreSQL only, or once more"),
    "one of two that are equal changed into another": (
        f"UPDATE {{s}}.uses SET v = 'y' WHERE {ONE}", "stands in the source", "once more than in the source"),
    "one of two that are equal removed": (f"DELETE FROM {{s}}.uses WHERE {ONE}", "stands in the source"),
    "a third that is equal": (f"INSERT INTO {{s}}.uses SELECT * FROM {{s}}.uses WHERE {ONE}", "once more than in"),
    "a row with NULL more": ("INSERT INTO {s}.uses (v) VALUES ('new')", "stands in PostgreSQL only"),
    "a row without NULL removed": (
        "DELETE FROM {s}.uses WHERE ctid = (SELECT min(ctid) FROM {s}.uses)", "stands in the source"),
}  # fmt: skip


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return open_audit(name_server(request), "nulls", tmp_path_factory.mktemp("nulls"))


@pytest.fixture
def empty(room: Audit, tmp_path: Path) -> Audit:
    return make_empty(room, tmp_path)


@pytest.fixture(params=list(KEYS))
def uses(request: pytest.FixtureRequest, empty: Audit) -> tuple[Audit, str]:
    """Return a load whose key holds NULL, and that key."""
    source, server, rows, key = KEYS[request.param]
    empty.change_source(source, f"INSERT INTO uses VALUES {rows}")
    serve(empty, server, f"INSERT INTO {{s}}.uses VALUES {rows}")
    return empty, key


def serve(audit: Audit, *statements: str) -> None:
    audit.do(*(statement.format(s=SCHEMA) for statement in statements))


def test_unique_is_what_a_key_with_null_becomes(uses: tuple[Audit, str]) -> None:
    audit, key = uses
    expect(audit)
    serve(audit, NOT_UNIQUE)
    expect(audit, f"uses: the primary key {key}, {UNIQUE}")
    serve(audit, f"CREATE INDEX uq ON {{s}}.uses {key}")
    expect(audit, f"uses: the primary key {key}, {UNIQUE}")
    serve(audit, "DROP INDEX {s}.uq", f"CREATE UNIQUE INDEX uq ON {{s}}.uses {key} WHERE v = 'x'")
    expect(audit, f"uses: the primary key {key}, {UNIQUE}")
    serve(audit, "DROP INDEX {s}.uq", f"CREATE UNIQUE INDEX uq ON {{s}}.uses {key}")
    expect(audit)


@pytest.mark.parametrize("spoil", list(SPOILS))
def test_a_row_with_null_in_its_key_is_seen_like_any_other(uses: tuple[Audit, str], spoil: str) -> None:
    audit, _ = uses
    statement, *said = SPOILS[spoil]
    expect(audit)
    serve(audit, statement)
    expect(audit, *said)


def test_where_in_the_servers_file_a_row_stands_is_nothing_to_it(uses: tuple[Audit, str]) -> None:
    audit, _ = uses
    serve(audit, "UPDATE {s}.uses SET v = v WHERE code IS NULL", "VACUUM {s}.uses")
    expect(audit)
    serve(audit, "UPDATE {s}.uses SET v = coalesce(v, '') WHERE " + ONE.replace("v = 'x'", "v IS NULL"))
    expect(audit, "stands in the source, does not wait", "stands in PostgreSQL only")


def test_a_key_that_is_there_otherwise_is_no_primary_key(empty: Audit) -> None:
    empty.change_source("CREATE TABLE uses (code TEXT, v TEXT, PRIMARY KEY (code, v)) WITHOUT ROWID",
                        "CREATE TABLE others (code TEXT PRIMARY KEY, v TEXT)",
                        "INSERT INTO uses VALUES ('a', 'x')", "INSERT INTO others VALUES ('a', NULL)")  # fmt: skip
    serve(empty, "CREATE TABLE {s}.uses (code text NOT NULL, v text NOT NULL, UNIQUE (code, v))",
          "INSERT INTO {s}.uses VALUES ('a', 'x')",
          "CREATE TABLE {s}.others (code text UNIQUE, v text)",
          "INSERT INTO {s}.others VALUES ('a', NULL)")  # fmt: skip
    lacking = ("others: the primary key (code) is not there", "uses: the primary key (code, v) is not there")
    expect(empty, *lacking)
    serve(empty, "ALTER TABLE {s}.uses ADD PRIMARY KEY (code, v)", "ALTER TABLE {s}.others ADD PRIMARY KEY (code)")
    expect(empty)


def test_what_refers_to_a_key_with_null_is_compared(empty: Audit) -> None:
    empty.change_source(
        "CREATE TABLE uses (code TEXT, name TEXT, PRIMARY KEY (code, name))",
        "CREATE TABLE heirs (id INTEGER PRIMARY KEY, code TEXT, name TEXT, FOREIGN KEY (code, name) REFERENCES uses)",
        "INSERT INTO uses VALUES ('a', 'n'), ('a', NULL), ('a', NULL)",
        "INSERT INTO heirs VALUES (1, 'a', 'n'), (2, 'a', NULL), (3, NULL, NULL)",
    )
    heirs = "ALTER TABLE {s}.heirs ADD CONSTRAINT heirs_fk FOREIGN KEY (code, name) REFERENCES {s}.uses (code, name)"
    serve(empty, "CREATE TABLE {s}.uses (code text, name text, CONSTRAINT uq UNIQUE (code, name))",
          "CREATE TABLE {s}.heirs (id bigint PRIMARY KEY, code text, name text)", heirs,
          "INSERT INTO {s}.uses VALUES ('a', 'n'), ('a', NULL), ('a', NULL)",
          "INSERT INTO {s}.heirs VALUES (1, 'a', 'n'), (2, 'a', NULL), (3, NULL, NULL)")  # fmt: skip
    expect(empty)
    serve(empty, "ALTER TABLE {s}.uses DROP CONSTRAINT uq CASCADE")
    expect(empty, "heirs: foreign key (code, name) to uses is not there",
           "uses: the primary key (code, name), " + UNIQUE)  # fmt: skip
    serve(empty, "ALTER TABLE {s}.uses ADD UNIQUE (name, code)", f"{heirs} NOT VALID")
    expect(empty, "foreign key heirs_fk is NOT VALID, and no row is without its parent")
    serve(empty, "ALTER TABLE {s}.heirs VALIDATE CONSTRAINT heirs_fk", "ALTER TABLE {s}.heirs DISABLE TRIGGER ALL",
          "UPDATE {s}.heirs SET name = 'gone' WHERE id = 2", "ALTER TABLE {s}.heirs ENABLE TRIGGER ALL")  # fmt: skip
    expect(empty, "heirs: row 2: name is NULL in the source and text", "1 rows have no parent in PostgreSQL, and 0 of",
           "is called valid, and 1 rows have no parent")  # fmt: skip


def test_null_is_no_reason_to_wait_where_the_key_is_unique(empty: Audit) -> None:
    empty.change_source("CREATE TABLE uses (code TEXT PRIMARY KEY, v TEXT)",
                        "INSERT INTO uses VALUES (NULL, 'x'), (NULL, 'x'), ('a', 'y')")  # fmt: skip
    serve(empty, "CREATE TABLE {s}.uses (code text UNIQUE, v text)",
          "INSERT INTO {s}.uses VALUES (NULL, 'x'), (NULL, 'x'), ('a', 'y')")  # fmt: skip
    keep_rows(empty, "uses", [((None, "x"), "code", None), ((None, "x"), "key", 1)])
    expect(empty, "row 4 waits, and its code, NULL, fits text",
           "row 5 waits, and row 1, which is said to have its key, has another")  # fmt: skip


@pytest.mark.parametrize("reported", [(), ("uses.primary key",)])
def test_a_primary_key_stays_one_by_schema_files_alone(empty: Audit, reported: tuple[str, ...]) -> None:
    made = replace(empty, reported=reported)
    made.change_source("CREATE TABLE uses (code TEXT PRIMARY KEY, v TEXT)", "INSERT INTO uses VALUES ('a', 'x')")
    serve(made, "CREATE TABLE {s}.uses (code text PRIMARY KEY, v text)", "INSERT INTO {s}.uses VALUES ('a', 'x')")
    keep_rows(made, "uses", [((None, "x"), "code", None), ((None, "x"), "code", None)])
    said = [] if reported else [f"uses: the primary key (code), {UNIQUE}"]
    expect(made, *said)
    made.change_ledger('DELETE FROM "shop.uses" WHERE _rowid = 2')
    expect(made, "row 2 stands in the source, does not wait, and is not in PostgreSQL", *said)


def test_a_word_about_its_key_excuses_no_table_that_is_gone(empty: Audit) -> None:
    empty.change_source("CREATE TABLE uses (code TEXT PRIMARY KEY, v TEXT)", "INSERT INTO uses VALUES (NULL, 'x')")
    told = replace(empty, reported=("uses: PRIMARY KEY (code) comes as UNIQUE, for NULL is in it",))
    expect(told, "uses: is not in PostgreSQL, with its 1 rows")
    serve(told, "CREATE TABLE {s}.uses (code text UNIQUE, v text)", "INSERT INTO {s}.uses VALUES (NULL, 'x')")
    expect(told)
    serve(told, "ALTER TABLE {s}.uses DROP CONSTRAINT uses_code_key")
    expect(told, f"uses: the primary key (code), {UNIQUE}")
