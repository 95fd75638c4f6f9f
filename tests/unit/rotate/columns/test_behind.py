"""What is done behind is done one after another, its answers and errors come back, and it keeps nobody from ending."""

from __future__ import annotations

import threading

import pytest

from strongroom.rotate.columns import behind
from strongroom.rotate.columns.behind import working_behind


def test_the_last_answer_comes_back_and_nothing_is_done_at_once() -> None:
    at_work: list[int] = []
    most: list[int] = []

    def do(number: int) -> int:
        at_work.append(number)
        most.append(len(at_work))
        at_work.remove(number)
        return number

    with working_behind(0) as working:
        assert working.wait() == 0
        for number in range(1, 20):
            working.do(lambda number=number: do(number))  # type: ignore[misc]
        assert working.wait() == 19
    assert most == [1] * 19


def test_an_error_comes_back_to_whoever_waits() -> None:
    def fail() -> int:
        raise KeyError("one")

    with pytest.raises(KeyError), working_behind(0) as working:
        working.do(fail)


def test_who_is_interrupted_lets_what_goes_on_end() -> None:
    go, ended = threading.Event(), threading.Event()

    def do() -> int:
        go.wait(timeout=5)
        ended.set()
        return 1

    def interrupt() -> None:
        with working_behind(0) as working:
            working.do(do)
            threading.Timer(0.2, go.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert ended.is_set()


def test_what_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "_LAST_SECONDS", 0.1)
    go = threading.Event()

    def interrupt() -> None:
        with working_behind(0) as working:
            working.do(lambda: int(go.wait(timeout=20)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert not go.is_set()
    go.set()
