"""S3 for tests: moto as a server, one that says what it is told to, and one between that refuses what it is told to."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from strongroom.backup.stores.bucket import BucketObjects
from strongroom.backup.stores.passwords import Credentials
from strongroom.core.backup_entry import Bucket
from strongroom.core.key_entries import Place
from strongroom.core.secret import Secret

ACCESS, SECRET = "canary-access", "canary-#;=`'secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a server was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What it says; ``seconds`` later, and perhaps less than it promises."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    promised: int | None = None


def refuse(status: int, code: str) -> Said:
    """Return an error as S3 says it."""
    message = "Access Denied." if code == "AccessDenied" else "no"
    return Said(status=status, body=f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


@contextmanager
def answering(
    answer: Callable[[Asked], Said], context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[Asked]]]:
    """Answer on loopback, in threads; yield the address, and what was asked."""
    asked = list[Asked]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        def answer(self) -> None:
            if self.headers.get("Expect") == "100-continue":
                self.send_response_only(100)
                self.end_headers()
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(Asked(method=self.command, path=self.path, headers=dict(self.headers), body=body))
            said = answer(asked[-1])
            time.sleep(said.seconds)
            self.send_response(said.status)
            length = len(said.body) if said.promised is None else said.promised
            for name, value in {**said.headers, "Content-Length": str(length)}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.body)
            self.close_connection = length != len(said.body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815  # the library's names

        def log_message(self, *_: object) -> None:
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{'http' if context is None else 'https'}://localhost:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def passing_on(address: str, refused: Callable[[Asked], Said | None]) -> Callable[[Asked], Said]:
    """Return answers that are those of another server, unless ``refused`` has one."""
    parts = urlsplit(address)

    def answer(asked: Asked) -> Said:
        own = refused(asked)
        if own is not None:
            return own
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        headers = {name: value for name, value in asked.headers.items() if name not in ("Connection", "Expect")}
        connection.request(asked.method, asked.path, asked.body, headers)
        said = connection.getresponse()
        body = said.read()
        kept = {
            k: v for k, v in said.getheaders() if k.lower() not in ("content-length", "connection", "date", "server")
        }
        promised = int(said.getheader("Content-Length") or len(body)) if asked.method == "HEAD" else None
        connection.close()
        return Said(status=said.status, body=body, headers=kept, promised=promised)

    return answer


def bucket_at(address: str, prefix: str = "shop/prod", **more: Any) -> Bucket:
    places = {"access_key": Place(variable="SHOP_ACCESS"), "secret_key": Place(variable="SHOP_SECRET")}
    return Bucket(endpoint=address, bucket="backups", prefix=prefix, **places, **more)


def objects_at(address: str, *, seconds: float = 5.0, prefix: str = "shop/prod", **more: Any) -> BucketObjects:
    credentials = Credentials(access_key=Secret(ACCESS), secret_key=Secret(SECRET))
    return BucketObjects(bucket_at(address, prefix, **more), credentials, seconds=seconds)
