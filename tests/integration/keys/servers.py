"""OpenBao over TLS and Secrets Manager played by moto, as processes on loopback; and servers that are no good."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import hvac
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from strongroom.containers.certificates import init_authority, issue
from tests.processes import wait_until

ROOT_TOKEN = "root-token-canary-4711"
BIN = Path(sys.executable).parent
SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bao:
    """A server that answers, and its administrator."""

    address: str
    authority: Path
    unseal_key: str
    admin: Any

    def write(self, path: str, fields: Mapping[str, Any], mount: str = "secret") -> int:
        answer = self.admin.secrets.kv.v2.create_or_update_secret(path, secret=dict(fields), mount_point=mount)
        return int(answer["data"]["version"])

    def read(self, path: str, version: int | None = None) -> dict[str, Any]:
        answer = self.admin.secrets.kv.v2.read_secret_version(path, version=version, raise_on_deleted_version=True)
        return dict(answer["data"]["data"])

    def issue_token(self, *policies: str, **options: Any) -> str:
        made = self.admin.auth.token.create(policies=list(policies), no_parent=True, **options)
        return str(made["auth"]["client_token"])

    def allow(self, policy: str, *lines: str) -> None:
        rules = "\n".join(
            f'path "{line.split()[0]}" {{ capabilities = {json.dumps(line.split()[1:])} }}' for line in lines
        )
        self.admin.sys.create_or_update_policy(policy, rules)

    def entry(self, token_file: Path, **more: Any) -> dict[str, Any]:
        """Return an entry of system.yaml that logs in with the token in a file."""
        auth = {"method": "token", "token": {"file": str(token_file)}}
        known = {"provider": "vault", "address": self.address, "ca_file": str(self.authority), "encoding": "hex"}
        return {**known, "auth": auth, **more}


def find_port() -> int:
    """Return a port that is free, and so is the next one."""
    while True:
        with closing(socket.socket()) as first, closing(socket.socket()) as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with suppress(OSError):
                second.bind(("127.0.0.1", port + 1))
                return port


@contextmanager
def ending(words: Sequence[str | Path], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the length of a block; what it says goes to a file."""
    with log.open("wb") as stream:
        process = subprocess.Popen(words, stdout=stream, stderr=stream, env=dict(environment), stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


@contextmanager
def running_bao(folder: Path) -> Iterator[Bao]:
    """Start OpenBao in memory, with a certificate of its own; its token goes into a home of its own."""
    (folder / "tls").mkdir()
    port, log = find_port(), folder / "bao.log"
    words = [BIN / "bao", "server", "-dev", "-dev-tls", f"-dev-tls-cert-dir={folder / 'tls'}"]
    words += [f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address=127.0.0.1:{port}"]
    with ending(words, log, {"HOME": str(folder), "PATH": os.environ["PATH"]}):
        wait_until(lambda: "Unseal Key:" in log.read_text(), SECONDS)
        authority = folder / "tls" / "vault-ca.pem"
        address = f"https://localhost:{port}"
        admin = hvac.Client(url=address, token=ROOT_TOKEN, verify=str(authority))
        found = re.search(r"Unseal Key: (\S+)", log.read_text())
        assert found is not None
        yield Bao(address=address, authority=authority, unseal_key=found[1], admin=admin)


@contextmanager
def running_moto(folder: Path) -> Iterator[str]:
    """Start moto's server and return its address."""
    port = find_port()
    words = [BIN / "moto_server", "--host", "127.0.0.1", "--port", str(port)]
    with ending(words, folder / "moto.log", {"HOME": str(folder), "PATH": os.environ["PATH"]}):
        wait_until(lambda: can_connect(port), SECONDS)
        yield f"http://127.0.0.1:{port}"


def can_connect(port: int) -> bool:
    with closing(socket.socket()) as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


class Answers(BaseHTTPRequestHandler):
    """Gives the answers that a server holds ready, one after another, the last for ever; notes what was asked."""

    def handle(self) -> None:
        with suppress(OSError):  # a caller who does not trust us: the connection is closed all the same
            super().handle()

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        server: Any = self.server
        body = self.rfile.read(length)
        server.asked.append((self.command, self.path, dict(self.headers), body))
        status, headers, said = server.ready.pop(0) if len(server.ready) > 1 else server.ready[0]
        said = said(body) if callable(said) else said
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(said))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = answer  # noqa: N815  # the library's names

    def log_message(self, *_: object) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    """Says nothing of callers who do not trust it."""

    daemon_threads = False

    def handle_error(self, *_: object) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """A server of ours that answers what it was told to."""

    port: int
    asked: list[tuple[str, str, dict[str, str], bytes]]
    ready: list[tuple[int, dict[str, str], Any]]

    def say(self, *answers: tuple[int, Any]) -> None:
        """Hold answers ready: each a status and what becomes JSON."""
        self.ready[:] = [
            (status, {}, said if callable(said) else json.dumps(said).encode()) for status, said in answers
        ]


@contextmanager
def playing(context: ssl.SSLContext | None = None) -> Iterator[Playing]:
    """Answer on loopback, in a thread."""
    server: Any = Quiet(("127.0.0.1", 0), Answers)
    server.asked, server.ready = [], [(200, {}, b"{}")]
    if context is not None:
        # The handshake is for the thread of the connection, which closes it when that fails.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Playing(port=server.server_port, asked=server.asked, ready=server.ready)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def certify(folder: Path, *hosts: str, days_ago: int = 0) -> tuple[ssl.SSLContext, Path]:
    """Return what a server with a certificate for these names needs, and its authority."""
    folder.mkdir(parents=True)
    now = datetime.now(UTC) - timedelta(days=days_ago)
    init_authority(folder, now)
    issue(folder, "server", hosts, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return context, folder / "ca.crt"


class ServiceAccount:
    """A Pod's identity: what a cluster signs, and what it says of it when asked (TokenReview)."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(self, name: str, namespace: str = "ops", seconds: int = 600) -> str:
        """Return a token of a service account (RS256)."""
        now = int(time.time())
        claims = {
            "iss": "kubernetes/serviceaccount",
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "kubernetes.io/serviceaccount/namespace": namespace,
            "kubernetes.io/serviceaccount/service-account.name": name,
            "kubernetes.io/serviceaccount/service-account.uid": f"uid-{name}",
            "iat": now,
            "exp": now + seconds,
        }
        text = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
        return f"{text}.{_encode(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def review(self, name: str, namespace: str = "ops") -> dict[str, Any]:
        """Return what the cluster says of a token that it knows."""
        user = {"username": f"system:serviceaccount:{namespace}:{name}", "uid": f"uid-{name}", "groups": []}
        return {
            "kind": "TokenReview",
            "apiVersion": "authentication.k8s.io/v1",
            "status": {"authenticated": True, "user": user},
        }


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
