"""Files that a way to a server names: authorities, and our own certificate with its key."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from strongroom.examine.tls.certificates import judge_dates, name, read_authorities
from strongroom.examine.tls.finding import Complaint, Grade
from strongroom.examine.tls.server import Server

KEY_LOG = "SSLKEYLOGFILE"
_OTHERS, _OTHERS_WRITE, _OTHERS_OF_ROOT = 0o077, 0o002, 0o037


def find_system_authorities() -> str | None:
    """Return the file of the system's authorities, as OpenSSL and its variables say; None where there is none."""
    return ssl.get_default_verify_paths().cafile


def judge_environment(environment: Mapping[str, str]) -> Iterator[Complaint]:
    """Say what variables do to every connection of this machine."""
    if environment.get(KEY_LOG):
        fact = f"writes the keys of every connection into {environment[KEY_LOG]}: whoever reads it reads them all"
        yield Complaint(Grade.SETTING, fact, f"unset {KEY_LOG}")
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        place = environment.get(variable)
        if place and not Path(place).exists():
            fact = f"names {place} as the system's authorities, and there is nothing"
            yield Complaint(Grade.SETTING, fact, f"correct or unset {variable}")


def judge_authorities(file: Path) -> tuple[Complaint | None, tuple[x509.Certificate, ...]]:
    """Read a file of authorities; return what is wrong with it, and what it holds."""
    try:
        content, mode = file.read_bytes(), file.stat().st_mode
    except OSError as error:
        fact = f"the file of authorities {file} cannot be read: {(error.strerror or str(error)).lower()}"
        return Complaint(Grade.SETTING, fact, "correct its path, or let us read it"), ()
    held = read_authorities(content)
    if not held:
        fact = f"the file of authorities {file} holds no certificate that can be read"
        return Complaint(Grade.SETTING, fact, "bring the authority's certificate as PEM"), ()
    if b"PRIVATE KEY-----" in content:
        fact = f"the file of authorities {file} holds a private key: whoever reads it may be that authority"
        return Complaint(Grade.SETTING, fact, "leave only certificates in it, and make a new key"), held
    if mode & _OTHERS_WRITE:
        fact = f"the file of authorities {file} may be changed by others, who could add one of theirs"
        return Complaint(Grade.SETTING, fact, f"chmod o-w {file}"), held
    return None, held


def judge_own_certificate(server: Server, now: datetime) -> Iterator[Complaint]:
    """Say what is wrong with the certificate that we would show, and with its key."""
    if server.certificate is None:
        return
    file, key = server.certificate
    try:
        own = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        yield Complaint(Grade.SETTING, f"our certificate {file} cannot be used: {_why(error)}", "correct its path")
        return
    for complaint in judge_dates(own, f"our certificate {file}", server, now):
        yield complaint._replace(hint="have a new one issued")
    yield from _judge_key(key, own)


def _judge_key(key: Path, own: x509.Certificate) -> Iterator[Complaint]:
    try:
        about, content = key.stat(), key.read_bytes()
        held = serialization.load_pem_private_key(content, password=None)
    except (OSError, ValueError, TypeError) as error:
        yield Complaint(Grade.SETTING, f"the key {key} cannot be used: {_why(error)}", "correct its path and content")
        return
    is_roots = about.st_uid == 0 and os.geteuid() != 0
    if about.st_mode & (_OTHERS_OF_ROOT if is_roots else _OTHERS):
        fact = f"the key {key} may be read by others (mode {about.st_mode & 0o777:04o}): it is theirs too by now"
        yield Complaint(Grade.SETTING, fact, "make a new one, with mode 0600")
    if _encode(held.public_key()) != _encode(own.public_key()):
        fact = f"the key {key} is not that of our certificate {name(own)}"
        yield Complaint(Grade.SETTING, fact, "name the two that belong together")


def _encode(key: object) -> bytes:
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    encoded: bytes = key.public_bytes(*form)  # type: ignore[attr-defined]
    return encoded


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "it has a password" if isinstance(error, TypeError) else "it holds none (PEM)"
