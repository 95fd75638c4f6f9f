"""What a server shows of itself before anybody logs in: no key, password or certificate of ours is sent to it.

Our own certificate, where one is named, is shown to a server that is verified, as the protocol has it.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from strongroom.core.errors import UnreachableError
from strongroom.examine.tls.server import Kind, Server

SECONDS = 10.0
_MOMENT = 0.3
_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_PROTOCOL_3 = 196608
_AUTHENTICATION, _ERROR = b"R", b"E"
_MESSAGE, _ROUTINE, _NO_SUCH_ROLE = b"M", b"R", b"InitializeSessionUserId"
_MOST = 1 << 14
_IS_STRICT = sys.version_info >= (3, 13)
"""Whether Python's own clients ask for more than OpenSSL does by itself."""
_STRICTLY = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
_TLS_1_1 = ssl.TLSVersion.TLSv1_1
_MISNAMED = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH."""


class NoTlsError(Exception):
    """The server answers, and not with TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a handshake came to."""

    version: str
    chain: tuple[bytes, ...]
    """DER, the server's own first; after a verified handshake up to its authority."""
    authentication: Authentication | None = None
    wants_certificate: bool = False
    """It will not go on without a certificate of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How PostgreSQL would let a user in."""

    code: int = -1
    """What it would ask for; -1 for nothing, as it refuses before that."""
    mechanisms: tuple[str, ...] = ()
    refusal: str = ""
    """Why it does."""


def look(server: Server) -> Shown:
    """Take whatever a server shows. Raises NoTlsError, UnreachableError."""
    with _wrapped(server, _make_lenient(server)) as stream:
        return Shown(version=stream.version() or "", chain=_read_chain(stream))


def verify(server: Server, authorities: ssl.SSLContext) -> Shown:
    """Connect as our tasks do, and ask PostgreSQL how it would let us in. Raises ssl.SSLError, UnreachableError."""
    with _wrapped(server, authorities, explains=False) as stream:
        version, chain = stream.version() or "", _read_chain(stream, is_verified=True)
        if server.kind is Kind.POSTGRES:
            return Shown(version=version, chain=chain, authentication=_ask_login(stream, server))
        return Shown(version=version, chain=chain, wants_certificate=_wants_certificate(stream))


def find_strict_refusal(server: Server, authorities: str | None) -> str:
    """Return for what a stricter client refuses a server that ours takes; empty where it does not."""
    if server.kind is Kind.POSTGRES or _IS_STRICT:  # libpq is not
        return ""
    context = make_verifying(server, authorities)
    context.verify_flags |= _STRICTLY
    try:
        with _wrapped(server, context, explains=False):
            return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (ssl.SSLError, UnreachableError):
        return ""


def is_named(server: Server, leaf: bytes) -> bool:
    """Tell whether a certificate names the host, whoever signed it and whenever; OpenSSL decides, as it always does.

    Raises NoTlsError, UnreachableError.
    """
    context = _make_lenient(server)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=leaf)
    context.verify_mode, context.check_hostname = ssl.CERT_REQUIRED, True
    try:
        with _wrapped(server, context, explains=False):
            return True
    except ssl.SSLCertVerificationError as error:
        return error.verify_code not in _MISNAMED
    except ssl.SSLError:
        return True


def takes_old_protocols(server: Server) -> bool:
    """Tell whether a server agrees on a protocol before TLS 1.2 when asked for nothing newer."""
    context = _make_lenient(server)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that one must not use it is what we look for
        context.maximum_version = _TLS_1_1
    try:
        with _wrapped(server, context):
            return True
    except (NoTlsError, UnreachableError):
        return False


def answers_openly(server: Server) -> bool:
    """Tell whether a server also goes on without TLS: PostgreSQL at its port, Redis at its plain one."""
    if server.kind is Kind.REDIS and server.plain_port is not None:
        return _says(server, server.plain_port, b"PING\r\n")[:1] in (b"+", b"-")
    if server.kind is not Kind.POSTGRES:
        return False
    said = _says(server, server.port, _begin_session(server))
    # Whether a user is there is told to nobody who was not let past the rules for hosts.
    return said[:1] == _AUTHENTICATION or (said[:1] == _ERROR and _read_field(said, _ROUTINE) == _NO_SUCH_ROLE)


def make_verifying(server: Server, authorities: str | None) -> ssl.SSLContext:
    """Make what verifies as our tasks do, by a file of authorities or the system's.

    Raises OSError and ssl.SSLError for files that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if server.kind is not Kind.POSTGRES and _IS_STRICT:
        context.verify_flags |= _STRICTLY
    if authorities is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=authorities)
    if server.certificate is not None:
        context.load_cert_chain(*server.certificate, password="")
    return _with_protocol(context, server)


def _make_lenient(server: Server) -> ssl.SSLContext:
    """Make what takes any certificate and protocol, however old."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return _with_protocol(context, server)


def _with_protocol(context: ssl.SSLContext, server: Server) -> ssl.SSLContext:
    if server.is_direct:
        context.set_alpn_protocols(["postgresql"])
    return context


@contextmanager
def _wrapped(server: Server, context: ssl.SSLContext, *, explains: bool = True) -> Iterator[ssl.SSLSocket]:
    """Give a connection whose handshake is done; ``explains`` turns what TLS says into NoTlsError."""
    with _connected(server, server.port) as plain:
        if server.kind is Kind.POSTGRES and not server.is_direct:
            _request_tls(plain)
        try:
            stream = context.wrap_socket(plain, server_hostname=server.host or server.address)
        except ssl.SSLError as error:
            if not explains:
                raise
            raise NoTlsError(f"does not agree on TLS with us ({_name(error)})") from error
        except ConnectionError as error:
            raise NoTlsError("ends the connection when TLS is begun") from error
        except OSError as error:
            raise _unreachable(server, error) from error
        with stream:
            yield stream


@contextmanager
def _connected(server: Server, port: int) -> Iterator[socket.socket]:
    try:
        plain = socket.create_connection((server.dialled, port), SECONDS)
    except (OSError, UnicodeError) as error:  # the latter for what is no name
        raise _unreachable(server, error) from error
    with plain:
        yield plain


def _request_tls(plain: socket.socket) -> None:
    """Ask PostgreSQL for TLS, reading one byte: what came behind it would be somebody else's."""
    try:
        plain.sendall(_SSL_REQUEST)
        answer = plain.recv(1)
    except OSError as error:
        raise UnreachableError("", "does not answer when it is asked for TLS") from error
    if answer == b"N":
        raise NoTlsError("offers no TLS")
    if answer == _ERROR:
        raise UnreachableError("", "refuses the connection before TLS")
    if answer != b"S":
        raise NoTlsError("does not answer as PostgreSQL does")


def _wants_certificate(stream: ssl.SSLSocket) -> bool:
    """Tell whether the server turns us away now: in TLS 1.3 it does so after the handshake is done for us."""
    stream.settimeout(_MOMENT)
    try:
        stream.recv(1)
    except ssl.SSLError as error:
        return "CERTIFICATE_REQUIRED" in (error.reason or "")
    except OSError:  # it waits for us, as it should
        return False
    return False


def _ask_login(stream: ssl.SSLSocket, server: Server) -> Authentication | None:
    """Say who would come in, and read what would be asked of him; nothing is answered."""
    try:
        stream.sendall(_begin_session(server))
        said = stream.recv(_MOST)
    except OSError:
        return None
    if said[:1] == _ERROR:
        return Authentication(refusal=_read_field(said, _MESSAGE).decode(errors="replace"))
    if said[:1] != _AUTHENTICATION or len(said) < 9:  # noqa: PLR2004  kind, length, code
        return None
    (code,) = struct.unpack("!I", said[5:9])
    names = said[9 : struct.unpack("!I", said[1:5])[0] + 1].split(b"\0")
    return Authentication(code=code, mechanisms=tuple(name.decode("ascii", "replace") for name in names if name))


def _begin_session(server: Server) -> bytes:
    user = server.user or "postgres"
    words = ["user", user, "database", server.database or user]
    body = struct.pack("!I", _PROTOCOL_3) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def _says(server: Server, port: int, words: bytes) -> bytes:
    """Return what is answered without TLS; nothing where nobody answers."""
    try:
        with _connected(server, port) as plain:
            plain.sendall(words)
            return plain.recv(_MOST)
    except (OSError, UnreachableError):
        return b""


def _read_field(error: bytes, kind: bytes) -> bytes:
    """Return a field of an error. Which part of the server refused is, unlike its words, in no language."""
    fields = error[5:].split(b"\0")
    return next((field[1:] for field in fields if field[:1] == kind), b"")


def _read_chain(stream: ssl.SSLSocket, *, is_verified: bool = False) -> tuple[bytes, ...]:
    """Return the certificates of a handshake. Python has public names for this from 3.13 on."""
    name = "get_verified_chain" if is_verified else "get_unverified_chain"
    if hasattr(stream, name):
        return tuple(getattr(stream, name)())
    shown: Sequence[object] = getattr(stream._sslobj, name)() or ()  # type: ignore[attr-defined]  # noqa: SLF001
    return tuple(ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in shown)  # type: ignore[attr-defined]


def _unreachable(server: Server, error: Exception) -> UnreachableError:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UnreachableError(server.place, f"cannot be reached: {said.lower()}")


def _name(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
