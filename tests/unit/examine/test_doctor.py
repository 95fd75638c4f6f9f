"""The doctor: each finding provoked once, on a machine and folders of our own making."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from invoke.context import Context

from strongroom.core.errors import UnreachableError
from strongroom.core.plan import Source
from strongroom.examine.doctor import (
    Finding,
    Level,
    describe_findings,
    examine,
    folders,
    has_errors,
    machine,
)
from strongroom.examine.doctor.sources import examine_sources
from strongroom.examine.inventory import read_expectation, take_inventory
from strongroom.tasks import doctor as doctor_task


def make(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(script)
    return path


def levels(findings: Iterable[Finding]) -> list[str]:
    return [finding.level.value for finding in findings]


def facts(findings: Iterable[Finding], level: str) -> str:
    return "\n".join(f"{finding.subject}: {finding.fact}" for finding in findings if finding.level == level)


# --- the machine --------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "level"), [((3, 11, 0), "ok"), ((3, 14, 1), "ok"), ((3, 10, 9), "error")])
def test_an_old_python_is_an_error(version: tuple[int, ...], level: str) -> None:
    assert machine.examine_python(version).level == level


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("3.36.0", "error"),
        ("3.37.0", "warning"),
        ("3.40.1", "warning"),
        ("3.44.5", "warning"),
        ("3.44.6", "ok"),
        ("3.45.0", "warning"),
        ("3.50.6", "warning"),
        ("3.50.7", "ok"),
        ("3.51.0", "warning"),
        ("3.51.2", "warning"),
        ("3.51.3", "ok"),
        ("3.53.4", "ok"),
    ],
)
def test_sqlite_is_judged_by_its_version(version: str, level: str) -> None:
    assert levels(machine.examine_sqlite(version)) == [level]


def test_before_logs_there_was_no_bug_in_them() -> None:
    assert not machine.has_wal_reset_bug((3, 6, 23))


def test_compile_options_that_matter_are_named() -> None:
    modules = {"fts5", "fts4", "rtree"}
    assert levels(machine.examine_options({"THREADSAFE=1", "MAX_ATTACHED=10"}, modules)) == ["ok"]
    found = list(machine.examine_options({"THREADSAFE=0", "TEMP_STORE=3", "MAX_ATTACHED=3"}, {"fts5", "fts4"}))
    assert levels(found) == ["error", "warning", "warning", "ok"]
    assert "rtree" in found[2].fact
    assert found[3].fact.startswith("3 databases")


@pytest.mark.parametrize(
    ("cores", "quota", "level"), [(2, None, "ok"), (1, None, "note"), (8, 0.5, "note"), (8, 4.0, "ok")]
)
def test_cores_are_those_that_the_container_allows(cores: int, quota: float | None, level: str) -> None:
    assert machine.examine_cores(cores, quota).level == level


@pytest.mark.parametrize(("text", "quota"), [("max 100000", None), ("150000 100000", 1.5), ("nonsense", None)])
def test_the_quota_is_read_from_the_cgroup(tmp_path: Path, text: str, quota: float | None) -> None:
    (tmp_path / "cpu.max").write_text(text, encoding="utf-8")
    assert machine.read_cpu_quota(tmp_path) == quota
    assert machine.read_cpu_quota(tmp_path / "missing") is None


def test_memory_is_the_least_of_what_machine_and_container_have(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    4096 kB\n", encoding="utf-8")
    assert machine.read_available_memory(meminfo, tmp_path) == 4096 << 10
    (tmp_path / "memory.max").write_text("3000000", encoding="utf-8")
    (tmp_path / "memory.current").write_text("1000000", encoding="utf-8")
    assert machine.read_available_memory(meminfo, tmp_path) == 2_000_000
    (tmp_path / "memory.max").write_text("max", encoding="utf-8")
    assert machine.read_available_memory(tmp_path / "missing", tmp_path) is None


@pytest.mark.parametrize(
    ("available", "level"),
    [(None, "note"), (100 << 20, "warning"), (200 << 20, "warning"), (300 << 20, "ok")],
)
def test_memory_is_judged_per_process(available: int | None, level: str) -> None:
    assert machine.examine_memory(available, cores=2).level == level


def test_tight_limits_are_named_with_the_command_that_lifts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_NOFILE: 64, resource.RLIMIT_FSIZE: 1000, resource.RLIMIT_CORE: 1}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], limits[kind]))
    found = list(machine.examine_limits())
    assert levels(found) == ["warning", "warning", "note"]
    assert [finding.hint for finding in found] == ["ulimit -n 256", "ulimit -f unlimited", "ulimit -c 0"]


def test_no_limits_are_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_NOFILE: resource.RLIM_INFINITY, resource.RLIMIT_FSIZE: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits.get(kind, 0), 0))
    assert levels(machine.examine_limits()) == ["ok"]


# --- folders ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "sources", "level"),
    [
        (10 << 30, 0, "ok"),
        (1 << 20, 0, "warning"),
        (400, 100, "ok"),
        (250, 100, "warning"),
        (150, 100, "error"),
    ],
)
def test_space_is_judged_by_what_a_run_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, sources: int, level: str
) -> None:
    status = SimpleNamespace(f_bavail=free, f_frsize=1, f_files=0, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda _path: status)
    assert levels(folders.examine_space("target", tmp_path / "not" / "yet", sources))[0] == level


def test_few_inodes_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = SimpleNamespace(f_bavail=10 << 30, f_frsize=1, f_files=5000, f_favail=3)
    monkeypatch.setattr(os, "statvfs", lambda _path: status)
    assert "3 inodes" in facts(folders.examine_space("target", tmp_path), "warning")


@pytest.mark.parametrize(("kind", "level"), [("ext4", []), ("nfs4", ["warning"]), ("fuse.sshfs", ["warning"])])
def test_remote_file_systems_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, level: list[str]
) -> None:
    monkeypatch.setattr(folders, "read_file_system", lambda _path: kind)
    assert levels(folders.examine_file_system("source", tmp_path)) == level


def test_the_file_system_is_that_of_the_deepest_mount(tmp_path: Path) -> None:
    deep = tmp_path / "with space" / "deep"
    deep.mkdir(parents=True)
    mounts = tmp_path / "mountinfo"
    escaped = str(deep.parent).replace(" ", "\\040")
    mounts.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / {escaped} rw shared:1 - nfs4 host:/x rw\n",
        encoding="utf-8",
    )
    assert folders.read_file_system(deep, mounts) == "nfs4"
    assert folders.read_file_system(tmp_path, mounts) == "ext4"
    assert folders.read_file_system(deep, tmp_path / "missing") == "an unknown file system"


def test_a_sound_folder_keeps_its_promises_and_nothing_stays(tmp_path: Path) -> None:
    target = tmp_path / "not" / "yet"
    assert levels(folders.examine_promises("target", target)) == ["ok"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_an_error() -> None:
    found = list(folders.examine_promises("target", Path("/proc")))
    assert levels(found) == ["error"]
    assert found[0].hint


def test_locks_that_do_not_hold_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_arguments: None)
    assert "two holders got one lock" in facts(folders.examine_promises("target", tmp_path), "error")


def test_links_that_cannot_be_made_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    found = list(folders.examine_promises("target", tmp_path))
    assert levels(found) == ["warning"]
    assert "symbolic links" in found[0].fact


def test_a_slow_disk_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_time_sync", lambda _scratch: 0.5)
    assert "500 ms" in facts(folders.examine_promises("target", tmp_path), "note")


# --- sources ------------------------------------------------------------------------------------


def examine_folder(folder: Path, expected: object = None) -> list[Finding]:
    return list(examine_sources(take_inventory(folder, census=False, expected=expected), expected))  # type: ignore[arg-type]


def test_a_sound_source_has_one_line(tmp_path: Path) -> None:
    make(tmp_path / "a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)")
    found = examine_folder(tmp_path)
    assert levels(found) == ["ok"]
    assert found[0].fact == "databases: 1, rows: 2"


def test_damaged_locked_and_foreign_files_are_named(tmp_path: Path) -> None:
    path = make(tmp_path / "broken.db", "CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(50000))")
    path.write_bytes(path.read_bytes()[:9000])
    (tmp_path / "secret.db").write_bytes(b"\x8f" * 4096)
    locked = make(tmp_path / "locked.db", "CREATE TABLE t (a)")
    with closing(sqlite3.connect(locked, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        found = examine_folder(tmp_path)
    assert "broken.db: is damaged" in facts(found, "error")
    assert "locked.db: database is locked" in facts(found, "error")
    assert "secret.db: not a database, or encrypted" in facts(found, "warning")


def test_a_log_with_content_is_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (a)")
        assert "never copy the file without it" in facts(examine_folder(tmp_path), "note")


def test_databases_without_wal_are_one_note(tmp_path: Path) -> None:
    for name in "abcd":
        make(tmp_path / f"{name}.db", "CREATE TABLE t (a)")
    make(tmp_path / "e.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (a)")
    notes = facts(examine_folder(tmp_path), "note")
    assert "journal mode: WAL is off in 4 of 5: a.db, b.db, c.db and 1 more" in notes


def test_a_newer_writer_and_an_old_format_are_notes(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    raw = bytearray(path.read_bytes())
    raw[44:48] = (1).to_bytes(4, "big")
    raw[96:100] = (3_999_001).to_bytes(4, "big")
    path.write_bytes(raw)
    notes = facts(examine_folder(tmp_path), "note")
    assert "file format 1 of 4" in notes
    assert "written by SQLite 3.999.1" in notes


def test_one_module_at_two_schema_versions_is_a_warning(tmp_path: Path) -> None:
    for name, version in (("new.db", 2), ("old.db", 1), ("same.db", 2)):
        make(
            tmp_path / name,
            "CREATE TABLE schema_versions (module TEXT PRIMARY KEY, version INTEGER);"
            f"INSERT INTO schema_versions VALUES ('store', {version}), ('{name}', 9)",
        )
    found = facts(examine_folder(tmp_path), "warning")
    assert found == "store: is at several schema versions: 1 in old.db; 2 in new.db, same.db"


def test_columns_that_the_system_declares_and_a_source_lacks_are_an_old_schema(tmp_path: Path) -> None:
    system, data = tmp_path / "system", tmp_path / "data"
    (system / "legacy").mkdir(parents=True)
    data.mkdir()
    (system / "legacy" / "a.sql").write_text("CREATE TABLE t (a, b);", encoding="utf-8")
    make(data / "a.db", "CREATE TABLE t (a)")
    source = Source(name="a", path="a.db", trust=50, optional=True, format="sqlite", rows={})
    found = facts(examine_folder(data, read_expectation(system, [source])), "warning")
    assert found == "a.db: old schema: t: lacks column b that the system declares"


# --- the whole ----------------------------------------------------------------------------------


def test_this_machine_is_fit(tmp_path: Path) -> None:
    found = examine(target=tmp_path)
    assert not has_errors(found)
    assert {"Python", "SQLite", "cores", "memory", "open files", "temporary", "target"} <= {
        finding.subject for finding in found
    }


def test_a_missing_source_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        examine(source=tmp_path / "missing")


def test_findings_are_aligned_lines_and_a_count() -> None:
    lines = describe_findings(
        [
            Finding(level=Level.OK, subject="Python", fact="3.11.7"),
            Finding(level=Level.ERROR, subject="a.db", fact="is damaged", hint="restore it"),
        ]
    )
    assert lines == [
        "ok       Python  3.11.7",
        "error    a.db    is damaged",
        "                   hint: restore it",
        "1 error, 0 warnings, 0 notes, 1 ok",
    ]


def test_the_task_ends_with_6_when_something_stands_in_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "a.db", "CREATE TABLE t (a)").write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    with pytest.raises(SystemExit) as caught:
        doctor_task.run(Context(), source=tmp_path)
    assert caught.value.code == 6
    assert "error    a.db" in capsys.readouterr().out


def test_the_task_prints_json_on_its_last_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = Context()
    context.config["strongroom"] = {"json": True}
    doctor_task.run(context, source=tmp_path)
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed["exit"] == 0
    assert printed["findings"][0].keys() == {"level", "subject", "fact", "hint"}
    assert printed["findings"][0]["subject"] == "Python"


def test_certificates_are_judged_by_the_days_that_are_left() -> None:
    found = examine(days={"redis": -1, "postgres": 14, "s3": 15, "ca": 3000})
    said = [(one.level.value, one.fact, one.hint) for one in found if one.subject == "certificates"]
    assert said == [
        ("warning", "that of postgres ends in 14 days", "./inv stack.up issues new ones"),
        ("error", "that of redis has ended", "./inv stack.up issues new ones"),
        ("ok", "2 of the stack hold, the first (s3) for 15 days", ""),
    ]
    assert not [one for one in examine(days={}) if one.subject == "certificates"]
