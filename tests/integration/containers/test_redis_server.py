"""Redis: TLS only, one user by password, and a password that no process list shows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError, RedisError  # noqa: A004  # theirs

from tests.servers import Running


def connect(server: Running, **changes: Any) -> Redis:
    settings: dict[str, Any] = {
        "host": "localhost",
        "port": server.port,
        "ssl": True,
        "ssl_ca_certs": server.authority,
        "username": "strongroom",
        "password": server.password("redis-password"),
        "socket_timeout": 5,
    }
    return Redis(**(settings | changes))


def test_its_user_is_let_in(redis: Running) -> None:
    with connect(redis) as client:
        assert client.set("a", "1")
        assert client.get("a") == b"1"
        assert str(client.info()["redis_version"]).startswith("8.")
        assert client.config_get("port") == {"port": "0"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": "another"}, AuthenticationError),
        ({"username": None, "password": None}, (AuthenticationError, NoPermissionError)),
        ({"ssl": False}, ConnectionError),
        ({"ssl_ca_certs": None}, ConnectionError),
    ],
)
def test_whoever_does_not_fit_is_refused(redis: Running, changes: dict[str, Any], error: type[RedisError]) -> None:
    changes = {name: value for name, value in changes.items() if name != "ssl_ca_certs" or value}
    given = changes or {"ssl_ca_certs": "/etc/ssl/certs/ca-certificates.crt"}
    with connect(redis, **given) as client, pytest.raises(error):
        client.ping()


def test_who_makes_backups_copies_everything_and_neither_reads_nor_changes_a_key(redis: Running) -> None:
    with connect(redis) as client:
        client.set("canary", "value-4f1c")
    password = redis.password("redis-backup-password")
    container = redis.container.get_wrapped_container()
    script = (
        "REDISCLI_AUTH=$(cat /run/secrets/redis-backup-password) redis-cli --tls --cacert /run/secrets/ca.crt "
        "-h localhost --user strongroom_backup --rdb /tmp/copy.rdb && redis-check-rdb /tmp/copy.rdb "
        "&& cat /tmp/copy.rdb"
    )
    ended = container.exec_run(["sh", "-c", script])
    assert ended.exit_code == 0, ended.output
    assert b"value-4f1c" in ended.output
    with connect(redis, username="strongroom_backup", password=password) as client:
        for act in (lambda: client.get("canary"), lambda: client.set("a", "2"), client.flushall, client.acl_list):
            with pytest.raises(NoPermissionError):
                act()


def test_who_looks_sees_how_it_fares_and_no_data(redis: Running) -> None:
    password = redis.password("redis-monitor-password")
    with connect(redis, username="strongroom_monitor", password=password) as client:
        assert client.info()["redis_version"]
        assert client.dbsize() >= 0
        for act in (lambda: client.get("a"), client.keys, client.config_get, client.client_list, client.shutdown):
            with pytest.raises(NoPermissionError):
                act()


def test_no_process_list_and_no_environment_shows_the_password(redis: Running) -> None:
    password = redis.password("redis-password")
    container = redis.container.get_wrapped_container()
    processes = json.dumps(container.top()["Processes"])
    assert "redis-server" in processes
    assert password not in processes
    assert password not in json.dumps(container.attrs)
    assert password not in container.exec_run(["cat", "/run/redis/users.acl"]).output.decode()
