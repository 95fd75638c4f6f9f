"""A small certificate authority for the machine's own stack: ECDSA P-256, one authority, short-lived servers.

The cryptography is the library's; what is ours is which certificate is missing, foreign or due.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.containers import DUE_DAYS
from strongroom.core.errors import GuardError
from strongroom.core.files import write_text

AUTHORITY = "ca"
_AUTHORITY_DAYS, _SERVER_DAYS = 3650, 90
_EARLIER = timedelta(days=1, minutes=5)
"""For clocks that are up to a day behind."""


def init_authority(folder: Path, now: datetime, name: str = "local") -> bool:
    """Make ``ca.crt`` and ``ca.key`` (0600) in a folder that has none; tell whether they were made.

    ``name`` tells authorities apart. A key that stands alone, without any certificate, was left by somebody who was
    stopped between the two: it is used. A certificate that strict clients refuse, for it has no key identifier, or
    that begins later than now, made under a clock that was ahead, is signed again: what it signed holds. ``now`` has
    a time zone. Raises GuardError when one is there without the other otherwise, or has ended.
    """
    certificate, key = folder / f"{AUTHORITY}.crt", folder / f"{AUTHORITY}.key"
    is_begun = key.exists() and not any(folder.glob("*.crt"))
    if certificate.exists() != key.exists() and not is_begun:
        missing = key if certificate.exists() else certificate
        raise GuardError(missing, "is missing beside its other half", "put it back, or remove both and all it signed")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Strongroom authority {name}")])
    if certificate.exists():
        held = _read(certificate)
        if held.not_valid_after_utc <= now:
            raise GuardError(certificate, "has ended", "remove it with its key; new ones are made")
        if _has(held, x509.SubjectKeyIdentifier) and held.not_valid_before_utc <= now:
            return False
        subject = held.subject
    is_there = is_begun or certificate.exists()
    private = _read_key(key) if is_there else ec.generate_private_key(ec.SECP256R1())
    signed = (
        _begin(subject, subject, private, now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .sign(private, hashes.SHA256())
    )
    write_text(key, _encode(private))
    write_text(certificate, signed.public_bytes(serialization.Encoding.PEM).decode(), mode=0o644)
    return True


def issue(folder: Path, name: str, hosts: Sequence[str], now: datetime, *, renew: bool = False) -> bool:
    """Make ``<name>.crt`` and ``.key`` for these host names and addresses; tell whether they were made.

    One that is there stays, unless it ends soon, is for other hosts, or ``renew`` asks for it. The key is readable
    by everybody who may enter the folder: a container's user is another one than ours. Raises GuardError for one
    that another authority signed.
    """
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    authority = _read(folder / f"{AUTHORITY}.crt")
    if certificate.exists() and key.exists() and not renew:
        held = _read(certificate)
        _refuse_foreign(certificate, held, authority)
        is_due = held.not_valid_after_utc <= now + timedelta(days=DUE_DAYS) or held.not_valid_before_utc > now
        is_due |= not _has(held, x509.AuthorityKeyIdentifier)
        if not is_due and set(_hosts_of(held)) == set(hosts) and held.public_key() == _read_key(key).public_key():
            return False
    signer = _read_key(folder / f"{AUTHORITY}.key")
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signed = (
        _begin(subject, authority.subject, private, now, _SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName([_name_host(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    write_text(key, _encode(private), mode=0o644)
    write_text(certificate, signed.public_bytes(serialization.Encoding.PEM).decode(), mode=0o644)
    return True


def _has(certificate: x509.Certificate, extension: type[x509.ExtensionType]) -> bool:
    return any(isinstance(one.value, extension) for one in certificate.extensions)


def days_left(certificate: Path, now: datetime) -> int:
    """Return for how many whole days a certificate holds; negative once it has ended."""
    return (_read(certificate).not_valid_after_utc - now).days


def _read(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise GuardError(file, "is no certificate", "remove it with its key; new ones are made") from error


def _read_key(file: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise GuardError(file, "is no key", "put back the one that was made here") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise GuardError(file, "is no key of ours", "put back the one that was made here")
    return key


def _refuse_foreign(file: Path, held: x509.Certificate, authority: x509.Certificate) -> None:
    try:
        held.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        fact = "was not signed by the authority beside it"
        raise GuardError(file, fact, "./inv tls.init --renew issues one that is") from error


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name_host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts_of(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def _encode(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()
