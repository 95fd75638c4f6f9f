"""What a connection string lets through is refused before anything is sent, in one line that says what to write."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.errors import ConfigurationError
from strongroom.core.transit import is_this_machine
from strongroom.postgres import connection
from strongroom.postgres.dsn import find_weakness, list_endpoints, read_access, read_parameters

CANARY = "canary-9b1d"
WEAK = ("disable", "allow", "prefer", "require", "verify-ca", "verify_full", "")
DEVELOPMENT = {"STRONGROOM_DEVELOPMENT": "1"}


def refuse(dsn: str, environment: dict[str, str] | None = None) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        read_access(dsn, "SHOP_URL", environment or {})
    said = f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
    assert CANARY not in said
    assert "\n" not in said
    return caught.value


@pytest.mark.parametrize("mode", WEAK)
@pytest.mark.parametrize(
    "place", ["host=db.example", "hostaddr=192.0.2.1", "host=/run,db.example", "host=a,b port=1,2"]
)
def test_a_way_that_verifies_too_little_is_refused_wherever_its_mode_is_said(
    mode: str, place: str, tmp_path: Path
) -> None:
    said = refuse(f"{place} password={CANARY} sslmode='{mode}'")
    assert (said.exit_code, said.subject) == (2, "SHOP_URL")
    assert said.fact.startswith(f"sslmode={mode} to ")
    assert "write sslmode=verify-full, and sslrootcert=FILE" in said.hint
    assert "--development" in said.hint
    services = tmp_path / "services"
    services.write_text(f"[shop]\nsslmode={mode}\n")
    refuse(f"{place} service=shop", {"PGSERVICEFILE": str(services)})
    if mode:
        refuse(place, {"PGSSLMODE": mode})
        refuse(f"{place} sslrootcert=/ca.crt", {"PGSSLMODE": mode})


def test_each_mode_says_what_it_lets_through() -> None:
    facts = {mode: refuse(f"host=db.example sslmode={mode}").fact for mode in WEAK[:5]}
    assert "goes without TLS, so everybody on the way reads" in facts["disable"]
    assert "goes without TLS wherever the server lets it" in facts["allow"]
    assert "talks us out of it" in facts["prefer"]
    assert "encrypts, and lets anybody answer" in facts["require"]
    assert "lets every server answer that has a certificate of that authority" in facts["verify-ca"]
    assert "with sslrootcert= lets every server answer" in refuse("host=x sslmode=require sslrootcert=/ca").fact
    assert "takes protocols that are broken" in refuse("host=x ssl_min_protocol_version=TLSv1").fact
    assert "means nothing" in refuse("host=x sslmode=verify_full").fact


@pytest.mark.parametrize("mode", WEAK)
def test_a_socket_of_this_machine_is_no_network(mode: str) -> None:
    for place in ("", "host=/run/postgresql", "host=@abstract", "host=/one,/two"):
        assert not any(one.dialled.strip("/") == "db" for one in list_endpoints(read_parameters(place, "x", {})))
        read_access(f"{place} sslmode='{mode}'", "x", {})
    refuse(f"host=/run sslmode='{mode}'", {"PGHOSTADDR": "192.0.2.1"})  # libpq goes there all the same


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "LOCALHOST"])
def test_loopback_may_go_openly_without_tls_and_promises_nothing_that_it_does_not_keep(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_access(f"host={host} sslmode=disable", "x", {}).parameters["sslmode"] == "disable"
    assert caplog.messages == []
    for mode in set(WEAK) - {"disable"}:
        refuse(f"host={host} sslmode='{mode}'")
    refuse(f"host={host},db.example sslmode=disable")
    refuse(f"host={host} hostaddr=192.0.2.1 sslmode=disable")  # an address counts before a name
    assert read_access(f"host=db.example hostaddr={'127.0.0.1'} sslmode=disable", "x", {})
    assert read_access(f"host={host}", "x", {}).parameters["sslmode"] == "verify-full"


def test_for_development_each_passes_with_one_line_that_says_so(caplog: pytest.LogCaptureFixture) -> None:
    access = read_access(f"postgresql://u:{CANARY}@db.example/x?sslmode=require", "SHOP_URL", DEVELOPMENT)
    assert access.parameters["sslmode"] == "require"
    (line,) = caplog.messages
    assert line == (
        "SHOP_URL: sslmode=require to db.example encrypts, and lets anybody answer (let pass for development)"
    )
    read_access("postgresql://u@db.example/x", "SHOP_URL", DEVELOPMENT)
    assert len(caplog.messages) == 1
    with pytest.raises(ConfigurationError, match="STRONGROOM_DEVELOPMENT: must be 1 or 0"):
        read_access("host=x sslmode=require", "SHOP_URL", {"STRONGROOM_DEVELOPMENT": "maybe"})


def test_what_verifies_all_passes() -> None:
    for dsn in ("host=db.example", "host=a,b", "host=x sslmode=verify-full sslrootcert=/ca", "hostaddr=192.0.2.1"):
        assert read_access(dsn, "x", {}).parameters["sslmode"] == "verify-full"


def test_several_hosts_have_each_their_port_and_address() -> None:
    parameters = {"host": "a,/run,", "hostaddr": ",,192.0.2.9", "port": "1,2,3"}
    found = [(one.name, one.dialled, one.port, one.is_socket) for one in list_endpoints(parameters)]
    assert found == [("a", "a", "1", False), ("/run", "/run", "2", True), ("", "192.0.2.9", "3", False)]
    assert [one.port for one in list_endpoints({"host": "a,b", "port": "7"})] == ["7", "7"]
    assert [one.port for one in list_endpoints({"host": "a,b"})] == ["5432", "5432"]


@given(
    st.lists(st.sampled_from(["db.example", "/run", "127.0.0.1", "localhost", ""]), min_size=1, max_size=3),
    st.sampled_from(["verify-full", *WEAK[:5]]),
)
def test_whatever_is_named_nothing_weak_passes_to_another_machine(hosts: list[str], mode: str) -> None:
    parameters = {"host": ",".join(hosts), "sslmode": mode}
    leaves = any(not one.is_socket and not is_this_machine(one.dialled) for one in list_endpoints(parameters))
    if leaves and mode != "verify-full":
        assert find_weakness(parameters) is not None
    if mode == "verify-full":
        assert find_weakness(parameters) is None


def test_the_systems_authorities_are_named_by_their_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The driver's OpenSSL looks for them in a folder of whoever built it, where there are none."""
    authorities = tmp_path / "authorities.pem"
    authorities.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    access = read_access("host=db.example", "x", {})
    assert access.parameters["sslrootcert"] == "system"
    assert connection._name_authorities(access.parameters)["sslrootcert"] == str(authorities)
    monkeypatch.delenv("SSL_CERT_FILE")
    usual = ssl.get_default_verify_paths().cafile
    assert connection._name_authorities(access.parameters)["sslrootcert"] == (usual or "system")
    assert connection._name_authorities({"sslrootcert": "/ca"}) == {"sslrootcert": "/ca"}
