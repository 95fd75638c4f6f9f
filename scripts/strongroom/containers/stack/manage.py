"""Start the stack and wait until it is healthy; show it; take it down."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.containers.compose import Compose, Service
from strongroom.containers.images import build_images
from strongroom.containers.stack.files import Folder, provide_files
from strongroom.core.errors import UnreachableError, UsageError
from strongroom.engine import describe_engine

_PORTS = {"postgres": 5432, "redis": 6379, "vault": 8200, "secrets": 5000, "s3": 8333}
_PROFILES = {"keys": ("vault", "secrets"), "storage": ("s3",)}
_ALWAYS = ("postgres", "redis")
_WAIT_SECONDS = 200
_LOG_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The stack as asked for."""

    root: Path
    """The repository."""
    environment: Mapping[str, str]
    profiles: tuple[str, ...] = ()

    @property
    def folder(self) -> Folder:
        """Return where its certificates and passwords are."""
        return Folder(root=(self.root / self.environment.get("STRONGROOM_STACK", ".stack")).absolute())

    @property
    def tag(self) -> str:
        """Return the tag of its images."""
        return self.environment.get("STRONGROOM_TAG") or "local"

    @property
    def services(self) -> tuple[str, ...]:
        """Return the services of its profiles. Raises UsageError for a profile that is none."""
        unknown = set(self.profiles) - set(_PROFILES)
        if unknown:
            raise UsageError(f"profile {min(unknown)}", "is none of ours", f"one of: {', '.join(_PROFILES)}")
        return (*_ALWAYS, *(name for profile in self.profiles for name in _PROFILES[profile]))

    def port(self, service: str) -> int:
        """Return the port on loopback at which a service answers."""
        return int(self.environment.get(f"STRONGROOM_{service.upper()}_PORT") or _PORTS[service])

    def compose(self, *profiles: str) -> Compose:
        """Return Compose, on the profiles asked for or on these."""
        named = {"STRONGROOM_STACK": str(self.folder.root), "STRONGROOM_FILES": self.folder.digest()}
        environment = {**self.environment, **named}
        return Compose(root=self.root, environment=environment, profiles=profiles or self.profiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A stack that is up and healthy."""

    made: tuple[str, ...]
    """Certificates and passwords that were missing."""
    services: tuple[Service, ...]
    connections: Mapping[str, str]
    """How to connect, by service; passwords are in the folder, not here."""
    folder: str


def up(stack: Stack, *, now: datetime, say: Callable[[str], None]) -> Started:
    """Make what is missing, start the services and wait until each is healthy.

    Interrupted, the same command goes on. Raises UnreachableError without an engine, for a port that is taken, and
    with the last log lines of a service that does not get healthy; GuardError for a foreign certificate.
    """
    describe_engine(stack.environment)
    wanted = stack.services
    made = provide_files(stack.folder, now)
    build_images(stack.root, ("ops", *wanted), stack.environment, tag=stack.tag, fresh=False, say=say)
    compose = stack.compose()
    running = {service.name for service in compose.services() if service.state == "running"}
    for name in wanted:
        if name not in running:
            _refuse_taken(name, stack.port(name))
    say(f"starting {', '.join(wanted)}")
    ended = compose.run(
        "up", "--detach", "--wait", "--wait-timeout", str(_WAIT_SECONDS), *wanted, seconds=_WAIT_SECONDS + 60
    )
    services = compose.services()
    _refuse_unhealthy(compose, [service for service in services if service.name in wanted])
    if not ended.is_success:
        lines = ended.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise UnreachableError("docker compose up", lines[-1], "see to it, then run the same command again")
    return Started(made=made, services=services, connections=_connections(stack), folder=str(stack.folder.root))


def _refuse_taken(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            variable = f"STRONGROOM_{name.upper()}_PORT"
            fact = f"is taken, and {name} needs it"
            raise UnreachableError(f"port {port}", fact, f"stop who listens there, or set {variable}") from error


def _refuse_unhealthy(compose: Compose, services: list[Service]) -> None:
    for service in services:
        if not service.is_up:
            lines = " | ".join(compose.last_lines(service.name, _LOG_LINES)) or "its log is empty"
            fact = f"is {service.health or service.state}: {lines}"
            raise UnreachableError(f"service {service.name}", fact, f"./inv stack.logs --service {service.name}")


def _connections(stack: Stack) -> dict[str, str]:
    authority = stack.folder.tls / "ca.crt"
    known = {
        "postgres": f"postgresql://postgres@localhost:{stack.port('postgres')}/strongroom"
        f"?sslmode=verify-full&sslrootcert={authority}",
        "redis": f"rediss://strongroom@localhost:{stack.port('redis')}/0",
        "vault": f"https://localhost:{stack.port('vault')}",
        "secrets": f"https://localhost:{stack.port('secrets')}",
        "s3": f"https://localhost:{stack.port('s3')}",
    }
    return {name: known[name] for name in stack.services}


def local_postgres(stack: Stack) -> dict[str, str] | None:
    """Return how to connect to this stack's PostgreSQL, in libpq's words; None where there is no stack."""
    authority, password = stack.folder.tls / "ca.crt", stack.folder.secrets / "postgres-password"
    if not authority.is_file() or not password.is_file():
        return None
    return {
        "host": "localhost",
        "port": str(stack.port("postgres")),
        "user": "postgres",
        "dbname": "strongroom",
        "sslmode": "verify-full",
        "sslrootcert": str(authority),
        "password": password.read_text(encoding="utf-8"),
    }


def status(stack: Stack) -> tuple[Service, ...]:
    """Return the containers of the stack, whatever their profile. Read-only. Raises UnreachableError."""
    describe_engine(stack.environment)
    return stack.compose(*_PROFILES).services()


def down(stack: Stack) -> None:
    """Stop the stack and remove its containers and networks; data stays. Raises UnreachableError."""
    describe_engine(stack.environment)
    stack.compose(*_PROFILES, "ops").require("down", "--remove-orphans")


def destroy(stack: Stack, *, volumes: bool) -> None:
    """Remove containers and networks; with ``volumes`` the data, and the passwords that belong to it.

    Raises UnreachableError.
    """
    describe_engine(stack.environment)
    extra = ["--volumes"] if volumes else []
    stack.compose(*_PROFILES, "ops").require("down", "--remove-orphans", *extra)
    if volumes:
        shutil.rmtree(stack.folder.secrets, ignore_errors=True)
        shutil.rmtree(stack.folder.tls, ignore_errors=True)
