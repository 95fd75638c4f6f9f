"""Tables of one file whose rows change: they take a short way, and what stands against it the long one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.reference_scene import NOTES, USERS, Ended, end

DAYS = """CREATE TABLE days (user_id INTEGER REFERENCES users (id), day TEXT, mark TEXT,
    PRIMARY KEY (user_id, day));\n"""
TWINS = "INSERT INTO users VALUES (1, 'u1', 'ann'), (2, 'u2', 'ann'), (3, 'u3', 'bob');\n"
FIRST_ANN = {"into": "house.users", "from": ["a.users"], "key": ["name"], "on_conflict": {"rule": "prefer"}}


def read_ledger(ended: Ended, table: str) -> list[tuple[Any, ...]]:
    """Return rowid, disposition, rule and target row of what the ledger says of a source table."""
    (ledger,) = (ended.target / ".strongroom" / "runs").glob("*/ledger/house.db")
    with closing(sqlite3.connect(ledger)) as connection:
        return connection.execute(
            f'SELECT _rowid, _disposition, _rule, _target_rowid FROM "{table}" ORDER BY 1'
        ).fetchall()


def test_rows_that_get_one_key_because_their_parents_became_one_are_one_group(tmp_path: Path) -> None:
    rows = "INSERT INTO days VALUES (1, 'mon', 'd1'), (2, 'mon', 'd2'), (2, 'tue', 'd3');"
    days = {"into": "house.days", "from": ["a.days"], "on_conflict": {"rule": "prefer"}}
    ended = end(tmp_path, {"a": USERS + DAYS + TWINS + rows}, USERS + DAYS, FIRST_ANN, days)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read("SELECT * FROM days ORDER BY 1, 2") == [(1, "mon", "d1"), (1, "tue", "d3")]
    assert read_ledger(ended, "a.days") == [(2, "superseded", "prefer", 1), (3, "inserted", "reference", 3)]


def test_references_are_followed_and_values_changed_on_the_way(tmp_path: Path) -> None:
    rows = "INSERT INTO notes VALUES (4, ' n4 ', 2), (5, 'n5', 3), (6, 'n6', NULL), (7, ' n7', 9);"
    notes = {"into": "house.notes", "from": ["a.notes"], "transform": {"mark": "trim"}}
    ended = end(tmp_path, {"a": USERS + NOTES + TWINS + rows}, USERS + NOTES, FIRST_ANN, notes)
    assert (ended.code, ended.quarantined) == (0, 0), ended.said
    found = ended.read("SELECT * FROM notes ORDER BY id")
    assert found == [(4, "n4", 1), (5, "n5", 3), (6, "n6", None), (7, "n7", 9)]
    assert read_ledger(ended, "a.notes") == [(4, "inserted", "reference", 4)]


def test_a_row_waits_with_its_parent_and_the_others_go_in(tmp_path: Path) -> None:
    rows = "INSERT INTO notes VALUES (4, ' n4 ', 2), (5, 'n5', 3), (6, 'n6', 1);"
    notes = {"into": "house.notes", "from": ["a.notes"], "transform": {"mark": "trim"}}
    lone = USERS.replace("name TEXT", "name TEXT CHECK (name <> 'bob')")
    ended = end(tmp_path, {"a": USERS + NOTES + TWINS + rows}, lone + NOTES, FIRST_ANN, notes)
    assert (ended.code, ended.quarantined) == (0, 2), ended.said
    assert ended.read("SELECT * FROM notes ORDER BY id") == [(4, "n4", 1), (6, "n6", 1)]
    assert read_ledger(ended, "a.notes") == [(4, "inserted", "reference", 4), (5, "quarantined", "reference", None)]


@pytest.mark.parametrize("made", ["mark TEXT UNIQUE", "mark TEXT CHECK (mark <> 'n4' OR id > 4)"])
def test_a_row_that_a_constraint_refuses_as_it_becomes_waits_alone(tmp_path: Path, made: str) -> None:
    rows = "INSERT INTO notes VALUES (3, 'n4 ' , 1), (5, 'n5', 2), (6, 'n6', 1);"
    rows += "INSERT INTO notes VALUES (7, 'n5 ', 1);" if "UNIQUE" in made else ""
    notes = {"into": "house.notes", "from": ["a.notes"], "transform": {"mark": "trim"}}
    ended = end(
        tmp_path, {"a": USERS + NOTES + TWINS + rows}, USERS + NOTES.replace("mark TEXT", made), FIRST_ANN, notes
    )
    assert (ended.code, ended.quarantined) == (0, 1), ended.said
    refused = (7, "quarantined", "constraint", None) if "UNIQUE" in made else (3, "quarantined", "constraint", None)
    assert read_ledger(ended, "a.notes") == sorted([(5, "inserted", "reference", 5), refused])
