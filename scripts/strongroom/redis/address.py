"""Where a Redis server is, and as whom: read strictly, so that no way to it verifies less than everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from strongroom.core.errors import ConfigurationError
from strongroom.core.secret import Secret

_PORT = 6379
_FORM = "rediss://USER:PASSWORD@HOST:PORT, or unix:///PATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How to reach a server: by TLS, or by a socket of this machine."""

    host: str = ""
    port: int = _PORT
    socket: Path | None = None
    user: str | None = None
    password: Secret | None = field(default=None, repr=False)
    ca_file: Path | None = None
    """The authorities that may have signed the server's certificate; without it the system's."""
    certificate: tuple[Path, Path] | None = None
    """Our own certificate and its key, where the server asks for one."""
    origin: str = ""
    """What named it."""

    @property
    def place(self) -> str:
        """Where it is, without user and password."""
        return str(self.socket) if self.socket is not None else f"{self.host}:{self.port}"


def find_address(
    variables: Sequence[str], environment: Mapping[str, str], *, password: Secret | None = None,
    ca_file: Path | None = None,
) -> Address:  # fmt: skip
    """Read the address that the first variable holds which is set. Raises ConfigurationError."""
    for name in variables:
        if environment.get(name):
            return read_address(environment[name], name, password=password, ca_file=ca_file)
    raise ConfigurationError("Redis", "is named nowhere", f"set one of {', '.join(variables)}")


def read_address(text: str, origin: str, *, password: Secret | None = None, ca_file: Path | None = None) -> Address:
    """Read an address; ``password`` and ``ca_file`` count where it says none. Nothing of it stands in an error.

    Raises ConfigurationError for one that is none, without TLS over the network, or with less than all verified.
    """
    parts = _split(text, origin)
    asked = {name.lower(): value for name, value in parse_qsl(parts.query)}
    own = Secret(unquote(parts.password)) if parts.password else password
    who = {"user": unquote(parts.username) if parts.username else asked.get("username"), "password": own}
    if parts.scheme == "unix":
        return Address(socket=Path(unquote(parts.path)), origin=origin, **who)  # type: ignore[arg-type]
    _refuse_weak(parts.scheme, asked, origin)
    files = [asked.get(name) for name in ("ssl_certfile", "ssl_keyfile")]
    return Address(
        host=parts.hostname or "localhost",
        port=parts.port or _PORT,
        ca_file=Path(asked["ssl_ca_certs"]) if asked.get("ssl_ca_certs") else ca_file,
        certificate=(Path(files[0]), Path(files[1] or files[0])) if files[0] else None,
        origin=origin,
        **who,  # type: ignore[arg-type]
    )


def _split(text: str, origin: str) -> SplitResult:
    wrong = ConfigurationError(origin, "is no address of a Redis server", _FORM)
    try:
        parts = urlsplit(text)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        raise wrong from None  # its text may repeat the address, password and all
    if not is_port or parts.scheme not in ("rediss", "redis", "unix") or (parts.scheme == "unix" and not parts.path):
        raise wrong
    return parts


def _refuse_weak(scheme: str, asked: Mapping[str, str], origin: str) -> None:
    if scheme != "rediss":
        raise ConfigurationError(origin, "has no TLS: everybody on the way reads passwords and data", _FORM)
    if asked.get("ssl_cert_reqs", "required").lower() not in ("required", "cert_required"):
        raise ConfigurationError(origin, "lets any certificate pass (ssl_cert_reqs)", "leave ssl_cert_reqs out")
    if asked.get("ssl_check_hostname", "true").lower() not in ("true", "1", "yes"):
        raise ConfigurationError(origin, "lets any server answer (ssl_check_hostname)", "leave ssl_check_hostname out")
