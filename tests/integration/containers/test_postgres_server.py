"""PostgreSQL under TLS: who it lets in, whom it refuses, and what a cut-off first start leaves."""

from __future__ import annotations

import tarfile
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, OperationalError

from strongroom.containers.certificates import init_authority, issue
from strongroom.containers.images import Built
from strongroom.containers.stack import Folder
from tests.servers import POSTGRES, Running, make_folder, prepare, wait_for_end


def connect(server: Running, **changes: Any) -> Connection[Any]:
    settings: dict[str, Any] = {
        "host": "localhost",
        "port": server.port,
        "user": "postgres",
        "dbname": "strongroom",
        "sslmode": "verify-full",
        "sslrootcert": server.authority,
        "password": server.password("postgres-password"),
        "connect_timeout": 5,
    }
    return psycopg.connect(**(settings | changes))


def test_a_client_that_verifies_everything_is_let_in(postgres: Running) -> None:
    with connect(postgres) as connection:
        asked = "SELECT version, cipher IS NOT NULL FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(asked).fetchone() == ("TLSv1.3", True)
        stored = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'").fetchone()
        assert stored is not None
        assert stored[0].startswith("SCRAM-SHA-256$")
        for name in ("pgcrypto", "pg_stat_statements"):
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
        assert connection.execute("SELECT count(*) > 0 FROM pg_stat_statements").fetchone() == (True,)
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)


def test_whoever_does_not_fit_is_refused(postgres: Running, tmp_path: Path) -> None:
    init_authority(tmp_path, datetime.now(UTC))
    refused = {
        "does not match host name": {"host": "other.example", "hostaddr": "127.0.0.1"},
        "SSL error": {"sslrootcert": str(tmp_path / "ca.crt")},
        "no pg_hba.conf entry": {"sslmode": "disable"},
        "password authentication failed": {"password": "another"},
    }
    for said, changes in refused.items():
        with pytest.raises(OperationalError, match=said):
            connect(postgres, **changes)


def test_a_server_whose_certificate_has_ended_is_not_healthy(images: dict[str, Built], tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    issue(folder.tls, "postgres", ("localhost",), datetime.now(UTC) - timedelta(days=91), renew=True)
    container = prepare(POSTGRES, folder)
    try:
        container.start()
        server = Running(container=container, folder=folder, port=int(container.get_exposed_port(POSTGRES.port)))
        inside, began = container.get_wrapped_container(), time.monotonic()
        while inside.exec_run(["pg_isready", "--host=127.0.0.1"]).exit_code:
            assert time.monotonic() - began < 60, "it does not start"
            time.sleep(0.2)
        looked = inside.exec_run("/usr/local/lib/strongroom/healthcheck")
        assert (looked.exit_code, b"certificate verify failed" in looked.output) == (1, True), looked.output
        with pytest.raises(OperationalError, match="certificate verify failed"):
            connect(server)
    finally:
        container.stop()


def test_scripts_run_once_data_outlives_the_container_and_another_major_version_s_is_refused(
    images: dict[str, Built], folder: Folder, tmp_path: Path
) -> None:
    (tmp_path / "1-table.sql").write_text("CREATE TABLE made (n integer); INSERT INTO made VALUES (1);")
    (tmp_path / "2-more.sh").write_text('psql -qd "$POSTGRES_DB" -c "INSERT INTO made VALUES (2)"\n')
    tmp_path.chmod(0o755)
    container = prepare(POSTGRES, folder).with_volume_mapping(str(tmp_path), "/docker-entrypoint-initdb.d", "ro")
    container = container.with_env("POSTGRES_INITDB_ARGS", "--wal-segsize=32 --lc-messages=C")
    try:
        container.start()
        for _ in range(2):
            port = wait_until_it_answers(container, folder)
            with connect(Running(container=container, folder=folder, port=port)) as connection:
                assert connection.execute("SELECT sum(n) FROM made").fetchone() == (3,)
                assert connection.execute("SHOW wal_segment_size").fetchone() == ("32MB",)
            container.get_wrapped_container().restart(timeout=10)
        wrapped = container.get_wrapped_container()
        for version, code, fact in (("16\n", 13, "was made by PostgreSQL 16, and this is 17"), ("", 6, "damaged")):
            wrapped.stop(timeout=10)
            wrapped.put_archive("/var/lib/postgresql/data/cluster", pack("PG_VERSION", version))
            wrapped.start()
            ended, said = wait_for_end(container)
            assert (ended, fact in said.splitlines()[-1]) == (code, True), said
        wrapped.put_archive("/var/lib/postgresql/data/cluster", pack("PG_VERSION", "17\n"))
        wrapped.start()
        port = wait_until_it_answers(container, folder)
        with connect(Running(container=container, folder=folder, port=port)) as connection:
            assert connection.execute("SELECT sum(n) FROM made").fetchone() == (3,)
    finally:
        container.stop()


def pack(name: str, text: str) -> bytes:
    """Make an archive that holds one file."""
    packed, file = BytesIO(), tarfile.TarInfo(name)
    file.size, file.mode = len(text), 0o644
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(file, BytesIO(text.encode()))
    return packed.getvalue()


def test_a_first_start_that_was_killed_begins_again(images: dict[str, Built], folder: Folder) -> None:
    container = prepare(POSTGRES, folder)
    try:
        container.start()
        wrapped = container.get_wrapped_container()
        for seconds in (0.3, 0.8, 1.3):
            time.sleep(seconds)
            wrapped.kill()
            wrapped.wait(timeout=30)
            wrapped.start()
        port = wait_until_it_answers(container, folder)
        with connect(Running(container=container, folder=folder, port=port)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        container.stop()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"POSTGRES_PASSWORD": "both"}, "set it or POSTGRES_PASSWORD_FILE, not both"),
        ({"POSTGRES_PASSWORD_FILE": "/none"}, "/none cannot be read"),
        ({"POSTGRES_PASSWORD_FILE": ""}, "is needed on the first start"),
        ({"TLS_KEY_FILE": "/none"}, "TLS is not optional"),
    ],
)
def test_a_wrong_setting_is_one_line(
    images: dict[str, Built], folder: Folder, environment: dict[str, str], said: str
) -> None:
    container = prepare(POSTGRES, folder).with_envs(**environment)
    try:
        container.start()
        code, logs = wait_for_end(container)
        assert (code, len(logs.splitlines())) == (2, 1), logs
        assert said in logs
    finally:
        container.stop()


def wait_until_it_answers(container: Any, folder: Folder) -> int:
    for _ in range(150):
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        published = wrapped.ports.get("5432/tcp")
        if published:
            try:
                server = Running(container=container, folder=folder, port=int(published[0]["HostPort"]))
                connect(server).close()
            except OperationalError:
                pass
            else:
                return server.port
        time.sleep(0.2)
    raise AssertionError(container.get_wrapped_container().logs().decode())
