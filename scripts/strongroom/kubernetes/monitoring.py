"""The alerts of ``.github/monitoring`` as the Prometheus operator takes them: one source, in another cover."""

from __future__ import annotations

import textwrap

_COVER = """\
# Made from .github/monitoring/alerts.yml; a test compares.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: strongroom-backups
spec:
"""


def render_rules(alerts: str) -> str:
    """Return a file of rules as a PrometheusRule, as YAML; what its comments say is said in the file itself."""
    rules = "".join(line for line in alerts.splitlines(keepends=True) if not line.startswith("#"))
    return _COVER + textwrap.indent(rules, "  ")
