"""Columns that let somebody in are secret in the plans of this repository."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.plan import read_plan

SYSTEMS = Path(__file__).resolve().parents[3] / "sql"
LETS_IN = re.compile(r"passw|secret|(^|_)token$|api_key(_hash)?$|encrypted_key$|salt$|backup_codes$", re.IGNORECASE)


@pytest.mark.parametrize("system", ["zoe", "aragora"])
def test_columns_of_passwords_tokens_and_keys_are_secret(system: str) -> None:
    plan = read_plan(SYSTEMS / system / "plan.yaml")
    secret = {f"{rule.into}.{column}" for rule in plan.tables for column in rule.secret}
    found = set()
    for target in plan.targets.values():
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript((SYSTEMS / system / str(target.schema)).read_text(encoding="utf-8"))
            rows = connection.execute(
                "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
            )
            found |= {f"{target.name}.{table}.{column}" for table, column in rows if LETS_IN.search(column)}
    assert found
    assert found - secret == set()
