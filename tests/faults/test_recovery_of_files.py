"""What is left of a damaged database is saved, and what is lost is said; the damaged file keeps its bytes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Make a database of two tables and ruin one leaf page in its middle."""
    file = tmp_path / "damaged.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE small (v TEXT)")
        connection.execute("INSERT INTO small VALUES ('kept')")
        connection.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, v TEXT)")
        connection.executemany("INSERT INTO large VALUES (?, ?)", [(n, f"{n}" * 40) for n in range(1000)])
    content = bytearray(file.read_bytes())
    page = len(content) // 4096 // 2 * 4096
    content[page : page + 4096] = bytes(4096)
    file.write_bytes(content)
    return file


def run_inv(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    capsys.readouterr()
    code = OpsProgram(every_task).main(["inv", *map(str, words)])
    written = capsys.readouterr()
    return code, written.out, written.err


@pytest.mark.parametrize("shell", [True, False])
def test_what_is_left_is_saved_and_what_is_lost_is_said(
    damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, shell: bool
) -> None:
    if not shell:
        monkeypatch.setenv("PATH", str(tmp_path))
    before, saved = damaged.read_bytes(), tmp_path / "saved.db"
    code, out, _ = run_inv(capsys, "inventory.recover", "--file", damaged, "--to", saved, "--json")
    assert (code, damaged.read_bytes()) == (0, before)
    result = json.loads(out.splitlines()[-1])
    with closing(sqlite3.connect(saved)) as connection:
        assert connection.execute("SELECT v FROM small").fetchall() == [("kept",)]
        rows = connection.execute("SELECT id, v FROM large").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert 900 < len(rows) < 1000
    assert all(value == f"{number}" * 40 for number, value in rows)
    assert result["tables"] == {"small": 1, "large": len(rows)}
    assert result["lost"]
    if result["way"] != "sqlite3 .recover":
        missing = sorted(set(range(1000)) - {number for number, _ in rows})
        said = f"large: the rows between id {missing[0] - 1} and {missing[-1] + 1}, if any"
        assert result["lost"] == [said]


def test_a_file_that_is_no_database_holds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "noise.db").write_bytes(bytes(range(256)) * 100)
    code, _, err = run_inv(capsys, "inventory.recover", "--file", tmp_path / "noise.db", "--to", tmp_path / "saved.db")
    assert (code, err.startswith("error: "), (tmp_path / "saved.db").exists()) == (6, True, False)


def test_nothing_is_overwritten_and_nothing_is_made_of_nothing(
    damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    assert run_inv(capsys, "inventory.recover", "--file", damaged, "--to", tmp_path / "mine")[0] == 6
    assert (tmp_path / "mine").read_text() == "mine"
    assert run_inv(capsys, "inventory.recover", "--file", tmp_path / "none", "--to", tmp_path / "x")[0] == 5
