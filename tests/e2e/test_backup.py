"""backup.* from the first command line to the last, in a folder and in a repository; what is wrong is one line each."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.backup_scene import ENGINES, MEMBERS, ONE_SET, PASSWORD, Shop, execute, provide_templates
from tests.e2e.vault import KEYS, can_open, read_vault
from tests.integration.keys.servers import Playing, playing
from tests.restic import run_restic

ADDRESS = "/planted-address-of-the-switch-4711"
ROWS = {"app.db": 3, "core.db": 2, "vault.db": 2, "replays/one.json": 0, "state.json": 0}
COUNT = "SELECT count(*) FROM people"
Templates = Mapping[str, Shop]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """By engine: an application whose store holds nothing."""
    return provide_templates(tmp_path_factory)


@pytest.fixture(params=ENGINES)
def shop(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> Shop:
    return templates[request.param].copy_to(tmp_path)


@pytest.fixture
def plain(templates: Templates, tmp_path: Path) -> Shop:
    """One whose store is a folder, where it makes no difference."""
    return templates["folder"].copy_to(tmp_path)


@pytest.fixture
def switch() -> Iterator[Playing]:
    with playing() as server:
        yield server


def content_of(shop: Shop, name: str, into: Path) -> Path:
    """Return the files of a set, taken out of the store without our code."""
    if shop.engine == "folder":
        return shop.store / "sets" / name
    entry = json.loads((shop.store / "catalog" / f"{name}.json").read_text())
    ended = run_restic(shop.store / "restic", PASSWORD, "restore", entry["locator"], "--target", into)
    assert ended.returncode == 0, ended.stderr
    return into


def test_a_set_is_taken_read_rehearsed_copied_and_given_up(shop: Shop) -> None:
    assert (shop.made["engine"], shop.made["system"], shop.made["dry_run"]) == (shop.engine, "shop", False)
    assert (shop.made["escrow"] is None) == (shop.engine == "folder")
    first = shop.ask("backup.create")
    assert (first["members"], first["missing"], first["rows"]) == (MEMBERS, [], 7)
    assert first["unnamed"] == ["stray.txt"]
    second = shop.create()
    listed = shop.ask("backup.list")
    assert [(one["set"], one["state"], one["rows"]) for one in listed["sets"]] == [
        (first["set"], "verified", 7),
        (second, "verified", 7),
    ]
    shown = shop.ask("backup.show", "--set", first["set"])
    assert {one["name"]: sum(table["rows"] for table in one["tables"].values()) for one in shown["members"]} == ROWS
    assert shop.ask("backup.status", code=7)["waiting"] == []  # nothing was rehearsed yet
    for words, part in (((), [1, 7]), (("--full",), None)):
        verified = shop.ask("backup.verify", *words)
        assert (list(verified["sets"].values()), verified["documents"]) == ([[], []], {})
        assert verified["part"] == (part if shop.engine == "restic" else None)
    drilled = shop.ask("backup.drill")
    assert (drilled["set"], drilled["facts"], drilled["rows"]) == (second, [], 7)
    assert shop.ask("backup.drill", "--at", "random")["set"] in (first["set"], second)
    assert next(age["set"] for age in shop.ask("backup.status")["ages"]) == second
    shop.must("backup.init", "--second")
    assert shop.ask("backup.copy")["copied"] == [first["set"], second]
    assert shop.ask("backup.copy")["there"] == [first["set"], second]
    assert [one["set"] for one in shop.ask("backup.list", "--store", "second")["sets"]] == [first["set"], second]
    assert shop.ask("backup.drill", "--store", "second")["facts"] == []
    shop.describe(keep=ONE_SET)
    assert shop.ask("backup.prune")["removed"] == [first["set"]]
    assert (shop.list_sets(), shop.list_sets(shop.second)) == ([second], [first["set"], second])
    assert shop.ask("backup.drill")["facts"] == []


def test_a_set_holds_what_the_application_had_written(shop: Shop, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in shop.data.rglob("*") if path.is_file()}
    folder = content_of(shop, shop.create(), tmp_path / "out")
    assert {path: path.read_bytes() for path in before} == before
    with closing(sqlite3.connect(folder / "data" / "app.db")) as connection:
        assert connection.execute("SELECT name FROM people").fetchall() == [("ann",), ("bob",), ("cid",)]
    vault = folder / "data" / "vault.db"
    assert [can_open(vault, key) for key in (None, KEYS["first"], KEYS["vault"])] == [False, False, True]
    assert read_vault(vault, KEYS["vault"], COUNT) == [(2,)]
    assert (folder / "data" / "replays" / "one.json").read_text() == '{"moves": []}'
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in (file for member in manifest["members"] for file in member["files"]):
        content = (folder / file["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
    listed = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert listed == {"manifest.json", *(f"data/{name}" for name in MEMBERS)}


def test_what_another_program_wrote_meanwhile_is_there_or_not_and_never_half(plain: Shop) -> None:
    with closing(sqlite3.connect(plain.data / "core.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO people (name) VALUES ('late')")
        name = plain.create()
        connection.rollback()
    assert read_vault(plain.store / "sets" / name / "data" / "core.db", None, COUNT) == [(2,)]


def test_the_second_store_may_be_a_repository_and_its_sets_rehearse(
    templates: Templates, plain: Shop, tmp_path: Path
) -> None:
    packed = templates["restic"].copy_to(tmp_path / "packed")
    plain.describe(second={"kind": "restic", "path": str(packed.store), "password": "backup"})
    name = plain.create()
    assert plain.ask("backup.copy")["copied"] == [name]
    packed.key_file("vault").write_text(KEYS["vault"])
    drilled = packed.ask("backup.drill")
    assert (drilled["set"], drilled["facts"], drilled["rows"]) == (name, [], 7)


DRY = {
    "init": ["backup.init", "--second"],
    "create": ["backup.create"],
    "verify": ["backup.verify", "--full"],
    "prune": ["backup.prune"],
    "copy": ["backup.copy"],
    "restore": ["backup.restore", "--into"],
    "in place": ["backup.restore", "--in-place"],
    "undo": ["backup.undo"],
}


def test_a_dry_run_says_the_same_with_would_and_writes_nothing_at_all(shop: Shop, switch: Playing) -> None:
    address = shop.write_key("ping", f"http://127.0.0.1:{switch.port}{ADDRESS}")
    shop.create()
    shop.create()
    shop.describe(keep=ONE_SET, metrics=str(shop.root / "metrics.prom"), ping={"file": str(address)})
    for name, words in DRY.items():
        if name == "copy":
            shop.must("backup.init", "--second")
        before = shop.photograph()
        more = [shop.root / "restored"] if name == "restore" else []
        ended = shop.must(*words, *more, "--dry-run")
        assert shop.photograph() == before, name
        assert name in {"verify", "undo"} or "would " in ended.out.splitlines()[-1], ended.out
    assert switch.asked == []
    shop.must("backup.prune")
    assert [path for path, *_ in switch.asked] != []


def test_what_only_reads_writes_nothing(shop: Shop) -> None:
    shop.create()
    before = shop.photograph()
    for task in ("backup.list", "backup.show", "backup.status"):
        assert shop.run(task).code in (0, 7)
    assert shop.photograph() == before


def test_a_repository_is_made_where_its_dry_run_made_nothing(templates: Templates, tmp_path: Path) -> None:
    shop = templates["restic"].copy_to(tmp_path)
    shop.describe(store={"kind": "restic", "path": str(tmp_path / "new"), "password": "backup"})
    before = shop.photograph()
    said = shop.ask("backup.init", "--without-escrow", "a test", "--dry-run")
    assert (said["id"], said["dry_run"], shop.photograph()) == (None, True, before)
    error = shop.run("backup.create").error
    assert error == f"error: {tmp_path}/new: is no store of backups"


def read_metrics(shop: Shop) -> dict[str, float]:
    """Return the figures without a label of their own, by name."""
    lines = (shop.root / "metrics.prom").read_text().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name.partition("{")[0].removeprefix("strongroom_backup_"): float(value) for name, _, value in pairs}


def test_whoever_waits_for_a_sign_is_told_how_a_run_ended(plain: Shop, switch: Playing) -> None:
    address = plain.write_key("ping", f"http://127.0.0.1:{switch.port}{ADDRESS}")
    plain.describe(metrics=str(plain.root / "metrics.prom"), ping={"file": str(address)})

    def end(code: int, task: str = "backup.create") -> list[str]:
        switch.asked.clear()
        ended = plain.run(task)
        assert (ended.code, ADDRESS in ended.out + ended.err) == (code, False), ended.err
        assert read_metrics(plain)["last_exit_code"] == code
        return [path.removeprefix(ADDRESS) for _, path, *_ in switch.asked]

    assert end(0) == ["/start", ""]
    was = read_metrics(plain)["last_success_timestamp_seconds"]
    assert was > 0
    plain.clock.at += timedelta(hours=1)
    (plain.data / "bad.db").write_bytes(b"no database, and no key")
    assert end(4) == ["/start", "/4"]
    data = plain.data.rename(plain.root / "away")
    assert end(5) == ["/start", "/5"]  # the disk with the data is not mounted
    assert read_metrics(plain)["last_success_timestamp_seconds"] == was
    data.rename(plain.data)
    store = plain.store.rename(plain.root / "elsewhere")
    assert end(10) == ["/start", "/10"]
    assert end(10, "backup.drill") == ["/start", "/10"]
    assert read_metrics(plain)["last_success_timestamp_seconds"] == was
    store.rename(plain.store)
    (plain.data / "bad.db").unlink()
    assert end(0) == ["/start", ""]
    assert read_metrics(plain)["last_success_timestamp_seconds"] > was


def test_a_sign_that_nobody_takes_stops_no_backup(plain: Shop) -> None:
    address = plain.write_key("ping", f"http://127.0.0.1:9{ADDRESS}")
    plain.describe(metrics=str(plain.root / "nowhere" / "metrics.prom"), ping={"file": str(address)})
    ended = plain.must("backup.create")
    assert [line for line in ended.err.splitlines() if "ping: cannot be reached" in line]
    assert [line for line in ended.err.splitlines() if "note: metrics: " in line]
    plain.key_file("ping").write_text("no address")
    assert "ping: backup: ping: holds no address" in plain.must("backup.create").err


def test_what_looks_wrong_is_pruned_for_only_once_a_person_said_so(shop: Shop) -> None:
    first = shop.create()
    execute(shop.data / "core.db", "DELETE FROM people")
    second = shop.create()
    shop.describe(keep=ONE_SET)
    ended = shop.run("backup.prune")
    assert (ended.code, shop.list_sets()) == (6, [first, second])
    assert ended.error.endswith("looks wrong beside the one before: core.db: table people has 0 rows, 2 before")
    assert shop.ask("backup.status", code=7)["waiting"] == ["core.db: table people has 0 rows, 2 before"]
    pruned = shop.ask("backup.prune", "--accept")
    assert (pruned["removed"], shop.list_sets()) == ([first], [second])


def test_a_set_that_is_not_whole_is_kept_and_nothing_is_pruned_for_it(shop: Shop) -> None:
    first = shop.create()
    (shop.data / "bad.db").write_bytes(b"no database, and no key")
    created = shop.ask("backup.create", code=4)
    assert [one["name"] for one in created["missing"]] == ["bad.db"]
    assert created["members"] == MEMBERS
    shop.describe(keep=ONE_SET)
    assert "is not whole (bad.db): nothing is pruned" in shop.run("backup.prune").error
    assert shop.ask("backup.drill")["set"] == first
    shop.describe(leave_out=[{"path": "bad.db", "reason": "a test"}])
    assert shop.ask("backup.create")["left_out"] == ["bad.db"]


def test_where_nothing_was_taken_yet_nothing_passes_for_sound(plain: Shop) -> None:
    for words in (
        ["backup.drill"],
        ["backup.drill", "--at", "random"],
        ["backup.show"],
        ["backup.restore", "--in-place"],
    ):
        ended = plain.run(*words)
        assert (ended.code, "backup.create makes one" in ended.err) == (7, True), ended.err
    assert plain.must("backup.verify").out.startswith("EMPTY there is no set to read")
    assert plain.run("backup.status").code == 7
    assert plain.ask("backup.prune")["removed"] == []


def test_what_is_too_old_is_told(plain: Shop) -> None:
    plain.create()
    plain.must("backup.drill")
    assert plain.run("backup.status").code == 0
    plain.clock.at += timedelta(hours=27)
    ended = plain.run("backup.status")
    assert (ended.code, ended.out.splitlines()[-1].split()[0]) == (7, "STALE")


def _inside(shop: Shop) -> None:
    shop.describe(store={"kind": "folder", "path": str(shop.data / "copies")})


def _empty(shop: Shop) -> None:
    shutil.rmtree(shop.data)
    shop.data.mkdir()
    shop.describe(files=[])


BAD: Mapping[str, tuple[list[str], int, str]] = {
    "unknown set": (["backup.show", "--set", "20200101_000000"], 2, "--set, --at: there is no set 20200101_000000"),
    "unknown set to verify": (["backup.verify", "--set", "20200101_000000"], 2, "there is no set 20200101_000000"),
    "no instant": (["backup.drill", "--at", "noon"], 2, "--set, --at: must be a set or an instant (got 'noon')"),
    "too early": (["backup.drill", "--at", "2020-01-01"], 2, "no set that is whole and sound by 2020-01-01"),
    "an empty instant": (["backup.restore", "--at", "", "--into", "x"], 2, "--at"),
    "a set and an instant": (
        ["backup.restore", "--set", "latest", "--at", "2026-01-01", "--into", "x"],
        2,
        "--at: and --set exclude each other",
    ),
    "an empty place": (["backup.restore", "--into", " "], 2, "--into: is empty"),
    "too many days": (["backup.prune", "--days", "99999999999999"], 2, "--days: must be from 1 to 36500"),
    "store without to": (["backup.list", "--store", "folder"], 2, "--store folder: needs --to PATH"),
    "to without store": (["backup.list", "--to", "x"], 2, "--store: must be second, or folder with --to (got None)"),
    "another store": (
        ["backup.list", "--store", "restic", "--to", "x"],
        2,
        "--store: must be second, or folder with --to (got 'restic')",
    ),
    "no store there": (
        ["backup.list", "--store", "folder", "--to", "/nowhere"],
        10,
        "/nowhere: is no store of backups",
    ),
    "second missing": (["backup.copy"], 10, "second: is no store of backups"),
    "made twice": (["backup.init"], 6, "store: is a store already"),
    "escrow of a folder": (["backup.drill", "--escrow"], 2, "--escrow: a folder has no password"),
    "escrow for a folder": (["backup.init", "--second", "--escrow", "age1x"], 2, "--escrow: a folder has no password"),
    "no days": (["backup.prune", "--days", "0"], 2, "--days: must be from 1 to 36500 (got 0)"),
    "restore to nowhere": (["backup.restore"], 2, "backup.restore: needs --into PATH (or a DSN), or --in-place"),
    "restore both ways": (["backup.restore", "--in-place", "--into", "x"], 2, "--in-place: replaces what is live"),
    "unknown member": (["backup.restore", "--into", "new", "--file", "nope.db"], 2, "nope.db"),
}


@pytest.fixture(scope="module")
def kept(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One with a set, which stays as it is."""
    shop = templates["folder"].copy_to(tmp_path_factory.mktemp("kept"))
    shop.create()
    return shop


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(kept: Shop, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kept.root)
    words, code, said = BAD[case]
    before = kept.photograph()
    ended = kept.run(*words)
    assert (ended.code, said in ended.error) == (code, True), ended.err
    assert kept.photograph() == before


SYSTEMS: Mapping[str, tuple[Callable[[Shop], Any], str, int, str]] = {
    "no backup": (
        lambda shop: shop.change(lambda told: told.pop("backup")),
        "backup.create", 2, "there is no backup: in it",
    ),
    "no second": (
        lambda shop: shop.change(lambda told: told["backup"].pop("second")),
        "backup.copy", 2, "error: backup: names no second: store",
    ),
    "inside": (_inside, "backup.init", 2, "lies in one tree with the data directory"),
    "inside, later": (_inside, "backup.create", 2, "lies in one tree with the data directory"),
    "itself": (
        lambda shop: shop.describe(second={"kind": "folder", "path": str(shop.store)}),
        "backup.copy", 2, "is the store itself",
    ),
    "of another": (
        lambda shop: shop.change(lambda told: told.update(name="market")),
        "backup.list", 6, "holds the backups of shop",
    ),
    "other engine": (
        lambda shop: shop.describe(store={"kind": "restic", "path": str(shop.store), "password": "backup"}),
        "backup.status", 6, "is a folder store, and system.yaml says restic",
    ),
    "misspelt file": (lambda shop: shop.describe(files=["sate.json"]), "backup.create", 2, "names sate.json"),
    "two places": (
        lambda shop: shop.describe(store={"kind": "restic", "password": "backup"}),
        "backup.list", 2, "needs one of path and bucket",
    ),
    "unknown key": (
        lambda shop: shop.describe(store={"kind": "restic", "path": "/nowhere", "password": "nope"}),
        "backup.list", 2, "nope",
    ),
    "nothing to take": (_empty, "backup.create", 6, "there is nothing to take"),
}  # fmt: skip


@pytest.mark.parametrize("case", SYSTEMS)
def test_a_system_that_cannot_be_meant_is_one_clear_line(plain: Shop, case: str) -> None:
    change, task, code, said = SYSTEMS[case]
    change(plain)
    ended = plain.run(task)
    assert (ended.code, said in ended.error) == (code, True), ended.err


def test_copies_in_a_folder_need_nothing_in_system_yaml(plain: Shop, tmp_path: Path) -> None:
    plain.change(lambda told: told.pop("backup"))
    there = ["--store", "folder", "--to", str(tmp_path / "copies")]
    plain.must("backup.init", *there)
    assert plain.ask("backup.create", *there)["members"] == MEMBERS[:3]
    assert plain.ask("backup.drill", *there)["facts"] == []
    for words in ((), ("--days", "7")):
        assert plain.ask("backup.prune", *there, *words)["removed"] == []
    assert len(plain.ask("backup.list", *there)["sets"]) == 1
