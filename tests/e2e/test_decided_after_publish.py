"""Decided after publish: what is live changes in one step, what applications wrote meanwhile stays, rollback undoes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.consolidate.deciding import settle
from tests.e2e.decided import Take, write_decisions
from tests.e2e.test_decisions import GROUP, build, read
from tests.faults.scene import Ended, Scene, connect, run

OTHERS = [("live.notes", 20), ("old.notes", 21)]
WANTED = {1: (1, "a", "live", 1), 2: (1, "a", "old", 1.0), 3: (1, "a", "third", b"\x00\xff")}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = build(tmp_path)
    assert run(scene.argv("run", "--quarantine-budget", "9")).code == 0
    return scene


def decide(scene: Scene, take: Take, *flags: str) -> Ended:
    file = write_decisions(scene.system / "decisions.yaml", scene.source, [("new.notes", GROUP, take)])
    return run(scene.argv("decide", "--decisions", str(file), "--apply", *flags))


def write(scene: Scene, sql: str) -> None:
    with closing(sqlite3.connect(scene.target / "new.db")) as connection, connection:
        connection.execute(sql)


def dump(file: Path) -> list[Any]:
    with closing(connect(file)) as connection:
        objects = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        return [
            objects,
            *(connection.execute(f"SELECT rowid, * FROM {name}").fetchall() for name in ("notes", "lines")),
        ]


@pytest.mark.parametrize("take", [1, 2, 3])
def test_the_row_that_was_taken_is_live_and_proven(scene: Scene, take: int) -> None:
    ended = decide(scene, take)
    assert ended.code == 0, ended.err + ended.out
    assert read(scene, "SELECT id, name, text, stars FROM notes WHERE name = 'a'") == [WANTED[take]]
    again = run(scene.argv("verify", "--json")).json
    assert (again["verdict"], again["quarantined"], again["undecided"]) == ("PROVEN", 0, {})
    assert ": looked at both (takes" in run(scene.argv("explain", "--key", "a")).out
    assert run(scene.argv("quarantine", "--json")).json["rows"] == []
    assert "nothing to do" in run(scene.argv("run", "--quarantine-budget", "9")).out


def test_it_is_the_same_as_deciding_before(scene: Scene, tmp_path: Path) -> None:
    assert decide(scene, {"text": 3}).code == 0
    (tmp_path / "other").mkdir()
    other = build(tmp_path / "other")
    file = write_decisions(tmp_path / "decisions.yaml", other.source, [("new.notes", GROUP, {"text": 3})])
    assert run(other.argv("run", "--decisions", str(file))).code == 0
    assert dump(scene.target / "new.db") == dump(other.target / "new.db")


def test_what_an_application_wrote_elsewhere_stays(scene: Scene) -> None:
    write(scene, "INSERT INTO notes VALUES (100, 'new', 'by the application', 9)")
    write(scene, "UPDATE lines SET words = 'edited' WHERE id = 1")
    ended = decide(scene, 2)
    assert ended.code == 0, ended.err + ended.out
    assert "only what was decided is proven of them:\n  new.db was written to" in ended.out
    assert read(scene, "SELECT text FROM notes WHERE id IN (1, 100) ORDER BY id") == [("old",), ("by the application",)]
    assert read(scene, "SELECT words FROM lines WHERE id = 1") == [("edited",)]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE notes SET text = 'edited since' WHERE id = 1",
        "UPDATE notes SET stars = 1.0 WHERE id = 1",
        "UPDATE notes SET name = 'z' WHERE id = 1",
        "DELETE FROM notes WHERE id = 1",
        "INSERT INTO notes VALUES (100, 'a', 'a second one', 9)",
    ],
)
def test_a_row_that_changed_there_since_is_left_alone(scene: Scene, sql: str) -> None:
    write(scene, sql)
    before = (scene.target / "new.db").read_bytes()
    ended = decide(scene, 2)
    assert ended.code == 4
    assert "new.notes 'a'" in ended.error
    assert (scene.target / "new.db").read_bytes() == before
    assert run(scene.argv("status", "--json")).json["runs"][0]["is_current"]


def test_rollback_leads_back_to_what_was_live_and_again_to_what_was_before(scene: Scene) -> None:
    before = (scene.target / "new.db").read_bytes()
    assert decide(scene, 3).code == 0
    assert run(scene.argv("rollback")).code == 0
    assert (scene.target / "new.db").read_bytes() == before
    assert run(scene.argv("verify", "--json")).json["verdict"] == "PROVEN_WITH_QUARANTINE"
    assert run(scene.argv("rollback")).code == 0
    assert not (scene.target / "new.db").exists()


def test_a_target_in_use_is_refused(scene: Scene) -> None:
    with closing(sqlite3.connect(scene.target / "new.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert decide(scene, 2).code == 6
    assert decide(scene, 2).code == 0


@pytest.mark.parametrize("moment", ["look_at", "publish"])
def test_what_is_written_between_the_proof_and_the_swap_is_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    do = getattr(settle, moment)

    def write_first(*arguments: object, **options: object) -> object:
        write(scene, "INSERT INTO notes VALUES (100, 'new', 'by the application', 9)")
        return do(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(settle, moment, write_first)
        ended = decide(scene, 2)
    assert ended.code == 6
    assert "was written to since" in ended.error
    assert decide(scene, 2).code == 0
    assert read(scene, "SELECT text FROM notes WHERE id IN (1, 100) ORDER BY id") == [("old",), ("by the application",)]


def test_triggers_of_the_application_write_nothing(scene: Scene) -> None:
    write(scene, "CREATE TABLE log (words TEXT)")
    write(scene, "CREATE TRIGGER watch AFTER UPDATE ON notes BEGIN INSERT INTO log VALUES (new.text); END")
    assert decide(scene, 2).code == 0
    assert read(scene, "SELECT * FROM log") == []
    write(scene, "UPDATE notes SET text = 'by the application' WHERE id = 1")
    assert read(scene, "SELECT * FROM log") == [("by the application",)]


def test_finalize_and_status_know_the_legacy_files_afterwards(scene: Scene) -> None:
    assert decide(scene, 2).code == 0
    assert run(scene.argv("status", "--source", str(scene.source))).code == 0
    (scene.source / "old.db").chmod(0o600)
    with closing(sqlite3.connect(scene.source / "old.db")) as connection, connection:
        connection.execute("INSERT INTO notes VALUES (50, 'late', '', 0)")
    assert run(scene.argv("status", "--source", str(scene.source))).code == 7
    with closing(sqlite3.connect(scene.source / "old.db")) as connection, connection:
        connection.execute("DELETE FROM notes WHERE id = 50")
    assert run(scene.argv("finalize", "--retention-days", "0")).code == 0
    assert not list(scene.source.glob("*.db"))
    assert run(scene.argv("rollback")).code == 0
    assert run(scene.argv("rollback")).code == 0
    assert len(list(scene.source.glob("*.db"))) == 3


@pytest.fixture
def pair(tmp_path: Path) -> Scene:
    """Return a scene in which nothing ran, with a second group that is undecided."""
    scene = build(tmp_path)
    for name, rowid in OTHERS:
        with closing(sqlite3.connect(scene.source / f"{name.partition('.')[0]}.db")) as connection, connection:
            connection.execute("INSERT INTO notes VALUES (?, 'z', ?, 1)", (rowid, name))
    return scene


def decide_others(scene: Scene) -> Ended:
    file = write_decisions(scene.system / "others.yaml", scene.source, [("new.notes", OTHERS, 2)])
    return run(scene.argv("decide", "--decisions", str(file), "--apply"))


def test_what_the_run_was_decided_with_stays_decided(pair: Scene) -> None:
    first = [("new.notes", OTHERS, None), ("new.notes", GROUP, 2)]
    file = write_decisions(pair.system / "decisions.yaml", pair.source, first)
    assert run(pair.argv("run", "--decisions", str(file), "--quarantine-budget", "9")).code == 0
    ended = decide_others(pair)
    assert ended.code == 0, ended.err + ended.out
    assert read(pair, "SELECT text FROM notes WHERE name IN ('a', 'z') ORDER BY name") == [("old",), ("old.notes",)]
    assert run(pair.argv("verify", "--json")).json["verdict"] == "PROVEN"
    assert "nothing to do" in run(pair.argv("run", "--quarantine-budget", "9")).out
    assert "nothing to decide" in run(pair.argv("decide", "--take", "last", "--table", "new.notes", "--why", "x")).out


def test_what_an_application_wrote_stays_through_several_decisions(pair: Scene) -> None:
    assert run(pair.argv("run", "--quarantine-budget", "9")).code == 0
    write(pair, "INSERT INTO notes VALUES (100, 'new', 'by the application', 9)")
    applied = decide(pair, 2, "--json").json["applied"]
    assert (applied["verdict"], applied["quarantined"]) == ("PROVEN_WITH_QUARANTINE", 1)
    assert applied["undecided"] == {"live": 1}
    ended = decide_others(pair)
    assert ended.code == 0, ended.err + ended.out
    assert "only what was decided is proven of them" in ended.out
    texts = read(pair, "SELECT text FROM notes WHERE name IN ('a', 'new', 'z') ORDER BY name")
    assert texts == [("old",), ("by the application",), ("old.notes",)]
