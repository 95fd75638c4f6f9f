"""Schema files and servers: how files are parted, and what names a server."""

from __future__ import annotations

import os
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


def no_stack() -> None:
    """Stand for a clone without a stack."""


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
    access = find_access(SYSTEM, environment, no_stack, purpose="deploy")
    assert (access.place, access.origin) == ("db.example:5432/one", "DATABASE_URL")
    assert access.parameters["sslmode"] == "verify-full"
    assert access.parameters["sslrootcert"] == "system"
    assert "canary" not in repr(access)
    environment["SHOP_DSN"] = "hostaddr=192.0.2.7 user=u dbname=two"
    assert (
        find_access(SYSTEM, {**environment, "PGHOST": ""}, no_stack, purpose="deploy").parameters["sslmode"]
        == "verify-full"
    )
    environment["SHOP_DSN"] = "postgresql://u@db.example/two?sslmode=require"
    with pytest.raises(
        ConfigurationError, match=r"SHOP_DSN: sslmode=require to db\.example encrypts, and lets anybody"
    ):
        find_access(SYSTEM, environment, no_stack, purpose="deploy")


def test_without_one_libpqs_own_and_then_the_local_stack() -> None:
    local = {"host": "localhost"}
    assert (
        find_access(SYSTEM, {"PGHOST": "db.example", "PGDATABASE": "x"}, lambda: local, purpose="deploy").place
        == "db.example:5432/x"
    )
    assert "sslmode" not in find_access(SYSTEM, {"PGHOST": "/run/postgresql"}, no_stack, purpose="deploy").parameters
    assert find_access(SYSTEM, {}, lambda: local, purpose="deploy").origin == "the local stack"
    with pytest.raises(ConfigurationError, match="is named nowhere"):
        find_access(SYSTEM, {}, no_stack, purpose="deploy")


def test_a_password_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("canary\n")
    environment = {"SHOP_DSN": "postgresql://u@db.example/x", "POSTGRES_PASSWORD_FILE": str(tmp_path / "password")}
    assert find_access(SYSTEM, environment, no_stack, purpose="deploy").parameters["password"] == "canary"
    with pytest.raises(KeyMissingError) as caught:
        find_access(
            SYSTEM, {**environment, "POSTGRES_PASSWORD_FILE": str(tmp_path / "none")}, no_stack, purpose="deploy"
        )
    assert caught.value.exit_code == 12


def test_a_stack_that_is_not_meant_is_not_even_looked_at() -> None:
    def fail() -> None:
        raise AssertionError

    access = find_access(SYSTEM, {"SHOP_DSN": "postgresql://u@db.example/x"}, fail, purpose="deploy")
    assert access.origin == "SHOP_DSN"


@pytest.mark.parametrize(("purpose", "user"), [("deploy", "maker"), ("monitor", "watcher")])
def test_where_nobody_says_a_user_the_purpose_does(purpose: str, user: str) -> None:
    users = {"POSTGRES_DEPLOY_USER": "maker", "POSTGRES_MONITOR_USER": "watcher"}
    for given in ({"PGHOST": "db.example"}, {"SHOP_DSN": "postgresql://db.example/x"}):
        assert find_access(SYSTEM, {**users, **given}, no_stack, purpose=purpose).parameters["user"] == user
    said = {**users, "SHOP_DSN": "postgresql://u@db.example/x"}
    assert find_access(SYSTEM, said, no_stack, purpose=purpose).parameters["user"] == "u"
    said = {**users, "PGHOST": "db.example", "PGUSER": "v"}
    assert find_access(SYSTEM, said, no_stack, purpose=purpose).parameters["user"] == "v"


def test_a_file_of_passwords_that_others_may_read_is_named_or_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    file.write_text("*:*:*:u:canary\n")
    environment = {"SHOP_DSN": "postgresql://u@db.example/x", "PGPASSFILE": str(file)}
    file.chmod(0o600)
    assert "passfile" not in find_access(SYSTEM, environment, no_stack, purpose="deploy").parameters
    file.chmod(0o644)
    with pytest.raises(KeyMissingError, match="may be read by others, so libpq passes it over"):
        find_access(SYSTEM, environment, no_stack, purpose="deploy")
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)  # mounted: somebody else's
    copy = Path(find_access(SYSTEM, environment, no_stack, purpose="deploy").parameters["passfile"])
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == ("*:*:*:u:canary\n", 0o600)
    with pytest.raises(KeyMissingError, match=r"PGPASSFILE: .*none cannot be read"):
        find_access(SYSTEM, {**environment, "PGPASSFILE": str(tmp_path / "none")}, no_stack, purpose="deploy")
