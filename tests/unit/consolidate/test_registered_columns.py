"""Encrypted columns that ``system.yaml`` registers move as they are, or the plan is refused with its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.binding import refuse_unopened
from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import PlanError
from strongroom.core.plan import read_plan
from tests.unit.consolidate.houses import bind_house, head

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, api_key TEXT, seen TEXT);
CREATE TABLE tokens (user_id INTEGER, device TEXT, token BLOB, PRIMARY KEY (user_id, device));
"""
ROWS = """
INSERT INTO users VALUES (1, 'ann', 'sr1:', '2026-01-01'), (2, 'bob', 'sr1:', '2026-01-02');
INSERT INTO tokens VALUES (1, 'phone', x'00');
"""
USERS = {"table": "users", "primary_key": ["id"], "column": "api_key", "key": "encryption"}
TOKENS = {"table": "tokens", "primary_key": ["user_id", "device"], "column": "token", "key": "encryption"}
TOKENS_OF_ZOE = {"sqlite": "zoe.db", **TOKENS}
REGISTERED = ({"sqlite": "zoe.db", **USERS}, TOKENS_OF_ZOE)


def judge(
    folder: Path,
    tables: str,
    *,
    schema: str = SCHEMA,
    loose: str = SCHEMA,
    registered: Sequence[dict[str, Any]] = REGISTERED,
    decided: bool = False,
) -> str:
    """Return what is said of a plan with these tables, from two files; nothing where all opens."""
    plan = head("zoe", "auth", schema=bool(schema)) + tables
    work = bind_house(folder, schema or "SELECT 1", plan, {"zoe": loose + ROWS, "auth": loose})
    if decided:
        (target,) = work.targets
        jobs = tuple(replace(job, decisions=(object(),)) for job in target.tables)  # type: ignore[arg-type]
        work = replace(work, targets=(replace(target, tables=jobs),))
    entries = [ColumnEntry.model_validate(one) for one in registered]
    try:
        refuse_unopened(read_plan(folder / "plan.yaml"), work, entries)
    except PlanError as error:
        return f"{error}\n{error.hint}".removeprefix(f"{folder}/")
    return ""


ALL = "copy: {house: [zoe.*, auth.*]}\n"
MERGED = """\
tables:
  - into: house.tokens
    from: [zoe.tokens, auth.tokens]
  - into: house.users
    from: [zoe.users, auth.users]
"""


@pytest.mark.parametrize(
    "tables",
    [
        ALL,
        MERGED,
        f"{MERGED}    on_conflict: {{rule: merge}}\n",
        f"{MERGED}    on_conflict: {{rule: newest, by: seen}}\n",
        f"{MERGED}    key: [name]\n    on_conflict: {{rule: newest, by: seen}}\n",
        f"{MERGED}    key: [name]\n    on_conflict: {{rule: merge, columns: {{api_key: {{rule: prefer}}}}}}\n",
        f"{MERGED}    transform: {{name: trim}}\n    identity: {{column: id, strategy: keep}}\n    secret: [api_key]\n",
        f"{MERGED}    references: [house.tokens.user_id]\n",
        f'{MERGED}    where: {{sql: "id > 1", reason: old}}\n',
    ],
)
@pytest.mark.parametrize("schema", [SCHEMA, ""])
def test_what_moves_as_it_is_passes(tmp_path: Path, tables: str, schema: str) -> None:
    assert judge(tmp_path, tables, schema=schema) == ""


RENAMED = SCHEMA.replace("TABLE users", "TABLE people").replace("api_key", "secret").replace("(id INT", "(number INT")
TO_PEOPLE = """\
tables:
  - into: house.tokens
    from: [zoe.tokens, auth.tokens]
  - into: house.people
    from:
      - {table: zoe.users, columns: {secret: api_key, number: id}}
      - {table: auth.users, columns: {secret: api_key, number: id}}
"""


@pytest.mark.parametrize(
    ("tables", "schema", "expected"),
    [
        (TO_PEOPLE, RENAMED, "it becomes people.secret, where no value of it opens"),
        (
            TO_PEOPLE.replace("secret: api_key, ", ""),
            RENAMED.replace("secret", "api_key"),
            "it becomes people.api_key, where no value of it opens",
        ),
        (
            MERGED.replace("[zoe.users", "[{table: zoe.users, columns: {name: api_key, api_key: name}}"),
            SCHEMA,
            "it becomes users.name, where no value of it opens",
        ),
        (
            MERGED + "    identity: {column: id, strategy: renumber}\n    key: [name]\n",
            SCHEMA,
            "its primary key id is given anew (renumber)",
        ),
        (
            MERGED + "    identity: {column: id, strategy: offset}\n",
            SCHEMA,
            "its primary key id is given anew (offset)",
        ),
        (MERGED + "    on_conflict: {rule: keep_both}\n", SCHEMA, "its primary key id is given anew (renumber)"),
        (
            MERGED + "    transform: {api_key: trim}\n",
            SCHEMA,
            "it is transformed, and ciphertext is no value",
        ),
        (
            MERGED.replace("auth.tokens]", "auth.tokens]\n    transform: {device: trim}"),
            SCHEMA,
            "its primary key device is transformed",
        ),
        (MERGED + "    key: [api_key]\n", SCHEMA, "it is in the key, and equal values are different ciphertexts"),
        (
            MERGED + "    key: [name]\n    on_conflict: {rule: merge}\n",
            SCHEMA,
            "merge fills it from rows with other primary keys",
        ),
        (
            MERGED + "    key: [name]\n    on_conflict:\n"
            "      {rule: merge, columns: {api_key: {rule: newest, by: seen}}}\n",
            SCHEMA,
            "merge fills it from rows with other primary keys",
        ),
        (
            MERGED + "    key: [name]\n    on_conflict:\n"
            "      {rule: merge, columns: {api_key: {rule: prefer}, id: {rule: max}}}\n",
            SCHEMA,
            "merge chooses its primary key id apart from it",
        ),
        (
            MERGED.replace(
                "auth.tokens]",
                "auth.tokens]\n    normalize: {device: [casefold]}\n    on_conflict: {rule: merge}",
            ),
            SCHEMA,
            "merge fills it from rows with other primary keys",
        ),
        (
            MERGED.replace("auth.tokens]", "auth.tokens]\n    on_conflict: {rule: merge}"),
            SCHEMA.replace("device TEXT", "device TEXT COLLATE NOCASE"),
            "merge fills it from rows with other primary keys",
        ),
        (
            MERGED + "    identity: {column: id, strategy: renumber}\n    references: [house.tokens.user_id]\n",
            SCHEMA,
            "its primary key user_id follows the ids of users, which may become others",
        ),
        (
            MERGED + "    key: [name]\n    on_conflict: {rule: newest, by: seen}\n"
            "    references: [house.tokens.user_id]\n",
            SCHEMA,
            "its primary key user_id follows the ids of users, which may become others",
        ),
        (
            MERGED + "    references: [{column: house.tokens.user_id, orphans: null}]\n",
            SCHEMA,
            "its primary key user_id follows the ids of users, which may become others",
        ),
        (
            MERGED + "    references: [{column: house.users.api_key}]\n",
            SCHEMA,
            "it is followed as a reference, and ciphertext is no id",
        ),
        (
            MERGED,
            SCHEMA.replace("user_id INTEGER", "user_id TEXT"),
            "its primary key user_id is INTEGER, and becomes TEXT: 7 is another row than '7'",
        ),
    ],
)
def test_what_would_not_open_is_refused_with_its_line(tmp_path: Path, tables: str, schema: str, expected: str) -> None:
    registered = [one for one in REGISTERED if one is TOKENS_OF_ZOE or "user_id" not in expected]
    said = judge(tmp_path, tables, schema=schema, registered=registered)
    assert expected in said
    assert said.startswith("plan.yaml:")
    assert " is an encrypted column: " in said
    assert said.split("\n")[1]
    assert judge(make(tmp_path / "unregistered"), tables, schema=schema, registered=()) == ""


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_decision_takes_no_value_into_another_row(tmp_path: Path) -> None:
    by_name = f"{MERGED}    key: [name]\n"
    assert "a decision takes it from a row with another primary key" in judge(tmp_path, by_name, decided=True)
    assert judge(make(tmp_path / "by_id"), MERGED, decided=True) == ""


def test_a_new_name_passes_where_it_is_registered_with_the_old_one(tmp_path: Path) -> None:
    there = {
        "table": "people",
        "primary_key": ["number"],
        "column": "secret",
        "key": "encryption",
        "was": ["users.api_key"],
    }
    for number, place in enumerate(({"sqlite": "house.db"}, {"postgres": "house"})):
        folder = make(tmp_path / str(number))
        assert judge(folder, TO_PEOPLE, schema=RENAMED, registered=[*REGISTERED, {**place, **there}]) == ""


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"was": []}, "which does not know it by its name of now"),
        ({"key": "other"}, "which is under other, and it is under encryption"),
        ({"primary_key": ["name"]}, "whose primary_key: is [name], and its own becomes [number]"),
    ],
)
def test_what_is_registered_there_must_fit(tmp_path: Path, there: dict[str, Any], expected: str) -> None:
    entry = {
        "sqlite": "house.db",
        "table": "people",
        "primary_key": ["number"],
        "column": "secret",
        "key": "encryption",
        "was": ["users.api_key"],
    }
    assert expected in judge(tmp_path, TO_PEOPLE, schema=RENAMED, registered=[*REGISTERED, entry | there])


def test_names_of_before_are_handed_on(tmp_path: Path) -> None:
    here = REGISTERED[0] | {"was": ["old.name"]}
    there = {"sqlite": "house.db", **USERS}
    assert "say was: [old.name] there" in judge(tmp_path, ALL, registered=[here, there])
    assert judge(make(tmp_path / "known"), ALL, registered=[here, there | {"was": ["old.name"]}]) == ""


def test_a_column_of_another_file_is_not_looked_at(tmp_path: Path) -> None:
    others = [one | {"sqlite": "elsewhere.db"} for one in REGISTERED]
    assert judge(tmp_path, TO_PEOPLE, schema=RENAMED, registered=others) == ""


def test_names_are_those_of_sqlite_in_any_case_of_letters(tmp_path: Path) -> None:
    loud = [REGISTERED[0] | {"sqlite": "./zoe.db", "table": "USERS", "column": "Api_Key", "primary_key": ["ID"]}]
    assert judge(tmp_path, ALL, registered=loud) == ""
    assert "it becomes people.secret" in judge(make(tmp_path / "people"), TO_PEOPLE, schema=RENAMED, registered=loud)
