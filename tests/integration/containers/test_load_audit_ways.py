"""The proof of loads of other kinds: shared tables, keys, references, names, roles and engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.engines import Engine
from strongroom.core.errors import PlanError
from strongroom.core.secret import Secret
from strongroom.load.verify import Claim, Finding, conclude, list_parts, prove_part
from strongroom.sqlite.connection import open_stage
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import hold_keys
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

pytestmark = pytest.mark.sample(2, whole=True)


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return open_audit(name_server(request), "ways", tmp_path_factory.mktemp("ways"))


@pytest.fixture
def empty(room: Audit, tmp_path: Path) -> Audit:
    """Return a load of nothing."""
    return make_empty(room, tmp_path)


def count_to(last: int, statement: str) -> str:
    """Return a statement with the numbers (``i`` of ``c``) from 1."""
    return f"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {last}) {statement}"


def test_values_are_shown_on_request_only(room: Audit, tmp_path: Path) -> None:
    audit = make_sound(room, tmp_path)
    audit.do(f"UPDATE {SCHEMA}.accounts SET name = 'Canary' WHERE id = 1")
    (hidden,) = audit.prove().differences
    assert "Canary" not in hidden
    assert "Ann" not in hidden
    (shown,) = audit.prove(show_values=True).differences
    assert "TEXT 'Ann'" in shown
    assert "text 'Canary'" in shown


def test_twenty_differences_of_a_table_are_said_and_the_others_counted(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE many (id INTEGER PRIMARY KEY, n INTEGER)",
         count_to(5000, "INSERT INTO many SELECT i, i FROM c")],
        ["CREATE TABLE {s}.many (id bigint PRIMARY KEY, n bigint)",
         "INSERT INTO {s}.many SELECT i, CASE WHEN i % 100 = 0 THEN 0 ELSE i END FROM generate_series(1, 5000) i"],
    )  # fmt: skip
    found = empty.prove()
    assert len(found.differences) == 21
    assert found.differences[-1] == "shop.many: 30 more differences"
    assert found.tables["shop.many"].unexplained == 50


def test_a_large_table_is_proven_in_parts_and_a_forgotten_part_is_told(
    empty: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.load.verify.parts._WEIGHT", 1000)
    fill(
        empty,
        ["CREATE TABLE many (id INTEGER PRIMARY KEY, n INTEGER)",
         count_to(5000, "INSERT INTO many SELECT 3 * i, i FROM c")],
        ["CREATE TABLE {s}.many (id bigint PRIMARY KEY, n bigint)",
         "INSERT INTO {s}.many SELECT 3 * i, i FROM generate_series(1, 5000) i"],
    )  # fmt: skip
    parts = list_parts(empty.claim(), empty.access)
    assert len(parts) > 3
    findings = [prove_part(empty.claim(), part, empty.access, False) for part in parts]
    assert conclude(empty.claim(), empty.access, findings).differences == ()
    for left in range(len(parts)):
        rest = findings[:left] + findings[left + 1 :]
        assert conclude(empty.claim(), empty.access, rest).differences[0] == "shop.many: was not looked at as a whole"
    empty.do(f"INSERT INTO {SCHEMA}.many VALUES (1, 1), (4000, 1), (15001, 1)")
    assert len(empty.prove().differences) == 3


@pytest.mark.parametrize("order", ["i", "i % 7, i", "-i"])
def test_a_large_table_of_texts_is_proven_in_parts_in_whatever_order_it_stands(
    empty: Audit, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr("strongroom.load.verify.parts._WEIGHT", 1000)
    numbers = "generate_series(1, 5000) i"
    fill(
        empty,
        ["CREATE TABLE many (code TEXT PRIMARY KEY, n INTEGER)",
         count_to(5000, "INSERT INTO many SELECT 'code ' || (i * 7919 % 5003), i FROM c")],
        ["CREATE TABLE {s}.many (code text PRIMARY KEY, n bigint)",
         f"INSERT INTO {{s}}.many SELECT 'code ' || (i * 7919 % 5003), i FROM {numbers} ORDER BY {order}"],
    )  # fmt: skip
    with empty.connect() as connection:
        knows_ranges = connection.info.server_version >= 14_00_00
    in_order = sum(part.is_in_order for part in list_parts(empty.claim(), empty.access))
    assert in_order == (6 if knows_ranges else 0)
    expect(empty)
    empty.do(f"INSERT INTO {SCHEMA}.many VALUES ('more', 1), ('still more', 2)")
    expect(empty, "stands in PostgreSQL only", "stands in PostgreSQL only")
    empty.do(f"UPDATE {SCHEMA}.many SET n = 0 WHERE n IN (17, 2500)", f"DELETE FROM {SCHEMA}.many WHERE n = 4000")
    found = empty.prove().differences
    assert sum(": n is INTEGER" in line for line in found) == 2
    assert sum("row 4000 stands in the source" in line for line in found) == 1
    assert sum("stands in PostgreSQL only" in line for line in found) == 2
    assert len(found) == 5


def test_columns_that_mix_texts_and_numbers_become_text_where_the_plan_says_so(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE mixed (id INTEGER PRIMARY KEY, what)", "INSERT INTO mixed VALUES (1, 5), (2, 'x'), (3, 0.5)"],
        ["CREATE TABLE {s}.mixed (id bigint PRIMARY KEY, what text)",
         "INSERT INTO {s}.mixed VALUES (1, '5'), (2, 'x'), (3, '0.5')"],
    )  # fmt: skip
    expect(empty, "row 1: what is INTEGER", "row 3: what is REAL")
    plan = empty.folder / "plan.yaml"
    plan.write_text(plan.read_text().replace("    types:\n", "    types:\n      mixed.what: text\n"))
    expect(empty)


def test_rows_that_wait_for_a_key_name_a_row_that_has_it(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE things (ref UUID PRIMARY KEY, mail TEXT COLLATE NOCASE UNIQUE)",
         "INSERT INTO things VALUES ('0B5C4EA1-7F3D-4B12-9E0A-3D8C6F1A2B4C', 'a'), (NULL, 'b')"],
        ["CREATE TABLE {s}.things (ref uuid PRIMARY KEY, mail text)",
         'CREATE UNIQUE INDEX mails ON {s}.things (lower(mail COLLATE "C"))',
         "INSERT INTO {s}.things VALUES ('0B5C4EA1-7F3D-4B12-9E0A-3D8C6F1A2B4C', 'a')"],
    )  # fmt: skip
    keep_rows(
        empty, "things",
        [(("0b5c4ea17f3d4b129e0a3d8c6f1a2b4c", "c"), "key", 1)],
    )  # fmt: skip
    empty.change_ledger("INSERT INTO \"shop.things\" VALUES (2, 'quarantined', '', 'ref', NULL, NULL, NULL, NULL, 'b')")
    made = replace(empty, reported=("things.primary key",))  # by schema files
    expect(made)
    made.change_ledger('UPDATE "shop.things" SET _winner_rowid = 2 WHERE _rowid = 3')
    expect(made, "row 3 waits, and row 2, which is said to have its key, does not stand itself")
    made.change_ledger('UPDATE "shop.things" SET _winner_rowid = 9 WHERE _rowid = 3')
    expect(made, "which is said to have its key, does not come before it")
    made.change_ledger('UPDATE "shop.things" SET _winner_rowid = NULL WHERE _rowid = 3')
    expect(made, "and no row is named")


def test_uniqueness_under_a_collation_is_an_index_that_folds(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE mails (id INTEGER PRIMARY KEY, mail TEXT COLLATE NOCASE UNIQUE, tail TEXT COLLATE RTRIM UNIQUE)",
         "INSERT INTO mails VALUES (1, 'A', 'x '), (2, 'B', 'y')"],
        ["CREATE TABLE {s}.mails (id bigint PRIMARY KEY, mail text, tail text)",
         'CREATE UNIQUE INDEX mails_mail ON {s}.mails (lower(mail COLLATE "C"))',
         "CREATE UNIQUE INDEX mails_tail ON {s}.mails (rtrim(tail, ' '))",
         "INSERT INTO {s}.mails VALUES (1, 'A', 'x '), (2, 'B', 'y')"],
    )  # fmt: skip
    keep_rows(empty, "mails", [((3, "Z", "z"), "key", 1)])
    expect(empty, "row 3 waits, and row 1, which is said to have its key, has another")
    empty.do(f"DROP INDEX {SCHEMA}.mails_mail, {SCHEMA}.mails_tail")
    found = empty.prove().differences
    assert [line for line in found if "uniqueness of (mail)" in line]
    assert [line for line in found if "uniqueness of (tail)" in line]
    excused = replace(empty, reported=("index mails.sqlite_autoindex_mails_1: no", "mails.sqlite_autoindex_mails_2"))
    assert not [line for line in excused.prove().differences if "uniqueness" in line]


def test_what_the_server_refused_is_believed_where_the_schema_may_refuse_and_counted(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE ages (id INTEGER PRIMARY KEY, age INTEGER)", "INSERT INTO ages VALUES (1, 5)"],
        ["CREATE TABLE {s}.ages (id bigint PRIMARY KEY, age bigint CHECK (age > 0))",
         "INSERT INTO {s}.ages VALUES (1, 5)"],
    )  # fmt: skip
    keep_rows(empty, "ages", [((2, -5), "server", None)])
    found = empty.prove()
    assert found.differences == ()
    assert found.notes == ("shop.ages: 1 rows wait that the server refused, by the ledger's own word",)
    assert found.tables["shop.ages"].quarantined == 1


def test_names_are_found_in_any_case_and_generated_columns_are_compared(empty: Audit) -> None:
    fill(
        empty,
        ['CREATE TABLE "Order" ("User" INTEGER PRIMARY KEY, net REAL, gross REAL GENERATED ALWAYS AS (net * 2))',
         'INSERT INTO "Order" VALUES (1, 1.5), (2, 2.5)'],
        ['CREATE TABLE {s}."order" ("user" bigint PRIMARY KEY, net double precision)',
         'ALTER TABLE {s}."order" ADD gross double precision GENERATED ALWAYS AS (net * 2) STORED',
         'INSERT INTO {s}."order" VALUES (1, 1.5), (2, 2.5)'],
    )  # fmt: skip
    expect(empty)
    empty.do(f'ALTER TABLE {SCHEMA}."order" DROP gross',
             f'ALTER TABLE {SCHEMA}."order" ADD gross float8 GENERATED ALWAYS AS (net * 3) STORED')  # fmt: skip
    expect(empty, "row 1: gross is REAL", "row 2: gross is REAL")


def test_names_may_hold_anything(empty: Audit) -> None:
    fill(
        empty,
        ['CREATE TABLE "100 %s" ("50%" INTEGER PRIMARY KEY AUTOINCREMENT, "{a}" TEXT, "q""q" TEXT UNIQUE)',
         """INSERT INTO "100 %s" VALUES (1, 'a', 'b'), (2, NULL, 'c')"""],
        ['CREATE TABLE {s}."100 %s" ("50%" bigserial PRIMARY KEY, "{{a}}" text, "q""q" text UNIQUE)',
         """INSERT INTO {s}."100 %s" VALUES (1, 'a', 'b'), (2, NULL, 'c')"""],
    )  # fmt: skip
    expect(empty, "the next 50% would be 1, and 2 is taken already")
    empty.do(
        f"""SELECT setval('{SCHEMA}."100 %s_50%_seq"', 2)""", f"""UPDATE {SCHEMA}."100 %s" SET "q""q" = "50%"::text"""
    )
    expect(empty, 'row 1: q"q is TEXT', 'row 2: q"q is TEXT')


def test_defaults_of_columns_that_the_source_lacks(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE notes (id INTEGER PRIMARY KEY)", "INSERT INTO notes VALUES (1), (2)"],
        ["CREATE TABLE {s}.notes (id bigint PRIMARY KEY, made timestamptz DEFAULT now(), kind text DEFAULT 'x')",
         "ALTER TABLE {s}.notes ADD more text, ADD number bigserial, ADD own uuid DEFAULT gen_random_uuid()",
         "INSERT INTO {s}.notes SELECT i FROM generate_series(1, 2) i"],
    )  # fmt: skip
    expect(empty)
    empty.do(f"UPDATE {SCHEMA}.notes SET made = '2020-01-01', kind = 'y' WHERE id = 2")
    expect(empty, "column made is not the source's", "column kind is not the source's")


@pytest.mark.parametrize(
    ("typed", "default", "other"),
    [
        ("timestamptz", "CURRENT_TIMESTAMP", "'2020-01-01'"),
        ("date", "CURRENT_DATE", "'2020-01-01'"),
        ("text", "CURRENT_USER", "'x'"),
        ("text", "'random (uuid)'", "'random'"),
        ("text", "'it''s a (constant)'", "'x'"),
        ("varchar(9)", "'constant'", "'x'"),
        ("bigint", "-5", "5"),
        ("numeric(4, 2)", "1.50", "1.51"),
        ("jsonb", "'{{}}'", "'[]'"),
        ("text[]", "'{{}}'", "NULL"),
    ],
)
def test_defaults_are_looked_at_as_what_they_are(empty: Audit, typed: str, default: str, other: str) -> None:
    fill(
        empty,
        ["CREATE TABLE notes (id INTEGER PRIMARY KEY)", "INSERT INTO notes VALUES (1), (2)"],
        [f"CREATE TABLE {{s}}.notes (id bigint PRIMARY KEY, more {typed} DEFAULT {default})",
         "INSERT INTO {s}.notes SELECT i FROM generate_series(1, 2) i"],
    )  # fmt: skip
    expect(empty)
    empty.do(f"UPDATE {SCHEMA}.notes SET more = {other} WHERE id = 2")
    expect(empty, "column more is not the source's")
    if "CURRENT" not in default:
        empty.do(f"UPDATE {SCHEMA}.notes SET more = {other}")
        expect(empty, "column more is not the source's")


def test_virtual_tables_are_bags_or_reported(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE VIRTUAL TABLE words USING fts5(body)", "INSERT INTO words VALUES ('one'), ('two'), ('two')",
         "CREATE VIRTUAL TABLE seen USING fts5(body, content='')"],
        ["CREATE TABLE {s}.words (body text)", "INSERT INTO {s}.words VALUES ('two'), ('one'), ('two')"],
    )  # fmt: skip
    expect(empty, "shop.seen: is not in PostgreSQL, with its 0 rows")
    excused = replace(empty, reported=("seen: keeps no content of its own",))
    assert excused.prove().differences == ()
    assert excused.prove().notes == ("shop.seen: is not carried, with its 0 rows",)


def test_every_row_of_a_large_bag_is_looked_at(empty: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.load.verify.bags._AT_ONCE", 15_000)
    fill(
        empty,
        ["CREATE TABLE logs (line TEXT, n REAL, body BLOB)",
         count_to(20000, "INSERT INTO logs SELECT 'line ' || (i % 500), i / 3.0, zeroblob(i % 3) FROM c"),
         "INSERT INTO logs VALUES (printf('%.20000c', 'x'), NULL, zeroblob(40000))"],
        ["CREATE TABLE {s}.logs (line text, n double precision, body bytea)",
         "INSERT INTO {s}.logs VALUES (repeat('x', 20000), NULL, decode(repeat('00', 40000), 'hex'))",
         "INSERT INTO {s}.logs SELECT 'line ' || (i % 500), i / 3.0::float8 FROM generate_series(20000, 1, -1) i",
         "UPDATE {s}.logs SET body = decode(repeat('00', round(n * 3)::int % 3), 'hex') WHERE n IS NOT NULL"],
    )  # fmt: skip
    expect(empty)
    empty.do(f"UPDATE {SCHEMA}.logs SET line = line || 'x' WHERE n > 6000")
    found = empty.prove()
    assert found.tables["shop.logs"].unexplained == 2000
    assert found.differences[-1] == "shop.logs: 3980 more differences"
    empty.do(f"TRUNCATE {SCHEMA}.logs")
    assert empty.prove().tables["shop.logs"].unexplained == 20001


def test_a_server_that_knows_no_ranges_of_places_is_asked_in_another_way(
    room: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.load.verify.asking._RANGES", 99_00_00)
    monkeypatch.setattr("strongroom.load.verify.surroundings._KNOWS_RANGES", 99_00_00)
    audit = make_sound(room, tmp_path)
    assert not any(part.is_in_order for part in list_parts(audit.claim(), audit.access))
    expect(audit)
    audit.do(
        f"DELETE FROM {SCHEMA}.orders WHERE code = 'C-3'",
        f"UPDATE {SCHEMA}.visits SET who = 'x' WHERE what IS NULL",
    )
    expect(audit, "orders: row 4", "visits: row 4", "visits: a row (hash")


def test_shared_tables_may_hold_more_and_what_gives_way_has_a_live_rival(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)", "CREATE TABLE bag (n INTEGER)",
         "INSERT INTO people VALUES (1, 'same'), (2, 'new')", "INSERT INTO bag VALUES (1), (1)"],
        ["CREATE TABLE {s}.people (id bigint PRIMARY KEY, name text)", "CREATE TABLE {s}.bag (n bigint)",
         "INSERT INTO {s}.people VALUES (1, 'same'), (2, 'new'), (3, 'live'), (4, 'live'), (9, 'other')",
         "INSERT INTO {s}.bag VALUES (1), (1), (1), (2)"],
    )  # fmt: skip
    keep_rows(empty, "people", [((3, "old"), "key", None), ((4, "old"), "key", None)])
    empty.change_ledger(
        "UPDATE 'shop.people' SET _disposition = 'superseded' WHERE _rowid = 4",
        "INSERT INTO 'shop.people' VALUES (1, 'merged_identical', '', '', 1, NULL, NULL, 1, 'same')",
    )
    shared = replace(empty, shares=True)
    expect(shared)
    tally = shared.prove().tables["shop.people"]
    assert (tally.read, tally.inserted, tally.merged_identical, tally.superseded, tally.quarantined) == (4, 1, 1, 1, 1)
    shared.do(f"DELETE FROM {SCHEMA}.people WHERE id IN (2, 3)", f"DELETE FROM {SCHEMA}.bag WHERE n = 1")
    found = shared.prove().differences
    assert [line for line in found if "people: row 2 stands in the source" in line]
    assert [line for line in found if "people: row 3 is said to give way" in line]
    assert sum("bag: row" in line for line in found) == 2


def test_a_reader_proves_it_through_a_statement_timeout(room: Audit, tmp_path: Path) -> None:
    audit = make_sound(room, tmp_path)
    audit.do(
        "DROP ROLE IF EXISTS audit_reader",
        "CREATE ROLE audit_reader LOGIN PASSWORD 'canary-5c1e'",
        "ALTER ROLE audit_reader SET statement_timeout = '5s'",
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO audit_reader",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO audit_reader",
    )
    parameters = {**audit.access.parameters, "user": "audit_reader", "password": "canary-5c1e"}
    reading = replace(audit, access=replace(audit.access, parameters=parameters))
    found = reading.prove()
    assert found.differences == ()
    assert found.notes == ("shop.accounts: sequence shop_staged.accounts_id_seq cannot be read",)
    audit.do(f"DROP SCHEMA {SCHEMA} CASCADE", "DROP OWNED BY audit_reader", "DROP ROLE audit_reader")


def test_an_encrypted_snapshot_is_proven_with_its_key(room: Audit, tmp_path: Path) -> None:
    audit = make_sound(room, tmp_path)
    with hold_keys({"vault": Secret("ab" * 32)}):
        claim = audit.claim()
        secret = {}
        for name in ("shop.db", "ledger.db"):
            place = Database(tmp_path / f"secret-{name}", Engine.BUNDLED, "vault")
            with open_stage(place) as connection:
                connection.execute("ATTACH ? AS plain KEY ''", (str(tmp_path / name),))
                connection.execute("SELECT sqlcipher_export('main', 'plain')")
            secret[name] = place
        claim = replace(claim, snapshot=secret["shop.db"], ledger=secret["ledger.db"])
        assert prove(claim, audit).differences == ()
        audit.do(f"UPDATE {SCHEMA}.accounts SET name = 'ANN' WHERE id = 1")
        assert len(prove(claim, audit).differences) == 1


def prove(claim: Claim, audit: Audit) -> Any:
    findings: list[Finding] = [prove_part(claim, part, audit.access, False) for part in list_parts(claim, audit.access)]
    return conclude(claim, audit.access, findings)


def test_texts_that_are_no_utf8_wait(empty: Audit) -> None:
    fill(
        empty,
        ["CREATE TABLE odd (id INTEGER PRIMARY KEY, name TEXT)",
         "INSERT INTO odd VALUES (1, 'a'), (2, CAST(x'ff61' AS TEXT)), (3, CAST(x'610062' AS TEXT)), (4, 'é')"],
        ["CREATE TABLE {s}.odd (id bigint PRIMARY KEY, name text)",
         "INSERT INTO {s}.odd VALUES (1, 'a'), (3, 'a'), (4, 'é')"],
    )  # fmt: skip
    expect(empty, "row 2 stands in the source", "row 3: name is TEXT")
    empty.change_ledger(
        'CREATE TABLE "shop.odd" (_rowid INTEGER PRIMARY KEY, _disposition TEXT, _reason TEXT, _rule TEXT, '
        "_target_rowid INTEGER, _winner_input INTEGER, _winner_rowid INTEGER, c0, c1)",
        "INSERT INTO inputs VALUES (1, 'shop.odd', 'shop', 'odd', 'shop.odd', '[\"id\", \"name\"]', 0, 1)",
        *(
            f"INSERT INTO \"shop.odd\" VALUES ({row}, 'quarantined', '', 'name', NULL, NULL, NULL, {row}, {name})"
            for row, name in ((2, "CAST(x'ff61' AS TEXT)"), (3, "CAST(x'610062' AS TEXT)"))
        ),
    )
    expect(empty, "id = 3 stands in PostgreSQL only")
    empty.do(f"DELETE FROM {SCHEMA}.odd WHERE id = 3")
    expect(empty)


def test_a_plan_without_the_target_is_refused(empty: Audit) -> None:
    claim = replace(empty.claim(), target="other")
    with pytest.raises(PlanError, match="has no target other"):
        list_parts(claim, empty.access)


@pytest.mark.parametrize("key", ["", " PRIMARY KEY"])
def test_long_values_are_compared_to_their_last_byte(empty: Audit, key: str) -> None:
    long = "x" * 20_000
    with empty.open_source() as source:
        source.execute(f"CREATE TABLE longs (id INTEGER{key}, name TEXT, body BLOB, what JSON, n TEXT)")
        rows = [
            (1, long, bytes(20_000), f'{{"a": "{long}"}}', -1),
            (2, long, None, None, "-1"),
            (3, "a", b"", "1", None),
        ]
        source.executemany("INSERT INTO longs VALUES (?, ?, ?, ?, ?)", rows)
        source.commit()
    empty.do(f"CREATE TABLE {SCHEMA}.longs (id bigint{key}, name text, body bytea, what jsonb, n text)")
    with empty.connect() as connection:
        for row in rows:
            there = (*row[:4], None if row[4] is None else str(row[4]))
            connection.execute(f"INSERT INTO {SCHEMA}.longs VALUES (%s, %s, %s, %s, %s)".encode(), there)
    expect(empty)
    changes = ("name = left(name, 19999) || 'y'", "body = set_byte(body, 19999, 1)", "name = left(name, 17000)",
               "what = jsonb_set(what, '{a}', to_jsonb(left(name, 19999)))", "body = NULL", "name = 'a'")  # fmt: skip
    for change in changes:
        empty.do(f"CREATE TABLE {SCHEMA}.before AS TABLE {SCHEMA}.longs",
                 f"UPDATE {SCHEMA}.longs SET {change} WHERE id = 1")  # fmt: skip
        assert any("longs: row 1" in line for line in empty.prove().differences), change
        empty.do(f"TRUNCATE {SCHEMA}.longs", f"INSERT INTO {SCHEMA}.longs TABLE {SCHEMA}.before",
                 f"DROP TABLE {SCHEMA}.before")  # fmt: skip
    expect(empty)
