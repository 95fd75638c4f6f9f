"""Servers that say what they should not, or nothing: none brings a traceback, and none gets a word too much."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.examine.tls import Grade, Kind, Server, handshake
from strongroom.examine.tls.examining import examine_server
from tests.integration.transit.authority import make
from tests.integration.transit.servers import SSL_REQUEST, make_context, serving, speak_redis_openly, speak_tls

HEARD: list[bytes] = []


def reply(answer: bytes, *, first: bytes = b"S") -> Callable[[socket.socket, ssl.SSLContext], None]:
    """Speak TLS as PostgreSQL does, and answer whoever would log in with this."""

    def speak(plain: socket.socket, context: ssl.SSLContext) -> None:
        if plain.recv(8) != SSL_REQUEST:
            plain.sendall(answer)
            return
        plain.sendall(first)
        with context.wrap_socket(plain, server_side=True) as stream:
            HEARD.append(stream.recv(1000))
            stream.sendall(answer)
            HEARD.append(stream.recv(1000))

    return speak


def look(tmp_path: Path, answer: bytes, *, first: bytes = b"S") -> list[tuple[Grade, str]]:
    root = make("Root", is_authority=True)
    authority = root.write(tmp_path, "root")[0]
    context = make_context(make("server", root, hosts=["localhost"]), tmp_path)
    with serving(reply(answer, first=first), context) as port:
        server = Server(kind=Kind.POSTGRES, named_by="X", host="localhost", port=port, authority=authority, user="u")
        return [(one.grade, one.fact) for one in examine_server(server, datetime.now(UTC))]


@pytest.mark.parametrize(
    "answer",
    [
        b"R",
        b"R\xff\xff\xff\xff\x00\x00\x00\x0a",
        b"R\x00\x00\x00\x00\x00\x00\x00\x0a\xff\xfe",
        b"E\x00\x00\x00\x05\x00",
        b"N" * 20_000,
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_an_answer_that_means_nothing_changes_nothing(answer: bytes, tmp_path: Path) -> None:
    found = look(tmp_path, answer)
    assert Grade.SETTING not in {grade for grade, _ in found}
    assert [fact for grade, fact in found if grade in (Grade.OK, Grade.WRONG)]


def test_what_a_login_says_is_a_name_and_never_more(tmp_path: Path) -> None:
    HEARD.clear()
    scram = b"SCRAM-SHA-256\0\0"
    found = look(tmp_path, b"R" + struct.pack("!II", 8 + len(scram), 10) + scram)
    begin = struct.pack("!II", 25, 196608) + b"user\0u\0database\0u\0\0"
    assert [one for one in HEARD if one] == [struct.pack("!I", len(begin)) + begin[4:]]
    assert (Grade.WRONG, "also goes on without TLS, so whoever asks for less sends it in the clear") in found


def test_tls_that_is_begun_at_once_asks_for_nothing_first(tmp_path: Path) -> None:
    """PostgreSQL 17 and ``sslnegotiation=direct``; the protocol is named in the handshake."""
    asked = list[str | None]()

    def speak(plain: socket.socket, context: ssl.SSLContext) -> None:
        with context.wrap_socket(plain, server_side=True) as stream:
            asked.append(stream.selected_alpn_protocol())
            stream.recv(1000)

    root = make("Root", is_authority=True)
    authority = root.write(tmp_path, "root")[0]
    context = make_context(make("server", root, hosts=["localhost"]), tmp_path)
    context.set_alpn_protocols(["postgresql"])
    with serving(speak, context) as port:
        known = {"kind": Kind.POSTGRES, "named_by": "X", "host": "localhost", "port": port, "authority": authority}
        (found,) = examine_server(Server(**known, is_direct=True), datetime.now(UTC))  # type: ignore[arg-type]
    assert found.grade is Grade.OK
    assert asked[0] == "postgresql"


def test_bytes_behind_the_answer_are_left_to_tls_which_refuses_them(tmp_path: Path) -> None:
    ((grade, fact),) = look(tmp_path, b"", first=b"S" + b"injected" * 4)
    assert grade is Grade.WRONG
    assert "does not agree on TLS with us" in fact


def test_a_redis_that_is_open_beside_its_tls_is_named(tmp_path: Path) -> None:
    root = make("Root", is_authority=True)
    authority = root.write(tmp_path, "root")[0]
    context = make_context(make("server", root, hosts=["localhost"]), tmp_path)
    with serving(speak_tls, context) as port, serving(speak_redis_openly) as plain:
        known = {"kind": Kind.REDIS, "named_by": "X", "host": "localhost", "port": port, "authority": authority}
        (open_one,) = examine_server(Server(**known, plain_port=plain), datetime.now(UTC))  # type: ignore[arg-type]
        (closed,) = examine_server(Server(**known, plain_port=port), datetime.now(UTC))  # type: ignore[arg-type]
    assert open_one.fact.startswith(f"also goes on without TLS at port {plain}")
    assert open_one.hint == "set port 0, so that only tls-port is open"
    assert closed.grade is Grade.OK


def test_a_name_in_a_certificate_moves_no_terminal(tmp_path: Path) -> None:
    root = make("Root \x1b[31m\u202e", is_authority=True)
    context = make_context(make("server", root, hosts=["localhost"]), tmp_path)
    other = make("Other", is_authority=True).write(tmp_path, "other")[0]
    with serving(speak_tls, context) as port:
        server = Server(kind=Kind.VAULT, named_by="X", host="localhost", port=port, authority=other)
        (found,) = examine_server(server, datetime.now(UTC))
    assert "“Root ?[31m?”" in found.fact
    assert found.line.isprintable()


def test_a_server_that_says_nothing_is_unreachable_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = int(silent.getsockname()[1])
        for kind in (Kind.POSTGRES, Kind.S3):
            (found,) = examine_server(Server(kind=kind, named_by="X", host="127.0.0.1", port=port), datetime.now(UTC))
            assert found.grade is Grade.UNREACHABLE


@pytest.mark.parametrize("host", ["", "a" * 300, "nobody.invalid", "..", "bad host", "ü" * 70])
def test_a_name_that_is_none_is_unreachable(host: str) -> None:
    (found,) = examine_server(Server(kind=Kind.S3, named_by="X", host=host, port=1), datetime.now(UTC))
    assert found.grade is Grade.UNREACHABLE
