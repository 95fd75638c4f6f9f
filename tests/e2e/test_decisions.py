"""Decisions in a run: each choice gives the row that was taken, its children follow, the ledger says who and why."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.consolidate import opening
from tests.e2e.decided import Take, write_decisions
from tests.faults.scene import Scene, run, write_database, write_system

PLAN = """\
version: 1
sources: {live: {path: live.db}, old: {path: old.db}, third: {path: third.db, optional: true}}
targets: {new: {path: new.db}}
tables:
  - {into: new.notes, from: [live.notes, old.notes, third.notes], key: [name], IDENTITYon_conflict: {rule: quarantine}}
  - {into: new.lines, from: [live.lines, old.lines, third.lines], on_conflict: {rule: keep_both}}
"""
TABLES = """
CREATE TABLE notes (id INTEGER PRIMARY KEY, name TEXT, text TEXT, stars);
CREATE TABLE lines (id INTEGER PRIMARY KEY, note INTEGER REFERENCES notes (id), words TEXT);
"""
ROWS = {
    "live": "INSERT INTO notes VALUES (1, 'a', 'live', 1), (2, 'b', 'same', 2);"
    "INSERT INTO lines VALUES (1, 1, 'of live a');",
    "old": "INSERT INTO notes VALUES (1, 'c', 'only old', NULL), (7, 'a', 'old', 1.0), (8, 'b', 'same', 2);"
    "INSERT INTO lines VALUES (1, 7, 'of old a'), (2, 1, 'of old c');",
    "third": "INSERT INTO notes VALUES (3, 'a', 'third', x'00ff'); INSERT INTO lines VALUES (5, 3, 'of third a');",
}
GROUP = [("live.notes", 1), ("old.notes", 7), ("third.notes", 3)]


def build(tmp_path: Path, *, identity: str = "identity: {column: id, strategy: renumber}, ") -> Scene:
    system = write_system(tmp_path / "s", PLAN.replace("IDENTITY", identity))
    scene = Scene(system=system, source=tmp_path / "source", target=tmp_path / "target")
    for name, rows in ROWS.items():
        write_database(scene.source / f"{name}.db", TABLES + rows)
    return scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build(tmp_path)


def read(scene: Scene, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{scene.target / 'new.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def decide(scene: Scene, take: Take, *flags: str) -> Any:
    file = write_decisions(scene.system / "decisions.yaml", scene.source, [("new.notes", GROUP, take)])
    return run(scene.argv("run", "--decisions", str(file), *flags))


@pytest.mark.parametrize(
    ("take", "wanted"),
    [
        (1, (1, "a", "live", 1)),
        (2, (1, "a", "old", 1.0)),
        (3, (1, "a", "third", b"\x00\xff")),
        ({"text": 3}, (1, "a", "third", 1)),
        ({"TEXT": 2, "stars": 3}, (1, "a", "old", b"\x00\xff")),
    ],
)
def test_a_group_is_published_as_it_was_decided(scene: Scene, take: Take, wanted: tuple[Any, ...]) -> None:
    ended = decide(scene, take)
    assert (ended.code, ended.err.count("error")) == (0, 0), ended.err + ended.out
    assert read(scene, "SELECT id, name, text, stars FROM notes WHERE name = 'a'") == [wanted]
    lines = read(scene, "SELECT words, n.name FROM lines JOIN notes n ON n.id = note ORDER BY words")
    assert lines == [("of live a", "a"), ("of old a", "a"), ("of old c", "c"), ("of third a", "a")]
    assert run(scene.argv("quarantine", "--json")).json["rows"] == []
    assert "by ops: looked at both" in run(scene.argv("explain", "--key", "a")).out
    assert run(scene.argv("verify")).code == 0


def test_all_rows_are_kept_and_each_keeps_its_children(scene: Scene) -> None:
    ended = decide(scene, "all")
    assert ended.code == 0, ended.err + ended.out
    assert sorted(read(scene, "SELECT text FROM notes WHERE name = 'a'")) == [("live",), ("old",), ("third",)]
    lines = read(scene, "SELECT words, n.text FROM lines JOIN notes n ON n.id = note ORDER BY words")
    assert lines == [("of live a", "live"), ("of old a", "old"), ("of old c", "only old"), ("of third a", "third")]
    assert run(scene.argv("verify")).code == 0


def test_a_decision_for_other_rows_stops_the_run_before_anything_is_live(scene: Scene) -> None:
    file = write_decisions(scene.system / "decisions.yaml", scene.source, [("new.notes", GROUP, 2)])
    with closing(sqlite3.connect(scene.source / "old.db")) as connection, connection:
        connection.execute("UPDATE notes SET text = 'changed since' WHERE id = 7")
    ended = run(scene.argv("run", "--decisions", str(file)))
    assert ended.code == 4
    assert "1 of its decisions fit no undecided rows of this run: new.notes" in ended.error
    assert not (scene.target / "new.db").exists()


@pytest.mark.parametrize(
    ("take", "said"),
    [({"name": 2}, "stays the shown row's"), ({"nothing": 2}, "there is no column nothing in new.notes")],
)
def test_what_no_table_can_follow_is_refused(scene: Scene, take: Take, said: str) -> None:
    ended = decide(scene, take)
    assert ended.code == 2
    assert said in ended.error


def test_all_needs_a_way_to_other_ids(tmp_path: Path) -> None:
    ended = decide(build(tmp_path, identity=""), "all")
    assert ended.code == 2
    assert "another id for all rows but one" in ended.error


@pytest.fixture
def strict(scene: Scene) -> Scene:
    """Return a scene in which the target refuses what the third row has."""
    (scene.source / "live.db").unlink()
    write_database(scene.source / "live.db", TABLES.replace("stars)", "stars CHECK (stars < 9))") + ROWS["live"])
    return scene


def test_a_group_of_which_the_target_refuses_what_was_taken_can_be_decided_again(strict: Scene) -> None:
    assert decide(strict, 3).code == 4
    file = write_decisions(strict.system / "again.yaml", strict.source, [("new.notes", GROUP, 2)])
    ended = run(strict.argv("decide", "--decisions", str(file), "--redecide"))
    assert ended.code == 0, ended.err + ended.out
    assert run(strict.argv("run")).code == 0
    assert read(strict, "SELECT text FROM notes WHERE name = 'a'") == [("old",)]


def test_a_group_of_which_the_target_refuses_what_was_taken_waits_whole(strict: Scene) -> None:
    ended = decide(strict, {"stars": 3}, "--quarantine-budget", "9", "--json")
    assert (ended.code, ended.json["quarantined"]) == (0, 6), ended.err + ended.out
    assert read(strict, "SELECT name FROM notes ORDER BY name") == [("b",), ("c",)]
    assert run(strict.argv("verify")).code == 0


def test_the_same_command_again_has_nothing_to_do_and_other_decisions_are_another_wish(scene: Scene) -> None:
    decide(scene, 2)
    assert "nothing to do" in decide(scene, 2).out
    assert decide(scene, 3).code == 6
    assert decide(scene, 3, "--replace").code == 0
    assert read(scene, "SELECT text FROM notes WHERE name = 'a'") == [("third",)]


def test_a_run_that_misses_the_decisions_it_was_given_ends_before_anything_is_live(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "find_decisions", lambda _: None)
    ended = decide(scene, 2, "--quarantine-budget", "9")
    assert ended.code == 3
    assert "does not keep those that were asked for" in ended.error
    assert not (scene.target / "new.db").exists()


def test_without_decisions_nothing_changes(scene: Scene) -> None:
    ended = run(scene.argv("run", "--json"))
    assert (ended.code, ended.json["quarantined"], ended.json["undecided"]) == (4, 2, {"live": 1})
