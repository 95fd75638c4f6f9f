"""Every way to lose a reference: refused, waiting, or right; never published and wrong (PLAN.md, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
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
    TILES,
    TWO,
    USERS,
    end,
    see_right,
)

# Keys of several columns ---------------------------------------------------------------------------


def test_a_composite_key_that_merging_by_name_changes(tmp_path: Path) -> None:
    tables = TILES + PINS
    files = {
        "a": tables + "INSERT INTO tiles VALUES (1, 1, 'at1', 'north'); INSERT INTO pins VALUES (1, 'ap1', 1, 1);",
        "b": tables + "INSERT INTO tiles VALUES (2, 5, 'bt1', 'north'); INSERT INTO pins VALUES (1, 'bp1', 2, 5);",
    }
    merged = {"into": "house.tiles", "from": ["a.tiles", "b.tiles"], "key": ["name"], "on_conflict": PREFER}
    see_right(end(tmp_path, files, tables, merged, EVERY_PIN))


def test_a_composite_key_with_a_renumbered_column(tmp_path: Path) -> None:
    tables = """CREATE TABLE users (id INTEGER PRIMARY KEY, mark TEXT, name TEXT, org INTEGER, UNIQUE (org, id));
        CREATE TABLE notes (id INTEGER PRIMARY KEY, mark TEXT, org INTEGER, user_id INTEGER,
                            FOREIGN KEY (org, user_id) REFERENCES users (org, id));"""
    files = {
        "a": tables + "INSERT INTO users VALUES (1, 'au1', 'ann', 7); INSERT INTO notes VALUES (1, 'an1', 7, 1);",
        "b": tables + "INSERT INTO users VALUES (1, 'bu1', 'bob', 7); INSERT INTO notes VALUES (1, 'bn1', 7, 1);",
    }
    see_right(end(tmp_path, files, tables, BY_NAME, EVERY_NOTE))


# Keys that only some say, or that are no ids -------------------------------------------------------


def test_a_key_that_only_the_sources_declare(tmp_path: Path) -> None:
    files = {name: USERS + NOTES + rows for name, rows in TWO.items()}
    see_right(end(tmp_path, files, USERS + LOOSE, BY_NAME, EVERY_NOTE))


NOCASE = USERS.replace("id INTEGER PRIMARY KEY", "id TEXT PRIMARY KEY COLLATE NOCASE")
TEXT_NOTES = NOTES.replace("user_id INTEGER", "user_id TEXT")


def test_a_nocase_id_that_another_file_has_in_other_letters(tmp_path: Path) -> None:
    files = {
        "a": NOCASE
        + TEXT_NOTES
        + "INSERT INTO users VALUES ('Admin', 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', 'ADMIN');",
        "b": NOCASE
        + TEXT_NOTES
        + "INSERT INTO users VALUES ('admin', 'bu1', 'bob'); INSERT INTO notes VALUES (1, 'bn1', 'Admin');",
    }
    users = {"into": "house.users", "from": ["a.users", "b.users"], "on_conflict": PREFER}
    see_right(end(tmp_path, files, NOCASE + TEXT_NOTES, users, EVERY_NOTE))


def test_a_nocase_id_that_merging_by_name_changes(tmp_path: Path) -> None:
    files = {
        "a": NOCASE
        + TEXT_NOTES
        + "INSERT INTO users VALUES ('Admin', 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', 'admin');",
        "b": NOCASE
        + TEXT_NOTES
        + "INSERT INTO users VALUES ('Root', 'bu1', 'ann'); INSERT INTO notes VALUES (1, 'bn1', 'root');",
    }
    users = {"into": "house.users", "from": ["a.users", "b.users"], "key": ["name"], "on_conflict": PREFER}
    see_right(end(tmp_path, files, NOCASE + TEXT_NOTES, users, EVERY_NOTE))


def test_a_nocase_id_in_a_target_where_case_counts(tmp_path: Path) -> None:
    exact = NOCASE.replace(" COLLATE NOCASE", "")
    files = {
        "a": NOCASE
        + TEXT_NOTES
        + "INSERT INTO users VALUES ('Admin', 'au1', 'ann'); INSERT INTO notes VALUES (1, 'an1', 'admin');",
        "b": NOCASE
        + TEXT_NOTES
        + "INSERT INTO users VALUES ('admin', 'bu1', 'bob'); INSERT INTO notes VALUES (1, 'bn1', 'Admin');",
    }
    users = {"into": "house.users", "from": ["a.users", "b.users"], "on_conflict": PREFER}
    see_right(end(tmp_path, files, exact + TEXT_NOTES, users, EVERY_NOTE))


def test_a_key_to_a_column_that_is_not_the_identity_column(tmp_path: Path) -> None:
    tables = """CREATE TABLE users (id INTEGER PRIMARY KEY, mark TEXT, name TEXT, code TEXT UNIQUE);
        CREATE TABLE notes (id INTEGER PRIMARY KEY, mark TEXT, user_code TEXT REFERENCES users (code));"""
    files = {
        "a": tables + "INSERT INTO users VALUES (1, 'au1', 'ann', 'A1'); INSERT INTO notes VALUES (1, 'an1', 'A1');",
        "b": tables + "INSERT INTO users VALUES (1, 'bu1', 'ann', 'B7'); INSERT INTO notes VALUES (1, 'bn1', 'B7');",
    }
    see_right(end(tmp_path, files, tables, BY_NAME, EVERY_NOTE))


NAMES = """CREATE TABLE users (name TEXT PRIMARY KEY, mark TEXT);
    CREATE TABLE notes (id INTEGER PRIMARY KEY, mark TEXT, user_name TEXT REFERENCES users (name));"""


@pytest.mark.parametrize("how", [{"transform": {"name": "casefold"}}, {"normalize": {"name": ["trim", "casefold"]}}])
def test_a_parent_key_changed_by_transform_or_normalize(tmp_path: Path, how: Mapping[str, Any]) -> None:
    files = {
        "a": NAMES + "INSERT INTO users VALUES ('Ann', 'au1'); INSERT INTO notes VALUES (1, 'an1', 'Ann');",
        "b": NAMES + "INSERT INTO users VALUES ('ann', 'bu1'); INSERT INTO notes VALUES (1, 'bn1', 'ann');",
    }
    users = {"into": "house.users", "from": ["a.users", "b.users"], "key": ["name"], "on_conflict": PREFER, **how}
    see_right(end(tmp_path, files, NAMES, users, EVERY_NOTE))


# Two tables of one source --------------------------------------------------------------------------

ARCHIVE = USERS.replace("TABLE users", "TABLE users_archive")


@pytest.mark.parametrize("notes", [NOTES, LOOSE], ids=["declared everywhere", "declared in the target"])
def test_two_tables_of_one_source_that_both_hold_id_1(tmp_path: Path, notes: str) -> None:
    files = {
        "a": USERS
        + ARCHIVE
        + notes
        + """INSERT INTO users VALUES (1, 'au1', 'ann'), (2, 'au2', 'cid');
            INSERT INTO users_archive VALUES (1, 'aa1', 'bob'), (3, 'aa3', 'dan');
            INSERT INTO notes VALUES (1, 'an1', 1), (2, 'an2', 2), (3, 'an3', 3);"""
    }
    users = {**BY_NAME, "from": ["a.users", "a.users_archive"]}
    see_right(end(tmp_path, files, USERS + NOTES, users, {**EVERY_NOTE, "from": ["a.notes"]}))


def test_the_map_of_one_table_is_not_used_for_another_of_its_source(tmp_path: Path) -> None:
    old_notes = NOTES.replace("notes", "old_notes").replace("users", "users_archive")
    files = {
        "a": USERS
        + ARCHIVE
        + NOTES
        + old_notes
        + """INSERT INTO users VALUES (1, 'au1', 'ann'), (2, 'au2', 'cid');
            INSERT INTO users_archive VALUES (1, 'aa1', 'bob'), (2, 'aa2', 'cid');
            INSERT INTO notes VALUES (1, 'an1', 1), (2, 'an2', 2);
            INSERT INTO old_notes VALUES (1, 'ao1', 1), (2, 'ao2', 2);"""
    }
    users = {**BY_NAME, "from": ["a.users", "a.users_archive"]}
    see_right(end(tmp_path, files, USERS + NOTES, users, {**EVERY_NOTE, "from": ["a.notes", "a.old_notes"]}))
