"""Addresses are read strictly: no way that verifies too little passes, and no password stands in an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.core.errors import ConfigurationError
from strongroom.core.secret import Secret
from strongroom.redis.address import find_address, find_weaknesses, parse_address, read_address

CANARY = "canary-3d7e"


def test_an_address_says_where_as_whom_and_whose_certificate() -> None:
    address = read_address(
        f"rediss://me%40x:{CANARY}%3A%2F@cache.example:7000/3?ssl_ca_certs=/ca.crt", "SHOP_REDIS", {}
    )
    assert (address.host, address.port, address.user, address.ca_file) == (
        "cache.example", 7000, "me@x", Path("/ca.crt"),
    )  # fmt: skip
    assert address.password is not None
    assert address.password.reveal() == f"{CANARY}:/"
    assert address.place == "cache.example:7000"
    assert CANARY not in repr(address)


def test_what_an_address_does_not_say_is_taken_from_beside_it() -> None:
    password = Secret("beside")
    address = read_address("rediss://cache.example", "X", {}, password=password, ca_file=Path("/other.crt"))
    assert (address.port, address.user, address.password, address.ca_file) == (
        6379, None, password, Path("/other.crt"),
    )  # fmt: skip
    said = read_address("rediss://:own@cache.example", "X", {}, password=password).password
    assert said is not None
    assert said.reveal() == "own"
    assert read_address("rediss://[::1]:7000?ssl_certfile=/c&ssl_keyfile=/k", "X", {}).certificate == (
        Path("/c"),
        Path("/k"),
    )


def test_a_socket_of_this_machine_needs_no_tls() -> None:
    address = read_address("unix:///run/redis%20one.sock?db=2", "X", {})
    assert address.socket == Path("/run/redis one.sock")
    assert address.place == "/run/redis one.sock"


@pytest.mark.parametrize(
    "text",
    [
        f"redis://:{CANARY}@cache.example",
        f"redis://:{CANARY}@10.0.0.7",
        f"redis://:{CANARY}@localhost.example",
        f"rediss://:{CANARY}@cache.example?ssl_cert_reqs=none",
        f"rediss://:{CANARY}@cache.example?ssl_cert_reqs=optional",
        f"rediss://:{CANARY}@cache.example?SSL_CERT_REQS=None",
        f"rediss://:{CANARY}@cache.example?ssl_check_hostname=false",
        f"rediss://:{CANARY}@cache.example?ssl_check_hostname=0",
        f"http://:{CANARY}@cache.example",
        f"rediss://:{CANARY}@cache.example:port",
        f"rediss://:{CANARY}@cache.example:0",
        f"rediss://:{CANARY}@[cache",
        f"{CANARY}",
        "unix://",
        "",
    ],
)
def test_what_verifies_too_little_or_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_address(text, "SHOP_REDIS", {})
    said = f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
    assert CANARY not in said
    assert said.startswith("SHOP_REDIS")


def test_the_first_variable_that_is_set_names_the_server() -> None:
    environment = {"ONE": "", "TWO": "unix:///two", "THREE": "unix:///three"}
    assert find_address(["ONE", "TWO", "THREE"], environment).origin == "TWO"
    with pytest.raises(ConfigurationError, match="named nowhere") as caught:
        find_address(["ONE"], environment)
    assert "ONE" in caught.value.hint


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_what_stays_on_this_machine_may_go_openly(host: str) -> None:
    assert not read_address(f"redis://:{CANARY}@{host}", "X", {}).has_tls


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("redis://cache.example", "has no TLS to cache.example"),
        ("rediss://cache.example?ssl_cert_reqs=none", "lets any certificate pass"),
        ("rediss://cache.example?ssl_check_hostname=false", "lets any server answer that has a certificate"),
        ("rediss://localhost?ssl_cert_reqs=none", "lets any certificate pass"),
    ],
)
def test_a_weak_address_passes_for_development_and_is_said_once_a_use(
    text: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = read_address(text, "SHOP_REDIS", {"STRONGROOM_DEVELOPMENT": "1"})
    (line,) = caplog.messages
    assert line.startswith(f"SHOP_REDIS: {said}")
    assert line.endswith("(let pass for development)")
    assert address.has_tls == text.startswith("rediss")
    assert address.checks_certificate == ("ssl_cert_reqs" not in text)
    assert address.checks_name == ("?" not in text)
    assert len(list(find_weaknesses(parse_address(text, "SHOP_REDIS")))) == 1
    with pytest.raises(ConfigurationError, match=said):
        read_address(text, "SHOP_REDIS", {"STRONGROOM_DEVELOPMENT": "0"})
