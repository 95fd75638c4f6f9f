"""The checks: everything runs, the first failure decides, and the summary says which it was."""

from __future__ import annotations

import pytest
from invoke.config import Config
from invoke.context import Context, MockContext
from invoke.runners import Result

from strongroom.tasks.check import mutants, pytest_command, run_parts


def test_every_command_runs_and_a_failure_decides(capsys: pytest.CaptureFixture[str]) -> None:
    context = MockContext(run=[Result(exited=0), Result(exited=3), Result(exited=0)])
    assert run_parts(context, {"lint": ("one", "two"), "types": ("three",)}) == 1
    assert capsys.readouterr().out == "$ one\n$ two\n$ three\nfailed: lint (two)\n"


def test_a_pass_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_parts(MockContext(run=Result(exited=0), repeat=True), {"lint": ("one",), "types": ("two",)}) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("passed: lint, types in ")


def test_a_dry_run_says_would(capsys: pytest.CaptureFixture[str]) -> None:
    dry = Context(Config(overrides={"run": {"dry": True}}, lazy=True))
    assert run_parts(dry, {"lint": ("one", "two")}) == 0
    assert capsys.readouterr().out == "would run one; two\n"


def test_each_test_folder_is_run_under_a_profile() -> None:
    assert pytest_command("tests/unit", fast=True) == "python -m pytest --hypothesis-profile=fast tests/unit"
    several = pytest_command(processes=2)
    assert several == "python -m pytest --hypothesis-profile=ci --numprocesses=2 --dist=loadscope"
    assert pytest_command(nightly=True) == "python -m pytest --hypothesis-profile=nightly"


def test_a_fault_that_survives_is_told_by_its_own_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert mutants.body(MockContext(run=Result(exited=3)), seed=7, sample=24) == 3
    assert capsys.readouterr().out == "$ python -m tests.mutants --seed=7 --sample=24\n"
    assert mutants.body(MockContext(run=Result(exited=3)), loads=True) == 3
    assert capsys.readouterr().out == "$ python -m tests.mutants --seed=10 --sample=0 --loads\n"
