"""Every planted reference to a database is found, and none is invented."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.errors import UnreachableError
from strongroom.core.plan import read_plan
from strongroom.core.system import read_system
from strongroom.examine.guard import audit_code, find_stray
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.faults.application import open_application
from tests.faults.scene import build_copying, run, write_database

APP = '''"""Opens zoe.db, says this docstring."""
# and so does memory.db here
DB = "/app/data/zoe.db"
def f(self):
    """Uses auth.db."""
    return self.db.execute, open(f"{HERE}/auth.db")
URL = "sqlite:///tasks.sqlite3"
NOT = ["users.dbx", "x.db()", "a.db.execute", ".db"]
'''
PLANTED = {
    "app.py": (APP, [(3, "zoe.db"), (6, "auth.db"), (7, "tasks.sqlite3")]),
    "web/page.ts": ("const a = app.db.get();\nconst b = 'data/learning.db';\n", [(2, "learning.db")]),
    "run.sh": ("# cp zoe.db away\ncp $DATA/zoe.db /backup/\n", [(2, "zoe.db")]),
    "compose.yaml": ("services:\n  a:\n    environment:\n      DATABASE_PATH: /app/data/zoe.db\n", [(4, "zoe.db")]),
    "Dockerfile": ("ENV DATABASE_PATH=/app/data/zoe.db\n", [(1, "zoe.db")]),
    ".env": ("SESSIONS=sessions.db3\n", [(1, "sessions.db3")]),
    "README.md": ("The main database is zoe.db.\n", []),
    "node_modules/x.js": ("'hidden.db'\n", []),
    "broken.py": ("def (:\n    x = 'half.db'\n", [(2, "half.db")]),
}


@pytest.fixture
def code(tmp_path: Path) -> Path:
    for name, (text, _) in PLANTED.items():
        (tmp_path / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "code" / name).write_text(text)
    (tmp_path / "code" / "picture.py").write_bytes(b"\xff\xfe\x00'x.db'")
    return tmp_path / "code"


def test_every_planted_reference_is_found_and_none_is_invented(code: Path) -> None:
    found = {(one.file, one.line, one.database) for one in audit_code(code)}
    assert found == {(name, line, database) for name, (_, held) in PLANTED.items() for line, database in held}


CONFIGURED = """
import os
A = os.environ.get("DATABASE_PATH", "/app/data/zoe.db")
B = os.getenv("SESSIONS", default="sessions.db")
C = getenv("X", f"{HERE}/memory.db")
D = settings.get("DATABASE_PATH", "zoe.db")
"""
COMPOSED = """
environment:
  DATABASE_PATH: /app/data/zoe.db
  OTHER: ${AUTH_DB:-/app/auth.db}
  - TASKS=sqlite:////app/tasks.db
volumes:
  - ./zoe.db:/app/zoe.db
"""
SETTINGS = {
    "settings.py": (CONFIGURED, [(3, "DATABASE_PATH"), (4, "SESSIONS"), (5, "X"), (6, None)]),
    "compose.yaml": (COMPOSED, [(3, "DATABASE_PATH"), (4, "AUTH_DB"), (5, "TASKS"), (7, None)]),
    "Dockerfile": ("ENV DATABASE_PATH=/app/data/zoe.db\nCOPY zoe.db /app/\n", [(1, "DATABASE_PATH"), (2, None)]),
    ".env": ('DATABASE_PATH="zoe.db"\n', [(1, "DATABASE_PATH")]),
    "run.sh": ('export DATABASE_PATH=zoe.db\ncp "${DB:-zoe.db}" /x\n', [(1, "DATABASE_PATH"), (2, "DB")]),
}


def test_an_audit_says_which_variable_names_a_database(tmp_path: Path) -> None:
    for name, (text, _) in SETTINGS.items():
        (tmp_path / name).write_text(text)
    found = {(one.file, one.line, one.setting) for one in audit_code(tmp_path)}
    assert found == {(name, line, variable) for name, (_, held) in SETTINGS.items() for line, variable in held}


def test_a_variable_may_name_a_target_and_nothing_else(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    code = tmp_path / "code"
    code.mkdir()
    words = ["inv", "guard.check", "--source", str(tmp_path / "data"), "--system", "zoe", "--code", str(code)]
    (code / "compose.yaml").write_text("environment:\n  DATABASE_PATH: /app/data/zoe.db\n")
    (code / "app.py").write_text('import os\nDB = os.getenv("MEMORY", "/app/data/memory.db")\n')
    assert OpsProgram(every_task).main(words) == 0
    (code / "compose.yaml").write_text("environment:\n  DATABASE_PATH: /app/data/auth.db\n")
    (code / "app.py").write_text('DB = "/app/data/zoe.db"\n')
    capsys.readouterr()
    assert OpsProgram(every_task).main(words) == 6
    said = capsys.readouterr().out
    assert "compose.yaml:2: DATABASE_PATH names /app/data/auth.db, which is no target" in said
    assert "app.py:1: /app/data/zoe.db is hard-coded" in said


def test_what_is_found_in_this_repository_stands_there(repository: Path) -> None:
    found = audit_code(repository)
    assert len(found) > 100
    wrong = []
    for one in found:
        lines = (repository / one.file).read_text(encoding="utf-8").splitlines()
        if one.path not in lines[one.line - 1]:
            wrong.append(one)
    assert len(wrong) < len(found) / 100, wrong  # a path with an escape in it is written otherwise in the code


def test_audit_counts_references_and_files(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert OpsProgram(every_task).main(["inv", "guard.audit", "--code", str(code), "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["total"] == sum(len(held) for _, held in PLANTED.values())
    assert result["databases"]["zoe.db"] == {"references": 4, "files": 4}


def test_databases_that_the_system_does_not_name_are_stray(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("zoe.db", "auth.db", "new/tasks2.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.execute("CREATE TABLE t (v)")
    zoe = repository / "sql" / "zoe"
    assert find_stray(tmp_path, read_plan(zoe / "plan.yaml"), read_system(zoe)) == ("new/tasks2.db",)
    words = ["inv", "guard.check", "--source", str(tmp_path), "--system", "zoe"]
    assert OpsProgram(every_task).main(words) == 6
    assert "new/tasks2.db" in capsys.readouterr().out
    (tmp_path / "new" / "tasks2.db").unlink()
    assert OpsProgram(every_task).main(words) == 0


def test_in_a_repository_the_databases_of_its_data_directory_are_known_and_no_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("data/zoe.db", "data/memory.db", "data/auth.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_database(tmp_path / name, "CREATE TABLE t (v)")
    words = ["inv", "guard.check", "--source", str(tmp_path), "--system", "zoe"]
    assert OpsProgram(every_task).main(words) == 0
    for name in ("services/tasks.db", "zoe.db", "data/new.sqlite"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()  # made, and not yet written to
    capsys.readouterr()
    assert OpsProgram(every_task).main(words) == 6
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.startswith("stray")] == [
        "stray database: data/new.sqlite",
        "stray database: services/tasks.db",
        "stray database: zoe.db",
    ]


def test_what_git_is_about_to_commit_is_looked_at_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def git(*arguments: str) -> None:
        name = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *name, *arguments], cwd=tmp_path, check=True, capture_output=True, timeout=30)

    words = ["inv", "guard.check", "--source", str(tmp_path), "--system", "zoe", "--staged"]
    assert OpsProgram(every_task).main(words) == 5
    assert "git repository" in capsys.readouterr().err
    git("init")
    write_database(tmp_path / "unstaged.db", "CREATE TABLE t (v)")
    write_database(tmp_path / "data" / "zoe.db", "CREATE TABLE t (v)")
    git("add", "--force", "data/zoe.db")
    assert OpsProgram(every_task).main(words) == 0
    (tmp_path / "services").mkdir()
    write_database(tmp_path / "services" / "tasks.db", "CREATE TABLE t (v)")
    git("add", "--force", "services/tasks.db")
    (tmp_path / "services" / "tasks.db").unlink()  # it is in the index all the same
    capsys.readouterr()
    assert OpsProgram(every_task).main(words) == 6
    assert "services/tasks.db" in capsys.readouterr().out
    git("commit", "--message", "x", "--no-verify")
    git("rm", "--cached", "services/tasks.db")
    assert OpsProgram(every_task).main(words) == 0


def test_after_publish_a_legacy_name_that_is_a_new_file_is_stray(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = build_copying(tmp_path, "CREATE TABLE t (v); INSERT INTO t VALUES (1);")
    words = ["inv", "guard.check", "--system", str(scene.system), "--source"]
    assert OpsProgram(every_task).main([*words, str(scene.source)]) == 0
    assert run(scene.argv()).code == 0
    assert OpsProgram(every_task).main([*words, str(scene.target)]) == 0
    (scene.target / "old.db").unlink()
    (scene.target / "old.db").touch()
    capsys.readouterr()
    assert OpsProgram(every_task).main([*words, str(scene.target)]) == 6
    assert "stray database: old.db" in capsys.readouterr().out


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        audit_code(tmp_path / "none")


def make_stray(folder: Path, name: str = "stray.db") -> Path:
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / name)) as connection, connection:
        connection.execute("CREATE TABLE t (v)")
        connection.execute("INSERT INTO t VALUES (1)")
    return folder / name


def clean(tmp_path: Path, *flags: str) -> int:
    words = ["inv", "guard.clean", "--source", str(tmp_path / "here"), "--target", str(tmp_path / "data"), *flags]
    return OpsProgram(every_task).main(words)


def test_a_stray_database_is_moved_with_its_log(tmp_path: Path) -> None:
    file = make_stray(tmp_path / "here")
    file.with_name("stray.db-wal").write_bytes(b"log")
    assert clean(tmp_path, "--dry-run") == 0
    assert file.exists()
    assert clean(tmp_path) == 0
    assert not list((tmp_path / "here").iterdir())
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"stray.db", "stray.db-wal"}
    assert clean(tmp_path) == 0


def test_a_move_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    file = make_stray(tmp_path / "here")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "stray.db").hardlink_to(file)
    assert clean(tmp_path) == 0
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["stray.db"]
    assert not file.exists()


def test_nothing_moves_when_one_name_is_taken_or_one_file_is_open(tmp_path: Path) -> None:
    files = [make_stray(tmp_path / "here", name) for name in ("a.db", "b.db")]
    make_stray(tmp_path / "data", "b.db")
    assert clean(tmp_path) == 6
    (tmp_path / "data" / "b.db").unlink()
    with open_application(files[0], "SELECT * FROM t"):
        assert clean(tmp_path) == 6
    assert all(file.exists() for file in files)
    assert clean(tmp_path) == 0
