"""A small test authority that also makes what no authority should: ended, weak, misnamed certificates."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

DAY = timedelta(days=1)
_SIGNS = x509.KeyUsage(
    digital_signature=False, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate, its key, and who is to be sent along."""

    certificate: x509.Certificate
    key: Any
    along: tuple[x509.Certificate, ...] = field(default=())

    def write(self, folder: Path, name: str, mode: int = 0o600) -> tuple[Path, Path]:
        """Write the certificate, with those that go along, and the key."""
        files = folder / f"{name}.crt", folder / f"{name}.key"
        files[0].write_bytes(b"".join(pem(one) for one in (self.certificate, *self.along)))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        files[1].touch(mode=mode)
        files[1].write_bytes(self.key.private_bytes(serialization.Encoding.PEM, *form))
        files[1].chmod(mode)
        return files


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def make(
    name: str, signer: Pair | None = None, *, hosts: Sequence[str] = (), begins: timedelta = -DAY,
    ends: timedelta = 90 * DAY, is_authority: bool = False, bits: int | None = None, owner: str = "",
    uses: ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH, path_length: int | None = None,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (), sends_signer: bool = False,
    is_strict: bool = True,
) -> Pair:  # fmt: skip
    """Make a certificate that its signer, or its own key, signed."""
    now = datetime.now(UTC)
    key: Any = ec.generate_private_key(ec.SECP256R1()) if bits is None else rsa.generate_private_key(65537, bits)
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    names += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, owner)] if owner else []
    subject = x509.Name(names)
    signing = signer.key if signer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
    if is_authority and is_strict:
        builder = builder.add_extension(_SIGNS, critical=True)
    if not is_authority and uses is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([uses]), critical=False)
    for extension, is_critical in more:
        builder = builder.add_extension(extension, critical=is_critical)
    along = (signer.certificate, *signer.along) if signer and sends_signer else ()
    return Pair(certificate=builder.sign(signing, hashes.SHA256()), key=key, along=along)


def sign_with_sha1(pair: Pair, signer: Pair, hosts: Sequence[str], folder: Path) -> Pair:
    """Let OpenSSL sign a key's certificate with what the library refuses to sign with."""
    pair.write(folder, "weak")
    signer.write(folder, "signer")
    (folder / "weak.cnf").write_text(f"subjectAltName={','.join(f'DNS:{host}' for host in hosts)}\n")
    for line in (
        "req -new -key weak.key -subj /CN=server -out weak.csr",
        "x509 -req -in weak.csr -sha1 -CA signer.crt -CAkey signer.key -set_serial 7 -extfile weak.cnf -out weak.crt",
    ):
        subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True, timeout=30)
    return Pair(certificate=x509.load_pem_x509_certificate((folder / "weak.crt").read_bytes()), key=pair.key)


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
