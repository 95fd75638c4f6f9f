"""What the stack needs on disk: certificates and passwords, in a folder that only its owner may enter.

The files in it are readable by all, for a container's user is another one than ours; the folder keeps others out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.containers.stack.parts import PASSWORDS, PORTS, ROLES
from strongroom.core.files import explain_os_error, make_private_folder, write_text

_BYTES = 24
_KEY_BYTES = 32


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

    @property
    def env(self) -> Path:
        """Return the file that says which stack this is, and with which settings it runs."""
        return self.root / "env"

    @property
    def lock(self) -> Path:
        """Return the file that whoever changes the stack holds locked."""
        return self.root / "lock"

    @property
    def passfile(self) -> Path:
        """Return the roles' passwords as libpq reads them."""
        return self.secrets / "pgpass"

    def read_password(self, name: str) -> str:
        """Return a password. Raises UnreachableError."""
        try:
            return (self.secrets / name).read_text(encoding="utf-8")
        except OSError as error:
            raise explain_os_error(self.secrets / name, error) from error

    def read_certificate(self, service: str) -> bytes:
        """Return a service's certificate and key, as PEM."""
        return b"".join((self.tls / f"{service}.{kind}").read_bytes() for kind in ("crt", "key"))

    def digest(self, service: str) -> str:
        """Return a hash of what a service begins with: a container that began with other files is out of date.

        Its certificate is not among them: a later one is handed to the running server.
        """
        files = [self.tls / "ca.crt"]
        files += [self.secrets / name for name in PASSWORDS.get(service, ())]
        return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()

    def list_ours(self) -> Iterator[Path]:
        """Yield the files that may be of our making, what a kill left half-written among them; folders last."""
        named = [
            *(self.tls / f"{name}.{kind}" for name in ("ca", *PORTS) for kind in ("crt", "key")),
            *(self.secrets / name for names in PASSWORDS.values() for name in names),
            *(self.tls / f"service-account.{kind}" for kind in ("key", "pub")),
            self.passfile,
            self.env,
        ]
        for file in named:
            yield from (file, file.with_name(f"{file.name}.part"))
        yield from (self.lock, self.tls, self.secrets, self.root)


def provide_files(folder: Folder, now: datetime, name: str = "local") -> tuple[str, ...]:
    """Make what is missing, or ends soon; return the names of what was made. Raises GuardError.

    ``name`` is the stack's, by which its authority is told from others.
    """
    made = list(init_certificates(folder, now, name))
    make_private_folder(folder.secrets)
    for password in (name for names in PASSWORDS.values() for name in names):
        if not (folder.secrets / password).exists():
            chosen = secrets.token_hex(_KEY_BYTES) if password.endswith("-key") else secrets.token_urlsafe(_BYTES)
            write_text(folder.secrets / password, chosen, mode=0o644)
            made.append(password)
    lines = [f"*:*:*:{role}:{folder.read_password(f'postgres-{name}-password')}\n" for name, role in ROLES.items()]
    write_text(folder.passfile, "".join(lines), mode=0o644)
    return tuple(made)


def init_certificates(folder: Folder, now: datetime, name: str, *, renew: bool = False) -> tuple[str, ...]:
    """Make the authority and the servers' certificates that are missing or end soon; return their names.

    Raises GuardError for one that the authority beside it did not sign.
    """
    from strongroom.containers.certificates import init_authority, issue

    make_private_folder(folder.root)
    make_private_folder(folder.tls)
    authority = ("ca",) if init_authority(folder.tls, now, name) else ()
    hosts = ("localhost", "127.0.0.1")
    return authority + tuple(one for one in PORTS if issue(folder.tls, one, (one, *hosts), now, renew=renew))


def count_days(folder: Folder, now: datetime) -> dict[str, int]:
    """Return for how many whole days each certificate that is there holds; negative once it has ended."""
    from strongroom.containers.certificates import days_left

    files = {name: folder.tls / f"{name}.crt" for name in ("ca", *PORTS)}
    return {name: days_left(file, now) for name, file in files.items() if file.is_file()}


def remove_files(folder: Folder) -> None:
    """Remove what may be of our making, and the folders that are empty then; what is somebody else's stays."""
    for path in folder.list_ours():
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink(missing_ok=True)
