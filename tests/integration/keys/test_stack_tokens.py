"""Tokens that the stack signs for Pods that run here: a vault that has the public key lets them in, and no others."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from strongroom.containers.tokens import PUBLIC, sign_claims
from strongroom.keys.errors import LoginRefusedError
from tests.integration.keys.servers import Bao
from tests.integration.keys.test_vault_errors import fail, site_of
from tests.unit.keys.providers import CANARY, Site

POD = "system:serviceaccount:strongroom:strongroom"


@pytest.fixture
def stack(bao: Bao, tmp_path: Path) -> Path:
    """A folder of the stack's key; the vault trusts its public half, at the place where Kubernetes logs in."""
    folder = tmp_path / "tls"
    folder.mkdir()
    sign_claims(folder, {})
    bao.write("shop/login", {"key": CANARY})
    bao.admin.sys.enable_auth_method("jwt", path="pods")
    bao.admin.write_data("auth/pods/config", data={"jwt_validation_pubkeys": (folder / PUBLIC).read_text()})
    role = {"role_type": "jwt", "bound_audiences": "vault", "bound_subject": POD, "user_claim": "sub"}
    bao.admin.write_data("auth/pods/role/shop", data={**role, "token_policies": "data"})
    return folder


def pod(bao: Bao, folder: Path, **claims: Any) -> Site:
    now = int(time.time())
    known = {"aud": ["vault"], "iat": now, "nbf": now, "exp": now + 600, "sub": POD}
    file = folder / "token"
    file.write_text(sign_claims(folder, {**known, **claims}))
    file.chmod(0o640)
    auth = {"method": "kubernetes", "mount": "pods", "role": "shop", "token_file": str(file)}
    return site_of(bao.entry(folder / "none", path="shop/login", auth=auth), folder)


def test_a_token_of_the_stack_opens_and_one_for_another_purpose_does_not(bao: Bao, stack: Path, tmp_path: Path) -> None:
    try:
        assert pod(bao, stack).open()["vault"].reveal() == CANARY
        for wrong in (
            {"aud": ["another"]},
            {"sub": "system:serviceaccount:strongroom:other"},
            {"exp": 1, "nbf": 0, "iat": 0},
        ):
            assert fail(pod(bao, stack, **wrong), LoginRefusedError).exit_code == 12
        (stack / "service-account.key").unlink()
        assert fail(pod(bao, stack), LoginRefusedError).exit_code == 12
    finally:
        bao.admin.sys.disable_auth_method("pods")
