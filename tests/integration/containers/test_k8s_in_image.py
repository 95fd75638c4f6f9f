"""On a machine without kubectl and kustomize our image ``build`` renders, and asks a cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strongroom.containers.images import build_images
from strongroom.core.errors import ConfigurationError
from strongroom.core.yaml_text.documents import dump_document
from strongroom.kubernetes.comparing import compare
from strongroom.kubernetes.rendering import Kustomize, Rendered, Tree, find_kustomize, render_for_check
from tests.integration.kubernetes.api_server import Cluster, serve
from tests.kubectl import path_with
from tests.servers import TAG

SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "strongroom"},
    "data": {"A": "1"},
}


@pytest.fixture(scope="module")
def image(repository: Path) -> str:
    build_images(repository, ["build"], os.environ, tag=TAG, fresh=False, say=print)
    return f"strongroom/build:{TAG}"


@pytest.fixture
def environment() -> dict[str, str]:
    """What is needed to reach the engine, and a PATH without programs."""
    return {name: value for name, value in os.environ.items() if name.startswith("DOCKER")} | {"PATH": "/nonexistent"}


@pytest.fixture
def kustomize(image: str, environment: dict[str, str]) -> Kustomize:
    return find_kustomize(environment, lambda: image)


def test_an_image_renders_what_this_machine_renders(repository: Path, kustomize: Kustomize) -> None:
    tree = Tree(root=repository / "k8s")
    here = find_kustomize(path_with("kubectl"), lambda: None)
    assert render_for_check(tree, "dev", kustomize).objects == render_for_check(tree, "dev", here).objects


def test_what_it_refuses_is_said_as_here(tmp_path: Path, kustomize: Kustomize) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [missing.yaml]\n")
    with pytest.raises(ConfigurationError, match=r"cannot be rendered: .*missing\.yaml"):
        kustomize(tmp_path, ".")


def test_its_kubectl_asks_a_cluster(tmp_path: Path, image: str, environment: dict[str, str]) -> None:
    cluster = Cluster()
    cluster.keep(SETTINGS | {"data": {"A": "0"}})
    rendered = Rendered(overlay="dev", job=None, text=dump_document(SETTINGS), objects=(SETTINGS,))
    with serve(cluster, tmp_path) as kubeconfig:
        compared = compare(rendered, "played", environment | {"KUBECONFIG": str(kubeconfig)}, lambda: image)
    assert {'-  A: "0"', '+  A: "1"'} <= set(compared.lines)
    assert cluster.changes == []
