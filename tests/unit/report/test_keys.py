"""Single keys from a real terminal, which is as before whatever happens."""

from __future__ import annotations

import os
import pty
import signal
import termios
import threading
import time
from collections.abc import Iterator

import pytest

from strongroom.report import keys
from strongroom.report.keys import Keyboard, open_keyboard
from tests.processes import time_limit


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Give both ends of a terminal, ours as stdin."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as stdin:
        monkeypatch.setattr(keys.sys, "stdin", stdin)
        yield master, slave
    os.close(master)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (b"1q", ["1", "q"]),
        (b"\r\x7f", ["\n", "\x7f"]),
        ("é漢😀".encode(), ["é", "漢", "😀"]),
        (b"\x1b[A", ["\x1b[A"]),
        (b"\xff1", ["\ufffd1"]),
    ],
)
def test_keys_come_one_by_one(terminal: tuple[int, int], typed: bytes, read: list[str]) -> None:
    with open_keyboard() as keyboard:
        os.write(terminal[0], typed)
        assert [keyboard.read() for _ in read] == read


def test_an_escape_alone_is_a_key(terminal: tuple[int, int]) -> None:
    with open_keyboard() as keyboard:
        os.write(terminal[0], b"\x1b")
        assert keyboard.read() == "\x1b"


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, SystemExit, ValueError])
def test_the_terminal_is_put_back_in_every_case(terminal: tuple[int, int], error: type[BaseException] | None) -> None:
    before = termios.tcgetattr(terminal[1])
    with pytest.raises(error or ZeroDivisionError), open_keyboard():  # noqa: PT012  # whatever ends it
        assert not termios.tcgetattr(terminal[1])[3] & termios.ECHO
        raise error or ZeroDivisionError
    assert termios.tcgetattr(terminal[1]) == before


def test_ctrl_c_that_ends_no_wait_is_heeded_all_the_same(terminal: tuple[int, int]) -> None:
    """As it is where the signal comes just before the wait begins; here another thread has it."""

    def interrupt() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    with time_limit(10), open_keyboard() as keyboard:
        began, other = time.monotonic(), threading.Thread(target=interrupt)
        other.start()
        with pytest.raises(KeyboardInterrupt):
            keyboard.read()
        assert time.monotonic() - began < 5
        other.join(5)


def test_a_terminal_that_is_gone_gives_no_more_keys() -> None:
    master, slave = pty.openpty()
    os.close(master)
    assert Keyboard(slave).read() == ""
    os.close(slave)


@pytest.mark.parametrize(("typed", "meant"), [(b"y", True), (b"Y", True), (b"n", False), (b"\r", False)])
def test_only_y_is_yes(
    terminal: tuple[int, int], typed: bytes, meant: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    os.set_blocking(terminal[0], False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys.tty, "setcbreak", lambda fd: (_set(fd), os.write(terminal[0], typed)))
        assert keys.is_confirmed("now? [y/N] ") is meant
    assert capsys.readouterr().out.startswith("now? [y/N] ")


def _set(descriptor: int) -> None:
    mode = termios.tcgetattr(descriptor)
    mode[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)
