"""Manifests as kustomize makes them: overlays as they were read, samples that a check has nothing to say of."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from strongroom.core.yaml_text.documents import load_documents
from strongroom.kubernetes.checking.check import judge_rendering
from strongroom.kubernetes.rendering import DEVELOPMENT, Kustomize, Tree, find_kustomize, render_for_check
from strongroom.kubernetes.rendering.tree import lay_out
from strongroom.tasks._known import describe_tasks
from strongroom.tasks.namespace import namespace
from tests.promtool import unpack

K8S = Path(__file__).resolve().parents[2] / "k8s"
PAPER = K8S / "README.md"
OVERLAYS = Tree(root=K8S).overlays
SAMPLES = tuple(sorted(path.name for path in (K8S / "samples").iterdir() if path.is_dir()))
EXPECTED = {
    "beside-an-application": (
        "no policy denies Egress to all Pods",
        "no policy denies Ingress to all Pods",
        "shop is not made here",
        "there is no claim shop-data",
    )
}
"""What a check says of a sample all the same: the namespace and the claim are the application's."""


@pytest.fixture(scope="module")
def kustomize() -> Kustomize:
    """What is on PATH, else Debian's package, unpacked into a folder that is kept."""
    path = os.environ["PATH"]
    if not any(shutil.which(name) for name in ("kubectl", "kustomize")):
        path = f"{unpack('kustomize') / 'usr' / 'bin'}:{path}"
    return find_kustomize({**os.environ, "PATH": path}, lambda: None)


@pytest.fixture(scope="module")
def dev(kustomize: Kustomize) -> list[Mapping[str, Any]]:
    return list(render_for_check(Tree(root=K8S), DEVELOPMENT, kustomize).objects)


@pytest.fixture
def samples(tmp_path: Path) -> Tree:
    """The samples in the place of overlays: they lie as deep, and stand on the same."""
    root = tmp_path / "k8s"
    shutil.copytree(K8S, root)
    for name in SAMPLES:
        shutil.copytree(root / "samples" / name, root / "overlays" / name)
    return Tree(root=root)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_rendered_as_it_was_read(
    overlay: str, kustomize: Kustomize, assert_golden: Callable[[str, str], None]
) -> None:
    assert_golden(f"k8s/{overlay}.yaml", render_for_check(Tree(root=K8S), overlay, kustomize).text)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_is_what_a_cluster_takes(sample: str, samples: Tree, kustomize: Kustomize) -> None:
    with lay_out(samples, sample, placeholders=True) as laid:
        objects = load_documents(kustomize(laid.root, f"overlays/{sample}"), sample)
    found = judge_rendering(objects, DEVELOPMENT, describe_tasks(namespace))
    assert [one for one in found if not one.fact.startswith(EXPECTED.get(sample, ()))] == []
    assert {one["kind"] for one in objects} >= {"CronJob", "NetworkPolicy"}


def templates(objects: list[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each Pod that a CronJob makes, by its name."""
    for one in objects:
        if one["kind"] == "CronJob":
            yield one["metadata"]["name"], one["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_only_what_a_person_starts_never_starts_by_itself(dev: list[Mapping[str, Any]]) -> None:
    jobs = {one["metadata"]["name"]: one["spec"] for one in dev if one["kind"] == "CronJob"}
    asleep = {name for name, spec in jobs.items() if spec.get("suspend")}
    assert asleep == set(Tree(root=K8S).jobs)
    assert jobs.keys() - asleep == {"backup", "verify", "drill", "prune", "status", "keys-check"}


def test_who_may_write_to_servers_is_who_restores_or_loads(dev: list[Mapping[str, Any]]) -> None:
    """A backup never sees the password of a role that may change something."""
    seen: dict[str, set[str]] = {}
    for name, pod in templates(dev):
        for volume in pod["volumes"]:
            if "secret" in volume:
                seen.setdefault(volume["secret"]["secretName"], set()).add(name)
    assert seen["strongroom-postgres-deploy"] == {"load", "restore"}
    assert seen["strongroom-redis-admin"] == {"restore"}
    assert seen["strongroom-postgres"] == {"backup", "backup-now"}


def test_a_fleet_has_as_many_indexes_as_shares(dev: list[Mapping[str, Any]]) -> None:
    (fleet,) = [one["spec"]["jobTemplate"]["spec"] for one in dev if one["metadata"]["name"] == "fleet"]
    (box,) = fleet["template"]["spec"]["containers"]
    assert f"--of={fleet['completions']}" in box["args"]
    assert fleet["podFailurePolicy"]["rules"][1]["action"] == "FailIndex"


def test_the_values_of_secrets_are_nowhere_in_the_repository() -> None:
    kept = [path for path in K8S.glob("**/secrets/*") if path.name != "README.md"]
    ignored = (K8S.parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/k8s/**/secrets/*" in ignored, kept
    for path in K8S.rglob("*.yaml"):
        for content in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            assert not isinstance(content, dict) or content.get("kind") != "Secret", path


def test_the_table_of_cronjobs_says_when_and_how_long(dev: list[Mapping[str, Any]]) -> None:
    """The paper's table, the manifests and the alerts are of one opinion."""
    rows = re.findall(
        r"^\| `([\w-]+)` \| `([^`]+)` \| (\d+) min \|.*\| ([^|]+) \|$", PAPER.read_text(encoding="utf-8"), re.MULTILINE
    )
    jobs = {one["metadata"]["name"]: one["spec"] for one in dev if one["kind"] == "CronJob"}
    said = {name: (schedule, int(minutes) * 60) for name, schedule, minutes, _ in rows}
    assert said == {
        name: (spec["schedule"], spec["jobTemplate"]["spec"]["activeDeadlineSeconds"])
        for name, spec in jobs.items()
        if not spec.get("suspend")
    }
    alerts = set(re.findall(r"alert: (\w+)", (K8S.parent / ".github" / "monitoring" / "alerts.yml").read_text()))
    named = {name for *_, text in rows for name in re.findall(r"Backup\w+", text)}
    assert named <= alerts
    assert all(re.search(r"Backup\w+", text) for *_, text in rows)


def test_the_paper_names_every_job_that_a_person_starts() -> None:
    text = PAPER.read_text(encoding="utf-8")
    assert [name for name in Tree(root=K8S).jobs if f"`{name}`" not in text] == []
