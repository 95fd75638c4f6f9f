"""Connection strings, libpq's variables and service files: which server they name, and what they really enforce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

import psycopg
from psycopg import conninfo

from strongroom.core.errors import ConfigurationError
from strongroom.core.transit import is_this_machine, refuse_weak
from strongroom.postgres.connection import Access
from strongroom.postgres.services import read_service

_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "channel_binding": "PGCHANNELBINDING",
    "password": "PGPASSWORD",
}
"""Of libpq's, those by which a server is found and trusted."""
_PORT = "5432"
_STRICT, _NONE = "verify-full", "disable"
_LETS_THROUGH = {
    _NONE: "goes without TLS, so everybody on the way reads passwords and rows",
    "allow": "goes without TLS wherever the server lets it, so everybody on the way reads passwords and rows",
    "prefer": "takes TLS where it is offered, so whoever sits on the way talks us out of it",
    "require": "encrypts, and lets anybody answer",
    "verify-ca": "lets every server answer that has a certificate of that authority, whatever its name",
}
_WRITE = "write sslmode=verify-full, and sslrootcert=FILE with its authority (without it the system's count)"
_TOO_OLD = ("TLSv1", "TLSv1.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One server of a connection string, which may name several."""

    name: str
    """The host as it is said, which a certificate must name; a socket's folder; empty for the default socket."""
    address: str = ""
    """Where to go instead of looking the name up (``hostaddr``)."""
    port: str = _PORT

    @property
    def is_socket(self) -> bool:
        """Tell whether it is a socket of this machine."""
        return not self.address and (not self.name or self.name.startswith(("/", "@")))

    @property
    def dialled(self) -> str:
        """Return what is connected to."""
        return self.address or self.name


class Weakness(NamedTuple):
    """What a way lets through, and what to write instead."""

    fact: str
    hint: str


def read_access(dsn: str, origin: str, environment: Mapping[str, str], user: str = "") -> Access:
    """Read a connection string, or libpq's own variables when it is empty; ``user`` counts where nobody says one.

    Where nothing else is said, the server's certificate and name are verified, against the system's authorities when
    none is named; what says less is refused, unless it is a socket, or openly plain on this machine, or development.
    Raises ConfigurationError for this, for a string that is none, or a service that is not defined.
    """
    parameters = read_parameters(dsn, origin, environment, user)
    weak = find_weakness(parameters)
    if weak is not None:
        refuse_weak(ConfigurationError(origin, weak.fact, weak.hint), environment)
    return Access(parameters=parameters, origin=origin)


def read_parameters(dsn: str, origin: str, environment: Mapping[str, str], user: str = "") -> dict[str, str]:
    """Return libpq's parameters as it would find them, however weak. Raises ConfigurationError where it finds none."""
    try:
        parameters = {name: str(value) for name, value in conninfo.conninfo_to_dict(dsn).items()}
    except psycopg.Error as error:  # its text may repeat the string, password and all
        raise ConfigurationError(origin, "is no connection string", "postgresql://USER@HOST:PORT/DATABASE") from error
    service = parameters.pop("service", None) or environment.get("PGSERVICE", "")
    parameters = {**read_service(service, environment), **parameters}  # what is said here counts before what is there
    for name, variable in _VARIABLES.items():
        if environment.get(variable):
            parameters.setdefault(name, environment[variable])
    if user:
        parameters.setdefault("user", user)
    if not all(one.is_socket for one in list_endpoints(parameters)):
        parameters.setdefault("sslmode", _STRICT)
        if parameters["sslmode"] == _STRICT:
            parameters.setdefault("sslrootcert", "system")
    return parameters


def list_endpoints(parameters: Mapping[str, str]) -> tuple[Endpoint, ...]:
    """Return the servers that parameters name, in the order in which libpq tries them."""
    names, addresses = (parameters.get(name, "").split(",") for name in ("host", "hostaddr"))
    ports = parameters.get("port", "").split(",")
    paired = list(zip_longest(names, addresses, fillvalue=""))
    ports += [ports[0]] * (len(paired) - len(ports))
    return tuple(
        Endpoint(name=name, address=address, port=port or _PORT)
        for (name, address), port in zip(paired, ports, strict=False)
    )


def find_weakness(parameters: Mapping[str, str]) -> Weakness | None:
    """Return what the way to a server lets through; None where its certificate and name are verified.

    A socket of this machine is no network. Nor is loopback, where a string says openly that it goes without TLS
    (``sslmode=disable``): every other mode promises more than it keeps, there too.
    """
    remote = [one for one in list_endpoints(parameters) if not one.is_socket]
    mode = parameters.get("sslmode", _STRICT)
    if not remote or (mode == _NONE and all(is_this_machine(one.dialled) for one in remote)):
        return None
    said = f"sslmode={mode} to {', '.join(one.dialled for one in remote)}"
    if mode == "require" and parameters.get("sslrootcert"):
        return Weakness(f"{said} with sslrootcert= {_LETS_THROUGH['verify-ca']}", _WRITE)
    if mode != _STRICT:
        return Weakness(f"{said} {_LETS_THROUGH.get(mode, 'means nothing')}", _WRITE)
    oldest = parameters.get("ssl_min_protocol_version", "")
    if oldest in _TOO_OLD:
        return Weakness(f"ssl_min_protocol_version={oldest} takes protocols that are broken", "leave it out")
    return None
