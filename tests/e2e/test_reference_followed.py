"""What must not be refused: references that can be kept are kept, and published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.reference_scene import (
    BY_NAME,
    EVERY_NOTE,
    EVERY_PIN,
    LOOSE,
    NOTES,
    PINS,
    PREFER,
    RENUMBER,
    TILES,
    TWO,
    USERS,
    Ended,
    end,
)  # fmt: skip

POINTERS = "SELECT notes.mark, users.mark FROM notes LEFT JOIN users ON users.id = user_id ORDER BY 1"


def expect_published(ended: Ended, waiting: int = 0) -> None:
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), waiting), ended.said


@pytest.mark.parametrize("strategy", ["renumber", "offset"])
@pytest.mark.parametrize("rule", [{"rule": "prefer"}, {"rule": "merge"}])
def test_a_declared_key_is_followed(tmp_path: Path, strategy: str, rule: dict[str, Any]) -> None:
    files = {name: USERS + NOTES + rows for name, rows in TWO.items()}
    users = {**BY_NAME, "identity": {"column": "id", "strategy": strategy}, "on_conflict": rule}
    ended = end(tmp_path, files, USERS + NOTES, users, EVERY_NOTE)
    expect_published(ended)
    assert ended.read(POINTERS) == [("an1", "au1"), ("bn1", "bu1"), ("bn2", "au2")]


def test_a_key_declared_in_the_target_only_is_followed(tmp_path: Path) -> None:
    files = {name: USERS + LOOSE + rows for name, rows in TWO.items()}
    ended = end(tmp_path, files, USERS + NOTES, BY_NAME, EVERY_NOTE)
    expect_published(ended)
    assert ended.read(POINTERS) == [("an1", "au1"), ("bn1", "bu1"), ("bn2", "au2")]


def test_a_key_named_in_the_plan_only_is_followed(tmp_path: Path) -> None:
    files = {name: USERS + LOOSE + rows for name, rows in TWO.items()}
    ended = end(tmp_path, files, USERS + LOOSE, {**BY_NAME, "references": ["house.notes.user_id"]}, EVERY_NOTE)
    expect_published(ended)
    assert ended.read(POINTERS) == [("an1", "au1"), ("bn1", "bu1"), ("bn2", "au2")]


def test_text_ids_are_followed(tmp_path: Path) -> None:
    tables = (USERS + NOTES).replace("id INTEGER PRIMARY KEY, mark TEXT, name", "id TEXT PRIMARY KEY, mark TEXT, name")
    tables = tables.replace("user_id INTEGER", "user_id TEXT")
    files = {name: tables + rows for name, rows in TWO.items()}
    users = {**BY_NAME, "identity": {"column": "id", "strategy": "uuid5"}}
    ended = end(tmp_path, files, tables, users, EVERY_NOTE)
    expect_published(ended)
    assert ended.read(POINTERS) == [("an1", "au1"), ("bn1", "bu1"), ("bn2", "au2")]


def test_a_composite_key_whose_parents_keep_their_values(tmp_path: Path) -> None:
    tables = TILES + PINS
    files = {
        "a": tables + "INSERT INTO tiles VALUES (1, 1, 'at1', 'north'); INSERT INTO pins VALUES (1, 'ap1', 1, 1);",
        "b": tables + """INSERT INTO tiles VALUES (1, 2, 'bt1', 'south'), (1, 1, 'bt2', 'other');
            INSERT INTO pins VALUES (1, 'bp1', 1, 2), (2, 'bp2', 1, 1), (3, 'bp3', NULL, 2), (4, 'bp4', 9, 9);""",
    }  # fmt: skip
    ended = end(
        tmp_path,
        files,
        tables,
        {"into": "house.tiles", "from": ["a.tiles", "b.tiles"], "on_conflict": PREFER},
        EVERY_PIN,
    )
    expect_published(ended)
    assert ended.read("SELECT mark, x, y FROM pins ORDER BY 1") == [
        ("ap1", 1, 1), ("bp1", 1, 2), ("bp2", 1, 1), ("bp3", None, 2), ("bp4", 9, 9),
    ]  # fmt: skip


def test_ids_in_json_are_followed(tmp_path: Path) -> None:
    tables = USERS + LOOSE.replace("user_id INTEGER", "about TEXT")
    files = {
        "a": tables + "INSERT INTO users VALUES (1, 'au1', 'ann');",
        "b": tables + """INSERT INTO users VALUES (1, 'bu1', 'bob'); INSERT INTO notes VALUES
            (1, 'bn1', '{"who": {"id": 1}}'), (2, 'bn2', '{"who": {"id": "1"}}'), (3, 'bn3', '{'), (4, 'bn4', NULL),
            (5, 'bn5', '{"who": {"id": 1.5}}'), (6, 'bn6', '[]');""",
    }  # fmt: skip
    users = {**BY_NAME, "references": [{"column": "house.notes.about", "json": "$.who.id"}]}
    ended = end(tmp_path, files, tables, users, EVERY_NOTE)
    expect_published(ended)
    told = "SELECT mark, about ->> '$.who.id' = (SELECT id FROM users WHERE mark = 'bu1') FROM notes WHERE mark < 'bn3'"
    assert ended.read(told) == [("bn1", 1), ("bn2", 1)]


PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, mark TEXT, boss INTEGER REFERENCES people (id), team INTEGER);\n"
BOSSES = "SELECT people.mark, b.mark FROM people LEFT JOIN people b ON b.id = people.boss ORDER BY 1"
EVERYBODY = {"into": "house.people", "from": ["a.people", "b.people"], "on_conflict": {"rule": "keep_both"}}


def test_a_table_that_refers_to_itself(tmp_path: Path) -> None:
    files = {
        "a": PEOPLE + "INSERT INTO people VALUES (1, 'a1', 1, NULL), (2, 'a2', 1, NULL);",
        "b": PEOPLE + "INSERT INTO people VALUES (1, 'b1', 2, NULL), (2, 'b2', NULL, NULL), (3, 'b3', 1, NULL);",
    }
    ended = end(tmp_path, files, PEOPLE, EVERYBODY)
    expect_published(ended)
    assert ended.read(BOSSES) == [("a1", "a1"), ("a2", "a1"), ("b1", "b2"), ("b2", None), ("b3", "b1")]


def test_two_tables_that_refer_to_each_other(tmp_path: Path) -> None:
    tables = PEOPLE.replace("team INTEGER", "team INTEGER REFERENCES teams (id)")
    tables += "CREATE TABLE teams (id INTEGER PRIMARY KEY, mark TEXT, lead INTEGER REFERENCES people (id));\n"
    files = {
        "a": tables + "INSERT INTO people VALUES (1, 'ap1', NULL, 1); INSERT INTO teams VALUES (1, 'at1', 1);",
        "b": tables + """INSERT INTO people VALUES (1, 'bp1', NULL, 2), (2, 'bp2', 1, 2);
            INSERT INTO teams VALUES (1, 'bt1', 2), (2, 'bt2', 1);""",
    }  # fmt: skip
    teams = {**EVERYBODY, "into": "house.teams", "from": ["a.teams", "b.teams"]}
    ended = end(tmp_path, files, tables, EVERYBODY, teams)
    expect_published(ended)
    led = "SELECT teams.mark, people.mark FROM teams JOIN people ON people.id = lead ORDER BY 1"
    assert ended.read(led) == [("at1", "ap1"), ("bt1", "bp2"), ("bt2", "bp1")]
    told = "SELECT people.mark, teams.mark FROM people JOIN teams ON teams.id = team ORDER BY 1"
    assert ended.read(told) == [("ap1", "at1"), ("bp1", "bt2"), ("bp2", "bt2")]


ORPHANS = {
    "a": USERS + LOOSE + "INSERT INTO users VALUES (1, 'au1', 'ann'), (77, 'au77', 'eve');",
    "b": USERS + LOOSE + """INSERT INTO users VALUES (1, 'bu1', 'bob');
        INSERT INTO notes VALUES (1, 'bn1', 1), (2, 'bn2', 500), (3, 'bn3', 77);""",
}  # fmt: skip


def test_an_orphan_stays_one_and_one_that_would_be_adopted_waits(tmp_path: Path) -> None:
    ended = end(tmp_path, ORPHANS, USERS + NOTES, BY_NAME, EVERY_NOTE)
    expect_published(ended, waiting=1)
    assert ended.read("SELECT mark, user_id FROM notes WHERE mark <> 'bn1'") == [("bn2", 500)]


@pytest.mark.parametrize(("orphans", "kept"), [(None, [None, None]), ("keep", [500, 77])])
@pytest.mark.parametrize("notes", [NOTES, LOOSE], ids=["declared", "in the plan only"])
def test_orphans_are_what_the_plan_wants(
    tmp_path: Path, notes: str, orphans: str | None, kept: list[int | None]
) -> None:
    said = {"column": "house.notes.user_id", "orphans": orphans, "reason": "their users left long ago"}
    ended = end(tmp_path, ORPHANS, USERS + notes, {**BY_NAME, "references": [said]}, EVERY_NOTE)
    expect_published(ended)
    assert ended.read("SELECT user_id FROM notes WHERE mark IN ('bn2', 'bn3') ORDER BY mark") == [
        (one,) for one in kept
    ]
    assert ended.read(POINTERS)[0] == ("bn1", "bu1")


@pytest.mark.parametrize(("orphans", "kept"), [(None, None), ("keep", 77)])
def test_orphans_in_json_are_what_the_plan_wants(tmp_path: Path, orphans: str | None, kept: int | None) -> None:
    tables = USERS + LOOSE.replace("user_id INTEGER", "about TEXT")
    files = {
        "a": tables + "INSERT INTO users VALUES (1, 'au1', 'ann'), (77, 'au77', 'eve');",
        "b": tables + """INSERT INTO users VALUES (1, 'bu1', 'bob');
            INSERT INTO notes VALUES (1, 'bn1', '{"who": 1}'), (2, 'bn2', '{"who": 77}');""",
    }  # fmt: skip
    said = {"column": "house.notes.about", "json": "$.who", "orphans": orphans, "reason": "they left"}
    ended = end(tmp_path, files, tables, {**BY_NAME, "references": [said]}, EVERY_NOTE)
    expect_published(ended)
    assert ended.read("SELECT about ->> '$.who' FROM notes WHERE mark = 'bn2'") == [(kept,)]


def test_a_value_stays_where_every_parent_kept_it(tmp_path: Path) -> None:
    files = {
        "a": USERS + "INSERT INTO users VALUES (1, 'au1', 'ann'), (2, 'au2', 'cid');",
        "b": USERS + "INSERT INTO users VALUES (1, 'bu1', 'ann'), (2, 'bu2', 'bob');",
        "c": NOTES + "INSERT INTO notes VALUES (1, 'cn1', 1), (2, 'cn2', 2), (3, 'cn3', 9);",
    }
    ended = end(tmp_path, files, USERS + NOTES, BY_NAME, {**EVERY_NOTE, "from": ["c.notes"]})
    expect_published(ended, waiting=1)
    assert ended.read(POINTERS) == [("cn1", "au1"), ("cn3", None)]


def test_a_value_follows_the_only_row_that_had_it(tmp_path: Path) -> None:
    files = {
        "a": USERS + "INSERT INTO users VALUES (1, 'au1', 'ann');",
        "b": USERS + "INSERT INTO users VALUES (7, 'bu1', 'bob'), (5, 'bu2', 'ann');",
        "c": NOTES + "INSERT INTO notes VALUES (1, 'cn1', 1), (2, 'cn2', 7), (3, 'cn3', 5);",
    }
    users = {**BY_NAME, "identity": {**RENUMBER, "strategy": "offset"}}
    ended = end(tmp_path, files, USERS + NOTES, users, {**EVERY_NOTE, "from": ["c.notes"]})
    expect_published(ended)
    assert ended.read(POINTERS) == [("cn1", "au1"), ("cn2", "bu1"), ("cn3", "au1")]
