"""Groups that no rule decides: the first row is shown, the others wait beside it, and references find what is shown."""

from __future__ import annotations

import pytest

from tests.unit.consolidate.houses import built_house, head

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY, at TEXT, text TEXT);"
PLAN = head("live", "backup", "old") + "tables: [{into: house.t, from: [live.t, backup.t, old.t], on_conflict: %s}]"
SOURCES = {
    "live": "INSERT INTO t VALUES ('a', '2024-01-01', 'one'), ('b', '2024-01-01', 'same'), ('l', NULL, 'mine')",
    "backup": "INSERT INTO t VALUES ('a', '2024-01-01T00:00:00Z', 'two'), ('b', '2024-01-01', 'same')",
    "old": "INSERT INTO t VALUES ('a', '2024-01-01', 'one'), ('b', '2024-01-01', 'same')",
}
UNDECIDED = {
    "quarantine": "{rule: quarantine}",
    "identical": "{rule: identical}",
    "newest": "{rule: newest, by: at}",
    "oldest": "{rule: oldest, by: [at]}",
}


@pytest.mark.parametrize(("name", "rule"), UNDECIDED.items())
def test_the_first_row_is_shown_and_only_what_differs_from_it_waits(name: str, rule: str) -> None:
    with built_house(SCHEMA, PLAN % rule, SOURCES) as house:
        assert house.read("SELECT * FROM t WHERE id = 'a'") == [("a", "2024-01-01", "one")]
        assert house.entries("live.t") == {1: ("inserted", name, 1, None, None)}
        assert house.entries("backup.t") == {
            1: ("quarantined", name, 1, 1, 1),
            2: ("merged_identical", name, 2, 1, 2),
        }
        assert house.entries("old.t")[1] == ("merged_identical", name, 1, 1, 1)
        assert house.reasons("live.t")[1].startswith("undecided: ")
        assert "live.t row 1 is shown" in house.reasons("backup.t")[1]


def test_the_first_row_is_shown_even_where_later_ones_tie_for_the_newest() -> None:
    sources = {
        "live": "INSERT INTO t VALUES ('a', '2020-01-01', 'old')",
        "backup": "INSERT INTO t VALUES ('a', '2024-01-01', 'new')",
        "old": "INSERT INTO t VALUES ('a', '2024-01-01', 'new too')",
    }
    with built_house(SCHEMA, PLAN % UNDECIDED["newest"], sources) as house:
        assert house.read("SELECT text FROM t") == [("old",)]


def test_order_trust_and_the_place_in_from_say_which_row_is_shown() -> None:
    for said, shown in (("{rule: quarantine}", "one"), ("{rule: quarantine, order: [backup]}", "two")):
        with built_house(SCHEMA, PLAN % said, SOURCES) as house:
            assert house.read("SELECT text FROM t WHERE id = 'a'") == [(shown,)]


def test_a_later_instant_is_not_asked_where_an_earlier_one_decides() -> None:
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY, at TEXT, then_at TEXT);"
    plan = head("live", "backup") + (
        "tables: [{into: house.t, from: [live.t, backup.t], on_conflict: {rule: newest, by: [at, then_at]}}]"
    )
    sources = {
        "live": "INSERT INTO t VALUES ('a', '2024-01-01', 'soon'), ('b', '2024-01-01', 'soon')",
        "backup": "INSERT INTO t VALUES ('a', '2024-01-02', 'soon'), ('b', '2024-01-01', '2024-01-01')",
    }
    with built_house(schema, plan, sources) as house:
        assert house.entries("live.t") == {
            1: ("superseded", "newest", 3, 2, 1),
            2: ("inserted", "newest", 2, None, None),
        }
        assert "then_at is no instant" in house.reasons("live.t")[2]


def test_where_the_first_row_is_refused_the_whole_group_waits() -> None:
    sources = {
        "live": "INSERT INTO t VALUES ('x', '', 'taken')",
        "backup": "INSERT INTO t VALUES ('a', '', 'taken')",
        "old": "INSERT INTO t VALUES ('a', '', 'free'), ('z', '', 'last')",
    }
    with built_house(SCHEMA.replace("text TEXT", "text TEXT UNIQUE"), PLAN % UNDECIDED["quarantine"], sources) as house:
        assert house.read("SELECT id FROM t ORDER BY id") == [("x",), ("z",)]
        assert house.entries("backup.t") == {1: ("quarantined", "constraint", None, None, None)}
        assert house.entries("old.t") == {1: ("quarantined", "quarantine", None, None, None)}
        assert "UNIQUE" in house.reasons("old.t")[1]


PEOPLE = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people (id), text TEXT);
"""
TO_PEOPLE = """tables:
  - {into: house.people, from: [live.people, backup.people], key: [name], on_conflict: {rule: quarantine}%s}
  - {into: house.notes, from: [live.notes, backup.notes], on_conflict: {rule: keep_both}}
"""
RENUMBERED = head("live", "backup") + TO_PEOPLE % ", identity: {column: id, strategy: renumber}"
KEPT = head("live", "backup") + TO_PEOPLE % ""
TWO = {
    "live": "INSERT INTO people VALUES (1, 'ann', 'a'), (2, 'bob', 'b');"
    "INSERT INTO notes VALUES (1, 1, 'live on ann'), (2, 2, 'live on bob')",
    "backup": "INSERT INTO people VALUES (1, 'bob', 'b2'), (2, 'cid', 'c'), (7, 'ann', 'a');"
    "INSERT INTO notes VALUES (1, 1, 'backup on bob'), (5, 2, 'backup on cid'), (6, 7, 'backup on ann')",
}
WHOM = "SELECT n.text, p.name FROM notes n LEFT JOIN people p ON p.id = n.person WHERE n.text NOT LIKE '%' || p.name"


def test_children_of_a_version_that_waits_point_at_the_one_that_is_shown() -> None:
    with built_house(PEOPLE, RENUMBERED, TWO) as house:
        assert house.read(WHOM) == []
        assert house.read("SELECT count(*) FROM notes") == [(5,)]
        assert house.read("SELECT mail FROM people WHERE name = 'bob'") == [("b",)]
        assert house.entries("backup.people")[1] == ("quarantined", "quarantine", 2, 1, 2)


def test_a_version_that_waits_takes_no_id_and_new_ids_stay_clear_of_its_own() -> None:
    sources = {**TWO, "backup": "INSERT INTO people VALUES (2, 'cid', 'c'), (9, 'bob', 'b2')"}
    with built_house(PEOPLE, RENUMBERED, sources) as house:
        found = dict(house.read("SELECT name, id FROM people"))
        assert (found["ann"], found["bob"]) == (1, 2)
        assert found["cid"] > 9  # type: ignore[operator]


def test_a_row_whose_id_the_shown_one_has_waits_and_one_whose_id_is_taken_is_not_shown() -> None:
    sources = {
        "live": "INSERT INTO people VALUES (1, 'ann', 'a'), (2, 'bob', 'b')",
        "backup": "INSERT INTO people VALUES (1, 'bob', 'b2'), (2, 'cid', 'c')",
    }
    with built_house(PEOPLE, KEPT, sources) as house:
        assert house.read("SELECT id, name FROM people") == [(1, "ann"), (2, "bob")]
        assert house.entries("backup.people") == {
            1: ("quarantined", "quarantine", 2, 1, 2),
            2: ("quarantined", "identity", None, None, None),
        }
    sources = {
        "live": "INSERT INTO people VALUES (1, 'ann', 'a')",
        "backup": "INSERT INTO people VALUES (1, 'bob', 'b'), (2, 'bob', 'b2');"
        "INSERT INTO notes VALUES (1, 2, 'on bob')",
    }
    with built_house(PEOPLE, KEPT, sources) as house:
        assert house.read("SELECT id, name FROM people") == [(1, "ann")]
        assert house.entries("backup.people") == {
            1: ("quarantined", "identity", None, None, None),
            2: ("quarantined", "quarantine", None, None, None),
        }
        assert house.entries("backup.notes")[1][:2] == ("quarantined", "reference")


def test_a_shown_row_under_another_id_says_both() -> None:
    sources = {
        "live": "INSERT INTO people VALUES (1, 'ann', 'a')",
        "backup": "INSERT INTO people VALUES (1, 'bob', 'b'), (2, 'bob', 'b2');"
        "INSERT INTO notes VALUES (1, 1, 'on bob'), (2, 2, 'on bob')",
    }
    with built_house(PEOPLE, RENUMBERED, sources) as house:
        assert house.read(WHOM) == []
        ((new,),) = house.read("SELECT id FROM people WHERE name = 'bob'")
        assert house.entries("backup.people") == {
            1: ("inserted", "quarantine", new, None, None),
            2: ("quarantined", "quarantine", new, 2, 1),
        }
        assert all(word in house.reasons("backup.people")[1] for word in ("undecided", "id 1 was taken"))


def test_where_the_first_row_waits_for_its_parent_the_whole_group_waits() -> None:
    sources = {
        "live": PEOPLE_OF_LIVE + "INSERT INTO notes VALUES (1, 1, 'live on ann'), (2, 2, 'live on bob')",
        "backup": "INSERT INTO notes VALUES (2, NULL, 'backup on nobody')",
    }
    plan = RENUMBERED.replace("key: [name]", "key: [name], normalize: {name: [casefold]}").replace(
        "keep_both", "quarantine"
    )
    with built_house(PEOPLE, plan, sources) as house:
        assert house.read("SELECT text FROM notes") == [("live on ann",)]
        assert house.entries("live.notes") == {2: ("quarantined", "reference", None, None, None)}
        assert house.entries("backup.notes") == {2: ("quarantined", "quarantine", None, None, None)}


def test_where_one_file_holds_several_keys_of_one_form_all_of_them_wait_as_before() -> None:
    plan = RENUMBERED.replace("key: [name]", "key: [name], normalize: {name: [casefold]}")
    with built_house(PEOPLE, plan, {"live": PEOPLE_OF_LIVE, "backup": ""}) as house:
        assert house.read("SELECT name FROM people") == [("ann",)]
        waiting = ("quarantined", "quarantine", None, None, None)
        assert house.entries("live.people") == {2: waiting, 3: waiting}


PEOPLE_OF_LIVE = "INSERT INTO people VALUES (1, 'ann', 'a'), (2, 'Bob', 'b'), (3, 'bob', 'b');"
TREE = "CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t (id), text TEXT, name TEXT);"


def test_a_thread_of_undecided_rows_follows_itself() -> None:
    rule = "on_conflict: {rule: quarantine}, key: [name], identity: {column: id, strategy: renumber}"
    plan = f"{head('live', 'backup')}tables: [{{into: house.t, from: [live.t, backup.t], {rule}}}]"
    sources = {
        "live": "INSERT INTO t VALUES (1, NULL, 'x', 'a'), (2, 1, 'x', 'b'), (3, 2, 'x', 'c')",
        "backup": "INSERT INTO t VALUES (1, NULL, 'y', 'c0'), (3, NULL, 'y', 'a'), (2, 3, 'y', 'b'), (4, 2, 'y', 'd')",
    }
    with built_house(TREE, plan, sources) as house:
        assert house.read("SELECT t.name, p.name FROM t LEFT JOIN t p ON p.id = t.up ORDER BY t.name") == [
            ("a", None), ("b", "a"), ("c", "b"), ("c0", None), ("d", "b"),
        ]  # fmt: skip
        assert house.entries("backup.t")[2] == ("quarantined", "quarantine", 2, 1, 2)


WITHOUT_ROWID = """
CREATE TABLE p (k TEXT PRIMARY KEY, mail TEXT UNIQUE) WITHOUT ROWID;
CREATE TABLE c (id INTEGER PRIMARY KEY, p TEXT REFERENCES p (%s));
"""
TO_P = """tables:
  - {into: house.p, from: [live.p, backup.p], normalize: {k: [casefold]}, on_conflict: {rule: %s}}
  - {into: house.c, from: [live.c, backup.c], on_conflict: {rule: keep_both}}
"""


@pytest.mark.parametrize("rule", ["quarantine", "prefer", "merge"])
@pytest.mark.parametrize("column", ["k", "mail"])
def test_children_follow_in_a_table_without_rowids_too(rule: str, column: str) -> None:
    held = {"k": ("Ann", "ann"), "mail": ("a", "a2")}[column]
    sources = {
        "live": f"INSERT INTO p VALUES ('Ann', 'a'); INSERT INTO c VALUES (1, '{held[0]}')",
        "backup": f"INSERT INTO p VALUES ('ann', 'a2'); INSERT INTO c VALUES (2, '{held[1]}')",
    }
    with built_house(WITHOUT_ROWID % column, head("live", "backup") + TO_P % rule, sources) as house:
        assert house.read("SELECT * FROM p") == [("Ann", "a")]
        assert house.read("SELECT id, p FROM c") == [(1, held[0]), (2, held[0])]


def test_children_of_a_refused_group_without_rowids_wait() -> None:
    plan = head("live", "backup", "old") + (
        "tables: [{into: house.p, from: [live.p, backup.p, old.p], on_conflict: {rule: quarantine}}]\n"
        "copy: {house: [live.c, backup.c, old.c]}"
    )
    sources = {
        "live": "INSERT INTO p VALUES ('cid', 'taken'); INSERT INTO c VALUES (1, 'cid')",
        "backup": "INSERT INTO p VALUES ('bob', 'taken'); INSERT INTO c VALUES (2, 'bob')",
        "old": "INSERT INTO p VALUES ('bob', 'free'); INSERT INTO c VALUES (3, 'bob')",
    }
    with built_house(WITHOUT_ROWID % "k", plan, sources) as house:
        assert house.read("SELECT k FROM p") == [("cid",)]
        assert house.read("SELECT id FROM c") == [(1,)]
        assert house.entries("old.p")[1] == ("quarantined", "quarantine", None, None, None)


@pytest.mark.parametrize("rule", ["{rule: newest, by: at}", "{rule: quarantine}"])
def test_a_long_thread_that_waits_is_settled_in_few_rounds(rule: str) -> None:
    """Each row's parent is a version that lost to, or waits beside, one of the other file, and the first one waits."""
    schema = "CREATE TABLE t (name TEXT PRIMARY KEY, up TEXT REFERENCES t (name), at TEXT);"
    plan = f"{head('live', 'backup')}tables: [{{into: house.t, from: [live.t, backup.t], on_conflict: {rule}, %s}}]"
    plan %= "references: [{column: house.t.up, orphans: quarantine}]"
    length = 80
    rows = {
        name: ", ".join(
            f"('{n:03}', '{f'{n - 1:03}' if n else 'nobody'}', '202{(n + number) % 2}-01-01')" for n in range(length)
        )
        for number, name in enumerate(("live", "backup"))
    }
    with built_house(schema, plan, {name: f"INSERT INTO t VALUES {held}" for name, held in rows.items()}) as house:
        assert house.read("SELECT * FROM t") == []
        assert len(house.entries("live.t")) == len(house.entries("backup.t")) == length
