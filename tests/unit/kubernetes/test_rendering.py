"""Rendering: which files an overlay needs, which job it takes along, and what never leaves.

kustomize is played here: it hands out the files that a kustomization names. The real one: tests/integration/kubernetes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import ConfigurationError, ExitCode, GuardError, UnreachableError, UsageError
from strongroom.core.yaml_text.documents import dump_document, load_documents
from strongroom.kubernetes.rendering import Tree, find_kustomize, find_tree, render_for_check, render_overlay
from strongroom.kubernetes.rendering.placeholders import NO_DIGEST
from strongroom.kubernetes.rendering.tree import PLACEHOLDER
from strongroom.report.kubernetes import show_rendered

DIGEST = "sha256:" + "1f" * 32
IMAGE = f"ghcr.io/somebody/strongroom/ops@{DIGEST}"


def cron_job(name: str, image: str = IMAGE, **spec: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "ops", "image": image, "args": ["backup.create"]}]}}
    labels = {"labels": {"app": "strongroom"}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": "strongroom", "labels": {"of": "the CronJob"}},
        "spec": {"schedule": "17 2 * * *", "jobTemplate": {"metadata": labels, "spec": {"template": template, **spec}}},
    }


def play(root: Path, folder: str) -> str:
    """Hand out the files of a kustomization and of those below it, and a Secret for each generator."""
    here = root / folder
    content = load_documents((here / "kustomization.yaml").read_text(), here)[0]
    parts = []
    for name in content.get("resources", ()):
        below = here / name
        parts.append(
            play(root, str(below.resolve().relative_to(root.resolve()))) if below.is_dir() else below.read_text()
        )
    for generator in content.get("secretGenerator", ()):
        pairs = [named.rpartition("=") for named in generator["files"]]
        data = {key or Path(file).name: (here / file).read_bytes() for key, _, file in pairs}
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        parts.append(
            json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": generator["name"]}, "data": encoded})
        )
    return "\n---\n".join(parts)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A base, two overlays with a secret each, and a job that only one of them offers."""
    root = tmp_path / "k8s"
    write(root / "base", {"resources": ["backup.yaml"]}, {"backup.yaml": cron_job("backup", backoffLimit=3)})
    for name in ("dev", "production"):
        generator = [{"name": "keys", "files": ["sqlite-key=secrets/key"]}]
        resources = ["../../base", *(["../../jobs/init"] if name == "dev" else [])]
        write(root / "overlays" / name, {"resources": resources, "secretGenerator": generator}, {})
        (root / "overlays" / name / "secrets").mkdir()
        (root / "overlays" / name / "secrets" / "key").write_text("0f" * 32)
    for name in ("init", "restore"):
        write(root / "jobs" / name, {"resources": ["job.yaml"]}, {"job.yaml": cron_job(name, backoffLimit=1)})
    return Tree(root=root)


def write(folder: Path, kustomization: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> None:
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization))
    for name, content in files.items():
        (folder / name).write_text(dump_document(content))


def edit(tree: Tree, file: str, change: Callable[[str], str]) -> None:
    path = tree.root / file
    path.write_text(change(path.read_text()))


def test_an_overlay_is_rendered_whole(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    rendered = render_overlay(tree, "production", None, play)
    assert [(one["kind"], one["metadata"]["name"]) for one in rendered.objects] == [
        ("CronJob", "backup"),
        ("Secret", "keys"),
    ]
    show_rendered(rendered, as_json=False)
    assert load_documents(capsys.readouterr().out, "stdout") == list(rendered.objects)


def test_json_is_one_object(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    show_rendered(render_overlay(tree, "dev", "init", play), as_json=True)
    result = json.loads(capsys.readouterr().out)
    assert (result["overlay"], result["job"], len(result["objects"])) == ("dev", "init", 1)


@pytest.mark.parametrize("job", ["backup", "init", "restore"])
def test_a_job_is_what_a_person_would_make_of_its_cron_job(tree: Tree, job: str) -> None:
    rendered = render_overlay(tree, "dev", job, play)
    (content,) = load_documents(rendered.text, "text")
    assert content == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job,
            "namespace": "strongroom",
            "labels": {"app": "strongroom"},
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
        },
        "spec": cron_job(job, backoffLimit=3 if job == "backup" else 1)["spec"]["jobTemplate"]["spec"],
    }


def test_a_job_that_is_one_already_stays_as_it_is(tree: Tree) -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "restore"}, "spec": {"template": {}}}
    (tree.root / "jobs" / "restore" / "job.yaml").write_text(dump_document(job))
    assert render_overlay(tree, "production", "restore", play).objects == (job,)


def test_a_job_of_another_overlay_comes_through_this_one(tree: Tree) -> None:
    before = sorted(tree.root.rglob("*"))
    rendered = render_overlay(tree, "production", "init", play)
    assert [one["metadata"]["name"] for one in rendered.objects] == ["init"]
    assert sorted(tree.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("overlay", "job", "said"),
    [
        ("staging", None, "--overlay: there is no staging (known: dev, production)"),
        ("production", "load", "--job: there is no load (known: backup)"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(tree: Tree, overlay: str, job: str | None, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        render_overlay(tree, overlay, job, play)
    assert str(caught.value) == said


def test_a_missing_secret_is_named_with_the_way_to_make_it(tree: Tree) -> None:
    file = tree.root / "overlays" / "production" / "secrets" / "key"
    file.unlink()
    with pytest.raises(ConfigurationError) as caught:
        render_overlay(tree, "production", None, play)
    assert caught.value.exit_code == ExitCode.USAGE
    assert str(caught.value) == f"{file}: is missing: secrets are made of it"
    assert f"cat > {file}" in caught.value.hint
    (file.parent / "README.md").write_text("Run make-secrets.")
    with pytest.raises(ConfigurationError) as caught:
        render_overlay(tree, "production", None, play)
    assert caught.value.hint == f"{file.parent / 'README.md'} says how"


def test_several_missing_secrets_are_counted(tree: Tree) -> None:
    edit(
        tree,
        "overlays/dev/kustomization.yaml",
        lambda text: text.replace('"sqlite-key=', '"a=secrets/a", "b=secrets/b", "'),
    )
    with pytest.raises(ConfigurationError, match=r"secrets/a: is missing, and 1 more: secrets are made of it"):
        render_overlay(tree, "dev", None, play)


@pytest.mark.parametrize("content", ["", "\n", " \n\n"])
def test_an_empty_secret_is_refused(tree: Tree, content: str) -> None:
    edit(tree, "overlays/dev/secrets/key", lambda _: content)
    with pytest.raises(ConfigurationError, match="secrets/key: is empty"):
        render_overlay(tree, "dev", None, play)


def test_a_file_of_variables_is_a_secret_too(tree: Tree) -> None:
    edit(
        tree,
        "overlays/dev/kustomization.yaml",
        lambda text: text.replace('"files": ["sqlite-key=secrets/key"]', '"envs": ["secrets/.env"]'),
    )
    with pytest.raises(ConfigurationError, match=r"secrets/\.env: is missing"):
        render_overlay(tree, "dev", None, play)


def _refusal(tree: Tree, overlay: str, job: str | None = None) -> str:
    with pytest.raises(GuardError) as caught:
        render_overlay(tree, overlay, job, play)
    assert caught.value.exit_code == ExitCode.REFUSED
    return str(caught.value)


@pytest.mark.parametrize("job", [None, "backup"])
def test_a_placeholder_for_a_digest_never_leaves(tree: Tree, job: str | None) -> None:
    edit(tree, "base/backup.yaml", lambda text: text.replace(DIGEST, NO_DIGEST))
    for overlay in ("dev", "production"):
        assert "containers[0].image has a placeholder for its digest" in _refusal(tree, overlay, job)


def test_production_takes_no_tag(tree: Tree) -> None:
    edit(tree, "base/backup.yaml", lambda text: text.replace(f"@{DIGEST}", ":1.4"))
    assert "image has no digest (ghcr.io/somebody/strongroom/ops:1.4)" in _refusal(tree, "production")
    assert render_overlay(tree, "dev", None, play).objects


def test_a_placeholder_for_a_secret_never_leaves(tree: Tree) -> None:
    for overlay in ("dev", "production"):
        edit(tree, f"overlays/{overlay}/secrets/key", lambda _: f"{PLACEHOLDER}\n")
        assert _refusal(tree, overlay) == f"overlay {overlay}: Secret/keys data.sqlite-key is a placeholder"


@pytest.mark.parametrize(
    ("said", "host"),
    [
        ("https://vault.example.com:8200", "vault.example.com"),
        ("db.example.org", "db.example.org"),
        ("postgresql://app@pg.example:5432/a", "pg.example"),
    ],
)
def test_a_host_that_is_nobodys_is_no_production(tree: Tree, said: str, host: str) -> None:
    edit(tree, "base/backup.yaml", lambda text: text.replace("backup.create", said))
    assert f"args[0] names {host}, which is nobody's" in _refusal(tree, "production")
    assert render_overlay(tree, "dev", None, play).objects


@pytest.mark.parametrize(
    "said", ["# as in https://vault.example.com", "example", "an-example.community", "my.examples.com"]
)
def test_what_only_looks_like_one_is_none(tree: Tree, said: str) -> None:
    edit(tree, "base/backup.yaml", lambda text: text.replace("backup.create", f"'{said}'"))
    assert render_overlay(tree, "production", None, play).objects


def test_a_check_needs_no_secret_and_leaves_nothing(tree: Tree) -> None:
    (tree.root / "overlays" / "production" / "secrets" / "key").unlink()
    edit(tree, "base/backup.yaml", lambda text: text.replace(DIGEST, NO_DIGEST))
    before = sorted(tree.root.rglob("*"))
    rendered = render_for_check(tree, "production", play)
    assert sorted(tree.root.rglob("*")) == before
    assert [one["metadata"]["name"] for one in rendered.objects] == ["backup", "init", "restore", "keys"]
    assert base64.b64decode(rendered.objects[-1]["data"]["sqlite-key"]) == f"{PLACEHOLDER}\n".encode()


def test_a_job_that_nobody_offers_is_told_before_a_secret_that_is_missing(tree: Tree) -> None:
    (tree.root / "overlays" / "dev" / "secrets" / "key").unlink()
    with pytest.raises(UsageError, match=r"there is no nosuch \(known: backup, init, restore\)"):
        render_overlay(tree, "dev", "nosuch", play)
    for known in ("backup", "init"):
        with pytest.raises(ConfigurationError, match="is missing: secrets are made of it"):
            render_overlay(tree, "dev", known, play)


def test_a_check_takes_each_job_once(tree: Tree) -> None:
    names = [one["metadata"]["name"] for one in render_for_check(tree, "dev", play).objects]
    assert sorted(names) == ["backup", "init", "keys", "restore"]


def test_a_broken_kustomization_is_said_with_its_place(tree: Tree) -> None:
    edit(tree, "overlays/dev/kustomization.yaml", lambda text: f"{text}\nnamespace: a\n")
    with pytest.raises(ConfigurationError, match=r"kustomization\.yaml:2:1: "):
        render_overlay(tree, "dev", None, play)


def test_a_clone_without_manifests_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no overlays/"):
        find_tree(tmp_path)


def test_without_kustomize_and_image_the_way_on_is_said() -> None:
    with pytest.raises(UnreachableError) as caught:
        find_kustomize({"PATH": "/nonexistent"}, lambda: None)
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    assert "apt-get install kustomize" in caught.value.hint


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for programs that are played."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_kubectl_is_taken_before_kustomize_and_sees_no_secret(tmp_path: Path, programs: Path) -> None:
    program(programs, "kustomize", "echo 'a: kustomize'")
    environment = {"PATH": str(programs), "HOME": "/nonexistent", "PGPASSWORD": "hunter2"}
    assert find_kustomize(environment, lambda: None)(tmp_path, ".") == "a: kustomize\n"
    program(programs, "kubectl", '/usr/bin/env >"${0%/*}/seen"; echo "a: $1"')
    assert find_kustomize(environment, lambda: None)(tmp_path, ".") == "a: kustomize\n"
    assert "hunter2" not in (programs / "seen").read_text()


def test_what_kustomize_complains_of_is_one_line(tmp_path: Path, programs: Path) -> None:
    program(
        programs,
        "kustomize",
        "echo '# Warning: old' >&2; echo 'Error: accumulating resources:' >&2; echo 'no a.yaml' >&2; exit 1",
    )
    with pytest.raises(ConfigurationError) as caught:
        find_kustomize({"PATH": str(programs)}, lambda: None)(tmp_path, "a")
    assert caught.value.fact == "cannot be rendered: accumulating resources: no a.yaml"


def test_a_complaint_in_klogs_form_is_the_same(tmp_path: Path, programs: Path) -> None:
    line = r"""echo 'E1127 21:57:01.1 3 run.go:72] "command failed" err="no \"a.yaml\" here"' >&2; exit 1"""
    program(programs, "kubectl", line)
    with pytest.raises(ConfigurationError) as caught:
        find_kustomize({"PATH": str(programs)}, lambda: None)(tmp_path, "a")
    assert caught.value.fact == 'cannot be rendered: no "a.yaml" here'
