"""What stands in certificates, and what is wrong with it; the parsing and the cryptography are the library's."""

from __future__ import annotations

import ipaddress
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from strongroom.examine.tls.finding import Complaint, Grade
from strongroom.examine.tls.server import Server

Extension = TypeVar("Extension", bound=x509.ExtensionType)
DER = serialization.Encoding.DER
SOON = timedelta(days=15)
_BLOCK = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----.+?-----END (?:TRUSTED )?CERTIFICATE-----", re.DOTALL)
_RSA_BITS, _CURVE_BITS = 2048, 224
_BROKEN = ("md5", "sha1")
_LONGEST = 100
_STRONGER = "have one issued with an RSA key of 2048 bits or more, or ECDSA P-256"


def read_chain(shown: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Read certificates (DER), the server's first. Raises ValueError for one that is none, or means nothing inside."""
    with _lenient():
        chain = tuple(x509.load_der_x509_certificate(one) for one in shown)
        try:
            for one in chain:
                _ = one.subject, one.issuer, one.extensions  # each is read when it is asked for
        except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
            raise ValueError(str(error)) from error
        return chain


def read_authorities(content: bytes) -> tuple[x509.Certificate, ...]:
    """Read the certificates of a file (PEM); what of it cannot be read is left out, as nobody relies on it."""
    found = list[x509.Certificate]()
    for block in _BLOCK.findall(content):
        with _lenient(), suppress(ValueError):
            found.append(x509.load_pem_x509_certificate(block))
    return tuple(found)


@contextmanager
def _lenient() -> Iterator[None]:
    """Read what is odd and still in use, as authorities of the system with the serial number 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def name(certificate: x509.Certificate | x509.Name) -> str:
    """Return what a certificate, or whoever signed it, calls itself, so that a terminal can show it."""
    subject = certificate.subject if isinstance(certificate, x509.Certificate) else certificate
    said = [str(one.value) for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] or [subject.rfc4514_string()]
    return "“" + make_printable(said[-1]) + "”"


def make_printable(text: str) -> str:
    """Return a text of somebody else's as one short line without what a terminal obeys."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"


def list_hosts(certificate: x509.Certificate) -> list[str]:
    """Return the names and addresses that a certificate is for."""
    names = _find(certificate, x509.SubjectAlternativeName)
    if names is None:
        return []
    known = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return [make_printable(one) for one in known]


def judge_dates(certificate: x509.Certificate, what: str, server: Server, now: datetime) -> Iterator[Complaint]:
    """Say whether a certificate has ended, ends soon, or has not begun."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends <= now:
        yield Complaint(Grade.WRONG, f"{what} ended {_count((now - ends).days)} ago ({ends:%Y-%m-%d})", server.renew)
    elif ends - now < SOON:
        yield Complaint(Grade.SOON, f"{what} ends in {_count((ends - now).days)} ({ends:%Y-%m-%d})", server.renew)
    if begins > now:
        hint = "set the clocks of both machines, or have it issued anew"
        yield Complaint(Grade.WRONG, f"{what} begins only on {begins:%Y-%m-%d %H:%M} UTC", hint)


def judge_strength(certificate: x509.Certificate, what: str) -> Iterator[Complaint]:
    """Say whether its key is short, or whoever signed it used what is broken."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        yield Complaint(Grade.WRONG, f"{what} has a key of a kind that nobody knows", _STRONGER)
        return
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey) and key.key_size < _RSA_BITS:
        yield Complaint(Grade.WRONG, f"{what} has a key of {key.key_size} bits, and 2048 is the least", _STRONGER)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < _CURVE_BITS:
        yield Complaint(Grade.WRONG, f"{what} has a key on the small curve {key.curve.name}", _STRONGER)
    hashed = _name_hash(certificate)
    if hashed in _BROKEN and not is_self_signed(certificate):  # nobody relies on what somebody says of himself
        yield Complaint(Grade.WRONG, f"{what} was signed with {hashed.upper()}, which is broken", _STRONGER)


def judge_use(leaf: x509.Certificate) -> Iterator[Complaint]:
    """Say whether a certificate is for something else than servers, or for no host."""
    uses = _find(leaf, x509.ExtendedKeyUsage)
    if uses is not None and not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(
        uses
    ):
        fact = "its certificate is not for servers (extendedKeyUsage lacks serverAuth)"
        yield Complaint(Grade.WRONG, fact, "have one issued for a server")
    if not list_hosts(leaf):
        fact = f"its certificate names no host: it has no subjectAltName, only the common name {name(leaf)}"
        yield Complaint(Grade.WRONG, fact, "have one issued with the host as subjectAltName")


def judge_host(leaf: x509.Certificate, host: str) -> Iterator[Complaint]:
    """Say which hosts a certificate names, where it is known not to name the one that is dialled."""
    named = list_hosts(leaf)
    if named:
        shown = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")  # noqa: PLR2004
        kind = "address" if _is_address(host) else "host"
        fact = f"its certificate names {shown}, and not the {kind} {make_printable(host)} that is dialled"
        yield Complaint(Grade.WRONG, fact, f"dial what it names, or have one issued that names {make_printable(host)}")


def judge_path(
    chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], where: str
) -> tuple[Complaint | None, tuple[x509.Certificate, ...]]:
    """Follow who signed whom to an authority; return what is missing there, and the certificates on the way.

    For the words only: whether a chain holds was decided by OpenSSL. ``where`` says whose authorities these are.
    """
    path = [chain[0]]
    while len(path) <= len(chain):
        last = path[-1]
        if last in authorities:
            return None, tuple(path)
        above = next((one for one in authorities if has_signed(one, last)), None)
        if above is not None:
            return None, (*path, above)
        sent = next((one for one in chain[1:] if one not in path and has_signed(one, last)), None)
        if sent is None:
            break
        path.append(sent)
    return _explain_end(path, authorities, where), tuple(path)


def _explain_end(path: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], where: str) -> Complaint:
    last, signer = path[-1], name(path[-1].issuer)
    if is_self_signed(last):
        if len(path) == 1:
            fact = f"its certificate was signed by itself, and {where} does not hold it"
            return Complaint(Grade.WRONG, fact, "have one issued by an authority, and name that authority's file")
        fact = f"its authority {signer} is unknown: {where} does not hold it"
        return Complaint(Grade.WRONG, fact, "name the file of its authority, or find out who answers there")
    if any(one.subject == last.issuer for one in authorities):
        fact = f"its certificate was signed by another authority that is called {signer} too"
        return Complaint(
            Grade.WRONG, fact, "bring the file of the authority that signed it: it may have been made anew"
        )
    if _seems_intermediate(last, authorities):
        fact = f"it leaves out the intermediate certificate {signer}"
        return Complaint(Grade.WRONG, fact, "put it behind the server's own in the file that the server reads")
    fact = f"its authority {signer} is unknown: {where} does not hold it, and the server sends nothing of who signed it"
    return Complaint(Grade.WRONG, fact, "name the file of its authority; an intermediate is the server's to send")


def _seems_intermediate(last: x509.Certificate, authorities: Sequence[x509.Certificate]) -> bool:
    """Guess whether who is missing stands below a known authority: of its organisation, or to be fetched (public)."""
    access = _find(last, x509.AuthorityInformationAccess)
    if access is not None and any(one.access_method == AuthorityInformationAccessOID.CA_ISSUERS for one in access):
        return True
    owners = {str(one.value) for one in last.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)}
    known = {
        str(one.value)
        for authority in authorities
        for one in authority.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    }
    return bool(owners & known)


def judge_signers(path: Sequence[x509.Certificate]) -> Iterator[Complaint]:
    """Say which of those that signed another certificate may not."""
    for signer in path[1:]:
        limits = _find(signer, x509.BasicConstraints)
        if limits is None or not limits.ca:
            fact = f"{name(signer)} signed its certificate, and is no authority (basicConstraints)"
            yield Complaint(Grade.WRONG, fact, "have one issued by an authority")


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate was signed with its own key."""
    return has_signed(certificate, certificate)


def has_signed(signer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Tell whether one signed the other: of what the library does not compute any more, by the ids of the keys."""
    if _name_hash(certificate) in _BROKEN:
        own, named = _find(signer, x509.SubjectKeyIdentifier), _find(certificate, x509.AuthorityKeyIdentifier)
        is_same = own is None or named is None or own.digest == named.key_identifier
        return certificate.issuer == signer.subject and is_same
    try:
        certificate.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _find(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):  # the latter for extensions that cannot be read
        return None


def _name_hash(certificate: x509.Certificate) -> str:
    try:
        used = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return "" if used is None else used.name


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _count(days: int) -> str:
    return "less than a day" if days == 0 else "1 day" if days == 1 else f"{days} days"
