"""Draft a plan for strangers' databases, decide what it guesses, run it: proven, and the losers explained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from strongroom.core.plan import read_plan
from tests.e2e.drafting import draft_and_run, make, read, run_inv

LIBRARY = """
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT, price REAL);
CREATE TABLE tags (book INTEGER REFERENCES books (id), tag TEXT);
CREATE TABLE "odd ""name" (code TEXT PRIMARY KEY, "order" TEXT);
INSERT INTO books VALUES (1, 'One', 1.5), (2, 'Two', 2.5), (3, 'Three', NULL);
INSERT INTO tags VALUES (1, 'old'), (1, 'old'), (3, 'new');
INSERT INTO "odd ""name" VALUES ('a', x'00'), ('b', 'NULL');
"""
SHOP = """
CREATE TABLE clients (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, updated_at TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, client_id INTEGER, total REAL);
CREATE TABLE log (line TEXT);
"""


def test_a_changed_copy_is_recognized_and_its_losers_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "legacy" / "library.db", LIBRARY)
    shutil.copy(tmp_path / "legacy" / "library.db", tmp_path / "legacy" / "library (copy).db")
    make(
        tmp_path / "legacy" / "library (copy).db",
        "UPDATE books SET price = 9 WHERE id = 2; DELETE FROM tags WHERE book = 1; DELETE FROM books WHERE id = 1",
    )
    drafted, result = draft_and_run(capsys, tmp_path)
    assert drafted["choices"][0].endswith(
        ": main.books: 1 of 2 ids hold different rows in library_copy and library; "
        "guessed: one row each, that of library_copy, which was written last"
    )
    assert read(tmp_path, "SELECT * FROM books ORDER BY id") == [(1, "One", 1.5), (2, "Two", 9.0), (3, "Three", None)]
    assert result["tables"]["library.books"]["superseded"] == 1
    code, kept, _ = run_inv(
        capsys, "consolidate.explain", "--target", tmp_path / "new", "--table", "main.books", "--json"
    )
    assert code == 0
    assert "2.5" in json.dumps(kept)


def test_colliding_numbers_are_renumbered_and_what_refers_to_them_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"north": [(1, "ann@x"), (2, "bob@x")], "south": [(1, "bob@x"), (2, "cid@x")]}
    for name, clients in rows.items():
        inserts = [f"INSERT INTO clients VALUES ({key}, '{mail}', '2025-0{key}-01')" for key, mail in clients]
        inserts += [f"INSERT INTO orders VALUES ({key}, {key}, {len(name) + key})" for key, _ in clients]
        make(tmp_path / "legacy" / f"{name}.db", SHOP, ";".join([*inserts, f"INSERT INTO log VALUES ('{name}')"]))
    drafted, _ = draft_and_run(capsys, tmp_path)
    assert [line.partition(": ")[2].partition(";")[0] for line in drafted["choices"]] == [
        "main.clients: 2 of 2 ids hold different rows in north and south",
        "main.clients: 2 of 2 values in north are ids of clients, and no foreign key says what they mean",
        "main.orders: 2 ids stand in two files, and refer to rows whose numbers change",
    ]
    expected = [(mail, len(name) + key) for name, clients in rows.items() for key, mail in clients]
    found = read(tmp_path, "SELECT c.mail, o.total FROM orders o JOIN clients c ON c.id = o.client_id")
    assert sorted(found) == sorted((mail, float(total)) for mail, total in expected)
    plan = (tmp_path / "system" / "plan.yaml").read_text()
    assert "- column: main.orders.client_id" in plan
    assert "is unique in every file" in plan


def test_tables_that_share_a_name_and_no_column_stay_two_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(
        tmp_path / "legacy" / "a.db",
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, agent TEXT); INSERT INTO runs VALUES (1, 'x')",
    )
    make(
        tmp_path / "legacy" / "b.db",
        "CREATE TABLE runs (code TEXT PRIMARY KEY, took REAL); INSERT INTO runs VALUES ('r', 2.0);"
        "CREATE TABLE steps (run TEXT REFERENCES runs (code)); INSERT INTO steps VALUES ('r')",
    )
    drafted, _ = draft_and_run(capsys, tmp_path)
    assert drafted["choices"] == []
    assert read(tmp_path, "SELECT * FROM runs") == [(1, "x")]
    assert read(tmp_path, "SELECT * FROM b_runs") == [("r", 2.0)]
    assert read(tmp_path, "SELECT \"table\" FROM pragma_foreign_key_list('steps')") == [("b_runs",)]


def test_what_is_no_database_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "legacy" / "library.db", LIBRARY)
    (tmp_path / "legacy" / "secret.db").write_bytes(bytes(range(256)) * 16)
    words = ("inventory.draft", "--source", tmp_path / "legacy", "--output", tmp_path / "system" / "plan.yaml")
    code, said, _ = run_inv(capsys, *words)
    assert code == 0
    assert "left out: secret.db: is not a database (or is encrypted)" in said
    plan = tmp_path / "system" / "plan.yaml"
    assert "# secret.db" in plan.read_text()
    assert list(read_plan(plan).sources) == ["library"]


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_a_directory_without_databases_gets_no_draft(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    if what == "empty":
        (tmp_path / "legacy").mkdir()
    plan = tmp_path / "plan.yaml"
    code, _, said = run_inv(capsys, "inventory.draft", "--source", tmp_path / "legacy", "--output", plan)
    assert code == 5
    assert said.startswith("error: ")
    assert not plan.exists()


def test_a_plan_that_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "legacy" / "library.db", LIBRARY)
    plan = tmp_path / "plan.yaml"
    plan.write_text("mine")
    code, _, _ = run_inv(capsys, "inventory.draft", "--source", tmp_path / "legacy", "--output", plan)
    assert (code, plan.read_text()) == (6, "mine")


def test_a_thousand_files_are_one_draft(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1000):
        make(tmp_path / "legacy" / f"{number // 100}" / f"{number}.db", f"CREATE TABLE t{number} (v)")
    words = ("--source", tmp_path / "legacy", "--output", tmp_path / "system" / "plan.yaml", "--json")
    code, drafted, _ = run_inv(capsys, "inventory.draft", *words)
    assert (code, drafted["sources"], drafted["tables"]) == (0, 1000, 1000)
    assert len(read_plan(tmp_path / "system" / "plan.yaml").sources) == 1000
