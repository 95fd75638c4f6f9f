"""``consolidate.decide`` at a real terminal, in a process of its own: keys, Ctrl-C, a kill, the question at the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from strongroom.core.plan.decisions import read_decisions
from tests.e2e.undecided_tree import GROUPS, TOKEN, build, decide, read
from tests.faults.scene import Scene

_SECONDS = 30.0
PROMPT = "? help > "


class AtTerminal:
    """A command at a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process, self._master, self.screen = process, master, ""

    def wait_for(self, text: str) -> str:
        """Return what came since the last call, up to a text."""
        came = ""
        end = time.monotonic() + _SECONDS
        while text not in came:
            assert time.monotonic() < end, f"{text!r} does not come: {came!r}"
            came += self._receive(text)
        self.screen += came
        return came

    def _receive(self, text: str) -> str:
        if not select.select([self._master], [], [], 0.2)[0]:
            return ""
        try:
            found = os.read(self._master, 1 << 16)
        except OSError as error:
            raise AssertionError(f"it ended before {text!r}: {self.screen}") from error
        return found.decode(errors="replace")

    def press(self, keys: str, until: str = PROMPT) -> str:
        os.write(self._master, keys.encode())
        return self.wait_for(until)

    def end(self, keys: str = "") -> int:
        """Press the last keys; return the exit code."""
        os.write(self._master, keys.encode())
        end = time.monotonic() + _SECONDS
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.screen += os.read(self._master, 1 << 16).decode(errors="replace")
                except OSError:
                    break
        return self.process.wait(_SECONDS)


@contextmanager
def open_terminal(scene: Scene, *flags: str, columns: int = 80) -> Iterator[AtTerminal]:
    """Run the task at a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    before = termios.tcgetattr(slave)
    argv = [sys.executable, "-m", "strongroom", *scene.argv("decide", *flags)[1:]]
    environment = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        argv, stdin=slave, stdout=slave, stderr=slave, env=environment | {"TERM": "xterm"}, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  # so that Ctrl-C is one
    )  # fmt: skip
    try:
        yield AtTerminal(process, master)
        if process.wait(_SECONDS) >= 0:
            assert termios.tcgetattr(slave) == before, "the terminal is not as it was"
    finally:
        process.kill()
        process.wait(_SECONDS)
        os.close(slave)
        os.close(master)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return build(tmp_path)


def count_kept(scene: Scene) -> int:
    file = scene.home / "decisions.yaml"
    return len(read_decisions(file).decided) if file.exists() else 0


def test_groups_are_decided_by_single_keys_and_the_rest_stays_open(scene: Scene) -> None:
    with open_terminal(scene, "--by", "ann") as typed:
        first = typed.wait_for(PROMPT)
        assert f"1 of {GROUPS}" in first
        assert "new.marks" in first
        assert f"2 of {GROUPS}" in typed.press("2")
        assert count_kept(scene) == 1
        assert f"1 of {GROUPS}" in typed.press("u")
        assert count_kept(scene) == 0
        typed.press("1")
        typed.press("s")
        assert typed.end("q") == 0
    assert f"decided 1 group (run {scene.runs()[-1]})" in typed.screen.replace("\r\n", "\n")
    assert f"{GROUPS - 1} open" in typed.screen
    assert TOKEN not in typed.screen
    assert [one.by for one in read_decisions(scene.home / "decisions.yaml").decided] == ["ann"]


def test_ctrl_c_keeps_what_was_decided_and_is_exit_130(scene: Scene) -> None:
    with open_terminal(scene) as typed:
        typed.wait_for(PROMPT)
        typed.press("1")
        assert typed.end("\x03") == 130
    assert "decided 1 group" in typed.screen
    assert "error: consolidate.decide: interrupted (SIGINT)" in typed.screen
    assert count_kept(scene) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_killed_at_any_moment_nothing_decided_is_lost_and_the_same_command_goes_on(
    scene: Scene, number: signal.Signals
) -> None:
    with open_terminal(scene) as typed:
        typed.wait_for(PROMPT)
        typed.press("1")
        typed.press("2")
        typed.process.send_signal(number)
        typed.process.wait(_SECONDS)
    assert count_kept(scene) == 2
    with open_terminal(scene) as again:
        assert f"1 of {GROUPS - 2}" in again.wait_for(PROMPT)
        assert again.end("q") == 0


def test_at_the_end_the_last_choice_may_be_undone(scene: Scene) -> None:
    with open_terminal(scene, "--table", "new.users") as typed:
        assert "1 of 1" in typed.wait_for(PROMPT)
        typed.press("1", until="any other key ends > ")
        assert count_kept(scene) == 1
        typed.press("u")
        assert count_kept(scene) == 0
        typed.press("2", until="any other key ends > ")
        assert typed.end("x") == 0
    assert count_kept(scene) == 1


def test_why_is_typed_as_a_line(scene: Scene) -> None:
    with open_terminal(scene, "--table", "new.users") as typed:
        typed.wait_for(PROMPT)
        typed.press("w", until="follow): ")
        typed.press("newwer\x7f\x7f\x7fer, says Ännchen\r")
        typed.press("2", until="any other key ends > ")
        assert typed.end("\r") == 0
    assert [one.why for one in read_decisions(scene.home / "decisions.yaml").decided] == ["newer, says Ännchen"]


def test_what_is_live_changes_when_the_person_says_yes(tmp_path: Path) -> None:
    scene = build(tmp_path, "--quarantine-budget", "9")
    with open_terminal(scene, "--table", "new.users") as typed:
        typed.wait_for(PROMPT)
        typed.press("2", until="any other key ends > ")
        typed.press("q", until="[y/N] ")
        assert read(scene, "SELECT mail FROM users") == [("ann@live",)]
        assert typed.end("y") == 0
    assert "apply 1 decision" in re.sub(r"\s+", " ", typed.screen)
    assert read(scene, "SELECT mail FROM users") == [("ann@old",)]


def test_anything_but_yes_leaves_what_is_live(tmp_path: Path) -> None:
    scene = build(tmp_path, "--quarantine-budget", "9")
    with open_terminal(scene, "--table", "new.users") as typed:
        typed.wait_for(PROMPT)
        typed.press("2", until="any other key ends > ")
        typed.press("q", until="[y/N] ")
        assert typed.end("\r") == 0
    assert read(scene, "SELECT mail FROM users") == [("ann@live",)]
    assert decide(scene, "--apply").code == 0
    assert read(scene, "SELECT mail FROM users") == [("ann@old",)]


def test_a_wish_for_json_asks_nobody(scene: Scene) -> None:
    with open_terminal(scene, "--json") as typed:
        assert typed.end() == 2
    assert "asks at a terminal" in typed.screen
