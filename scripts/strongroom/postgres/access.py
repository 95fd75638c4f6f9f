"""Which server: named by the system's variables, by libpq's own, else the local stack; and as whom."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from strongroom.core.errors import ConfigurationError, KeyMissingError
from strongroom.core.system import System
from strongroom.postgres.connection import Access
from strongroom.postgres.dsn import read_access

FindStack: TypeAlias = Callable[[], Mapping[str, str] | None]
_OLDEST = 13
"""Of servers for our schemas and loads, by its major version."""
_PASSWORD_FILE = "POSTGRES_PASSWORD_FILE"  # noqa: S105  # a variable's name
_PASSFILE = "PGPASSFILE"
_LIBPQ = ("PGHOST", "PGSERVICE")
_OTHERS = 0o077


def find_access(system: System, environment: Mapping[str, str], find_stack: FindStack, *, purpose: str) -> Access:
    """Return how to connect; ``find_stack`` is asked how to reach the local one, where nothing else is named.

    Where nobody says a user, ``POSTGRES_DEPLOY_USER`` or ``POSTGRES_MONITOR_USER`` does, by the ``purpose`` of a task.
    Raises ConfigurationError when nothing names a server, KeyMissingError for a file of passwords that cannot be read.
    """
    user = environment.get(f"POSTGRES_{purpose.upper()}_USER", "")
    for name in system.postgres.variables:
        if environment.get(name):
            return add_password(read_access(environment[name], name, environment, user), environment)
    named = next((name for name in _LIBPQ if environment.get(name)), None)
    if named is not None:
        return add_password(read_access("", named, environment, user), environment)
    stack = find_stack()
    if stack is not None:
        return Access(parameters=stack, origin="the local stack")
    variables = ", ".join((*system.postgres.variables, "PGHOST"))
    raise ConfigurationError("PostgreSQL", "is named nowhere", f"set one of {variables}; or ./inv stack.up")


def for_schemas(access: Access) -> Access:
    """Return an access by which a server is refused that is too old for schemas and loads."""
    return replace(access, oldest=_OLDEST)


def add_password(access: Access, environment: Mapping[str, str]) -> Access:
    """Return an access with the password that the environment holds, where it has none of its own.

    Raises KeyMissingError for a file that cannot be read.
    """
    if access.parameters.get("password"):
        return access
    file = environment.get(_PASSWORD_FILE)
    if file:
        return replace(access, parameters={**access.parameters, "password": _read(_PASSWORD_FILE, file).rstrip("\n")})
    return _open_passfile(access, access.parameters.get("passfile") or environment.get(_PASSFILE, ""))


def _open_passfile(access: Access, file: str) -> Access:
    """Let libpq read a file of passwords that it would pass over without a word, as others may read it.

    It is right to where the file is ours. A mounted secret belongs to somebody else, and its mode is not ours to
    change: libpq gets a copy in memory.
    """
    if not file:
        return access
    text = _read(_PASSFILE, file)
    about = Path(file).stat()
    if not about.st_mode & _OTHERS:
        return access
    if about.st_uid == os.geteuid() or not hasattr(os, "memfd_create"):
        raise KeyMissingError(_PASSFILE, f"{file} may be read by others, so libpq passes it over", f"chmod 0600 {file}")
    copy = os.memfd_create("pgpass")  # open as long as the process: each connection reads it
    os.fchmod(copy, 0o600)
    os.write(copy, text.encode())
    return replace(access, parameters={**access.parameters, "passfile": f"/proc/self/fd/{copy}"})


def _read(variable: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissingError(variable, f"{file} cannot be read", "check its path and mode") from error
