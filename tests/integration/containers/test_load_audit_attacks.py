"""Ways in which a server or a ledger says what is not so while each row looks as it must; and what only looks wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.core.errors import GuardError
from tests.integration.containers.audit_site import (
    SCHEMA,
    Audit,
    expect,
    fill,
    keep_rows,
    make_empty,
    make_sound,
    open_audit,
)
from tests.integration.containers.schema_site import name_server


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return open_audit(name_server(request), "attacks", tmp_path_factory.mktemp("attacks"))


@pytest.fixture
def empty(room: Audit, tmp_path: Path) -> Audit:
    return make_empty(room, tmp_path)


@pytest.fixture
def sound(room: Audit, tmp_path: Path) -> Audit:
    return make_sound(room, tmp_path)


@pytest.mark.parametrize("table", ["scores", "visits"])
def test_rows_that_stand_in_a_table_that_inherits_are_not_its_own(sound: Audit, table: str) -> None:
    sound.do(f"CREATE TABLE {SCHEMA}.heir () INHERITS ({SCHEMA}.{table})")
    expect(sound)
    one = f"DELETE FROM {SCHEMA}.{table} WHERE ctid = (SELECT min(ctid) FROM {SCHEMA}.{table}) RETURNING *"
    sound.do(f"WITH gone AS ({one}) INSERT INTO {SCHEMA}.heir TABLE gone")
    expect(sound, f"{table}: shows rows that stand in {SCHEMA}.heir, which inherits from it")


def partition(table: str, columns: str) -> list[str]:
    """Return what makes a table of two partitions."""
    key = columns.split(maxsplit=1)[0]
    return [
        f"CREATE TABLE {{s}}.{table} ({columns}) PARTITION BY HASH ({key})",
        *(
            f"CREATE TABLE {{s}}.{table}_{part} PARTITION OF {{s}}.{table} "
            f"FOR VALUES WITH (MODULUS 2, REMAINDER {part})"
            for part in (0, 1)
        ),
    ]


def test_partitions_are_one_table(empty: Audit) -> None:
    long = "x" * 20_000
    rows = f"VALUES (1, 'a'), (2, 'b'), (3, '{long}y'), (4, '{long}z'), (5, '{long}')"
    fill(
        empty,
        ["CREATE TABLE keyed (id INTEGER PRIMARY KEY, v TEXT)", "CREATE TABLE bag (n INTEGER, v TEXT)",
         f"INSERT INTO keyed {rows}", f"INSERT INTO bag {rows}"],
        [*partition("keyed", "id bigint PRIMARY KEY, v text"), *partition("bag", "n bigint, v text"),
         f"INSERT INTO {{s}}.keyed {rows}", f"INSERT INTO {{s}}.bag {rows}"],
    )  # fmt: skip
    expect(empty)
    for table in ("bag", "keyed"):
        empty.do(f"UPDATE {SCHEMA}.{table} SET v = left(v, 20000) || 'q' WHERE v LIKE '%z'")
    expect(empty, "bag: row 4 stands in", "bag: a row (hash", "keyed: row 4: v is TEXT")


def test_a_policy_that_hides_rows_ends_a_proof(sound: Audit) -> None:
    sound.do(
        "DROP ROLE IF EXISTS attack_reader",
        "CREATE ROLE attack_reader LOGIN PASSWORD 'canary-5c1e'",
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO attack_reader",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO attack_reader",
        f"INSERT INTO {SCHEMA}.accounts (id, mail) VALUES (5, 'new')",
        f"ALTER TABLE {SCHEMA}.accounts ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY but_one ON {SCHEMA}.accounts USING (id <> 5)",
    )
    parameters = {**sound.access.parameters, "user": "attack_reader", "password": "canary-5c1e"}
    reading = replace(sound, access=replace(sound.access, parameters=parameters))
    with pytest.raises(GuardError, match='row-level security policy for table "accounts"'):
        reading.prove()
    expect(sound, "id = 5 stands in PostgreSQL only")
    sound.do(f"DROP SCHEMA {SCHEMA} CASCADE", "DROP OWNED BY attack_reader", "DROP ROLE attack_reader")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT setval('{s}.accounts_id_seq', 9223372036854775807)",
        "ALTER SEQUENCE {s}.accounts_id_seq MAXVALUE 40 CYCLE; SELECT setval('{s}.accounts_id_seq', 40)",
    ],
)
def test_a_sequence_that_has_no_more_numbers_is_told(sound: Audit, statement: str) -> None:
    sound.do(statement.format(s=SCHEMA))
    expect(sound, "accounts_id_seq of id is at its end, and gives no more numbers")


def test_a_sequence_is_at_its_end_where_the_rows_are(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE notes (id INTEGER PRIMARY KEY, n INTEGER)",
         "INSERT INTO notes VALUES (9223372036854775807, 1), (1, 1)"],
        ["CREATE TABLE {s}.notes (id bigserial PRIMARY KEY, n bigint)", "INSERT INTO {s}.notes VALUES (1, 1)",
         "INSERT INTO {s}.notes VALUES (9223372036854775807, 1)",
         "SELECT setval('{s}.notes_id_seq', 9223372036854775807)"],
    )  # fmt: skip
    expect(empty)
    empty.change_source("UPDATE notes SET id = 9223372036854775806 WHERE id > 1")
    empty.do(f"UPDATE {SCHEMA}.notes SET id = 9223372036854775806 WHERE id > 1")
    expect(empty, "notes_id_seq of id is at its end, and gives no more numbers")


def test_a_sequence_that_counts_down_goes_on_below(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE notes (id INTEGER PRIMARY KEY)", "INSERT INTO notes VALUES (-1), (-2)"],
        ["CREATE TABLE {s}.notes (id bigint GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1) PRIMARY KEY)",
         "INSERT INTO {s}.notes VALUES (-1), (-2)", "SELECT setval('{s}.notes_id_seq', -2)"],
    )  # fmt: skip
    expect(empty)
    empty.do(f"SELECT setval('{SCHEMA}.notes_id_seq', -1)")
    expect(empty, "the next id would be -2, and -2 is taken already")


def test_rows_that_wait_for_one_another_wait_for_nothing(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE notes (id INTEGER PRIMARY KEY, above INTEGER REFERENCES notes, n INTEGER)",
         "CREATE TABLE marks (note INTEGER REFERENCES notes)", "INSERT INTO notes VALUES (1, NULL, 1)"],
        ["CREATE TABLE {s}.notes (id bigint PRIMARY KEY, above bigint REFERENCES {s}.notes, n smallint)",
         "CREATE TABLE {s}.marks (note bigint REFERENCES {s}.notes)", "INSERT INTO {s}.notes VALUES (1, NULL, 1)"],
    )  # fmt: skip
    rows = [((5, 5, 1), "reference", None), ((6, 7, 1), "reference", None), ((7, 6, 1), "reference", None)]
    keep_rows(empty, "notes", [*rows, ((8, 9, 1), "reference", None), ((9, 8, 99999), "n", None)])
    keep_rows(empty, "marks", [((9,), "reference", None), ((8,), "reference", None), ((7,), "reference", None)])
    said = ["row 3 waits", "row 5 waits", "row 6 waits", "row 7 waits"]
    expect(empty, *(f"{one}, and none of its parents does" for one in said))


def test_columns_may_have_names_of_our_own(empty: Audit) -> None:
    columns = '"_address" {t}, "_rowid" {t}, "_rule" {t}, "c0" {t}, "place" {t}, "n" {t}, "k0" {t}'
    fill(
        empty,
        [f"CREATE TABLE odd (\"t\" TEXT PRIMARY KEY NOT NULL, {columns.format(t='TEXT')})",
         "INSERT INTO odd VALUES ('a', 1, 2, 3, 4, 5, 6, 7)", "CREATE TABLE bag (_address TEXT, s TEXT, ctid TEXT)"],
        [f"CREATE TABLE {{s}}.odd (\"t\" text PRIMARY KEY, {columns.format(t='text')})",
         "INSERT INTO {s}.odd VALUES ('a', 1, 2, 3, 4, 5, 6, 7)", "CREATE TABLE {s}.bag (_address text, s text)"],
    )  # fmt: skip
    empty.change_source("ALTER TABLE bag DROP ctid")
    keep_rows(empty, "odd", [(("b", "1", "2", b"3", "4", "5", "6", "7"), "_rule", None)])
    expect(empty)
    empty.do(f"UPDATE {SCHEMA}.odd SET _address = 'x'", f"INSERT INTO {SCHEMA}.bag VALUES ('x', 'y')")
    expect(empty, "bag: a row (hash", "odd: row 1: _address is TEXT")


@pytest.mark.parametrize(
    "setting",
    [
        "extra_float_digits = -15",
        "bytea_output = escape",
        "DateStyle = 'SQL, DMY'",
        "timezone = 'Asia/Kathmandu'",
        "client_encoding = 'LATIN1'",
        "quote_all_identifiers = on",
        "standard_conforming_strings = off",
        "idle_in_transaction_session_timeout = '50ms'",
        "statement_timeout = '30ms'",
        "session_replication_role = replica",
        "enable_indexscan = off",
    ],
)
@pytest.mark.sample(4)
def test_what_is_set_for_everybody_changes_no_proof(sound: Audit, setting: str) -> None:
    sound.do(f"ALTER DATABASE attacks SET {setting}")
    try:
        expect(sound)
    finally:
        sound.do("ALTER DATABASE attacks RESET ALL")
