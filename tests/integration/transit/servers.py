"""Servers on loopback with the certificates that they are given: PostgreSQL itself, what speaks like it, plain TLS."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import ssl
import struct
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from strongroom.core.programs import run_program, run_server
from tests.engines import FOLDERS, provide_engines
from tests.integration.transit.authority import Pair
from tests.processes import wait_until

SSL_REQUEST = struct.pack("!II", 8, 80877103)
SCRAM = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
LOGIN = b"R" + struct.pack("!II", 8 + len(SCRAM), 10) + SCRAM
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
Speak = Callable[[socket.socket, ssl.SSLContext], None]


def find_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def make_context(
    pair: Pair, folder: Path, *, newest: ssl.TLSVersion | None = None, oldest: ssl.TLSVersion | None = None,
    wants: Path | None = None,
) -> ssl.SSLContext:  # fmt: skip
    """Make what serves a certificate, also one that nobody should."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(*pair.write(folder, f"server{find_port()}"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = oldest or ssl.TLSVersion.TLSv1_2
        if newest is not None:
            context.maximum_version = newest
    if wants is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cafile=wants)
    return context


def speak_tls(plain: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(plain, server_side=True) as stream:
        stream.recv(100)


def speak_postgres(plain: socket.socket, context: ssl.SSLContext) -> None:
    """Take TLS only, and ask for a password."""
    if plain.recv(8) != SSL_REQUEST:
        plain.sendall(_refuse("ClientAuthentication"))
        return
    plain.sendall(b"S")
    with context.wrap_socket(plain, server_side=True) as stream:
        stream.recv(1000)
        stream.sendall(LOGIN)
        stream.recv(1)


def speak_http(plain: socket.socket, context: ssl.SSLContext) -> None:
    plain.recv(1000)
    plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def speak_redis_openly(plain: socket.socket, context: ssl.SSLContext) -> None:
    said = plain.recv(1000)
    plain.sendall(b"-NOAUTH Authentication required.\r\n" if said == b"PING\r\n" else b"-ERR unknown command\r\n")


def hang_up(plain: socket.socket, context: ssl.SSLContext) -> None:
    plain.recv(4)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _refuse(routine: str) -> bytes:
    fields = b"SFATAL\0C28000\0Mno pg_hba.conf entry\0R" + routine.encode() + b"\0\0"
    return b"E" + struct.pack("!I", 4 + len(fields)) + fields


@contextmanager
def serving(speak: Speak, context: ssl.SSLContext | None = None, port: int = 0) -> Iterator[int]:
    """Serve on loopback; give the port."""
    with socket.create_server(("127.0.0.1", port)) as door:
        threading.Thread(target=_serve, args=(door, speak, context), daemon=True).start()
        try:
            yield int(door.getsockname()[1])
        finally:
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)


def _serve(door: socket.socket, speak: Speak, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            plain, _ = door.accept()
        except OSError:
            return
        with plain, suppress(OSError):
            plain.settimeout(5)
            speak(plain, context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


class Cluster:
    """A PostgreSQL of this machine, as it is started anew with another certificate, rules and settings."""

    def __init__(self, root: Path) -> None:
        self._root, self._data = root, root / "data"
        self._programs = FOLDERS / str(provide_engines()) / "bin"
        self.user = _choose_user()
        if self.user is not None:
            os.chown(root, *self.user)
        words = [self._programs / "initdb", "--pgdata", self._data, "--username=postgres", "--auth=trust", "--no-sync"]
        made = run_program(
            [*words, "--locale=C", "--encoding=UTF8"], environment=ENVIRONMENT, timeout=60, user=self.user
        )
        assert made.is_success, made.stderr

    @contextmanager
    def running(self, pair: Pair | None, rules: str, **settings: str) -> Iterator[int]:
        """Let it run with ``pg_hba.conf`` as given; give its port."""
        port = find_port()
        (self._data / "pg_hba.conf").write_text(rules)
        chosen = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "port": str(port)}
        if pair is not None:
            for file in pair.write(self._data, "server"):
                os.chown(file, *(self.user or (-1, -1)))
            chosen |= {"ssl": "on"}
        words: list[str | Path] = [self._programs / "postgres", "-D", self._data]
        for name, value in (chosen | settings).items():
            words += ["-c", f"{name}={value}"]
        log = self._root / "log"
        with run_server(words, environment=ENVIRONMENT, log=log, user=self.user) as is_running:
            wait_until(lambda: self._is_ready() or not is_running())
            assert is_running(), log.read_text()
            yield port

    def make_role(self, port: int, statements: str) -> None:
        """Run statements as the superuser, whom the rules must let in by TLS."""
        named = f"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=require"
        done = run_program([self._programs / "psql", named, "-c", statements], environment=ENVIRONMENT, timeout=30)
        assert done.is_success, done.stderr

    def read_log(self) -> str:
        """Return what it said since it was made."""
        return (self._root / "log").read_text(encoding="utf-8")

    def _is_ready(self) -> bool:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (FileNotFoundError, IndexError):
            return False


@contextmanager
def a_cluster() -> Iterator[Cluster]:
    """Make a cluster in a folder that its user may enter."""
    root = Path(tempfile.mkdtemp(prefix="transit-"))
    try:
        yield Cluster(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _choose_user() -> tuple[int, int] | None:
    if os.geteuid() != 0:
        return None
    about = pwd.getpwnam("postgres")
    return about.pw_uid, about.pw_gid
