"""Encrypted sources into an encrypted target: proven, and nothing of them in plain, at no moment and nowhere."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.consolidate import attempt
from strongroom.core.config import SQLITE_VARIABLE
from strongroom.core.secret import Secret
from strongroom.sqlite.keyring import SCRATCH
from tests.e2e.vault import (
    EXPECTED,
    KEYS,
    OTHER,
    PLAN,
    PLANTED,
    build_vault,
    can_open,
    find_planted,
    give_keys,
    open_vault,
    read_vault,
    seen_at_every_checkpoint,
    undress,
    use_temporary,
    write_vault,
)
from tests.faults.child import Driver, find_session, open_driver
from tests.faults.scene import Scene, find_leftovers, photograph, read_bytes_kept, run, run_with, write_system
from tests.processes import wait_until

CHECKPOINTS = [
    "snapshot",
    "merge",
    "verify",
    "publish",
    "publish.intent",
    "publish.main.db",
    "publish.closed",
    "published",
]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_temporary(monkeypatch, tmp_path / "temporary")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path) -> Iterator[Scene]:
    """Give the system and its keys; no key is anywhere afterwards, whatever a test did."""
    give_keys(monkeypatch)
    built = build_vault(tmp_path)
    yield built
    texts = [form for key in KEYS.values() for form in (key, bytes.fromhex(key).decode("latin-1"))]
    assert find_planted(built.target, temporary, values=texts) == []
    for key in KEYS.values():
        assert all(key not in value for value in os.environ.values())


def check_target(scene: Scene) -> None:
    found = {query: read_vault(scene.target / "main.db", KEYS["vault"], query) for query in EXPECTED}
    assert found == EXPECTED


@pytest.mark.parametrize("library", ["system", "bundled"])
@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_encrypted_is_proven_and_nowhere_in_plain(
    scene: Scene, temporary: Path, monkeypatch: pytest.MonkeyPatch, processes: int, library: str
) -> None:
    sources = read_bytes_kept(scene.source)
    monkeypatch.setenv(SQLITE_VARIABLE, library)
    monkeypatch.setenv("STRONGROOM_JOBS", str(processes))
    monkeypatch.setattr(attempt, "_WORTH_PROCESSES", 0)
    with seen_at_every_checkpoint(scene.target, temporary) as (look, seen):
        ended = run_with(monkeypatch, look, scene.argv("run", "--fingerprints", "--json"))
    assert ended.code == 0, ended.err
    assert ended.json["verdict"] == "PROVEN_WITH_QUARANTINE"
    assert ended.json["quarantined"] == 1
    assert find_planted_in_text(ended.out + ended.err) == []
    assert {name: found for name, found in seen.items() if found} == {}
    assert list(seen) == CHECKPOINTS
    assert find_planted(scene.target, temporary) == []
    assert list(temporary.iterdir()) == []
    assert read_bytes_kept(scene.source) == sources
    check_target(scene)


def find_planted_in_text(text: str) -> list[str]:
    return [value for value in PLANTED.values() if value in text]


def test_every_file_of_ours_that_holds_rows_has_the_targets_key(scene: Scene) -> None:
    assert run(scene.argv()).code == 0
    files = [
        path for folder in (scene.target, scene.home) for path in folder.rglob("*.db") if not path.name.endswith("-shm")
    ]
    names = {path.name for path in files}
    assert {"main.db", "archive.db", "one.db", "two.db", "open.db", "doc.json.db"} <= names
    for path in files:
        assert can_open(path, KEYS["vault"]), path
        assert not can_open(path, None), path
        assert not can_open(path, KEYS["first"]), path
        assert not can_open(path, OTHER), path
    assert not list(scene.target.rglob("doc.json")), "the document lies there in plain"


def test_the_search_finds_a_plain_run_of_the_same_sources(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = build_vault(tmp_path, plan=undress(PLAN), keys={})
    with seen_at_every_checkpoint(scene.target, temporary) as (look, seen):
        ended = run_with(monkeypatch, look, scene.argv())
    assert ended.code == 0, ended.err
    found = "\n".join(find_planted(scene.target))
    assert all(value[:40] in found for value in PLANTED.values())
    for part in ("backup", "ledger", "archive.db", "main.db"):
        assert part in found
    assert all("stage" in "\n".join(seen[name]) for name in ("verify", "publish"))
    assert all(seen[name] for name in CHECKPOINTS[1:])


def test_what_stands_in_the_snapshots_is_what_stood_in_the_sources(scene: Scene) -> None:
    assert run(scene.argv()).code == 0
    backup = next((scene.target / "backup").iterdir())
    for query, name in (
        ("SELECT * FROM users", "one.db"),
        ("SELECT * FROM cache", "one.db"),
        ("SELECT * FROM users", "sub/two.db"),
        ("SELECT * FROM sqlite_sequence", "sub/two.db"),
        ("SELECT rowid, * FROM bag", "open.db"),
        ("SELECT * FROM tags", "open.db"),
        ("SELECT rowid, * FROM notes WHERE notes MATCH 'quagmire'", "open.db"),
        ("SELECT * FROM notes_data", "open.db"),
        ("PRAGMA integrity_check", "open.db"),
    ):
        key = {"one.db": KEYS["first"], "sub/two.db": KEYS["second"]}.get(name)
        rows = read_vault(scene.source / name, key, query)
        assert rows
        assert read_vault(backup / name, KEYS["vault"], query) == rows


def test_verify_explain_and_quarantine_need_the_key_and_show_the_rows(
    scene: Scene, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(scene.argv()).code == 0
    ended = run(scene.argv("verify", "--json"))
    assert (ended.code, ended.json["verdict"]) == (0, "PROVEN_WITH_QUARANTINE"), ended.err
    assert PLANTED["superseded"] in run(scene.argv("explain")).out
    assert PLANTED["superseded"] in run(scene.argv("explain", "--key", "ann")).out
    assert PLANTED["quarantined"] in run(scene.argv("quarantine")).out
    assert run(scene.argv("status")).code == 0
    assert find_planted(scene.target, temporary) == []
    give_keys(monkeypatch, {name: key for name, key in KEYS.items() if name != "vault"})
    for task in ("verify", "explain", "quarantine", "rollback"):
        ended = run(scene.argv(task))
        assert (ended.code, ended.error) == (12, "error: key vault: is not at hand"), task


def test_a_rerun_has_nothing_to_do_until_a_row_changes(scene: Scene) -> None:
    assert run(scene.argv()).code == 0
    for name, key in (("one.db", KEYS["first"]), ("open.db", None)):
        file = scene.source / name
        file.chmod(0o644)
        assert "nothing to do" in run(scene.argv()).out, name
        with open_vault(file, key) as connection:  # nothing but a checkpoint, and another journal mode
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA wal_checkpoint (TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        assert "nothing to do" in run(scene.argv()).out, name
        with open_vault(file, key) as connection:
            connection.execute("UPDATE profiles SET seen = '2030' WHERE email = 'dan@x'")
            connection.execute("UPDATE profiles SET seen = '2030' WHERE email = 'bob@x'")
        connection.close()
        ended = run(scene.argv())
        assert ended.code == 6, name
        ended = run(scene.argv("run", "--replace", "--json"))
        assert ended.code == 0, ended.err
        assert not ended.json["nothing_done"]


def test_a_plan_lock_knows_the_content(scene: Scene, temporary: Path) -> None:
    assert run(scene.argv("preview")).code == 0
    assert find_planted(scene.target, temporary) == []
    assert list(temporary.iterdir()) == []
    with open_vault(scene.source / "sub" / "two.db", KEYS["second"]) as connection:
        connection.execute("UPDATE users SET note = 'd' WHERE id = 1")
    connection.close()
    ended = run(scene.argv())
    assert (ended.code, ended.error) == (6, "error: sub/two.db: changed since the preview")
    assert run(scene.argv("preview")).code == 0
    assert run(scene.argv()).code == 0


def test_check_and_dry_run_leave_nothing(scene: Scene, temporary: Path) -> None:
    argv = ["inv", "consolidate.check", "--system", str(scene.system)]
    assert run(argv).code == 0
    assert run([*argv, "--source", str(scene.source)]).code == 0
    assert run(scene.argv("run", "--dry-run")).code == 0
    assert not scene.target.exists() or photograph(scene.target) == {}
    assert list(temporary.iterdir()) == []


def test_rollback_and_finalize_give_every_source_back(scene: Scene, temporary: Path) -> None:
    before = {query: read_vault(scene.source / name, key, query) for query, name, key in _ASKED}
    document = (scene.source / "doc.json").read_bytes()
    assert run(scene.argv()).code == 0
    ended = run(scene.argv("finalize", "--retention-days", "0", "--keep-undecided"))
    assert ended.code == 0, ended.err
    assert not list(scene.source.rglob("*.db"))
    assert find_planted(scene.target, temporary) == []
    ended = run(scene.argv("rollback"))
    assert ended.code == 0, ended.err
    assert "with the same content: open.db" in ended.out
    assert not (scene.target / "main.db").exists()
    assert {query: read_vault(scene.source / name, key, query) for query, name, key in _ASKED} == before
    assert (scene.source / "doc.json").read_bytes() == document
    assert can_open(scene.source / "one.db", KEYS["first"])
    assert not can_open(scene.source / "one.db", KEYS["vault"])
    assert find_planted(scene.target, temporary) == []
    ended = run(scene.argv("run", "--json"))
    assert ended.code == 0, ended.err
    check_target(scene)


_ASKED = (
    ("SELECT id, name, note, face FROM users", "one.db", KEYS["first"]),
    ("SELECT id, body, user_id FROM posts", "sub/two.db", KEYS["second"]),
    ("SELECT rowid, v, w FROM bag", "open.db", None),
    ("SELECT rowid, body FROM notes WHERE notes MATCH 'quagmire'", "open.db", None),
)


def test_finalize_refuses_a_source_that_changed(scene: Scene) -> None:
    assert run(scene.argv()).code == 0
    (scene.source / "one.db").chmod(0o644)
    with open_vault(scene.source / "one.db", KEYS["first"]) as connection:
        connection.execute("INSERT INTO users VALUES (9, 'new', NULL, NULL)")
    connection.close()
    ended = run(scene.argv("finalize", "--retention-days", "0", "--keep-undecided"))
    assert ended.code == 6
    assert ended.error.endswith("was written to since it was consolidated")


IN_PLACE = """\
version: 1
sources:
  house: {path: house.db, trust: 90%s}
  auth: {path: auth.db, key: second}
targets:
  main: {path: house.db, schema: sqlite/main.sql, encrypt: vault}
tables:
  - {into: main.t, from: [house.t, auth.t], on_conflict: {rule: prefer}}
"""


def build_in_place(root: Path, key: str | None, mode: str) -> Scene:
    said = "" if key is None else f", key: {key}"
    schema = "CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT);"
    system = write_system(root / "inplace", IN_PLACE % said, {"main": schema})
    rows = f"{schema} INSERT INTO t VALUES ('a', '{PLANTED['kept']}'), ('b', '1');"
    folder = root / "data"
    write_vault(folder / "house.db", f"PRAGMA journal_mode = {mode}; {rows}", KEYS.get(key or ""))
    write_vault(folder / "auth.db", f"{schema} INSERT INTO t VALUES ('b', '2'), ('c', '3');", KEYS["second"])
    return Scene(system=system, source=folder, target=folder)


BEFORE = [("a", PLANTED["kept"]), ("b", "1")]
AFTER = [*BEFORE, ("c", "3")]


def check_in_place(scene: Scene, key: str | None) -> None:
    """Make sure that the target stands in its source's place, and that this one comes back under its own key."""
    live, value = scene.source / "house.db", KEYS.get(key or "")
    assert read_vault(live, KEYS["vault"], "SELECT * FROM t ORDER BY k") == AFTER
    assert "nothing to do" in run(scene.argv()).out
    assert run(scene.argv("verify")).code == 0
    assert [can_open(path, value) for path in scene.home.rglob("previous/house.db")] == [True]
    ended = run(scene.argv("rollback"))
    assert ended.code == 0, ended.err
    assert read_vault(live, value, "SELECT * FROM t ORDER BY k") == BEFORE


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("key", [None, "first"])
def test_a_target_in_place_of_a_source_changes_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path, key: str | None, mode: str
) -> None:
    give_keys(monkeypatch)
    scene = build_in_place(tmp_path, key, mode)
    ended = run(scene.argv("run", "--json"))
    assert ended.code == 0, ended.err
    assert ended.json["verdict"] == "PROVEN"
    check_in_place(scene, key)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("moment", ["publish.intent", "publish.house.db"])
@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("key", [None, "first"])
def test_a_kill_while_a_source_is_replaced_is_finished_with_both_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: Driver, key: str | None, mode: str, moment: str
) -> None:
    scene = build_in_place(tmp_path, key, mode)
    assert driver.run(scene.argv(), checkpoint=moment, keys=KEYS).code == -9
    give_keys(monkeypatch, {name: text for name, text in KEYS.items() if name != "vault"})
    ended = run(scene.argv())
    assert (ended.code, ended.error) == (12, "error: key vault: is not at hand")
    ended = driver.run(scene.argv(), keys=KEYS)
    assert ended.code == 0, ended.err
    give_keys(monkeypatch)
    check_in_place(scene, key)


def test_a_published_target_is_replaced_by_one_under_another_key(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(scene.argv()).code == 0
    plan = scene.system / "plan.yaml"
    plan.write_text(PLAN.replace("encrypt: vault", "encrypt: other"))
    give_keys(monkeypatch, {**KEYS, "other": OTHER})
    ended = run(scene.argv("run", "--replace"))
    assert ended.code == 0, ended.err
    assert can_open(scene.target / "main.db", OTHER)
    assert run(scene.argv("verify")).code == 0
    assert run(scene.argv("rollback")).code == 0
    check_target(scene)
    assert run(scene.argv("verify")).code == 0


def test_targets_under_several_keys_share_a_snapshot(
    scene: Scene, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = PLAN.replace("copy:\n", "  side: {path: side.db, encrypt: other}\ncopy:\n  side: [one.cache]\n")
    plan = plan.replace("key: first}", "key: first, alias_of: main}")
    (scene.system / "plan.yaml").write_text(plan[: plan.index("drop:")])
    give_keys(monkeypatch, {**KEYS, "other": OTHER})
    ended = run(scene.argv("run", "--json"))
    assert ended.code == 0, ended.err
    check_target(scene)
    assert read_vault(scene.target / "side.db", OTHER, "SELECT v FROM cache") == [(PLANTED["dropped"],)]
    assert can_open(next((scene.target / "backup").rglob("one.db")), KEYS["vault"])
    assert run(scene.argv("verify")).code == 0
    assert find_planted(scene.target, temporary) == []


def test_a_key_may_bring_its_salt(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    salted = KEYS["vault"] + "5a" * 16
    give_keys(monkeypatch, {**KEYS, "vault": salted})
    assert run(scene.argv()).code == 0
    assert (scene.target / "main.db").read_bytes()[:16] == b"\x5a" * 16
    assert can_open(scene.target / "main.db", salted)
    assert run(scene.argv("verify")).code == 0


def test_a_target_is_plain_where_the_plan_says_so(scene: Scene, temporary: Path) -> None:
    (scene.system / "plan.yaml").write_text(PLAN.replace("encrypt: vault", "encrypt: false"))
    ended = run(scene.argv("run", "--json"))
    assert ended.code == 0, ended.err
    assert {query: read_vault(scene.target / "main.db", None, query) for query in EXPECTED} == EXPECTED
    backup = next((scene.target / "backup").iterdir())
    assert can_open(backup / "one.db", KEYS["first"])
    assert can_open(backup / "open.db", None)
    assert find_planted(backup, scene.home, values=[PLANTED["dropped"], PLANTED["kept"]]) == []
    assert list(temporary.iterdir()) == []
    assert run(scene.argv("verify")).code == 0
    assert PLANTED["superseded"] in run(scene.argv("explain")).out
    assert run(scene.argv("rollback")).code == 0


def drop_key(name: str) -> Callable[[Scene, pytest.MonkeyPatch], None]:
    def drop(_scene: Scene, patch: pytest.MonkeyPatch) -> None:
        give_keys(patch, {known: key for known, key in KEYS.items() if known != name})

    return drop


def give(name: str, key: str) -> Callable[[Scene, pytest.MonkeyPatch], None]:
    return lambda _scene, patch: give_keys(patch, {**KEYS, name: key})


def rewrite(name: str, sql: str, key: str | None) -> Callable[[Scene, pytest.MonkeyPatch], None]:
    def change(scene: Scene, _patch: pytest.MonkeyPatch) -> None:
        for path in (scene.source / name).parent.glob(f"{Path(name).name}*"):
            path.unlink()
        write_vault(scene.source / name, sql, key)

    return change


def replan(old: str, new: str) -> Callable[[Scene, pytest.MonkeyPatch], None]:
    def change(scene: Scene, _patch: pytest.MonkeyPatch) -> None:
        assert old in PLAN
        (scene.system / "plan.yaml").write_text(PLAN.replace(old, new))

    return change


WRONG = {
    "a source's key is missing": (drop_key("first"), 12, "key first: is not at hand"),
    "the target's key is missing": (drop_key("vault"), 12, "key vault: is not at hand"),
    "a key is too short": (give("second", KEYS["second"][:-2]), 12, "key second: is no raw key"),
    "a key is a passphrase": (give("vault", "correct horse"), 12, "key vault: is no raw key"),
    "a key is another's": (give("second", OTHER), 12, "two.db: is not opened by key second"),
    "a plain file is declared encrypted": (
        rewrite("sub/two.db", "CREATE TABLE t (a);", None),
        12,
        "two.db: is not encrypted, and has key second",
    ),
    "an encrypted file is declared plain": (
        rewrite("open.db", "CREATE TABLE t (a);", OTHER),
        6,
        "open.db: is not a database (or is encrypted)",
    ),
    "the target is plain without a word": (
        replan(", encrypt: vault", ""),
        2,
        "plan.yaml:9: main would hold rows of the encrypted source one, and is plain",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("task", ["run", "preview", "run --dry-run"])
def test_what_is_wrong_with_a_key_is_one_line_and_nothing_is_written(
    scene: Scene, temporary: Path, monkeypatch: pytest.MonkeyPatch, task: str, wrong: str
) -> None:
    make_wrong, code, said = WRONG[wrong]
    make_wrong(scene, monkeypatch)
    before = read_bytes_kept(scene.source)
    name, *flags = task.split()
    ended = run(scene.argv(name, *flags))
    assert ended.code == code, ended.err
    assert ended.error.endswith(said)
    assert all(key not in ended.err + ended.out for key in (*KEYS.values(), OTHER, "correct horse"))
    assert read_bytes_kept(scene.source) == before
    assert photograph(scene.target) == {}
    if code in (2, 12):
        assert not scene.home.exists(), "it began before it knew that it cannot"
    assert find_planted(scene.target, temporary) == []
    assert list(temporary.iterdir()) == []


def test_rows_are_not_exported_in_plain(scene: Scene) -> None:
    ended = run(scene.argv("run", "--export-json"))
    assert ended.code == 2
    assert "would write rows in plain text" in ended.error
    assert not scene.target.exists()


def test_a_wrong_answer_and_a_refusal_show_no_cell(scene: Scene) -> None:
    asked = 'checks:\n  - {sql: "SELECT note FROM main.users WHERE id = 1", expect: nothing}\n'
    (scene.system / "plan.yaml").write_text(PLAN + asked)
    ended = run(scene.argv("run", "--json"))
    assert ended.code == 3
    assert ended.json["differences"] == [
        "check: SELECT note FROM main.users WHERE id = 1 gives another value and should give 'nothing'"
    ]
    assert find_planted(scene.target) == []


def test_rows_that_a_constraint_refuses_wait_encrypted(scene: Scene, temporary: Path) -> None:
    schema = scene.system / "sqlite" / "main.sql"
    schema.write_text(schema.read_text().replace("line TEXT)", "line TEXT CHECK (line NOT LIKE 'planted%'))"))
    ended = run(scene.argv("run", "--json"))
    assert ended.code == 0, ended.err
    assert ended.json["quarantined"] == 2
    assert PLANTED["plain"] in run(scene.argv("quarantine")).out
    assert run(scene.argv("verify")).code == 0
    assert find_planted(scene.target, temporary) == []


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    root = tmp_path_factory.mktemp("driver")
    with pytest.MonkeyPatch.context() as patch:
        use_temporary(patch, root / "temporary")
        with open_driver(root) as opened:
            yield opened


@pytest.mark.sample(2)
@pytest.mark.parametrize("moment", CHECKPOINTS)
@pytest.mark.parametrize("processes", [False, True])
def test_a_kill_leaves_nothing_in_plain_and_the_same_command_goes_on(
    scene: Scene, driver: Driver, tmp_path_factory: pytest.TempPathFactory, moment: str, processes: bool
) -> None:
    temporary = next(tmp_path_factory.getbasetemp().glob("driver*/temporary"))
    ended = driver.run(scene.argv(), checkpoint=moment, keys=KEYS, processes=processes)
    assert ended.code == -9, ended.err
    assert find_planted(scene.target, temporary) == []
    ended = driver.run(scene.argv("run", "--json"), keys=KEYS, processes=processes)
    assert ended.code == 0, ended.err
    assert ended.json["verdict"] == "PROVEN_WITH_QUARANTINE"
    check_target(scene)
    assert find_leftovers(scene) == []
    assert find_planted(scene.target, temporary) == []


def test_keys_are_in_no_pickle_no_argument_and_no_environment(scene: Scene, driver: Driver) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(KEYS["vault"]))
    hold = scene.system / "go"
    driver.start(scene.argv(), checkpoint="verify", hold=str(hold), keys=KEYS, processes=True)
    try:
        wait_until(hold.with_suffix(".reached").exists, 60.0)
        pids = find_session(driver.pid)
        assert len(pids) == 3, "the command and its two workers"
        for pid in pids:
            for file in ("cmdline", "environ"):
                held = Path(f"/proc/{pid}/{file}").read_bytes()
                assert held or file == "environ"
                assert all(key.encode() not in held and bytes.fromhex(key) not in held for key in KEYS.values())
    finally:
        hold.touch()
        ended = driver.finish()
    assert ended.code == 0, ended.err
    documents = [path.read_text() for path in scene.home.rglob("*.json")]
    assert any('"key": "vault"' in text for text in documents)
    assert all(SCRATCH not in text for text in documents)
    assert json.loads(max(documents, key=len))
