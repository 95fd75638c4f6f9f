"""An application inserts into the targets as it did into its files: no column loses its default."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.plan import Plan, read_plan
from strongroom.demo import build_legacy_tree
from tests.e2e.drafting import run_inv

SYSTEMS = Path(__file__).resolve().parents[2] / "sql"


def read_defaults(file: Path, table: str) -> dict[str, str | None]:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT lower(name), dflt_value FROM pragma_table_xinfo(?)", (table,))
        return dict(rows.fetchall())


def find_lost(plan: Plan, source: Path, target: Path) -> Iterator[str]:
    """Yield the columns whose default in the target is another one than in a file that feeds it."""
    for rule in plan.tables:
        theirs = read_defaults(target / plan.targets[rule.target].path, rule.table)
        for entry in rule.inputs:
            file = source / plan.sources[entry.source].path
            if entry.table == "*" or plan.sources[entry.source].format != "sqlite" or not file.exists():
                continue
            into = {held.lower(): name.lower() for name, held in entry.columns.items()}
            for name, default in read_defaults(file, entry.table).items():
                if theirs[into.get(name, name)] != default:
                    yield f"{rule.into}.{name}: {default} in {entry.source} is {theirs[into.get(name, name)]}"


@pytest.mark.parametrize("system", ["zoe", "aragora"])
def test_no_column_of_a_whole_tree_loses_its_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], system: str
) -> None:
    build_legacy_tree(SYSTEMS / system, tmp_path / "legacy", rows=6, seed=3)
    words = ("--system", system, "--source", tmp_path / "legacy", "--target", tmp_path / "new")
    code, _, error = run_inv(capsys, "consolidate.run", *words, "--quarantine-budget", "10000", "--json")
    assert code == 0, error
    assert list(find_lost(read_plan(SYSTEMS / system / "plan.yaml"), tmp_path / "legacy", tmp_path / "new")) == []
