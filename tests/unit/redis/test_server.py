"""A server under TLS is reached when it is who it should be; what it says is understood, or said not to be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.containers.certificates import init_authority, issue
from strongroom.core.errors import ConfigurationError, KeyMissingError, UnreachableError
from strongroom.core.programs import run_program, run_server
from strongroom.core.secret import Secret
from strongroom.redis.address import Address
from strongroom.redis.client import open_client
from strongroom.redis.dump import check_rdb, fetch_rdb
from strongroom.redis.tunnel import open_tunnel
from tests.engines import make_surroundings, provide_engines
from tests.processes import wait_until

PASSWORD = "canary: pass word"
ENVIRONMENT = make_surroundings().environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server whose certificate names one host."""

    address: Address
    tls: Path


def find_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def serve(folder: Path, host: str) -> Iterator[Served]:
    provide_engines()
    tls, port, now = folder / "tls", find_port(), datetime.now(UTC)
    tls.mkdir()
    init_authority(tls, now)
    issue(tls, "redis", (host,), now)
    (folder / "redis.conf").write_text(
        f"port 0\ntls-port {port}\nbind 127.0.0.1\ntls-cert-file {tls}/redis.crt\ntls-key-file {tls}/redis.key\n"
        f'tls-ca-cert-file {tls}/ca.crt\ntls-auth-clients no\ndir {folder}\nsave ""\nrepl-diskless-sync-delay 0\n'
        f'requirepass "{PASSWORD}"\n'
    )
    with run_server(
        ["redis-server", folder / "redis.conf"], environment=ENVIRONMENT, log=folder / "log"
    ) as is_running:  # fmt: skip
        wait_until(lambda: answers(port) or not is_running())
        assert is_running(), (folder / "log").read_text()
        known = {"port": port, "password": Secret(PASSWORD), "ca_file": tls / "ca.crt", "origin": "SHOP_REDIS"}
        yield Served(address=Address(host="localhost", **known), tls=tls)  # type: ignore[arg-type]


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serve(tmp_path_factory.mktemp("right"), "localhost")


@pytest.fixture(scope="module")
def somebody_else(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serve(tmp_path_factory.mktemp("wrong"), "other.example")


def test_a_server_that_is_who_it_should_be_is_reached(served: Served, tmp_path: Path) -> None:
    with open_tunnel(served.address, tmp_path) as path:
        for _ in range(2):
            with open_client(path, place="it", password=served.address.password) as client:
                large = bytes(range(256)) * 4096
                assert client.ask("SET", b"\r\n\x00", large) == b"OK"
                assert client.ask("GET", b"\r\n\x00") == large
                assert client.ask_all([("PING",), ("GET", "none"), ("NOTHING",)])[:2] == [b"PONG", None]
                assert [key for keys in client.scan() for key in keys] == [b"\r\n\x00"]
                assert client.read_info("server")["redis_mode"] == "standalone"
    assert not path.exists()


def test_a_dump_comes_through_the_verified_way_and_is_read_whole(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "dump.rdb"
    with open_tunnel(served.address, tmp_path) as path:
        with open_client(path, place="it", password=served.address.password) as client:
            client.ask("FLUSHALL")
            client.ask_all([("SET", number, "x" * 1000) for number in range(500)])
        fetch_rdb(served.address, path, file, ENVIRONMENT)
    assert check_rdb(file, ENVIRONMENT).keys == 500
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_server_of_another_name_is_refused_which_redis_cli_alone_accepts(
    somebody_else: Served, tmp_path: Path
) -> None:
    words: list[str | Path] = ["redis-cli", "--tls", "--cacert", somebody_else.tls / "ca.crt", "-h", "localhost"]
    words += ["-p", str(somebody_else.address.port), "--askpass", "PING"]
    alone = run_program(words, environment=ENVIRONMENT, timeout=20, standard_input=PASSWORD.encode() + b"\n")
    assert b"PONG" in alone.stdout
    refused = pytest.raises(UnreachableError, match="is not who it should be: Hostname mismatch")
    with refused, open_tunnel(somebody_else.address, tmp_path):
        pass


def test_a_server_of_another_authority_is_refused(served: Served, somebody_else: Served, tmp_path: Path) -> None:
    for authority in (somebody_else.tls / "ca.crt", None):
        address = replace(served.address, ca_file=authority)
        with pytest.raises(UnreachableError, match="is not who it should be"), open_tunnel(address, tmp_path):
            pass


def test_authorities_that_cannot_be_read_are_named(served: Served, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for file in (tmp_path / "none", tmp_path / "empty"):
        address = replace(served.address, ca_file=file)
        with pytest.raises(ConfigurationError, match=f"{file} cannot be read"), open_tunnel(address, tmp_path):
            pass


def test_a_server_without_tls_or_none_is_unreachable(served: Served, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as plain:

        def refuse() -> None:
            with plain.accept()[0] as near:
                near.sendall(b"-ERR\r\n" * 9)

        thread = threading.Thread(target=refuse)
        thread.start()
        address = replace(served.address, port=plain.getsockname()[1])
        with pytest.raises(UnreachableError, match="does not speak TLS"), open_tunnel(address, tmp_path):
            pass
        thread.join(60)
    nobody = replace(served.address, port=find_port())
    with pytest.raises(UnreachableError, match="refused"), open_tunnel(nobody, tmp_path):
        pass


def test_a_wrong_password_is_told_from_a_server_that_is_away(served: Served, tmp_path: Path) -> None:
    with open_tunnel(served.address, tmp_path) as path:
        for password in (Secret("canary-wrong"), None):
            address = replace(served.address, password=password)
            with pytest.raises(KeyMissingError) as caught:
                fetch_rdb(address, path, tmp_path / "dump.rdb", ENVIRONMENT)
            assert "canary" not in f"{caught.value}"
            assert not (tmp_path / "dump.rdb").exists()
        with pytest.raises(KeyMissingError), open_client(path, place="it", password=Secret("canary-wrong")):
            pass


def test_a_password_goes_through_a_pipe_alone(tmp_path: Path) -> None:
    (tmp_path / "redis-cli").write_text(
        '#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ >"$0.said"\ncat >"$0.read"\nexit 1\n'
    )
    (tmp_path / "redis-cli").chmod(0o755)
    address = Address(socket=tmp_path / "s", user="me", password=Secret(PASSWORD), origin="X")
    path = f"{tmp_path}:/usr/bin:/bin"
    with pytest.raises(UnreachableError):
        fetch_rdb(address, tmp_path / "s", tmp_path / "dump.rdb", {"PATH": path, "REDISCLI_AUTH": PASSWORD})
    assert (tmp_path / "redis-cli.read").read_text() == f"{PASSWORD}\n"
    assert "canary" not in (tmp_path / "redis-cli.said").read_text()
    assert "--askpass" in (tmp_path / "redis-cli.said").read_text()


@pytest.mark.parametrize("said", [b"", b"$5\r\nab", b"+cut", b"?1\r\n", b"$x\r\n", b"*2\r\n:1\r\n"])
def test_an_answer_that_is_cut_short_is_no_answer(said: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with closing(socket.socket(socket.AF_UNIX)) as door:
        door.bind(str(path))
        door.listen()

        def answer() -> None:
            with door.accept()[0] as near:
                near.recv(1000)
                near.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with open_client(path, place="it") as client, pytest.raises(UnreachableError):
            client.ask("PING")
        thread.join(60)


def test_what_development_lets_pass_is_reached_as_it_was_asked_for(somebody_else: Served, tmp_path: Path) -> None:
    known: dict[str, Any] = {"password": Secret(PASSWORD), "origin": "SHOP_REDIS"}
    port = find_port()
    unchecked = Address(
        host="localhost", port=somebody_else.address.port, checks_certificate=False, checks_name=False, **known
    )
    unnamed = replace(unchecked, checks_certificate=True, ca_file=somebody_else.tls / "ca.crt")
    openly = Address(host="127.0.0.1", port=port, has_tls=False, **known)
    words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD]
    with run_server(words, environment=ENVIRONMENT, log=tmp_path / "log") as is_running:
        wait_until(lambda: answers(port) or not is_running())
        for address in (unchecked, unnamed, openly):
            with (
                open_tunnel(address, tmp_path) as path,
                open_client(path, place="it", password=address.password) as client,
            ):
                assert client.ask("ECHO", b"x" * 200_000) == b"x" * 200_000
    for address in (replace(unnamed, ca_file=None), replace(unnamed, checks_name=True)):
        with pytest.raises(UnreachableError, match="is not who it should be"), open_tunnel(address, tmp_path):
            pass
