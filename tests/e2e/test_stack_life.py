"""A stack to live with: roles that may no more than they need, servers that come back, limits that hold."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from strongroom.engine import connect
from tests.e2e.stack_site import Site, make_clone

LIMITS = {"STRONGROOM_REDIS_MEMORY": "64m", "STRONGROOM_CPUS": "0.5"}


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = make_clone(repository, tmp_path_factory.mktemp("life") / "clone")
    try:
        up = made.run("stack.up", **LIMITS)
        assert up.returncode == 0, up.stderr
        yield made
    finally:
        made.run("stack.destroy", "--volumes", "--yes")


def run_ops(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", "compose", "--profile", "ops", "run", "--rm", "--no-TTY", *words]
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("STRONGROOM_", "COMPOSE_"))}
    return subprocess.run(
        command, cwd=site.repository, env=bare, capture_output=True, text=True, timeout=120, check=False
    )


def inspect(site: Site, service: str) -> dict[str, Any]:
    with connect(os.environ) as client:
        return dict(client.containers.get(f"{site.project}-{service}-1").attrs)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.5)
    return False


def test_tasks_work_as_the_role_that_they_need_and_never_as_the_superuser(site: Site) -> None:
    assert site.run("postgres.apply", "--system", "aragora").returncode == 0
    assert site.run("postgres.status", "--system", "aragora").returncode == 0
    ended = run_ops(site, "ops", "postgres.status", "--system", "aragora", "--json")
    assert ended.returncode == 0, ended.stderr
    assert run_ops(site, "ops", "postgres.apply", "--system", "aragora").returncode == 0
    roles = site.sql(
        "SELECT rolname::text, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname ~ '^strongroom_' "
        "ORDER BY 1"
    )
    assert roles == [("strongroom_deploy", False, True, False), ("strongroom_monitor", False, False, False)]
    members = site.sql(
        "SELECT pg_has_role('strongroom_deploy', 'aragora_owner', 'SET'), "
        "pg_has_role('strongroom_monitor', 'aragora_owner', 'MEMBER')"
    )
    assert members == [(True, False)]


def test_the_ops_container_sees_its_data_and_its_own_passwords_only(site: Site) -> None:
    ended = run_ops(site, "--entrypoint", "sh", "ops", "-c", "ls /run/secrets; id -u; touch /work/there; env")
    assert ended.returncode == 0, ended.stderr
    shown = ended.stdout.split()
    assert shown[:4] == ["ca.crt", "pgpass", "redis-backup-password", "redis-monitor-password"]
    assert (site.repository / "data" / "there").exists()
    superuser = [site.password(name) for name in ("postgres-password", "redis-password")]
    assert not [word for word in superuser if word in ended.stdout]
    assert not [word for word in superuser if word in site.password("pgpass")]


def test_no_password_is_in_a_log_a_description_a_history_or_an_environment(site: Site) -> None:
    site.run("postgres.status", "--system", "aragora")
    names = [path.name for path in (site.folder / "secrets").iterdir() if path.name != "pgpass"]
    canaries = [site.password(name).strip() for name in names]
    assert len(canaries) > 6
    seen: dict[str, str] = {}
    with connect(os.environ) as client:
        for service in ("postgres", "redis"):
            container = client.containers.get(f"{site.project}-{service}-1")
            seen[f"{service} log"] = container.logs().decode(errors="replace")
            seen[f"{service} description"] = json.dumps(container.attrs)
            seen[f"{service} history"] = json.dumps(container.image.history())
            seen[f"{service} processes"] = json.dumps(container.top(ps_args="auxe"))
    assert min(map(len, seen.values())) > 100
    assert [place for place, text in seen.items() for one in canaries if one in text] == []


def test_a_server_that_dies_comes_back_with_its_data(site: Site) -> None:
    site.sql("CREATE TABLE kept AS SELECT 7 AS n")
    before = inspect(site, "postgres")["RestartCount"]
    with connect(os.environ) as client:
        container = client.containers.get(f"{site.project}-postgres-1")
        container.exec_run(["sh", "-c", "kill -KILL $(head -1 $PGDATA/postmaster.pid)"])
    assert wait_for(lambda: inspect(site, "postgres")["RestartCount"] > before)
    assert wait_for(lambda: inspect(site, "postgres")["State"]["Health"]["Status"] == "healthy")
    assert site.sql("SELECT n FROM kept") == [(7,)]
    assert site.run("stack.status").returncode == 0


def takes(client: Redis, key: str) -> bool:
    try:
        return bool(client.set(key, b"x" * 4_000_000))
    except OutOfMemoryError:
        return False


def test_redis_refuses_what_does_not_fit_and_lives(site: Site) -> None:
    started = inspect(site, "redis")["State"]["StartedAt"]
    client = Redis(
        host="localhost", port=int(site.environment["STRONGROOM_REDIS_PORT"]), ssl=True,
        ssl_ca_certs=str(site.folder / "tls" / "ca.crt"), username="strongroom",
        password=site.password("redis-password"),
    )  # fmt: skip
    with client:
        refused = [number for number in range(40) if not takes(client, f"big{number}")]
    assert 5 < min(refused) < 16
    assert inspect(site, "redis")["State"]["StartedAt"] == started
    client.flushall()
    client.close()


def test_logs_are_turned_over_and_limits_are_kept(site: Site) -> None:
    for service, memory in (("redis", 64 << 20), ("postgres", 1 << 30)):
        host = inspect(site, service)["HostConfig"]
        assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10m"}}
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert (host["Memory"], host["NanoCpus"]) == (memory, 500_000_000)
    begun = {service: inspect(site, service)["Id"] for service in ("redis", "postgres")}
    assert site.run("stack.up").returncode == 0  # without the variables, which are kept
    assert {service: inspect(site, service)["Id"] for service in begun} == begun
    assert site.run("stack.up", STRONGROOM_REDIS_MEMORY="96m").returncode == 0
    assert inspect(site, "postgres")["Id"] == begun["postgres"]
    assert inspect(site, "redis")["HostConfig"]["Memory"] == 96 << 20
    wrong = site.run("stack.up", STRONGROOM_REDIS_MEMORY="much")
    assert (wrong.returncode, "STRONGROOM_REDIS_MEMORY: must be a size" in wrong.stderr) == (2, True)


def test_a_shell_without_a_terminal_runs_what_it_reads(site: Site) -> None:
    for said, code in (("echo in $(id -u); exit 3", 3), ("psql --version", 0)):
        ended = subprocess.run(
            site.argv("stack.shell"), env=site.environment, cwd=site.repository, input=f"{said}\n", text=True,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert ended.returncode == code, ended.stderr
        assert ("in 10070" in ended.stdout) == (code == 3)
        assert "\x1b" not in ended.stdout + ended.stderr
