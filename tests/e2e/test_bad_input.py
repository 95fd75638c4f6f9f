"""Bad sources are refused with one clear line and the documented exit code; nothing is published."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.application import open_application
from tests.faults.refusals import ADD, MARK, ROWS, overwrite, refuse, write
from tests.faults.scene import (
    Scene,
    build_copying,
    find_leftovers,
    photograph,
    read_rows,
    read_targets,
    run,
    run_with,
    write_database,
    write_system,
)

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build_copying(tmp_path, ROWS)


def page_of(file: Path, table: str) -> int:
    """Return where the first leaf of a table begins."""
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT min(pageno) FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
        page, size = (
            connection.execute(query, (table,)).fetchone()[0],
            connection.execute("PRAGMA page_size").fetchone()[0],
        )
    return int((page - 1) * size)


SPOILERS: dict[str, Callable[[Path], object]] = {
    "a text file": lambda file: file.write_text("this is no database, and it is long enough to look like one\n" * 20),
    "a short text file": lambda file: file.write_text("no"),
    "a foreign header": lambda file: overwrite(file, 0, b"SQLite format 4\x00"),
    "cut inside the header": lambda file: os.truncate(file, 50),
    "cut inside a page": lambda file: os.truncate(file, 4096 * 3 + 17),
    "cut between pages": lambda file: os.truncate(file, 4096 * 5),
    "the last page missing": lambda file: os.truncate(file, file.stat().st_size - 4096),
    "a leaf of no known type": lambda file: overwrite(file, page_of(file, "t"), b"\x63"),
    "a leaf with wild cell pointers": lambda file: overwrite(file, page_of(file, "t") + 8, b"\xff\xfe" * 8),
    "a zeroed leaf": lambda file: overwrite(file, page_of(file, "t"), bytes(4096)),
    "a zeroed leaf of an index": lambda file: overwrite(file, page_of(file, "ix_t"), bytes(4096)),
    "a damaged schema": lambda file: overwrite(file, 100, b"\x00" * 8),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS.keys())
def test_a_source_that_is_no_sound_database_is_refused(scene: Scene, spoil: Callable[[Path], object]) -> None:
    spoil(scene.source / "old.db")
    refuse(scene, 6, "old.db")


def test_a_source_whose_index_lost_entries_is_refused_or_carried_whole(scene: Scene) -> None:
    file = scene.source / "old.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        entry = connection.execute("SELECT * FROM sqlite_master WHERE name = 'ix_t'").fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'ix_t'")
    write(file, "INSERT INTO t VALUES (9000, 'not in the index')")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", entry)
    ended = run(scene.argv())
    if ended.code == 0:
        assert read_rows(scene.target / "new.db", "SELECT count(*) FROM t NOT INDEXED") == [(2002,)]
        assert read_rows(scene.target / "new.db", "SELECT count(*) FROM t INDEXED BY ix_t WHERE v > ''") == [(2002,)]
    else:
        assert (ended.code, "old.db" in ended.error) == (6, True)


def test_a_source_that_a_crash_left_in_the_middle_of_a_write_is_refused(scene: Scene) -> None:
    file = scene.source / "old.db"
    with open_application(file, "PRAGMA cache_size = 2", "BEGIN", "UPDATE t SET v = v || ' half'") as application:
        application.kill()
    assert file.with_name("old.db-journal").stat().st_size
    refuse(scene, 6, "old.db", "-journal")


def test_a_json_source_that_is_no_json_is_refused(tmp_path: Path) -> None:
    plan = (
        "version: 1\nsources: {notes: {path: notes.json, format: json, rows: {notes: $.notes}}}\n"
        "targets: {new: {path: new.db}}\ncopy: {new: [notes.document, notes.notes]}\n"
    )
    scene = Scene(system=write_system(tmp_path / "s", plan), source=tmp_path / "source", target=tmp_path / "target")
    scene.source.mkdir()
    for text in ('{"notes": [', '{"notes": {"a": 1}}', ""):
        (scene.source / "notes.json").write_text(text)
        refuse(scene, 6, "notes.json")


@pytest.mark.parametrize("checkpoint", ["merge", "verify"])
def test_payload_damage_of_a_snapshot_before_the_proof_is_a_difference(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, checkpoint: str
) -> None:
    flips = []

    def flip(name: str) -> None:
        if name == checkpoint:
            (file,) = (scene.target / "backup").glob("*/old.db")
            flips.append(overwrite(file, file.read_bytes().index(MARK.encode()), b"p"))

    target = photograph(scene.target)
    ended = run_with(monkeypatch, flip, scene.argv("run", "--json"))
    assert flips
    assert (ended.code, ended.json["verdict"], ended.json["published"]) == (3, "DIFFERENT", [])
    assert "old.db" in str(ended.json["differences"])
    assert photograph(scene.target) == target


def test_payload_damage_of_a_staged_target_before_the_proof_is_a_difference(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flip(name: str) -> None:
        if name == "verify":
            (file,) = scene.home.glob("runs/*/stage/new.db")
            overwrite(file, file.read_bytes().index(MARK.encode()), b"p")

    ended = run_with(monkeypatch, flip, scene.argv("run", "--json"))
    assert (ended.code, ended.json["verdict"]) == (3, "DIFFERENT")
    assert photograph(scene.target) == {}


def test_payload_damage_of_a_staged_target_after_the_proof_is_not_published(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flip(name: str) -> None:
        if name == "publish":
            (file,) = scene.home.glob("runs/*/stage/new.db")
            overwrite(file, file.read_bytes().index(MARK.encode()), b"p")

    ended = run_with(monkeypatch, flip, scene.argv())
    assert ended.code in (3, 6), ended.err
    assert photograph(scene.target) == {}


CHANGES: dict[str, Callable[[Path], object]] = {
    "a new row": lambda file: write(file, ADD),
    "another value of the same length": lambda file: write(file, "UPDATE t SET v = lower(v) WHERE id = 5000"),
    "a new table": lambda file: write(file, "CREATE TABLE u (x)"),
    "a new index": lambda file: write(file, "CREATE INDEX ix_2 ON t (id, v)"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_source_that_changed_since_the_preview_is_refused(scene: Scene, change: Callable[[Path], object]) -> None:
    assert run(scene.argv("preview")).code == 0
    change(scene.source / "old.db")
    refuse(scene, 6, "old.db", "changed since the preview")
    assert run(scene.argv("preview")).code == 0
    assert run(scene.argv()).code == 0


def test_a_source_that_came_or_went_since_the_preview_is_refused(tmp_path: Path) -> None:
    plan = (
        "version: 1\nsources: {old: {path: old.db}, more: {path: more.db, optional: true}}\n"
        "targets: {new: {path: new.db}}\ncopy: {new: ['old.*', 'more.*']}\n"
    )
    scene = Scene(system=write_system(tmp_path / "s", plan), source=tmp_path / "source", target=tmp_path / "target")
    write_database(scene.source / "old.db", ROWS)
    assert run(scene.argv("preview")).code == 0
    write_database(scene.source / "more.db", "CREATE TABLE m (x); INSERT INTO m VALUES (1);")
    refuse(scene, 6, "more.db")
    assert run(scene.argv("preview")).code == 0
    (scene.source / "more.db").unlink()
    refuse(scene, 6, "more.db")


def test_a_plan_that_changed_since_the_preview_is_refused(scene: Scene) -> None:
    assert run(scene.argv("preview")).code == 0
    with (scene.system / "plan.yaml").open("a") as plan:
        plan.write("# harmless\n")
    refuse(scene, 6, "plan")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("checkpoint", ["merge", "verify", "publish"])
def test_a_source_that_changes_between_its_snapshot_and_publish_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object], checkpoint: str
) -> None:
    file = scene.source / "old.db"
    ended = run_with(monkeypatch, lambda name: change(file) if name == checkpoint else None, scene.argv())
    assert ended.code == 6, ended.err
    assert "old.db" in ended.error
    assert photograph(scene.target) == {}
    assert find_leftovers(scene) == []
    assert run(scene.argv()).code == 0


def test_a_source_that_goes_between_its_snapshot_and_publish_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scene.source / "old.db"
    ended = run_with(monkeypatch, lambda name: file.unlink() if name == "verify" else None, scene.argv())
    assert (ended.code, "old.db" in ended.error) == (6, True)
    assert photograph(scene.target) == {}


@pytest.mark.parametrize("checkpoint", ["merge", "publish"])
def test_a_row_that_only_reaches_the_write_ahead_log_is_a_change_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, checkpoint: str
) -> None:
    file = scene.source / "old.db"
    with open_application(file, "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", ADD) as application:
        ended = run_with(
            monkeypatch, lambda name: application.execute(ADD) if name == checkpoint else None, scene.argv()
        )
        assert (ended.code, "old.db" in ended.error) == (6, True)
    assert photograph(scene.target) == {}


@pytest.mark.parametrize("how", ["PASSIVE", "TRUNCATE", "closed"])
def test_a_mere_checkpoint_of_a_source_is_no_change(scene: Scene, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    file = scene.source / "old.db"

    def checkpoint(name: str) -> None:
        if name == "verify" and how == "closed":
            application.kill()
            write(file, "PRAGMA wal_checkpoint(TRUNCATE)")
        elif name == "verify":
            application.execute(f"PRAGMA wal_checkpoint({how})")

    with open_application(file, "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", ADD) as application:
        assert run(scene.argv("preview")).code == 0
        ended = run_with(monkeypatch, checkpoint, scene.argv("run", "--allow-open-sources", "--json"))
        assert ended.code == 0, ended.err
    assert read_rows(scene.target / "new.db", "SELECT count(*) FROM t") == [(2002,)]


def test_quarantine_over_the_budget_is_staged_and_published_once_the_budget_allows_it(tmp_path: Path) -> None:
    plan = (
        "version: 1\nsources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {new: {path: new.db}}\n"
        "copy: {new: [a.t, b.t]}\n"
    )
    scene = Scene(system=write_system(tmp_path / "s", plan), source=tmp_path / "source", target=tmp_path / "target")
    for name, value in (("a", "one"), ("b", "other")):
        write_database(
            scene.source / f"{name}.db",
            f"CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('k', '{value}'), ('{name}', 1);",
        )
    ended = run(scene.argv("run", "--json"))
    assert (ended.code, ended.json["verdict"], ended.json["quarantined"]) == (4, "PROVEN_WITH_QUARANTINE", 1)
    assert "1 group undecided, the version of a is shown" in run(scene.argv("run", "--dry-run")).out
    assert photograph(scene.target) == {}
    (staged,) = scene.home.glob("runs/*/stage/new.db")
    shown = [(("text", b"a"), 1), (("text", b"b"), 1), (("text", b"k"), ("text", b"one"))]
    assert read_rows(staged, "SELECT k, v FROM t ORDER BY k") == shown
    waiting = run(scene.argv("quarantine", "--json"))
    assert waiting.code == 0
    assert "one" in waiting.out
    assert "other" in waiting.out
    assert run(scene.argv("run", "--quarantine-budget", "0")).code == 4
    ended = run(scene.argv("run", "--quarantine-budget", "1", "--json"))
    assert (ended.code, ended.json["verdict"]) == (0, "PROVEN_WITH_QUARANTINE")
    assert ended.json["published"] == ["new.db"]
    assert len(read_targets(scene)) == 1
    assert json.loads((scene.home / "runs" / ended.json["run"] / "report.json").read_text())["quarantined"] == 1
