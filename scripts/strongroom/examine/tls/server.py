"""A server as it is named: where it is, whom its certificate must name, and who may have signed that."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from strongroom.examine.tls.finding import Complaint


class Kind(StrEnum):
    """What a server is."""

    POSTGRES = "postgres"
    REDIS = "redis"
    VAULT = "vault"
    SECRETS = "secrets"
    S3 = "s3"

    @property
    def spoken(self) -> str:
        """Return what people call it."""
        return _TITLES[self]


_TITLES = {
    Kind.POSTGRES: "PostgreSQL",
    Kind.REDIS: "Redis",
    Kind.VAULT: "Vault",
    Kind.SECRETS: "Secrets Manager",
    Kind.S3: "S3",
}
RENEW = "have a new one issued, and let the server reload it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server, and what is said of the way to it before anybody connects."""

    kind: Kind
    named_by: str
    """A variable, a line of system.yaml, or the local stack."""
    host: str = ""
    """What its certificate must name; empty for a way that does not leave this machine."""
    port: int = 0
    address: str = ""
    """Where to go instead of looking ``host`` up."""
    local: str = ""
    """Why there is nothing to look at: what the way is that does not leave this machine."""
    authority: Path | None = None
    """The authorities that may have signed its certificate; None for the system's."""
    certificate: tuple[Path, Path] | None = None
    """Our own certificate and its key."""
    complaints: tuple[Complaint, ...] = ()
    """What is wrong with the setting itself."""
    user: str = ""
    database: str = ""
    is_direct: bool = False
    """TLS is begun at once (``sslnegotiation=direct``)."""
    plain_port: int | None = None
    """Where it might answer without TLS too."""
    expected: Path | None = None
    """The file of the certificate that it should show."""
    renew: str = RENEW
    """What to do about a certificate that ends."""
    may_be_off: bool = False

    @property
    def place(self) -> str:
        """Return what it is, and where."""
        if self.local:
            return self.kind.spoken
        return f"{self.kind.spoken} at {self.host or self.address}:{self.port}"

    @property
    def dialled(self) -> str:
        """Return what is connected to."""
        return self.address or self.host
