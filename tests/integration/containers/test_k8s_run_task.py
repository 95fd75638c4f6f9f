"""The task k8s.run, as a process: what it prints, how it ends its Pods, and what it leaves behind: nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from strongroom.containers.tokens import sign_claims
from strongroom.core.errors import UsageError
from strongroom.tasks._pods import read_pairs
from tests.contract import check
from tests.integration.containers.k8s_site import Cluster, container, job, mounts, rules, secret
from tests.integration.containers.k8s_stack import judge_token
from tests.processes import wait_until

CANARY = "canary-of-a-secret-5521"
OFF = ("--network=none",)
SLEEPS = "trap 'echo told; exit 143' TERM; echo begun; while :; do sleep 0.1; done"


@contextmanager
def started(folder: Path, *objects: Any, flags: tuple[str, ...] = OFF) -> Iterator[subprocess.Popen[bytes]]:
    """Run the task for these objects; what it prints goes into files."""
    rendered = folder / "rendered.yaml"
    rendered.write_text("\n---\n".join(json.dumps(one) for one in objects))
    words = [sys.executable, "-m", "strongroom", "k8s.run", "--job=job", f"--file={rendered}"]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen([*words, *flags], stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


def list_of(cluster: Cluster, process: subprocess.Popen[bytes]) -> list[str]:
    """Return the containers and volumes that a process made and that are there."""
    filters = {"label": "strongroom.k8s.run"}
    containers = cluster.client.containers.list(all=True, filters=filters, ignore_removed=True)
    found = [(one.name, one.labels) for one in containers]
    found += [(one.name, one.attrs["Labels"]) for one in cluster.client.volumes.list(filters=filters)]
    return [str(name) for name, labels in found if f":{process.pid}:" in labels["strongroom.k8s.run"]]


def test_it_ends_with_the_container_s_exit_code_and_says_what_became_of_each(cluster: Cluster, tmp_path: Path) -> None:
    volume = {"name": "s", "secret": {"secretName": "s"}}
    given = job(
        container("cat /s/key | wc -c; printf half; exit 3", volumeMounts=mounts(s="/s")),
        pod={"volumes": [volume]}, podFailurePolicy=rules(FailJob=[3]), backoffLimit=4,
    )  # fmt: skip
    with started(tmp_path, given, secret("s", key=CANARY), flags=("--json", *OFF)) as process:
        assert process.wait(120) == 3
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines[:2] == [str(len(CANARY)), "half"]
    result = check("k8s.run", lines[-1])
    assert (result["reason"], result["exit"], len(result["pods"])) == ("PodFailurePolicy", 3, 1)
    assert result["pods"][0]["containers"][0]["reason"] == "Error"
    said = (tmp_path / "out").read_text() + (tmp_path / "err").read_text()
    assert CANARY not in said
    assert list_of(cluster, process) == []


def test_sigterm_ends_the_pod_by_sigterm_and_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    volume = {"name": "s", "secret": {"secretName": "s"}}
    given = job(container(SLEEPS, volumeMounts=mounts(s="/s")), pod={"volumes": [volume]})
    with started(tmp_path, given, secret("s", key=CANARY)) as process:
        wait_until(lambda: b"begun" in (tmp_path / "out").read_bytes(), 120)
        assert list_of(cluster, process) != []
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert (tmp_path / "out").read_text().splitlines() == ["begun", "told"]
    error = (tmp_path / "err").read_text()
    assert "error: k8s.run: interrupted (SIGTERM)" in error
    assert "ended with 143" in error
    assert CANARY not in error
    assert list_of(cluster, process) == []


def test_what_a_killed_run_left_goes_with_the_next_one(cluster: Cluster, tmp_path: Path) -> None:
    with started(tmp_path, job(container(SLEEPS))) as process:
        wait_until(lambda: b"begun" in (tmp_path / "out").read_bytes(), 120)
        process.kill()
        process.wait(10)
    left = list_of(cluster, process)
    assert len(left) >= 3
    assert cluster.run(job(container("true"))).succeeded
    assert list_of(cluster, process) == []
    assert "removed what a run left that was killed" in cluster.said[0]


@pytest.mark.parametrize(
    ("objects", "flags", "said"),
    [
        (
            [job(container("true"), pod={"hostNetwork": True})],
            OFF,
            "spec.template.spec.hostNetwork: is not carried out",
        ),
        ([job(container("true"))], ("--network=nowhere",), "the engine has no network nowhere"),
        ([job(container("true"))], ("--claim=data", *OFF), "--claim: must be NAME=VALUE"),
        ([], OFF, "there is no job (known: none)"),
        ([job(container("true"), pod={"serviceAccountName": "none"})], OFF, "there is no none in what was rendered"),
        ([job(container("true"), pod={"automountServiceAccountToken": True})], OFF, "there is no API here"),
    ],
)
def test_what_cannot_be_carried_out_is_one_clear_line(
    cluster: Cluster, tmp_path: Path, objects: list[Any], flags: tuple[str, ...], said: str
) -> None:
    with started(tmp_path, *objects, flags=flags) as process:
        assert process.wait(60) == 2
    error = (tmp_path / "err").read_text().splitlines()
    assert error[0].startswith("error: ")
    assert said in error[0]
    assert len(error) <= 2


def test_pairs_are_read_once_each() -> None:
    assert read_pairs("--image", ["a:b@sha256:1=c", "x=y=z"]) == {"a:b@sha256:1": "c", "x": "y=z"}
    for wrong in (["a"], ["a="], ["=a"], ["a=b", "a=c"]):
        with pytest.raises(UsageError, match="each name once"):
            read_pairs("--claim", wrong)


def test_a_token_of_the_stack_is_known_to_whoever_has_its_public_key(tmp_path: Path) -> None:
    claims = {
        "aud": ["vault"], "nbf": 0, "exp": 1 << 40, "sub": "system:serviceaccount:a:b",
        "kubernetes.io": {"serviceaccount": {"uid": "1"}},
    }  # fmt: skip
    token = sign_claims(tmp_path, claims)
    public = tmp_path / "service-account.pub"
    assert judge_token(token, public)["user"]["username"] == "system:serviceaccount:a:b"
    assert (tmp_path / "service-account.key").stat().st_mode & 0o777 == 0o600
    head, _, signature = sign_claims(tmp_path, {**claims, "sub": "other"}).split(".")
    assert not judge_token(f"{head}.{token.split('.')[1]}.{signature}", public)["authenticated"]
    assert not judge_token(sign_claims(tmp_path, {**claims, "aud": ["another"]}), public)["authenticated"]
