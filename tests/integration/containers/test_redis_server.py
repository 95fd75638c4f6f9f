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


def test_no_process_list_and_no_environment_shows_the_password(redis: Running) -> None:
    password = redis.password("redis-password")
    container = redis.container.get_wrapped_container()
    processes = json.dumps(container.top()["Processes"])
    assert "redis-server" in processes
    assert password not in processes
    assert password not in json.dumps(container.attrs)
    assert password not in container.exec_run(["cat", "/run/redis/users.acl"]).output.decode()
