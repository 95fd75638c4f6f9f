"""What goes wrong with a vault, each by its own class, exit code and remedy; no key and no token is ever said."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import StrongroomError
from strongroom.core.secret import Secret
from strongroom.keys.errors import (
    KeyDeniedError,
    KeyFormatError,
    KeyNotFoundError,
    LoginExpiredError,
    LoginRefusedError,
    ProviderBusyError,
    ProviderMisnamedError,
    ProviderUnreachableError,
    ProviderUntrustedError,
)
from tests.integration.keys.servers import ROOT_TOKEN, Bao, certify, find_port, playing
from tests.unit.keys.providers import CANARY, OTHER, Site

SECRETS = (CANARY, OTHER, ROOT_TOKEN)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)


def fail(site: Site, kind: type[StrongroomError], act: Callable[[Any], object] | None = None) -> StrongroomError:
    """Return the error, after looking for secrets in all that could be printed of it."""
    with pytest.raises(kind) as caught:
        (act or (lambda keys: keys["vault"]))(site.open())
    assert type(caught.value) is kind
    said = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert not [secret for secret in SECRETS if secret in said]
    tokens = [file.read_text() for file in site.folder.glob("token*")]
    assert not [token for token in tokens if token and token in said]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert caught.value.hint
    assert site.read_log()[-1]["outcome"] == kind.__name__
    return caught.value


def site_of(entry: dict[str, Any], folder: Path, **environment: str) -> Site:
    return Site(folder=folder, entries={"vault": entry}, environment=environment)


@pytest.fixture
def site(bao: Bao, token_file: Path, tmp_path: Path) -> Site:
    """A path that may be read, with a key in it."""
    bao.write("shop/fine", {"key": CANARY, "words": "no key", "number": 7})
    token_file.write_text(bao.issue_token("data", "mounts") + "\n")
    return site_of(bao.entry(token_file, path="shop/fine"), tmp_path)


def change(site: Site, **more: Any) -> Site:
    site.entries = {"vault": {**site.entries["vault"], **more}}
    return site


def test_a_missing_path_is_no_missing_version(site: Site) -> None:
    error = fail(change(site, path="shop/nothing"), KeyNotFoundError)
    assert "there is nothing at" in error.fact
    assert "keys.init" in error.hint
    error = fail(change(site, path="shop/fine"), KeyNotFoundError, lambda keys: keys["vault@8"])
    assert "secret/data/shop/fine has no such version" in error.fact


def test_a_missing_field_and_what_is_no_key_are_named(site: Site) -> None:
    assert "has no field other (of 3)" in fail(change(site, field="other"), KeyNotFoundError).fact
    assert "is not hex" in fail(change(site, field="words"), KeyFormatError).fact
    assert "is no text" in fail(change(site, field="number"), KeyFormatError).fact
    assert "48 bytes, not 32" in fail(change(site, field="key", encoding="base64"), KeyFormatError).fact


def test_no_permission_names_the_line_that_a_policy_lacks(site: Site) -> None:
    error = fail(change(site, mount="private", path="key"), KeyDeniedError)
    assert 'path "private/data/key" { capabilities = ["read"] }' in error.hint
    assert "read" in error.fact
    error = fail(change(site, mount="secret", path="shop/fine"), KeyDeniedError, lambda k: k.list_versions("vault"))
    assert 'path "secret/metadata/shop/fine"' in error.hint
    error = fail(site, KeyDeniedError, lambda keys: keys.put_pending("vault", Secret(OTHER)))
    assert '["update"]' in error.hint
    assert error.exit_code == 12


def test_a_wrong_mount_and_an_engine_of_version_1_are_wrong_settings(bao: Bao, site: Site, tmp_path: Path) -> None:
    error = fail(change(site, mount="nomount", path="shop/fine"), ProviderMisnamedError)
    assert ("mount nomount is not there" in error.fact, error.exit_code) == (True, 2)
    bao.admin.secrets.kv.v1.create_or_update_secret("shop/fine", secret={"key": CANARY}, mount_point="old")
    error = fail(change(site, mount="old", path="shop/fine"), ProviderMisnamedError)
    assert "mount old is no KV of version 2" in error.fact
    bao.admin.secrets.kv.v1.create_or_update_secret("data/shop/odd", secret={"data": CANARY}, mount_point="old")
    error = fail(change(site, mount="old", path="shop/odd"), ProviderMisnamedError)
    assert "mount old is no KV of version 2" in error.fact


def test_a_token_that_has_ended_is_not_taken_for_a_missing_policy(bao: Bao, site: Site, token_file: Path) -> None:
    keys = site.open()
    assert keys["vault"].reveal() == CANARY
    bao.admin.auth.token.revoke(token_file.read_text().strip())
    with pytest.raises(LoginExpiredError) as caught:
        keys.refresh("vault")
    assert caught.value.exit_code == 12
    assert "the token is not valid" in fail(site, LoginExpiredError).fact


def test_a_token_that_was_exchanged_is_taken_up_once(bao: Bao, site: Site, token_file: Path) -> None:
    keys = site.open()
    keys["vault"]
    bao.admin.auth.token.revoke(token_file.read_text().strip())
    token_file.write_text(bao.issue_token("data"))
    assert not keys.refresh("vault")


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_missing_token_is_named(site: Site, token_file: Path, text: str) -> None:
    token_file.write_text(text)
    assert "the token is missing" in fail(site, LoginRefusedError).fact
    auth = {"method": "token", "token": {"variable": "SHOP_TOKEN"}}
    assert "SHOP_TOKEN holds none" in fail(change(site, auth=auth), LoginRefusedError).fact


def test_a_token_of_the_environment_is_never_taken_up_by_accident(
    bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", ROOT_TOKEN)
    monkeypatch.setenv("VAULT_ADDR", bao.address)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".vault-token").write_text(ROOT_TOKEN)
    bao.write("shop/ambient", {"key": CANARY})
    entry = bao.entry(tmp_path / "token", path="shop/ambient")
    (tmp_path / "token").touch(mode=0o600)
    fail(site_of(entry, tmp_path), LoginRefusedError)
    (tmp_path / "token").write_text("s.not-a-token")
    fail(site_of(entry, tmp_path), LoginExpiredError)


def test_a_sealed_vault_is_unreachable_and_says_how_to_open_it(bao: Bao, site: Site) -> None:
    keys = site.open()
    keys["vault"]
    bao.admin.sys.seal()
    try:
        error = fail(site, ProviderUnreachableError)
        assert ("is sealed" in error.fact, error.hint, error.exit_code) == (True, "unseal it: bao operator unseal", 5)
        with pytest.raises(ProviderUnreachableError, match="is sealed"):
            keys.refresh("vault")
        with pytest.raises(ProviderUnreachableError, match="is sealed"):
            keys.check_health("vault")
    finally:
        bao.admin.sys.submit_unseal_key(bao.unseal_key)
    assert site.open()["vault"].reveal() == CANARY


def test_a_vault_that_is_down_is_unreachable(site: Site) -> None:
    error = fail(change(site, address=f"https://localhost:{find_port()}"), ProviderBusyError)
    assert ("cannot be connected to" in error.fact, error.exit_code) == (True, 5)
    error = fail(change(site, address="https://vault.invalid"), ProviderBusyError)
    assert error.exit_code == 5


def test_wrong_tls_is_a_wrong_setting_and_is_not_tried_again(site: Site, bao: Bao, tmp_path: Path) -> None:
    _, strange = certify(tmp_path / "strange", "localhost")
    port = bao.address.rpartition(":")[2]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"ca_file": str(strange)}, "has a certificate of an unknown authority"),
        ({"ca_file": "/nowhere/ca.pem"}, "there is no such file"),
        ({"ca_file": str(tmp_path / "token")}, "it holds no certificate"),
        ({"ca_file": None}, "has a certificate of an unknown authority"),
        ({"address": f"http://localhost:{port}", "ca_file": None}, "is a server of https, and the address says http"),
    ]
    for more, fact in cases:
        error = fail(change(site, **{"address": bao.address, **more}), ProviderUntrustedError)
        assert fact in error.fact
        assert error.exit_code == 2


def test_a_certificate_for_another_name_or_another_time_is_told(site: Site, tmp_path: Path) -> None:
    for number, (hosts, days, fact) in enumerate(
        [(["elsewhere.test"], 0, "for another name"), (["localhost"], 4000, "that has ended")]
    ):
        context, authority = certify(tmp_path / f"tls{number}", *hosts, days_ago=days)
        with playing(context) as server:
            here = {"address": f"https://localhost:{server.port}", "ca_file": str(authority)}
            assert fact in fail(change(site, **here), ProviderUntrustedError).fact
            assert server.asked == []
    with playing() as server:
        error = fail(change(site, address=f"https://localhost:{server.port}"), ProviderUntrustedError)
        assert "does not speak TLS" in error.fact


@pytest.mark.parametrize(
    ("status", "kind", "fact", "times"),
    [
        (429, ProviderBusyError, "is asked too often", 3),
        (500, ProviderBusyError, "fails by itself", 3),
        (502, ProviderBusyError, "fails by itself", 3),
        (412, ProviderBusyError, "fails by itself", 3),
        (501, ProviderUnreachableError, "is not set up", 1),
        (400, ProviderMisnamedError, "refuses the request", 1),
        (404, KeyNotFoundError, "there is nothing at", 1),
        (405, ProviderBusyError, "fails by itself", 3),
        (302, ProviderUnreachableError, "sends callers to another address", 1),
    ],
)
def test_only_what_may_pass_is_asked_again(
    site: Site, tmp_path: Path, status: int, kind: type[StrongroomError], fact: str, times: int
) -> None:
    context, authority = certify(tmp_path / "tls", "localhost")
    with playing(context) as server:
        server.say((200, {"data": {"ttl": 0}}), (status, {"errors": [f"about {CANARY}"]}))
        here = {"address": f"https://localhost:{server.port}", "ca_file": str(authority)}
        assert fact in fail(change(site, **here), kind).fact
    read = [path for _, path, _, _ in server.asked if path.startswith("/v1/secret/data/")]
    assert len(read) == times


def test_who_is_busy_for_a_moment_is_asked_again(site: Site, tmp_path: Path) -> None:
    context, authority = certify(tmp_path / "tls", "localhost")
    with playing(context) as server:
        found = {"data": {"data": {"key": CANARY}, "metadata": {"version": 3}}}
        server.say((503, {"errors": ["starting"]}), (200, {"data": {"ttl": 0}}), (503, {"errors": []}), (200, found))
        here = {"address": f"https://localhost:{server.port}", "ca_file": str(authority)}
        assert change(site, **here).open().fetch("vault").id == "vault@3"


@pytest.mark.parametrize("said", [[], {"data": None}, {"data": {"data": {}, "metadata": {}}}, {"data": {"data": []}}])
def test_an_answer_of_another_shape_is_a_wrong_setting(site: Site, tmp_path: Path, said: Any) -> None:
    context, authority = certify(tmp_path / "tls", "localhost")
    with playing(context) as server:
        server.say((200, {"data": {"ttl": 0}}), (200, said))
        here = {"address": f"https://localhost:{server.port}", "ca_file": str(authority)}
        assert fail(change(site, **here), ProviderMisnamedError).exit_code == 2


@pytest.mark.parametrize("said", [[], {"data": None}, {"data": {"versions": []}}, {"data": {"versions": {"1": None}}}])
def test_a_list_of_versions_of_another_shape_is_a_wrong_setting(site: Site, said: Any) -> None:
    with playing() as server:
        server.say((200, {"data": {"ttl": 0}}), (200, said))
        keys = change(site, address=f"http://127.0.0.1:{server.port}").open()
        with pytest.raises(ProviderMisnamedError):
            keys.list_versions("vault")


def test_a_server_that_does_not_say_its_version_is_there_all_the_same(site: Site) -> None:
    with playing() as server:
        assert change(site, address=f"http://127.0.0.1:{server.port}").open().check_health("vault").endswith("unsealed")


def test_an_address_may_come_from_a_variable_that_must_name_one(bao: Bao, site: Site, tmp_path: Path) -> None:
    entry = {**site.entries["vault"], "address_variable": "SHOP_VAULT"}
    del entry["address"]
    assert site_of(entry, tmp_path, SHOP_VAULT=bao.address).open()["vault"].reveal() == CANARY
    for environment, fact in (
        ({}, "SHOP_VAULT is not set"),
        ({"SHOP_VAULT": "http://vault"}, "must begin with https://"),
    ):
        with pytest.raises(ProviderMisnamedError, match=fact) as caught:
            site_of(entry, tmp_path, **environment).open()["vault"]
        assert caught.value.exit_code == 2
