"""The servers, started once; the process of the tests stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.keys.servers import Bao, running_bao, running_moto


@pytest.fixture(autouse=True)
def _open_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with running_bao(tmp_path_factory.mktemp("bao")) as server:
        server.allow("reader", "secret/data/shop/* read", "secret/metadata/shop/* read")
        server.allow("data", "secret/data/shop/* read")
        writes = ("secret/data/shop/* create update read", "secret/destroy/shop/* update")
        server.allow("writer", *writes, "secret/metadata/shop/* read", "secret/delete/shop/* update")
        server.allow("mounts", "old/* read", "nomount/* read")
        server.admin.sys.enable_secrets_engine("kv", path="old", options={"version": "1"})
        server.admin.sys.enable_auth_method("approle")
        server.admin.sys.enable_auth_method("kubernetes")
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_moto(tmp_path_factory.mktemp("moto")) as address:
        yield address


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.touch(mode=0o600)
    return file
