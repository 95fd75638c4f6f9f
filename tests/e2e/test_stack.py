"""The stack through the command line: up, looked at, down; and what stands in its way, in one line each."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strongroom.engine import connect
from tests.e2e.stack_lines import open_lines
from tests.e2e.stack_site import Site, list_all, make_site


@pytest.fixture
def site(repository: Path, tmp_path: Path) -> Iterator[Site]:
    made = make_site(repository, tmp_path / "stack")
    try:
        yield made
    finally:
        made.run("stack.destroy", "--volumes", "--yes")


def read_last(site: Site, *words: str) -> dict[str, Any]:
    ended = site.run(*words)
    assert ended.returncode == 0, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def test_up_status_down_and_destroy(site: Site) -> None:
    assert site.run("stack.status").returncode == 7
    up = site.run("stack.up", "--json")
    assert up.returncode == 0, up.stderr
    said: dict[str, Any] = json.loads(up.stdout.splitlines()[-1])
    project = said["project"]
    assert {service["name"]: service["health"] for service in said["services"]} == {
        "postgres": "healthy",
        "redis": "healthy",
    }
    for name in ("postgres-password", "redis-password"):
        assert site.password(name) not in up.stdout + up.stderr
    with psycopg.connect(said["connections"]["postgres"], password=site.password("postgres-password")) as connection:
        connection.execute("CREATE TABLE kept (n integer)")
    shown = site.run("stack.status")
    assert (shown.returncode, shown.stdout.count("healthy")) == (0, 2)
    assert re.search(r"certificates: the first, of \w+, ends in (89|90) days", shown.stdout)
    assert "ready to accept connections" in site.run("stack.logs", "--service", "postgres").stdout
    assert site.run("stack.up").returncode == 0  # nothing to do
    assert any("ready to accept" in line for line in read_last(site, "stack.logs", "--json")["lines"])
    gone = read_last(site, "stack.down", "--json")
    assert {kind: len(names) for kind, names in gone.items()} == {"containers": 2, "networks": 2, "volumes": 0}
    assert len(list_all(project)) == 2  # the volumes
    assert site.run("stack.up").returncode == 0
    with psycopg.connect(said["connections"]["postgres"], password=site.password("postgres-password")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    asked = site.run("stack.destroy", "--volumes")
    assert asked.returncode == 2
    assert f"would remove 2 containers, 2 networks, the data in {project}_postgres" in asked.stderr
    assert len(list_all(project)) == 6
    gone = read_last(site, "stack.destroy", "--volumes", "--yes", "--json")
    assert {kind: len(names) for kind, names in gone.items()} == {"containers": 2, "networks": 2, "volumes": 2}
    assert list_all(project) == {}
    assert not site.folder.exists()


def test_every_profile_gets_healthy_and_hardened_and_serves_renewed_certificates_without_a_break(site: Site) -> None:
    every = ("--profile", "keys", "--profile", "storage")
    up = site.run("stack.up", *every, "--json")
    assert up.returncode == 0, up.stderr
    check_every_profile(json.loads(up.stdout.splitlines()[-1]))
    before = list_all(site.project)
    place = f"postgresql://postgres@localhost:{site.environment['STRONGROOM_POSTGRES_PORT']}/strongroom"
    options = f"?sslmode=verify-full&sslrootcert={site.folder}/tls/ca.crt"
    opened = psycopg.connect(place + options, password=site.password("postgres-password"))
    with opened as connection, open_lines(site) as lines:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        assert all(map(lines.ask, ("redis", "vault")))
        assert not find_outdated(site)
        assert examine(site) == (0, {})
        assert site.run("tls.init", "--renew").returncode == 0
        assert find_outdated(site) == {"postgres", "redis", "vault", "secrets", "s3"}
        assert examine(site) == (7, dict.fromkeys(("postgres", "redis", "vault", "secrets", "s3"), "soon"))
        up = site.run("stack.up", *every)
        assert up.returncode == 0, up.stderr
        assert "new certificates are served by postgres, redis, vault, secrets, s3" in up.stderr
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)  # the same connection
        assert {name: lines.ask(name) for name in ("redis", "vault", "secrets", "s3")} == {
            "redis": True, "vault": True, "secrets": False, "s3": False,
        }  # fmt: skip  # the last two begin anew, as SECURITY.md says
    assert examine(site) == (0, {})
    assert not find_outdated(site)
    assert list_all(site.project) == before
    again = site.run("stack.up", *every)
    assert (again.returncode, "new certificates" in again.stderr) == (0, False)


def examine(site: Site) -> tuple[int, dict[str, str]]:
    """Return the exit code of ``tls.doctor``, and the grade of each server that is not well."""
    ended = site.run("tls.doctor", "--json")
    findings = json.loads(ended.stdout.splitlines()[-1])["findings"]
    assert {one["server"] for one in findings} == {"postgres", "redis", "vault", "secrets", "s3"}
    assert {one["named_by"] for one in findings} == {"the local stack"}
    return ended.returncode, {one["server"]: one["grade"] for one in findings if one["grade"] != "ok"}


def check_every_profile(said: dict[str, Any]) -> None:
    services, project = said["services"], said["project"]
    assert {service["name"]: service["health"] for service in services} == dict.fromkeys(
        ("postgres", "redis", "s3", "secrets", "vault"), "healthy"
    )
    assert all(port.startswith("127.0.0.1:") for service in services for port in service["ports"])
    with connect(os.environ) as client:
        for container in client.containers.list(filters={"label": f"com.docker.compose.project={project}"}):
            host = container.attrs["HostConfig"]
            assert host["ReadonlyRootfs"], container.name
            assert host["CapDrop"] == ["ALL"], container.name
            assert "no-new-privileges:true" in host["SecurityOpt"], container.name
            assert host["Memory"] > 0, container.name
            assert not [value for value in container.attrs["Config"]["Env"] if "password" in value.partition("=")[2]
                        and "/run/secrets/" not in value], container.name  # fmt: skip


def find_outdated(site: Site) -> set[str]:
    """Return the services that serve another certificate than their file."""
    found = set()
    for name in ("postgres", "redis", "vault", "secrets", "s3"):
        port = site.environment[f"STRONGROOM_{name.upper()}_PORT"]
        words = ["openssl", "s_client", "-connect", f"localhost:{port}"]
        words += ["-starttls", "postgres"] if name == "postgres" else []
        shown = subprocess.run(words, capture_output=True, text=True, timeout=30, input="", check=False).stdout
        held = (site.folder / "tls" / f"{name}.crt").read_text(encoding="ascii")
        if held.strip() not in shown:
            found.add(name)
    return found


def test_a_taken_port_is_one_line(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(site.environment["STRONGROOM_REDIS_PORT"])))
        taken.listen()
        ended = site.run("stack.up")
    assert ended.returncode == 5
    assert f"port {site.environment['STRONGROOM_REDIS_PORT']}: is taken, and redis needs it" in ended.stderr
    assert "STRONGROOM_REDIS_PORT" in ended.stderr


def test_an_unhealthy_service_is_named_with_what_it_said(site: Site) -> None:
    assert site.run("tls.init").returncode == 0
    (site.folder / "secrets").mkdir()
    (site.folder / "secrets" / "postgres-password").write_text("")
    (site.folder / "secrets" / "postgres-password").chmod(0o644)
    ended = site.run("stack.up")
    assert ended.returncode == 5
    assert "service postgres: is" in ended.stderr
    assert "is needed on the first start" in ended.stderr
    assert "./inv stack.logs --service postgres" in ended.stderr


def test_a_foreign_certificate_is_refused(site: Site, tmp_path: Path) -> None:
    assert site.run("tls.init").returncode == 0
    assert site.run("tls.init", STRONGROOM_STACK=str(tmp_path / "other")).returncode == 0
    for name in ("postgres.crt", "postgres.key"):
        (site.folder / "tls" / name).write_bytes((tmp_path / "other" / "tls" / name).read_bytes())
    ended = site.run("stack.up")
    assert (ended.returncode, "not signed by the authority beside it" in ended.stderr) == (6, True)
    assert site.run("tls.init", "--renew").returncode == 0
    assert site.run("stack.up").returncode == 0


def test_an_unknown_profile_is_refused(site: Site) -> None:
    ended = site.run("stack.up", "--profile", "nothing")
    assert (ended.returncode, "profile nothing: is none of ours" in ended.stderr) == (2, True)


TASKS = (("stack.down",), ("tls.init", "--renew"), ("stack.destroy",), ("stack.up",))


def kill(site: Site, seconds: float, *words: str) -> None:
    """Start a task, and kill it and all that it started after so long, if it has not ended by then."""
    started = subprocess.Popen(
        site.argv(*words), env=site.environment, cwd=site.repository, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        started.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait(timeout=10)


def test_an_up_that_is_killed_at_first_is_carried_on(site: Site) -> None:
    kill(site, 1.5, "stack.up")
    ended = site.run("stack.up")
    assert ended.returncode == 0, ended.stderr
    assert site.run("stack.status").returncode == 0


def test_every_task_that_is_killed_at_any_moment_is_carried_on_and_loses_nothing(site: Site, is_nightly: bool) -> None:
    moments = [0.3 + 0.4 * number for number in range(15)] if is_nightly else [1.1]
    assert site.run("stack.up").returncode == 0
    site.sql("CREATE TABLE kept AS SELECT 1 AS n")
    project, secrets = site.project, {path.name: path.read_text() for path in (site.folder / "secrets").iterdir()}
    for seconds in moments:
        for words in TASKS if is_nightly else TASKS[:1]:
            kill(site, seconds, *words)
            ended = site.run("stack.up")
            assert ended.returncode == 0, (seconds, words, ended.stderr)
            assert site.sql("SELECT n FROM kept") == [(1,)]
            assert site.run("stack.status").returncode == 0
    assert {path.name: path.read_text() for path in (site.folder / "secrets").iterdir()} == secrets
    for seconds in moments:
        kill(site, seconds, "stack.destroy", "--volumes", "--yes")
        ended = site.run("stack.destroy", "--volumes", "--yes")
        assert ended.returncode == 0, (seconds, ended.stderr)
        assert list_all(project) == {}
        assert not site.folder.exists()
        if len(moments) > 1:
            assert site.run("stack.up").returncode == 0
