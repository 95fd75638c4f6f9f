"""``tls.doctor`` on real servers: a sound one is praised; what is wrong with PostgreSQL, Redis or a stack is named."""

from __future__ import annotations

import re
import socket
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.containers.certificates import issue
from strongroom.containers.stack import Stack, renew
from strongroom.core.programs import run_server
from tests.integration.transit.authority import DAY, Pair, make
from tests.integration.transit.scene import Said, Scene
from tests.integration.transit.servers import (
    ENVIRONMENT,
    Cluster,
    find_port,
    make_context,
    serving,
    speak_postgres,
    speak_tls,
)
from tests.processes import wait_until

HOSTS = ("localhost", "127.0.0.1")
ONLY_TLS = "hostssl all all 127.0.0.1/32 scram-sha-256\n"


def look(scene: Scene, port: int, ca_file: Path, more: str = "") -> Said:
    return scene.look_at_postgres(f"host=localhost port={port} sslrootcert={ca_file} {more}")


def test_a_sound_postgres_is_praised_for_its_protocol_authority_time_and_login(
    cluster: Cluster, scene: Scene, root: Pair, ca_file: Path
) -> None:
    with cluster.running(make("server", root, hosts=HOSTS), ONLY_TLS) as port:
        said = look(scene, port, ca_file)
    assert (said.code, len(said.findings)) == (0, 1), said.text
    assert said.facts("ok") == ["TLSv1.3, signed by “Root of Tests”, holds for 89 days, SCRAM with channel binding"]
    assert said.text.endswith("\n1 fine\n")


@pytest.mark.parametrize("mode", ["sslmode=verify-ca", "sslmode=require", "sslmode=prefer"])
def test_a_sound_postgres_is_no_excuse_for_a_weak_string(
    mode: str, cluster: Cluster, scene: Scene, root: Pair, ca_file: Path
) -> None:
    with cluster.running(make("server", root, hosts=HOSTS), ONLY_TLS) as port:
        said = look(scene, port, ca_file, mode)
    assert said.code == 2
    assert [one["grade"] for one in said.findings] == ["setting", "ok"]


@pytest.mark.parametrize(
    ("changes", "code", "fact"),
    [
        ({"ends": timedelta(hours=-1), "begins": -2 * DAY}, 6, "its certificate ended less than a day ago"),
        ({"hosts": ["db.internal"]}, 6, r"names db\.internal, and not the host localhost"),
        ({"ends": DAY}, 7, "its certificate ends in less than a day"),
    ],
)
def test_a_postgres_with_a_wrong_certificate_is_named(
    changes: dict[str, object], code: int, fact: str, cluster: Cluster, scene: Scene, root: Pair, ca_file: Path
) -> None:
    pair = make("server", root, **({"hosts": HOSTS} | changes))  # type: ignore[arg-type]
    with cluster.running(pair, ONLY_TLS) as port:
        said = look(scene, port, ca_file)
    assert (said.code, len(said.findings)) == (code, 1), said.text
    assert re.search(fact, said.findings[0]["fact"])


@pytest.mark.parametrize(
    ("rules", "facts"),
    [
        (
            ONLY_TLS + "hostnossl all all 127.0.0.1/32 scram-sha-256\n",
            {"wrong": "also goes on without TLS, so whoever"},
        ),
        ("host all all 127.0.0.1/32 scram-sha-256\n", {"wrong": "also goes on without TLS, so whoever"}),
        (
            "host all all 127.0.0.1/32 trust\n",
            {"wrong": "also goes on without TLS", "note": "lets this user in without a password"},
        ),
        ("hostssl all other 127.0.0.1/32 scram-sha-256\n", {"note": "no pg_hba.conf entry for host"}),
        ("hostssl all all 127.0.0.1/32 password\n", {"note": "takes the password in the clear inside TLS"}),
        (
            "hostssl all postgres 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 md5\n",
            {"note": "takes the password by MD5"},
        ),
    ],
)
def test_what_the_rules_for_hosts_let_past_is_named(
    rules: str, facts: dict[str, str], cluster: Cluster, scene: Scene, root: Pair, ca_file: Path
) -> None:
    with cluster.running(make("server", root, hosts=HOSTS), rules) as port:
        if "md5" in rules:
            cluster.make_role(port, "SET password_encryption = 'md5'; CREATE ROLE shop LOGIN PASSWORD 'x'")
        said = look(scene, port, ca_file)
    assert said.code == (6 if "wrong" in facts else 0), said.text
    for grade, fact in facts.items():
        (named,) = said.facts(grade)
        assert fact in named


def test_a_postgres_without_tls_is_named(cluster: Cluster, scene: Scene, ca_file: Path) -> None:
    with cluster.running(None, "host all all 127.0.0.1/32 scram-sha-256\n") as port:
        said = look(scene, port, ca_file)
    assert (said.code, said.facts("wrong")) == (6, ["offers no TLS"])


def test_nobody_logs_in_and_no_password_is_sent(cluster: Cluster, scene: Scene, root: Pair, ca_file: Path) -> None:
    """The server's own log says who tried."""
    settings = {"log_connections": "on", "log_min_messages": "debug1"}
    before = len(cluster.read_log())
    with cluster.running(make("server", root, hosts=HOSTS), ONLY_TLS, **settings) as port:
        look(scene, port, ca_file)
    said = cluster.read_log()[before:]
    assert "connection received" in said
    assert "authorized" not in said
    assert "password authentication failed" not in said


@pytest.mark.parametrize("keys", ["", "tls-auth-clients yes\n"])
def test_a_redis_is_praised_and_one_that_wants_our_certificate_gets_it(
    keys: str, scene: Scene, root: Pair, ca_file: Path
) -> None:
    port, folder = find_port(), scene.folder
    certificate, key = make("server", root, hosts=HOSTS).write(folder, "redis")
    mine, my_key = make("shop", root, uses=None).write(folder, "mine")
    (folder / "redis.conf").write_text(
        f"port 0\ntls-port {port}\nbind 127.0.0.1\ntls-cert-file {certificate}\ntls-key-file {key}\n"
        f'tls-ca-cert-file {ca_file}\ntls-auth-clients no\ndir {folder}\nsave ""\nrequirepass x\n{keys}'
    )
    with run_server(["redis-server", folder / "redis.conf"], environment=ENVIRONMENT, log=folder / "log") as is_running:
        wait_until(lambda: answers(port) or not is_running())
        bare = scene.look_at_redis(f"rediss://localhost:{port}", ca_file)
        full = scene.look_at_redis(f"rediss://localhost:{port}?ssl_certfile={mine}&ssl_keyfile={my_key}", ca_file)
    assert (full.code, full.facts("ok")) == (0, ["TLSv1.3, signed by “Root of Tests”, holds for 89 days"]), full.text
    assert bare.code == (2 if keys else 0)


def test_what_stricter_clients_refuse_is_said_before_they_come(scene: Scene) -> None:
    loose = make("Loose", is_authority=True, is_strict=False)
    ca_file = loose.write(scene.folder, "loose")[0]
    with serving(speak_tls, make_context(make("server", loose, hosts=HOSTS), scene.folder)) as port:
        said = scene.look_at_redis(f"rediss://localhost:{port}", ca_file)
    is_strict = sys.version_info >= (3, 13)
    (named,) = said.facts("wrong" if is_strict else "note")
    assert said.code == (6 if is_strict else 0)
    assert "ca cert does not include key usage extension" in named.lower()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_does_not_leave_this_machine_is_fine(scene: Scene) -> None:
    redis = {"variables": ["SHOP_REDIS"]}
    store = {"kind": "folder", "path": str(scene.folder / "store")}
    more = {"backup": {"store": store, "redis": redis}}
    said = scene.look(more=more, SHOP_URL="host=/run/postgresql", SHOP_REDIS="redis://127.0.0.1")
    assert said.code == 0
    assert said.facts("ok") == ["is a socket of this machine", "goes without TLS, and does not leave this machine"]
    said = scene.look(more=more, SHOP_URL="host=::1 sslmode=disable", SHOP_REDIS="unix:///run/redis.sock")
    assert (said.code, len(said.facts("ok"))) == (0, 2)


def test_every_server_of_a_string_that_names_several_is_looked_at(scene: Scene, root: Pair, ca_file: Path) -> None:
    sound = make_context(make("server", root, hosts=HOSTS), scene.folder)
    ended = make_context(make("server", root, hosts=HOSTS, begins=-3 * DAY, ends=-2 * DAY), scene.folder)
    with serving(speak_postgres, sound) as one, serving(speak_postgres, ended) as two:
        dsn = f"host=localhost,127.0.0.1,/run port={one},{two},5432 sslrootcert={ca_file}"
        said = scene.look_at_postgres(dsn)
    assert [one["grade"] for one in said.findings] == ["ok", "wrong", "ok"]
    assert said.code == 6
    assert said.findings[1]["place"] == f"PostgreSQL at 127.0.0.1:{two}"


def test_a_server_that_several_names_lead_to_is_looked_at_once(scene: Scene, root: Pair, ca_file: Path) -> None:
    store = {"kind": "folder", "path": str(scene.folder / "store")}
    redis = {"variables": ["SHOP_REDIS"], "restore_variables": ["SHOP_ADMIN"], "ca_file": str(ca_file)}
    with serving(speak_tls, make_context(make("server", root, hosts=HOSTS), scene.folder)) as port:
        where = f"localhost:{port}"
        said = scene.look(
            more={"backup": {"store": store, "redis": redis}},
            SHOP_REDIS=f"rediss://reader@{where}", SHOP_ADMIN=f"rediss://admin@{where}",
        )  # fmt: skip
    (found,) = said.findings
    assert found["named_by"] == "SHOP_REDIS, SHOP_ADMIN"


def test_only_the_servers_that_are_asked_for_are_looked_at(scene: Scene) -> None:
    said = scene.look("--server", "postgres", SHOP_URL="host=/run")
    assert [one["server"] for one in said.findings] == ["postgres"]


@pytest.fixture
def stack_folder(scene: Scene, repository: Path) -> Path:
    """Return the folder of a stack whose certificates were made, and which does not run."""
    folder = scene.folder / "stack"
    ports = {f"STRONGROOM_{name}_PORT": str(find_port()) for name in ("POSTGRES", "REDIS", "VAULT", "SECRETS", "S3")}
    for name, value in {"STRONGROOM_STACK": str(folder), **ports}.items():
        scene.patch.setenv(name, value)
    renew(
        Stack(root=repository, environment={"STRONGROOM_STACK": str(folder), **ports}),
        now=datetime.now(UTC),
        anew=False,
    )
    return folder


def test_a_stack_that_does_not_run_is_unreachable_but_for_what_need_not_run(scene: Scene, stack_folder: Path) -> None:
    said = scene.look()
    assert said.code == 5
    grades = {one["server"]: one["grade"] for one in said.findings}
    assert grades == {
        "postgres": "unreachable",
        "redis": "unreachable",
        **dict.fromkeys(("vault", "secrets", "s3"), "note"),
    }
    assert {one["named_by"] for one in said.findings} == {"the local stack"}


def test_a_stack_whose_certificates_end_soon_or_are_not_served_is_told_what_to_do(
    scene: Scene, stack_folder: Path, repository: Path
) -> None:
    tls = stack_folder / "tls"
    long_ago = datetime.now(UTC) - timedelta(days=80)
    ports = {line.partition("=")[0]: line.partition("=")[2] for line in (stack_folder / "env").read_text().splitlines()}
    issue(tls, "redis", ("redis", *HOSTS), long_ago, renew=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "redis.crt", tls / "redis.key")
    with serving(speak_tls, context, int(ports["STRONGROOM_REDIS_PORT"])):
        soon = scene.look("--server", "redis")
        assert issue(tls, "redis", ("redis", *HOSTS), datetime.now(UTC))
        outdated = scene.look("--server", "redis")
    assert (soon.code, outdated.code) == (7, 7)
    (ends,) = soon.findings
    assert ends["fact"].startswith("its certificate ends in 9 days")
    assert ends["hint"] == "./inv stack.up issues a new one, and hands it over"
    other, old = outdated.findings
    assert other["fact"] == f"serves another certificate than the one in {tls / 'redis.crt'}"
    assert "./inv stack.up hands it over" in other["hint"]
    assert old["fact"] == ends["fact"]
