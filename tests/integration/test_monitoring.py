"""Alerts and dashboard: Prometheus reads every query, each names what we write, and each alert wakes for its cause."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from strongroom.backup.catalog import BackupSet, Catalog
from strongroom.backup.documents import Action, EvidenceDocument
from strongroom.backup.metrics import MEANINGS, PREFIX, MetricFacts, write_metrics
from strongroom.core.backup_entry import Objectives
from tests.promtool import find_promtool
from tests.unit.backup.histories import make_set
from tests.unit.backup.test_metrics import make_facts

MONITORING = Path(__file__).resolve().parents[2] / ".github" / "monitoring"
START = datetime(1970, 1, 1, tzinfo=UTC)
"""Where promtool's own clock begins."""
NOW = START + timedelta(days=6)
"""When the figures of a case are written; Prometheus has them as they are for two days before that."""
OBJECTIVES = Objectives(backup_hours=26, drill_hours=60, escrow_days=3)
_WORDS = {"and", "or", "unless", "by", "on", "ignoring", "without", "offset", "bool", "group_left", "group_right"}


@pytest.fixture(scope="module")
def promtool() -> Path:
    return find_promtool()


def run(promtool: Path, *words: str | Path, given: str = "") -> str:
    ended = subprocess.run([promtool, *words], input=given, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def read_alerts() -> dict[str, dict[str, Any]]:
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def read_dashboard() -> dict[str, Any]:
    return dict(json.loads((MONITORING / "dashboard.json").read_text()))


def list_queries() -> list[str]:
    """Return every query of the dashboard's panels."""
    return [target["expr"] for panel in read_dashboard()["panels"] for target in panel["targets"]]


def name_metrics(query: str) -> set[str]:
    """Return what a query asks for: every word of it that is no function, no keyword, no label and no text."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', " ", query)
    bare = re.sub(r"\b(by|on|ignoring|without)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"(?<![\w.])[A-Za-z_:][\w:]*\b(?!\s*\()", re.sub(r"\boffset\s+\w+", " ", bare))
    return set(words) - _WORDS


def test_the_names_in_a_query_are_found() -> None:
    query = 'max by (system) (rate(a_total{x="b_total"}[5m] offset 1d)) unless on (system) c:d > 2e3 * time() or "e"'
    assert name_metrics(query) == {"a_total", "c:d"}


def test_the_rules_are_as_prometheus_reads_them(promtool: Path) -> None:
    assert f"{len(read_alerts())} rules found" in run(promtool, "check", "rules", MONITORING / "alerts.yml")


def test_every_query_of_the_dashboard_is_as_prometheus_reads_it(promtool: Path, tmp_path: Path) -> None:
    queries = list_queries()
    assert len(queries) > 10
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(queries)} rules found" in run(promtool, "check", "rules", file)


def test_a_query_that_is_none_is_found(promtool: Path, tmp_path: Path) -> None:
    file = tmp_path / "queries.yml"
    rules = [{"record": "query:1", "expr": f"sum by (system ({PREFIX}rows)"}]
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    with pytest.raises(AssertionError, match="could not parse expression"):
        run(promtool, "check", "rules", file)


def test_what_is_written_is_as_prometheus_likes_it(promtool: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop.prom"
    write_metrics(file, make_facts())
    assert run(promtool, "check", "metrics", given=file.read_text()) == ""


def test_queries_and_alerts_name_what_is_written_and_all_of_it() -> None:
    dashboard = read_dashboard()
    queries = [*list_queries(), *(rule["expr"] for rule in read_alerts().values())]
    asked = set().union(*map(name_metrics, queries))
    (listed,) = (one["definition"] for one in dashboard["templating"]["list"] if one["type"] == "query")
    asked |= set(re.findall(r"^label_values\((\w+), system\)$", listed))
    assert asked == {f"{PREFIX}{name}" for name in MEANINGS}


def test_the_labels_that_queries_choose_by_are_written(tmp_path: Path) -> None:
    file = tmp_path / "shop.prom"
    write_metrics(file, make_facts())
    samples = [one for family in text_string_to_metric_families(file.read_text()) for one in family.samples]
    for query in (*list_queries(), *(rule["expr"] for rule in read_alerts().values())):
        for name, chosen in re.findall(rf"({PREFIX}\w+)\{{([^}}]*)\}}", query):
            labels = dict(re.findall(r'(\w+)=~?"([^"]*)"', chosen))
            having = [one.labels for one in samples if one.name == name]
            assert all(labels.keys() <= one.keys() for one in having), query
            for label in labels.keys() & {"subject", "state"}:
                assert labels[label] in {one[label] for one in having}, query


def test_a_dashboard_shows_each_panel_in_a_place_of_its_own() -> None:
    dashboard = read_dashboard()
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        is_apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_apart or is_below, (one, other)


def test_each_alert_leads_to_a_page_that_is_there() -> None:
    for name, rule in read_alerts().items():
        page = MONITORING.parents[1] / rule["annotations"]["runbook"]
        assert page.is_file(), f"{name} leads to {page}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the figures tell, and which alerts that wakes."""

    name: str
    expected: frozenset[str]
    facts: tuple[MetricFacts, ...] = ()
    ages: timedelta = timedelta(0)
    """How long ago they were written."""
    vanished: bool = False
    """They were there until an hour ago."""


def make_sound(before: timedelta, **changes: Any) -> BackupSet:
    """A set that was drilled as soon as it was there, and that escrow opened."""
    began = NOW - before
    told = {"set": "one", "is_sound": True, "members": ("users.db",), "at": began + timedelta(minutes=1)}
    looked = [EvidenceDocument(**{**told, "action": one}) for one in (Action.DRILL, Action.ESCROW)]
    return make_set(began, evidence=looked, **changes)


def facts_of(*sets: BackupSet, **changes: Any) -> MetricFacts:
    told = {
        "system": "shop",
        "task": "create",
        "exit_code": 0,
        "at": NOW,
        "objectives": OBJECTIVES,
        "catalog": Catalog(sets=sets),
    }
    return MetricFacts(**{**told, **changes})


WELL = make_sound(timedelta(hours=2))


def list_cases() -> Iterator[Case]:
    def woken(name: str, *alerts: str, facts: tuple[MetricFacts, ...] = (facts_of(WELL),), **rest: Any) -> Case:
        return Case(name=name, expected=frozenset(alerts), facts=facts, **rest)

    drilled = make_sound(timedelta(hours=58))
    yield woken("all is well")
    yield woken("a drill not long ago", facts=(facts_of(drilled, make_set(NOW - timedelta(hours=25))),))
    yield woken("nothing for two days", "BackupTooOld", ages=timedelta(days=2))
    yield woken("a day is not too long", ages=timedelta(hours=23))
    hasty = facts_of(WELL, objectives=Objectives(backup_hours=1, drill_hours=60, escrow_days=3))
    yield woken("a stricter objective", "BackupTooOld", facts=(hasty,), ages=timedelta(hours=2))
    partial = make_set(NOW - timedelta(hours=1), is_whole=False)
    yield woken("only partial sets since", "BackupTooOld", facts=(facts_of(make_sound(timedelta(days=2)), partial),))
    yield woken("an empty store", "BackupTooOld", "BackupDrillTooOld", "BackupEscrowTooOld", facts=(facts_of(),))
    yield woken("a run that failed", "BackupRunFailed", facts=(facts_of(WELL, exit_code=5),))
    damaged = make_set(NOW - timedelta(hours=3), seen=(True, False))
    yield woken("a damaged set", "BackupDamaged", facts=(facts_of(damaged, WELL),))
    torn = Catalog(sets=(WELL,), damaged={"catalog/x.json": "is cut short"})
    yield woken("a damaged document", "BackupDamaged", facts=(facts_of(catalog=torn),))
    yield woken("a verification that failed", "BackupDamaged", facts=(facts_of(WELL, task="verify", exit_code=3),))
    yield woken("a verification that never began", facts=(facts_of(WELL, task="verify", exit_code=5),))
    drill = facts_of(WELL, task="drill", exit_code=3)
    yield woken("a drill that found damage", "BackupDamaged", "BackupDrillFailed", facts=(drill,))
    yield woken(
        "no drill since", "BackupDrillTooOld", facts=(facts_of(make_sound(timedelta(hours=62)), make_set(NOW)),)
    )
    yield woken(
        "no escrow since",
        "BackupDrillTooOld",
        "BackupEscrowTooOld",
        facts=(facts_of(make_sound(timedelta(days=4, hours=3)), make_set(NOW)),),
    )
    yield woken("a table is gone", "BackupLooksWrong", facts=(facts_of(make_sound(timedelta(0), alarms=("gone",))),))
    yield woken("a clock that is ahead", "BackupFromTheFuture", facts=(facts_of(make_sound(timedelta(hours=-4))),))
    yield woken("figures that vanished", "BackupSilent", "BackupSilentEverywhere", vanished=True)
    yield woken("no figures ever", "BackupSilentEverywhere", facts=())


def test_each_alert_wakes_for_its_cause_and_for_nothing_else(promtool: Path, tmp_path: Path) -> None:
    cases = list(list_cases())
    assert frozenset().union(*(case.expected for case in cases)) == read_alerts().keys()
    tests = [describe(case, tmp_path / f"{number}.prom") for number, case in enumerate(cases)]
    file = tmp_path / "test.yml"
    rules = {"rule_files": [str(MONITORING / "alerts.yml")], "evaluation_interval": "1h", "tests": tests}
    file.write_text(json.dumps(rules))
    run(promtool, "test", "rules", file)


def describe(case: Case, file: Path) -> dict[str, Any]:
    """Return a case as promtool knows it: its figures, an hour apart, and who is awake at its end."""
    for facts in case.facts:
        write_metrics(file, facts)
    hours = int((NOW - START + case.ages).total_seconds()) // 3600
    absent, there = hours - 50, 48 if case.vanished else 50
    series = []
    if case.facts:
        families = text_string_to_metric_families(file.read_text())
        for one in (sample for family in families for sample in family.samples):
            labels = ",".join(f"{name}={json.dumps(text)}" for name, text in {**one.labels, "instance": "host"}.items())
            values = f"_x{absent} {one.value!r}x{there} stale"
            series.append({"series": f"{one.name}{{{labels}}}", "values": values})
    return {
        "name": case.name,
        "interval": "1h",
        "input_series": series,
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{hours}h",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(case.expected)],
            }
        ],
    }
