"""AppRole, Kubernetes and tokens: let in by what is named, renewed in time, let in anew once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.keys.errors import (
    KeyDeniedError,
    KeyExposedError,
    KeyNotFoundError,
    LoginRefusedError,
)
from tests.integration.keys.servers import Bao, Playing, ServiceAccount, certify, playing
from tests.integration.keys.test_vault_errors import fail, site_of
from tests.unit.keys.providers import CANARY, Site


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)


@pytest.fixture
def role(bao: Bao, tmp_path: Path) -> dict[str, Any]:
    """An entry that logs in with a role and a secret id."""
    bao.write("shop/login", {"key": CANARY})
    bao.admin.auth.approle.create_or_update_approle(
        "shop", token_policies=["data"], token_ttl="60s", token_max_ttl="90s"
    )
    (tmp_path / "secret-id").touch(mode=0o600)
    (tmp_path / "secret-id").write_text(new_secret_id(bao))
    role_id = bao.admin.auth.approle.read_role_id("shop")["data"]["role_id"]
    auth = {"method": "approle", "role_id": role_id, "secret_id": {"file": str(tmp_path / "secret-id")}}
    return bao.entry(tmp_path / "none", path="shop/login", auth=auth)


def new_secret_id(bao: Bao, **options: Any) -> str:
    return str(bao.admin.auth.approle.generate_secret_id("shop", **options)["data"]["secret_id"])


def test_a_role_is_let_in_by_its_secret_id(bao: Bao, role: dict[str, Any], tmp_path: Path) -> None:
    assert site_of(role, tmp_path).open()["vault"].reveal() == CANARY
    auth = {**role["auth"], "role_id": {"variable": "ROLE_ID"}, "secret_id": {"variable": "SECRET_ID"}}
    environment = {"ROLE_ID": role["auth"]["role_id"], "SECRET_ID": new_secret_id(bao)}
    assert site_of({**role, "auth": auth}, tmp_path, **environment).open()["vault"].reveal() == CANARY


@pytest.mark.parametrize("what", ["role_id", "secret_id", "used up", "revoked"])
def test_a_role_or_secret_id_that_is_not_valid_is_refused(
    bao: Bao, role: dict[str, Any], tmp_path: Path, what: str
) -> None:
    site, file = site_of(role, tmp_path), tmp_path / "secret-id"
    if what == "role_id":
        site.entries = {"vault": {**role, "auth": {**role["auth"], "role_id": "unknown"}}}
    elif what == "secret_id":
        file.write_text("unknown")
    elif what == "used up":
        bao.admin.auth.approle.create_or_update_approle("once", token_policies=["data"], secret_id_num_uses=1)
        role_id = bao.admin.auth.approle.read_role_id("once")["data"]["role_id"]
        site.entries = {"vault": {**role, "auth": {**role["auth"], "role_id": role_id}}}
        file.write_text(bao.admin.auth.approle.generate_secret_id("once")["data"]["secret_id"])
        site.open()["vault"]
    else:
        bao.admin.auth.approle.destroy_secret_id("shop", file.read_text())
    error = fail(site, LoginRefusedError)
    assert ("does not accept this approle login" in error.fact, error.exit_code) == (True, 12)
    assert "issue a new secret id" in error.hint


def test_a_wrapped_secret_id_is_taken_out_once_and_a_second_time_is_an_alarm(
    bao: Bao, role: dict[str, Any], tmp_path: Path
) -> None:
    wrapped = bao.admin.auth.approle.generate_secret_id("shop", wrap_ttl="60s")["wrap_info"]["token"]
    (tmp_path / "secret-id").write_text(wrapped)
    site = site_of({**role, "auth": {**role["auth"], "wrapped": True}}, tmp_path)
    keys = site.open()
    assert keys["vault"].reveal() == CANARY
    provider: Any = keys._provider("vault")
    bao.admin.auth.token.revoke(provider._session._client.token)
    assert not keys.refresh("vault")  # let in anew by the secret id that it keeps
    error = fail(site, LoginRefusedError)
    assert "somebody else may have the secret id" in error.fact
    assert "audit log" in error.hint


def test_a_file_of_a_secret_id_that_others_may_read_is_refused(role: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "secret-id").chmod(0o644)
    with pytest.raises(KeyExposedError, match=r"secret-id may be read by others"):
        site_of(role, tmp_path).open()["vault"]


def test_a_login_where_none_is_mounted_is_a_wrong_setting(role: dict[str, Any], tmp_path: Path) -> None:
    site = site_of({**role, "auth": {**role["auth"], "mount": "elsewhere"}}, tmp_path)
    assert fail(site, LoginRefusedError).exit_code == 12


def test_a_login_is_renewed_at_two_thirds_of_its_time_and_begun_anew_at_its_end(
    bao: Bao, role: dict[str, Any], tmp_path: Path
) -> None:
    site = site_of(role, tmp_path)
    keys = site.open()
    keys["vault"]
    session: Any = keys._provider("vault")._session  # type: ignore[attr-defined]
    first = session._client.token
    due = session._renew_at
    site.clock.wait(39)
    keys.refresh("vault")
    assert session._renew_at == due  # not yet
    site.clock.wait(2)
    keys.refresh("vault")
    assert (session._client.token, session._renew_at > due) == (first, True)
    bao.admin.auth.token.revoke(first)
    site.clock.wait(60)  # renewing fails now
    keys.refresh("vault")
    assert session._client.token != first


def test_a_login_that_ended_unseen_is_begun_anew_once(bao: Bao, role: dict[str, Any], tmp_path: Path) -> None:
    site = site_of(role, tmp_path)
    keys = site.open()
    keys["vault"]
    session: Any = keys._provider("vault")._session  # type: ignore[attr-defined]
    bao.admin.auth.token.revoke(session._client.token)
    assert not keys.refresh("vault")
    logins = []
    log_in = session._log_in
    session._log_in = lambda: logins.append(log_in())
    bao.admin.auth.token.revoke(session._client.token)
    bao.admin.auth.approle.create_or_update_approle("shop", token_policies=["default"])
    try:
        with pytest.raises(KeyDeniedError):  # let in, and not allowed: that is no reason to try again
            keys.refresh("vault")
    finally:
        bao.admin.auth.approle.create_or_update_approle("shop", token_policies=["data"])
    assert len(logins) == 1


@pytest.fixture
def cluster(bao: Bao, tmp_path: Path) -> Iterator[tuple[Playing, ServiceAccount]]:
    """What stands for a cluster's API: it reviews tokens. The vault knows it, and a role for one service account."""
    account = ServiceAccount()
    _, authority = certify(tmp_path / "cluster", "localhost")
    with playing() as api:
        bao.write("shop/login", {"key": CANARY})
        bao.admin.auth.kubernetes.configure(
            kubernetes_host=f"http://127.0.0.1:{api.port}",
            kubernetes_ca_cert=authority.read_text(),
            token_reviewer_jwt=account.sign("vault"),
            disable_local_ca_jwt=True,
        )
        bao.admin.auth.kubernetes.create_role(
            "shop",
            bound_service_account_names=["strongroom"],
            bound_service_account_namespaces=["ops"],
            policies=["data"],
            ttl="60s",
        )
        yield api, account


def pod(bao: Bao, folder: Path, token: str, role: str = "shop") -> Site:
    """A Pod with its projected token, as readable as Kubernetes makes it."""
    file = folder / "service-account"
    file.write_text(token)
    file.chmod(0o644)
    auth = {"method": "kubernetes", "role": role, "token_file": str(file)}
    return site_of(bao.entry(folder / "none", path="shop/login", auth=auth), folder)


def test_a_pod_is_let_in_by_its_service_account(
    bao: Bao, cluster: tuple[Playing, ServiceAccount], tmp_path: Path
) -> None:
    api, account = cluster
    api.say((201, account.review("strongroom")))
    assert pod(bao, tmp_path, account.sign("strongroom")).open()["vault"].reveal() == CANARY
    assert [path for _, path, _, _ in api.asked] == ["/apis/authentication.k8s.io/v1/tokenreviews"]


def test_a_pod_that_is_not_meant_is_refused(bao: Bao, cluster: tuple[Playing, ServiceAccount], tmp_path: Path) -> None:
    api, account = cluster
    unknown = {"kind": "TokenReview", "status": {"authenticated": False, "error": "unknown"}}
    good, other = account.sign("strongroom"), account.sign("other")
    for token, role, answer in (
        (good, "nobody", (201, account.review("strongroom"))),
        (other, "shop", (201, account.review("other"))),
        ("no.jwt.atall", "shop", (201, account.review("strongroom"))),
        (good, "shop", (201, unknown)),
        (good, "shop", (500, {"message": "down"})),
    ):
        api.say(answer)
        error = fail(pod(bao, tmp_path, token, role), LoginRefusedError)
        assert ("does not accept this kubernetes login" in error.fact, error.exit_code) == (True, 12)
        assert "TokenReview" in error.hint
        assert token not in f"{error} {error.hint}"


def test_a_pod_without_a_token_says_which_file_is_missing(bao: Bao, tmp_path: Path) -> None:
    site = pod(bao, tmp_path, "")
    (tmp_path / "service-account").unlink()
    with pytest.raises(KeyNotFoundError, match=r"there is no file .*service-account"):
        site.open()["vault"]
