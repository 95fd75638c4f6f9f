"""Look at a server as it is named: the setting, what it shows, and whether our tasks would take it for who it is."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from strongroom.core.errors import UnreachableError
from strongroom.examine.tls import certificates, handshake
from strongroom.examine.tls.files import find_system_authorities, judge_authorities, judge_own_certificate
from strongroom.examine.tls.finding import Complaint, Finding, Grade
from strongroom.examine.tls.handshake import NoTlsError, Shown
from strongroom.examine.tls.server import Kind, Server

_TRUST, _CLEAR, _MD5, _SASL = 0, 3, 5, 10
_BINDING = "-PLUS"
_OLD = ("SSLv3", "TLSv1", "TLSv1.1")
_NEWER = "let it take TLSv1.2 and newer only"
_OPENLY = {
    Kind.POSTGRES: "let pg_hba.conf have hostssl lines only (RDS: rds.force_ssl=1)",
    Kind.REDIS: "set port 0, so that only tls-port is open",
}


def examine_server(server: Server, now: datetime) -> tuple[Finding, ...]:
    """Say everything that is wrong with a way to a server, or in one line that all is well."""
    found = [*server.complaints, *judge_own_certificate(server, now)]
    if server.local:
        found += [] if found else [Complaint(Grade.OK, server.local)]
    else:
        try:
            found += _examine(server, now)
        except UnreachableError as error:
            found.append(_explain_silence(server, error))
    return tuple(make_finding(server, one) for one in found)


def make_finding(server: Server, complaint: Complaint) -> Finding:
    """Say of which server something is said."""
    return Finding(
        grade=complaint.grade,
        server=server.kind,
        place=server.place,
        named_by=server.named_by,
        fact=complaint.fact,
        hint=complaint.hint,
    )


def _examine(server: Server, now: datetime) -> list[Complaint]:
    """Look at what answers. Raises UnreachableError."""
    wrong, authorities = (None, ()) if server.authority is None else judge_authorities(server.authority)
    found = [] if wrong is None else [wrong]
    try:
        shown = handshake.look(server)
    except NoTlsError as error:
        return [*found, Complaint(Grade.WRONG, str(error), "let it serve TLS, or dial the port at which it does")]
    if not shown.chain:
        return [*found, Complaint(Grade.WRONG, "shows no certificate", "let it serve one")]
    try:
        chain = certificates.read_chain(shown.chain)
    except ValueError:
        return [*found, Complaint(Grade.WRONG, "shows a certificate that cannot be read", "have one issued anew")]
    found += _judge_openness(server)
    found += _judge_file(server, shown)
    seen = [*_judge_protocol(server, shown), *certificates.judge_use(chain[0])]
    verified = None if server.authority is not None and not authorities else _try_to_verify(server)
    if isinstance(verified, Shown):
        found += [*seen, *_judge_path(server, certificates.read_chain(verified.chain), now)]
        found += _judge_login(server, verified)
        found += _judge_strictly(server)
        return [*found, *([] if _has_trouble(found) else [_praise(verified, now)])]
    seen += _explain_refusal(server, chain, authorities, now)
    if verified is not None and not _has_trouble(seen):
        seen.append(_repeat(verified))
    return [*found, *seen]


def _try_to_verify(server: Server) -> Shown | ssl.SSLError | None:
    """Connect as our tasks do; None where what we would show ourselves cannot be used, which was said before."""
    try:
        context = handshake.make_verifying(server, _name_authorities(server))
    except (OSError, ValueError):
        return None
    try:
        return handshake.verify(server, context)
    except ssl.SSLError as error:
        return error


def _name_authorities(server: Server) -> str | None:
    return find_system_authorities() if server.authority is None else str(server.authority)


def _judge_strictly(server: Server) -> Iterator[Complaint]:
    said = handshake.find_strict_refusal(server, _name_authorities(server))
    if said:
        fact = f"is refused by stricter clients (Python 3.13 and newer): {certificates.make_printable(said.lower())}"
        yield Complaint(Grade.NOTE, fact, "have the certificate, or its authority, issued anew before they come")


def _judge_protocol(server: Server, shown: Shown) -> Iterator[Complaint]:
    if shown.version in _OLD:
        yield Complaint(Grade.WRONG, f"speaks {shown.version}, which is broken, and nothing newer", _NEWER)
    elif handshake.takes_old_protocols(server):
        yield Complaint(Grade.WRONG, f"speaks {shown.version}, and still takes protocols before TLSv1.2", _NEWER)


def _judge_openness(server: Server) -> Iterator[Complaint]:
    if handshake.answers_openly(server):
        where = f" at port {server.plain_port}" if server.plain_port is not None else ""
        fact = f"also goes on without TLS{where}, so whoever asks for less sends it in the clear"
        yield Complaint(Grade.WRONG, fact, _OPENLY[server.kind])


def _judge_file(server: Server, shown: Shown) -> Iterator[Complaint]:
    """Compare what is served with the file that should be."""
    if server.expected is None:
        return
    held = ssl.PEM_cert_to_DER_cert(server.expected.read_text(encoding="ascii"))
    if held != shown.chain[0]:
        fact = f"serves another certificate than the one in {server.expected}"
        yield Complaint(Grade.SOON, fact, "./inv stack.up hands it over, without a restart where the server can")


def _judge_path(server: Server, path: Sequence[x509.Certificate], now: datetime) -> Iterator[Complaint]:
    """Judge dates and strength of each certificate on the way from the server to its authority."""
    for place, certificate in enumerate(path):
        named = certificates.name(certificate)
        what = "its certificate" if place == 0 else f"its authority {named}"
        yield from certificates.judge_dates(certificate, what, server, now)
        yield from certificates.judge_strength(certificate, what)
    yield from certificates.judge_signers(path)


def _explain_refusal(
    server: Server, chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], now: datetime
) -> Iterator[Complaint]:
    """Say all that we see for which a certificate is not taken."""
    known, where = authorities, str(server.authority)
    if server.authority is None:
        known, where = _read_system(), "the system's list of authorities"
    path = tuple(chain[:1])
    if known:
        missing, path = certificates.judge_path(chain, known, where)
        yield from [] if missing is None else [missing]
    yield from _judge_path(server, path, now)
    if not handshake.is_named(server, chain[0].public_bytes(certificates.DER)):
        yield from certificates.judge_host(chain[0], server.host)


def _repeat(refusal: ssl.SSLError) -> Complaint:
    """Say what OpenSSL said of what nobody here knows."""
    said = getattr(refusal, "verify_message", "") or (refusal.reason or str(refusal)).replace("_", " ").lower()
    fact = f"is not taken for who it should be: {certificates.make_printable(str(said))}"
    return Complaint(Grade.WRONG, fact, "have its certificate issued anew")


def _read_system() -> tuple[x509.Certificate, ...]:
    file = find_system_authorities()
    return () if file is None else judge_authorities(Path(file))[1]


def _judge_login(server: Server, verified: Shown) -> Iterator[Complaint]:
    if verified.wants_certificate:
        yield Complaint(Grade.SETTING, "asks for a certificate of ours, and none is named", "name one with its key")
    asked = verified.authentication
    if asked is None:
        return
    if asked.refusal and server.user:
        fact = f"refuses this user before it asks for a password: {certificates.make_printable(asked.refusal)}"
        yield Complaint(Grade.NOTE, fact, "see pg_hba.conf, and whether it wants a certificate (sslcert=)")
    if asked.code == _TRUST and server.certificate is None:
        fact = "lets this user in without a password"
        yield Complaint(Grade.NOTE, fact, "let pg_hba.conf ask for scram-sha-256")
    if asked.code in (_CLEAR, _MD5):
        how = "in the clear inside TLS" if asked.code == _CLEAR else "by MD5"
        yield Complaint(Grade.NOTE, f"takes the password {how}", "let pg_hba.conf ask for scram-sha-256")


def _praise(verified: Shown, now: datetime) -> Complaint:
    """Say that all is well, and for how long."""
    path = certificates.read_chain(verified.chain)
    ends = min(one.not_valid_after_utc for one in path)
    words = [verified.version, f"signed by {certificates.name(path[-1])}", f"holds for {(ends - now).days} days"]
    asked = verified.authentication
    if asked is not None and asked.code == _SASL:
        is_bound = any(one.endswith(_BINDING) for one in asked.mechanisms)
        words.append("SCRAM with channel binding" if is_bound else "SCRAM")
    return Complaint(Grade.OK, ", ".join(words))


def _has_trouble(found: Sequence[Complaint]) -> bool:
    return any(one.grade not in (Grade.OK, Grade.NOTE) for one in found)


def _explain_silence(server: Server, error: UnreachableError) -> Complaint:
    if server.may_be_off:
        return Complaint(Grade.NOTE, "does not run", "./inv stack.up --profile keys --profile storage starts it")
    return Complaint(Grade.UNREACHABLE, error.fact, "see that it runs, and can be reached from here")
