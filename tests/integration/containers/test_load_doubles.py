"""Rows that have one key after conversion: the first that may stay stays, whatever kind of key it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.containers.load_site import LoadSite, open_load_site
from tests.integration.containers.schema_site import Site

PLAIN = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 800) "
BUDGET = "time_zone: UTC, quarantine_budget: 9"


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> LoadSite:
    opened = open_load_site(site, tmp_path)
    opened.plan(defaults=BUDGET)
    return opened


def prove(shop: LoadSite, files: str, source: str) -> dict[tuple[str, int], str]:
    """Load into a schema of files, and return what waits, and why."""
    shop.site.write("core/001_schema.sql", files)
    shop.write(source)
    shop.prove()
    return shop.waiting()


KEYS = {
    "v numeric UNIQUE": "(1, '1.0'), (2, '1.00'), (3, '2')",
    "v numeric(9, 3) UNIQUE": "(1, '1.0'), (2, '1.000'), (3, '2')",
    "v jsonb UNIQUE": """(1, '{"a": 1, "b": 2}'), (2, '{"b":2.0,"a":1}'), (3, '2')""",
    "v uuid UNIQUE": f"(1, '{'ab' * 16}'), (2, '{'AB' * 16}'), (3, '{'cd' * 16}')",
    "v text, UNIQUE NULLS NOT DISTINCT (v)": "(1, NULL), (2, NULL), (3, 'a')",
    "v text, EXCLUDE USING btree (v WITH =)": "(1, 'a'), (2, 'a'), (3, 'b')",
    "v numeric[] UNIQUE": """(1, '[1.5]'), (2, '["1.50"]'), (3, '[]')""",
    "v timestamptz UNIQUE": "(1, '2024-01-01'), (2, '2024-01-01T01:00+01'), (3, '2024-01-02')",
}
NULLS_NOT_DISTINCT = 15
"""The first version that knows it."""


def test_the_server_says_which_values_are_equal(shop: LoadSite) -> None:
    known = [key for key in KEYS if "NULLS NOT" not in key or shop.site.version >= NULLS_NOT_DISTINCT]
    names = {f"t{number}": key for number, key in enumerate(known)}
    files = "".join(f"CREATE TABLE {name} (id bigint PRIMARY KEY, {key});" for name, key in names.items())
    made = (
        f"{PLAIN.replace(' t ', f' {name} ')} INSERT INTO {name} VALUES {KEYS[key]};" for name, key in names.items()
    )
    waiting = prove(shop, files, "".join(made))
    assert waiting == {(name, 2): "server" if "EXCLUDE" in key else "key" for name, key in names.items()}
    for name, key in names.items():
        assert [row[0] for row in shop.read(name)] == [1, 3], key


INDEXES = {
    "(lower(v))": ("(1, 'É'), (2, 'é'), (3, 'e')", {2}),
    "(v) WHERE id > 2": ("(1, 'a'), (2, 'a'), (3, 'a'), (4, 'b'), (5, 'b')", {5}),
    "((v IS NULL), v)": ("(1, NULL), (2, NULL), (3, 'a'), (4, 'a')", {4}),
}


def test_indexes_on_expressions_and_partial_ones_are_understood(shop: LoadSite) -> None:
    names = {f"t{number}": index for number, index in enumerate(INDEXES)}
    table = "CREATE TABLE {0} (id bigint PRIMARY KEY, v text); CREATE UNIQUE INDEX u{0} ON {0} {1};"
    files = "".join(table.format(name, index) for name, index in names.items())
    made = (f"{PLAIN.replace(' t ', f' {name} ')} INSERT INTO {name} VALUES {INDEXES[index][0]};"
            for name, index in names.items())  # fmt: skip
    waiting = prove(shop, files, "".join(made))
    assert waiting == {(name, address): "key" for name, index in names.items() for address in INDEXES[index][1]}


def test_a_row_that_waits_keeps_no_other_from_its_place(shop: LoadSite) -> None:
    files = "CREATE TABLE t (id bigint PRIMARY KEY, a text UNIQUE, b text UNIQUE);"
    rows = "(1, 'x', 'y'), (2, 'z', 'y'), (3, 'z', 'w'), (4, 'x', 'w')"
    source = f"CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); INSERT INTO t VALUES {rows}"
    assert prove(shop, files, source) == {("t", 2): "key", ("t", 4): "key"}


def test_a_row_without_its_parent_still_has_its_key(shop: LoadSite) -> None:
    files = (
        "CREATE TABLE p (id bigint PRIMARY KEY, v bigint);"
        "CREATE TABLE t (id bigint PRIMARY KEY, a text UNIQUE, p bigint REFERENCES p);"
    )
    source = (
        "CREATE TABLE p (id INTEGER PRIMARY KEY, v); INSERT INTO p VALUES (1, 'bad'), (2, 2);"
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, p INTEGER);"
        "INSERT INTO t VALUES (1, 'x', 1), (2, 'x', 2), (3, 'z', 2)"
    )
    assert prove(shop, files, source) == {("p", 1): "v", ("t", 1): "reference", ("t", 2): "key"}


def test_triggers_stay_still_until_no_row_is_loaded_again(shop: LoadSite) -> None:
    files = (
        "CREATE TABLE p (id bigint PRIMARY KEY, v bigint);"
        "CREATE TABLE t (id bigint PRIMARY KEY, v text, p bigint REFERENCES p);"
        "CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := 'said'; RETURN NEW; END $$;"
        "CREATE TRIGGER say BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION say();"
        "CREATE TRIGGER loud BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION say();"
        "ALTER TABLE t ENABLE ALWAYS TRIGGER loud;"
    )
    source = (
        "CREATE TABLE p (id INTEGER PRIMARY KEY, v); INSERT INTO p VALUES (1, 'bad'), (2, 2);"
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, p INTEGER); INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2)"
    )
    assert prove(shop, files, source) == {("p", 1): "v", ("t", 1): "reference"}
    assert shop.read("t") == [(2, "y", 2)]
    asked = "SELECT tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    assert shop.site.read(asked) == [("loud", "A"), ("say", "O")]


@pytest.mark.parametrize("key", ["v text UNIQUE", "v text); CREATE INDEX i ON t (v"])
def test_a_value_that_no_index_takes_costs_its_row(shop: LoadSite, key: str) -> None:
    long = f"{LONG} INSERT INTO t SELECT 3, group_concat(hex(randomblob(20)), '') FROM n"
    source = f"{PLAIN} INSERT INTO t VALUES (1, 'a'), (2, 'b'); {long}"
    assert prove(shop, f"CREATE TABLE t (id bigint PRIMARY KEY, {key});", source) == {("t", 3): "server"}


def test_an_index_whose_expression_fails_costs_the_rows_at_which_it_fails(shop: LoadSite) -> None:
    files = "CREATE TABLE t (id bigint PRIMARY KEY, v text); CREATE INDEX i ON t ((10 / length(v)));"
    assert prove(shop, files, f"{PLAIN} INSERT INTO t VALUES (1, 'a'), (2, ''), (3, NULL)") == {("t", 2): "server"}


def test_without_schema_files_it_is_the_same(shop: LoadSite) -> None:
    shop.plan(defaults=BUDGET, types="t.v: numeric, w.k: uuid")
    shop.write(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)",
        "INSERT INTO t VALUES (1, '1.0'), (2, '1.00'), (3, '01')",
        "CREATE TABLE w (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID",
        f"INSERT INTO w VALUES ('{'ab' * 16}', 'a'), ('{'AB' * 16}', 'b'), ('{'0' * 32}', 'c')",
    )
    shop.prove()
    assert shop.waiting() == {("t", 2): "key", ("t", 3): "key", ("w", 3): "key"}


def test_no_id_of_a_row_that_is_gone_is_given_again(shop: LoadSite) -> None:
    shop.write(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT)",
        "INSERT INTO t VALUES (3, 'a'), (40, 'gone'); DELETE FROM t WHERE id = 40",
    )
    shop.prove()
    shop.site.do("INSERT INTO core_staged.t (v) VALUES ('new')")
    assert shop.read("t") == [(3, "a"), (41, "new")]


def test_a_sequence_at_its_end_stays_there(shop: LoadSite) -> None:
    files = (
        "CREATE TABLE t (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v text);"
        "CREATE TABLE u (id bigserial PRIMARY KEY, v text);"
    )
    rows = "INSERT INTO t VALUES (2147483647, 'x'), (-5, 'y');INSERT INTO u VALUES (9223372036854775807, 'x')"
    assert prove(shop, files, f"{PLAIN} {PLAIN.replace(' t ', ' u ')} {rows}") == {}
    assert shop.site.read("SELECT last_value, is_called FROM core_staged.t_id_seq") == [(2147483647, True)]
    assert shop.site.read("SELECT last_value, is_called FROM core_staged.u_id_seq") == [(9223372036854775807, True)]


def test_a_key_under_a_collation_stays_one_whatever_its_column_becomes(shop: LoadSite) -> None:
    kinds = {"e": "{type: enum, values: [open, closed]}", "n": "numeric", "u": "uuid", "t": "text"}
    shop.plan(defaults=BUDGET, types=", ".join(f"{name}.k: {kind}" for name, kind in kinds.items()))
    for name in kinds:
        shop.write(f"CREATE TABLE {name} (k TEXT PRIMARY KEY COLLATE NOCASE NOT NULL, v TEXT)")
    shop.write("INSERT INTO e VALUES ('open', 'a'), ('Closed', 'b'); INSERT INTO n VALUES ('1', 'a'), ('1.0', 'b')")
    shop.prove()
    assert shop.waiting() == {("e", 2): "k", ("n", 2): "key"}
