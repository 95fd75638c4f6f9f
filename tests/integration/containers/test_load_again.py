"""The same command again does nothing where what it proved still stands, and else loads anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.containers.load_site import LoadSite, open_load_site
from tests.integration.containers.schema_site import Site

TABLES = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE); CREATE INDEX by_v ON t (v, id);"
    "INSERT INTO t VALUES (1, 'a'), (2, 'b');"
)


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> LoadSite:
    opened = open_load_site(site, tmp_path)
    opened.write(TABLES)
    return opened


def read_state(shop: LoadSite, load: str) -> str:
    """Return what a load's document says that it is."""
    found: str = json.loads((shop.target / ".strongroom" / "loads" / load / "load.json").read_text())["state"]
    return found


def test_what_stands_is_not_loaded_again(shop: LoadSite) -> None:
    first = shop.prove()
    again = shop.load("--json").json
    assert (first["nothing_done"], again["nothing_done"], again["load"]) == (False, True, first["load"])
    assert shop.run("cutover").code == 0
    live = shop.load("--json").json
    assert (live["nothing_done"], live["load"], live["exit"]) == (True, first["load"], 0)
    assert read_state(shop, first["load"]) == "live"


def test_what_waits_is_judged_anew_by_what_may_wait_now(shop: LoadSite) -> None:
    shop.write("INSERT INTO t VALUES (3, x'00')")
    first = shop.load("--json")
    assert (first.code, read_state(shop, first.json["load"])) == (4, "waiting")
    shop.run("cutover").refuse(4, "has 1 rows in quarantine")
    for budget, code, state in ((1, 0, "staged"), (0, 4, "waiting"), (1, 0, "staged")):
        again = shop.load("--quarantine-budget", str(budget), "--json")
        assert (again.code, again.json["nothing_done"], again.json["load"]) == (code, True, first.json["load"])
        assert (again.json["budget"], read_state(shop, first.json["load"])) == (budget, state)
    assert shop.run("cutover").code == 0


def spoil_rows(shop: LoadSite) -> None:
    shop.site.do("DELETE FROM core_staged.t WHERE id = 2")


def spoil_index(shop: LoadSite) -> None:
    shop.site.do("DROP INDEX core_staged.by_v")


def spoil_source(shop: LoadSite) -> None:
    shop.write("UPDATE t SET v = 'another' WHERE id = 2")


def spoil_snapshot(shop: LoadSite) -> None:
    (copy,) = shop.target.glob(".strongroom/loads/*/snapshots/core.db")
    copy.chmod(0o600)
    copy.write_bytes(copy.read_bytes() + b"\0")


@pytest.mark.parametrize("spoil", [spoil_rows, spoil_index, spoil_source, spoil_snapshot])
def test_what_does_not_stand_is_loaded_anew(shop: LoadSite, spoil: Callable[[LoadSite], None]) -> None:
    first = shop.prove()
    spoil(shop)
    again = shop.prove()
    assert not again["nothing_done"]
    assert again["load"] != first["load"]
    assert shop.read("t") == [(1, "a"), (2, "another" if spoil is spoil_source else "b")]
    assert shop.site.read("SELECT to_regclass('core_staged.by_v') IS NOT NULL") == [(True,)]


def roll_back(shop: LoadSite) -> None:
    assert shop.run("rollback").code == 0


def forget_cutover(shop: LoadSite) -> None:
    """As a database is that was restored to before it, and whose schemas somebody renamed since."""
    shop.site.do("DELETE FROM strongroom_shop_load.cutovers")


def rename_live(shop: LoadSite) -> None:
    shop.site.do("ALTER SCHEMA core RENAME TO elsewhere")


@pytest.mark.parametrize("end", [roll_back, forget_cutover, rename_live])
def test_what_was_live_and_is_not_any_more_is_loaded_anew(shop: LoadSite, end: Callable[[LoadSite], None]) -> None:
    first = shop.prove()
    assert shop.run("cutover").code == 0
    end(shop)
    again = shop.load("--json").json
    assert (again["exit"], again["nothing_done"], again["load"] != first["load"]) == (0, False, True)
    assert shop.read("t") == [(1, "a"), (2, "b")]


def test_a_load_that_went_live_is_not_staged_again_under_another_way(shop: LoadSite) -> None:
    first = shop.prove()
    assert shop.run("cutover").code == 0
    again = shop.load("--into-live", "--json")
    assert (again.code, again.json["load"] != first["load"]) == (0, True)
    assert again.json["tables"]["core.t"]["merged_identical"] == 2


def test_what_stands_otherwise_than_it_was_made_is_a_difference(
    shop: LoadSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "schema core_staged: missing: table t index by_v"
    with monkeypatch.context() as patch:
        patch.setattr("strongroom.load.run.compare_structure", lambda *_: [line])
        ended = shop.load("--json")
    assert (ended.code, ended.json["differences"]) == (3, [line])
    assert read_state(shop, ended.json["load"]) == "different"
    again = shop.load("--json").json
    assert (again["exit"], again["nothing_done"], again["load"] != ended.json["load"]) == (0, False, True)
    assert read_state(shop, ended.json["load"]) == "given up"
