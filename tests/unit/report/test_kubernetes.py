"""Mistakes in manifests, on screen: one line for what a component does to many."""

from __future__ import annotations

import json

import pytest

from strongroom.core.errors import ExitCode
from strongroom.kubernetes.checking.check import Checked, Located
from strongroom.report.kubernetes import show_checked_manifests


def located(name: str, *overlays: str) -> Located:
    return Located(overlays=overlays, object=name, field="spec.a", fact="is wrong", remedy="mend it")


def show(*findings: Located, as_json: bool = False) -> ExitCode:
    checked = Checked(
        overlays=("dev", "production"), jobs=("init",), objects=1200, versions=("1.29", "1.36"), findings=findings
    )
    return show_checked_manifests(checked, as_json=as_json, color=False)


def test_no_mistakes_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert show() == ExitCode.DONE
    said = capsys.readouterr()
    assert said.out == "1 200 objects of dev, production, for Kubernetes 1.29 to 1.36: no mistakes\n"
    assert said.err == ""


def test_one_mistake_in_many_objects_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"CronJob/{name}" for name in "abcde"]
    both = [located(name, "dev", "production") for name in names]
    assert show(*both, located("Service/s", "dev")) == ExitCode.DIFFERENCES
    said = capsys.readouterr()
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "CronJob/a, CronJob/b, CronJob/c and 2 more spec.a is wrong mend it" in lines
    assert "Service/s spec.a is wrong (in dev) mend it" in lines
    assert lines[-1].endswith("6 mistakes")
    assert said.err.splitlines()[0] == "error: k8s: 6 mistakes in dev, production"


def test_json_names_every_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(*(located(f"CronJob/{name}", "dev") for name in "abcde"), as_json=True) == ExitCode.DIFFERENCES
    result = json.loads(capsys.readouterr().out)
    assert [one["object"] for one in result["findings"]] == [f"CronJob/{name}" for name in "abcde"]
    assert (result["exit"], result["findings"][0]["overlays"]) == (3, ["dev"])
