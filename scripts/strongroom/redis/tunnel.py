"""A verified way to a server, as a socket in a private folder; one that is not verified was let pass before.

``redis-cli`` verifies who signed a certificate, and not for which host: whoever has a certificate of the same authority
could answer it. So whatever reaches a server goes through here.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from strongroom.core.errors import ConfigurationError, UnreachableError
from strongroom.redis.address import Address

_CONNECT_SECONDS = 10.0
_CHUNK = 1 << 16


@contextmanager
def open_tunnel(address: Address, folder: Path) -> Iterator[Path]:
    """Give a socket that leads to a server whose certificate and name are verified, for each connection anew.

    ``folder`` is ours alone. A server that is reached by a socket needs nothing of this. Raises UnreachableError,
    ConfigurationError for authorities or a certificate that cannot be read.
    """
    if address.socket is not None:
        yield address.socket
        return
    context = _make_context(address)
    _connect(address, context).close()
    path = folder / "tunnel.sock"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        threading.Thread(target=_serve, args=(door, address, context), daemon=True).start()
        try:
            yield path
        finally:
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            path.unlink(missing_ok=True)


def _make_context(address: Address) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=address.ca_file)
        context.check_hostname = address.checks_name
        if not address.checks_certificate:
            context.verify_mode = ssl.CERT_NONE
        if address.certificate is not None:
            context.load_cert_chain(*address.certificate)
    except (OSError, ssl.SSLError) as error:
        fact = f"{address.ca_file or 'the certificate of the client'} cannot be read"
        raise ConfigurationError(address.origin, fact, "check its path, mode and content") from error
    return context


def _connect(address: Address, context: ssl.SSLContext) -> socket.socket:
    subject = f"Redis at {address.place}"
    try:
        plain = socket.create_connection((address.host, address.port), _CONNECT_SECONDS)
    except OSError as error:
        fact = (error.strerror or str(error)).lower()
        raise UnreachableError(subject, fact, f"it was named by {address.origin}") from error
    if not address.has_tls:
        plain.settimeout(None)
        return plain
    try:
        verified = context.wrap_socket(plain, server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        hint = "name its authority (ca_file: in system.yaml, or ssl_ca_certs), and the host that its certificate names"
        raise UnreachableError(subject, f"is not who it should be: {error.verify_message}", hint) from error
    except OSError as error:
        plain.close()
        raise UnreachableError(subject, "does not speak TLS", "use its port for TLS") from error
    verified.settimeout(None)
    return verified


def _serve(door: socket.socket, address: Address, context: ssl.SSLContext) -> None:
    while True:
        try:
            near, _ = door.accept()
        except OSError:  # it was closed
            return
        threading.Thread(target=_carry, args=(near, address, context), daemon=True).start()


def _carry(near: socket.socket, address: Address, context: ssl.SSLContext) -> None:
    """Carry bytes both ways until either side ends; what goes wrong ends the connection, as it would without us."""
    with near, suppress(OSError, UnreachableError), _connect(address, context) as far:
        while True:
            ready = [far] if isinstance(far, ssl.SSLSocket) and far.pending() else select.select([near, far], [], [])[0]
            for one, other in ((near, far), (far, near)):
                chunk = _receive(one) if one in ready else None
                if chunk == b"":
                    return
                if chunk:
                    other.sendall(chunk)


def _receive(one: socket.socket) -> bytes | None:
    """Return what has come; None where it was TLS' own business, after which nothing need follow."""
    one.settimeout(0)
    try:
        return one.recv(_CHUNK)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None
    finally:
        one.settimeout(None)
