"""Alerts and dashboard of a cluster are those of ``.github/monitoring``, in another cover."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from strongroom.kubernetes.monitoring import render_rules

MONITORING = Path(".github") / "monitoring"
RULES = Path("k8s") / "components" / "prometheus-rules" / "backups-prometheusrule.yaml"
DASHBOARD = Path("k8s") / "components" / "grafana-dashboard" / "dashboard.json"


def test_the_alerts_of_a_cluster_are_those_that_stand_in_alerts_yml(
    repository: Path, request: pytest.FixtureRequest
) -> None:
    alerts = (repository / MONITORING / "alerts.yml").read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        (repository / RULES).write_text(render_rules(alerts), encoding="utf-8")
    written = (repository / RULES).read_text(encoding="utf-8")
    assert written == render_rules(alerts)
    assert yaml.safe_load(written)["spec"] == yaml.safe_load(alerts)


def test_the_dashboard_of_a_cluster_is_the_one_of_the_paper(repository: Path, request: pytest.FixtureRequest) -> None:
    dashboard = (repository / MONITORING / "dashboard.json").read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        (repository / DASHBOARD).write_text(dashboard, encoding="utf-8")
    assert (repository / DASHBOARD).read_text(encoding="utf-8") == dashboard
