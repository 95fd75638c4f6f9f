"""Ids that files spell or type in different ways, and tables that the plan drops: right, waiting, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.reference_scene import BY_NAME, EVERY_NOTE, LOOSE, NOTES, PREFER, RENUMBER, USERS, end, refuse_wrong

# A file without plans of its own ---------------------------------------------------------------------

BINARY = "CREATE TABLE plans (id TEXT PRIMARY KEY, mark TEXT, name TEXT);\n"
NOCASE = BINARY.replace("id TEXT", "id TEXT COLLATE NOCASE")
RTRIM = BINARY.replace("id TEXT", "id TEXT COLLATE RTRIM")
SUBS = "CREATE TABLE subs (id INTEGER PRIMARY KEY, mark TEXT, plan TEXT, doc TEXT);\n"
ITS_SUBS = {"into": "house.subs", "from": ["c.subs"], "on_conflict": {"rule": "keep_both"}}
BOTH_SAID: list[Any] = ["house.subs.plan", {"column": "house.subs.doc", "json": "$.plan"}]
MOVED = "INSERT INTO plans VALUES ('other', 'bp9', 'one');"
"""A plan of b's that becomes a's first one where plans are one by their names."""


@pytest.mark.parametrize("more", ["", MOVED], ids=["", "another plan moved"])
@pytest.mark.parametrize(
    ("a", "b", "value"), [(NOCASE, BINARY, "Admin"), (BINARY, NOCASE, "admin"), (RTRIM, BINARY, "x ")]
)
def test_a_value_stays_that_two_files_spell_and_the_target_has(
    tmp_path: Path, a: str, b: str, value: str, more: str
) -> None:
    mine, theirs = ("x", "x ") if a == RTRIM else ("admin", "Admin")
    files = {
        "a": f"{a} INSERT INTO plans VALUES ('{mine}', 'ap1', 'one');",
        "b": f"{b} INSERT INTO plans VALUES ('{theirs}', 'bp1', 'two'); {more}",
        "c": f"{SUBS} INSERT INTO subs VALUES (1, 'cs1', '{value}', NULL);"
        f"INSERT INTO subs VALUES (2, 'cs2', NULL, json_object('plan', '{value}'));",
    }
    plans = {"into": "house.plans", "from": ["a.plans", "b.plans"], "key": ["name"], "on_conflict": PREFER}
    ended = end(tmp_path, files, BINARY + SUBS, {**plans, "references": BOTH_SAID}, ITS_SUBS)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read("SELECT coalesce(plan, doc ->> '$.plan') FROM subs") == [(value,), (value,)]


@pytest.mark.parametrize("theirs", ["Admin", "admin"])
def test_a_value_waits_that_two_files_have_and_the_target_does_not_find(tmp_path: Path, theirs: str) -> None:
    files = {
        "a": f"{NOCASE} INSERT INTO plans VALUES ('admin', 'ap1', 'one');",
        "b": f"{NOCASE} INSERT INTO plans VALUES ('{theirs}', 'bp1', 'two');",
        "c": f"{SUBS} INSERT INTO subs VALUES (1, 'cs1', 'ADMIN', NULL), (2, 'cs2', 'admin', NULL);",
    }
    plans = {"into": "house.plans", "from": ["a.plans", "b.plans"], "on_conflict": PREFER, "references": BOTH_SAID}
    ended = end(tmp_path, files, BINARY + SUBS, plans, ITS_SUBS)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 1), ended.said
    assert ended.read("SELECT mark, plan FROM subs") == [("cs2", "admin")]


@pytest.mark.parametrize("kind", ["TEXT", ""])
@pytest.mark.parametrize("source", ["a", "c"])
@pytest.mark.parametrize("value", ["'1'", "'01'", "1", "1.0"])
def test_a_text_that_means_a_number_only_in_its_source(tmp_path: Path, source: str, kind: str, value: str) -> None:
    """The target's users have ids of no type: it does not find 1 by '1'."""
    notes = LOOSE.replace("user_id INTEGER", f"user_id {kind}")
    untyped = USERS.replace("id INTEGER PRIMARY KEY", "id PRIMARY KEY")
    files = {"a": USERS + "INSERT INTO users VALUES (1, 'au1', 'ann');"}
    files[source] = files.get(source, "") + notes + f"INSERT INTO notes VALUES (1, 'n1', {value});"
    users = {"into": "house.users", "from": ["a.users"], "on_conflict": PREFER, "references": ["house.notes.user_id"]}
    ended = end(tmp_path, files, untyped + notes, users, {**EVERY_NOTE, "from": [f"{source}.notes"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), kind == "TEXT"), ended.said
    assert ended.read("SELECT mark, user_id FROM notes") == ([("n1", 1)] if kind == "" else [])


@pytest.mark.parametrize(
    ("value", "held"), [("'1.50'", None), ("'1.5'", None), ("1.5", "an1"), ("'2'", None), ("2", "an1"), ("'x'", "an1")]
)
@pytest.mark.parametrize("kind", ["INT", "NUMERIC"])
def test_a_text_that_means_a_number_only_in_the_target(tmp_path: Path, kind: str, value: str, held: str | None) -> None:
    """Nobody's in its file, where ids have no type, '1.50' and '2' would be adopted."""
    notes = LOOSE.replace("user_id INTEGER", "user_id")
    untyped, typed = (USERS.replace("id INTEGER PRIMARY KEY", f"id {one} PRIMARY KEY") for one in ("", kind))
    files = {
        "a": f"{untyped}{notes} INSERT INTO users VALUES (1.5, 'au1', 'ann'), (2, 'au2', 'bob');"
        f"INSERT INTO notes VALUES (1, 'an1', {value});"
    }
    users = {"into": "house.users", "from": ["a.users"], "on_conflict": PREFER, "references": ["house.notes.user_id"]}
    ended = end(tmp_path, files, typed + notes, users, {**EVERY_NOTE, "from": ["a.notes"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), held is None), ended.said
    assert ended.read("SELECT mark FROM notes") == ([(held,)] if held else [])


@pytest.mark.parametrize("orphans", [None, "quarantine", "keep"])
def test_an_id_in_json_means_the_number_and_the_text(tmp_path: Path, orphans: str | None) -> None:
    """Where ids have no type, "2" means 2 and 3 means '3', unless something is called exactly so."""
    untyped = USERS.replace("id INTEGER PRIMARY KEY", "id PRIMARY KEY")
    notes = LOOSE.replace("user_id INTEGER", "doc TEXT")
    docs = ['{"who": "2"}', '{"who": 3}', '{"who": 4}', '{"who": "4"}', '{"who": "9"}']
    rows = ", ".join(f"({number}, 'n{number}', '{doc}')" for number, doc in enumerate(docs, 1))
    files = {
        "a": f"{untyped}{notes} INSERT INTO users VALUES (2, 'two', 'a'), ('3', 'three', 'b'), (4, 'four', 'c'), "
        f"('4', 'text', 'd'); INSERT INTO notes VALUES {rows};"
    }
    said = {"column": "house.notes.doc", "json": "$.who", "orphans": orphans, "reason": "nobody's"}
    users = {"into": "house.users", "from": ["a.users"], "on_conflict": PREFER, "references": [said]}
    ended = end(tmp_path, files, untyped + notes, users, {**EVERY_NOTE, "from": ["a.notes"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), orphans == "quarantine"), ended.said
    nobody = {None: [('{"who":null}',)], "quarantine": [], "keep": [(docs[4],)]}[orphans]
    assert ended.read("SELECT doc FROM notes ORDER BY id") == [(doc,) for doc in docs[:4]] + nobody


def test_a_text_that_follows_to_a_number_where_ids_have_no_type(tmp_path: Path) -> None:
    """All are without types; only what is written anew could be taken for another id."""
    untyped = USERS.replace("id INTEGER PRIMARY KEY", "id PRIMARY KEY")
    notes = LOOSE.replace("user_id INTEGER", "user_id")
    files = {
        "a": f"{untyped} INSERT INTO users VALUES (5, 'au5', 'ann'), (6, 'au6', 'bob');",
        "b": f"{untyped}{notes} INSERT INTO users VALUES ('x', 'bux', 'ann'), (7, 'bu7', 'cid');"
        "INSERT INTO notes VALUES (1, 'bn1', 'x'), (2, 'bn2', 7), (3, 'bn3', '7'), (4, 'bn4', 6);",
    }
    users = {**BY_NAME, "references": ["house.notes.user_id"], "identity": {"column": "id", "strategy": "keep"}}
    ended = end(tmp_path, files, untyped + notes, users, {**EVERY_NOTE, "from": ["b.notes"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 1), ended.said
    assert ended.read("SELECT user_id FROM notes ORDER BY id") == [(5,), (7,), ("7",)]


@pytest.mark.parametrize(("value", "held"), [("1.5", "1.5"), ("1.50", None), ("x", "x")])
def test_an_id_that_json_cannot_hold_is_not_written_there(tmp_path: Path, value: str, held: str | None) -> None:
    """The target finds 1.5 by the number alone, where ids have no type; a fraction in JSON is no id."""
    numeric, typed, untyped = (USERS.replace("INTEGER PRIMARY", f"{one} PRIMARY") for one in ("NUMERIC", "TEXT", ""))
    notes = LOOSE.replace("user_id INTEGER", "doc TEXT")
    ids = "'1.5'" if held == "1.5" else "1.5"
    files = {
        "a": f"{typed if held == '1.5' else numeric}{notes} INSERT INTO users VALUES ({ids}, 'au1', 'ann');"
        f"INSERT INTO notes VALUES (1, 'an1', json_object('who', '{value}'));"
    }
    said = {"column": "house.notes.doc", "json": "$.who"}
    users = {"into": "house.users", "from": ["a.users"], "on_conflict": PREFER, "references": [said]}
    ended = end(tmp_path, files, untyped + notes, users, {**EVERY_NOTE, "from": ["a.notes"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), held is None), ended.said
    assert ended.read("SELECT doc ->> '$.who' FROM notes") == ([(held,)] if held else [])


@pytest.mark.parametrize("more", ["", "INSERT INTO plans VALUES ('x', 'bp2', '2'), ('x ', 'bp3', '3');"])
def test_a_child_of_a_file_that_minds_no_spaces_and_keeps_no_key(tmp_path: Path, more: str) -> None:
    """SQLite 3.40 does not find 'a' by 'a ' where it makes an index of its own."""
    loose = RTRIM.replace(" PRIMARY KEY", "")
    files = {
        "a": f"{BINARY} INSERT INTO plans VALUES ('b', 'ap1', '1');",
        "b": f"{loose}{SUBS} INSERT INTO plans VALUES ('a', 'bp1', '1'); {more}"
        "INSERT INTO subs VALUES (1, 'bs1', 'a ', NULL);",
    }
    plans = {"into": "house.plans", "from": ["a.plans", "b.plans"], "key": ["name"], "on_conflict": PREFER}
    ended = end(tmp_path, files, BINARY + SUBS, {**plans, "references": BOTH_SAID}, {**ITS_SUBS, "from": ["b.subs"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read("SELECT plan FROM subs") == [("b",)]


def test_a_number_is_another_text_than_the_same_number_with_a_point(tmp_path: Path) -> None:
    """The parents are '1', whom 1 means and 1.0 does not, and '1.0'."""
    notes = LOOSE.replace("user_id INTEGER", "user_id")
    untyped, text = (USERS.replace("id INTEGER PRIMARY KEY", f"id {one} PRIMARY KEY") for one in ("", "TEXT"))
    files = {
        "a": f"{untyped} INSERT INTO users VALUES ('z', 'au1', 'ann'), ('p', 'au2', 'bob');",
        "b": f"{text}{notes} INSERT INTO users VALUES ('1', 'bu1', 'ann'), ('1.0', 'bu2', 'bob');"
        "INSERT INTO notes VALUES (1, 'bn1', 1), (2, 'bn2', 1.0), (3, 'bn3', '1'), (4, 'bn4', '1.00');",
    }
    users = {**BY_NAME, "references": ["house.notes.user_id"], "identity": {"column": "id", "strategy": "keep"}}
    ended = end(tmp_path, files, untyped + notes, users, {**EVERY_NOTE, "from": ["b.notes"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read("SELECT user_id FROM notes ORDER BY id") == [("z",), ("p",), ("z",), ("1.00",)]


# A value by which the target finds two rows -----------------------------------------------------------


def test_a_child_waits_that_would_point_at_two_rows(tmp_path: Path) -> None:
    users = USERS.replace("name TEXT", "name TEXT, code TEXT UNIQUE")
    notes = LOOSE.replace("user_id INTEGER", "code TEXT REFERENCES users (code)")
    files = {
        name: f"{users}{notes} INSERT INTO users VALUES (1, '{name}u1', 'x{name}', 'x'), (2, '{name}u2', 'y{name}', "
        f"'{name}'); INSERT INTO notes VALUES (1, '{name}n1', 'x'), (2, '{name}n2', '{name}');"
        for name in "ab"
    }
    ended = end(tmp_path, files, users.replace(" UNIQUE", "") + notes, BY_NAME, EVERY_NOTE)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 2), ended.said
    assert ended.read("SELECT mark, code FROM notes ORDER BY 1") == [("an2", "a"), ("bn2", "b")]


@pytest.mark.parametrize("source", [NOCASE, BINARY], ids=["nocase", "binary"])
def test_a_child_waits_that_would_point_at_two_rows_as_the_column_compares_but_not_its_key(
    tmp_path: Path, source: str
) -> None:
    target = "CREATE TABLE plans (id TEXT COLLATE NOCASE, mark TEXT, name TEXT, PRIMARY KEY (id COLLATE BINARY));\n"
    files = {
        name: f"{source}{SUBS} INSERT INTO plans VALUES ('{id_}', '{name}p1', '1'), ('{name}', '{name}p2', '2');"
        f"INSERT INTO subs VALUES (1, '{name}s1', '{id_}', NULL), (2, '{name}s2', '{name}', NULL);"
        for name, id_ in (("a", "admin"), ("b", "Admin"))
    }
    plans = {"into": "house.plans", "from": ["a.plans", "b.plans"], "on_conflict": PREFER, "references": BOTH_SAID}
    ended = end(tmp_path, files, target + SUBS, plans, {**ITS_SUBS, "from": ["a.subs", "b.subs"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 2), ended.said
    assert ended.read("SELECT mark, plan FROM subs ORDER BY 1") == [("as2", "a"), ("bs2", "b")]


# A foreign key of a source to a table that the plan drops --------------------------------------------

DROP = [{"table": "b.users", "reason": "of no use"}]
ITS_NOTES = {**EVERY_NOTE, "from": ["b.notes"]}
ARCHIVE = USERS.replace("users", "users_archive")
PEOPLE = USERS.replace("users", "people")
FILES = {
    "a": USERS + "INSERT INTO users VALUES (1, 'au1', 'ann'), (5, 'au5', 'eve');",
    "b": USERS + NOTES + "INSERT INTO users VALUES (1, 'bu1', 'bob'), (2, 'bu2', 'cid');"
    "INSERT INTO notes VALUES (1, 'bn1', 1), (2, 'bn2', 2), (3, 'bn5', 5), (4, 'bn9', 9);",
}  # fmt: skip
HELD = "SELECT mark, user_id FROM notes ORDER BY mark"


@pytest.mark.parametrize("notes", [NOTES, LOOSE], ids=["declared everywhere", "declared in the source"])
@pytest.mark.parametrize(("given", "table"), [("users", "users"), ("people", "users"), ("users", "people")])
def test_children_of_dropped_rows_are_nobodys(tmp_path: Path, given: str, table: str, notes: str) -> None:
    """bn1 and bn5 would be adopted; nothing has 2 and 9."""
    files = {**FILES, "a": FILES["a"].replace("users", given)}
    users = {**BY_NAME, "into": f"house.{table}", "from": [f"a.{given}"]}
    schema = USERS.replace("users", table) + notes.replace("users", table)
    ended = end(tmp_path, files, schema, users, ITS_NOTES, drop=DROP)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 2), ended.said
    assert ended.read(HELD) == [("bn2", 2), ("bn9", 9)]


@pytest.mark.parametrize("column", ["id", "uid"])
def test_children_of_dropped_rows_are_nobodys_where_their_table_is_called_as_no_other(
    tmp_path: Path, column: str
) -> None:
    """The target's key says people, b's own says users: bob's note must not become ann's."""
    its = FILES["b"].replace("users (id", f"users ({column}")
    files = {"a": FILES["a"].replace("users", "people"), "b": its}
    people = {**BY_NAME, "into": "house.people", "from": ["a.people"]}
    ended = end(tmp_path, files, PEOPLE + NOTES.replace("users", "people"), people, ITS_NOTES, drop=DROP)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 2), ended.said
    assert ended.read(HELD) == [("bn2", 2), ("bn9", 9)]


@pytest.mark.parametrize("column", ["id", "uid"])
def test_a_child_of_a_dropped_table_means_the_row_of_its_file_whatever_their_tables_are_called(
    tmp_path: Path, column: str
) -> None:
    """Its own key says users, which has 1 and 2; the old people of its file, who are kept, have 1 and 9."""
    old = USERS.replace("users", "old_people") + "INSERT INTO old_people VALUES (1, 'bx1', 'zoe'), (9, 'bx9', 'yan');"
    files = {
        "a": FILES["a"].replace("users", "people").replace("(5, 'au5'", "(9, 'au9'"),
        "b": FILES["b"].replace("users (id", f"users ({column}") + old,
    }
    people = {**BY_NAME, "into": "house.people", "from": ["a.people", "b.old_people"]}
    ended = end(tmp_path, files, PEOPLE + NOTES.replace("users", "people"), people, ITS_NOTES, drop=DROP)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 1), ended.said
    told = "SELECT notes.mark, people.mark FROM notes LEFT JOIN people ON people.id = user_id ORDER BY 1"
    assert ended.read(told) == [("bn2", None), ("bn5", None), ("bn9", "bx9")]


def test_children_of_dropped_rows_are_not_adopted_in_another_target(tmp_path: Path) -> None:
    users = {**BY_NAME, "from": ["a.users"]}
    schemas = {"house": USERS, "attic": LOOSE}
    refuse_wrong(end(tmp_path, FILES, schemas, users, {**ITS_NOTES, "into": "attic.notes"}, drop=DROP))


@pytest.mark.parametrize("kind", ["INTEGER", ""])
@pytest.mark.parametrize("strategy", ["keep", "renumber"])
def test_a_child_of_a_dropped_table_means_the_row_of_its_file_that_alone_has_the_value(
    tmp_path: Path, strategy: str, kind: str
) -> None:
    """Both tables of b have 1, so bn1 waits; the archive alone has 9, which a's users have too."""
    more = ARCHIVE + "INSERT INTO users_archive VALUES (1, 'bx1', 'zoe'), (9, 'bx9', 'yan');"
    its = (FILES["b"] + more).replace(
        "id INTEGER PRIMARY KEY, mark TEXT, name", f"id {kind} PRIMARY KEY, mark TEXT, name"
    )
    files = {"a": FILES["a"].replace("(5, 'au5'", "(9, 'au9'"), "b": its}
    users = {**BY_NAME, "from": ["a.users", "b.users_archive"], "identity": {**RENUMBER, "strategy": strategy}}
    ended = end(tmp_path, files, USERS + LOOSE, users, ITS_NOTES, drop=DROP)
    assert (ended.code, ended.problems) == (0, ()), ended.said
    told = "SELECT notes.mark, users.mark FROM notes LEFT JOIN users ON users.id = user_id ORDER BY 1"
    held = {"bn2": None, "bn5": None} | ({"bn9": "bx9"} if strategy == "renumber" else {})
    assert dict(ended.read(told)) == held


@pytest.mark.parametrize(("orphans", "held"), [("keep", [1, 2, 5, 9]), (None, [None] * 4), ("quarantine", [])])
def test_children_of_dropped_rows_are_what_the_plan_wants_of_orphans(
    tmp_path: Path, orphans: str | None, held: list[int | None]
) -> None:
    said = {"column": "house.notes.user_id", "orphans": orphans, "reason": "their users are of no use"}
    users = {**BY_NAME, "from": ["a.users"], "references": [said]}
    ended = end(tmp_path, FILES, USERS + LOOSE, users, ITS_NOTES, drop=DROP)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 4 - len(held)), ended.said
    assert [user for _, user in ended.read(HELD)] == held


def test_a_dropped_table_whose_namesakes_are_in_two_other_targets(tmp_path: Path) -> None:
    files = {**FILES, "c": USERS + "INSERT INTO users VALUES (2, 'cu2', 'cyd');"}
    users = {**BY_NAME, "from": ["a.users"]}, {**BY_NAME, "into": "shed.users", "from": ["c.users"]}
    schemas = {"house": USERS, "shed": USERS, "attic": LOOSE}
    refuse_wrong(end(tmp_path, files, schemas, *users, {**ITS_NOTES, "into": "attic.notes"}, drop=DROP))
