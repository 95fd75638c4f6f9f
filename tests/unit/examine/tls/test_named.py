"""Which servers a system names, how strictly, and what is wrong with how it names them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.containers.certificates import init_authority
from strongroom.core.errors import ExitCode
from strongroom.core.system import System
from strongroom.examine.tls import Finding, Grade, Kind, Server, choose_exit, list_servers
from strongroom.examine.tls.examining import make_finding
from strongroom.examine.tls.files import judge_authorities, judge_environment
from strongroom.examine.tls.finding import Complaint

LOGIN = {"method": "token", "token": {"variable": "TOKEN"}}
VAULT = {"provider": "vault", "path": "a/b", "auth": LOGIN, "encoding": "hex"}
CANARY = "canary-0d1e"


def describe(**more: Any) -> System:
    return System.model_validate(
        {"version": 1, "name": "shop", "title": "Shop", "postgres": {"variables": ["ONE", "TWO"]}, **more}
    )


def backup(**more: Any) -> dict[str, Any]:
    return {"backup": {"store": {"kind": "folder", "path": "/store"}, **more}}


def find(environment: Mapping[str, str], local: Mapping[Kind, Server] | None = None, **more: Any) -> list[Server]:
    return list_servers(describe(**more), environment, local or {})


def test_every_variable_that_is_set_names_a_server() -> None:
    dsn = f"postgresql://u:{CANARY}@db.example:6000/x?sslrootcert=/ca.crt&sslcert=/c&sslkey=/k&sslnegotiation=direct"
    one, two = find({"ONE": dsn, "TWO": "service=shop", "PGHOST": "no", "PGSERVICEFILE": "/none"})
    assert (one.host, one.port, one.authority, one.certificate) == (
        "db.example", 6000, Path("/ca.crt"), (Path("/c"), Path("/k")),
    )  # fmt: skip
    assert (one.user, one.database, one.is_direct, one.complaints) == ("u", "x", True, ())
    assert CANARY not in repr(one)
    assert two.complaints[0].grade is Grade.SETTING
    assert two.complaints[0].fact == "service shop is defined nowhere: looked in /none"


def test_libpqs_own_variables_name_one_where_no_other_does() -> None:
    (server,) = find({"PGHOST": "db.example", "PGSSLROOTCERT": "/ca", "PGHOSTADDR": "192.0.2.1"})
    assert (server.named_by, server.host, server.dialled, server.authority) == (
        "PGHOST", "db.example", "192.0.2.1", Path("/ca"),
    )  # fmt: skip
    assert list_servers(None, {"PGHOST": "db.example"}, {})[0].host == "db.example"
    assert list_servers(None, {}, {}) == []


def test_servers_of_columns_are_named_by_variables_of_their_own() -> None:
    keys = {"k": {"provider": "environment", "variable": "K", "encoding": "hex"}}
    column = {"postgres": "public", "table": "t", "primary_key": ["id"], "key": "k"}
    columns = [column | {"dsn": "THREE", "column": "a"}, column | {"dsn": "FOUR", "column": "b"}]
    found = find({"ONE": "host=a", "THREE": "host=b"}, keys=keys, columns=columns)
    assert [server.named_by for server in found] == ["columns: dsn: FOUR", "ONE", "THREE"]
    assert found[0].complaints[0].fact == "is named by a variable that is not set"


def test_a_string_that_is_none_is_named_without_what_stands_in_it() -> None:
    (server,) = find({"ONE": f"postgresql://u:{CANARY}@host/x?{CANARY}=1"})
    finding = make_finding(server, server.complaints[0])
    assert finding.line == "PostgreSQL (ONE): is no connection string; postgresql://USER@HOST:PORT/DATABASE"
    for port in ("port", "0", "65536", "-1"):
        (server,) = find({"ONE": f"host=db.example port={port}"})
        assert server.complaints[0].fact == "names a port that is none"


def test_what_stays_on_this_machine_has_nothing_to_be_looked_at() -> None:
    found = find({"ONE": "host=/run", "TWO": "host=127.0.0.1 sslmode=disable"})
    assert [server.local for server in found] == [
        "is a socket of this machine",
        "goes without TLS, and does not leave this machine",
    ]
    assert not any(server.complaints for server in found)


def test_redis_is_named_by_its_variables_and_looked_for_in_the_open_on_other_machines() -> None:
    redis = backup(redis={"variables": ["R"], "restore_variables": ["W"], "ca_file": "/ca"})
    reader, writer = find({"R": "rediss://r@cache.example:6380", "W": f"rediss://:{CANARY}@[cache"}, **redis)
    assert (reader.host, reader.port, reader.authority, reader.plain_port) == ("cache.example", 6380, Path("/ca"), 6379)
    assert writer.complaints[0].fact == "is no address of a Redis server"
    assert find({"R": "rediss://cache.example"}, **redis)[0].plain_port is None
    assert find({"R": "rediss://localhost:6380"}, **redis)[0].plain_port is None  # there another one may be
    (unnamed,) = find({}, **redis)
    assert unnamed.complaints[0].fact == "is named by no variable that is set (R)"


def test_vaults_and_secrets_managers_are_those_of_the_keys() -> None:
    keys = {
        "a": VAULT | {"address": "https://vault.example", "ca_file": "/ca"},
        "b": VAULT | {"address_variable": "VAULT"},
        "c": VAULT | {"address": "http://127.0.0.1:8200"},
        "d": {"provider": "aws", "secret": "s", "encoding": "hex", "endpoint": "https://aws.example:444"},
        "e": {"provider": "aws", "secret": "s", "encoding": "hex"},
        "f": VAULT | {"address": "https://vault.example", "ca_file": "/ca"},
    }
    one, two, three, four = find({"VAULT": "http://vault.example"}, keys=keys)
    assert (one.host, one.port, one.authority, one.named_by) == ("vault.example", 443, Path("/ca"), "key a, key f")
    assert two.complaints[0].fact.startswith("its address (VAULT) must begin with https://")
    assert three.local
    assert (four.kind, four.host, four.port) == (Kind.SECRETS, "aws.example", 444)
    assert four.authority is not None
    assert four.authority.is_file()  # those that come with the libraries
    assert find({"AWS_CA_BUNDLE": "/aws.crt"}, keys={"d": keys["d"]})[0].authority == Path("/aws.crt")
    bare = VAULT | {"address": "https://vault.example"}
    assert find({}, keys={"a": bare})[0].authority == four.authority
    assert find({}, keys=keys)[1].complaints[0].fact == "is named by no variable that is set (VAULT)"


def test_buckets_are_those_of_both_stores() -> None:
    place = {"access_key": {"variable": "A"}, "secret_key": {"variable": "B"}}
    bucket = {"endpoint": "https://s3.example", "bucket": "shop-backups", "prefix": "p", **place}
    store = {"kind": "restic", "bucket": bucket, "password": "p"}
    keys = {"p": {"provider": "environment", "variable": "P", "encoding": "hex"}}
    more = {"backup": {"store": store, "second": store | {"bucket": bucket | {"endpoint": "https://other.example"}}}}
    found = find({}, keys=keys, **more)
    assert [(server.host, server.named_by) for server in found] == [
        ("s3.example", "backup: store:"), ("other.example", "backup: second:"),
    ]  # fmt: skip


def test_the_local_stack_stands_for_what_nobody_names() -> None:
    local = {kind: Server(kind=kind, named_by="the local stack", host="localhost", port=1) for kind in Kind}
    assert find({}, local) == list(local.values())
    assert list_servers(None, {}, local) == list(local.values())
    assert [server.host for server in find({"ONE": "host=db.example"}, local)] == ["db.example"]
    cache = backup(redis={"variables": ["R"]})
    found = find({"R": "rediss://cache.example"}, local, **cache)
    assert [(server.kind, server.host) for server in found] == [
        (Kind.REDIS, "cache.example"), (Kind.POSTGRES, "localhost"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("grades", "code"),
    [
        ([Grade.OK, Grade.NOTE], ExitCode.DONE),
        ([Grade.OK, Grade.SOON], ExitCode.PENDING),
        ([Grade.SOON, Grade.UNREACHABLE], ExitCode.UNREACHABLE),
        ([Grade.UNREACHABLE, Grade.WRONG], ExitCode.REFUSED),
        ([Grade.WRONG, Grade.SETTING, Grade.OK], ExitCode.USAGE),
        ([], ExitCode.DONE),
    ],
)
def test_the_gravest_finding_is_the_exit_code(grades: list[Grade], code: ExitCode) -> None:
    server = Server(kind=Kind.REDIS, named_by="X", host="h", port=1)
    findings: list[Finding] = [make_finding(server, Complaint(grade, "a fact")) for grade in grades]
    assert choose_exit(findings) is code


def test_what_variables_do_to_every_connection_is_said(tmp_path: Path) -> None:
    said = list(judge_environment({"SSLKEYLOGFILE": "/tmp/keys", "SSL_CERT_FILE": str(tmp_path / "none")}))
    assert [one.grade for one in said] == [Grade.SETTING, Grade.SETTING]
    assert list(judge_environment({"SSL_CERT_FILE": str(tmp_path), "SSLKEYLOGFILE": ""})) == []


def test_a_file_of_authorities_that_others_may_change_or_that_holds_a_key_is_named(tmp_path: Path) -> None:
    init_authority(tmp_path, datetime.now(UTC))
    file = tmp_path / "ca.crt"
    assert judge_authorities(file)[0] is None
    file.chmod(0o666)
    wrong, held = judge_authorities(file)
    assert wrong is not None
    assert "may be changed by others" in wrong.fact
    assert len(held) == 1
    file.chmod(0o644)
    file.write_bytes(file.read_bytes() + (tmp_path / "ca.key").read_bytes())
    wrong, _ = judge_authorities(file)
    assert wrong is not None
    assert "holds a private key" in wrong.fact
