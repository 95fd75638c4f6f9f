"""An oracle that cannot fail proves nothing: a good run is right, and each wrong pointer planted into it is seen."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.reference_oracle import judge
from tests.e2e.reference_scene import EVERY_NOTE, RENUMBER, System, consolidate

TABLES = """\
CREATE TABLE users (id INTEGER PRIMARY KEY, mark TEXT, name TEXT, mail TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, mark TEXT, user_id INTEGER REFERENCES users (id), about TEXT);
"""
SYSTEM = System(
    files={
        "a": TABLES
        + """INSERT INTO users VALUES (1, 'au1', 'ann', 'a@x'), (2, 'au2', 'dan', 'd@x'), (3, 'au3', 'lost', '');
            INSERT INTO notes VALUES (1, 'an1', 1, '{"who": "2"}'), (2, 'an2', NULL, '{'), (3, 'an3', 3, NULL);""",
        "b": TABLES
        + """INSERT INTO users VALUES (1, 'bu1', 'bob', 'b@x'), (2, 'bu2', 'ANN ', 'o@x');
            INSERT INTO notes VALUES (1, 'bn1', 1, '{"who": 2}'), (2, 'bn2', 2, '["x"]'), (3, 'bn3', 99, NULL);""",
    },
    schemas={"house": TABLES},
    rest={
        "tables": [
            {
                "into": "house.users",
                "from": ["a.users", "b.users"],
                "key": ["name"],
                "normalize": {"name": ["trim", "casefold"]},
                "where": {"sql": "name <> 'lost'", "reason": "left"},
                "identity": RENUMBER,
                "on_conflict": {"rule": "prefer"},
                "references": [{"column": "house.notes.about", "json": "$.who"}],
            },
            EVERY_NOTE,
        ]
    },
)
"""Bob gets another id, b's ann is lost to a's, an3 and bn3 are orphans."""


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("right")
    ended = consolidate(SYSTEM, folder)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0)
    pointers = "SELECT notes.mark, users.mark FROM notes JOIN users ON users.id = user_id ORDER BY 1"
    assert ended.read(pointers) == [("an1", "au1"), ("bn1", "bu1"), ("bn2", "au1")]
    return folder


def plant(
    right: Path, folder: Path, sql: str, ledger: str = "", references: Sequence[Mapping[str, Any]] = ()
) -> list[str]:
    """Change a copy of a good result, and judge it, as if the plan said more of references."""
    shutil.copytree(right, folder, dirs_exist_ok=True)
    kept = next((folder / "target").rglob("ledger/house.db"))
    for file, script in ((folder / "target" / "house.db", sql), (kept, ledger)):
        file.chmod(0o600)
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(script)
    users, notes = SYSTEM.plan["tables"]
    said = {**users, "references": [*users["references"], *references]}
    return judge({**SYSTEM.plan, "tables": [said, notes]}, folder / "source", folder / "target")


SWAPPED = "UPDATE notes SET user_id = (SELECT id FROM users WHERE mark = 'au1') WHERE mark = 'bn1'"
FAULTS = {
    "a swapped child": (SWAPPED, "b.notes bn1: user_id = (1,) points at ['au1'], and its parent became ['bu1']"),
    "a child that points nowhere": ("UPDATE notes SET user_id = 50 WHERE mark = 'an1'", "points at []"),
    "a child without its parent": ("UPDATE notes SET user_id = NULL WHERE mark = 'an1'", "points at []"),
    "a child of a merged row": ("UPDATE notes SET user_id = 2 WHERE mark = 'bn2'", "its parent became ['au1']"),
    "a parent that moved": ("UPDATE users SET id = 70 WHERE mark = 'au1'", "a.notes an1: user_id = (1,) points at []"),
    "a swapped child in JSON": ("UPDATE notes SET about = '{\"who\": 2}' WHERE mark = 'bn1'", "bn1: about$.who"),
    "JSON that points nowhere": ("UPDATE notes SET about = '{}' WHERE mark = 'an1'", "an1: about$.who = (None,)"),
    "an adopted orphan": ("UPDATE users SET id = 99 WHERE mark = 'au2'", "b.notes bn3: user_id = (99,) is an orphan"),
    "an adopted child of a filtered row": (
        "UPDATE users SET id = 3 WHERE mark = 'au2'; UPDATE users SET id = 60 WHERE id = 4",
        "a.notes an3: user_id = (3,) is an orphan, and adopted by ['au2']",
    ),
    "an orphan that changed": ("UPDATE notes SET user_id = 98 WHERE mark = 'bn3'", "was (99,), and nothing changes it"),
    "an orphan of another type": ("UPDATE notes SET user_id = 99.5 WHERE mark = 'bn3'", "was (99,)"),
    "a pointer from nothing": ("UPDATE notes SET user_id = 1 WHERE mark = 'an2'", "an2: user_id = (1,) was (None,)"),
    "a missing child": ("DELETE FROM notes WHERE mark = 'an2'", "a.notes an2: is neither in house.notes, nor waits"),
    "a missing parent": ("DELETE FROM users WHERE mark = 'au2'", "a.users au2: is neither in house.users"),
    "a missing winner": ("DELETE FROM users WHERE mark = 'au1'", "b.users bu2: is neither in house.users"),
    "a row that is there twice": ("INSERT INTO notes VALUES (9, 'an2', NULL, '')", "an2: is in house.notes twice"),
    "a filtered row": ("INSERT INTO users VALUES (9, 'au3', '', '')", "au3: is published, and it was filtered"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_oracle_sees_a_planted_fault(right: Path, tmp_path: Path, fault: str) -> None:
    sql, expected = FAULTS[fault]
    found = plant(right, tmp_path, sql)
    assert any(expected in sentence for sentence in found), found


WAITS = """INSERT INTO "b.users" (_rowid, _disposition, c1) VALUES (7, 'quarantined', 'bu1');"""


def test_the_oracle_sees_children_whose_parent_waits(right: Path, tmp_path: Path) -> None:
    found = plant(right, tmp_path, "DELETE FROM users WHERE mark = 'bu1'", WAITS)
    assert len(found) == 1
    assert "b.notes bn1" in found[0]
    assert found[0].endswith("it waits")


def test_the_oracle_sees_a_row_that_is_published_and_waits(right: Path, tmp_path: Path) -> None:
    assert "b.users bu1: is published, and it waits" in plant(right, tmp_path, "", WAITS)


def test_the_oracle_lets_a_child_wait_with_its_parent(right: Path, tmp_path: Path) -> None:
    note = """INSERT INTO "b.notes" (_rowid, _disposition, c1) VALUES (7, 'quarantined', 'bn1');"""
    gone = "DELETE FROM users WHERE mark = 'bu1'; DELETE FROM notes WHERE mark = 'bn1'"
    assert plant(right, tmp_path, gone, WAITS + note) == []


ORPHANS = "a.notes an3", "b.notes bn3"


def test_the_oracle_wants_orphans_as_the_plan_wants_them(right: Path, tmp_path: Path) -> None:
    null, keep = [{"column": "house.notes.user_id", "orphans": how} for how in (None, "keep")]
    assert plant(right, tmp_path, "", references=[keep]) == []
    found = plant(right, tmp_path, "", references=[null])
    assert [sentence.startswith(ORPHANS) and sentence.endswith("should be NULL") for sentence in found] == [True, True]
    sql = "UPDATE users SET id = 99 WHERE mark = 'au2'"
    assert [sentence for sentence in plant(right, tmp_path, sql, references=[keep]) if "user_id" in sentence] == []
    sql = "UPDATE notes SET user_id = NULL WHERE mark IN ('an3', 'bn3')"
    assert len(plant(right, tmp_path, sql, references=[keep])) == 2
    assert [one for one in plant(right, tmp_path, sql, references=[null]) if "user_id" in one] == []


def test_the_oracle_looks_for_parents_where_the_plan_says(right: Path, tmp_path: Path) -> None:
    home = {"column": "house.notes.user_id", "parent": ["a.users"]}
    found = plant(right, tmp_path, "", references=[home])
    assert [sentence.partition(":")[0] for sentence in found] == ["b.notes bn1", "b.notes bn2"]
    moved = "UPDATE notes SET user_id = CASE mark WHEN 'bn1' THEN 1 ELSE 2 END WHERE mark IN ('bn1', 'bn2')"
    assert plant(right, tmp_path, moved, references=[home]) == []
