"""Child processes: what they get, what comes back, how they end."""

from __future__ import annotations

import base64
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from strongroom.core import scrubbing
from strongroom.core.errors import ConfigurationError, GuardError, UnreachableError
from strongroom.core.programs import ProgramResult, require_success, run_program, run_server
from strongroom.core.secret import Secret
from tests.processes import find_children, is_running, wait_until


def run_python(
    source: str,
    *,
    environment: dict[str, str] | None = None,
    timeout: float = 20,
    directory: Path | None = None,
    standard_input: bytes = b"",
) -> ProgramResult:
    return run_program(
        [sys.executable, "-c", source],
        environment=environment or {},
        timeout=timeout,
        directory=directory,
        standard_input=standard_input,
    )


def test_output_comes_back_as_bytes() -> None:
    result = run_python("import os; os.write(1, b'\\xff\\0'); os.write(2, b'!'); raise SystemExit(3)")
    assert (result.stdout, result.stderr, result.exit_code) == (b"\xff\0", b"!", 3)
    assert not result.is_success


def test_a_child_does_not_see_a_key_that_we_use_in_whatever_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "_forms", {})
    key = bytes(range(32))
    scrubbing.watch(Secret(key.hex()))
    held = {"A": key.hex(), "B": base64.b64encode(key).decode(), "C": f"x'{key.hex().upper()}'", "D": "plain"}
    said = run_python("import os; print(sorted(os.environ))", environment={**held, "LC_ALL": "C.UTF-8"})
    assert said.stdout == b"['D', 'LC_ALL']\n"


def test_a_child_sees_only_the_environment_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "from outside")
    result = run_python(
        "import os; print('CANARY_KEY' in os.environ, os.environ['GIVEN'])", environment={"GIVEN": "a b"}
    )
    assert result.stdout == b"False a b\n"


def test_arguments_meet_no_shell(tmp_path: Path) -> None:
    result = run_program(
        [sys.executable, "-c", "import sys; print(sys.argv[1:])", "$(touch x); *", "a b"],
        environment={},
        timeout=20,
        directory=tmp_path,
    )
    assert result.stdout == b"['$(touch x); *', 'a b']\n"
    assert list(tmp_path.iterdir()) == []


def test_a_program_has_the_open_file_that_it_is_given_and_no_other() -> None:
    (given, into), (kept, other) = os.pipe(), os.pipe()
    os.set_inheritable(kept, False)
    os.write(into, b"handed on")
    os.close(into)
    source = f"print(open('/dev/fd/{given}').read()); import os; print(os.path.exists('/proc/self/fd/{kept}'))"
    words = [sys.executable, "-c", source]
    result = run_program(words, environment={}, timeout=20, descriptors=[given])
    for descriptor in (given, kept, other):
        os.close(descriptor)
    assert result.stdout.split(b"\n")[:2] == [b"handed on", b"False"], result.stderr


def test_input_is_handed_over_and_closed() -> None:
    result = run_python("import sys; print(len(sys.stdin.buffer.read()))", standard_input=b"x" * 1_000_000)
    assert result.stdout == b"1000000\n"


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    source = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(60)
"""
    started = time.monotonic()
    with pytest.raises(UnreachableError, match=r"did not end within 1 s"):
        run_python(source, timeout=1)
    assert time.monotonic() - started < 10
    child = int((tmp_path / "pid").read_text(encoding="utf-8"))
    while is_running(child):  # a signal is sent at once and obeyed a moment later
        assert time.monotonic() - started < 10
        time.sleep(0.01)


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program"])
def test_a_missing_program_is_named(program: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{program}: is not there"):
        run_program([program, "--key", "canary"], environment={"PATH": os.defpath}, timeout=1)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="gone: is not there"):
        run_python("", directory=tmp_path / "gone")


def test_a_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("#!/bin/sh\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="may not be executed"):
        run_program([tmp_path / "hook"], environment={}, timeout=1)


@pytest.mark.parametrize(
    ("source", "how"),
    [("raise SystemExit(3)", "exit code 3"), ("import os; os.kill(os.getpid(), 9)", "signal 9")],
)
def test_a_failure_says_how_the_program_ended_and_nothing_else(source: str, how: str) -> None:
    with pytest.raises(GuardError, match=f"ended with {how}$") as caught:
        require_success(run_python(f"print('canary'); {source}"), GuardError, "look into its log")
    assert caught.value.hint == "look into its log"
    assert "canary" not in str(caught.value)


def test_a_result_does_not_show_what_was_said() -> None:
    result = require_success(run_python("print('canary')"), GuardError)
    assert result.stdout == b"canary\n"
    assert "canary" not in repr(result)


ENDS_AT_ONE = """
import os, signal, sys, time
signal.signal({ignored}, signal.SIG_IGN)
print(os.getuid(), os.environ, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_server_runs_as_long_as_it_is_needed_and_gets_the_signal_that_it_ends_at(
    tmp_path: Path, number: signal.Signals
) -> None:
    other = signal.SIGQUIT if number is signal.SIGTERM else signal.SIGTERM
    words = [sys.executable, "-c", ENDS_AT_ONE.format(ignored=int(other))]
    log, before = tmp_path / "log", set(find_children(os.getpid()))
    started = time.monotonic()
    with run_server(words, environment={"PATH": os.defpath, "A": "1"}, log=log, stop=number) as does_run:
        wait_until(lambda: b"'A': '1'" in log.read_bytes())
        (server,) = set(find_children(os.getpid())) - before
        assert does_run()
    assert not is_running(server)
    assert time.monotonic() - started < 5


def test_a_server_that_ends_by_itself_is_seen(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import os; print(os.environ['A'])"]
    with run_server(words, environment={"PATH": os.defpath, "A": "said"}, log=tmp_path / "log") as does_run:
        wait_until(lambda: not does_run())
    assert (tmp_path / "log").read_bytes() == b"said\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody else")
def test_root_lets_a_program_run_as_somebody_else(tmp_path: Path) -> None:
    ended = run_program(["/usr/bin/id"], environment={}, timeout=20, user=(65534, 65534))
    assert ended.stdout.startswith(b"uid=65534")
    assert b"0(root)" not in ended.stdout
