"""Connections by the name of a service: verified as all others are, and refused where the file says less."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.core.errors import ConfigurationError
from strongroom.core.system import Postgres, System
from strongroom.schema import find_access


def no_stack() -> None:
    """Stand for a clone without a stack."""


SYSTEM = System(version=1, name="shop", title="Shop", postgres=Postgres(variables=("SHOP_DSN",)))
FILE = """# ours
[shop]
host=db.example
port=5433
dbname=goods
user=u
password=pa%ss#1

[plain]
host=db.example
sslmode=require

[near]
host=/run/postgresql
dbname=x
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "services").write_text(FILE)
    return {"PGSERVICEFILE": str(tmp_path / "services")}


@pytest.mark.parametrize("given", [{"PGSERVICE": "shop"}, {"SHOP_DSN": "service=shop"}])
def test_a_service_is_verified_like_any_other(environment: dict[str, str], given: dict[str, str]) -> None:
    access = find_access(SYSTEM, {**environment, **given}, no_stack, purpose="deploy")
    assert access.place == "db.example:5433/goods"
    assert (access.parameters["sslmode"], access.parameters["sslrootcert"]) == ("verify-full", "system")
    assert access.parameters["password"] == "pa%ss#1"
    assert "pa%ss" not in repr(access)


def test_a_file_that_says_less_is_refused_and_a_socket_needs_nothing(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"PGSERVICE: sslmode=require to db\.example"):
        find_access(SYSTEM, {**environment, "PGSERVICE": "plain"}, no_stack, purpose="deploy")
    assert (
        "sslmode"
        not in find_access(SYSTEM, {**environment, "PGSERVICE": "near"}, no_stack, purpose="deploy").parameters
    )


def test_what_is_said_counts_before_the_file_and_the_file_before_variables(environment: dict[str, str]) -> None:
    given = {**environment, "SHOP_DSN": "service=shop port=1", "PGUSER": "v", "PGPORT": "2", "PGSSLROOTCERT": "/ca"}
    parameters = find_access(SYSTEM, given, no_stack, purpose="deploy").parameters
    assert (parameters["port"], parameters["user"], parameters["sslrootcert"]) == ("1", "u", "/ca")


def test_files_are_looked_for_where_libpq_looks(tmp_path: Path) -> None:
    (tmp_path / "pg_service.conf").write_text(FILE)
    (tmp_path / ".pg_service.conf").write_text("[other]\nhost=mine\n")
    given = {"PGSERVICE": "shop", "HOME": str(tmp_path), "PGSYSCONFDIR": str(tmp_path)}
    assert find_access(SYSTEM, given, no_stack, purpose="deploy").place == "db.example:5433/goods"
    assert find_access(SYSTEM, {**given, "PGSERVICE": "other"}, no_stack, purpose="deploy").place == "mine:5432/"


def test_a_service_that_is_nowhere_or_a_file_that_is_none_is_said(environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"service none: is defined nowhere: looked in .*services"):
        find_access(SYSTEM, {**environment, "PGSERVICE": "none"}, no_stack, purpose="deploy")
    (tmp_path / "services").write_text("host=x\n")
    with pytest.raises(ConfigurationError, match="is no service file"):
        find_access(SYSTEM, {**environment, "PGSERVICE": "shop"}, no_stack, purpose="deploy")
