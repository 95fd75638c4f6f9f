"""Bad input costs its row, or is refused with one clear line and its exit code; what is live stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strongroom.load.judging import prove_load
from strongroom.load.rows import filling, loading
from strongroom.schema.roles import let_owner_create, provide_roles
from tests.integration.containers.load_site import LoadSite, open_load_site
from tests.integration.containers.schema_site import Site

pytestmark = pytest.mark.sample(2, whole=True)

LIVE = ("CREATE SCHEMA core", "CREATE TABLE core.kept (id bigint PRIMARY KEY)", "INSERT INTO core.kept VALUES (7)")
ONE = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');"
BUDGET = "time_zone: UTC, quarantine_budget: 99"


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> Iterator[LoadSite]:
    """Give a place to load beside a schema that is live, and steps aside; whatever a test does, it stays."""
    opened = open_load_site(site, tmp_path, "--replace")
    opened.plan(defaults=BUDGET)
    site.do(*LIVE)
    yield opened
    assert site.read("SELECT id FROM core.kept") == [(7,)]


def is_staged(shop: LoadSite) -> bool:
    return shop.site.read("SELECT to_regnamespace('core_staged') IS NOT NULL") == [(True,)]


# What becomes of values: the column's type, values that do not fit it, values that do, all as SQL.
VALUES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "NUL": ("text", ("'a' || char(0) || 'b'", "char(0)"), ("'fine'", "''")),
    "text that is no UTF-8": ("text", ("CAST(x'ff00' AS TEXT)", "CAST(x'c3' AS TEXT)"), ("CAST(x'c3bc' AS TEXT)",)),
    "bytes in a text": ("text", ("x'00ff'", "x''"), ("'fine'",)),
    "NUL in JSON": ("jsonb", ("""'"\\u0000"'""", """'{"a\\u0000": 1}'"""), ("""'"\\\\u0000"'""",)),
    "JSON that is none": ("jsonb", ("'NaN'", """'{"a": 1, "a": 2}'""", """'"\\ud800"'""", "'[Infinity]'", "9e999"),
    ("'1'",)),
    "numbers in JSON that no decimal holds": ("jsonb", ("'1e1001'", "'[2e-1001]'"), ("'1e1000'", "'1e-1000'")),
    "infinity as a number": ("numeric", ("9e999", "-9e999", "'NaN'"), ("1.5", "'0.10'")),
    "zeros without an end": ("numeric", ("'1e5'",), ("'1.' || replace(hex(zeroblob(40000)), '0', '00')",)),
    "2^63 as text and as a double": ("bigint", ("'9223372036854775808'", "9223372036854775808", "1.5"),
    ("-9223372036854775808",)),
    "whole numbers that no double holds": ("double precision", ("9007199254740993", "'1'"),
    ("9007199254740992", "9e999")),
    "years that are none": ("timestamptz", ("'0000-01-01'", "'54191-01-01'", "'0001-01-01 00:30+01'"),
    ("'9999-12-31'",)),
    "epochs beyond the years": ("{type: timestamptz, epoch: s}", ("1647936000000", "-62135596801"), ("0", "-1.5")),
    "times of an hour that is none": ("{type: timestamptz, time_zone: Europe/Vienna}",
    ("'2024-03-31 02:30'", "'2024-10-27 02:30'"),
                                      ("'2024-03-31 02:30Z'",)),
    "dates that are none": ("date", ("'2023-02-29'", "'0000-00-00'"), ("'2024-02-29'",)),
    "labels that are none": ("{type: enum, values: [open]}", ("'closed'", "1"), ("'open'",)),
    "arrays that are none": ("'text[]'", ("'[1]'", "'a,b'", "'[[]]'"), ("'[\"a\", null]'",)),
}  # fmt: skip


def test_a_value_that_does_not_fit_costs_its_row(shop: LoadSite) -> None:
    shop.plan(defaults=BUDGET, types=", ".join(f"'{name}.v': {kind}" for name, (kind, _, _) in VALUES.items()))
    for name, (_, bad, good) in VALUES.items():
        rows = "".join(f'INSERT INTO "{name}" (v) VALUES ({one});' for one in (*bad, *good))
        shop.write(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, v); {rows}')
    shop.prove()
    waiting = shop.waiting()
    for name, (_, bad, good) in VALUES.items():
        mine = {address: rule for (table, address), rule in waiting.items() if table == name}
        assert mine == dict.fromkeys(range(1, len(bad) + 1), "v"), name
        stand = [row[0] for row in shop.read(f'"{name}"')]
        assert stand == list(range(len(bad) + 1, len(bad) + len(good) + 1)), name


def test_more_rows_that_wait_than_the_budget_allows_are_staged_and_not_for_cutover(shop: LoadSite) -> None:
    shop.plan()
    shop.write(ONE, "INSERT INTO t VALUES (3, x'00')")
    shop.load().refuse(4, "quarantine", "--quarantine-budget 1")
    assert [row[0] for row in shop.read("t")] == [1, 2]


@pytest.mark.parametrize(
    "script",
    [
        f"CREATE TABLE {'n' * 64} (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE t ({'n' * 64} TEXT)",
        f"CREATE TABLE {'ü' * 32} (v TEXT)",
    ],
)
def test_a_name_that_postgresql_would_cut_is_refused(shop: LoadSite, script: str) -> None:
    shop.write(script)
    shop.load().refuse(2, "64 bytes", "63")
    assert not is_staged(shop)


def test_names_of_63_bytes_odd_ones_and_reserved_ones_are_kept(shop: LoadSite) -> None:
    names = [
        "order",
        "user",
        "SELECT",
        "a b",
        'q"q',
        "it's",
        "Ünï",
        "ünï",
        "t_pkey",
        "t_id_seq",
        "%s",
        "{x}",
        "n" * 63,
        "ü" * 31,
        "\\",
        ";--",
    ]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    columns = ", ".join(f"{name} TEXT" for name in (*quoted, '"ctid2"', '"tableoid2"'))
    shop.write(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)",
        *(f"CREATE TABLE {name} ({columns}); INSERT INTO {name} ({name}) VALUES ('here')" for name in quoted),
        *(f'CREATE INDEX {name[:-1]}_index" ON {name} ({name})' for name in quoted),
    )
    shop.prove()
    for name in quoted:
        assert shop.read(name, name) == [("here",)]


def test_names_that_differ_in_case_only_find_their_own(shop: LoadSite) -> None:
    shop.site.write(
        "core/001_schema.sql", 'CREATE TABLE "T" (id bigint, "V" text, v text); CREATE TABLE t (id bigint, "V" text);'
    )
    shop.write("CREATE TABLE t (ID INTEGER, v TEXT); INSERT INTO t VALUES (1, 'a')")
    shop.prove()
    assert (shop.read("t"), shop.read('"T"')) == ([(1, "a")], [])


def test_a_name_that_two_of_the_schema_may_mean_is_refused(shop: LoadSite) -> None:
    shop.site.write("core/001_schema.sql", 'CREATE TABLE "TT" (id bigint); CREATE TABLE tt (id bigint);')
    shop.write("CREATE TABLE Tt (id INTEGER)")
    shop.load().refuse(2, "core.Tt")


def test_generated_columns_composite_and_self_referencing_keys_and_orphans(shop: LoadSite) -> None:
    shop.write(
        "CREATE TABLE p (a TEXT, b INTEGER, n INTEGER, g INTEGER AS (n * 2) STORED, h TEXT AS (a || b), "
        "PRIMARY KEY (a, b))",
        "INSERT INTO p VALUES ('x', 1, 5), ('x', 2, 'many'), ('y', 1, NULL)",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, up INTEGER REFERENCES c, "
        "FOREIGN KEY (a, b) REFERENCES p)",
        "INSERT INTO c VALUES (1, 'x', 1, 2), (2, 'x', 1, 1), (3, 'x', 2, 1), (4, 'y', 1, 3)",
        "INSERT INTO c VALUES (5, 'x', NULL, 9), (6, 'gone', 1, 6)",
        "CREATE TABLE above (id INTEGER PRIMARY KEY, up INTEGER REFERENCES above); INSERT INTO above VALUES (1, 1)",
    )
    outcome = shop.prove()
    assert shop.waiting() == {("p", 2): "n", ("c", 3): "reference", ("c", 4): "reference"}
    assert [row[0] for row in shop.read("c")] == [1, 2, 5, 6]
    orphans = {name: tally["orphans_after"] for name, tally in outcome["references"].items()}
    assert sum(orphans.values()) == 2, orphans


def test_children_wait_in_tables_without_rowids_too(shop: LoadSite) -> None:
    shop.write(
        "CREATE TABLE p (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID",
        "INSERT INTO p VALUES ('a', 1), ('b', 'x'), ('c', 'y')",
        "CREATE TABLE c (k TEXT PRIMARY KEY, p TEXT REFERENCES p) WITHOUT ROWID",
        "INSERT INTO c VALUES ('1', 'a'), ('2', 'b'), ('3', 'gone')",
    )
    shop.prove()
    assert shop.waiting() == {("p", 2): "v", ("p", 3): "v", ("c", 2): "reference"}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_a_source_of_any_encoding_is_loaded_and_what_waits_is_kept(shop: LoadSite, encoding: str) -> None:
    shop.write(
        f"PRAGMA encoding = '{encoding}'",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, v TEXT); INSERT INTO t VALUES (1, 1, 'ü😀'), (2, 'x', 'é')",
    )
    shop.prove()
    assert (shop.read("t"), shop.waiting()) == ([(1, 1, "ü😀")], {("t", 2): "n"})


@pytest.mark.parametrize("key", ["", ", PRIMARY KEY (oid)"])
def test_a_table_whose_columns_take_all_names_of_the_rowid_is_loaded(shop: LoadSite, key: str) -> None:
    shop.write(
        f"CREATE TABLE t (rowid TEXT, _rowid_ TEXT, oid TEXT, n INTEGER{key})",
        "INSERT INTO t VALUES ('a', 'b', 'c', 1), ('a', 'b', 'd', 'x'), ('a', 'b', 'e', 2)",
    )
    shop.prove()
    assert (shop.waiting(), len(shop.read("t"))) == ({("t", 2): "n"}, 2)


def test_the_first_and_the_last_rowid_are_rows_like_others(shop: LoadSite) -> None:
    shop.write(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)",
        "INSERT INTO t VALUES (-9223372036854775808, 'x'), (9223372036854775807, 3), (0, 1), (-1, 'y')",
    )
    shop.prove()
    assert shop.waiting() == {("t", -(2**63)): "v", ("t", -1): "v"}


def test_what_another_table_of_the_files_refers_to_gives_way(shop: LoadSite) -> None:
    shop.site.write(
        "core/001_schema.sql",
        "CREATE TABLE y (id bigint PRIMARY KEY); INSERT INTO y VALUES (1), (99);"
        "CREATE TABLE x (id bigint PRIMARY KEY, y bigint REFERENCES y); INSERT INTO x VALUES (10, 1), (11, NULL);",
    )
    shop.write("CREATE TABLE y (id INTEGER PRIMARY KEY); INSERT INTO y VALUES (1), (2)")
    shop.prove()
    assert (shop.read("x"), shop.read("y")) == ([(10, 1), (11, None)], [(1,), (2,)])


def test_rows_of_the_files_give_way_in_a_table_that_comes_in_ranges(
    shop: LoadSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_RANGE_BYTES", 100)
    rows = "CREATE TABLE y (id bigint PRIMARY KEY, v text); INSERT INTO y VALUES (5, 'seeded'), (999, 'seeded');"
    shop.site.write("core/001_schema.sql", rows)
    shop.write(
        "CREATE TABLE y (id INTEGER PRIMARY KEY, v TEXT)",
        ("INSERT INTO y VALUES (?, ?)", [(number, "loaded") for number in range(1, 41)]),
    )
    shop.prove()
    assert shop.read("y", "count(*), max(id), max(v)") == [(40, 40, "loaded")]


def test_a_table_of_more_columns_than_the_server_takes_is_refused(shop: LoadSite) -> None:
    shop.write(f"CREATE TABLE wide ({', '.join(f'c{number}' for number in range(1601))})")
    shop.load().refuse(2, "table wide", "cannot be made: tables can have at most 1600 columns")


def test_a_key_that_a_view_needs_stays_while_rows_come(shop: LoadSite) -> None:
    shop.site.write(
        "core/001_schema.sql",
        "CREATE TABLE t (id bigint PRIMARY KEY, v text, n bigint UNIQUE); "
        "CREATE VIEW w AS SELECT id, v FROM t GROUP BY id;",
    )
    shop.write("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, n INTEGER)")
    shop.write("INSERT INTO t VALUES (1, 'a', 7), (2, 'b', 7), (3, 'c', 8)")
    shop.prove()
    assert (shop.read("w"), shop.waiting()) == ([(1, "a"), (3, "c")], {("t", 2): "key"})
    keys = "SELECT conname FROM pg_constraint WHERE conrelid = 'core_staged.t'::regclass ORDER BY 1"
    assert shop.site.read(keys) == [("t_n_key",), ("t_pkey",)]


def test_another_load_that_is_at_work_in_the_database_is_told(shop: LoadSite) -> None:
    shop.write(ONE)
    with shop.site.connect() as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('strongroom_shop_load is written', 0))")
        shop.load().refuse(11, "another load is at work in", "then run this again")
        assert not is_staged(shop)
    shop.prove()


def test_a_load_whose_book_another_took_is_not_proven(shop: LoadSite, monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(*arguments: Any, **named: Any) -> Any:
        shop.site.do("UPDATE strongroom_shop_load.loads SET load = 'another'")
        return prove_load(*arguments, **named)

    shop.write(ONE)
    with monkeypatch.context() as patch:
        patch.setattr("strongroom.load.run.prove_load", prove)
        shop.load().refuse(6, "is not in its book any more", "run postgres.load again")
    shop.run("cutover").refuse(6, "is not staged, but failed")
    shop.prove()


def test_a_schema_that_holds_other_rows_is_refused_unless_it_may_step_aside(shop: LoadSite) -> None:
    shop.write(ONE)
    shop.run("load").refuse(6, "schema core", "1 of kept", "--replace")


def test_a_schema_of_somebody_else_under_the_staged_name_is_left_alone(shop: LoadSite) -> None:
    shop.site.do("CREATE SCHEMA core_staged", "CREATE TABLE core_staged.precious (id int)")
    shop.write(ONE)
    shop.load().refuse(6, "schema core_staged", "belongs to postgres")
    assert shop.site.read("SELECT to_regclass('core_staged.precious') IS NOT NULL") == [(True,)]


@pytest.mark.parametrize(("files", "number"), [("", 1), ("CREATE TABLE t (id bigint CHECK (id <> 1), v text);", 2)])
def test_a_server_that_ends_the_session_is_unreachable_and_the_same_command_goes_on(
    shop: LoadSite, monkeypatch: pytest.MonkeyPatch, files: str, number: int
) -> None:
    if files:  # a row of which the server refuses: the second copy is careful
        shop.site.write("core/001_schema.sql", files)
    shop.write(ONE)
    copy_rows, copies = filling.copy_rows, count(1)

    @contextmanager
    def cut_off(connection: psycopg.Connection, *arguments: Any, **named: Any) -> Iterator[Any]:
        with copy_rows(connection, *arguments, **named) as write:
            if next(copies) == number:
                shop.site.end_session(connection.info.backend_pid)
            yield write

    with monkeypatch.context() as patch:
        patch.setattr(filling, "copy_rows", cut_off)
        shop.load().refuse(5, "PostgreSQL at", "same command")
    shop.run("quarantine").refuse(6, "has not come to its end", "run postgres.load again")
    shop.prove()
    assert shop.read("t") == [(1, "a"), (2, "b")][1 if files else 0 :]
    assert shop.run("quarantine").code == 0


@pytest.mark.parametrize(
    ("task", "flags"),
    [("load", ()), ("load", ("--dry-run",)), ("load", ("--into-live",)), ("verify", ()), ("cutover", ())],
)
def test_a_server_that_is_too_old_is_one_line(
    shop: LoadSite, monkeypatch: pytest.MonkeyPatch, task: str, flags: tuple[str, ...]
) -> None:
    shop.write(ONE)
    if task != "load":
        shop.prove()
    version = shop.site.version
    monkeypatch.setattr("strongroom.postgres.access._OLDEST", version + 1)
    ended = shop.run(task, *flags)
    ended.refuse(13, f"is version {version}, and {version + 1} is the oldest that will do", "SHOP_DSN")
    there = shop.site.read("SELECT to_regnamespace('core_staged') IS NOT NULL")
    assert there == [(task != "load",)]


def test_a_role_that_may_make_no_schema_is_refused(shop: LoadSite) -> None:
    shop.write(ONE)
    shop.site.act_as(shop.site.make_role(""))
    shop.load().refuse(6, "connect as a role that may")
    assert not is_staged(shop)


def test_a_member_of_the_owner_that_is_no_superuser_loads(shop: LoadSite) -> None:
    shop.write(ONE)
    role, name = shop.site.make_role("NOSUPERUSER"), shop.site.dsn.partition("?")[0].rsplit("/", 1)[1]
    with shop.site.connect() as connection, connection.transaction():
        provide_roles(connection, "shop")
        let_owner_create(connection, "shop")
    shop.site.do(f"GRANT CREATE ON DATABASE {name} TO {role}", f"GRANT shop_owner TO {role}")
    shop.site.act_as(role)
    shop.prove()
    assert shop.read("t") == [(1, "a"), (2, "b")]


@contextmanager
def another_database(shop: LoadSite, how: str) -> Iterator[None]:
    """Let loads go into a database that is made otherwise."""
    name = shop.site.dsn.partition("?")[0].rsplit("/", 1)[1]
    shop.site.do(f"DROP DATABASE IF EXISTS {name}_other", f"CREATE DATABASE {name}_other TEMPLATE template0 {how}")
    dsn = shop.site.dsn
    shop.site.monkeypatch.setenv("SHOP_DSN", dsn.replace(f"/{name}?", f"/{name}_other?"))
    yield
    shop.site.monkeypatch.setenv("SHOP_DSN", dsn)
    shop.site.do(f"DROP DATABASE {name}_other")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_an_encoding_that_lacks_texts_is_refused(shop: LoadSite, encoding: str) -> None:
    shop.write(ONE)
    with another_database(shop, f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"):
        shop.load().refuse(6, encoding, "UTF8")


def test_a_database_of_another_collation_holds_the_same(shop: LoadSite) -> None:
    words = "('Zebra', 1), ('apple', 2), ('Äpfel', 3), ('äpfel', 4), ('Apple', 5), ('', 6), ('z\u0308', 7), ('ẑ', 8)"
    shop.write(
        f"CREATE TABLE t (v TEXT PRIMARY KEY COLLATE NOCASE, n) WITHOUT ROWID; INSERT OR IGNORE INTO t VALUES {words}"
    )
    shop.write(f"CREATE TABLE u (v TEXT UNIQUE, n INTEGER); INSERT INTO u VALUES {words}")
    ways = {"LC_COLLATE 'C' LC_CTYPE 'C'": 0, "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'": 15}
    for how in (how for how, first in ways.items() if shop.site.version >= first):
        with another_database(shop, f"ENCODING 'UTF8' {how}"):
            shop.prove()


def test_a_client_of_another_encoding_sends_the_same_texts(shop: LoadSite) -> None:
    shop.site.monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    shop.write("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'ü'), (2, '😀')")
    shop.prove()
    shop.site.monkeypatch.delenv("PGCLIENTENCODING")
    assert shop.read("t") == [(1, "ü"), (2, "😀")]


def test_a_role_whose_statements_and_transactions_end_early_loads(shop: LoadSite) -> None:
    slow = "v text CHECK (pg_sleep(4) IS NOT NULL)"
    shop.site.write("core/001_schema.sql", f"CREATE TABLE t (id bigint PRIMARY KEY, {slow});")
    shop.write("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a')")
    asked = "SELECT name FROM pg_settings WHERE name LIKE '%\\_timeout' AND context = 'user'"
    limits = [name for (name,) in shop.site.read(asked)]
    assert "statement_timeout" in limits
    shop.site.do(
        *(f"ALTER ROLE postgres SET {name} = '3s'" for name in limits),
        "ALTER ROLE postgres SET default_transaction_isolation = 'serializable'",
    )
    try:
        shop.prove()
    finally:
        shop.site.do("ALTER ROLE postgres RESET ALL")


def test_a_database_file_that_is_missing_is_unreachable(shop: LoadSite) -> None:
    shop.load().refuse(5, "core.db", "no such file")


def test_a_file_that_is_no_database_is_refused(shop: LoadSite) -> None:
    shop.database.write_text("this is no database, and it is long enough to look like one\n" * 100)
    shop.load().refuse(6, "core.db")


def test_a_dsn_that_the_system_does_not_name_is_refused(shop: LoadSite) -> None:
    shop.write(ONE)
    shop.plan(more=", dsn: OTHER_DSN")
    shop.load().refuse(2, "OTHER_DSN", "SHOP_DSN")


def test_without_a_server_that_is_named_nothing_is_done(shop: LoadSite) -> None:
    shop.write(ONE)
    shop.site.monkeypatch.delenv("SHOP_DSN")
    shop.load().refuse(2, "SHOP_DSN")
    assert not (shop.target / ".strongroom").exists()


def test_a_type_into_which_nothing_is_loaded_is_refused(shop: LoadSite) -> None:
    shop.site.write("core/001_schema.sql", "CREATE TABLE t (id bigint, v money);")
    shop.write(ONE)
    shop.load().refuse(2, "core.t.v", "money")


@pytest.mark.parametrize(
    ("files", "source", "words"),
    [
        ("CREATE TABLE t (id bigint);", ONE, "core.t.v"),
        ("CREATE TABLE u (id bigint);", ONE, "core.t"),
        ("CREATE TABLE t (id bigint, v timestamptz);", ONE.replace("'a'", "5").replace("'b'", "2e9"), "no one unit"),
    ],
)
def test_what_the_schema_files_lack_or_nobody_says_is_refused(
    shop: LoadSite, files: str, source: str, words: str
) -> None:
    shop.site.write("core/001_schema.sql", files)
    shop.write(source.replace("v TEXT", "v"))
    shop.load().refuse(2, words)


@pytest.mark.parametrize(
    "raising",
    [
        "RAISE EXCEPTION 'pin % is bad', v",
        "ASSERT false, 'pin ' || v",
        "RAISE EXCEPTION 'pin % is bad', v USING ERRCODE = '42501', CONSTRAINT = v",
    ],
)
def test_a_function_that_raises_costs_its_row_and_its_words_are_not_said(shop: LoadSite, raising: str) -> None:
    shop.site.write(
        "core/001_schema.sql",
        "CREATE FUNCTION sound(v text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$"
        f"BEGIN IF v = 'canary' THEN {raising}; END IF; RETURN true; END $$;"
        "CREATE TABLE t (id bigint PRIMARY KEY, v text CHECK (sound(v)));",
    )
    shop.write("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'canary')")
    ended = shop.load()
    assert ended.code == 0, ended.error
    assert "canary" not in ended.out + ended.error
    assert "core.t row 2: the server refuses it: a function of the schema raises an error" in ended.out
    assert shop.read("t") == [(1, "a")]
