"""Bad input is refused with one clear line and the documented exit code; nothing is published."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.application import open_application
from tests.faults.child import open_driver
from tests.faults.scene import (
    Ended,
    Scene,
    build_copying,
    find_leftovers,
    photograph,
    read_bytes_kept,
    read_rows,
    read_targets,
    run,
    run_with,
    write_database,
    write_system,
)

REPOSITORY = Path(__file__).resolve().parents[2]
MOUNTED = REPOSITORY / "tests" / "faults" / "mounted.py"
AS_NOBODY = """
import os, sys
from invoke.collection import Collection
from scripts.tasks import consolidate
from scripts.tasks._program import OpsProgram
program = OpsProgram(Collection(consolidate.namespace))
assert program.main([*sys.argv[1:], "--dry-run"]) == 0  # imports everything: that user need not see our Python
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
program.run(sys.argv[1:])
"""
MARK = "PAYLOAD-OF-ONE-CELL"
ROWS = f"""
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
CREATE INDEX ix_t ON t (v);
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO t SELECT i, 'value ' || i FROM n;
INSERT INTO t VALUES (5000, '{MARK}');
"""
ADD = "INSERT INTO t (v) VALUES ('one more')"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build_copying(tmp_path, ROWS)


def write(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def check_refused(scene: Scene, act: Callable[[], Ended], code: int, *words: str) -> Ended:
    """Check that a command ends with ``code`` and one line that holds ``words``, and leaves all as it was."""
    target, sources = photograph(scene.target), read_bytes_kept(scene.source)
    stale = find_leftovers(scene)
    ended = act()
    assert ended.code == code, ended.err
    for word in words:
        assert word in ended.error
    assert photograph(scene.target) == target
    assert read_bytes_kept(scene.source) == sources
    assert find_leftovers(scene) == stale
    return ended


def refuse(scene: Scene, code: int, *words: str, flags: tuple[str, ...] = ()) -> Ended:
    return check_refused(scene, lambda: run(scene.argv("run", *flags)), code, *words)


# Sources


def overwrite(file: Path, offset: int, content: bytes) -> None:
    with file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(content)


def page_of(file: Path, table: str) -> int:
    """Return where the first leaf of a table begins."""
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT min(pageno) FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
        page, size = connection.execute(query, (table,)).fetchone()[0], connection.execute("PRAGMA page_size").fetchone()[0]
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
    plan = ("version: 1\nsources: {notes: {path: notes.json, format: json, rows: {notes: $.notes}}}\n"
            "targets: {new: {path: new.db}}\ncopy: {new: [notes.document, notes.notes]}\n")
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
    plan = ("version: 1\nsources: {old: {path: old.db}, more: {path: more.db, optional: true}}\n"
            "targets: {new: {path: new.db}}\ncopy: {new: ['old.*', 'more.*']}\n")
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
        ended = run_with(monkeypatch, lambda name: application.execute(ADD) if name == checkpoint else None, scene.argv())
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
        ended = run_with(monkeypatch, checkpoint, scene.argv("run", "--json"))
        assert ended.code == 0, ended.err
    assert read_rows(scene.target / "new.db", "SELECT count(*) FROM t") == [(2002,)]


# Targets


@pytest.mark.parametrize("there", ["a database", "an empty file", "a folder", "a link that leads nowhere"])
def test_a_target_that_is_there_is_refused(scene: Scene, there: str) -> None:
    scene.target.mkdir()
    file = scene.target / "new.db"
    makers: dict[str, Callable[[], object]] = {
        "a database": lambda: write_database(file, "CREATE TABLE mine (x)"),
        "an empty file": file.touch,
        "a folder": file.mkdir,
        "a link that leads nowhere": lambda: file.symlink_to("nowhere.db"),
    }
    makers[there]()
    refuse(scene, 6, "new.db")
    assert run(scene.argv("run", "--dry-run")).code == 6


def test_a_target_folder_that_is_a_file_cannot_be_reached(scene: Scene) -> None:
    scene.target.write_text("not a folder")
    ended = run(scene.argv())
    assert (ended.code, "target" in ended.error) == (5, True)
    assert scene.target.read_text() == "not a folder"


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
@pytest.mark.parametrize("moment", ["before", "publish"])
def test_a_target_that_another_process_holds_open_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, mode: str, moment: str
) -> None:
    file = write_database(scene.target / "new.db", f"PRAGMA journal_mode = {mode}; CREATE TABLE mine (x); INSERT INTO mine VALUES (1);")
    with open_application(file.with_name("other.db")) as application:
        held = f"ATTACH '{file}' AS held"
        if moment == "before":
            application.execute(held)
            application.execute("SELECT * FROM held.mine")

        def reach(name: str) -> None:
            if name == moment:
                application.execute(held)
                application.execute("SELECT * FROM held.mine")

        ended = run_with(monkeypatch, reach, scene.argv("run", "--replace"))
        assert ended.code == 6, ended.err
        assert "new.db" in ended.error
        application.execute("INSERT INTO held.mine VALUES (2)")
    assert read_rows(file, "SELECT * FROM mine") == [(1,), (2,)]
    assert run(scene.argv("run", "--replace")).code == 0


def test_a_target_that_is_locked_out_of_sight_is_refused(scene: Scene) -> None:
    """Our own process is not looked for in /proc: only the lock can tell, as between Pods."""
    file = write_database(scene.target / "new.db", "PRAGMA journal_mode = WAL; CREATE TABLE mine (x); INSERT INTO mine VALUES (1);")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("SELECT * FROM mine").fetchall()
        ended = run(scene.argv("run", "--replace"))
        assert (ended.code, "new.db" in ended.error) == (6, True)
        connection.execute("INSERT INTO mine VALUES (2)")
    assert read_rows(file, "SELECT * FROM mine") == [(1,), (2,)]


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_stale_journal_beside_a_target_that_is_not_there_is_refused(scene: Scene, suffix: str) -> None:
    scene.target.mkdir()
    (scene.target / f"new.db{suffix}").write_bytes(b"stale" * 100)
    refuse(scene, 6, f"new.db{suffix}")


def test_a_write_ahead_log_that_a_crash_left_beside_a_target_is_refused_or_given_back_raw(scene: Scene) -> None:
    file = write_database(scene.target / "new.db", "CREATE TABLE mine (x)")
    with open_application(file, "PRAGMA journal_mode = WAL", "INSERT INTO mine VALUES (1)") as application:
        application.kill()
    for leftover in scene.target.glob("*-shm"):
        leftover.unlink()
    before = photograph(scene.target)
    ended = run(scene.argv("run", "--replace"))
    if ended.code == 0:
        assert photograph(scene.target).keys() == {"new.db"}
        assert run(scene.argv("rollback")).code == 0
    else:
        assert (ended.code, "new.db" in ended.error) == (6, True)
    assert photograph(scene.target) == before


def test_a_target_that_is_one_of_the_sources_is_refused(scene: Scene) -> None:
    plan = scene.system / "plan.yaml"
    plan.write_text(plan.read_text().replace("path: new.db", "path: old.db"))
    before = read_bytes_kept(scene.source)
    for flags in ((), ("--replace",)):
        ended = run(["inv", "consolidate.run", "--system", str(scene.system), "--source", str(scene.source),
                     "--target", str(scene.source), *flags])
        assert (ended.code, "old.db" in ended.error) == (2, True)
        assert read_bytes_kept(scene.source) == before


def test_two_runs_at_once_are_refused(scene: Scene, tmp_path: Path) -> None:
    hold = tmp_path / "go"
    with open_driver(tmp_path) as driver:
        driver.start(scene.argv(), checkpoint="merge", hold=str(hold))
        while not hold.with_suffix(".reached").exists():
            pass
        for task in ("run", "preview", "rollback"):
            ended = run(scene.argv(task))
            assert (ended.code, str(driver.pid) in ended.error) == (11, True)
        assert run(scene.argv("status")).code in (0, 7)
        hold.touch()
        ended = driver.wait()
    assert ended.code == 0, ended.err
    assert run(scene.argv("verify")).code == 0


# The plan

PLAN = """\
version: 1
sources:
  old: {path: old.db}
targets:
  new: {path: new.db}
tables:
  - into: new.t
    from: [old.t]
    key: [id]
"""


@pytest.mark.parametrize(("line", "instead", "at", "words"), [
    ("    key: [id]", "    keys: [id]", 9, ["keys"]),
    ("version: 1", "version: 1\ncolour: red", 2, ["colour"]),
    ("  old: {path: old.db}", "  old: {path: old.db, pth: x}", 3, ["pth"]),
    ("    key: [id]", "    key: [id]\n    key: [v]", 10, ["key", "duplicate"]),
    ("  old: {path: old.db}", "  old: {path: old.db}\n  old: {path: older.db}", 4, ["old", "duplicate"]),
    ("    key: [id]", "    key: &a [id, *a]", 9, ["anchors"]),
    ("    key: [id]", "    key: [nope]", 7, ["nope"]),
    ("    key: [id]", "    on_conflict: {rule: newest, by: nope}", 7, ["nope"]),
    ("    key: [id]", "    on_conflict: {rule: merge, columns: {nope: {rule: max}}}", 7, ["nope"]),
    ("    key: [id]", "    defaults: {nope: 1}", 7, ["nope"]),
    ("    key: [id]", "    transform: {nope: trim}", 7, ["nope"]),
    ("    from: [old.t]", "    from: [{table: old.t, columns: {v: nope}}]", 7, ["nope"]),
    ("    from: [old.t]", "    from: [{table: old.t, columns: {nope: v}}]", 7, ["nope"]),
    ("    key: [id]", "    key: id", 9, ["key", "list"]),
    ("version: 1", "version: one", 1, ["version"]),
    ("  old: {path: old.db}", "  old: {path: old.db, trust: high}", 3, ["trust"]),
    ("  old: {path: old.db}", "  old: {path: old.db, optional: perhaps}", 3, ["optional"]),
    ("  old: {path: old.db}", "  old: 3", 3, ["old"]),
    ("    key: [id]", "    on_conflict: {rule: best}", 9, ["best", "newest"]),
    ("    from: [old.t]", "    from: [older.t]", 7, ["older"]),
    ("    from: [old.t]", "    from: [old.t", 9, []),
    ("    key: [id]", "\tkey: [id]", 9, ["tab"]),
])
def test_a_plan_that_is_wrong_is_refused_with_file_and_line(
    scene: Scene, line: str, instead: str, at: int, words: list[str]
) -> None:
    plan = scene.system / "plan.yaml"
    assert line in PLAN
    plan.write_text(PLAN.replace(line, instead))
    ended = refuse(scene, 2, *words)
    assert f"{plan}:{at}" in ended.error


def test_the_plan_that_the_wrong_ones_differ_from_is_right(scene: Scene) -> None:
    (scene.system / "plan.yaml").write_text(PLAN)
    assert run(scene.argv()).code == 0


def test_a_file_that_the_plan_does_not_name_is_refused(scene: Scene) -> None:
    write_database(scene.source / "deep" / "other.bin", "CREATE TABLE x (y)")
    refuse(scene, 2, "other.bin")


def test_a_table_that_the_plan_does_not_name_is_refused(scene: Scene) -> None:
    (scene.system / "plan.yaml").write_text(PLAN)
    write(scene.source / "old.db", 'CREATE TABLE "left over" (x)')
    refuse(scene, 2, "old.db", "left over")


def test_a_column_that_the_target_lacks_is_refused_unless_carried(tmp_path: Path) -> None:
    scene = build_copying(tmp_path, ROWS + "ALTER TABLE t ADD COLUMN extra REAL;", copy="old.t",
                          schema="CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);")
    refuse(scene, 2, "plan.yaml:4", "extra")
    plan = scene.system / "plan.yaml"
    plan.write_text("defaults: {unmapped_column: carry}\n" + plan.read_text())
    assert run(scene.argv()).code == 0


def test_a_schema_file_that_is_wrong_is_refused(tmp_path: Path) -> None:
    scene = build_copying(tmp_path, ROWS, schema="CREATE TABLE t (id INTEGER PRIMARY KEY,, v TEXT);")
    refuse(scene, 2, "new.sql")


# Usage


def test_a_source_directory_that_is_missing_cannot_be_reached(scene: Scene) -> None:
    shutil.rmtree(scene.source)
    refuse(scene, 5, str(scene.source))


def test_a_source_file_that_is_missing_cannot_be_reached(scene: Scene) -> None:
    (scene.source / "old.db").unlink()
    refuse(scene, 5, "old.db")


@pytest.mark.parametrize("flag", ["--source", "--target"])
def test_a_missing_flag_is_wrong_usage(scene: Scene, flag: str) -> None:
    argv = scene.argv()
    place = argv.index(flag)
    check_refused(scene, lambda: run(argv[:place] + argv[place + 2 :]), 2, flag)


def test_an_unknown_flag_or_system_is_wrong_usage(scene: Scene) -> None:
    refuse(scene, 2, "--sauce", flags=("--sauce", "x"))
    refuse(scene, 2, "nowhere", flags=("--system", "nowhere"))
    refuse(scene, 2, "--quarantine-budget", flags=("--quarantine-budget", "many"))


# Quarantine


def test_quarantine_over_the_budget_is_staged_and_published_once_the_budget_allows_it(tmp_path: Path) -> None:
    plan = ("version: 1\nsources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {new: {path: new.db}}\n"
            "copy: {new: [a.t, b.t]}\n")
    scene = Scene(system=write_system(tmp_path / "s", plan), source=tmp_path / "source", target=tmp_path / "target")
    for name, value in (("a", "one"), ("b", "other")):
        write_database(scene.source / f"{name}.db", f"CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('k', '{value}'), ('{name}', 1);")
    ended = run(scene.argv("run", "--json"))
    assert (ended.code, ended.json["verdict"], ended.json["quarantined"]) == (4, "PROVEN_WITH_QUARANTINE", 2)
    assert photograph(scene.target) == {}
    (staged,) = scene.home.glob("runs/*/stage/new.db")
    assert read_rows(staged, "SELECT k FROM t ORDER BY k") == [(("text", b"a"),), (("text", b"b"),)]
    shown = run(scene.argv("quarantine", "--json"))
    assert shown.code == 0
    assert "one" in shown.out
    assert "other" in shown.out
    assert run(scene.argv("run", "--quarantine-budget", "1")).code == 4
    ended = run(scene.argv("run", "--quarantine-budget", "2", "--json"))
    assert (ended.code, ended.json["verdict"]) == (0, "PROVEN_WITH_QUARANTINE")
    assert ended.json["published"] == ["new.db"]
    assert len(read_targets(scene)) == 1
    assert json.loads((scene.home / "runs" / ended.json["run"] / "report.json").read_text())["quarantined"] == 2


# Disks: tmpfs mounts in a namespace of their own, as root or where a user may have namespaces


def ask_mounted(scenario: str, folder: Path) -> dict[str, Any]:
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("no mount namespaces here (neither root nor user namespaces)")
    command = [*unshare, sys.executable, str(MOUNTED), scenario, str(folder)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_a_disk_without_room_for_the_run_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    found = ask_mounted("run_on_a_small_disk", tmp_path)
    assert found["small"]["code"] == 14
    assert len(found["small"]["errors"]) == 1
    assert "MB" in found["small"]["errors"][0]
    assert found["small"]["live"] == {}
    assert found["left"] == []
    assert found["large"]["code"] == 0


def test_a_disk_that_fills_up_at_any_checkpoint_stops_the_run_and_the_same_command_resumes(tmp_path: Path) -> None:
    found = ask_mounted("fill_the_disk_at_every_checkpoint", tmp_path)
    assert {"snapshot", "merge", "verify", "publish", "publish.intent", "published"} <= found.keys()
    for checkpoint, ended in found.items():
        assert ended["full"]["code"] == 14, (checkpoint, ended)
        assert len(ended["full"]["errors"]) == 1, (checkpoint, ended)
        assert not ended["full"]["traceback"], (checkpoint, ended)
        assert ended["unpublished"] == (checkpoint in ("snapshot", "merge", "verify", "publish")), checkpoint
        assert ended["again"]["code"] == 0, (checkpoint, ended)
        assert ended["equal"], checkpoint
        assert ended["leftovers"] == [], (checkpoint, ended)
        assert (ended["back"], ended["restored"]) == (0, True), (checkpoint, ended)


def test_a_read_only_target_cannot_be_reached(tmp_path: Path) -> None:
    found = ask_mounted("write_to_a_read_only_disk", tmp_path)
    assert found.keys() == {"empty", "previewed", "published"}
    expected = {
        "empty": {"run": 5, "run again": 5, "preview": 5, "rollback": 5, "status": 5, "dry run": 0},
        "previewed": {"run": 5, "run again": 5, "preview": 5, "rollback": 5, "status": 0, "dry run": 0},
        "published": {"run": 5, "run again": 5, "preview": 5, "rollback": 5, "status": 0, "dry run": 0},
    }
    for state, tasks in expected.items():
        for task, code in tasks.items():
            ended = found[state][task]
            assert (ended["code"], ended["traceback"]) == (code, False), (state, task, ended)
            assert len(ended["errors"]) == (code != 0), (state, task, ended)
        assert found[state]["unchanged"], state


def test_read_only_sources_are_all_that_a_run_needs(tmp_path: Path) -> None:
    found = ask_mounted("read_from_a_read_only_disk", tmp_path)
    assert {task: ended["code"] for task, ended in found.items()} == {"run": 0, "verify": 0, "rollback": 0}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_target_that_another_user_owns_cannot_be_reached(scene: Scene, tmp_path: Path) -> None:
    scene.target.mkdir(mode=0o755)
    for folder in [tmp_path, *tmp_path.parents[:2]]:
        folder.chmod(0o755)
    command = [sys.executable, "-c", AS_NOBODY, *scene.argv()]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    told = Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)
    assert (told.code, "target" in told.error) == (5, True)
    assert list(scene.target.iterdir()) == []
