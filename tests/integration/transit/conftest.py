"""An application, a test authority, and servers of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.transit.authority import Pair, make
from tests.integration.transit.scene import Scene
from tests.integration.transit.servers import Cluster, a_cluster


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    monkeypatch.chdir(tmp_path)
    return Scene(folder=tmp_path, patch=monkeypatch, capsys=capsys)


@pytest.fixture(scope="session")
def root() -> Pair:
    return make("Root of Tests", is_authority=True, owner="Tests")


@pytest.fixture
def ca_file(root: Pair, tmp_path: Path) -> Path:
    return root.write(tmp_path, "root")[0]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with a_cluster() as made:
        yield made
