"""No commit is left behind: open sources are refused, writers kept out while targets go live, later writes noticed."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.sqlite import writers
from tests.faults.application import open_application
from tests.faults.scene import Scene, build_copying, photograph, run, run_with, write_database
from tests.processes import open_child

COMMIT = """
import sqlite3, sys, time
path, delay, number = sys.argv[1], float(sys.argv[2]), sys.argv[3]
time.sleep(delay)
try:
    connection = sqlite3.connect(path, timeout=0.05, isolation_level=None)
    connection.execute("INSERT INTO t VALUES (?)", (f"late {number}",))
    print("committed", flush=True)
except sqlite3.Error as error:
    print(f"refused: {error}", flush=True)
"""
READING = """
import sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
connection.execute("SELECT 1 FROM t").fetchall()
print("ready", flush=True)
sys.stdin.read()
"""
WAITING = """
import sys
sys.stdin.readline()
file = open(sys.argv[1], "r+b")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["delete", "wal"])
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    return build_copying(
        tmp_path, f"PRAGMA journal_mode = {request.param}; CREATE TABLE t (n); INSERT INTO t VALUES ('early');"
    )


def commit(file: Path, delay: float = 0.0, number: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMIT, str(file), str(delay), str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for(writer: subprocess.Popen[str]) -> str:
    return writer.communicate(timeout=30)[0].strip()


def read(file: Path) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY rowid")]


def test_a_source_that_is_open_for_writing_is_refused_with_who_has_it(scene: Scene) -> None:
    with open_application(scene.source / "old.db", "BEGIN", "SELECT 1 FROM t", "COMMIT"):
        ended = run(scene.argv())
    assert ended.code == 6
    assert "old.db: is held open by process" in ended.error
    assert "(python" in ended.error
    assert "for writing" in ended.error
    assert "--allow-open-sources" in ended.err
    assert photograph(scene.target) == {}
    assert run(scene.argv()).code == 0


def test_somebody_out_of_sight_is_known_by_his_locks(scene: Scene) -> None:
    """Our own process is not looked for in /proc: only locks can tell, as between containers."""
    with closing(sqlite3.connect(scene.source / "old.db", isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM t").fetchall()
        ended = run(scene.argv())
        assert (ended.code, "cannot be seen from here" in ended.error) == (6, True), ended.err
    assert run(scene.argv()).code == 0


def test_whoever_only_reads_is_no_writer(scene: Scene) -> None:
    with open_child([sys.executable, "-c", READING, str(scene.source / "old.db")]) as reader:
        assert reader.read_line() == "ready"
        assert run(scene.argv()).code == 0


def test_the_risk_can_be_taken_and_the_report_says_so(scene: Scene) -> None:
    with open_application(scene.source / "old.db", "SELECT 1 FROM t"):
        ended = run(scene.argv("run", "--allow-open-sources", "--json"))
    assert ended.code == 0, ended.err
    (said,) = ended.json["open_sources"]
    assert "old.db is held open by process" in said


def test_a_commit_at_the_last_moment_has_to_wait(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []

    def write(checkpoint: str) -> None:
        if checkpoint in ("publish.intent", "publish.new.db", "publish.closed"):
            said.append(wait_for(commit(scene.source / "old.db")))

    ended = run_with(monkeypatch, write, scene.argv())
    assert (ended.code, len(said)) == (0, 3), ended.err
    assert all(line.startswith("refused: ") for line in said), said
    assert read(scene.target / "new.db") == ["early"] == read(scene.source / "old.db")


def test_a_commit_before_that_is_found(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []

    def write(checkpoint: str) -> None:
        if checkpoint == "publish":
            said.append(wait_for(commit(scene.source / "old.db")))

    ended = run_with(monkeypatch, write, scene.argv())
    assert (ended.code, said) == (6, ["committed"])
    assert "old.db: changed since its snapshot" in ended.error
    assert photograph(scene.target) == {}


@pytest.mark.parametrize("checkpoint", ["publish.intent", "publish.new.db", "publish.closed"])
def test_where_nobody_can_be_kept_out_a_commit_takes_the_run_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, checkpoint: str
) -> None:
    monkeypatch.setattr(writers, "_hold", lambda *_: False)

    def write(reached: str) -> None:
        if reached == checkpoint:
            assert wait_for(commit(scene.source / "old.db")) == "committed"

    ended = run_with(monkeypatch, write, scene.argv())
    assert ended.code == 8
    assert "was taken back" in ended.error
    assert "old.db was written to" in ended.error
    assert photograph(scene.target) == {}
    assert run(scene.argv("status")).code == 0
    assert run(scene.argv()).code == 0
    assert read(scene.target / "new.db") == ["early", "late 0"]


def test_what_cannot_be_taken_back_asks_for_a_person(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_hold", lambda *_: False)
    with open_application(scene.source.parent / "other.db") as application:

        def write(reached: str) -> None:
            if reached == "publish.closed":
                assert wait_for(commit(scene.source / "old.db")) == "committed"
                application.execute(f"ATTACH '{scene.target / 'new.db'}' AS live")
                application.execute("SELECT * FROM live.t")

        ended = run_with(monkeypatch, write, scene.argv())
        assert ended.code == 9
        assert "old.db was written to" in ended.error
    assert run(scene.argv("rollback")).code == 0
    assert photograph(scene.target) == {}


def test_somebody_who_waits_to_write_takes_the_run_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commit would go into a file of which nothing is taken any more."""
    with open_child([sys.executable, "-c", WAITING, str(scene.source / "old.db")]) as waiting:

        def come(reached: str) -> None:
            if reached == "publish.new.db":
                waiting.tell("now")
                assert waiting.read_line() == "ready"

        ended = run_with(monkeypatch, come, scene.argv())
    assert ended.code == 8
    assert "to write to it" in ended.error
    assert photograph(scene.target) == {}


def test_writers_aimed_at_the_last_look_lose_nothing(scene: Scene, is_nightly: bool) -> None:
    """Each commit is in the target, refused to the writer, or the run says that it did not publish."""
    chosen, endings = random.Random(11), []
    for number in range(200 if is_nightly else 6):
        copy = scene.copy_to(scene.source.parent / str(number))
        writer = commit(copy.source / "old.db", chosen.uniform(0.0, 0.6), number)
        ended = run(copy.argv())
        said = wait_for(writer)
        endings.append((ended.code, said.partition(":")[0]))
        late = f"late {number}"
        published = read(copy.target / "new.db") if ended.code == 0 else None
        if said == "committed" and published is not None and late not in published:
            status = run([*copy.argv("status"), "--source", str(copy.source)])  # it came after the end, and is noticed
            assert (status.code, "1 rows are new or changed" in status.out) == (7, True), status.out
            writable = subprocess.run(
                ["stat", "-c", "%a", copy.source / "old.db"], capture_output=True, text=True, timeout=10, check=True
            )
            assert writable.stdout.strip() == "444"
        assert ended.code in (0, 6, 8), ended.err
    assert not is_nightly or {0, 6} <= {code for code, _ in endings}, endings  # before, and after


def test_what_is_written_to_a_legacy_file_after_publish_is_noticed(scene: Scene) -> None:
    assert run(scene.argv()).code == 0
    looked = [*scene.argv("status"), "--source", str(scene.source)]
    assert run(looked).code == 0
    assert "not looked at" in run(scene.argv("status")).out
    assert "not looked at" in run(scene.argv("verify")).out
    (scene.source / "old.db").chmod(0o644)
    write_database(scene.source / "old.db", "PRAGMA journal_mode = wal; SELECT 1 FROM t; PRAGMA journal_mode = delete;")
    assert run(looked).code == 0  # merely opened
    write_database(scene.source / "old.db", "INSERT INTO t VALUES ('late'); CREATE TABLE mine (n);")
    for argv in (looked, [*scene.argv("verify"), "--source", str(scene.source)]):
        ended = run(argv)
        assert ended.code == 7, ended.err
        assert "old.db was written to since it was consolidated" in ended.out
        assert "t: 1 rows are new or changed (rowid 2 …)" in ended.out
        assert "mine: is another table now" in ended.out
        assert run([*argv, "--json"]).json["strays"]


def test_an_old_name_that_is_a_file_again_is_noticed(scene: Scene) -> None:
    assert run(scene.argv()).code == 0
    looked = [*scene.argv("status"), "--source", str(scene.source)]
    (scene.target / "old.db").unlink()
    (scene.target / "old.db").touch()
    assert "old.db stands where an old name leads to new.db, and is empty" in run(looked).out
    write_database(scene.target / "old.db", "CREATE TABLE t (n); INSERT INTO t VALUES (1), (2);")
    ended = run(looked)
    assert (ended.code, "and holds 2 rows in 1 tables" in ended.out) == (7, True), ended.out
