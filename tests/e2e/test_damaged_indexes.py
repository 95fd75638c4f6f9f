"""A damaged index of a source does not arrive, and loses no row, though the look at snapshots does not see it.

``quick_check`` compares no index with its table. Whatever a run does with such a source, it ends refused and names
it, or what it published is what a sound source gives.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.refusals import overwrite
from tests.faults.scene import Scene, build_copying, photograph, read_content, run, write_database, write_system

pytestmark = pytest.mark.usefixtures("engine")

VALUE, KEY = b"value-00100", b"key-00100"
TABLES = {
    "plain": "CREATE TABLE {t} (k INTEGER PRIMARY KEY, v TEXT, w TEXT);"
    "CREATE INDEX {t}_v ON {t} (v); CREATE INDEX {t}_w ON {t} (w)",
    "no id": "CREATE TABLE {t} (k INTEGER, v TEXT, w TEXT);"
    "CREATE INDEX {t}_v ON {t} (v); CREATE INDEX {t}_w ON {t} (w)",
    "unique": "CREATE TABLE {t} (k INTEGER PRIMARY KEY, v TEXT, w TEXT);"
    "CREATE UNIQUE INDEX {t}_v ON {t} (v); CREATE UNIQUE INDEX {t}_w ON {t} (w)",
    "primary key": "CREATE TABLE {t} (k INTEGER, v TEXT PRIMARY KEY, w TEXT UNIQUE)",
    "constraint": "CREATE TABLE {t} (k INTEGER PRIMARY KEY, v TEXT UNIQUE, w TEXT UNIQUE)",
    "without rowid": "CREATE TABLE {t} (k TEXT PRIMARY KEY, v TEXT, w TEXT) WITHOUT ROWID;"
    "CREATE INDEX {t}_v ON {t} (v); CREATE INDEX {t}_w ON {t} (w)",
    "unique without rowid": "CREATE TABLE {t} (k TEXT PRIMARY KEY, v TEXT UNIQUE, w TEXT UNIQUE) WITHOUT ROWID",
}
FILL = """
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO {t} SELECT {k}, printf('value-%05d', i), printf('{w}-%05d', i * 7919 % 1009) FROM n;
"""


def describe(kind: str, *, w: str = "other") -> str:
    """Return the SQL of two tables of a kind, the second of which has fewer rows."""
    k = "printf('key-%05d', i)" if "without" in kind else "i"
    return ";".join(
        TABLES[kind].format(t=t) + ";" + FILL.format(t=t, k=k, w=w, rows=rows) for t, rows in (("t", 200), ("u", 150))
    )


def find_index(connection: sqlite3.Connection, table: str, column: str) -> str:
    """Name the index of one column that is not the table itself."""
    query = "SELECT l.name FROM pragma_index_list(?) l JOIN pragma_index_info(l.name) i WHERE i.name = ?"
    (found,) = connection.execute(query, (table, column)).fetchall()
    return str(found[0])


def find_entry(file: Path) -> int:
    """Return where the index of t (v) holds VALUE."""
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT pageno, pgsize FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
        pages = connection.execute(query, (find_index(connection, "t", "v"),)).fetchall()
    content = file.read_bytes()
    (place,) = (found for page, size in pages if (found := content.find(VALUE, (page - 1) * size, page * size)) >= 0)
    return place


def give_entry_another_key(file: Path) -> None:
    """Change the last byte of an entry's value; it stays between its neighbours."""
    overwrite(file, find_entry(file) + len(VALUE) - 1, b"/")


def point_entry_at_another_row(file: Path) -> None:
    """Change the rowid, or the last byte of the primary key, that stands behind an entry's value."""
    behind = find_entry(file) + len(VALUE)
    rest = file.read_bytes()[behind : behind + len(KEY)]
    place = behind + (len(KEY) - 1 if rest == KEY else 0)
    overwrite(file, place, bytes([file.read_bytes()[place] + 1]))


def swap_roots(file: Path, one: tuple[str, str], other: tuple[str, str]) -> None:
    """Give two indexes each other's b-tree."""
    with closing(sqlite3.connect(file)) as connection, connection:
        names = [find_index(connection, *place) for place in (one, other)]
        roots = [
            connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
            for name in names
        ]
        connection.execute("PRAGMA writable_schema = ON")
        for name, root in zip(names, reversed(roots), strict=True):
            connection.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = ?", (root, name))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "an entry of another key": give_entry_another_key,
    "an entry of another row": point_entry_at_another_row,
    "another column's entries": lambda file: swap_roots(file, ("t", "v"), ("t", "w")),
    "another table's entries, too few": lambda file: swap_roots(file, ("t", "v"), ("u", "v")),
}
damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())


def damage_unseen(file: Path, damage: Callable[[Path], None]) -> None:
    """Damage an index so that the quick check, and it alone, finds nothing."""
    damage(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)


def check_refused_or_whole(scene: Scene, damage: Callable[[Path], None], damaged: str = "old.db") -> None:
    """Check that a damaged source is named, or gives the target that it gave when it was sound."""
    sound = replace(scene, target=scene.target.with_name("sound"))
    assert run(sound.argv()).code == 0
    file = scene.source / damaged
    file.chmod(0o600)
    damage_unseen(file, damage)
    ended = run(scene.argv())
    if ended.code:
        assert (ended.code, photograph(scene.target)) == (6, {}), ended.err
        assert str(file) in ended.error
    else:
        assert read_content(scene.target / "new.db") == read_content(sound.target / "new.db")


@damages
def test_a_damaged_plain_index_of_a_source_does_not_arrive(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    check_refused_or_whole(build_copying(tmp_path, describe("plain")), damage)


@damages
def test_a_damaged_unique_index_of_a_source_does_not_arrive(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    check_refused_or_whole(build_copying(tmp_path, describe("unique")), damage)


@damages
def test_a_damaged_index_of_a_primary_key_does_not_arrive(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    check_refused_or_whole(build_copying(tmp_path, describe("primary key")), damage)


@damages
def test_a_damaged_index_of_a_unique_constraint_does_not_arrive(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    check_refused_or_whole(build_copying(tmp_path, describe("constraint")), damage)


@damages
@pytest.mark.parametrize("kind", ["without rowid", "unique without rowid"])
def test_a_damaged_index_of_a_table_without_rowid_does_not_arrive(
    tmp_path: Path, kind: str, damage: Callable[[Path], None]
) -> None:
    check_refused_or_whole(build_copying(tmp_path, describe(kind)), damage)


@pytest.mark.sample(3)
@damages
@pytest.mark.parametrize("kind", TABLES)
def test_a_damaged_index_does_not_arrive_where_the_target_has_a_schema(
    tmp_path: Path, kind: str, damage: Callable[[Path], None]
) -> None:
    schema = ";".join(TABLES[kind].format(t=t) for t in "tu") + ";"
    check_refused_or_whole(build_copying(tmp_path, describe(kind), schema=schema), damage)


@pytest.mark.sample(3)
@damages
@pytest.mark.parametrize(("rule", "damaged"), [("merge", "old.db"), ("merge", "more.db"), ("prefer", "more.db")])
@pytest.mark.parametrize("kind", ["no id", "primary key", "unique without rowid"])
def test_keys_are_not_paired_by_a_damaged_index(
    tmp_path: Path, kind: str, rule: str, damaged: str, damage: Callable[[Path], None]
) -> None:
    check_refused_or_whole(build_merging(tmp_path, kind, rule), damage, damaged)


def build_merging(root: Path, kind: str, rule: str) -> Scene:
    """Build a system that brings two files of equal keys together."""
    tables = "\n".join(
        f"  - into: new.{t}\n    from: [old.{t}, more.{t}]\n    key: [v]\n    on_conflict: {{rule: {rule}}}"
        for t in "tu"
    )
    plan = (
        "version: 1\nsources: {old: {path: old.db}, more: {path: more.db}}\n"
        f"targets: {{new: {{path: new.db, schema: sqlite/new.sql}}}}\ntables:\n{tables}\n"
    )
    schema = ";".join(TABLES[kind].format(t=t) for t in "tu") + ";"
    system = write_system(root / "merging", plan, {"new": schema})
    write_database(root / "source" / "old.db", describe(kind))
    write_database(root / "source" / "more.db", describe(kind, w="changed"))
    return Scene(system=system, source=root / "source", target=root / "target")
