"""The contract of ``--json``: what each task prints as the last line of stdout, by its type."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from strongroom.core.json_schema import render_schema_of
from strongroom.core.paths import SystemPaths
from strongroom.report import (
    backups,
    columns,
    decided,
    examined,
    fleets,
    guard,
    kubernetes,
    loads,
    outcome,
    plans,
    pods,
    provided,
    rotating,
    rows,
    runs,
    schemas,
    stack,
    transit,
    why,
)

FILE = Path(__file__).with_name("results.schema.json")
WITHOUT = frozenset(
    [
        *("test", "check.lint", "check.types", "check.unit", "check.integration", "check.e2e", "check.faults"),
        *("check.mutants", "check.postgres", "check.audit", "sqlcipher.shell", "stack.shell"),
    ]
)
"""Tasks that have no result of their own: what they start prints what it has to say."""
_ABOUT = (
    "What ./inv prints with --json, as the last line of stdout: the result of each task under its name. A result may "
    "get new members in a minor version; none changes its meaning or goes away before a major one."
)


def result_types() -> dict[str, object]:
    """Return the type of each task's result."""
    parts = (
        outcome,
        plans,
        rows,
        runs,
        guard,
        examined,
        stack,
        transit,
        why,
        decided,
        provided,
        rotating,
        columns,
        backups,
        kubernetes,
        pods,
        fleets,
    )
    found: dict[str, object] = {name: kind for part in parts for name, kind in part.RESULTS.items()}
    others = {
        "paths.show": SystemPaths,
        "image.versions": Mapping[str, object] | list[str],
        "bench.consolidate": Mapping[str, float],
        "bench.keys": Mapping[str, float],
        "bench.backup": Mapping[str, float],
        "bench.postgres": Mapping[str, float],
        "bench.columns": Mapping[str, float],
        "bench.fleet": Mapping[str, float],
    }
    late = {**schemas.describe_results(), **loads.describe_results(outcome.RESULTS["consolidate.run"])}
    return dict(sorted({**found, **late, **others}.items()))


def render_contract() -> str:
    """Render the JSON Schema as it is committed."""
    return render_schema_of(result_types(), title="The results of Strongroom's tasks", description=_ABOUT)
