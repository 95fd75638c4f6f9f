"""What the plan does not name comes along where it says ``carry``: nothing of it is lost, and all of it is said."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task

pytestmark = pytest.mark.usefixtures("engine")

PLAN = """\
version: 1
defaults: {unmapped_file: carry, unmapped_table: carry, unmapped_column: carry}
sources:
  shop: {path: shop.db}
  depot: {path: depot.db}
targets:
  house: {path: house.db, schema: house.sql}
  attic: {path: attic.db}
tables:
  - {into: house.orders, from: [shop.orders]}
  - {into: house.goods, from: [depot.goods]}
"""
FILES = {
    "shop.db": [
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)",
        "INSERT INTO orders VALUES (1, 9.5)",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)",
        "CREATE INDEX ix_notes_text ON notes (text)",
        "INSERT INTO notes VALUES (1, 'from the shop')",
    ],
    "depot.db": [
        "CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO goods VALUES (1, 'nail')",
        "CREATE TABLE notes (code TEXT PRIMARY KEY, weight REAL)",
        "INSERT INTO notes VALUES ('x', 1.5), ('y', 2.5)",
    ],
    "old/extra.db": ["CREATE TABLE kept (v)", "INSERT INTO kept VALUES (1), (1), (x'00')"],
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    system = tmp_path / "house"
    system.mkdir()
    (system / "system.yaml").write_text("version: 1\nname: house\ntitle: A house\n")
    (system / "plan.yaml").write_text(PLAN)
    (system / "house.sql").write_text(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL);"
        "CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT);"
    )
    for path, statements in FILES.items():
        file = tmp_path / "legacy" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file)) as connection, connection:
            for statement in statements:
                connection.execute(statement)
    return tmp_path


def run_inv(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any]]:
    code = OpsProgram(every_task).main(["inv", *map(str, words), "--json"])
    lines = capsys.readouterr().out.splitlines()
    return code, json.loads(lines[-1]) if lines else {}


def consolidate(capsys: pytest.CaptureFixture[str], tree: Path, *more: str) -> tuple[int, dict[str, Any]]:
    words = ("--system", tree / "house", "--source", tree / "legacy", "--target", tree / "new")
    return run_inv(capsys, "consolidate.run", *words, *more)


def read(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def test_tables_and_files_that_the_plan_does_not_name_come_along(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, result = consolidate(capsys, tree)
    assert (code, result["verdict"], result["unexplained"], result["rows_read"]) == (0, "PROVEN", 0, 8)
    house = tree / "new" / "house.db"
    assert read(house, "SELECT * FROM notes") == [(1, "from the shop")]
    assert read(house, "SELECT * FROM depot_notes") == [("x", 1.5), ("y", 2.5)]
    assert read(house, "SELECT name FROM sqlite_master WHERE name = 'ix_notes_text'")
    assert read(tree / "new" / "old" / "extra.db", "SELECT * FROM kept") == [(1,), (1,), (b"\0",)]
    said = "\n".join(result["carried"])
    assert "table notes from shop.notes" in said
    assert "table depot_notes from depot.notes" in said
    assert run_inv(capsys, "consolidate.verify", "--target", tree / "new")[0] == 0
    code, again = consolidate(capsys, tree)
    assert (code, again["nothing_done"]) == (0, True)
    assert run_inv(capsys, "consolidate.rollback", "--source", tree / "legacy", "--target", tree / "new")[0] == 0
    assert not (tree / "new" / "old" / "extra.db").exists()


def test_files_whose_names_look_alike_are_all_carried(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("a-b.db", "a_b.db", "a b.db", "A_B.db")
    for number, name in enumerate(names):
        with closing(sqlite3.connect(tree / "legacy" / name)) as connection, connection:
            connection.execute("CREATE TABLE t (v)")
            connection.execute("INSERT INTO t VALUES (?)", (number,))
    assert consolidate(capsys, tree)[0] == 0
    assert [read(tree / "new" / name, "SELECT v FROM t") for name in names] == [[(0,)], [(1,)], [(2,)], [(3,)]]
    assert run_inv(capsys, "consolidate.verify", "--target", tree / "new")[0] == 0


@pytest.mark.parametrize("what", ["file", "table"])
def test_they_are_an_error_where_it_does_not_say_so(tree: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    plan = tree / "house" / "plan.yaml"
    plan.write_text(PLAN.replace(f"unmapped_{what}: carry, ", ""))
    code, result = consolidate(capsys, tree)
    assert (code, result) == (2, {})
    assert not list((tree / "new").glob("*.db"))


def test_a_table_of_a_file_with_no_place_at_all_needs_a_person(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tree / "house" / "plan.yaml"
    plan.write_text(PLAN.replace("  - {into: house.goods, from: [depot.goods]}\n", ""))
    code = OpsProgram(every_task).main(
        ["inv", "consolidate.run", "--system", str(tree / "house"), "--source", str(tree / "legacy"),
         "--target", str(tree / "new")]
    )  # fmt: skip
    assert code == 2
    assert "depot" in capsys.readouterr().err


def test_every_source_table_is_written_as_json_lines(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(tree / "legacy" / "old" / "extra.db")) as connection, connection:
        connection.execute("INSERT INTO kept VALUES (CAST(x'ff' AS TEXT)), (9e999), ('é'), (NULL), (1.5)")
        for number, name in enumerate(("table-3", "odd/name", "../up", "x y")):
            connection.execute(f'CREATE TABLE "{name}" (v)')
            connection.execute(f'INSERT INTO "{name}" VALUES (?)', (number,))
    assert consolidate(capsys, tree, "--export-json")[0] == 0
    (folder,) = (tree / "new" / ".strongroom" / "runs").glob("*/export")
    lines = (folder / "carried_old_extra_db" / "kept.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["v"] for line in lines] == [
        1, 1, {"blob": "00"}, {"text": "ff"}, {"real": "inf"}, "é", None, 1.5,
    ]  # fmt: skip
    held = {path.name: json.loads(path.read_text()) for path in folder.glob("*/*.jsonl") if path.name[:5] == "table"}
    assert sorted(row["v"] for row in held.values()) == [0, 1, 2, 3]
    assert json.loads((folder.parent / "export.json").read_text())["sources"]["shop"] == {"orders": 1, "notes": 1}


def test_fingerprints_tell_content_and_not_order(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, result = consolidate(capsys, tree, "--fingerprints", "--dry-run")
    prints = {into: tally["fingerprint"] for into, tally in result["targets"].items()}
    assert prints["house.orders"].startswith("1:")
    with closing(sqlite3.connect(tree / "legacy" / "shop.db")) as connection, connection:
        connection.execute("UPDATE orders SET total = 9.6")
    _, changed = consolidate(capsys, tree, "--fingerprints", "--dry-run")
    differing = {into for into, tally in changed["targets"].items() if tally["fingerprint"] != prints[into]}
    assert differing == {"house.orders"}
