"""What k8s.run makes of its flags and of the clone's stack, and what it shows; no engine is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from strongroom.containers.stack.files import Folder, remove_files
from strongroom.containers.stack.kept import make_kept, write_kept
from strongroom.core.config import Settings, read_settings
from strongroom.kubernetes.running import ContainerEnd, JobRun, PodEnd, Request
from strongroom.tasks import _pods
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace as every_task
from strongroom.tasks.wiring import find_inner_network, sign_for_pods

JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {}}


def ended(code: int = 0, **fields: Any) -> JobRun:
    container = ContainerEnd(name="main", exit_code=code, reason="Error" if code else "Completed", seconds=1.25)
    pod = PodEnd(
        name="job-abcde", index=None, succeeded=not code, reason=container.reason, message="", seconds=2.0,
        containers=(container,),
    )  # fmt: skip
    known: dict[str, Any] = {
        "job": "job", "namespace": "default", "succeeded": not code, "reason": "Completed", "message": "",
        "seconds": 2.5, "pods": (pod,), "failed_indexes": (), "claims": {}, "images": {}, "void": {}, "exit": code,
    }  # fmt: skip
    return JobRun(**{**known, **fields})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Request, float]]:
    """Note what would be run; it ends with 3."""
    found: list[tuple[Request, float]] = []

    def run(request: Request, settings: Settings, pause: float) -> JobRun:
        found.append((request, pause))
        return ended(3, reason="PodFailurePolicy", message="why", void={"a.b": "c"}, claims={"data": "there"})

    monkeypatch.setattr(_pods, "run_pods", run)
    return found


def run_task(folder: Path, *flags: str) -> int:
    file = folder / "rendered.yaml"
    file.write_text(json.dumps(JOB))
    return OpsProgram(every_task).main(["inv", "k8s.run", "--job", "job", "--file", str(file), *flags])


def test_flags_reach_the_run_and_the_container_s_exit_code_is_ours(
    asked: list[tuple[Request, float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--claim", "data=./x", "--claim", "state=y", "--image", "a:1=b:2", "--pause", "0.5", "--drain-after", "7"]
    assert run_task(tmp_path, "--network", "inner", *flags) == 3
    request, pause = asked[0]
    assert (request.job, request.network, pause, request.drain_after) == ("job", "inner", 0.5, 7.0)
    assert (request.claims, request.images) == ({"data": "./x", "state": "y"}, {"a:1": "b:2"})
    assert [dict(one) for one in request.objects] == [JOB]
    said = capsys.readouterr().out
    for word in ("job-abcde", "Error", "claims, which stay", "data: there", "1 field means nothing here"):
        assert word in said
    assert said.splitlines()[-1] == "job job: PodFailurePolicy: why; 1 pod in 2.5 s"


def test_with_json_the_result_is_the_last_line(
    asked: list[tuple[Request, float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_task(tmp_path, "--json", "--network", "none") == 3
    assert asked[0][0].network is None
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["exit"], result["void"], result["pods"][0]["containers"][0]["seconds"]) == (3, {"a.b": "c"}, 1.25)


def test_a_network_and_a_key_come_from_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_STACK", str(tmp_path / "stack"))
    settings = read_settings(os.environ)
    assert (find_inner_network(settings), sign_for_pods(settings)) == (None, None)
    folder = Folder(root=tmp_path / "stack")
    kept = write_kept(folder, make_kept(folder, settings.root, settings.environment))
    folder.tls.mkdir()
    assert find_inner_network(settings) == f"{kept.project}_inner"
    sign = sign_for_pods(settings)
    assert sign is not None
    assert sign({"sub": "a"}).count(".") == 2
    assert sorted(file.name for file in folder.tls.iterdir()) == ["service-account.key", "service-account.pub"]
    remove_files(folder)
    assert not folder.root.exists()


def test_output_that_ends_within_a_line_gets_its_end(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    from strongroom.report.pods import PodOutput  # noqa: PLC0415

    output = PodOutput()
    output.write(b"one\ntwo\xff")
    output.end()
    output.end()
    assert capsysbinary.readouterr().out == b"one\ntwo\\xff\n"
