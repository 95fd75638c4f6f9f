"""The images, built once, and certificates for the servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.containers.images import NAMES, Built, build_images
from strongroom.containers.stack import Folder
from strongroom.engine import connect
from tests.integration.containers.k8s_site import Cluster
from tests.integration.containers.schema_site import Site, name_server, open_site
from tests.servers import POSTGRES, REDIS, TAG, Running, make_folder, running


@pytest.fixture(scope="session")
def images(repository: Path) -> dict[str, Built]:
    """Build what changed; without an engine every test that needs one fails, and says so."""
    built = build_images(repository, NAMES, os.environ, tag=TAG, fresh=False, say=print)
    return {image.name: image for image in built}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return make_folder(tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="session")
def postgres(images: dict[str, Built], folder: Folder) -> Iterator[Running]:
    with running(POSTGRES, folder) as server:
        yield server


@pytest.fixture(scope="session")
def redis(images: dict[str, Built], folder: Folder) -> Iterator[Running]:
    with running(REDIS, folder) as server:
        yield server


@pytest.fixture
def cluster(repository: Path) -> Iterator[Cluster]:
    """Play a cluster; whatever a Job made is gone afterwards."""
    build_images(repository, ["base"], os.environ, tag=TAG, fresh=False, say=print)
    with connect(os.environ) as client:
        played = Cluster(client=client)
        yield played
        assert played.list_left() == []


@pytest.fixture
def site(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Site:
    """Return a database of its own, and a system of its own."""
    return open_site(name_server(request), tmp_path, monkeypatch, capsys)
