"""Schemas in PostgreSQL: applied whole or not at all, compared with the files, and who may do what with them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from psycopg import errors

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from tests.integration.containers.schema_site import ONE, Site

TABLES = {"core": "core", "memory": "memory", "analytics": "analytics", "agents": "agents"}


def test_files_are_applied_once_and_the_schema_is_then_what_they_say(site: Site) -> None:
    site.write("core/001_goods.sql", ONE)
    site.write("more/001_goods.sql", ONE)
    code, out, _ = site.run("apply", "--dry-run")
    assert (code, out.count("001_goods.sql")) == (0, 2)
    assert site.read("SELECT nspname FROM pg_namespace WHERE nspname IN ('core', 'more', 'strongroom')") == []
    assert site.run("status")[0] == 7
    assert site.run("apply", "--database", "core")[0] == 0
    assert site.run("status", "--database", "core")[0] == 0
    assert site.run("status")[0] == 7
    assert site.run("apply")[0] == 0
    assert site.run("status")[0] == 0
    site.write("core/002_more.sql", "ALTER TABLE goods ADD COLUMN price NUMERIC;")
    code, out, _ = site.run("apply", "--json")
    applied = {one["database"]: one["applied"] for one in json.loads(out.splitlines()[-1])["databases"]}
    assert (code, applied) == (0, {"core": ["002_more.sql"], "more": []})
    assert site.run("status")[0] == 0


def test_the_applications_schemas_have_the_columns_of_its_databases(site: Site, repository: Path) -> None:
    shutil.copytree(repository / "sql" / "aragora" / "postgres", site.system / "postgres")
    assert site.run("apply")[0] == 0
    assert site.run("status")[0] == 0
    assert site.run("apply")[0] == 0
    for schema, database in TABLES.items():
        with closing(sqlite3.connect(":memory:")) as connection:
            script = repository / "sql" / "aragora" / "sqlite" / f"{database}.sql"
            connection.executescript(script.read_text(encoding="utf-8"))
            wanted = connection.execute(
                "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c "
                "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid"
            ).fetchall()
        held = site.read(
            "SELECT table_name::text, column_name::text FROM information_schema.columns "
            f"WHERE table_schema = '{schema}' ORDER BY table_name COLLATE \"C\", ordinal_position"
        )
        assert held == wanted
    floats = "SELECT table_name FROM information_schema.columns WHERE data_type = 'real'"
    assert site.read(f"{floats} AND table_schema NOT IN ('pg_catalog', 'information_schema')") == []


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("CREATE TABLE a (id BIGINT);\n\n-- a remark\nCREATE TABEL b (id BIGINT);\n", "4:8", "syntax error at or near"),
        ("CREATE TABLE a (id BIGINT,\n    v NOTHING);\n", "2:7", 'type "nothing" does not exist'),
        ("CREATE TABLE a (id BIGINT);\n  CREATE TABLE a (v TEXT);", "2:3", 'relation "a" already exists'),
        ("CREATE FUNCTION f () RETURNS text LANGUAGE sql AS $$ SELECT 'a;b'; $$;\nSELECT nothing();", "2:8",
         "function nothing() does not exist"),
    ],
)  # fmt: skip
def test_a_wrong_statement_is_named_by_its_place_and_nothing_is_applied(
    site: Site, text: str, place: str, said: str
) -> None:
    site.write("a_first/001_goods.sql", ONE)
    wrong = site.write("core/001_wrong.sql", text)
    code, _, error = site.run("apply")
    assert code == 2
    assert f"{wrong}:{place}: {said}" in error
    assert "nothing was applied; the statement is: " in error
    assert site.read("SELECT nspname FROM pg_namespace WHERE nspname IN ('core', 'a_first', 'strongroom')") == []


def test_what_was_edited_removed_or_came_too_late_is_refused(site: Site) -> None:
    first = site.write("core/002_goods.sql", ONE)
    assert site.run("apply")[0] == 0
    first.write_text(ONE + "-- more\n")
    code, _, error = site.run("apply")
    assert (code, "was edited since it was applied" in error) == (6, True)
    assert site.run("status")[0] == 7
    first.write_text(ONE)
    early = site.write("core/001_early.sql", "CREATE TABLE early (id BIGINT);")
    code, _, error = site.run("apply")
    assert (code, "comes before 002_goods.sql" in error) == (6, True)
    early.unlink()
    first.rename(first.with_name("003_goods.sql"))
    code, _, error = site.run("apply")
    assert (code, "was applied and is gone" in error) == (6, True)
    assert site.read("SELECT count(*) FROM core.goods") == [(0,)]


@pytest.mark.parametrize("statement", ["BEGIN;", "COMMIT", "rollback;", "START TRANSACTION;"])
def test_a_file_may_not_end_its_transaction(site: Site, statement: str) -> None:
    site.write("core/001_goods.sql", f"{ONE}{statement}\n")
    code, _, error = site.run("apply")
    assert (code, "001_goods.sql:3:1: begins or ends a transaction" in error) == (2, True)


def test_tables_of_somebody_else_are_not_touched(site: Site) -> None:
    with site.connect() as connection:
        connection.execute("CREATE SCHEMA core")
        connection.execute("CREATE TABLE core.goods (theirs TEXT)")
    site.write("core/001_goods.sql", ONE)
    code, _, error = site.run("apply")
    assert (code, "schema core: holds goods, and no record of ours" in error) == (6, True)
    assert site.read("SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'core'") == [
        ("theirs",)
    ]


def test_a_reader_reads_a_writer_writes_and_neither_changes_the_schema(site: Site) -> None:
    site.write("core/001_goods.sql", ONE)
    assert site.run("apply")[0] == 0
    site.write("core/002_later.sql", "CREATE TABLE later (id BIGINT GENERATED BY DEFAULT AS IDENTITY, v TEXT);")
    assert site.run("apply")[0] == 0
    allowed = {
        "shop_reader": ["SELECT * FROM core.goods", "SELECT * FROM core.later"],
        "shop_writer": ["INSERT INTO core.later (v) VALUES ('a')", "UPDATE core.later SET v = 'b'",
                        "DELETE FROM core.later", "SELECT * FROM core.goods"],
        "shop_owner": ["CREATE TABLE core.mine (id BIGINT)", "DROP TABLE core.mine"],
    }  # fmt: skip
    refused = {
        "shop_reader": ["INSERT INTO core.later (v) VALUES ('a')", "UPDATE core.later SET v = 'b'",
                        "DELETE FROM core.later", "CREATE TABLE core.mine (id BIGINT)",
                        "INSERT INTO strongroom_shop.applied_files VALUES ('core', '9.sql')"],
        "shop_writer": ["CREATE TABLE core.mine (id BIGINT)", "DROP TABLE core.later", "TRUNCATE core.later",
                        "SELECT * FROM strongroom_shop.applied_files"],
        "shop_owner": ["CREATE ROLE another"],
    }  # fmt: skip
    with site.connect() as connection:
        for role, statements in allowed.items():
            connection.execute(f"SET ROLE {role}".encode())
            for statement in statements:
                connection.execute(statement.encode())
            for statement in refused[role]:
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
            connection.execute("RESET ROLE")


def test_a_role_that_may_make_roles_and_schemas_is_enough(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.system / "system.yaml").write_text(
        "version: 1\nname: kiosk\ntitle: Kiosk\npostgres: {variables: [SHOP_DSN]}\n"
    )
    site.write("core/001_goods.sql", ONE)
    with site.connect() as connection:
        connection.execute("CREATE ROLE deployer LOGIN CREATEROLE PASSWORD 'canary-5c1e'")
        connection.execute(f"GRANT CREATE ON DATABASE {connection.info.dbname} TO deployer".encode())
    monkeypatch.setenv("PGPASSWORD", "canary-5c1e")
    monkeypatch.setenv("SHOP_DSN", site.dsn.replace("postgres@", "deployer@"))
    for _ in range(2):
        code, _, error = site.run("apply")
        assert code == 0, error
    assert site.run("status")[0] == 0


def test_a_member_of_the_owner_is_enough_where_nothing_is_to_be_made(site: Site) -> None:
    site.write("core/001_goods.sql", ONE)
    assert site.run("apply")[0] == 0
    site.write("core/002_more.sql", "ALTER TABLE goods ADD COLUMN more TEXT;")
    member = site.make_role("")
    site.do(f"GRANT shop_owner TO {member}")
    site.act_as(member)
    code, _, error = site.run("apply")
    assert code == 0, error
    site.do(f"REVOKE CREATE ON DATABASE {site.dsn.partition('?')[0].rpartition('/')[2]} FROM shop_owner")
    assert site.run("apply")[0] == 0  # nothing to do
    assert site.run("status")[0] == 0


def test_a_role_that_may_not_is_told_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("core/001_goods.sql", ONE)
    with site.connect() as connection:
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'canary-5c1e'")
    monkeypatch.setenv("PGPASSWORD", "canary-5c1e")
    monkeypatch.setenv("SHOP_DSN", site.dsn.replace("postgres@", "stranger@"))
    code, _, error = site.run("apply")
    said = "permission denied" if site.version >= 16 else "must have admin option"
    assert (code, said in error) == (6, True), error
    assert site.run("status")[0] == 7


@pytest.mark.parametrize("task", ["apply", "status"])
def test_a_server_that_is_too_old_is_one_line(site: Site, monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    site.write("core/001_goods.sql", ONE)
    monkeypatch.setattr("strongroom.postgres.access._OLDEST", site.version + 1)
    code, _, error = site.run(task)
    said = f": is version {site.version}, and {site.version + 1} is the oldest that will do"
    assert (code, said in error, error.count("\n")) == (13, True, 2), error
    assert site.read("SELECT to_regnamespace('core') IS NULL") == [(True,)]


def test_two_who_apply_at_once_wait_for_each_other(site: Site) -> None:
    site.write("core/001_goods.sql", ONE + "SELECT pg_sleep(0.5);")
    codes: list[int] = []

    def apply() -> None:
        words = ["inv", "postgres.apply", "--system", str(site.system)]
        codes.append(OpsProgram(every_task).main(words))

    threads = [threading.Thread(target=apply, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert codes == [0, 0]
    assert site.read("SELECT count(*) FROM strongroom_shop.applied_files") == [(1,)]


def test_a_server_that_cannot_be_reached_or_refuses_is_one_line_without_the_password(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write("core/001_goods.sql", ONE)
    canary = "canary-7f3a"
    monkeypatch.setenv("PGPASSWORD", canary)
    code, out, error = site.run("apply")
    assert (code, "password authentication failed" in error, canary in out + error) == (12, True, False)
    monkeypatch.setenv("SHOP_DSN", f"postgresql://u:{canary}@localhost:1/x")
    code, out, error = site.run("apply")
    assert (code, "Connection refused" in error, canary in out + error) == (5, True, False)
    monkeypatch.setenv("SHOP_DSN", f"postgresql://u:{canary}@[/x")
    code, out, error = site.run("apply")
    assert (code, "SHOP_DSN: is no connection string" in error, canary in out + error) == (2, True, False)
    monkeypatch.setenv("SHOP_DSN", site.dsn.split("&sslrootcert", maxsplit=1)[0])
    code, _, error = site.run("apply")
    assert (code, "certificate" in error) == (5, True)
