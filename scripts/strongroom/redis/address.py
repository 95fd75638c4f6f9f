"""Where a Redis server is, and as whom: read strictly, so that no way to it verifies less than everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from strongroom.core.errors import ConfigurationError
from strongroom.core.secret import Secret
from strongroom.core.transit import is_this_machine, refuse_weak

PORT = 6379
_FORM = "rediss://USER:PASSWORD@HOST:PORT, or unix:///PATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How to reach a server: by TLS, by a socket of this machine, or openly on its loopback."""

    host: str = ""
    port: int = PORT
    socket: Path | None = None
    user: str | None = None
    password: Secret | None = field(default=None, repr=False)
    ca_file: Path | None = None
    """The authorities that may have signed the server's certificate; without it the system's."""
    certificate: tuple[Path, Path] | None = None
    """Our own certificate and its key, where the server asks for one."""
    has_tls: bool = True
    checks_certificate: bool = True
    """False for what development lets pass, as is the next."""
    checks_name: bool = True
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
    """Read the address that the first variable holds which is set. Raises what ``read_address`` does."""
    for name in variables:
        if environment.get(name):
            return read_address(environment[name], name, environment, password=password, ca_file=ca_file)
    raise ConfigurationError("Redis", "is named nowhere", f"set one of {', '.join(variables)}")


def read_address(
    text: str, origin: str, environment: Mapping[str, str], *, password: Secret | None = None,
    ca_file: Path | None = None,
) -> Address:  # fmt: skip
    """Read an address; ``password`` and ``ca_file`` count where it says none. Nothing of it stands in an error.

    Raises ConfigurationError for one that is none, and unless in development for one that ``find_weaknesses`` finds.
    """
    address = parse_address(text, origin, password=password, ca_file=ca_file)
    for weak in find_weaknesses(address):
        refuse_weak(weak, environment)
    return address


def parse_address(text: str, origin: str, *, password: Secret | None = None, ca_file: Path | None = None) -> Address:
    """Read an address, however weak. Raises ConfigurationError for one that is none."""
    parts = _split(text, origin)
    asked = {name.lower(): value for name, value in parse_qsl(parts.query)}
    own = Secret(unquote(parts.password)) if parts.password else password
    who = {"user": unquote(parts.username) if parts.username else asked.get("username"), "password": own}
    if parts.scheme == "unix":
        return Address(socket=Path(unquote(parts.path)), origin=origin, **who)  # type: ignore[arg-type]
    files = [asked.get(name) for name in ("ssl_certfile", "ssl_keyfile")]
    checks = asked.get("ssl_cert_reqs", "required").lower() in ("required", "cert_required")
    return Address(
        host=parts.hostname or "localhost",
        port=parts.port or PORT,
        ca_file=Path(asked["ssl_ca_certs"]) if asked.get("ssl_ca_certs") else ca_file,
        certificate=(Path(files[0]), Path(files[1] or files[0])) if files[0] else None,
        has_tls=parts.scheme == "rediss",
        checks_certificate=checks,
        checks_name=checks and asked.get("ssl_check_hostname", "true").lower() in ("true", "1", "yes"),
        origin=origin,
        **who,  # type: ignore[arg-type]
    )


def find_weaknesses(address: Address) -> Iterator[ConfigurationError]:
    """Yield what an address lets through: no TLS but on this machine, any certificate, or anybody's."""
    if address.socket is not None:
        return
    if not address.has_tls:
        if not is_this_machine(address.host):
            fact = f"has no TLS to {address.host}: everybody on the way reads passwords and data"
            yield ConfigurationError(address.origin, fact, f"write {_FORM}")
    elif not address.checks_certificate:
        yield ConfigurationError(address.origin, "lets any certificate pass (ssl_cert_reqs)", "leave ssl_cert_reqs out")
    elif not address.checks_name:
        fact = "lets any server answer that has a certificate (ssl_check_hostname)"
        yield ConfigurationError(address.origin, fact, "leave ssl_check_hostname out")


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
