"""Which system is meant: the one named, that of the plan, the variable's; and nobody's by default."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import UsageError
from strongroom.core.system import choose_system
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task

ABOUT = "version: 1\nname: shop\ntitle: Shop\n"
KNOWN = "is not said, and nothing is taken for granted (known: aragora, zoe)"


def settings(**variables: str) -> Settings:
    return read_settings(variables)


def describe(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "system.yaml").write_text(ABOUT, encoding="utf-8")
    return folder / "plan.yaml"


def test_what_is_named_comes_first(tmp_path: Path) -> None:
    plan = describe(tmp_path / "own")
    chosen = choose_system("zoe", settings(STRONGROOM_SYSTEM="aragora"), plan=plan)
    assert chosen == settings().root / "sql" / "zoe"


def test_a_plan_brings_the_system_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = describe(tmp_path / "own")
    assert choose_system(None, settings(STRONGROOM_SYSTEM="aragora"), plan=plan) == tmp_path / "own"
    monkeypatch.chdir(tmp_path / "own")
    assert choose_system(None, settings(), plan=Path("plan.yaml")) == tmp_path / "own"


def test_else_the_variable_says_it(tmp_path: Path) -> None:
    root = settings().root
    assert choose_system(None, settings(STRONGROOM_SYSTEM="zoe")) == root / "sql" / "zoe"
    alone = tmp_path / "plan.yaml"  # beside which no system is described
    assert choose_system(None, settings(STRONGROOM_SYSTEM="zoe"), plan=alone) == root / "sql" / "zoe"
    describe(tmp_path / "own")
    assert choose_system(None, settings(STRONGROOM_SYSTEM=str(tmp_path / "own"))) == tmp_path / "own"


def test_a_variable_that_names_nothing_is_named_itself() -> None:
    with pytest.raises(UsageError, match=r"^STRONGROOM_SYSTEM=shop: there is no such system \(known: aragora, zoe\)"):
        choose_system(None, settings(STRONGROOM_SYSTEM="shop"))


def test_there_is_no_system_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for given in (settings(), settings(STRONGROOM_SYSTEM="")):
        with pytest.raises(UsageError) as caught:
            choose_system(None, given)
        assert caught.value.fact == KNOWN
        assert "inventory.draft --source DIR writes plan.yaml, for --plan" in caught.value.hint


def test_a_plan_without_a_system_is_told_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        choose_system(None, settings(), plan=tmp_path / "plan.yaml")
    assert caught.value.hint.startswith(f"put a system.yaml beside {tmp_path / 'plan.yaml'}, or say --system")


def test_a_system_where_one_stands_is_pointed_at_and_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    describe(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        choose_system(None, settings())
    assert caught.value.hint == "say --system . for the system.yaml of this directory"


@pytest.mark.parametrize(
    "words",
    [
        "consolidate.check",
        "consolidate.preview --source . --target new",
        "consolidate.run --source . --target new",
        "guard.check --source .",
        "postgres.apply",
        "postgres.status",
        "paths.show",
    ],
)
def test_every_task_that_needs_a_system_asks_for_it(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert OpsProgram(every_task).main(["inv", *words.split()]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.splitlines()[0]) == ("", f"error: --system: {KNOWN}")
    assert list(tmp_path.iterdir()) == []


def test_files_of_ones_own_are_drafted_checked_and_run_without_a_word_of_a_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    with closing(sqlite3.connect("data/notes.db")) as connection, connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text)")
        connection.execute("INSERT INTO notes VALUES (1, 'milk')")
    run = OpsProgram(every_task).main
    assert run(["inv", "consolidate.run", "--system", "zoe", "--source", "data", "--target", "new"]) == 5
    said = capsys.readouterr().err
    assert "error: data: holds none of the sources that" in said
    assert "zoe.db" in said
    assert "inventory.draft --source data drafts one, for --plan; or name another --system" in said
    assert run(["inv", "inventory.draft", "--source", "data"]) == 0
    assert run(["inv", "consolidate.check", "--plan", "plan.yaml", "--source", "data"]) == 0
    assert run(["inv", "consolidate.run", "--plan", "plan.yaml", "--source", "data", "--target", "new"]) == 0
    assert Path("new/consolidated.db").is_file()


def test_the_variable_serves_where_a_system_is_a_wish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stray.db").touch()
    words = ["inv", "inventory.show", "--source", str(tmp_path)]
    assert OpsProgram(every_task).main(words) == 0
    assert "not in the plan" not in capsys.readouterr().out
    monkeypatch.setenv("STRONGROOM_SYSTEM", "zoe")
    assert OpsProgram(every_task).main(words) == 0
    assert "not in the plan" in capsys.readouterr().out
