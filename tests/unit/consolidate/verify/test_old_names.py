"""Where old names must lead: what the plan's text says, and what the proof went through."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from strongroom.consolidate.verify.old_names import name_links
from strongroom.core.plan.models import PlanModel
from strongroom.core.results import TableTally


def links(plan: Mapping[str, object], tables: Mapping[str, str] = {}) -> dict[str, str]:
    """Read a plan of two targets, m at m.db and n at in/n.db; ``tables`` are source tables and what they go into."""
    targets = {"m": {"path": "m.db"}, "n": {"path": "in/n.db"}}
    model = PlanModel.model_validate({"version": 1, "targets": targets, **plan})
    return name_links(model, {name: TableTally(into=into, read=1) for name, into in tables.items()})


A = {"a": {"path": "deep/a.db"}}
TO_N = {"tables": [{"into": "n.t", "from": [{"table": "a.t"}]}]}
WRITTEN: dict[str, tuple[dict[str, object], dict[str, str]]] = {
    "a rule": ({"sources": A, "tables": [{"into": "m.t", "from": ["a.t"]}]}, {"deep/a.db": "m"}),
    "a copy": ({"sources": A, "copy": {"n": ["a.t"]}}, {"deep/a.db": "n"}),
    "a wildcard": ({"sources": A, "copy": {"n": ["a.*"]}}, {"deep/a.db": "n"}),
    "two that the plan decides between": (
        {"sources": {"a": {"path": "deep/a.db", "alias_of": "m"}}, "copy": {"m": ["a.*"]}, **TO_N},
        {"deep/a.db": "m"},
    ),
    "two that nothing decides between": ({"sources": A, "copy": {"m": ["a.*"]}, **TO_N}, {}),
    "a target that is none": ({"sources": {"a": {"path": "a.db", "alias_of": "x"}}, **TO_N}, {}),
    "nothing that is fed": ({"sources": A, "drop": [{"table": "a.*", "reason": "old"}]}, {}),
    "a target's own path": ({"sources": {"a": {"path": "m.db"}}, **TO_N}, {}),
    "a target's own path, written otherwise": ({"sources": {"a": {"path": "./in//n.db"}}, "copy": {"m": ["a.t"]}}, {}),
    "a document": ({"sources": {"a": {"path": "a.json", "format": "json"}}, **TO_N}, {}),
}


@pytest.mark.parametrize(("plan", "right"), WRITTEN.values(), ids=WRITTEN.keys())
def test_the_plan_says_where_old_names_lead(plan: dict[str, object], right: dict[str, str]) -> None:
    assert links(plan) == right


def test_what_is_carried_shows_in_the_proof() -> None:
    plan = {"sources": A, "drop": [{"table": "a.old", "reason": "old"}]}
    assert links(plan, {"a.t": "m.t", "a.old": "archive.db"}) == {"deep/a.db": "m"}
    assert links(plan, {"a.old": "archive.db"}) == {}
    assert links({"sources": A, "copy": {"m": ["a.*"]}, **TO_N}, {"a.t": "n.t"}) == {"deep/a.db": "n"}
