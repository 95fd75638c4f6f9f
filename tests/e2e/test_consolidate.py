"""The main job through the command line, judged by an oracle that shares no code with it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from strongroom.demo import LegacyTree, build_legacy_tree
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.e2e import oracle

pytestmark = pytest.mark.usefixtures("engine")

SYSTEM = Path(__file__).resolve().parents[2] / "sql" / "aragora"
ENOUGH = "100000"


def run_inv(*words: str | Path) -> int:
    """Run a command line as a user types it; return its exit code."""
    return OpsProgram(every_task).main(["inv", *map(str, words)])


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> LegacyTree:
    directory = tmp_path_factory.mktemp("aragora") / "legacy"
    return build_legacy_tree(SYSTEM, directory, rows=60, seed=11)


@pytest.fixture(scope="module")
def done(legacy: LegacyTree, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, str]]:
    """Consolidate the tree once; return source, target and the digests from before."""
    before = oracle.digest_tree(legacy.directory)
    target = tmp_path_factory.mktemp("target")
    words = (
        "consolidate.run",
        "--system",
        "aragora",
        "--source",
        legacy.directory,
        "--target",
        target,
        "--quarantine-budget",
        ENOUGH,
    )
    assert run_inv(*words) == 0
    return legacy.directory, target, before


def read_report(target: Path) -> dict[str, Any]:
    current = json.loads((target / ".strongroom" / "current.json").read_text())
    report: dict[str, Any] = json.loads((target / ".strongroom" / "runs" / current["run"] / "report.json").read_text())
    return report


def test_an_independent_oracle_finds_every_source_row(done: tuple[Path, Path, dict[str, str]]) -> None:
    source, target, before = done
    problems = oracle.check(source, target, read_report(target), SYSTEM / "plan.yaml", before)
    assert problems == []


def test_every_table_of_every_file_is_accounted_for(
    legacy: LegacyTree, done: tuple[Path, Path, dict[str, str]]
) -> None:
    report = read_report(done[1])
    assert report["unexplained"] == 0
    assert report["rows_read"] == sum(tally["read"] for tally in report["tables"].values())
    read = {name: tally["read"] for name, tally in report["tables"].items()}
    assert {name: count for name, count in legacy.rows.items() if count} == {
        name: read.get(name) for name, count in legacy.rows.items() if count
    }


def test_rows_that_only_the_write_ahead_log_holds_arrive(
    legacy: LegacyTree, done: tuple[Path, Path, dict[str, str]]
) -> None:
    logs = [path for path in legacy.directory.rglob("*-wal") if path.stat().st_size]
    assert logs, "the tree has no write-ahead log: this test would prove nothing"
    source = logs[0].with_name(logs[0].name.removesuffix("-wal"))
    without = sqlite3.connect(f"file:{source}?mode=ro&immutable=1", uri=True)
    report = read_report(done[1])
    found = 0
    for name, tally in report["tables"].items():
        owner, _, table = name.partition(".")
        if owner == source.stem:
            found += tally["read"] - without.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
    assert found > 0


def test_a_second_run_does_nothing(done: tuple[Path, Path, dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    source, target, _ = done
    runs = sorted(path.name for path in (target / ".strongroom" / "runs").iterdir())
    assert run_inv("consolidate.run", "--system", "aragora", "--source", source, "--target", target) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert sorted(path.name for path in (target / ".strongroom" / "runs").iterdir()) == runs


def test_the_last_line_of_json_is_one_object(
    done: tuple[Path, Path, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target, _ = done
    assert run_inv("consolidate.run", "--system", "aragora", "--source", source, "--target", target, "--json") == 0
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    wanted = {"verdict", "exit", "run", "rows_read", "unexplained", "quarantined", "tables"}
    assert wanted <= outcome.keys()


def test_every_losing_value_is_explained(
    done: tuple[Path, Path, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    report = read_report(done[1])
    assert run_inv("consolidate.explain", "--target", done[1], "--json") == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]
    kept = {"merged_identical", "merged_changed", "superseded", "quarantined", "filtered"}
    wanted = sum(tally[name] for tally in report["tables"].values() for name in kept)
    assert sum(row["disposition"] in kept for row in rows) == wanted
    assert all(row["reason"] and row["values"] for row in rows if row["disposition"] in kept)


def test_a_dry_run_writes_nothing(legacy: LegacyTree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "never"
    words = (
        "--system",
        "aragora",
        "--source",
        legacy.directory,
        "--target",
        target,
        "--quarantine-budget",
        ENOUGH,
        "--dry-run",
    )
    assert run_inv("consolidate.run", *words) == 0
    assert "would publish" in capsys.readouterr().out
    assert not target.exists()


def test_quarantine_over_budget_stays_staged(legacy: LegacyTree, tmp_path: Path) -> None:
    words = ("--system", "aragora", "--source", legacy.directory, "--target", tmp_path)
    assert run_inv("consolidate.run", *words) == 4
    assert not list(tmp_path.glob("*.db"))
    assert run_inv("consolidate.run", *words, "--quarantine-budget", ENOUGH) == 0
    assert len([path for path in tmp_path.glob("*.db") if not path.is_symlink()]) == 4


def test_rollback_leaves_target_and_sources_as_they_were(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    build_legacy_tree(SYSTEM, source, rows=12, seed=7)
    words = ("--system", "aragora", "--source", source, "--target", target, "--quarantine-budget", ENOUGH)
    assert run_inv("consolidate.run", *words) == 0
    assert {path.stat().st_mode & 0o222 for path in source.glob("*.db")} == {0}
    assert run_inv("consolidate.rollback", "--target", target, "--source", source) == 0
    assert not list(target.glob("*.db"))
    assert {path.stat().st_mode & 0o200 for path in source.glob("*.db")} == {0o200}


def test_two_runs_give_equal_contents(legacy: LegacyTree, tmp_path: Path) -> None:
    dumps = []
    for name in ("one", "two"):
        words = (
            "--system",
            "aragora",
            "--source",
            legacy.directory,
            "--target",
            tmp_path / name,
            "--quarantine-budget",
            ENOUGH,
        )
        assert run_inv("consolidate.run", *words) == 0
        dumps.append([dump(tmp_path / name / f"{target}.db") for target in ("core", "memory", "analytics", "agents")])
    assert dumps[0] == dumps[1]


def dump(path: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    names = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [row for name in names for row in connection.execute(f'SELECT * FROM "{name}"')]


def test_a_strangers_system_needs_one_folder_and_no_python(tmp_path: Path) -> None:
    system, source = tmp_path / "library", tmp_path / "old"
    (system / "sqlite").mkdir(parents=True)
    source.mkdir()
    (system / "system.yaml").write_text("version: 1\nname: library\ntitle: A library\n")
    (system / "sqlite" / "main.sql").write_text(
        "-- Books and who has them.\n"
        "CREATE TABLE books (isbn TEXT PRIMARY KEY, title TEXT, seen TEXT);\n"
        'CREATE TABLE "lent out" (id INTEGER PRIMARY KEY, isbn TEXT, "to" TEXT);\n'
    )
    (system / "plan.yaml").write_text(
        "version: 1\n"
        "sources: {desk: {path: desk.db, trust: 9}, cellar: {path: cellar.db}}\n"
        "targets: {main: {path: main.db, schema: sqlite/main.sql}}\n"
        "tables:\n"
        "  - {into: main.books, from: [desk.books, cellar.books], on_conflict: {rule: newest, by: seen}}\n"
        "  - {into: 'main.lent out', from: ['desk.lent out', 'cellar.lent out'], on_conflict: {rule: keep_both}}\n"
        "checks: [{sql: select count(*) from main.books, expect: 3}]\n"
    )
    for name, year in (("desk", 2020), ("cellar", 2021)):
        connection = sqlite3.connect(source / f"{name}.db")
        connection.executescript((system / "sqlite" / "main.sql").read_text())
        connection.execute("INSERT INTO books VALUES ('1', ?, ?)", (name, f"{year}-01-01"))
        connection.execute("INSERT INTO books VALUES (?, ?, NULL)", (name, name))
        connection.execute('INSERT INTO "lent out" VALUES (1, ?, ?)', (name, "someone"))
        connection.commit()
        connection.close()
    target = tmp_path / "new"
    assert run_inv("consolidate.run", "--system", system, "--source", source, "--target", target) == 0
    books = sqlite3.connect(target / "main.db").execute("SELECT isbn, title FROM books ORDER BY isbn").fetchall()
    assert books == [("1", "cellar"), ("cellar", "cellar"), ("desk", "desk")]
    assert oracle.check(source, target, read_report(target), system / "plan.yaml") == []


def test_verify_finds_what_changed_after_publish(legacy: LegacyTree, tmp_path: Path) -> None:
    words = ("--system", "aragora", "--source", legacy.directory, "--target", tmp_path, "--quarantine-budget", ENOUGH)
    assert run_inv("consolidate.run", *words) == 0
    assert run_inv("consolidate.verify", "--target", tmp_path) == 0
    connection = sqlite3.connect(tmp_path / "core.db")
    connection.execute("UPDATE debates SET task = task || ' ' WHERE rowid = (SELECT min(rowid) FROM debates)")
    connection.commit()
    connection.close()
    assert run_inv("consolidate.verify", "--target", tmp_path) == 3


def test_a_preview_locks_what_it_saw(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    build_legacy_tree(SYSTEM, source, rows=12, seed=3)
    words = ("--system", "aragora", "--source", source, "--target", target, "--quarantine-budget", ENOUGH)
    assert run_inv("consolidate.preview", *words) == 0
    connection = sqlite3.connect(source / "traces.db")
    connection.execute("DELETE FROM traces WHERE rowid = 1")
    connection.commit()
    connection.close()
    assert run_inv("consolidate.run", *words) == 6
    assert not list(target.glob("*.db"))
    assert run_inv("consolidate.preview", *words) == 0
    assert run_inv("consolidate.run", *words) == 0


def test_the_demo_tells_the_whole_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_inv("demo", "--rows", "30") == 0
    told = capsys.readouterr().out
    for word in ("consolidate.preview", "published 4 databases", "proven again", "rolled back run"):
        assert word in told


def test_the_old_door_means_the_same(legacy: LegacyTree, tmp_path: Path) -> None:
    from scripts.migrate_databases import translate  # noqa: PLC0415  # a script, imported to be asked

    words = translate(["--source-dir", str(legacy.directory), "--target-dir", str(tmp_path), "--dry-run"])
    assert run_inv(*words, "--quarantine-budget", ENOUGH) == 0
    assert translate(["--rollback", "--target-dir", "x", "--source-dir", "y"])[:3] == [
        "consolidate.rollback",
        "--target",
        "x",
    ]


def test_sources_that_are_the_targets_directory_may_stay(tmp_path: Path) -> None:
    place = tmp_path / "nomic"
    build_legacy_tree(SYSTEM, place, rows=12, seed=5)
    words = ("--system", "aragora", "--source", place, "--target", place, "--quarantine-budget", ENOUGH)
    assert run_inv("consolidate.run", *words) == 0
    assert run_inv("consolidate.run", *words) == 0
    assert run_inv("consolidate.rollback", "--target", place) == 0
    shutil.rmtree(place)
