"""``k8s.render`` and ``k8s.check`` on the manifests of this repository, by kubectl and by kustomize."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from strongroom.core.errors import ConfigurationError, ExitCode, GuardError
from strongroom.core.yaml_text.documents import load_documents
from strongroom.kubernetes.checking import Checked, check_tree
from strongroom.kubernetes.rendering import Kustomize, Tree, find_kustomize, render_for_check, render_overlay
from strongroom.kubernetes.rendering.placeholders import NO_DIGEST
from strongroom.kubernetes.rendering.tree import list_secret_files
from strongroom.report.kubernetes import show_checked_manifests
from strongroom.tasks._known import describe_tasks
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace
from tests.kubectl import find_program, path_with

pytestmark = pytest.mark.sample(2, whole=True)


@pytest.fixture(scope="module")
def kustomize() -> Kustomize:
    return find_kustomize(path_with("kubectl"), lambda: None)


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Tree:
    """A copy of our manifests, with secrets."""
    shutil.copytree(repository / "k8s", tmp_path / "k8s", ignore=shutil.ignore_patterns("secrets"))
    copy = Tree(root=tmp_path / "k8s")
    for name in copy.overlays:
        for file in list_secret_files(copy.find_overlay(name)):
            file.parent.mkdir(exist_ok=True)
            file.write_text("0f" * 32)
    return copy


def test_our_own_manifests_have_no_mistakes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", f"{find_program('kubectl').parent}:/usr/bin:/bin")
    assert OpsProgram(namespace).main(["inv", "k8s.check", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {"dev", "production"} <= set(result["overlays"])
    assert {"restore", "load", "fleet"} <= set(result["jobs"])
    assert (result["versions"][0], result["versions"][-1]) == ("1.29", "1.36")
    assert result["findings"] == []


def test_kustomize_renders_what_kubectl_renders(tree: Tree, kustomize: Kustomize, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "kustomize").symlink_to(find_program("kustomize"))
    other = find_kustomize({"PATH": str(folder)}, lambda: None)
    for overlay in tree.overlays:
        assert render_for_check(tree, overlay, other).objects == render_for_check(tree, overlay, kustomize).objects


def test_each_job_of_dev_is_rendered_alone(tree: Tree, kustomize: Kustomize) -> None:
    for job in (*tree.jobs, "backup", "verify", "drill", "prune", "status", "keys-check"):
        (content,) = load_documents(render_overlay(tree, "dev", job, kustomize).text, job)
        assert (content["kind"], content["metadata"]["name"]) == ("Job", job)
        pod = content["spec"]["template"]["spec"]
        assert pod["restartPolicy"] == "Never"
        assert content["spec"]["podFailurePolicy"]["rules"]


def test_production_does_not_leave_without_digests_and_hosts(tree: Tree, kustomize: Kustomize) -> None:
    with pytest.raises(GuardError) as caught:
        render_overlay(tree, "production", None, kustomize)
    assert caught.value.exit_code == ExitCode.REFUSED


def test_production_does_not_leave_without_secrets(repository: Path, kustomize: Kustomize, tmp_path: Path) -> None:
    shutil.copytree(repository / "k8s", tmp_path / "k8s", ignore=shutil.ignore_patterns("secrets"))
    tree = Tree(root=tmp_path / "k8s")
    if not list_secret_files(tree.find_overlay("production")):
        pytest.fail("production is made of no secret file: there is nothing to miss")
    with pytest.raises(ConfigurationError, match="is missing"):
        render_overlay(tree, "production", None, kustomize)


def _check(tree: Tree, kustomize: Kustomize) -> Checked:
    return check_tree(tree, tree.overlays, kustomize, describe_tasks(namespace))


def test_a_mistake_in_a_file_is_found_in_each_overlay_and_said_once(
    tree: Tree, kustomize: Kustomize, capsys: pytest.CaptureFixture[str]
) -> None:
    file = next((tree.root / "base").rglob("verify-cronjob.yaml"))
    file.write_text(file.read_text().replace('schedule: "47 3 * * *"', 'schedule: "47 3 31 6 *"'))
    checked = _check(tree, kustomize)
    (finding,) = checked.findings
    assert finding.overlays == tree.overlays
    assert show_checked_manifests(checked, as_json=False, color=False) == ExitCode.DIFFERENCES
    said = capsys.readouterr()
    for word in ("CronJob/verify", "spec.schedule", "can never fire", "five fields", "1 mistake"):
        assert word in said.out, word
    assert said.err.startswith("error: k8s: 1 mistake in")


def test_a_word_that_is_no_text_is_found(tree: Tree, kustomize: Kustomize) -> None:
    file = next((tree.root / "base").rglob("verify-cronjob.yaml"))
    args = "args: [backup.verify]"
    file.write_text(file.read_text().replace(args, f"{args}\n              env: [{{name: QUIET, value: true}}]"))
    assert {(one.object, one.fact) for one in _check(tree, kustomize).findings} == {
        ("CronJob/verify", "must be of type string (got true)")
    }


def test_what_kustomize_refuses_is_one_line(tree: Tree, kustomize: Kustomize) -> None:
    (tree.root / "base" / "namespace.yaml").unlink()
    with pytest.raises(ConfigurationError) as caught:
        _check(tree, kustomize)
    assert "namespace.yaml" in caught.value.fact
    assert "\n" not in caught.value.fact


def test_the_placeholder_for_a_digest_is_sound_for_a_check(tree: Tree, kustomize: Kustomize) -> None:
    assert NO_DIGEST in render_for_check(tree, "production", kustomize).text
