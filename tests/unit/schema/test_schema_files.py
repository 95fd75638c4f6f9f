"""Schema files and servers: how files are parted, and what names a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.core.errors import ConfigurationError, KeyMissingError, UsageError
from strongroom.core.system import Postgres, System
from strongroom.schema import find_access, read_file_sets

TEXT = """-- The first; with a semicolon.
CREATE TABLE a (v TEXT DEFAULT 'x;y');

/* A remark; too. */ CREATE FUNCTION f () RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    RETURN 'a;b';
END;
$body$;
  COMMENT ON TABLE a IS 'ends; here'
"""
SYSTEM = System(version=1, name="shop", title="Shop", postgres=Postgres(variables=("SHOP_DSN", "DATABASE_URL")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "postgres" / "core").mkdir(parents=True)
    (tmp_path / "postgres" / "core" / "001_a.sql").write_text(TEXT)
    return tmp_path


def test_statements_are_parted_where_they_end(folder: Path) -> None:
    (files,) = read_file_sets(folder)
    statements = files.files[0].statements
    assert [" ".join(one.text.split())[:22] for one in statements] == [
        "CREATE TABLE a (v TEXT",
        "CREATE FUNCTION f () R",
        "COMMENT ON TABLE a IS ",
    ]
    assert [one.place().rsplit("sql:", 1)[1] for one in statements] == ["2:1", "4:22", "9:3"]
    assert statements[1].text.rstrip().endswith("$body$;")
    assert statements[1].place(statements[1].text.index("RETURN 'a")).endswith(":6:5")


def test_an_unknown_database_and_a_system_without_schemas_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no database of this system"):
        read_file_sets(folder, "nothing")
    with pytest.raises(UsageError, match="has no schemas"):
        read_file_sets(tmp_path / "none")
    (folder / "postgres" / "core" / "002_b.sql").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        read_file_sets(folder)


def test_the_first_variable_that_is_set_names_the_server() -> None:
    environment = {"DATABASE_URL": "postgresql://u@db.example/one", "PGHOST": "other", "PGPASSWORD": "canary"}
    access = find_access(SYSTEM, environment, None, purpose="deploy")
    assert (access.place, access.origin) == ("db.example:5432/one", "DATABASE_URL")
    assert access.parameters["sslmode"] == "verify-full"
    assert access.parameters["sslrootcert"] == "system"
    assert "canary" not in repr(access)
    environment["SHOP_DSN"] = "hostaddr=192.0.2.7 user=u dbname=two"
    assert (
        find_access(SYSTEM, {**environment, "PGHOST": ""}, None, purpose="deploy").parameters["sslmode"]
        == "verify-full"
    )
    environment["SHOP_DSN"] = "postgresql://u@db.example/two?sslmode=require"
    assert find_access(SYSTEM, environment, None, purpose="deploy").parameters["sslmode"] == "require"


def test_without_one_libpqs_own_and_then_the_local_stack() -> None:
    local = {"host": "localhost"}
    assert (
        find_access(SYSTEM, {"PGHOST": "db.example", "PGDATABASE": "x"}, local, purpose="deploy").place
        == "db.example:5432/x"
    )
    assert "sslmode" not in find_access(SYSTEM, {"PGHOST": "/run/postgresql"}, None, purpose="deploy").parameters
    assert find_access(SYSTEM, {}, local, purpose="deploy").origin == "the local stack"
    with pytest.raises(ConfigurationError, match="is named nowhere"):
        find_access(SYSTEM, {}, None, purpose="deploy")


def test_a_password_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("canary\n")
    environment = {"SHOP_DSN": "postgresql://u@db.example/x", "POSTGRES_PASSWORD_FILE": str(tmp_path / "password")}
    assert find_access(SYSTEM, environment, None, purpose="deploy").parameters["password"] == "canary"
    with pytest.raises(KeyMissingError) as caught:
        find_access(SYSTEM, {**environment, "POSTGRES_PASSWORD_FILE": str(tmp_path / "none")}, None, purpose="deploy")
    assert caught.value.exit_code == 12
