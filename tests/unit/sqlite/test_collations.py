"""A file that compares by what only its application knows is refused in one line, whatever the index is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.errors import GuardError
from strongroom.core.plan import Source
from strongroom.sqlite.database import Database
from strongroom.sqlite.snapshot import Snapshot, take_snapshot

NAMED = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT COLLATE mine)"


def snapshot(folder: Path, *statements: str) -> Snapshot:
    source = Source(name="a", path="a.db", trust=50, optional=False, format="sqlite", rows={})
    with closing(sqlite3.connect(folder / "a.db")) as connection:
        connection.create_collation("mine", lambda one, other: (one > other) - (one < other))
        for statement in statements:
            connection.execute(statement)
        connection.execute("INSERT INTO users (name) VALUES ('ann'), ('Bob')")
        connection.commit()
    return take_snapshot(source, Database(folder / "a.db"), Database(folder / "copy" / "a.db"))


@pytest.mark.parametrize(
    ("statements", "place"),
    [
        ((NAMED, "CREATE INDEX by_name ON users (name)"), "a.users.name"),
        (("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT COLLATE mine UNIQUE)",), "a.users.name"),
        (("CREATE TABLE users (name TEXT COLLATE Mine PRIMARY KEY) WITHOUT ROWID",), "a.users.name"),
        (
            (NAMED.replace("name TEXT COLLATE mine", "name"), "CREATE INDEX x ON users (name COLLATE mine)"),
            "a.users.name",
        ),
        ((NAMED, "CREATE INDEX by_length ON users ((name || 'x') COLLATE mine)"), "a.users.by_length"),
    ],
    ids=["an index", "a unique column", "a key without rowid", "an index's own", "an expression"],
)
def test_an_index_that_only_its_application_can_read(tmp_path: Path, statements: tuple[str, ...], place: str) -> None:
    with pytest.raises(GuardError, match=f"^{place}: compares by [Mm]ine, which is no collation of SQLite") as refused:
        snapshot(tmp_path, *statements)
    assert refused.value.exit_code == 6


def test_indexes_that_sqlite_can_read_are_read(tmp_path: Path) -> None:
    told = "name TEXT COLLATE nocase UNIQUE, area TEXT COLLATE Rtrim"
    taken = snapshot(tmp_path, f"CREATE TABLE users (id INTEGER PRIMARY KEY, {told})", "CREATE INDEX x ON users (area)")
    assert taken.copy.path.is_file()
