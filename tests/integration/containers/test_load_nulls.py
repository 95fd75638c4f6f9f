"""Loads of keys into which SQLite let NULL: unique in a server without schema files, and with them such rows wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.containers.load_site import LoadSite, open_load_site
from tests.integration.containers.memory_site import ALL, CONSENSUS, CRITIQUE, Memory
from tests.integration.containers.schema_site import Site

pytestmark = pytest.mark.sample(2, whole=True)

SOURCE = (
    "CREATE TABLE uses (auth TEXT, code TEXT, v TEXT, PRIMARY KEY (auth, code))",
    ("INSERT INTO uses VALUES ('a', '1', 'x'), ('a', NULL, 'x'), ('a', NULL, 'x'), (NULL, NULL, NULL), "
     "(NULL, NULL, NULL), (NULL, '1', 'y'), ('b', NULL, NULL)"),
    "CREATE TABLE names (name TEXT PRIMARY KEY, v)",
    "INSERT INTO names VALUES ('ann', 1), (NULL, 1), (NULL, 1), (NULL, NULL)",
    "CREATE TABLE counts (n INTEGER PRIMARY KEY DESC, v TEXT)",
    "INSERT INTO counts VALUES (7, 'x'), (NULL, 'x'), (NULL, 'x'), (NULL, 'y')",
    "CREATE TABLE sound (a TEXT, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "INSERT INTO sound VALUES ('a', 'b')",
    ("CREATE TABLE heirs (id INTEGER PRIMARY KEY, auth TEXT, code TEXT, name TEXT REFERENCES names, "
     "FOREIGN KEY (auth, code) REFERENCES uses)"),
    "INSERT INTO heirs VALUES (1, 'a', '1', 'ann'), (2, 'a', NULL, NULL)",
)  # fmt: skip
ONE = "ctid = (SELECT max(ctid) FROM {s}.%s WHERE %s IS NULL AND v = '%s')"
A_USE, A_NAME, A_COUNT = ONE % ("uses", "code", "x"), ONE % ("names", "name", "1"), ONE % ("counts", "n", "x")
CHANGES = {
    "changed": (f"UPDATE {{s}}.uses SET v = 'z' WHERE {A_USE}", "core.uses: row", 6),
    "changed in its key": (f"UPDATE {{s}}.uses SET code = '2' WHERE {A_USE}", "core.uses: row", 6),
    "added": (f"INSERT INTO {{s}}.names SELECT * FROM {{s}}.names WHERE {A_NAME}", "once more than in the source", 6),
    "removed": (f"DELETE FROM {{s}}.counts WHERE {A_COUNT}", "core.counts: row", 6),
    "not unique any more": (
        "ALTER TABLE {s}.counts DROP CONSTRAINT uq_counts_n",
        "core.counts: the primary key (n), which holds NULL in the source, is not there as UNIQUE", 3),
    "nothing to refer to": (
        "ALTER TABLE {s}.names DROP CONSTRAINT uq_names_name CASCADE",
        "core.heirs: foreign key (name) to names is not there", 3),
    "gone": ("DROP TABLE {s}.counts", "core.counts: is not in PostgreSQL, with its 4 rows", 6),
}  # fmt: skip
"""What is done in the server, what a proof says of it, and with what a cutover ends."""


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> LoadSite:
    opened = open_load_site(site, tmp_path)
    opened.write(*SOURCE)
    return opened


@pytest.mark.parametrize("schema", ["core_staged", "core"])
def test_without_schema_files_nothing_waits(shop: LoadSite, schema: str) -> None:
    found = shop.prove()
    assert (found["quarantined"], found["differences"]) == (0, [])
    assert [row[1:] for row in shop.read("counts", order="n, v")] == [("x",), ("x",), ("x",), ("y",)]
    if schema == "core":
        assert shop.run("cutover").code == 0
        assert shop.verify().code == 0


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_change_in_the_server_is_told(shop: LoadSite, change: str) -> None:
    assert shop.load().code == 0
    statement, said, refused = CHANGES[change]
    shop.site.do(statement.format(s="core_staged"))
    ended = shop.verify("--json")
    assert ended.code == 3, ended.out
    assert [line for line in ended.json["differences"] if said in line], ended.json["differences"]
    shop.run("cutover").refuse(refused)


FILES = """
CREATE TABLE uses (auth text, code text, v text, PRIMARY KEY (auth, code));
CREATE TABLE names (name text PRIMARY KEY, v bigint);
CREATE TABLE counts (n bigint PRIMARY KEY, v text);
CREATE TABLE sound (a text, b text, PRIMARY KEY (a, b));
CREATE TABLE heirs (id bigint PRIMARY KEY, auth text, code text, name text REFERENCES names,
  FOREIGN KEY (auth, code) REFERENCES uses);
"""


def test_with_schema_files_they_wait(shop: LoadSite) -> None:
    shop.plan(defaults="time_zone: UTC, quarantine_budget: 12")
    shop.site.write("core/001_schema.sql", FILES)
    assert shop.prove()["quarantined"] == 12
    waiting = shop.waiting()
    assert {key: rule for key, rule in waiting.items() if key[0] != "uses"} == {
        **dict.fromkeys((("names", number) for number in (2, 3, 4)), "name"),
        **dict.fromkeys((("counts", number) for number in (2, 3, 4)), "n"),
    }
    assert {key[1] for key in waiting if key[0] == "uses"} == {2, 3, 4, 5, 6, 7}
    assert shop.read("heirs") == [(1, "a", "1", "ann"), (2, "a", None, None)]


def test_rows_of_a_key_with_null_wait_for_what_else_does_not_fit(shop: LoadSite) -> None:
    shop.plan(defaults="time_zone: UTC, quarantine_budget: 9", types="odd.v: bigint, bare.v: bigint")
    rows = "(NULL, 1), (NULL, 'x'), (NULL, 1), ('a', 'y'), (NULL, 'x'), ('b', 2)"
    shop.write(
        f"CREATE TABLE odd (k TEXT PRIMARY KEY, v); INSERT INTO odd VALUES {rows}",
        f"CREATE TABLE bare (rowid TEXT PRIMARY KEY, v, oid, _rowid_); INSERT INTO bare (rowid, v) VALUES {rows}",
        "CREATE TABLE away (k TEXT PRIMARY KEY, v BLOB); INSERT INTO away VALUES ('a', NULL)",
        ("INSERT INTO away VALUES (?, ?)", [(None, b"x"), (None, b"x")]),
    )
    assert shop.prove()["quarantined"] == 6
    waiting = shop.waiting()
    assert {key: rule for key, rule in waiting.items() if key[0] == "odd"} == dict.fromkeys(
        (("odd", number) for number in (2, 4, 5)), "v")  # fmt: skip
    assert len([key for key in waiting if key[0] == "bare"]) == len(("x", "y", "x"))
    assert sorted(map(str, shop.read("bare", "rowid, v"))) == ["('b', 2)", "(None, 1)", "(None, 1)"]


@pytest.mark.parametrize("is_live", [False, True])
def test_a_live_table_keeps_the_primary_key_that_it_has(
    site: Site, tmp_path: Path, repository: Path, *, is_live: bool
) -> None:
    memory = Memory(site=site, folder=tmp_path)
    memory.make(CRITIQUE, CONSENSUS, "INSERT INTO patterns (id, issue_type, issue_text) VALUES (NULL, 'race', 'y')")
    if is_live:
        files = (repository / "sql" / "aragora" / "postgres" / "stores" / "001_tables.sql").read_text(encoding="utf-8")
        site.do("CREATE SCHEMA app", f"SET search_path = app; {files}")
        memory = replace(memory, site=replace(site, dsn=f"{site.dsn}&options=-csearch_path%3Dapp"))
    done = memory.migrate("--quarantine-budget", "1")
    assert done.end == (0, ALL, 0, 1), done.err + done.out
    assert site.read(f"SELECT id FROM {'app' if is_live else 'stores'}.patterns") == [("p1",)]
