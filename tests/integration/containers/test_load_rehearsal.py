"""A dry run says what a load would come to, by every value, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.containers.load_site import LoadSite, open_load_site
from tests.integration.containers.schema_site import Site

SOURCE = (
    "CREATE TABLE goods (id INTEGER PRIMARY KEY, price REAL, name TEXT);"
    "INSERT INTO goods VALUES (1, 0.5, 'a'), (2, 'much', 'b'), (3, NULL, x'00'), (7, 2, NULL);"
    "CREATE TABLE empty (id INTEGER PRIMARY KEY);"
)
FILES = "CREATE TABLE goods (id bigint PRIMARY KEY, price double precision);"
FILES_CARRY = "time_zone: UTC, unmapped_column: carry, unmapped_table: carry, quarantine_budget: 1"


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> LoadSite:
    opened = open_load_site(site, tmp_path)
    opened.write(SOURCE)
    return opened


def look(shop: LoadSite) -> tuple[list[str], list[Any]]:
    """Return what lies in the target's directory, and which schemas are in the server."""
    files = sorted(path.relative_to(shop.target).as_posix() for path in shop.target.rglob("*"))
    return files, shop.site.read("SELECT nspname FROM pg_namespace ORDER BY 1")


def test_rows_that_would_wait_are_told_and_nothing_is_left(shop: LoadSite) -> None:
    before = look(shop)
    ended = shop.load("--dry-run", "--json")
    assert ended.code == 4, ended.error
    said = ended.json
    assert (said["dry_run"], said["nothing_done"], said["load"], said["verdict"]) == (
        True, False, "dry run", "UNVERIFIED",
    )  # fmt: skip
    assert (said["rows_read"], said["quarantined"], said["budget"], said["unexplained"]) == (4, 2, 0, 0)
    assert said["schemas"] == {"core": "core_staged"}
    tallies = {name: [one[key] for key in ("into", "read", "inserted", "quarantined")]
               for name, one in said["tables"].items()}  # fmt: skip
    assert tallies == {"core.goods": ["core.goods", 4, 2, 2], "core.empty": ["core.empty", 0, 0, 0]}
    assert said["waiting"] == [
        "core.goods row 2: price holds TEXT, which a double does not take",
        "core.goods row 3: name holds BLOB, which text does not take",
    ]
    assert look(shop) == before


@pytest.mark.parametrize(("defaults", "flags", "budget", "code"), [
    ("time_zone: UTC, quarantine_budget: 2", (), 2, 0),
    ("time_zone: UTC, quarantine_budget: 2", ("--quarantine-budget", "1"), 1, 4),
    ("time_zone: UTC, quarantine_budget: 1", ("--quarantine-budget", "2"), 2, 0),
])  # fmt: skip
def test_what_may_wait_is_what_was_said_last(
    shop: LoadSite, defaults: str, flags: tuple[str, ...], budget: int, code: int
) -> None:
    shop.plan(defaults=defaults)
    ended = shop.load("--dry-run", "--json", *flags)
    assert (ended.code, ended.json["budget"], ended.json["exit"]) == (code, budget, code)


def test_what_the_files_lack_is_told_as_it_would_be_carried(shop: LoadSite) -> None:
    shop.site.write("core/001_goods.sql", FILES)
    shop.plan(defaults=FILES_CARRY)
    said = shop.load("--dry-run", "--json").json
    assert said["carried"] == ["column core.goods.name", "table core.empty"]
    staged = shop.load("--json").json
    assert (said["carried"], said["reported"]) == (staged["carried"], staged["reported"])
    assert shop.read("goods", "id, name") == [(1, "a"), (7, None)]
    assert shop.read("empty") == []


def test_its_steps_are_told_and_how_large_they_are_is_not_known(shop: LoadSite) -> None:
    for flags, steps in ((("--dry-run",), ["snapshot", "try"]), ((), ["snapshot", "load", "verify"])):
        ended = shop.load(*flags, "--log", "json", "--quarantine-budget", "2")
        lines = [json.loads(line) for line in ended.error.splitlines()]
        assert [(one["step"], one["bytes"]) for one in lines if "step" in one] == [(step, 0) for step in steps]


def test_what_the_server_refuses_to_make_is_told_and_the_rows_come(shop: LoadSite) -> None:
    columns = [f"c{number}" for number in range(833)]
    twice = ", ".join(f"{side}.{name} AS {side}_{name}" for side in ("a", "b") for name in columns)
    shop.write(f"CREATE TABLE wide ({', '.join(columns)}); CREATE VIEW wider AS SELECT {twice} FROM wide a, wide b")
    staged = shop.load("--json", "--quarantine-budget", "2")
    assert staged.code == 0, staged.error
    assert staged.json["reported"][-1] == (
        "view wider: does not come along: target lists can have at most 1664 entries"
    )
    assert shop.read("goods", "id") == [(1,), (7,)]
