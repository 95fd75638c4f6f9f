"""Orphans that others would adopt, parents elsewhere, parents that wait: refused, waiting, or right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.reference_scene import (
    BY_NAME,
    EVERY_NOTE,
    EVERY_PIN,
    LOOSE,
    NOTES,
    PINS,
    TILES,
    TWO,
    USERS,
    end,
    refuse_wrong,
    see_right,
)

# Orphans -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notes", [NOTES, LOOSE], ids=["declared everywhere", "declared in the target"])
def test_an_orphan_of_one_file_that_a_user_of_another_would_adopt(tmp_path: Path, notes: str) -> None:
    files = {
        "a": USERS + notes + "INSERT INTO users VALUES (77, 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', 77);",
        "b": USERS + notes + "INSERT INTO users VALUES (1, 'bu1', 'bob'); INSERT INTO notes VALUES (1, 'bn1', 77);",
    }
    see_right(end(tmp_path, files, USERS + NOTES, BY_NAME, EVERY_NOTE))


@pytest.mark.parametrize("strategy", ["offset", "renumber"])
def test_a_new_id_that_lands_on_an_orphans_value(tmp_path: Path, strategy: str) -> None:
    files = {
        "a": USERS + NOTES + "INSERT INTO users VALUES (1, 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', 2);",
        "b": USERS + NOTES + "INSERT INTO users VALUES (1, 'bu1', 'bob'); INSERT INTO notes VALUES (1, 'bn1', 2);",
    }
    users = {**BY_NAME, "identity": {"column": "id", "strategy": strategy}}
    see_right(end(tmp_path, files, USERS + NOTES, users, EVERY_NOTE))


@pytest.mark.parametrize("notes", [NOTES, LOOSE], ids=["declared everywhere", "declared in the target"])
def test_notes_whose_own_users_are_dropped(tmp_path: Path, notes: str) -> None:
    files = {
        "a": USERS + notes + "INSERT INTO users VALUES (1, 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', 1);",
        "b": USERS + notes + "INSERT INTO users VALUES (1, 'bu1', 'bob'); INSERT INTO notes VALUES (1, 'bn1', 1);",
    }
    dropped = [{"table": "b.users", "reason": "of no use"}]
    see_right(end(tmp_path, files, USERS + NOTES, {**BY_NAME, "from": ["a.users"]}, EVERY_NOTE, drop=dropped))


@pytest.mark.parametrize("column", ["id", "uid"])
def test_notes_whose_own_users_are_dropped_while_an_archive_of_their_file_has_the_same_numbers(
    tmp_path: Path, column: str
) -> None:
    """Whether bn1 means b's user 1 or the archive's, nobody knows; bn2 means the archive's 2."""
    users, notes = USERS.replace("(id", f"({column}"), LOOSE
    files = {
        "a": users + notes + "INSERT INTO users VALUES (9, 'au9', 'eve'); INSERT INTO notes VALUES (1, 'an1', 9);",
        "b": users + USERS.replace("users", "users_archive") + notes + "INSERT INTO users VALUES (1, 'bu1', 'bob');"
        "INSERT INTO users_archive VALUES (1, 'bx1', 'cid'), (2, 'bx2', 'dan');"
        "INSERT INTO notes VALUES (1, 'bn1', 1), (2, 'bn2', 2);",
    }
    first = "a.users" if column == "id" else {"table": "a.users", "columns": {"id": column}}
    fed = {**BY_NAME, "from": [first, "b.users_archive"], "identity": {"column": "id", "strategy": "keep"}}
    dropped = [{"table": "b.users", "reason": "of no use"}]
    ended = end(tmp_path, files, USERS + NOTES, fed, EVERY_NOTE, drop=dropped)
    see_right(ended)
    assert (ended.is_published, ended.quarantined) == (True, 1), ended.said


def test_a_note_of_a_filtered_user_whose_number_another_table_of_its_file_has(tmp_path: Path) -> None:
    archive = USERS.replace("users", "users_archive")
    files = {
        "a": USERS + archive + NOTES + "INSERT INTO users VALUES (1, 'au1', 'gone'), (2, 'au2', 'bob');"
        "INSERT INTO users_archive VALUES (1, 'ax1', 'ann'), (3, 'ax3', 'cid'), (2, 'ax2', 'bob');"
        "INSERT INTO notes VALUES (1, 'an1', 1), (2, 'an2', 2), (3, 'an3', 3);",
        "b": USERS + NOTES + "INSERT INTO users VALUES (1, 'bu1', 'ann'); INSERT INTO notes VALUES (1, 'bn1', 1);",
    }
    users = {
        **BY_NAME, "from": ["a.users", "a.users_archive", "b.users"],
        "where": {"sql": "name <> 'gone'", "reason": "left"},
    }  # fmt: skip
    ended = end(tmp_path, files, USERS + NOTES, users, EVERY_NOTE)
    see_right(ended)
    assert ended.quarantined == 1  # an1: it meant gone; an2 and an3 are right


def test_notes_of_filtered_users_that_others_would_adopt(tmp_path: Path) -> None:
    files = {
        "a": USERS + NOTES + "INSERT INTO users VALUES (1, 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', 1);",
        "b": USERS + NOTES + "INSERT INTO users VALUES (1, 'bu1', 'gone'); INSERT INTO notes VALUES (1, 'bn1', 1);",
    }
    users = {**BY_NAME, "where": {"sql": "name <> 'gone'", "reason": "left"}}
    see_right(end(tmp_path, files, USERS + NOTES, users, EVERY_NOTE))


# Several parents, several targets, several homes ---------------------------------------------------

ORGS = USERS.replace("users", "orgs")
AUDIT = "CREATE TABLE audit (id INTEGER PRIMARY KEY, mark TEXT, object_id INTEGER);\n"


def test_a_column_that_holds_ids_of_users_and_of_orgs(tmp_path: Path) -> None:
    files = {
        "a": USERS
        + ORGS
        + AUDIT
        + "INSERT INTO users VALUES (1, 'au1', 'ann'); INSERT INTO orgs VALUES (1, 'ao1', 'acme');",
        "b": USERS
        + ORGS
        + AUDIT
        + """INSERT INTO users VALUES (1, 'bu1', 'bob'); INSERT INTO orgs VALUES (1, 'bo1', 'acme');
            INSERT INTO audit VALUES (1, 'bd1', 1);""",
    }
    orgs = {**BY_NAME, "into": "house.orgs", "from": ["a.orgs", "b.orgs"], "references": ["house.audit.object_id"]}
    users = {**BY_NAME, "references": ["house.audit.object_id"]}
    audit = {**EVERY_NOTE, "into": "house.audit", "from": ["a.audit", "b.audit"]}
    see_right(end(tmp_path, files, USERS + ORGS + AUDIT, users, orgs, audit))


@pytest.mark.parametrize("by_plan", [False, True], ids=["declared in the sources", "in the plan"])
def test_a_reference_into_another_target(tmp_path: Path, by_plan: bool) -> None:
    notes = LOOSE if by_plan else NOTES
    users = {**BY_NAME, "references": ["attic.notes.user_id"]} if by_plan else BY_NAME
    files = {name: USERS + notes + rows for name, rows in TWO.items()}
    ended = end(tmp_path, files, {"house": USERS, "attic": LOOSE}, users, {**EVERY_NOTE, "into": "attic.notes"})
    refuse_wrong(ended)


STRANGERS = {
    "a": USERS + "INSERT INTO users VALUES (1, 'au1', 'ann'), (2, 'au2', 'cid');",
    "b": USERS + "INSERT INTO users VALUES (2, 'bu1', 'bob'), (7, 'bu2', 'dan');",
    "c": LOOSE + "INSERT INTO notes VALUES (1, 'cn1', 1), (2, 'cn2', 2), (3, 'cn3', 7), (4, 'cn4', 9);",
}
ITS_NOTES = {**EVERY_NOTE, "from": ["c.notes"]}


@pytest.mark.parametrize("strategy", ["offset", "renumber", "keep"])
def test_a_file_without_users_means_the_ids_that_all_have(tmp_path: Path, strategy: str) -> None:
    users = {**BY_NAME, "identity": {"column": "id", "strategy": strategy}}
    see_right(end(tmp_path, STRANGERS, USERS + NOTES, users, ITS_NOTES))


@pytest.mark.parametrize("strategy", ["offset", "renumber", "keep"])
def test_a_file_without_users_does_not_know_whether_a_filtered_one_is_meant(tmp_path: Path, strategy: str) -> None:
    """Nobody knows of 2, which a's cid has as well; 1 was cid's of c alone, and is nobody's now.

    With an offset dan becomes 9, whom dn4 must not mean.
    """
    files = {
        "a": USERS + "INSERT INTO users VALUES (2, 'au2', 'cid');",
        "b": STRANGERS["b"],
        "c": USERS + "INSERT INTO users VALUES (1, 'cu1', 'cid');",
        "d": STRANGERS["c"].replace("'cn", "'dn"),
    }
    users = {**THREE, "identity": {"column": "id", "strategy": strategy}}
    users |= {"where": {"sql": "name <> 'cid'", "reason": "left"}, "references": ["house.notes.user_id"]}
    ended = end(tmp_path, files, USERS + LOOSE, users, {**EVERY_NOTE, "from": ["d.notes"]})
    is_taken = strategy == "offset"
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 1 + is_taken), ended.said
    told = "SELECT notes.mark, users.name FROM notes LEFT JOIN users ON users.id = user_id ORDER BY 1"
    assert ended.read(told) == [("dn1", None), ("dn3", "dan"), *([] if is_taken else [("dn4", None)])]


def test_a_reference_whose_home_the_plan_names(tmp_path: Path) -> None:
    users = {**BY_NAME, "references": [{"column": "house.notes.user_id", "parent": ["b.users"]}]}
    ended = end(tmp_path, STRANGERS, USERS + LOOSE, users, ITS_NOTES)
    assert (ended.code, ended.problems) == (0, ()), ended.said
    told = "SELECT notes.mark, users.mark FROM notes LEFT JOIN users ON users.id = user_id ORDER BY 1"
    assert ended.read(told) == [("cn2", "bu1"), ("cn3", "bu2"), ("cn4", None)]  # cn1 would be adopted: it waits


MIXED = {
    "a": USERS + "INSERT INTO users VALUES (1, 'au1', 'ann'), (2, 'au2', 'cid'), (4, 'au4', 'eva');",
    "b": USERS + "INSERT INTO users VALUES (2, 'bu2', 'bob'), (7, 'bu7', 'ann'), (9, 'bu9', 'fay');",
    "c": USERS + "INSERT INTO users VALUES (4, 'cu4', 'dan'), (7, 'cu7', 'ann'), (8, 'cu8', 'eva');",
}
MIXED_NOTES = {
    1: "an id of another file, moved with its row: nothing in its own file has it",
    2: "its own file's, though another file has one like it",
    4: "two other files', of two people: it waits",
    7: "its own file's, and another's for the same person",
    8: "another file's, for somebody who is in a third",
    9: "its own file's alone",
    6: "nobody's",
}
THREE = {**BY_NAME, "from": ["a.users", "b.users", "c.users"]}


def test_of_the_homes_that_a_plan_names_the_childs_own_file_comes_first(tmp_path: Path) -> None:
    notes = "; ".join(f"INSERT INTO notes VALUES ({value}, 'n{value}', {value})" for value in MIXED_NOTES)
    users = {**THREE, "references": [{"column": "house.notes.user_id", "parent": ["a.users", "b.users", "c.users"]}]}
    files = {**MIXED, "b": MIXED["b"] + LOOSE + notes + ";"}
    ended = end(tmp_path, files, USERS + LOOSE, users, {**EVERY_NOTE, "from": ["b.notes"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 1), ended.said
    told = "SELECT notes.mark, users.name FROM notes LEFT JOIN users ON users.id = user_id ORDER BY 1"
    owners = {"n1": "ann", "n2": "bob", "n6": None, "n7": "ann", "n8": "eva", "n9": "fay"}
    assert dict(ended.read(told)) == owners


@pytest.mark.parametrize("home", ["b", "d"])
def test_of_the_homes_that_a_plan_names_those_of_other_files_count_without_what_is_filtered(
    tmp_path: Path, home: str
) -> None:
    """User 4 of a is filtered, so that dan of c is meant; of b's own 2, who is filtered, nobody else is in place."""
    files = {**MIXED, "a": MIXED["a"].replace("'eva'", "'bob'")}
    files[home] = files.get(home, "") + LOOSE + "INSERT INTO notes VALUES (1, 'n4', 4), (2, 'n2', 2);"
    said = [{"column": "house.notes.user_id", "parent": ["a.users", "b.users", "c.users"]}]
    users = {**THREE, "references": said, "where": {"sql": "name <> 'bob'", "reason": "left"}}
    ended = end(tmp_path, files, USERS + LOOSE, users, {**EVERY_NOTE, "from": [f"{home}.notes"]})
    is_own = home == "b"
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), is_own), ended.said
    told = "SELECT notes.mark, users.name FROM notes JOIN users ON users.id = user_id ORDER BY 1"
    assert ended.read(told) == [*([] if is_own else [("n2", "cid")]), ("n4", "dan")]


@pytest.mark.parametrize("value", [7, 8])
def test_homes_whose_rows_became_one_are_one(tmp_path: Path, value: int) -> None:
    users = {**THREE, "references": [{"column": "house.notes.user_id", "parent": ["b.users", "c.users"]}]}
    files = {**MIXED, "d": LOOSE + f"INSERT INTO notes VALUES (1, 'dn1', {value});"}
    ended = end(tmp_path, files, USERS + LOOSE, users, {**EVERY_NOTE, "from": ["d.notes"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    told = "SELECT users.name FROM notes JOIN users ON users.id = user_id"
    assert ended.read(told) == [("ann" if value == 7 else "eva",)]


def test_a_home_in_a_file_that_is_not_there_holds_nobody(tmp_path: Path) -> None:
    sources = {name: {"path": f"{name}.db", "optional": name == "gone"} for name in ("a", "b", "gone")}
    users = {**BY_NAME, "from": ["a.users", "b.users", "gone.users"]}
    users["references"] = [{"column": "house.notes.user_id", "parent": ["b.users", "gone.users"]}]
    files = {**STRANGERS, "b": STRANGERS["b"] + LOOSE + "INSERT INTO notes VALUES (1, 'bn1', 7);"}
    del files["c"]
    ended = end(tmp_path, files, USERS + LOOSE, users, {**EVERY_NOTE, "from": ["b.notes"]}, sources=sources)
    assert ended.code == 0, ended.said
    assert ended.read("SELECT users.name FROM notes JOIN users ON users.id = user_id") == [("dan",)]


# Parents that wait ---------------------------------------------------------------------------------

QUARRELLING = {**BY_NAME, "on_conflict": {"rule": "quarantine"}}
"""User cid, of both files, waits."""


@pytest.mark.parametrize("target", ["declared", "loose"])
def test_children_of_a_waiting_row_wait(tmp_path: Path, target: str) -> None:
    files = {name: USERS + NOTES + rows for name, rows in TWO.items()}
    schema = USERS + (NOTES if target == "declared" else LOOSE)
    see_right(end(tmp_path, files, schema, QUARRELLING, EVERY_NOTE))


def test_children_of_a_waiting_row_wait_in_a_file_without_parents(tmp_path: Path) -> None:
    files = {
        "a": USERS + "INSERT INTO users VALUES (1, 'au1', 'ann'), (2, 'au2', 'cid');",
        "b": USERS + "INSERT INTO users VALUES (3, 'bu1', 'cid');",
        "c": NOTES + "INSERT INTO notes VALUES (1, 'cn1', 1), (2, 'cn2', 2), (3, 'cn3', 3);",
    }
    see_right(end(tmp_path, files, USERS + NOTES, QUARRELLING, ITS_NOTES))


def test_children_of_a_waiting_row_wait_in_another_target(tmp_path: Path) -> None:
    files = {name: USERS + NOTES + rows for name, rows in TWO.items()}
    notes = {**EVERY_NOTE, "into": "attic.notes"}
    refuse_wrong(end(tmp_path, files, {"house": USERS, "attic": LOOSE}, QUARRELLING, notes))


def test_children_of_a_waiting_row_with_a_composite_key_wait(tmp_path: Path) -> None:
    tables = TILES + PINS
    files = {
        "a": tables + "INSERT INTO tiles VALUES (1, 1, 'at1', 'north'); INSERT INTO pins VALUES (1, 'ap1', 1, 1);",
        "b": tables + "INSERT INTO tiles VALUES (1, 1, 'bt1', 'south'); INSERT INTO pins VALUES (1, 'bp1', 1, 1);",
    }
    tiles = {"into": "house.tiles", "from": ["a.tiles", "b.tiles"], "on_conflict": {"rule": "quarantine"}}
    see_right(end(tmp_path, files, tables, tiles, EVERY_PIN))


def test_children_of_a_row_that_a_constraint_refuses_wait(tmp_path: Path) -> None:
    strict = USERS.replace("name TEXT", "name TEXT NOT NULL")
    files = {
        "a": USERS + NOTES + "INSERT INTO users VALUES (1, 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', 1);",
        "b": USERS
        + NOTES
        + "INSERT INTO users VALUES (1, 'bu1', 'bob'), (2, 'bu2', NULL); INSERT INTO notes VALUES (1, 'bn1', 2);",
    }
    see_right(end(tmp_path, files, strict + NOTES, BY_NAME, EVERY_NOTE))


def test_children_of_a_row_whose_id_is_taken_wait(tmp_path: Path) -> None:
    files = {
        "a": USERS + NOTES + "INSERT INTO users VALUES (1, 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', 1);",
        "b": USERS + NOTES + "INSERT INTO users VALUES (1, 'bu1', 'bob'); INSERT INTO notes VALUES (1, 'bn1', 1);",
    }
    users = {key: value for key, value in BY_NAME.items() if key != "identity"}
    see_right(end(tmp_path, files, USERS + NOTES, users, EVERY_NOTE))


@pytest.mark.parametrize("target", ["house", "attic"])
@pytest.mark.parametrize("table", ["users", "people"])
def test_notes_whose_own_users_are_dropped_and_which_only_their_file_ties_to_them(
    tmp_path: Path, target: str, table: str
) -> None:
    files = {
        "a": USERS + "INSERT INTO users VALUES (1, 'au1', 'ann');",
        "b": USERS + NOTES + "INSERT INTO users VALUES (1, 'bu1', 'bob'); INSERT INTO notes VALUES (1, 'bn1', 1);",
    }
    users = {**BY_NAME, "into": f"house.{table}", "from": ["a.users"]}
    schemas = {"house": USERS.replace("users", table)}
    schemas[target] = schemas.get(target, "") + LOOSE
    notes = {**EVERY_NOTE, "into": f"{target}.notes", "from": ["b.notes"]}
    ended = end(tmp_path, files, schemas, users, notes, drop=[{"table": "b.users", "reason": "of no use"}])
    (see_right if target == "house" else refuse_wrong)(ended)


# A foreign key whose parent table its file lacks ----------------------------------------------------

TEXT_USERS = "CREATE TABLE users (id TEXT PRIMARY KEY, mark TEXT, name TEXT);\n"
TEXT_NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, mark TEXT, user_id TEXT REFERENCES users (id));\n"
TEXT_LOOSE = TEXT_NOTES.replace(" REFERENCES users (id)", "")
ALIKE = "INSERT INTO users VALUES ('u1', 'bu1', 'ann'), ('u2', 'bu2', 'Ann');"
NORMALIZED = {
    **BY_NAME,
    "from": ["b.users"],
    "normalize": {"name": ["trim", "casefold"]},
    "identity": {"column": "id", "strategy": "uuid5"},
}
"""Users ann and Ann of one file wait, both."""


@pytest.mark.parametrize("attic", ["other target", "same target", "other name", "other name, same target"])
def test_children_of_a_waiting_row_wait_where_their_file_declares_the_key_and_lacks_the_table(
    tmp_path: Path, attic: str
) -> None:
    files = {"a": TEXT_NOTES + "INSERT INTO notes VALUES (1, 'an1', 'u1');", "b": TEXT_USERS + ALIKE}
    table = "people" if "name" in attic else "users"
    users = {**NORMALIZED, "into": f"house.{table}"}
    schema = TEXT_USERS.replace("users", table)
    target = "house" if "same" in attic else "attic"
    schemas = {"house": schema + TEXT_LOOSE} if target == "house" else {"house": schema, "attic": TEXT_LOOSE}
    notes = {**EVERY_NOTE, "into": f"{target}.notes", "from": ["a.notes"]}
    ended = end(tmp_path, files, schemas, users, notes)
    assert (ended.code, ended.quarantined) == ((0, 3) if target == "house" else (3, 2)), ended.said
    (see_right if target == "house" else refuse_wrong)(ended)


# Ids that are no rowids ------------------------------------------------------------------------------


def test_an_offset_is_of_ids_and_not_of_rowids(tmp_path: Path) -> None:
    numbered = USERS.replace("INTEGER PRIMARY", "INT PRIMARY")
    files = {
        "a": numbered + NOTES + "INSERT INTO users VALUES (100, 'au1', 'ann');"
        "INSERT INTO notes VALUES (1, 'n1', 100);",
        "b": USERS + NOTES + "INSERT INTO users VALUES (1, 'bu1', 'bob'), (99, 'bu2', 'cid');"
        "INSERT INTO notes VALUES (1, 'n2', 1), (2, 'n3', 99);",
    }  # fmt: skip
    users = {**BY_NAME, "identity": {"column": "id", "strategy": "offset"}}
    ended = end(tmp_path, files, USERS + NOTES, users, EVERY_NOTE)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read("SELECT mark, user_id FROM notes ORDER BY 1") == [("n1", 100), ("n2", 101), ("n3", 199)]


# Values that a column would change -----------------------------------------------------------------


@pytest.mark.parametrize(("mine", "theirs", "value"), [("TEXT", "INTEGER", "'5'"), ("INTEGER", "TEXT", "5")])
def test_a_value_that_the_targets_affinity_would_change_is_refused(
    tmp_path: Path, mine: str, theirs: str, value: str
) -> None:
    notes = LOOSE.replace("user_id INTEGER", f"user_id {mine}")
    schema = USERS + LOOSE.replace("user_id INTEGER", f"user_id {theirs}")
    files = {
        "a": USERS
        + notes
        + f"INSERT INTO users VALUES (5, 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', {value});"
    }
    users = {**BY_NAME, "from": ["a.users"]}
    assert end(tmp_path, files, schema, users, {**EVERY_NOTE, "from": ["a.notes"]}).code in (2, 3)


@pytest.mark.parametrize(("one", "other"), [("1", "'1'"), ("1", "1.0"), ("'1'", "x'31'")])
def test_rows_that_differ_in_type_are_not_identical(tmp_path: Path, one: str, other: str) -> None:
    table = USERS.replace("name TEXT", "name TEXT, loose")
    files = {
        "a": table + f"INSERT INTO users VALUES (1, 'both', 'ann', {one});",
        "b": table + f"INSERT INTO users VALUES (1, 'both', 'ann', {other});",
    }
    ended = end(tmp_path, files, table, {**BY_NAME, "on_conflict": {"rule": "identical"}})
    assert (ended.code, ended.quarantined, ended.problems) == (0, 1, ()), ended.said
