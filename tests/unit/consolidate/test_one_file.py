"""The short way of one file whose rows change makes what the long one makes, and knows when it must not be taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.consolidate.merge import build
from strongroom.consolidate.merge.one_file import can_change_one
from tests.unit.consolidate.houses import Row, built_house, head

SCHEMA = """CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'eve'));
    CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id REFERENCES users (id), about TEXT, at,
                        CHECK (about <> 'no'), UNIQUE (about, at));"""
PLAN = head("a") + (
    "tables:\n"
    "- {into: house.users, from: [a.users], key: [name], on_conflict: {rule: prefer}}\n"
    "- {into: house.notes, from: [a.notes], transform: {about: trim, at: {epoch: auto, to: iso8601_utc}}}\n"
)
MEANT = st.sampled_from(["NULL", "1", "2", "3", "'2'", "2.0", "9"])
ABOUT = st.sampled_from(["NULL", "'x'", "' x'", "'no '", "char(160) || 'y'", "CAST(x'20ff' AS TEXT)", "x'20'", "7"])
AT = st.sampled_from(["NULL", "1700000000", "1700000000.25", "'soon'", "-1", "1700000000000", "1e300"])
NOTES = st.lists(st.tuples(MEANT, ABOUT, AT), max_size=8)


def build_notes(notes: Sequence[tuple[str, str, str]]) -> tuple[list[Row], list[Row]]:
    rows = "".join(
        f"INSERT OR IGNORE INTO notes VALUES ({3 * n + 2}, {', '.join(note)});" for n, note in enumerate(notes)
    )
    users = "INSERT INTO users VALUES (1, 'ann'), (2, 'ann'), (3, 'eve'), (4, 'bob');"
    loose = (
        SCHEMA.replace(" CHECK (name <> 'eve')", "")
        .replace(", UNIQUE (about, at)", "")
        .replace("CHECK (about <> 'no')", "CHECK (1)")
    )
    with built_house(SCHEMA, PLAN, {"a": users + rows}, loose=loose) as house:
        columns = "typeof(user_id), user_id, hex(about), typeof(about), quote(at)"
        return house.read(f"SELECT id, {columns} FROM notes"), read_all(house.ledger, '"a.notes"')


def read_all(path: Path, table: str) -> list[Row]:
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


@given(NOTES)
def test_both_ways_make_the_same_of_one_file(notes: list[tuple[str, str, str]]) -> None:
    taken = build_notes(notes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "can_change_one", lambda _job: False)
        assert build_notes(notes) == taken


def test_more_references_than_sqlite_joins_tables_are_followed() -> None:
    names = [f"user_{number}" for number in range(70)]
    wide = (
        f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {', '.join(f'{name} REFERENCES users (id)' for name in names)});"
    )
    users = "INSERT INTO users VALUES (1, 'ann'), (2, 'ann'), (3, 'bob');"
    values = ", ".join(str(1 + number % 3) for number in range(70))
    plan = head("a") + (
        "tables:\n- {into: house.users, from: [a.users], key: [name], on_conflict: {rule: prefer}}\n"
        "- {into: house.wide, from: [a.wide]}\n"
    )
    schema = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);" + wide
    with built_house(schema, plan, {"a": f"{users} INSERT INTO wide VALUES (1, {values});"}) as house:
        assert house.read("SELECT * FROM wide") == [(1, *((1, 1, 3)[number % 3] for number in range(70)))]


@pytest.mark.parametrize(
    ("rule", "is_taken"),
    [
        ("transform: {about: trim}", True),
        ("transform: {id: trim}", False),
        ("transform: {about: trim}, key: [about]", False),
        ("transform: {about: trim}, key: [user_id]", False),
        ("transform: {about: trim}, where: {sql: id > 1, reason: small}", False),
        ("transform: {about: trim}, identity: {column: id, strategy: renumber}", True),
    ],
)
def test_it_is_taken_where_no_two_rows_can_have_one_key(rule: str, *, is_taken: bool) -> None:
    plan = (
        head("a")
        + f"tables:\n- {{into: house.users, from: [a.users]}}\n- {{into: house.notes, from: [a.notes], {rule}}}\n"
    )
    with built_house(SCHEMA, plan, {"a": ""}) as house:
        job = next(table for table in house.job.tables if table.table.name == "notes")
        assert can_change_one(job) is is_taken
