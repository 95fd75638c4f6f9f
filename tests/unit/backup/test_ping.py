"""The sign to whoever waits for one: what is asked, and that nothing of it ever stops a run or tells the address."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from strongroom.backup.ping import LIMIT_SECONDS, Ping, open_ping
from strongroom.core.errors import ConfigurationError
from strongroom.core.scrubbing import scrub_logs
from strongroom.core.secret import Secret
from tests.processes import time_limit
from tests.servers import make_folder

TOKEN = "/0f9d4a31-canary-5c4e-8f6e-2b1a7c3d9e10"


class Switch(ThreadingHTTPServer):
    """Notes what it is asked, and answers as it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[str] = []
        self.status = 200
        self.headers: dict[str, str] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{TOKEN}"


class _Answer(BaseHTTPRequestHandler):
    server: Switch

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def switch() -> Iterator[Switch]:
    with Switch() as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server
        server.shutdown()
        serving.join(60)


@pytest.fixture
def said() -> list[str]:
    return []


def ping_of(address: str, said: list[str], seconds: float = LIMIT_SECONDS) -> Ping:
    opened = open_ping(Secret(address), lambda subject, fact: said.append(f"{subject}: {fact}"))
    return Ping(address=opened.address, say=opened.say, seconds=seconds)


def test_beginning_success_and_failure_are_told_apart(switch: Switch, said: list[str]) -> None:
    ping = ping_of(f"{switch.address}/", said)
    ping.start()
    for code in (0, 4, 143):
        ping.end(code)
    assert switch.asked == [f"{TOKEN}/start", TOKEN, f"{TOKEN}/4", f"{TOKEN}/143"]
    assert said == []


@pytest.mark.parametrize("status", [301, 404, 429, 500])
def test_an_answer_that_is_no_yes_is_told_in_one_line(switch: Switch, said: list[str], status: int) -> None:
    switch.status, switch.headers = status, {"Location": f"{switch.address}/elsewhere"}
    ping = ping_of(switch.address, said)
    ping.start()
    ping.end(5)
    assert switch.asked == [f"{TOKEN}/start", f"{TOKEN}/5"]
    assert said == [
        f"ping: answers with status {status}; it does not know that this run began",
        f"ping: answers with status {status}; it does not know how this run ended",
    ]


def test_where_nobody_listens_the_run_goes_on(said: list[str]) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        ping_of(f"http://127.0.0.1:{taken.getsockname()[1]}{TOKEN}", said).end(0)
    assert said == ["ping: cannot be reached; it does not know how this run ended"]


@pytest.mark.parametrize("is_dripping", [False, True])
def test_who_takes_too_long_is_not_waited_for(said: list[str], is_dripping: bool) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        dripping = threading.Thread(target=drip, args=(server,))
        if is_dripping:
            dripping.start()
        started = time.monotonic()
        with time_limit(5):
            ping_of(f"http://127.0.0.1:{server.getsockname()[1]}{TOKEN}", said, seconds=0.3).start()
        assert 0.2 < time.monotonic() - started < 3
    if is_dripping:
        dripping.join(10)
    assert said == ["ping: does not answer within 0.3 s; it does not know that this run began"]


def drip(server: socket.socket) -> None:
    """Answer a byte now and then: each comes in time, the whole never does."""
    caller, _ = server.accept()
    with closing(caller):
        for byte in b"HTTP/1.1 200 OK":
            time.sleep(0.05)
            try:
                caller.sendall(bytes([byte]))
            except OSError:
                return


def test_a_certificate_that_nobody_vouches_for_is_told(switch: Switch, said: list[str], tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder.tls / "vault.crt", folder.tls / "vault.key")
    switch.socket = context.wrap_socket(switch.socket, server_side=True)
    ping_of(f"https://localhost:{switch.server_port}{TOKEN}", said).end(0)
    assert said == ["ping: its certificate is not to be trusted; it does not know how this run ended"]
    assert switch.asked == []


def test_the_environment_leads_the_sign_nowhere_else(
    switch: Switch, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    ping_of(switch.address, said).start()
    assert (switch.asked, said) == ([f"{TOKEN}/start"], [])


def test_no_log_and_no_text_shows_the_address(
    switch: Switch, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    scrub_logs()
    caplog.set_level(logging.DEBUG)
    ping = ping_of(switch.address, said)
    ping.start()
    switch.status = 500
    ping.end(1)
    assert "GET" in caplog.text
    shown = f"{caplog.text}{said}{ping!r}"
    assert TOKEN not in shown
    assert TOKEN.strip("/") not in shown


@pytest.mark.parametrize(
    "address",
    [
        f"http://hc.example.com{TOKEN}",
        f"https://hc.example.com{TOKEN}?create=1",
        f"https://user:word@hc.example.com{TOKEN}",
        f"https://hc.example.com:notaport{TOKEN}",
        f"ftp://127.0.0.1{TOKEN}",
        f"//hc.example.com{TOKEN}",
        f"https://[::1{TOKEN}",
        TOKEN,
        "",
    ],
)
def test_an_address_that_may_be_read_on_its_way_is_refused_unseen(address: str) -> None:
    with pytest.raises(ConfigurationError, match="holds no address that may be asked") as caught:
        open_ping(Secret(address), lambda *_: None)
    shown = f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
    assert "canary" not in shown
    assert caught.value.__suppress_context__
