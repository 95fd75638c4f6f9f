"""Which server: named by the system's variables, by libpq's own, else the local stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from strongroom.core.errors import ConfigurationError, KeyMissingError
from strongroom.core.system import System
from strongroom.postgres.connection import Access, read_access

_PASSWORD_FILE = "POSTGRES_PASSWORD_FILE"  # noqa: S105  # a variable's name
_LIBPQ = ("PGHOST", "PGSERVICE")


def find_access(system: System, environment: Mapping[str, str], stack: Mapping[str, str] | None) -> Access:
    """Return how to connect; ``stack`` is how to reach the local one, where there is one.

    Raises ConfigurationError when nothing names a server, KeyMissingError for a password file that cannot be read.
    """
    for name in system.postgres.variables:
        if environment.get(name):
            return _add_password(read_access(environment[name], name, environment), environment)
    named = next((name for name in _LIBPQ if environment.get(name)), None)
    if named is not None:
        return _add_password(read_access("", named, environment), environment)
    if stack is not None:
        return Access(parameters=stack, origin="the local stack")
    variables = ", ".join((*system.postgres.variables, "PGHOST"))
    raise ConfigurationError("PostgreSQL", "is named nowhere", f"set one of {variables}; or ./inv stack.up")


def _add_password(access: Access, environment: Mapping[str, str]) -> Access:
    file = environment.get(_PASSWORD_FILE)
    if not file or access.parameters.get("password"):
        return access
    try:
        password = Path(file).read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise KeyMissingError(_PASSWORD_FILE, f"{file} cannot be read", "check its path and mode") from error
    return Access(parameters={**access.parameters, "password": password}, origin=access.origin)
