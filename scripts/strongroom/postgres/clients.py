"""PostgreSQL's own programs: of a version that goes with the server, reached as a connection of ours reaches it.

No password is an argument or lies on a disk: a program reads it from a file in memory that it is handed open.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import conninfo

from strongroom.core.errors import (
    ConfigurationError,
    GuardError,
    NoSpaceError,
    StrongroomError,
    UnreachableError,
    VersionError,
)
from strongroom.core.programs import ProgramResult, run_program
from strongroom.core.scrubbing import scrub
from strongroom.postgres.connection import Connection

SECONDS = 24 * 3600.0
"""What a dump or a restore may take."""
_DEBIAN = Path("/usr/lib/postgresql")
_WRAPPER = "pg_wrapper"
_VERSION = re.compile(rb"\(PostgreSQL\) (\d+)\S*")
_HANDED_ON = ("PATH", "HOME", "TMPDIR", "KRB5CCNAME")
_KNOWN_TO_ALL = (
    "host", "hostaddr", "port", "dbname", "user", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "gssencmode",
    "krbsrvname", "channel_binding", "ssl_min_protocol_version", "target_session_attrs", "options", "application_name",
)  # fmt: skip
"""Of a connection's parameters: older programs refuse newer ones, even at their defaults."""
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
_KNOWS_SYSTEM = 16
"""The first version whose programs understand ``sslrootcert=system``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """The programs of one version, all in one folder."""

    folder: Path
    version: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def major(self) -> int:
        """The version that decides what goes with what."""
        return _major(self.version)

    def run(
        self, program: str, arguments: Sequence[str | Path], connection: Connection, *, database: str | None = None,
        standard_input: bytes = b"",
    ) -> ProgramResult:  # fmt: skip
        """Run a program against the server of an open connection, on its database or another one."""
        named = self._name_server(connection, database)
        with _held_password(connection.info.password) as (file, descriptors):
            return run_program(
                [self.folder / program, *arguments, "--no-password", f"--dbname={named}"],
                environment={**_trim(self.environment), "PGPASSFILE": file},
                timeout=SECONDS,
                standard_input=standard_input,
                descriptors=descriptors,
            )

    def run_alone(self, program: str, arguments: Sequence[str | Path], *, standard_input: bytes = b"") -> ProgramResult:
        """Run a program that needs no server."""
        return run_program(
            [self.folder / program, *arguments],
            environment=_trim(self.environment),
            timeout=SECONDS,
            standard_input=standard_input,
        )

    def _name_server(self, connection: Connection, database: str | None) -> str:
        told = connection.info.get_parameters()
        if told.get("sslpassword"):
            raise ConfigurationError("sslpassword", "is not handed on to programs", "use a key without a password")
        parameters = {name: value for name, value in told.items() if name in _KNOWN_TO_ALL}
        if database is not None:
            parameters["dbname"] = database
        if parameters.get("sslrootcert") == "system" and self.major < _KNOWS_SYSTEM:
            parameters["sslrootcert"] = self.environment.get("SSL_CERT_FILE", _AUTHORITIES)
        return conninfo.make_conninfo("", **parameters)


def find_clients(environment: Mapping[str, str], server: int) -> Clients:
    """Find programs that are not older than a server of a major version: its own where they are there.

    Raises VersionError, naming what to use, where all are older, ConfigurationError where there are none.
    """
    found = [(version, folder) for folder in _list_folders(environment, server) if (version := _ask(folder))]
    chosen = next(((version, folder) for version, folder in found if _major(version) >= server), None)
    if chosen is not None:
        return Clients(folder=chosen[1], version=chosen[0], environment=environment)
    way = f"use the image strongroom/ops of that version, or install postgresql-client-{server}"
    if not found:
        raise ConfigurationError("pg_dump", "is not there", way)
    newest = max((version for version, _ in found), key=_major)
    raise VersionError("pg_dump", f"is {newest}, and the server is {server}: an older one cannot dump it", way)


def explain_client(result: ProgramResult, subject: str) -> StrongroomError:
    """Say in our words why a program failed; only its first line of complaint, which holds no row."""
    lines = [line.strip() for line in result.stderr.decode(errors="replace").splitlines() if line.strip()]
    said = next((line.partition("error: ")[2] for line in lines if "error: " in line), "")
    fact = scrub(f"{Path(result.program).name} failed: {said or f'exit code {result.exit_code}'}")
    if any("No space left on device" in line for line in lines):
        return NoSpaceError(subject, "the disk is full", "free some space, then run the same command again")
    if "server version mismatch" in said:
        return VersionError(subject, fact, "use the image strongroom/ops of the server's version")
    if "extension" in said and ("is not available" in said or "control file" in said):
        return VersionError(subject, fact, "install its package beside this server (of drills: in docker/drill)")
    if "permission denied" in said or "must be " in said:
        return GuardError(subject, fact, "connect as a role that may, or have its owner grant it")
    return UnreachableError(subject, fact, "run the same command again")


@contextmanager
def _held_password(password: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Hold a password in memory as the file that libpq reads, and give its path and what is to be handed over."""
    if not password:
        yield os.devnull, ()
        return
    held = os.memfd_create("pgpass")
    try:
        os.fchmod(held, 0o600)
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        os.write(held, f"*:*:*:*:{escaped}\n".encode())
        yield f"/proc/self/fd/{held}", (held,)
    finally:
        os.close(held)


def _trim(environment: Mapping[str, str]) -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", **{name: environment[name] for name in _HANDED_ON if name in environment}}


def _list_folders(environment: Mapping[str, str], server: int) -> Iterator[Path]:
    """Yield where programs may lie. Debian's wrapper among them is passed over: it decides on a version by itself."""
    yield _DEBIAN / str(server) / "bin"
    named = shutil.which("pg_dump", path=environment.get("PATH"))
    if named is not None and Path(named).resolve().name != _WRAPPER:
        yield Path(named).resolve().parent
    yield from sorted(_DEBIAN.glob("[0-9]*/bin"), key=lambda folder: _major(folder.parent.name))


def _ask(folder: Path) -> str | None:
    if not (folder / "pg_dump").is_file():
        return None
    said = run_program([folder / "pg_dump", "--version"], environment={}, timeout=60)
    found = _VERSION.search(said.stdout)
    return None if found is None else found[0].split()[1].decode()


def _major(version: str) -> int:
    return int(re.match(r"\d+", version)[0])  # type: ignore[index]  # each begins with one
