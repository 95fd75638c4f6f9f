"""The command line: flags, exit codes, and what is printed where, on a small collection of tasks."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import UnexpectedExit
from invoke.runners import Result

from strongroom.core.errors import GuardError, LockedError
from strongroom.tasks._program import OpsProgram
from strongroom.tasks._task import is_dry, is_json, task, wants_color
from strongroom.tasks.namespace import namespace as every_task
from tests.processes import read_line

Run = Callable[..., int]


@task(help={"source": "Where from.", "table": "Which.", "backup": "Keep one.", "budget": "How many."})
def move(
    c: Context,
    source: Path,
    system: str = "aragora",
    table: list[str] | None = None,
    backup: bool = True,
    budget: int | None = None,
    scale: float = 1.0,
    dry_run: bool = False,
) -> None:
    """Move everything.

    With a second paragraph.
    """
    flags = {
        "source": source,
        "system": system,
        "table": table,
        "backup": backup,
        "budget": budget,
        "scale": scale,
        "dry": is_dry(c, dry_run),
        "json": is_json(c),
        "color": wants_color(c),
    }
    print(json.dumps(flags, default=repr))


@task
def refuse(c: Context) -> None:
    """Refuse."""
    raise GuardError("core.db", "is there already", "use --replace")


@task
def refuse_plainly(c: Context) -> None:
    """Refuse without a hint."""
    raise LockedError("target", "another run works here")


@task
def break_down(c: Context) -> None:
    """Show a bug."""
    raise RuntimeError("boom")


@task
def fill_disk(c: Context) -> None:
    """Fill the disk."""
    raise OSError(errno.ENOSPC, "No space left on device", "/srv/data/core.db")


@task
def exceed_quota(c: Context) -> None:
    """Exceed the quota."""
    raise OSError(errno.EDQUOT, "Disk quota exceeded")


@task
def fill_database(c: Context) -> None:
    """Fill the disk under SQLite."""
    raise sqlite3.OperationalError("database or disk is full")


@task
def fail_to_open(c: Context) -> None:
    """Meet another error of the system."""
    raise PermissionError(errno.EACCES, "Permission denied", "/etc/shadow")


@task
def hold(c: Context) -> int:
    """Stage, and ask."""
    return 4


@task
def count(c: Context) -> bool:
    """Return something that is no exit code."""
    return True


@task
def call_child(c: Context) -> None:
    """Run a child that fails, as c.run tells it."""
    raise UnexpectedExit(Result(command="exit 3", exited=3))


@task
def interrupt(c: Context) -> None:
    """Be interrupted by the keyboard."""
    raise KeyboardInterrupt


@task
def wait(c: Context) -> None:
    """Wait for a signal."""
    try:
        print("waiting", flush=True)
        for _ in range(600):  # a signal that comes between Python's look for one and a sleep waits until that ends
            time.sleep(0.05)
    finally:
        print("put away", flush=True)


LAST_LINE = "./inv <task> --help shows its flags; every task takes --json, --summary FILE and --log json."

NAMESPACE = Collection(
    count,
    Collection("data", move, hold),
    Collection("fault", refuse, refuse_plainly, break_down, fill_disk, exceed_quota, fill_database, fail_to_open),
    Collection("child", call_child),
    Collection("signal", interrupt, wait),
)


@pytest.fixture
def run() -> Run:
    program = OpsProgram(NAMESPACE)
    return lambda *words: program.main(["inv", *words])


def read_flags(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    flags: dict[str, object] = json.loads(capsys.readouterr().out)
    return flags


def test_flags_arrive_with_the_types_of_the_signature(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = "--source x --table a --table b --no-backup --budget 5 --scale=0.1 --dry-run"
    assert run("data.move", *words.split()) == 0
    assert read_flags(capsys) == {
        "source": "PosixPath('x')",
        "system": "aragora",
        "table": ["a", "b"],
        "backup": False,
        "budget": 5,
        "scale": 0.1,
        "dry": True,
        "json": False,
        "color": True,
    }


def test_flags_not_given_keep_their_defaults(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data.move", "--source", "x") == 0
    flags = read_flags(capsys)
    assert (flags["system"], flags["table"], flags["backup"], flags["budget"]) == ("aragora", [], True, None)
    assert flags["scale"] == 1.0


@pytest.mark.parametrize("words", ["{} data.move --source x", "data.move {} --source x", "data.move --source x {}"])
def test_our_flags_stand_anywhere(words: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words.format("--json").split()) == 0
    assert read_flags(capsys)["json"] is True
    assert run(*words.format("--no-color").split()) == 0
    assert read_flags(capsys)["color"] is False
    assert run(*words.format("--dry").split()) == 0
    assert read_flags(capsys)["dry"] is True


def test_our_flags_do_not_stay_for_the_next_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("data.move", "--source", "x", "--json", "--no-color", "--dry")
    capsys.readouterr()
    run("data.move", "--source", "x")
    flags = read_flags(capsys)
    assert (flags["json"], flags["color"], flags["dry"]) == (False, True, False)


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("nope", "error: nope: no such task\n hint: ./inv --list\n"),
        ("data.mov", "error: data.mov: no such task\n hint: did you mean data.move?\n"),
        ("--nope", "error: --nope: no such flag\n hint: ./inv --list\n"),
        ("data.move --sorce x", "error: --sorce: no such flag of data.move\n hint: did you mean --source?\n"),
        (
            "data.move x",
            "error: x: no such task, and no value of a flag of data.move\n hint: ./inv data.move --help\n",
        ),
        (
            "data.move --source a --source b",
            "error: b: no such task, and no value of a flag of data.move\n hint: ./inv data.move --help\n",
        ),
        ("data.move", "error: data.move: needs --source\n hint: ./inv data.move --help\n"),
        ("data.move --dry", "error: data.move: needs --source\n hint: ./inv data.move --help\n"),
        ("data.move --source", "error: --source: needs a value\n hint: ./inv data.move --help\n"),
        ("data.move --source --json", "error: --source: needs a value\n hint: ./inv data.move --help\n"),
        (
            "data.move --source x --dry-run --budget",
            "error: --budget: needs a value\n hint: ./inv data.move --help\n",
        ),
        ("data.move --source x --budget many", "error: --budget: must be a whole number (got 'many')\n"),
        ("data.move --source x --scale big", "error: --scale: must be a number (got 'big')\n"),
        ("data.move -s x", "error: -s: no such flag of data.move\n hint: ./inv data.move --help\n"),
        ("--help nope", "error: nope: no such task\n hint: ./inv --list\n"),
        ("--list nope", "error: command line: Sub-collection 'nope' not found\n hint: ./inv --list\n"),
    ],
)
def test_a_wrong_line_is_exit_2_with_a_hint(
    line: str, lines: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*line.split()) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", lines)


@pytest.mark.parametrize(
    ("name", "code", "lines"),
    [
        ("fault.refuse", 6, "error: core.db: is there already\n hint: use --replace\n"),
        ("fault.refuse-plainly", 11, "error: target: another run works here\n"),
        (
            "fault.fill-disk",
            14,
            "error: /srv/data/core.db: no space left\n hint: free some space; the same command resumes\n",
        ),
        (
            "fault.exceed-quota",
            14,
            "error: disk: no space left\n hint: free some space; the same command resumes\n",
        ),
        (
            "fault.fill-database",
            14,
            "error: disk: no space left for SQLite\n hint: free some space; the same command resumes\n",
        ),
        (
            "signal.interrupt",
            130,
            "error: signal.interrupt: interrupted (SIGINT)\n hint: the same command goes on from here\n",
        ),
        (
            "fault.fail-to-open",
            5,
            "error: /etc/shadow: permission denied\n hint: check permissions and mounts\n",
        ),
        ("child.call-child", 1, "error: exit 3: ended with exit code 3\n"),
        ("data.hold", 4, ""),
        ("count", 0, ""),
    ],
)
def test_a_failure_is_one_line_and_its_exit_code(
    name: str, code: int, lines: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name) == code
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", lines)


def test_a_bug_is_exit_1_with_its_traceback(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fault.break-down") == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("RuntimeError: boom\n")


def test_debug_shows_the_traceback_of_our_errors_too(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fault.refuse", "--debug") == 6
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("error: core.db: is there already\n hint: use --replace\n")


def test_a_failing_task_stops_the_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data.hold", "data.move", "--source", "x") == 4
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("value", "dry"), [("false", False), ("0", False), ("", False), ("true", True), ("1", True)])
def test_a_switch_in_the_environment_means_what_it_says(
    value: str, dry: bool, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOKE_RUN_DRY", value)
    assert run("data.move", "--source", "x") == 0
    assert read_flags(capsys)["dry"] is dry


def test_a_switch_in_the_environment_is_never_guessed(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOKE_RUN_DRY", "maybe")
    assert run("data.move", "--source", "x") == 2
    assert "must be true or false (got 'maybe')" in capsys.readouterr().err


def test_no_file_of_the_user_takes_part(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".invoke.yaml").write_text("run: {dry: true}\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", str(tmp_path / ".invoke.yaml"))
    assert run("data.move", "--source", "x") == 0
    assert read_flags(capsys)["dry"] is False


@pytest.mark.parametrize("line", ["", "--list"])
def test_the_list_shows_the_tasks_in_blocks(line: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*line.split()) == 0
    said = capsys.readouterr().out
    assert "\n\n  data.move              Move everything.\n  data.hold              Stage, and ask.\n\n" in said
    assert said.splitlines()[-1] == LAST_LINE


def test_the_list_of_one_namespace(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list", "data") == 0
    said = capsys.readouterr().out
    assert "data.move" in said
    assert "fault" not in said


def test_the_list_as_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list", "--json") == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(listed) == set(NAMESPACE.task_names)
    assert listed["data.move"]["flags"]["--source"] == "Where from."


@pytest.mark.parametrize("line", ["data.move --help", "--help data.move"])
def test_help_shows_flags_in_the_order_of_the_signature(
    line: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*line.split()) == 0
    assert capsys.readouterr().out.startswith(
        """\
Usage: ./inv data.move --source PATH [--flags]

Move everything.

With a second paragraph.

Flags:
  --source PATH     Where from. Required.
  --system TEXT      [aragora]
  --table TEXT      Which. May be repeated.
  --[no-]backup     Keep one.
  --budget NUMBER   How many.
"""
    )


def test_version(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("strongroom ")


def test_a_task_may_not_take_a_name_of_ours() -> None:
    def show(c: Context, json: bool = False) -> None:
        """Show."""

    with pytest.raises(TypeError, match="every task has json already"):
        task(show)


def test_a_task_that_is_called_by_itself_needs_no_program(capsys: pytest.CaptureFixture[str]) -> None:
    move(Context(), source=Path("x"))
    assert read_flags(capsys)["json"] is False
    with pytest.raises(SystemExit, match="6"):
        refuse(Context())


@given(st.lists(st.text(max_size=8) | st.sampled_from(["data.move", "--source", "--list", "--json", "--", "="])))
def test_no_line_ends_in_a_traceback(words: list[str]) -> None:
    # The tasks that fail on purpose cannot be spelled in 8 characters.
    assert OpsProgram(NAMESPACE).main(["inv", *words]) in {0, 2}


def start(repository: Path, *words: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    program = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
sys.path[:0] = [{str(repository)!r}, {str(repository / "scripts")!r}, {str(Path(__file__).parent)!r}]
import test_program
test_program.OpsProgram(test_program.NAMESPACE).run(["inv", *{words!r}])
"""
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_unwinds_the_task(number: signal.Signals, code: int, repository: Path) -> None:
    child = start(repository, "signal.wait")
    assert child.stdout is not None
    assert read_line(child.stdout, 20) == "waiting"
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert (out, child.returncode) == ("put away\n", code)
    assert err == f"error: signal.wait: interrupted ({number.name})\n hint: the same command goes on from here\n"


def test_a_reader_that_goes_away_leaves_no_traceback_and_changes_no_exit_code(repository: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        child = start(repository, "--list", stdout=writing)
    finally:
        os.close(writing)
    _, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (0, "")


def test_the_repository_loads_its_own_tasks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("raise RuntimeError('not ours')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "consolidate.run" in every_task.task_names


def test_the_front_door_is_kept_beautiful(capsys: pytest.CaptureFixture[str]) -> None:
    namespace = every_task
    assert OpsProgram(namespace).main(["inv", "--list"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100
    for name in namespace.task_names:
        first = (namespace[name].__doc__ or "").partition("\n")[0]
        assert 0 < len(first) <= 60, f"{name}: {first!r}"
        assert first.endswith("."), f"{name}: {first!r}"
        assert all(flag.help for flag in namespace[name].flags), f"{name}: a flag without help"
        assert not any(flag.name.startswith("no_") for flag in namespace[name].flags), f"{name}: a negative flag"
