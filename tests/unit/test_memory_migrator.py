"""The memory stores' old door: its flags, its figures, and a DSN that no process shows."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.errors import ConfigurationError, ExitCode, UsageError
from strongroom.core.results import TableTally, Verdict
from strongroom.load.outcome import Outcome
from strongroom.memory_migrator import MemoryMigrator, MigrationReport, hide_dsn, main
from strongroom.tasks._memory import STORES

DSN = "postgresql://somebody:canary-77aa@nowhere.invalid/db"


def tell(
    *tallies: TableTally, quarantined: int = 0, nothing_done: bool = False, code: ExitCode = ExitCode.DONE
) -> MigrationReport:
    outcome = Outcome(
        verdict=Verdict.PROVEN,
        exit=code,
        load="20260101_000000",
        server="here",
        schemas={"stores": "stores"},
        seconds=0.1,
        rows_read=sum(tally.read for tally in tallies),
        unexplained=0,
        quarantined=quarantined,
        budget=0,
        tables={tally.into: tally for tally in tallies},
        targets={},
        nothing_done=nothing_done,
    )
    return MigrationReport(outcome=outcome)


ONE = TableTally(into="stores.debates", read=10, inserted=4, merged_identical=3, superseded=2, quarantined=1)
TWO = TableTally(into="stores.patterns", read=5, inserted=5)


def figures(report: MigrationReport) -> tuple[int, int, int]:
    return report.total_migrated, report.total_skipped, report.total_errors


def test_every_row_is_migrated_or_skipped_or_an_error() -> None:
    assert figures(tell(ONE, TWO, quarantined=1)) == (9, 5, 1)


def test_where_nothing_was_to_be_done_nothing_was_migrated() -> None:
    assert figures(tell(ONE, TWO, quarantined=1, nothing_done=True)) == (0, 14, 1)


def test_where_too_many_wait_nothing_was_migrated() -> None:
    staged = TableTally(into="stores.debates", read=10, inserted=9, quarantined=1)
    assert figures(tell(staged, quarantined=1, code=ExitCode.DECISION)) == (0, 0, 1)


@pytest.mark.parametrize(
    "given",
    [
        ["--sqlite-path", "x.db", "--postgres-dsn", DSN, "-v"],
        ["--sqlite-path", "x.db", f"--postgres-dsn={DSN}", "-v"],
        ["--postgres-dsn", DSN, "--sqlite-path", "x.db", "-v"],
    ],
)
def test_a_dsn_goes_on_by_a_pipe_and_by_no_argument(given: list[str]) -> None:
    line = hide_dsn(given, DSN)
    assert line[:3] == ["--sqlite-path", "x.db", "-v"]
    assert line[3] == "--postgres-dsn-file"
    assert "canary" not in " ".join(line)
    assert Path(line[4]).read_text(encoding="utf-8") == DSN


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--batch-size", "0"], "--batch-size: must be a number from 1 (got 0)"),
        (["--quarantine-budget", "-1"], "--quarantine-budget: must be a number from 0 (got -1)"),
        (["--postgres-dsn-file", "/nowhere"], "--postgres-dsn-file: cannot be read"),
    ],
)
def test_a_flag_without_sense_is_told(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--sqlite-path", "x.db", *flags])
    assert code == (12 if "file" in said else 2)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--sqlite-path"], ["--sqlite-path", "x", "--store", "elo"], ["--sqlite", "x"]])
def test_a_line_that_is_none_ends_with_2(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(flags)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_file_without_the_store_is_told_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", DSN)
    path = tmp_path / "agora_memory.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE debates (id TEXT PRIMARY KEY)")
    assert main(["--sqlite-path", str(path), "--store", "consensus"]) == 2
    said = capsys.readouterr().err
    assert "has none of the tables consensus, dissent, verified_proofs" in said
    assert "consensus_memory.db" in said


def test_a_file_that_is_not_there_is_told_and_no_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", DSN)
    assert main(["--sqlite-path", str(tmp_path / "none.db")]) == 5
    assert "there is no such file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", DSN)
    path = tmp_path / "agora_memory.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE debates (id TEXT PRIMARY KEY)")
    assert main(["--sqlite-path", str(path)]) == 5
    said = capsys.readouterr().err
    assert "nowhere.invalid" in said
    assert "canary" not in said


def test_while_it_runs_no_list_of_processes_shows_the_password(tmp_path: Path) -> None:
    path = tmp_path / "agora_memory.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE debates (id TEXT PRIMARY KEY)")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(60)
        dsn = f"postgresql://somebody:canary-77aa@127.0.0.1:{server.getsockname()[1]}/db"
        line = [sys.executable, "-m", "strongroom.memory_migrator", "--sqlite-path", str(path), "--postgres-dsn", dsn]
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        came, _ = server.accept()
        shown = [Path(f"/proc/{process.pid}/{what}").read_bytes() for what in ("cmdline", "environ")]
        came.close()
        _, said = process.communicate(timeout=60)
    assert b"agora_memory.db" in shown[0]
    assert b"canary" not in b"".join(shown)
    assert process.returncode == 5
    assert "DATABASE_URL" in said
    assert "canary" not in said


def test_the_class_takes_what_applications_give_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    migrator = MemoryMigrator(
        sqlite_path=".nomic/agora_memory.db", postgres_dsn=DSN, batch_size=1000, skip_existing=True
    )
    assert "canary" not in repr(vars(migrator))
    asyncio.run(migrator.close())
    with pytest.raises(UsageError):
        MemoryMigrator(sqlite_path="x.db", postgres_dsn=DSN, batch_size=0)
    with pytest.raises(ConfigurationError):
        MemoryMigrator(sqlite_path="x.db", postgres_dsn="postgresql://[broken")


def test_the_tables_are_those_of_the_schema_files(repository: Path) -> None:
    text = (repository / "sql/aragora/postgres/stores/001_tables.sql").read_text(encoding="utf-8")
    for table in (name for names in STORES.values() for name in names):
        assert f"CREATE TABLE {table} (" in text
