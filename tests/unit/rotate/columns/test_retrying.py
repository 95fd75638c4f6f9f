"""What may pass is asked for again, so often; rows that others hold are waited for, from the first wait on."""

from __future__ import annotations

import pytest

from strongroom.core.errors import UnreachableError
from strongroom.rotate.columns import retrying
from strongroom.rotate.columns.retrying import TRIES, Patience, try_again


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(retrying.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(retrying.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


@pytest.mark.parametrize("failures", [0, 1, TRIES - 1])
def test_what_passes_is_asked_for_until_it_did(clock: list[float], failures: int) -> None:
    left = iter(range(failures))

    def ask() -> str:
        if next(left, None) is not None:
            raise UnreachableError("server", "is away")
        return "answer"

    assert try_again(ask, UnreachableError) == "answer"
    assert clock[0] < 1020


def test_what_does_not_pass_is_raised_in_the_end(clock: list[float]) -> None:
    asked = []

    def ask() -> None:
        asked.append(1)
        raise UnreachableError("server", "is away")

    with pytest.raises(UnreachableError):
        try_again(ask, UnreachableError)
    assert len(asked) == TRIES


def test_nothing_else_is_asked_for_again() -> None:
    asked = []

    def ask() -> None:
        asked.append(1)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # any
        try_again(ask, UnreachableError)
    assert len(asked) == 1


def test_patience_is_counted_from_the_first_wait(clock: list[float]) -> None:
    patience = Patience()
    clock[0] += 3600
    patience.wait("column", lambda: "process 7")
    assert clock[0] < 4601
    patience.renew()
    clock[0] += 3600
    patience.wait("column", lambda: "process 7")


def test_patience_ends_and_names_who_holds_the_rows(clock: list[float]) -> None:
    patience = Patience()

    def wait_on() -> None:
        while True:
            patience.wait("column", lambda: "process 7")

    with pytest.raises(UnreachableError, match="process 7"):
        wait_on()
    assert retrying.PATIENCE < clock[0] - 1000 < retrying.PATIENCE + 5
