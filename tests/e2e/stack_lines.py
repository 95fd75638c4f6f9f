"""Connections to the servers of a stack that are opened once and asked again later: never silently opened anew."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection

from tests.e2e.stack_site import Site

_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Lines:
    """One connection to each server that speaks TLS from the first byte."""

    redis: ssl.SSLSocket
    https: dict[str, HTTPSConnection]

    def ask(self, name: str) -> bool:
        """Tell whether the connection to a server is still good for a question and its answer."""
        try:
            return self._ask_redis() if name == "redis" else self._ask_https(self.https[name])
        except OSError:
            return False

    def _ask_redis(self) -> bool:
        self.redis.sendall(b"PING\r\n")
        return self.redis.recv(100) == b"+PONG\r\n"

    @staticmethod
    def _ask_https(line: HTTPSConnection) -> bool:
        if line.sock is None:
            return False
        line.request("GET", "/v1/sys/health")
        answer = line.getresponse()
        answer.read()
        return answer.status > 0


@contextmanager
def open_lines(site: Site) -> Iterator[Lines]:
    """Connect to every server but PostgreSQL, each verified, and logged in where it asks for that."""
    context = ssl.create_default_context(cafile=site.folder / "tls" / "ca.crt")
    with ExitStack() as opened:
        plain = socket.create_connection(("localhost", _port(site, "redis")), _SECONDS)
        redis = opened.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
        redis.sendall(f"AUTH strongroom {site.password('redis-password')}\r\n".encode())
        assert redis.recv(100) == b"+OK\r\n"
        https = {}
        for name in ("vault", "secrets", "s3"):
            line = HTTPSConnection("localhost", _port(site, name), timeout=_SECONDS, context=context)
            opened.callback(line.close)
            line.connect()
            line.auto_open = 0
            https[name] = line
        yield Lines(redis=redis, https=https)


def _port(site: Site, name: str) -> int:
    return int(site.environment[f"STRONGROOM_{name.upper()}_PORT"])
