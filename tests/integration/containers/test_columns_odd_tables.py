"""Columns of databases that nobody here designed: odd collations, roles and views, logs, and servers that restart."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strongroom.core.errors import UnreachableError
from strongroom.postgres import connection
from strongroom.rotate.columns import postgres_session, retrying
from strongroom.rotate.request import Surroundings
from tests.column_system import ColumnSystem
from tests.integration.containers.schema_site import Site

ENTRY = {"postgres": "accounts", "table": "users", "primary_key": ["id"], "column": "api_key", "key": "encryption"}
USERS = "CREATE TABLE accounts.users (id {} PRIMARY KEY, api_key text)"
FILL = "INSERT INTO accounts.users SELECT n, 'value ' || n FROM generate_series(1, 9) n"
WANT = {n: f"value {n}" for n in range(1, 10)}
ANY_CASE = "CREATE COLLATION accounts.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"


@pytest.fixture
def shop(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ColumnSystem:
    monkeypatch.setattr(retrying, "PATIENCE", 1.0)
    site.do("CREATE SCHEMA accounts")
    about = {"postgres": {"variables": ["SHOP_DSN"]}}
    return ColumnSystem(
        folder=tmp_path / "system", capsys=capsys, monkeypatch=monkeypatch, columns=[ENTRY], about=about
    )


def read(site: Site) -> dict[Any, Any]:
    return dict(site.read("SELECT id, api_key FROM accounts.users"))


def test_keys_that_a_collation_holds_for_equal_are_two_rows(shop: ColumnSystem, site: Site) -> None:
    want = {"a": "value of a", "A": "value of A", "b": "the longest of all values", "c": ""}
    site.do(ANY_CASE, "CREATE TABLE accounts.users (id text COLLATE accounts.any_case NOT NULL, api_key text)")
    site.do('CREATE UNIQUE INDEX ON accounts.users (id COLLATE "C")')
    for key, value in want.items():
        site.do(f"INSERT INTO accounts.users VALUES ('{key}', '{value}')")
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.open_all(read(site)) == want


def test_a_column_in_which_a_collation_holds_values_for_equal(shop: ColumnSystem, site: Site) -> None:
    site.do(ANY_CASE, "CREATE TABLE accounts.users (id int PRIMARY KEY, api_key text COLLATE accounts.any_case)", FILL)
    assert shop.run("columns.encrypt")[0] == 0
    first = shop.active
    shop.add_version()
    assert shop.run("columns.status", "--scan")[1]["columns"][0]["keys"] == {first: 9}
    assert shop.run("columns.rotate")[0] == 0
    assert shop.run("columns.status")[0] == 0
    assert shop.open_all(read(site)) == WANT


def test_a_value_that_is_cut_off_in_its_head_is_left_and_the_others_go_on(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS.format("int"), FILL)
    assert shop.run("columns.encrypt")[0] == 0
    shop.add_version()
    site.do("UPDATE accounts.users SET api_key = left(api_key, 20) WHERE id = 3")
    code, done, _ = shop.run("columns.rotate")
    assert (code, done["columns"][0]["changed"], done["columns"][0]["left"]) == (4, 8, 1)
    assert shop.run("columns.status")[1]["columns"][0]["formats"] == {"damaged": 1}


def test_no_plain_value_is_in_the_parameters_of_a_statement(
    shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            given.append(params)
            return super().execute(query, params, **options)

    monkeypatch.setattr("strongroom.postgres.connection._Cursor", Cursor)
    site.do(USERS.format("int"), FILL)
    assert shop.run("columns.encrypt")[0] == 0
    assert "sr1:" in str(given)
    assert "value " not in str(given)


def test_a_view_that_holds_nothing_yet_is_no_obstacle_to_a_scan(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS.format("int"), FILL)
    site.do("CREATE MATERIALIZED VIEW accounts.later AS SELECT * FROM accounts.users WITH NO DATA")
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.run("columns.status", "--scan")[0] == 0


def test_a_table_that_is_published_without_an_identity_is_refused(shop: ColumnSystem, site: Site) -> None:
    site.do("CREATE TABLE accounts.users (id int NOT NULL UNIQUE, api_key text)", FILL)
    site.do("CREATE PUBLICATION all_of_it FOR TABLE accounts.users")
    code, _, said = shop.run("columns.encrypt")
    assert code == 6, said
    assert "does not have a replica identity" in said
    assert "ALTER TABLE" in said
    assert read(site) == WANT
    assert site.read("SELECT relname FROM pg_class WHERE relname LIKE 'strongroom%'") == []


PROGRESS = (
    "CREATE TABLE accounts.strongroom_column_progress (table_name text, column_name text, work text NOT NULL, "
    "version text NOT NULL, position text, changed bigint NOT NULL DEFAULT 0, began timestamptz NOT NULL "
    "DEFAULT now(), PRIMARY KEY (table_name, column_name))"
)


@pytest.fixture
def narrow(site: Site, shop: ColumnSystem, monkeypatch: pytest.MonkeyPatch) -> ColumnSystem:
    """A role that may read and write the column, and the progress that its owner made for it."""
    role = f"narrow_{secrets.token_hex(4)}"
    site.do(USERS.format("int"), FILL, PROGRESS, f"CREATE ROLE {role}", f"GRANT USAGE ON SCHEMA accounts TO {role}")
    site.do(f"GRANT SELECT (id, api_key), UPDATE (api_key) ON accounts.users TO {role}")
    site.do(f"GRANT SELECT, INSERT, UPDATE, DELETE ON accounts.strongroom_column_progress TO {role}")
    monkeypatch.setitem(postgres_session._SESSION, "role", role)
    return shop


def test_progress_that_its_owner_made_is_used_and_stays(narrow: ColumnSystem, site: Site) -> None:
    code, _, said = narrow.run("columns.encrypt")
    assert code == 0, said
    assert narrow.open_all(read(site)) == WANT
    assert site.read("SELECT * FROM accounts.strongroom_column_progress") == []
    assert narrow.run("columns.status")[0] == 0


def test_who_may_not_see_who_locks_a_row_is_told_that_somebody_does(narrow: ColumnSystem, site: Site) -> None:
    with site.connect() as other, other.transaction():
        other.execute("SELECT FROM accounts.users WHERE id = 5 FOR UPDATE")
        code, _, said = narrow.run("columns.encrypt")
    assert (code, "has rows that somebody holds locked" in said) == (5, True)
    assert narrow.run("columns.encrypt")[0] == 0


def test_a_server_that_starts_again_in_the_middle_is_waited_for(
    shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.do(USERS.format("int"), FILL)
    open_really, refused = connection.open_postgres, iter(range(3))

    def open_late(access: Any) -> Any:
        if began and next(refused, None) is not None:
            raise UnreachableError("PostgreSQL", "the database system is starting up")
        return open_really(access)

    began: list[str] = []

    def reach(_: Surroundings, step: str) -> None:
        if step == "committed" and not began:
            began.append(step)
            site.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'strongroom'")

    monkeypatch.setattr(postgres_session, "open_postgres", open_late)
    monkeypatch.setattr(Surroundings, "reach", reach)
    code, _, said = shop.run("columns.encrypt", "--batch-size", "2")
    assert code == 0, said
    assert next(refused, None) is None
    assert shop.open_all(read(site)) == WANT


@pytest.mark.parametrize("published", ["ALL TABLES", "TABLES IN SCHEMA accounts", "TABLE accounts.users"])
def test_progress_is_not_sent_to_subscribers_which_would_stop_at_it(
    shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch, published: str
) -> None:
    site.do(USERS.format("int"), FILL, f"CREATE PUBLICATION outward FOR {published}")
    kinds: list[Any] = []

    def reach(_: Surroundings, step: str) -> None:
        if step == "begun":
            kinds.extend(
                site.read("SELECT relpersistence::text FROM pg_class WHERE relname LIKE 'strongroom%progress'")
            )

    monkeypatch.setattr(Surroundings, "reach", reach)
    assert shop.run("columns.encrypt")[0] == 0
    assert kinds == [("p",) if published == "TABLE accounts.users" else ("u",)]
    assert shop.open_all(read(site)) == WANT


REFERENCE = (
    "CREATE TABLE accounts.known (k text PRIMARY KEY); INSERT INTO accounts.known SELECT api_key FROM accounts.low;"
    "ALTER TABLE accounts.low ADD FOREIGN KEY (api_key) REFERENCES accounts.known"
)


@pytest.mark.parametrize(
    "obstacle",
    [
        "CREATE UNIQUE INDEX ON accounts.low (api_key)",
        "CREATE UNIQUE INDEX ON accounts.low (id) WHERE api_key = 'x'",
        REFERENCE,
    ],
    ids=["index", "condition", "reference"],
)
def test_what_a_partition_alone_says_of_its_column_refuses(shop: ColumnSystem, site: Site, obstacle: str) -> None:
    site.do("CREATE TABLE accounts.users (id int PRIMARY KEY, api_key text) PARTITION BY RANGE (id)")
    site.do("CREATE TABLE accounts.low (api_key text, gone int, id int NOT NULL)", "ALTER TABLE accounts.low DROP gone")
    site.do("ALTER TABLE accounts.users ATTACH PARTITION accounts.low FOR VALUES FROM (0) TO (100)", FILL)
    site.do(*obstacle.split(";"))
    code, _, said = shop.run("columns.encrypt")
    assert code == 6, said
    assert "no two ciphertexts are equal" in said
    assert read(site) == WANT


def test_partitions_whose_columns_are_in_another_order_come_along(shop: ColumnSystem, site: Site) -> None:
    site.do("CREATE TABLE accounts.users (id int PRIMARY KEY, api_key text) PARTITION BY RANGE (id)")
    site.do("CREATE TABLE accounts.low (api_key text, gone int, id int NOT NULL)", "ALTER TABLE accounts.low DROP gone")
    site.do("ALTER TABLE accounts.users ATTACH PARTITION accounts.low FOR VALUES FROM (0) TO (100)", FILL)
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.open_all(read(site)) == WANT
