"""The total order: on_conflict.order, then trust, then the place in ``from``, then the row; never a source's name."""

from __future__ import annotations

import pytest

from tests.unit.consolidate.houses import built_house, head

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);"
SOURCES = {name: f"INSERT INTO t VALUES (1, '{name}')" for name in ("backup", "live")}
NEW_ID = {
    "renumber": "key: [name], identity: {column: id, strategy: renumber}",
    "offset": "key: [name], identity: {column: id, strategy: offset}",
    "keep_both": "on_conflict: {rule: keep_both}",
}
TRUST = head("backup", "live").replace("live.db", "live.db, trust: 40")


@pytest.mark.parametrize("rule", NEW_ID.values(), ids=NEW_ID.keys())
@pytest.mark.parametrize("first", [["live", "backup"], ["backup", "live"]], ids=lambda first: first[0])
def test_the_first_in_from_keeps_its_id_whatever_the_sources_are_called(rule: str, first: list[str]) -> None:
    plan = f"{head('backup', 'live')}tables: [{{into: house.t, from: [{first[0]}.t, {first[1]}.t], {rule}}}]"
    with built_house(SCHEMA, plan, SOURCES) as house:
        assert house.read("SELECT id, name FROM t ORDER BY id") == [(1, first[0]), (2, first[1])]


@pytest.mark.parametrize("first", [["live", "backup"], ["backup", "live"]], ids=lambda first: first[0])
@pytest.mark.parametrize("way", ["tables", "copy", "wildcards"])
def test_the_first_in_from_wins_whatever_the_sources_are_called(way: str, first: list[str]) -> None:
    one, two = first
    plans = {
        "tables": f"tables: [{{into: house.t, from: [{one}.t, {two}.t], on_conflict: {{rule: prefer}}}}]",
        "copy": f"copy: {{house: [{one}.t, {two}.t]}}",
        "wildcards": f"copy: {{house: ['{one}.*', '{two}.*']}}",
    }
    with built_house(SCHEMA, head("backup", "live") + plans[way], SOURCES) as house:
        assert [entry.source for entry in house.job.tables[0].inputs] == first


def test_trust_decides_before_the_place_in_from_and_order_before_trust() -> None:
    rule = "tables: [{into: house.t, from: [live.t, backup.t], on_conflict: {rule: prefer%s}}]"
    with built_house(SCHEMA, TRUST + rule % "", SOURCES) as house:
        assert house.read("SELECT name FROM t") == [("backup",)]
    with built_house(SCHEMA, TRUST + rule % ", order: [live]", SOURCES) as house:
        assert house.read("SELECT name FROM t") == [("live",)]
