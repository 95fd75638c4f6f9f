"""Directories and files that nobody described, some of them encrypted: shown, drafted, examined, recovered."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.e2e.mixed_tree import CELL, ID, LARGE, PEOPLE, Tree, build_tree
from tests.e2e.vault import KEYS, OTHER, can_open, find_planted, open_vault, read_vault, write_vault

Run = Callable[..., tuple[int, Any, str]]
KEYLESS = "not a database, or encrypted"
TRIED = "(keys tried: first, second, vault)"


@pytest.fixture(autouse=True)
def _open_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    return build_tree(tmp_path, monkeypatch)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a task; of what it says, no key and no cell of an encrypted database is ever part."""

    def act(task: str, *words: str | Path) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = OpsProgram(every_task).main(["inv", task, *map(str, words)])
        said = capsys.readouterr()
        hidden = [*KEYS.values(), OTHER, WORDS, CELL, CELL.encode().hex(), str(ID), f"{ID:,}", f"{ID - 3:,}"]
        assert not [one for one in hidden if one in said.out + said.err]
        lines = said.out.splitlines()
        return code, json.loads(lines[-1]) if lines and "--json" in words else said.out, said.err

    return act


def hash_all(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm") and (path.stat().st_size or path.suffix == ".db")
    }


# --- inventory.show ------------------------------------------------------------------------------


def test_each_encrypted_database_is_shown_with_the_key_that_opens_it(tree: Tree, run: Run) -> None:
    before = hash_all(tree.source)
    code, shown, _ = run("inventory.show", "--source", tree.source, "--system", tree.system, "--json")
    assert (code, hash_all(tree.source)) == (0, before)
    found = {one["path"]: one for one in shown["databases"]}
    assert {path: one["key"] for path, one in found.items()} == {
        "cut.db": "second",
        "named otherwise": "vault",
        "one.db": "first",
        "plain.db": None,
        "sub/two.db": "second",
    }
    one = found["one.db"]
    assert (one["page_size"], one["journal_mode"], one["user_version"], one["problem"]) == (4096, "wal", 7, None)
    assert {table["name"]: table["rows"] for table in one["tables"]} == {"bag": 3, "people": 3}
    people = next(table for table in one["tables"] if table["name"] == "people")
    assert (people["sequence"], people["oddities"]) == (None, ["people: some ids missing"])
    assert {other["path"]: other["reason"] for other in shown["others"]} == {
        "empty.db": "empty, 0 bytes",
        "lost.db": f"{KEYLESS} {TRIED}",
        "noise.db": f"{KEYLESS} {TRIED}",
    }
    assert "is truncated" in found["cut.db"]["problem"]["fact"]
    assert [overlap["files"] for overlap in shown["overlaps"] if overlap["table"] == "people"] == [
        ["one.db", "plain.db", "sub/two.db"]
    ]
    assert tree.read_uses() == [("first", "done"), ("second", "done"), ("vault", "done")]


def test_the_screen_names_the_key_behind_the_state(tree: Tree, run: Run) -> None:
    _, out, _ = run("inventory.show", "--source", tree.source, "--system", tree.system)
    assert re.search(r"^  one\.db .* ok; key: first$", out, re.MULTILINE)
    assert re.search(r"^  plain\.db .* ok$", out, re.MULTILINE)
    assert re.search(r"^  cut\.db .* is truncated.*; key: second$", out, re.MULTILINE)
    assert re.search(rf"^  lost\.db .* {re.escape(f'{KEYLESS} {TRIED}')}$", out, re.MULTILINE)


def test_a_tree_of_plain_databases_fetches_no_key(tree: Tree, run: Run) -> None:
    tree.keep("plain.db", "doc.json", "empty.db", "picture.png")
    for task in ("inventory.show", "doctor.run"):
        assert run(task, "--source", tree.source, "--system", tree.system)[0] == 0
    assert run("inventory.draft", "--source", tree.source, "--system", tree.system, "--dry-run")[0] == 0
    assert tree.read_uses() == []


def test_without_a_system_nothing_is_tried_and_what_was_said_is_said(tree: Tree, run: Run) -> None:
    code, shown, _ = run("inventory.show", "--source", tree.source, "--json")
    assert (code, [one["path"] for one in shown["databases"]]) == (0, ["plain.db"])
    reasons = {other["path"]: other["reason"] for other in shown["others"]}
    assert {reasons[path] for path in ("one.db", "lost.db", "noise.db", "cut.db")} == {KEYLESS}
    assert "named otherwise" not in reasons


def test_the_variable_s_system_is_meant_where_none_is_named(
    tree: Tree, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_SYSTEM", str(tree.system))
    _, shown, _ = run("inventory.show", "--source", tree.source, "--json")
    assert {one["key"] for one in shown["databases"]} == {None, *KEYS}


def test_only_keys_that_are_named_are_tried_and_in_their_order(tree: Tree, run: Run) -> None:
    words = ("--system", tree.system, "--key", "second", "--key", "first", "--json")
    _, shown, _ = run("inventory.show", "--source", tree.source, *words)
    assert [one["key"] for one in shown["databases"]] == ["second", "first", None, "second"]
    reasons = {other["path"]: other["reason"] for other in shown["others"]}
    assert reasons["lost.db"] == f"{KEYLESS} (keys tried: second, first)"
    assert {name for name, _ in tree.read_uses()} == {"first", "second"}


@pytest.mark.parametrize("task", ["inventory.show", "inventory.draft", "doctor.run", "inventory.recover"])
def test_a_key_that_is_none_is_refused_before_anything_is_looked_at(
    tree: Tree, run: Run, tmp_path: Path, task: str
) -> None:
    place = ("--file", tree.source / "one.db", "--to", tmp_path / "new.db") if task == "inventory.recover" else (
        "--source", tree.source)  # fmt: skip
    code, _, err = run(task, *place, "--system", tree.system, "--key", "nope")
    assert (code, "nope is no key of this system (known: first, second, vault)" in err) == (2, True), err
    code, _, err = run(task, *place, "--key", "first")
    assert (code, "first is no key of this system (known: none)" in err) == (2, True), err
    assert tree.read_uses() == []


def test_a_key_that_cannot_be_had_is_named_with_the_files_that_no_other_opens(
    tree: Tree, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECOND_KEY")
    code, shown, _ = run("inventory.show", "--source", tree.source, "--system", tree.system, "--json")
    assert (code, {one["key"] for one in shown["databases"]}) == (0, {None, "first", "vault"})
    reason = next(other["reason"] for other in shown["others"] if other["path"] == "sub/two.db")
    assert reason.startswith(f"{KEYLESS} (keys tried: first, vault; key second: SECOND_KEY is not set")
    assert [use for use in tree.read_uses() if use[0] == "second"] == [("second", "KeyNotFoundError")]  # once
    code, _, err = run("inventory.show", "--source", tree.source, "--system", tree.system, "--key", "second")
    assert (code, "key second" in err) == (12, True), err


@pytest.mark.parametrize("way", ["locked", "log of another", "older format", "damaged"])
def test_a_file_that_its_key_does_not_open_as_it_should_has_its_key_and_the_reason(
    tree: Tree, run: Run, way: str
) -> None:
    tree.keep("one.db")
    file, expected = tree.source / "one.db", {
        "locked": "locked", "log of another": "is not the log of one.db", "older format": "format of SQLCipher 3",
        "damaged": "damaged"}[way]  # fmt: skip
    holder = None
    if way == "locked":
        holder = open_vault(file, KEYS["first"])
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("BEGIN EXCLUSIVE")
    elif way == "log of another":
        write_vault(tree.source / "other.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (x)", KEYS["second"])
        strange = open_vault(tree.source / "other.db", KEYS["second"])
        strange.execute("INSERT INTO t VALUES (1)")
        strange.commit()
        (tree.source / "one.db-wal").write_bytes((tree.source / "other.db-wal").read_bytes())
        strange.close()
        tree.keep("one.db", "one.db-wal")
    elif way == "older format":
        file.unlink()
        older = open_vault(file, KEYS["first"])
        older.execute("PRAGMA cipher_compatibility = 3")
        older.executescript("CREATE TABLE t (x)")
        older.close()
    else:
        content = bytearray(file.read_bytes())
        content[4096 + 50] ^= 1
        file.write_bytes(content)
    _, shown, _ = run("inventory.show", "--source", tree.source, "--system", tree.system, "--json")
    (found,) = shown["databases"]
    said = (found["problem"] or {"fact": ""})["fact"] + "".join(found["integrity"])
    assert (found["key"], expected in said) == ("first", True), said
    if holder is not None:
        holder.close()


# --- inventory.draft -----------------------------------------------------------------------------


def test_a_draft_names_the_keys_and_asks_for_the_target_s(tree: Tree, run: Run, tmp_path: Path) -> None:
    plan = tmp_path / "new" / "plan.yaml"
    code, drafted, _ = run(
        "inventory.draft", "--source", tree.source, "--system", tree.system, "--output", plan, "--json"
    )
    assert code == 0
    assert drafted["keys"] == {"named otherwise": "vault", "one.db": "first", "sub/two.db": "second"}
    text = plan.read_text()
    assert "db_one: {path: one.db, key: first}" in text
    assert "sub_two: {path: sub/two.db, key: second}" in text
    assert "plain: {path: plain.db}" in text
    assert f"# lost.db: is not a database (or is encrypted) {TRIED}" in text
    assert "# cut.db: is truncated" in text
    assert "    encrypt: vault\n" in text
    key_choice = next(choice for choice in drafted["choices"] if "guessed: vault" in choice)
    assert "its rows come from databases under vault, first and second; guessed: vault" in key_choice
    assert not find_planted(plan.parent, values=[CELL, *KEYS.values(), str(ID)])


def test_rows_of_plain_and_encrypted_databases_are_compared(tree: Tree, run: Run, tmp_path: Path) -> None:
    tree.keep("one.db", "plain.db", "sub/two.db")
    plan = tmp_path / "plan.yaml"
    assert run("inventory.draft", "--source", tree.source, "--system", tree.system, "--output", plan)[0] == 0
    text = plan.read_text()
    # one and two share three ids, bob's row is another there; plain has two of these, and bob's as one has it
    assert "7 times one id stands in two files, 3 times with the same row" in text
    assert "1 of 2 ids hold different rows in db_one and plain, 1 of 3 ids hold different rows in db_one" in text


def test_a_draft_of_one_key_can_be_run_with_the_keys_that_made_it(tree: Tree, run: Run, tmp_path: Path) -> None:
    tree.keep("one.db", "plain.db")
    plan, new = tmp_path / "drafted" / "plan.yaml", tmp_path / "new"
    assert run("inventory.draft", "--source", tree.source, "--system", tree.system, "--output", plan)[0] == 0
    text = plan.read_text()
    assert "main: {path: consolidated.db, encrypt: first}" in text
    plan.write_text(re.sub(r"^ *choose:.*\n", "", text, flags=re.MULTILINE))
    code, _, err = run("consolidate.run", "--plan", plan, "--source", tree.source, "--target", new)
    assert code == 0, err
    assert read_vault(new / "consolidated.db", KEYS["first"], "SELECT count(*) FROM people") == [(3,)]
    assert not find_planted(new, values=[CELL])
    assert set(tree.read_uses()) == {("first", "done")}


def test_a_draft_of_plain_databases_alone_names_no_key(tree: Tree, run: Run, tmp_path: Path) -> None:
    tree.keep("plain.db")
    plan = tmp_path / "drafted" / "plan.yaml"
    assert run("inventory.draft", "--source", tree.source, "--system", tree.system, "--output", plan)[0] == 0
    assert "key" not in plan.with_name("system.yaml").read_text()
    assert "encrypt" not in plan.read_text()


WORDS = "correct horse battery staple 32!"


def test_a_database_under_a_passphrase_is_read_and_nothing_new_is_put_under_it(
    tree: Tree, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.keep()
    with closing(open_vault(tree.source / "old.db", None, words=WORDS)) as connection:
        connection.executescript(PEOPLE)
    monkeypatch.setenv("OLD_WORDS", WORDS)
    with (tree.system / "system.yaml").open("a") as stream:
        stream.write("  old: {provider: environment, variable: OLD_WORDS, encoding: passphrase}\n")
    plan, new, saved = tmp_path / "drafted" / "plan.yaml", tmp_path / "new", tmp_path / "saved.db"
    there = ("--source", tree.source, "--system", tree.system)
    _, shown, _ = run("inventory.show", *there, "--json")
    assert [(one["path"], one["key"], one["problem"]) for one in shown["databases"]] == [("old.db", "old", None)]
    code, drafted, _ = run("inventory.draft", *there, "--output", plan, "--json")
    assert (code, "name another key, as keys.init makes them" in drafted["choices"][0]) == (0, True)
    text = re.sub(r"^ *choose:.*\n", "", plan.read_text(), flags=re.MULTILINE)
    asked = ("--plan", plan, "--source", tree.source, "--target", new, "--system", tree.system)
    for task in ("consolidate.run", "consolidate.preview"):
        plan.write_text(text)
        code, _, err = run(task, *asked)
        assert (code, "key old: is a passphrase" in err, new.exists()) == (2, True, False), err
    plan.write_text(text.replace("encrypt: old", "encrypt: vault"))
    code, _, err = run("consolidate.run", *asked)
    assert code == 0, err
    assert read_vault(new / "consolidated.db", KEYS["vault"], "SELECT count(*) FROM people") == [(3,)]
    code, _, err = run("inventory.recover", "--file", tree.source / "old.db", "--to", saved, "--system", tree.system)
    assert (code, can_open(saved, None)) == (0, False), err
    with closing(open_vault(saved, None, words=WORDS)) as connection:
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (3,)


# --- doctor.run ----------------------------------------------------------------------------------


def test_the_doctor_names_keys_and_what_no_key_opens(tree: Tree, run: Run) -> None:
    code, examined, _ = run("doctor.run", "--source", tree.source, "--system", tree.system, "--json")
    found = [(one["level"], one["subject"], one["fact"]) for one in examined["findings"]]
    assert code == 6  # one is cut off
    assert ("error", "cut.db", "is truncated: its last page is not whole, or pages are missing") in found
    assert ("warning", "lost.db", f"{KEYLESS} {TRIED}") in found
    (fact,) = [fact for _, subject, fact in found if subject == "encryption"]
    named = "cut.db (key: second), named otherwise (key: vault), one.db (key: first) and 1 more"
    assert fact == f"4 of 5 databases are encrypted: {named}; what is sorted of them is sorted in memory"
    assert [fact for _, subject, fact in found if subject == "source" and ("dm-crypt" in fact or "not known" in fact)]


def test_the_doctor_tells_versions_apart_and_not_which(tree: Tree, run: Run) -> None:
    tree.keep()
    for name, key, version in (("a.db", "first", "31415926"), ("b.db", None, "27182818")):
        sql = "CREATE TABLE schema_version (module TEXT, version INT);"
        sql += f"INSERT INTO schema_version VALUES ('{CELL}', {version})"
        write_vault(tree.source / name, sql, key and KEYS[key])
    _, out, _ = run("doctor.run", "--source", tree.source, "--system", tree.system)
    assert "one module is at several in a.db, b.db; which, is not told of encrypted ones" in out
    assert "31415926" not in out


# --- inventory.recover ---------------------------------------------------------------------------


def test_what_is_left_of_a_truncated_encrypted_file_is_saved_under_its_key(
    tree: Tree, run: Run, tmp_path: Path
) -> None:
    damaged, saved = tree.source / "cut.db", tmp_path / "saved" / "cut.db"
    before = damaged.read_bytes()
    code, result, err = run(
        "inventory.recover", "--file", damaged, "--to", saved, "--system", tree.system, "--json"
    )  # fmt: skip
    assert (code, damaged.read_bytes() == before) == (0, True), err
    assert (result["key"], result["way"]) == ("second", "read around the damage")
    rows = read_vault(saved, KEYS["second"], "SELECT id, v FROM large")
    assert 300 < len(rows) < 700
    assert all(value == f"{number:040d}" for number, value in rows)
    assert result["lost"] == ["large: the rows after some id, if any"]
    assert not can_open(saved, None)
    assert [path.name for path in saved.parent.iterdir()] == ["cut.db"]


def test_a_plain_file_that_is_cut_off_is_read_as_far_as_it_goes(
    tree: Tree, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no sqlite3 there
    file, saved = write_vault(tree.source / "plainly.db", LARGE, None), tmp_path / "saved.db"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2 + 1000])
    code, result, err = run("inventory.recover", "--file", file, "--to", saved, "--json")
    numbers = [number for (number,) in read_vault(saved, None, "SELECT id FROM large ORDER BY id")]
    assert (code, numbers[0], numbers == list(range(1, numbers[-1] + 1))) == (0, 1, True), err
    assert result["lost"] == [f"large: the rows after id {numbers[-1]}, if any"]


@pytest.mark.parametrize("damage", ["zeros", "one bit", "two places"])
def test_rows_behind_the_damage_of_an_encrypted_file_are_found(
    tree: Tree, run: Run, tmp_path: Path, damage: str
) -> None:
    damaged, saved = tree.source / "named otherwise", tmp_path / "saved.db"
    content = bytearray(damaged.read_bytes())
    pages = len(content) // 4096
    for page in [pages // 2] if damage != "two places" else [pages // 3, pages * 2 // 3]:
        if damage == "zeros":
            content[page * 4096 : page * 4096 + 4096] = bytes(4096)
        else:
            content[page * 4096 + 77] ^= 1
    damaged.write_bytes(content)
    code, result, err = run("inventory.recover", "--file", damaged, "--to", saved, "--system", tree.system, "--json")
    assert code == 0, err
    numbers = [number for (number,) in read_vault(saved, KEYS["vault"], "SELECT id FROM large ORDER BY id")]
    assert numbers[0] == 1
    assert numbers[-1] == 1000
    assert 700 < len(numbers) < 1000
    assert len(result["lost"]) == (2 if damage == "two places" else 1)
    assert read_vault(saved, KEYS["vault"], "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("key", [None, "first"])
def test_rows_that_stand_in_the_log_alone_are_saved_too(
    tree: Tree, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no sqlite3 there
    file, saved = tree.source / "logged.db", tmp_path / "saved.db"
    write_vault(file, "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)", key and KEYS[key])
    holder = open_vault(file, key and KEYS[key])
    holder.execute("INSERT INTO t VALUES (2)")
    holder.commit()
    assert file.with_name("logged.db-wal").stat().st_size
    code, _, err = run("inventory.recover", "--file", file, "--to", saved, "--system", tree.system)
    holder.close()
    assert code == 0, err
    assert read_vault(saved, key and KEYS[key], "SELECT x FROM t") == [(1,), (2,)]


@pytest.mark.parametrize("key", [None, "first"])
def test_marks_and_the_header_come_along(
    tree: Tree, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file, saved = tree.source / "marked.db", tmp_path / "saved.db"
    sql = """
    CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x);
    CREATE TABLE emptied (id INTEGER PRIMARY KEY AUTOINCREMENT, x);
    INSERT INTO t VALUES (1, 'a'), (90, 'b'); DELETE FROM t WHERE id = 90;
    INSERT INTO emptied VALUES (50, 'b'); DELETE FROM emptied;
    PRAGMA user_version = 12; PRAGMA application_id = 77;
    """
    write_vault(file, sql, key and KEYS[key])
    assert run("inventory.recover", "--file", file, "--to", saved, "--system", tree.system)[0] == 0
    held = key and KEYS[key]
    assert read_vault(saved, held, "SELECT name, seq FROM sqlite_sequence ORDER BY 1") == [("emptied", 50), ("t", 90)]
    assert read_vault(saved, held, "PRAGMA user_version") + read_vault(saved, held, "PRAGMA application_id") == [
        (12,),
        (77,),
    ]


def test_a_log_that_is_another_s_is_left_aside_and_said(tree: Tree, run: Run, tmp_path: Path) -> None:
    strange, saved = tree.source / "strange.db", tmp_path / "saved.db"
    write_vault(strange, "PRAGMA journal_mode = WAL; CREATE TABLE t (x)", KEYS["second"])
    holder = open_vault(strange, KEYS["second"])
    holder.execute("INSERT INTO t VALUES (2)")
    holder.commit()
    (tree.source / "one.db-wal").write_bytes((tree.source / "strange.db-wal").read_bytes())
    holder.close()
    code, result, err = run(
        "inventory.recover", "--file", tree.source / "one.db", "--to", saved, "--system", tree.system, "--json"
    )
    assert (code, result["key"], result["tables"]) == (0, "first", {"people": 3, "bag": 3}), err
    assert result["lost"] == ["what stood in its -wal: it makes the file unreadable, and was left aside"]


def test_what_no_key_opens_is_not_recovered_as_plain(tree: Tree, run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "saved.db"
    code, _, err = run("inventory.recover", "--file", tree.source / "lost.db", "--to", saved, "--system", tree.system)
    assert (code, TRIED in err, saved.exists()) == (12, True, False), err
    code, _, err = run("inventory.recover", "--file", tree.source / "noise.db", "--to", saved, "--system", tree.system)
    assert (code, saved.exists(), err.startswith(f"error: {tree.source}/noise.db: ")) == (6, False, True), err
