"""``tls.doctor`` on servers that are set up wrong, each in its own way: every one is named, and a sound one is not."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.integration.transit.authority import DAY, UNKNOWN, Pair, make, sign_with_sha1
from tests.integration.transit.scene import Said, Scene
from tests.integration.transit.servers import (
    Speak,
    find_port,
    hang_up,
    make_context,
    serving,
    speak_http,
    speak_postgres,
    speak_redis_openly,
    speak_tls,
)

HOSTS = ("localhost", "127.0.0.1")
Look: TypeAlias = Callable[["Case"], Said]


class Case:
    """What a case works with."""

    def __init__(self, scene: Scene, root: Pair, ca_file: Path) -> None:
        self.scene, self.root, self.ca_file, self.folder = scene, root, ca_file, scene.folder

    def postgres(
        self, pair: Pair, *, dsn: str = "", ca_file: Path | None = None, speak: Speak = speak_postgres, **ways: object
    ) -> Said:
        """Look at what speaks as PostgreSQL does, and shows this certificate."""
        with serving(speak, make_context(pair, self.folder, **ways)) as port:  # type: ignore[arg-type]
            named = f"host=localhost port={port} sslmode=verify-full sslrootcert={ca_file or self.ca_file}"
            return self.scene.look_at_postgres(f"{named} {dsn}")

    def good(self, **changes: object) -> Pair:
        return make("server", self.root, **({"hosts": HOSTS} | changes))  # type: ignore[arg-type]

    def weak(self, dsn: str, **variables: str) -> Said:
        """Look by a string that lets too much through, at a server that is sound."""
        with serving(speak_postgres, make_context(self.good(), self.folder)) as port:
            ways = {"SSL_CERT_FILE": str(self.ca_file), **variables}  # the system's authorities are ours
            return self.scene.look_at_postgres(f"host=localhost port={port} {dsn}", **ways)

    def file(self, name: str, content: bytes = b"") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    @contextmanager
    def tls(self, pair: Pair, **ways: object) -> Iterator[int]:
        with serving(speak_tls, make_context(pair, self.folder, **ways)) as port:  # type: ignore[arg-type]
            yield port


def _service_file(case: Case) -> Said:
    services = case.file("services", f"[shop]\nsslmode=verify-ca\nsslrootcert={case.ca_file}\n".encode())
    return case.weak("service=shop", PGSERVICEFILE=str(services))


def _left_out(case: Case) -> Said:
    between = make("Between of Tests", case.root, is_authority=True, owner="Tests")
    return case.postgres(make("server", between, hosts=HOSTS))


def _unknown(case: Case) -> Said:
    other = make("Root of Others", is_authority=True)
    return case.postgres(make("server", other, hosts=HOSTS, sends_signer=True))


def _namesake(case: Case) -> Said:
    again = make("Root of Tests", is_authority=True, owner="Tests")
    return case.postgres(make("server", again, hosts=HOSTS))


def _authority_ended(case: Case) -> Said:
    ended = make("Root that was", is_authority=True, begins=-90 * DAY, ends=-2 * DAY)
    files = ended.write(case.folder, "ended")
    return case.postgres(make("server", ended, hosts=HOSTS), ca_file=files[0])


def _no_authority(case: Case) -> Said:
    between = make("Between", case.root)  # a server's certificate, which signs another one
    return case.postgres(make("server", between, hosts=HOSTS, sends_signer=True))


def _own_key(case: Case, mode: int = 0o600, *, is_other: bool = False) -> Said:
    mine = make("shop", case.root)
    files = mine.write(case.folder, "mine", mode)
    key = make("other", case.root).write(case.folder, "other")[1] if is_other else files[1]
    return case.postgres(case.good(), dsn=f"sslcert={files[0]} sslkey={key}")


def _redis(case: Case, query: str) -> Said:
    with case.tls(case.good()) as port:
        return case.scene.look_at_redis(f"rediss://localhost:{port}{query}", case.ca_file)


def _openly(case: Case) -> Said:
    with serving(speak_redis_openly) as port:
        return case.scene.look_at_redis(f"rediss://localhost:{port}", case.ca_file)


def _wants_ours(case: Case) -> Said:
    with case.tls(case.good(), wants=case.ca_file) as port:
        return case.scene.look_at_redis(f"rediss://localhost:{port}", case.ca_file)


def _vault(case: Case) -> Said:
    with case.tls(case.good(begins=-9 * DAY, ends=-2 * DAY)) as port:
        return case.scene.look_at_vault(f"https://localhost:{port}", case.ca_file)


def _bucket(case: Case) -> Said:
    with case.tls(case.good()) as port:
        return case.scene.look_at_bucket(f"https://localhost:{port}")  # by the system's authorities


def _key_log(case: Case) -> Said:
    with serving(speak_postgres, make_context(case.good(), case.folder)) as port:
        dsn = f"host=localhost port={port} sslrootcert={case.ca_file}"
        return case.scene.look_at_postgres(dsn, SSLKEYLOGFILE=str(case.folder / "keys.log"))


def _constrained(case: Case) -> Said:
    limits = x509.NameConstraints(permitted_subtrees=[x509.DNSName("example.org")], excluded_subtrees=None)
    narrow = make("Narrow", case.root, is_authority=True, more=[(limits, True)])
    return case.postgres(make("server", narrow, hosts=HOSTS, sends_signer=True))


def _too_deep(case: Case) -> Said:
    shallow = make("Shallow", case.root, is_authority=True, path_length=0)
    deep = make("Deep", shallow, is_authority=True, sends_signer=True)
    return case.postgres(make("server", deep, hosts=HOSTS, sends_signer=True))


def _unknown_host(case: Case) -> Said:
    return case.scene.look_at_postgres("host=nobody.invalid sslmode=disable")


OLD = {"oldest": ssl.TLSVersion.TLSv1, "newest": ssl.TLSVersion.TLSv1_1}
WRONG: dict[str, tuple[Look, int, str]] = {
    "sslmode=require": (lambda case: case.weak("sslmode=require"), 2, "sslmode=require .*lets anybody answer"),
    "PGSSLMODE=prefer": (lambda case: case.weak("", PGSSLMODE="prefer"), 2, "sslmode=prefer .*talks us out of it"),
    "sslmode=allow": (lambda case: case.weak("sslmode=allow"), 2, "sslmode=allow .*goes without TLS wherever"),
    "require with sslrootcert": (
        lambda case: case.weak(f"sslmode=require sslrootcert={case.ca_file}"),
        2,
        "with sslrootcert= lets every server answer",
    ),
    "verify-ca in a service file": (_service_file, 2, "sslmode=verify-ca .*whatever its name"),
    "disable to another machine": (_unknown_host, 2, "sslmode=disable to nobody.invalid goes without TLS"),
    "an address without a name": (
        lambda case: case.weak(f"hostaddr=127.0.0.1 host='' sslrootcert={case.ca_file}"),
        2,
        "names an address alone",
    ),
    "ended": (
        lambda case: case.postgres(case.good(begins=-9 * DAY, ends=-3 * DAY)),
        6,
        "its certificate ended 3 days ago",
    ),
    "not begun": (lambda case: case.postgres(case.good(begins=2 * DAY)), 6, "its certificate begins only on"),
    "ends soon": (lambda case: case.postgres(case.good(ends=5.5 * DAY)), 7, "its certificate ends in 5 days"),
    "another name": (
        lambda case: case.postgres(case.good(hosts=["db.internal", "10.0.0.7"])),
        6,
        "names db.internal, 10.0.0.7, and not the host localhost",
    ),
    "self-signed": (lambda case: case.postgres(make("server", hosts=HOSTS)), 6, "was signed by itself"),
    "unknown authority": (_unknown, 6, "its authority “Root of Others” is unknown"),
    "authority of the same name": (_namesake, 6, "another authority that is called “Root of Tests” too"),
    "intermediate left out": (_left_out, 6, "leaves out the intermediate certificate “Between of Tests”"),
    "authority ended": (_authority_ended, 6, "its authority “Root that was” ended 2 days ago"),
    "signed by no authority": (_no_authority, 6, "“Between” signed its certificate, and is no authority"),
    "TLS 1.1 only": (lambda case: case.postgres(case.good(), **OLD), 6, "speaks TLSv1.1, which is broken"),
    "TLS 1.1 too": (
        lambda case: case.postgres(case.good(), oldest=ssl.TLSVersion.TLSv1),
        6,
        "still takes protocols before TLSv1.2",
    ),
    "RSA 1024": (lambda case: case.postgres(case.good(bits=1024)), 6, "has a key of 1024 bits"),
    "SHA-1": (
        lambda case: case.postgres(sign_with_sha1(case.good(), case.root, ["localhost"], case.folder)),
        6,
        "was signed with SHA1",
    ),
    "for clients": (
        lambda case: case.postgres(case.good(uses=ExtendedKeyUsageOID.CLIENT_AUTH)),
        6,
        "is not for servers",
    ),
    "no subjectAltName": (lambda case: case.postgres(case.good(hosts=[])), 6, "names no host"),
    "no such file of authorities": (
        lambda case: case.postgres(case.good(), ca_file=case.folder / "none.crt"),
        2,
        "no such file",
    ),
    "a file without certificates": (
        lambda case: case.postgres(case.good(), ca_file=case.file("empty.crt")),
        2,
        "holds no certificate",
    ),
    "a file that is none": (lambda case: case.postgres(case.good(), ca_file=case.folder), 2, "is a directory"),
    "our key readable by others": (lambda case: _own_key(case, 0o644), 2, "may be read by others .mode 0644"),
    "our key of another certificate": (lambda case: _own_key(case, is_other=True), 2, "is not that of our certificate"),
    "no PostgreSQL": (lambda case: case.postgres(case.good(), speak=speak_http), 6, "does not answer as PostgreSQL"),
    "nobody there": (
        lambda case: case.scene.look_at_postgres(f"host=localhost port={find_port()}"),
        5,
        "connection refused",
    ),
    "hangs up": (lambda case: case.postgres(case.good(), speak=hang_up), 5, "does not answer when it is asked for TLS"),
    "ssl_cert_reqs=none": (lambda case: _redis(case, "?ssl_cert_reqs=none"), 2, "lets any certificate pass"),
    "ssl_check_hostname=false": (lambda case: _redis(case, "?ssl_check_hostname=false"), 2, "lets any server answer"),
    "redis:// to another machine": (
        lambda case: case.scene.look_at_redis("redis://nobody.invalid"),
        2,
        "has no TLS to nobody.invalid",
    ),
    "Redis without TLS": (_openly, 6, "does not agree on TLS with us"),
    "Redis asks for our certificate": (_wants_ours, 2, "asks for a certificate of ours"),
    "Vault's ended": (_vault, 6, "its certificate ended 2 days ago"),
    "S3 by the system's authorities": (_bucket, 6, "its authority “Root of Tests” is unknown: the system's list"),
    "keys written to a file": (_key_log, 2, "writes the keys of every connection into"),
}
UNFORESEEN: dict[str, tuple[Look, int, str]] = {
    "an authority for other names": (_constrained, 6, "permitted subtree violation"),
    "an authority below one that may have none": (_too_deep, 6, "path length constraint exceeded"),
    "an extension that nobody knows": (
        lambda case: case.postgres(case.good(more=[(UNKNOWN, True)])),
        6,
        "unhandled critical extension",
    ),
}
"""What nothing of ours was written for: it is refused, and named as OpenSSL names it."""


@pytest.fixture
def case(scene: Scene, root: Pair, ca_file: Path) -> Case:
    return Case(scene, root, ca_file)


@pytest.fixture(scope="module")
def table() -> Iterator[list[tuple[str, int, str]]]:
    """Print in the end what was set up, with which exit code it was found, and how it was named."""
    rows: list[tuple[str, int, str]] = []
    yield rows
    print(*(f"{name:<42} {code}  {said}" for name, code, said in rows), sep="\n")


@pytest.mark.parametrize("name", [*WRONG, *UNFORESEEN])
def test_what_is_wrong_is_named(name: str, case: Case, table: list[tuple[str, int, str]]) -> None:
    look, code, fact = (WRONG | UNFORESEEN)[name]
    said = look(case)
    table.append((name, said.code, said.text.splitlines()[0]))
    assert said.code == code, said.text
    grade = {2: "setting", 6: "wrong", 5: "unreachable", 7: "soon"}[code]
    named = [one for one in said.facts(grade) if re.search(fact, one)]
    assert len(named) == 1, said.text
    assert said.facts("ok") == [] or code == 2  # what the server shows may be sound, whatever we are told
    others = [one for one in said.findings if one["fact"] not in named and one["grade"] not in ("ok", "unreachable")]
    assert others == [], "something sound is called wrong"
    assert all(one["hint"] for one in said.findings if one["grade"] != "ok")
