"""The stack's own authority: what it signs, what it makes again, and what it refuses."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from strongroom.containers.certificates import days_left, init_authority, issue
from strongroom.core.errors import GuardError

NOW = datetime.now(UTC).replace(microsecond=0)
HOSTS = ("server", "localhost", "127.0.0.1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_authority(tmp_path, NOW)
    return tmp_path


def shake_hands(folder: Path, name: str, host: str, client: ssl.SSLContext | None = None) -> str:
    """Let a server with the certificate and a client that verifies everything meet."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    client = client or ssl.create_default_context(cafile=str(folder / "ca.crt"))
    one, two = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(one, server_side=True).close()
        except OSError:
            one.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        with client.wrap_socket(two, server_hostname=host) as wrapped:
            return str(wrapped.version())
    finally:
        thread.join(timeout=10)


def test_a_server_is_believed_under_its_names_only(folder: Path) -> None:
    assert issue(folder, "server", HOSTS, NOW)
    for host in HOSTS:
        assert shake_hands(folder, "server", host) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(folder, "server", "other.example")
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600


def test_what_holds_is_left_alone(folder: Path) -> None:
    assert not init_authority(folder, NOW)
    assert issue(folder, "server", HOSTS, NOW)
    before = (folder / "server.crt").read_bytes()
    assert not issue(folder, "server", HOSTS, NOW + timedelta(days=60))
    assert (folder / "server.crt").read_bytes() == before
    assert days_left(folder / "server.crt", NOW) == 90


@pytest.mark.parametrize("why", ["ends soon", "other hosts", "asked for", "another key"])
def test_what_does_not_hold_is_issued_again(folder: Path, why: str) -> None:
    issue(folder, "server", HOSTS, NOW)
    if why == "another key":  # as when a first issue was cut off between its two files
        issue(folder, "other", HOSTS, NOW)
        (folder / "server.key").write_bytes((folder / "other.key").read_bytes())
    now = NOW + timedelta(days=80) if why == "ends soon" else NOW
    hosts = ("more", *HOSTS) if why == "other hosts" else HOSTS
    assert issue(folder, "server", hosts, now, renew=why == "asked for")
    assert days_left(folder / "server.crt", now) == 90
    if now == NOW:
        assert shake_hands(folder, "server", "localhost") == "TLSv1.3"


def test_a_foreign_certificate_is_refused_and_kept(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    init_authority(other, NOW)
    issue(other, "server", HOSTS, NOW)
    for name in ("server.crt", "server.key"):
        (folder / name).write_bytes((other / name).read_bytes())
    with pytest.raises(GuardError, match="not signed by the authority beside it"):
        issue(folder, "server", HOSTS, NOW)
    assert (folder / "server.crt").read_bytes() == (other / "server.crt").read_bytes()
    assert issue(folder, "server", HOSTS, NOW, renew=True)


def test_an_authority_whose_making_was_killed_between_key_and_certificate_is_finished(folder: Path) -> None:
    key = (folder / "ca.key").read_bytes()
    for certificate in folder.glob("*.crt"):
        certificate.unlink()
    assert init_authority(folder, NOW)
    assert (folder / "ca.key").read_bytes() == key
    assert issue(folder, "server", HOSTS, NOW, renew=True)


def test_half_an_authority_and_one_that_has_ended_are_refused(folder: Path) -> None:
    with pytest.raises(GuardError, match="has ended"):
        init_authority(folder, NOW + timedelta(days=3651))
    issue(folder, "server", HOSTS, NOW)
    (folder / "ca.crt").unlink()
    with pytest.raises(GuardError, match="is missing beside its other half"):
        init_authority(folder, NOW)


def test_what_is_no_certificate_is_said(folder: Path) -> None:
    issue(folder, "server", HOSTS, NOW)
    (folder / "server.crt").write_text("not one")
    with pytest.raises(GuardError, match="is no certificate"):
        issue(folder, "server", HOSTS, NOW)


def test_the_strictest_clients_believe_a_server(folder: Path) -> None:
    """As Python from 3.13 on does by default (ssl.VERIFY_X509_STRICT), and openssl when it is asked to."""
    issue(folder, "server", HOSTS, NOW)
    client = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    for host in HOSTS:
        assert shake_hands(folder, "server", host, client) == "TLSv1.3"
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost"]
    ended = subprocess.run(
        [*command, "-CAfile", folder / "ca.crt", folder / "server.crt"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, f"{folder}/server.crt: OK\n"), ended.stderr


def test_an_authority_without_a_key_identifier_is_signed_again_and_its_servers_are_issued_anew(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    write_without_identifiers(tmp_path / "old")
    before = (tmp_path / "old" / "ca.key").read_bytes()
    assert init_authority(tmp_path / "old", NOW)
    assert not init_authority(tmp_path / "old", NOW)
    assert issue(tmp_path / "old", "server", HOSTS, NOW)
    assert not issue(tmp_path / "old", "server", HOSTS, NOW)
    assert (tmp_path / "old" / "ca.key").read_bytes() == before
    assert shake_hands(tmp_path / "old", "server", "localhost") == "TLSv1.3"


def write_without_identifiers(folder: Path) -> None:
    """Make an authority and a server as earlier versions did."""
    private, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old")])
    for file, is_authority in (("ca", True), ("server", False)):
        begun = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=80))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS[:2]]), critical=False)
        )  # fmt: skip
        (folder / f"{file}.crt").write_bytes(begun.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM))
        key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{file}.key").write_bytes(key)


def test_stacks_have_authorities_of_different_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        init_authority(tmp_path / name, NOW, name)
    subjects = {
        x509.load_pem_x509_certificate((tmp_path / name / "ca.crt").read_bytes()).subject.rfc4514_string()
        for name in ("one", "two")
    }
    assert subjects == {"CN=Strongroom authority one", "CN=Strongroom authority two"}


@pytest.mark.parametrize("ahead", [timedelta(hours=23), timedelta(days=400)])
def test_certificates_that_were_made_under_a_clock_ahead_hold_or_are_made_anew(
    tmp_path: Path, ahead: timedelta
) -> None:
    init_authority(tmp_path, NOW + ahead)
    issue(tmp_path, "postgres", ("localhost",), NOW + ahead)
    before = (tmp_path / "ca.crt").read_bytes()
    made = init_authority(tmp_path, NOW), issue(tmp_path, "postgres", ("localhost",), NOW)
    assert made == (ahead.days > 1, ahead.days > 1)
    assert ((tmp_path / "ca.crt").read_bytes() == before) == (ahead.days <= 1)
    for name in ("ca", "postgres"):
        held = x509.load_pem_x509_certificate((tmp_path / f"{name}.crt").read_bytes())
        assert held.not_valid_before_utc <= NOW < held.not_valid_after_utc
