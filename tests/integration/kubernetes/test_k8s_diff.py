"""``k8s.diff``: kubectl asks a small API server of ours what would change; nothing is changed there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import ExitCode, GuardError, StrongroomError, UnreachableError
from strongroom.core.yaml_text.documents import dump_document
from strongroom.kubernetes.comparing import Compared, compare
from strongroom.kubernetes.rendering import Rendered
from strongroom.report.kubernetes import show_compared
from tests.integration.kubernetes.api_server import Cluster, serve
from tests.kubectl import path_with

METADATA = {"name": "settings", "namespace": "strongroom"}
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": METADATA, "data": {"A": "1"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {**METADATA, "name": "keys"}, "data": {"key": "bmV3"}}


def _render(*objects: dict[str, Any]) -> Rendered:
    text = "---\n".join(map(dump_document, objects))
    return Rendered(overlay="dev", job=None, text=text, objects=objects)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def environment(cluster: Cluster, tmp_path: Path) -> Iterator[dict[str, str]]:
    with serve(cluster, tmp_path) as kubeconfig:
        yield {**path_with("kubectl"), "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)}


def _compare(environment: dict[str, str], *objects: dict[str, Any], context: str | None = "played") -> Compared:
    return compare(_render(*objects), context, environment, lambda: None)


def test_a_cluster_that_is_the_same(cluster: Cluster, environment: dict[str, str]) -> None:
    cluster.keep(SETTINGS)
    compared = _compare(environment, SETTINGS)
    assert (compared.is_same, compared.lines) == (True, ())


def test_what_would_change_is_shown_and_nothing_is_changed(cluster: Cluster, environment: dict[str, str]) -> None:
    cluster.keep(SETTINGS | {"data": {"A": "0"}})
    compared = _compare(environment, SETTINGS)
    assert not compared.is_same
    assert {'-  A: "0"', '+  A: "1"'} <= set(compared.lines)
    assert any(method == "PATCH" for method, _ in cluster.requests)
    assert cluster.changes == []
    assert next(iter(cluster.objects.values()))["data"] == {"A": "0"}


def test_what_is_new_is_shown_and_not_made(cluster: Cluster, environment: dict[str, str]) -> None:
    compared = _compare(environment, SETTINGS)
    assert '+  A: "1"' in compared.lines
    assert cluster.changes == []
    assert cluster.objects == {}


def test_values_of_secrets_are_masked(cluster: Cluster, environment: dict[str, str]) -> None:
    cluster.keep(SECRET | {"data": {"key": "b2xk"}})
    text = "\n".join(_compare(environment, SECRET).lines)
    assert "***" in text
    assert "bmV3" not in text
    assert "b2xk" not in text


def test_the_current_context_is_the_default(cluster: Cluster, environment: dict[str, str]) -> None:
    cluster.keep(SETTINGS)
    assert _compare(environment, SETTINGS, context=None).is_same


def _fails(environment: dict[str, str], context: str = "played") -> StrongroomError:
    with pytest.raises(StrongroomError) as caught:
        _compare(environment, SETTINGS, context=context)
    return caught.value


def test_a_context_that_is_not_there(environment: dict[str, str]) -> None:
    error = _fails(environment, context="elsewhere")
    assert isinstance(error, UnreachableError)
    assert error.subject == "the cluster of context elsewhere"
    assert "does not exist" in error.fact


def test_a_server_that_is_away(environment: dict[str, str]) -> None:
    config = json.loads(Path(environment["KUBECONFIG"]).read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    Path(environment["KUBECONFIG"]).write_text(json.dumps(config))
    error = _fails(environment)
    assert isinstance(error, UnreachableError)
    assert error.exit_code == ExitCode.UNREACHABLE


def test_a_server_that_refuses(cluster: Cluster, environment: dict[str, str]) -> None:
    cluster.forbids = True
    error = _fails(environment)
    assert isinstance(error, GuardError)
    assert "nobody may look at it" in error.fact


def test_a_diff_program_of_ones_own_is_not_asked(cluster: Cluster, environment: dict[str, str]) -> None:
    cluster.keep(SETTINGS | {"data": {"A": "0"}})
    compared = _compare(environment | {"KUBECTL_EXTERNAL_DIFF": "false"}, SETTINGS)
    assert '+  A: "1"' in compared.lines


@pytest.mark.parametrize(("is_same", "code"), [(True, ExitCode.DONE), (False, ExitCode.PENDING)])
def test_the_exit_code_says_whether_anything_would_change(
    is_same: bool, code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = Compared(overlay="dev", context=None, is_same=is_same, lines=("+a",) * (not is_same))
    assert show_compared(compared, as_json=False, color=False) == code
    assert f"the cluster is {'' if is_same else 'not '}as overlay dev says" in capsys.readouterr().out
