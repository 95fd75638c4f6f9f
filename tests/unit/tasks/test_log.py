"""``--log json``: every line on stderr is one JSON object, whoever prints it and however the command ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke.collection import Collection
from invoke.context import Context

from strongroom.core.errors import GuardError
from strongroom.report import open_progress, say_note, say_progress
from strongroom.report.log import speaking
from strongroom.tasks._program import OpsProgram
from strongroom.tasks._task import task
from tests.processes import read_line

Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@task
def work(c: Context) -> None:
    """Say how far it is."""
    progress = open_progress(color=True)
    progress.start("snapshot", 5 << 20)
    progress.begin("20261121_015301")
    progress.start("merge", 0)
    say_note("old.db", "stays read-only")


@task
def refuse(c: Context) -> None:
    """Refuse."""
    raise GuardError('a \udcff "b"\n.db', "is there already", "use --replace")


@task
def break_down(c: Context) -> None:
    """Show a bug."""
    raise RuntimeError("boom\nwith a second line")


@task
def stale(c: Context) -> int:
    """Return an exit code."""
    return 7


@task
def chatter(c: Context) -> None:
    """Let others print there."""
    print("one\n\ntwo", file=sys.stderr)
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    thread = threading.Thread(target=lambda: print("three", file=sys.stderr))
    thread.start()
    thread.join(timeout=10)
    sys.stderr.write("no end of line")


@task
def wait(c: Context) -> None:
    """Wait for a signal."""
    print("waiting", flush=True)
    signal.pause()


NAMESPACE = Collection(Collection("a", work, refuse, break_down, stale, chatter, wait))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, list[dict[str, Any]]]:
        code = OpsProgram(NAMESPACE).main(["inv", *words, "--log", "json"])
        return code, [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    return run


def test_progress_and_notes_are_events_and_name_the_run_once_it_has_an_id(run: Run) -> None:
    code, said = run("a.work")
    assert code == 0
    assert [datetime.fromisoformat(event.pop("time")).utcoffset() is not None for event in said] == [True] * 4
    assert said == [
        {"level": "info", "message": "snapshot 5 MB", "task": "a.work", "step": "snapshot", "bytes": 5 << 20},
        {"level": "info", "message": "merge", "task": "a.work", "run": "20261121_015301", "step": "merge", "bytes": 0},
        {
            "level": "warning",
            "message": "old.db: stays read-only",
            "task": "a.work",
            "run": "20261121_015301",
            "subject": "old.db",
            "fact": "stays read-only",
        },
        {
            "level": "info",
            "message": "a.work ended with exit code 0",
            "task": "a.work",
            "run": "20261121_015301",
            "exit_code": 0,
            "seconds": pytest.approx(0, abs=10),
        },
    ]


def test_an_error_is_one_event_with_its_parts(run: Run) -> None:
    code, (error, end) = run("a.refuse")
    assert (code, error["level"], error["task"]) == (6, "error", "a.refuse")
    assert error["subject"] == 'a \\xff "b"\n.db'
    assert (error["fact"], error["hint"], error["exit_code"]) == ("is there already", "use --replace", 6)
    assert "traceback" not in error
    assert end["exit_code"] == 6


def test_with_debug_the_error_holds_its_traceback(run: Run) -> None:
    _, (error, _) = run("a.refuse", "--debug")
    assert error["traceback"].startswith("Traceback (most recent call last):\n")


def test_a_bug_is_one_event_with_its_traceback(run: Run) -> None:
    code, (error, _) = run("a.break-down")
    assert (code, error["exit_code"], error["subject"]) == (1, 1, "RuntimeError")
    assert error["traceback"].endswith("RuntimeError: boom\nwith a second line\n")


def test_a_code_without_an_error_is_said_at_the_end(run: Run) -> None:
    code, (end,) = run("a.stale")
    assert (code, end["exit_code"], end["message"]) == (7, 7, "a.stale ended with exit code 7")


@pytest.mark.parametrize("words", ["nope", "a.work --nope", "a.work --summary", "--list nope", "a.work extra"])
def test_a_wrong_line_is_an_event_too(run: Run, words: str) -> None:
    code, (error, end) = run(*words.split())
    assert (code, error["exit_code"], end["exit_code"]) == (2, 2, 2)
    assert error["fact"]


@pytest.mark.filterwarnings("default")
def test_what_others_print_is_events_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "showwarning", lambda text, *_: print(f"warned: {text}", file=sys.stderr))
    code, said = run("a.chatter")
    assert code == 0
    assert [event["message"] for event in said if "exit_code" not in event] == [
        *("one", "two", "warned: old", "three", "no end of line")
    ]


@pytest.mark.parametrize("words", [["--log", "yaml"], ["--log=yaml"]])
def test_another_form_is_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert OpsProgram(NAMESPACE).main(["inv", "a.work", *words]) == 2
    assert capsys.readouterr().err == "error: --log: must be one of text, json (got 'yaml')\n"


def test_text_is_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert OpsProgram(NAMESPACE).main(["inv", "a.work", "--log", "text"]) == 0
    assert capsys.readouterr().err == "snapshot 5 MB …\nmerge …\n note: old.db: stays read-only\n"


def test_stderr_is_given_back() -> None:
    before = sys.stderr
    with speaking("json"):
        assert sys.stderr is not before
        assert not sys.stderr.isatty()
    assert sys.stderr is before


@given(st.text())
def test_whatever_is_said_is_one_line_of_json(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        stream = type("Stream", (), {"write": lambda _, line: written.append(line), "flush": lambda _: None})()
        patch.setattr(sys, "stderr", stream)
        with speaking("json"):
            say_progress(text, rows=1)
            print(text, file=sys.stderr)
        for line in "".join(written).splitlines():
            assert line.isascii()
            assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_an_event(number: signal.Signals, code: int, repository: Path) -> None:
    program = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path[:0] = [{str(repository)!r}, {str(repository / "scripts")!r}, {str(Path(__file__).parent)!r}]
import test_log
test_log.OpsProgram(test_log.NAMESPACE).run(["inv", "--log=json", "a.wait"])
"""
    command = [sys.executable, "-c", program]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"}
    )
    assert child.stdout is not None
    assert read_line(child.stdout, 20) == "waiting"
    child.send_signal(number)
    _, err = child.communicate(timeout=20)
    error, end = map(json.loads, err.splitlines())
    assert (child.returncode, error["exit_code"], end["exit_code"]) == (code, code, code)
    assert error["fact"] == f"interrupted ({number.name})"
