"""What the stack needs on disk: certificates and passwords, in a folder that only its owner may enter.

The files in it are readable by all, for a container's user is another one than ours; the folder keeps others out.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.core.files import make_private_folder, write_text

SERVERS = ("postgres", "redis", "vault", "secrets", "s3")
_PASSWORDS = ("postgres-password", "redis-password", "vault-token", "s3-secret-key")
_BYTES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where they are."""

    root: Path

    @property
    def tls(self) -> Path:
        """Return the folder of certificates and their keys."""
        return self.root / "tls"

    @property
    def secrets(self) -> Path:
        """Return the folder of passwords."""
        return self.root / "secrets"

    def digest(self) -> str:
        """Return a hash of all certificates and passwords: a container that began with others is out of date."""
        files = [*sorted(self.tls.glob("*.crt")), *sorted(self.secrets.glob("*"))]
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def provide_files(folder: Folder, now: datetime) -> tuple[str, ...]:
    """Make what is missing, or ends soon; return the names of what was made. Raises GuardError."""
    made = list(init_certificates(folder, now))
    make_private_folder(folder.secrets)
    for name in _PASSWORDS:
        if not (folder.secrets / name).exists():
            write_text(folder.secrets / name, secrets.token_urlsafe(_BYTES), mode=0o644)
            made.append(name)
    return tuple(made)


def init_certificates(folder: Folder, now: datetime, *, renew: bool = False) -> tuple[str, ...]:
    """Make the authority and the servers' certificates that are missing or end soon; return their names.

    Raises GuardError for one that the authority beside it did not sign.
    """
    from strongroom.containers.certificates import init_authority, issue

    make_private_folder(folder.root)
    make_private_folder(folder.tls)
    authority = ("ca",) if init_authority(folder.tls, now) else ()
    hosts = ("localhost", "127.0.0.1")
    return authority + tuple(name for name in SERVERS if issue(folder.tls, name, (name, *hosts), now, renew=renew))
