"""Start the stack and wait until it is healthy; show it; take it down."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from strongroom.containers.compose import Compose, Service
from strongroom.containers.images import build_images
from strongroom.containers.stack.belongings import Belongings, find_belongings, refuse_strange
from strongroom.containers.stack.files import Folder, init_certificates, provide_files, remove_files
from strongroom.containers.stack.kept import Kept, make_kept, read_kept, write_kept
from strongroom.containers.stack.parts import ALWAYS, PROFILES, ROLES, name_port
from strongroom.containers.stack.renewing import serve_certificates
from strongroom.containers.stack.roles import provide_roles
from strongroom.containers.stack.starting import start_services
from strongroom.core.errors import UnreachableError, UsageError
from strongroom.core.files import explain_os_error, locked, make_private_folder
from strongroom.engine import describe_engine, name_engine

_EVERY = (*PROFILES, "ops", "drill")
_FOREIGN = ("COMPOSE_", "STRONGROOM_")
"""Variables that Compose reads from the stack's own file alone."""
_OPS = ("STRONGROOM_DATA", "STRONGROOM_USER")


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
    def services(self) -> tuple[str, ...]:
        """Return the services of its profiles. Raises UsageError for a profile that is none."""
        unknown = set(self.profiles) - set(PROFILES)
        if unknown:
            raise UsageError(f"profile {min(unknown)}", "is none of ours", f"one of: {', '.join(PROFILES)}")
        return (*ALWAYS, *(name for profile in self.profiles for name in PROFILES[profile]))

    def read_kept(self) -> Kept | None:
        """Read which stack the folder is of; None where there is none. Raises GuardError, UsageError."""
        return read_kept(self.folder, self.environment)

    def require_compose(self) -> Compose:
        """Return Compose on every profile. Raises UnreachableError where there is no stack."""
        if self.read_kept() is None:
            raise UnreachableError(self.folder.root, "holds no stack", "./inv stack.up makes one")
        return self.compose(*_EVERY)

    def compose(self, *profiles: str) -> Compose:
        """Return Compose, on the profiles asked for or on these, with what the folder says and nothing besides."""
        bare = {
            name: value
            for name, value in self.environment.items()
            if name in _OPS or not name.startswith(_FOREIGN)
        }  # fmt: skip
        chosen = profiles or self.profiles
        return Compose(root=self.root, environment=name_engine(bare), profiles=chosen, settings=self.folder.env)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A stack that is up and healthy."""

    project: str
    made: tuple[str, ...]
    """Certificates and passwords that were missing."""
    services: tuple[Service, ...]
    connections: Mapping[str, str]
    """How to connect, by service; passwords are in the folder, not here."""
    folder: str


def up(stack: Stack, *, now: datetime, say: Callable[[str], None]) -> Started:
    """Make what is missing, start the services and wait until each is healthy.

    Interrupted, the same command goes on. Raises UnreachableError without an engine, for a port that is taken, and
    with the last log lines of a service that does not get healthy; GuardError for a foreign certificate, for a folder
    of something else, and where the engine holds data of another stack by this one's name; LockedError.
    """
    describe_engine(stack.environment)
    with _alone(stack):
        kept, made = _provide(stack, now)
        build_images(stack.root, ("ops", *stack.services), stack.environment, tag=kept.tag, fresh=False, say=say)
        compose = stack.compose()
        running = {service.name for service in compose.services() if service.state == "running"}
        for name in stack.services:
            if name not in running:
                _refuse_taken(name, kept.port(name))
        say(f"starting {', '.join(stack.services)}")
        services = start_services(compose, stack.services)
        renewed = serve_certificates(compose, stack.folder, kept, stack.services)
        if renewed:
            say(f"new certificates are served by {', '.join(renewed)}")
        provide_roles(stack.folder, _reach_postgres(stack, kept.settings, "postgres", "postgres-password"))
    return Started(
        project=kept.project,
        made=made,
        services=services,
        connections=_connections(stack, kept),
        folder=str(stack.folder.root),
    )


@contextmanager
def _alone(stack: Stack) -> Iterator[None]:
    """Hold the stack for oneself, its folder made where it is missing."""
    stack.read_kept()
    make_private_folder(stack.folder.root)
    with locked(stack.folder.lock):
        yield


def _provide(stack: Stack, now: datetime) -> tuple[Kept, tuple[str, ...]]:
    """Make what the folder lacks, once it is sure that nothing on the engine is somebody else's."""
    known = stack.read_kept()
    kept = known or make_kept(stack.folder, stack.root, stack.environment)
    refuse_strange(kept, find_belongings(kept, stack.environment), is_new=known is None)
    write_kept(stack.folder, kept)
    made = provide_files(stack.folder, now, kept.project)
    kept = write_kept(stack.folder, kept)
    _provide_data(stack, kept)
    link = stack.root / ".env"  # so that Compose by hand means this stack too
    if stack.folder.root == stack.root / ".stack" and not os.path.lexists(link):
        link.symlink_to(".stack/env")
    return kept, made


def _provide_data(stack: Stack, kept: Kept) -> None:
    """Make the folder of the ops container's data where it is missing, its user's own."""
    folder = stack.root / kept.data
    if not os.path.lexists(folder):
        try:
            folder.mkdir()
            if os.geteuid() == 0:
                os.chown(folder, *kept.user)
        except OSError as error:
            raise explain_os_error(folder, error) from error


def _refuse_taken(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            fact = f"is taken, and {name} needs it"
            way = f"stop who listens there, or set {name_port(name)}"
            raise UnreachableError(f"port {port}", fact, way) from error


def _connections(stack: Stack, kept: Kept) -> dict[str, str]:
    authority = stack.folder.tls / "ca.crt"
    known = {
        "postgres": f"postgresql://postgres@localhost:{kept.port('postgres')}/strongroom"
        f"?sslmode=verify-full&sslrootcert={authority}",
        "redis": f"rediss://strongroom@localhost:{kept.port('redis')}/0",
        "vault": f"https://localhost:{kept.port('vault')}",
        "secrets": f"https://localhost:{kept.port('secrets')}",
        "s3": f"https://localhost:{kept.port('s3')}",
    }
    return {name: known[name] for name in stack.services}


def renew(stack: Stack, *, now: datetime, anew: bool) -> tuple[str, ...]:
    """Make the certificates that are missing or end soon, all servers' if ``anew``; return their names.

    Raises GuardError for one that the authority beside it did not sign, and for a folder of something else.
    """
    with _alone(stack):
        kept = stack.read_kept() or make_kept(stack.folder, stack.root, stack.environment)
        write_kept(stack.folder, kept)
        made = init_certificates(stack.folder, now, kept.project, renew=anew)
        write_kept(stack.folder, kept)
    return made


def local_postgres(stack: Stack, purpose: str) -> dict[str, str] | None:
    """Return how to connect to this stack's PostgreSQL, in libpq's words; None where there is no stack.

    ``purpose`` is one of ROLES, or ``restore``, for who makes and renames databases: the superuser. Raises
    UnreachableError for a password that is not there.
    """
    kept = stack.read_kept()
    if kept is None or not (stack.folder.tls / "ca.crt").is_file():
        return None
    if purpose == "restore":
        return _reach_postgres(stack, kept.settings, "postgres", "postgres-password")
    return _reach_postgres(stack, kept.settings, ROLES[purpose], f"postgres-{purpose}-password")


def _reach_postgres(stack: Stack, settings: Mapping[str, str], role: str, password: str) -> dict[str, str]:
    return {
        "host": "localhost",
        "port": settings[name_port("postgres")],
        "user": role,
        "dbname": "strongroom",
        "sslmode": "verify-full",
        "sslrootcert": str(stack.folder.tls / "ca.crt"),
        "password": stack.folder.read_password(password),
    }


def status(stack: Stack) -> tuple[Service, ...]:
    """Return the containers of the stack, whatever their profile. Read-only. Raises UnreachableError, GuardError."""
    describe_engine(stack.environment)
    return stack.compose(*_EVERY).services() if stack.read_kept() is not None else ()


def belongings(stack: Stack) -> Belongings:
    """Return what the engine holds of the stack; nothing where there is none. Read-only.

    Raises UnreachableError; GuardError for what belongs to another stack.
    """
    describe_engine(stack.environment)
    kept = stack.read_kept()
    if kept is None:
        return Belongings()
    found = find_belongings(kept, stack.environment)
    refuse_strange(kept, found, is_new=False)
    return found


def down(stack: Stack) -> Belongings:
    """Stop the stack and remove its containers and networks; data stays. Return what is gone.

    Raises UnreachableError, GuardError for what belongs to another stack, LockedError.
    """
    return replace(_take_down(stack), volumes=())


def destroy(stack: Stack, *, volumes: bool) -> Belongings:
    """Remove containers and networks; with ``volumes`` the data, and our files in the folder that belong to it.

    Return what is gone.

    Raises UnreachableError, GuardError for what belongs to another stack, LockedError.
    """
    gone = _take_down(stack, *(["--volumes"] if volumes else []))
    if volumes and stack.read_kept() is not None:
        link = stack.root / ".env"
        if link.is_symlink() and link.resolve() == stack.folder.env.resolve():
            link.unlink()
        with _alone(stack):
            remove_files(stack.folder)
    return gone if volumes else replace(gone, volumes=())


def _take_down(stack: Stack, *more: str) -> Belongings:
    describe_engine(stack.environment)
    if stack.read_kept() is None:
        return Belongings()
    with _alone(stack):
        found = belongings(stack)
        if found:
            stack.compose(*_EVERY).require("down", "--remove-orphans", *more)
    return found
