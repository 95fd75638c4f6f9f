"""Legacy files into PostgreSQL in one command, and the rows that wait, of the merge and of the load."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.errors import GuardError
from strongroom.load.into import arriving
from strongroom.load.place import find_load
from strongroom.runs.home import Home
from tests.integration.containers.schema_site import Site

PLAN = """\
version: 1
sources:
  old: {path: old.db}
  older: {path: older.db}
targets:
  shop: {path: shop.db, types: {users.joined: date}}
tables:
  - into: shop.users
    from: [old.users, older.users]
    key: [id]
    on_conflict: {rule: newest, by: seen}
    secret: [token]
"""
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, seen TEXT, joined TEXT, token TEXT)"
OLD = (
    (1, "one", "2026-01-02", "2025-01-01", "canary-1"),
    (2, "two", "2026-01-02", "yesterday", "canary-2"),
    (3, "three", "2026-01-02", "2025-13-01", "canary-3"),
)
OLDER = ((1, "uno", "2026-01-02", "2025-01-01", None),)


class Shop:
    """Two files, and a directory for what becomes of them."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.source, self.target = site, folder / "source", folder / "target"
        (site.system / "plan.yaml").write_text(PLAN)
        self.source.mkdir()
        self.make("old", OLD)
        self.make("older", OLDER)

    def make(self, name: str, rows: Sequence[tuple[object, ...]]) -> None:
        with closing(sqlite3.connect(self.source / f"{name}.db")) as connection:
            connection.execute(USERS)
            connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?)", rows)
            connection.commit()

    def load(self, *flags: str) -> tuple[int, str, str]:
        source = ["--from", "legacy", "--source", str(self.source)]
        return self.site.run("load", "--target", str(self.target), *source, *flags)

    def quarantine(self, *flags: str) -> tuple[int, str, str]:
        return self.site.run("quarantine", "--target", str(self.target), *flags)


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> Shop:
    return Shop(site, tmp_path)


def test_each_step_ends_it_where_its_rows_wait_and_both_are_told(shop: Shop) -> None:
    code, _, err = shop.load()
    assert code == 4
    assert "1 rows wait" in err
    assert "staged, not published" in err
    assert not (shop.target / ".strongroom" / "loads").exists()

    code, out, err = shop.load("--quarantine-budget", "1", "--json")
    assert code == 4
    assert "2 rows are quarantined, and the budget is 1" in err
    said = json.loads(out)
    assert said["run"] in said["notes"][0]
    assert [line.partition(":")[0] for line in said["waiting"]] == [
        "shop.users row 2",
        "shop.users row 3",
        "older.users row 1",
    ]

    code, out, _ = shop.load("--quarantine-budget", "2")
    assert code == 0, out
    assert shop.site.read("SELECT id, name, joined::text FROM shop_staged.users") == [(1, "one", "2025-01-01")]
    assert find_load(Home(target=shop.target), None)[1].origin == "legacy"


def test_a_dry_run_merges_and_loads_nothing(shop: Shop) -> None:
    code, out, err = shop.load("--dry-run", "--quarantine-budget", "9", "--json")
    assert code == 0
    assert json.loads(out)["dry_run"] is True
    assert "note: dry run: tried the consolidation only" in err
    assert not shop.target.exists()


def test_rows_that_wait_are_shown_without_what_the_plan_calls_secret(shop: Shop) -> None:
    shop.load("--quarantine-budget", "1")
    code, out, _ = shop.quarantine()
    assert code == 0
    assert "row 2 quarantined: joined is no date" in out
    assert "name = 'two'" in out
    assert "token = •••" in out
    assert "canary" not in out
    assert "2 rows" in out

    code, out, _ = shop.quarantine("--table", "shop.users", "--key", "three", "--json")
    (row,) = json.loads(out)["rows"]
    assert (code, row["rowid"], row["values"]["joined"], row["values"]["token"]) == (0, 3, "'2025-13-01'", "•••")

    code, _, err = shop.quarantine("--table", "shop.nothing")
    assert code == 2
    assert "is no table of this load" in err


def test_a_table_of_which_nothing_waits_is_known_all_the_same(shop: Shop) -> None:
    (shop.source / "old.db").unlink()
    shop.make("old", OLD[:1])
    assert shop.load("--quarantine-budget", "1")[0] == 0
    code, out, _ = shop.quarantine("--table", "shop.users")
    assert code == 0
    assert "no such rows" in out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--from", "legacy"], "--source: is needed with --from legacy"),
        (["--source", "x"], "--source: is for --from legacy only"),
        (["--from", "somewhere"], "--from: must be consolidated or legacy (got 'somewhere')"),
    ],
)
def test_an_origin_that_is_half_said_is_refused(shop: Shop, flags: list[str], said: str) -> None:
    code, _, err = shop.site.run("load", "--target", str(shop.target), *flags)
    assert code == 2
    assert said in err
    assert not shop.target.exists()


def test_rows_that_are_new_come_in_beside_live_ones(shop: Shop) -> None:
    columns = "id bigint PRIMARY KEY, name text, seen text, joined text, token text"
    shop.site.write("shop/001_users.sql", f"CREATE TABLE users ({columns});")
    assert shop.site.run("apply")[0] == 0
    shop.site.do("INSERT INTO shop.users (id, name) VALUES (2, 'mine')")
    code, out, err = shop.load("--quarantine-budget", "1", "--into-live", "--json")
    assert code == 0, err
    assert json.loads(out)["tables"]["shop.users"]["quarantined"] == 1
    ids = "SELECT id, name FROM shop.users ORDER BY id"
    assert shop.site.read(ids) == [(1, "one"), (2, "mine"), (3, "three")]

    shop.site.do("DELETE FROM shop.users WHERE id = 1")
    code, out, err = shop.load("--quarantine-budget", "1", "--skip-existing", "--json")
    assert code == 0, err
    tally = json.loads(out)["tables"]["shop.users"]
    assert (tally["inserted"], tally["merged_identical"], tally["superseded"], tally["quarantined"]) == (1, 1, 1, 0)
    assert shop.site.read(ids) == [(1, "one"), (2, "mine"), (3, "three")]
    assert "row 2 superseded" in shop.quarantine("--beaten")[1]

    assert shop.site.run("rollback", "--target", str(shop.target))[0] == 0
    assert shop.site.read(ids) == [(2, "mine"), (3, "three")]


def test_more_rows_that_would_wait_than_may_come_in_nowhere(shop: Shop) -> None:
    columns = "id bigint PRIMARY KEY, name text, seen text, joined text, token text"
    shop.site.write("shop/001_users.sql", f"CREATE TABLE users ({columns});")
    assert shop.site.run("apply")[0] == 0
    shop.site.do("INSERT INTO shop.users (id, name) VALUES (2, 'mine'), (3, 'mine too')")
    code, out, err = shop.load("--quarantine-budget", "1", "--into-live", "--json")
    said = json.loads(out)
    assert (code, said["exit"], said["quarantined"], said["nothing_done"]) == (4, 4, 2, False), err
    assert said["verdict"] == "PROVEN_WITH_QUARANTINE"
    assert [line.partition(":")[0] for line in said["waiting"]][:2] == ["shop.users row 2", "shop.users row 3"]
    assert shop.site.read("SELECT id, name FROM shop.users ORDER BY id") == [(2, "mine"), (3, "mine too")]
    code, out, err = shop.load("--quarantine-budget", "2", "--into-live", "--json")
    assert (code, json.loads(out)["quarantined"]) == (0, 2), err
    assert shop.site.read("SELECT id, name FROM shop.users ORDER BY id")[0] == (1, "one")


def test_rows_that_came_in_and_were_not_proven_there_are_by_the_same_command(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> None:
        raise GuardError("the last proof", "was cut off")

    columns = "id bigint PRIMARY KEY, name text, seen text, joined text, token text"
    shop.site.write("shop/001_users.sql", f"CREATE TABLE users ({columns});")
    assert shop.site.run("apply")[0] == 0
    flags = ("--quarantine-budget", "1", "--into-live", "--json")
    with monkeypatch.context() as patch:
        patch.setattr(arriving, "_prove", end)
        assert "was cut off" in shop.load(*flags)[2]
    assert shop.site.read("SELECT count(*) FROM shop.users") == [(3,)]
    for _ in range(2):
        code, out, err = shop.load(*flags)
        assert (code, json.loads(out)["schemas"]) == (0, {"shop": "shop"}), err


def test_two_ways_that_contradict_each_other_are_refused(shop: Shop) -> None:
    code, _, err = shop.load("--replace", "--skip-existing")
    assert code == 2
    assert "--replace: is for loads that are cut over" in err
