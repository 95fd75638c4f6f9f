"""Values of columns that the plan calls secret are in no sentence of a proof, nor is anything that stands for them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.core.results import Verification
from tests.integration.containers.audit_site import SCHEMA, Audit, keep_rows, make_empty, open_audit
from tests.integration.containers.load_site import open_load_site
from tests.integration.containers.schema_site import Site, name_server

SECRETS = ("canary", "770077", "880088", "990099")
HASHES = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in SECRETS]
TABLES = """
tables:
  - {into: shop.users, from: [legacy.users], secret: [Word, flag, id]}
  - {into: shop.words, from: [legacy.words], secret: [word]}
  - {into: shop.bag, from: [legacy.bag], secret: [word]}
"""


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return open_audit(name_server(request), "secrets", tmp_path_factory.mktemp("secrets"))


@pytest.fixture
def audit(room: Audit, tmp_path: Path) -> Audit:
    """Return a load of which every value differs."""
    made = make_empty(room, tmp_path)
    plan = tmp_path / "plan.yaml"
    plan.write_text(plan.read_text() + TABLES)
    made.change_source(
        "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT, flag INTEGER, open TEXT)",
        "INSERT INTO users VALUES (770077, 'canary', 1, 'shown'), (880088, NULL, 2, 'shown too')",
        "CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL, open INTEGER)",
        "INSERT INTO words VALUES ('canary', 1), ('canary 2', 2)",
        "CREATE TABLE bag (word TEXT, flag)",
        "INSERT INTO bag VALUES ('canary', 1), (x'ff', 2)",
    )
    made.do(
        f"CREATE TABLE {SCHEMA}.users (id bigserial PRIMARY KEY, word text, flag boolean, open text)",
        f"INSERT INTO {SCHEMA}.users VALUES (770077, 'canary!', true, 'x'), (990099, 'canary', NULL, 'y')",
        f"CREATE TABLE {SCHEMA}.words (word text PRIMARY KEY, open bigint)",
        f"INSERT INTO {SCHEMA}.words VALUES ('canary', 3), ('canary 3', 2)",
        f"CREATE TABLE {SCHEMA}.bag (word text, flag bigint)",
        f"INSERT INTO {SCHEMA}.bag VALUES ('canary', 3)",
    )
    keep_rows(made, "users", [((990099, "canary", 1, "z"), "flag", None)])
    made.change_ledger("UPDATE 'shop.users' SET c1 = 'canary of the ledger'")
    return made


def expect_hidden(found: Verification) -> None:
    said = json.dumps([found.differences, found.notes], ensure_ascii=False)
    assert not [one for one in (*SECRETS, *HASHES) if one in said], said


@pytest.mark.parametrize("show_values", [False, True])
def test_secret_values_are_in_no_sentence(audit: Audit, show_values: bool) -> None:
    found = audit.prove_whole(show_values=show_values)
    expect_hidden(found)
    said = "\n".join(found.differences)
    assert "users: row •••: word is TEXT ••• in the source and text ••• in PostgreSQL" in said
    assert "users: row ••• stands in the source, does not wait" in said
    assert "users: the row with id = ••• stands in PostgreSQL only" in said
    assert "users: row ••• waits, and its flag, INTEGER •••, fits boolean" in said
    assert "users: row •••, which waits: word is TEXT ••• in the source and TEXT ••• in the ledger" in said
    assert "users: the next id would be one that is taken already" in said
    assert "words: row 1 (word = TEXT •••): open is INTEGER" in said
    assert "words: the row with word = ••• stands in PostgreSQL only" in said
    assert "bag: a row (hash •••) stands in PostgreSQL only" in said
    assert "bag: row 2: word is BLOB •••, which is BLOB" in said
    assert ("open is TEXT 'shown'" in said) is show_values


def test_what_is_not_secret_of_another_target_is_shown(audit: Audit) -> None:
    plan = audit.folder / "plan.yaml"
    plan.write_text(plan.read_text().replace("into: shop.words", "into: other.words") + "\n")
    found = replace(audit).prove_whole(show_values=True).differences
    assert any("the row with word = 'canary 3'" in line for line in found)


def test_a_proof_shows_no_secrets(site: Site, tmp_path: Path) -> None:
    place = open_load_site(site, tmp_path)
    place.write(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, word TEXT, flag)",
        "INSERT INTO users VALUES (1, 'canary-1', 0), (2, 'canary-2', 1), (3, 'canary-3', 770077)",
    )
    place.plan(types='"users.flag": boolean')
    plan = site.system / "plan.yaml"
    plan.write_text(plan.read_text() + "tables: [{into: core.users, from: [legacy.users], secret: [word, flag]}]\n")
    said = [place.load("--quarantine-budget", "1", *more) for more in ((), ("--json",))]
    site.do("UPDATE core_staged.users SET word = 'canary-other' WHERE id = 2")
    said += [place.verify(*more) for more in ((), ("--show-values",), ("--json", "--show-values"))]
    said.append(place.run("quarantine", "--json"))
    assert [ended.code for ended in said] == [0, 0, 3, 3, 3, 0]
    for ended in said:
        assert not [one for one in SECRETS if one in ended.out + ended.error], ended
    assert "word is TEXT ••• in the source and text ••• in PostgreSQL" in said[3].out
