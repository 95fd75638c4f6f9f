"""Values of columns that the plan calls secret are shown nowhere, whatever they are called in the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.scene import Scene, run, write_database, write_system

SECRET = "PAYLOAD-OF-A-SECRET"
SCHEMA = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, token TEXT, pin INTEGER);"
PLAN = """\
version: 1
sources: {live: {path: live.db}, old: {path: old.db}}
targets: {new: {path: new.db, schema: sqlite/new.sql}}
tables:
  - into: new.users
    from: [live.users, {table: old.accounts, columns: {token: key_text}}]
    key: [name]
    identity: {column: id, strategy: renumber}
    on_conflict: {rule: RULE}
    secret: [Token, pin]
"""
LIVE = SCHEMA + f"INSERT INTO users VALUES (1, 'ann', '{SECRET}-1', 71717), (2, 'bob', NULL, NULL)"
OLD = (
    "CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT UNIQUE, key_text TEXT, pin INTEGER);"
    f"INSERT INTO accounts VALUES (1, 'ann', '{SECRET}-2', 71717), (2, 'cid', '{SECRET}-3', 72727),"
    f" (3, 'bob', '{SECRET}-4', NULL)"
)


def set_up(folder: Path, plan: str) -> Scene:
    system = write_system(folder / "s", plan, {"new": SCHEMA})
    write_database(folder / "source" / "live.db", LIVE)
    write_database(folder / "source" / "old.db", OLD)
    return Scene(system=system, source=folder / "source", target=folder / "target")


@pytest.mark.parametrize("rule", ["prefer", "merge", "quarantine"])
@pytest.mark.parametrize("flags", [(), ("--json",), ("--key", "ann"), ("--key", f"{SECRET}-2")], ids=str)
def test_explain_and_quarantine_mask_secret_columns(tmp_path: Path, rule: str, flags: tuple[str, ...]) -> None:
    scene = set_up(tmp_path, PLAN.replace("RULE", rule))
    run(scene.argv("run", "--quarantine-budget", "9"))
    shown = run(scene.argv("explain", *flags))
    waiting = run(scene.argv("quarantine", *flags[:1] if flags == ("--json",) else ()))
    assert (shown.code, waiting.code) == (0, 0), shown.err
    assert "•••" in shown.out
    for out in (shown.out, shown.err, waiting.out, waiting.err):
        assert SECRET not in out
        assert "71717" not in out
        assert "72727" not in out


def test_null_stays_null_and_what_differs_is_named(tmp_path: Path) -> None:
    scene = set_up(tmp_path, PLAN.replace("RULE", "prefer"))
    assert run(scene.argv()).code == 0
    rows = {row["rowid"]: row for row in run(scene.argv("explain", "--table", "old.accounts", "--json")).json["rows"]}
    assert rows[1]["values"] == {"id": "1", "name": "'ann'", "key_text": "•••", "pin": "•••"}
    assert rows[1]["target"] == {"id": "1", "name": "'ann'", "token": "•••", "pin": "•••"}
    assert "pin" not in rows[1]["differs"]
    assert rows[3]["values"]["pin"] == "NULL"
    assert rows[3]["target"]["token"] == "NULL"


REFERRING = """\
version: 1
sources: {live: {path: live.db}, old: {path: old.db}}
targets: {new: {path: new.db}}
tables:
  - {into: new.keys, from: [live.keys, old.keys], key: [name], identity: {column: token, strategy: uuid5},
     on_conflict: {rule: prefer}, secret: [token], references: [new.uses.token]}
  - {into: new.uses, from: [live.uses, old.uses], on_conflict: {rule: prefer}, secret: [token]}
"""
KEYS = "CREATE TABLE keys (token TEXT PRIMARY KEY, name TEXT); CREATE TABLE uses (id INTEGER PRIMARY KEY, token TEXT);"


def test_reasons_that_name_old_and_new_ids_do_not_name_secret_ones(tmp_path: Path) -> None:
    system = write_system(tmp_path / "s", REFERRING)
    scene = Scene(system=system, source=tmp_path / "source", target=tmp_path / "target")
    for name, first in (("live", 1), ("old", 2)):
        rows = (
            f"INSERT INTO keys VALUES ('{SECRET} it''s', '{name}'); INSERT INTO uses VALUES ({first}, '{SECRET} it''s')"
        )
        write_database(scene.source / f"{name}.db", KEYS + rows)
    assert run(scene.argv()).code == 0
    rows = run(scene.argv("explain", "--json")).json["rows"]
    assert {row["reason"] for row in rows} == {"token •••"}
    assert SECRET not in str(rows)


def test_a_secret_column_that_is_not_there_is_an_error_of_the_plan(tmp_path: Path) -> None:
    scene = set_up(tmp_path, PLAN.replace("RULE", "prefer").replace("Token", "tokne"))
    argv = ["inv", "consolidate.check", "--system", str(scene.system), "--source", str(scene.source)]
    ended = run(argv)
    assert ended.code == 2
    assert "has no column 'tokne'" in ended.error


def test_what_a_column_would_store_as_another_value_is_counted_and_not_shown(tmp_path: Path) -> None:
    scene = set_up(tmp_path, PLAN.replace("RULE", "prefer"))
    (scene.system / "sqlite" / "new.sql").write_text(SCHEMA.replace("pin INTEGER", "pin TEXT"))
    argv = ["inv", "consolidate.check", "--system", str(scene.system), "--source", str(scene.source)]
    ended = run(argv)
    assert ended.code == 2
    assert "1 value of live.users.pin would be stored" in ended.error


def test_a_question_of_the_plan_does_not_tell_a_secret_and_tells_a_number(tmp_path: Path) -> None:
    asked = "checks: [{sql: 'SELECT token FROM users', expect: x}, {sql: 'SELECT count(token) FROM users', expect: 9}]"
    scene = set_up(tmp_path, PLAN.replace("RULE", "prefer") + asked.replace("FROM users", "FROM new.users"))
    ended = run(scene.argv("run", "--json"))
    assert ended.code == 3
    assert SECRET not in ended.out + ended.err
    assert any("gives 2 and should give 9" in difference for difference in ended.json["differences"])
