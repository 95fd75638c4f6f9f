"""Whoever waits for a sign of a run of backups is told how it ended, however it did; telling never fails it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strongroom.backup.catalog import Catalog
from strongroom.backup.request import Surroundings
from strongroom.core.backup_entry import BackupEntry
from strongroom.core.errors import DifferencesError, ExitCode, KeyMissingError, TerminatedError, UnreachableError
from strongroom.tasks._signals import Signals
from tests.integration.keys.servers import Playing, playing
from tests.unit.backup.histories import NOW

ADDRESS = "/a-canary-of-the-switch"


@dataclass
class Told:
    """One task's signals, and what was said beside them."""

    signals: Signals
    metrics: Path
    asked: list[str]
    said: list[str] = field(default_factory=list)

    def read_code(self) -> str:
        lines = self.metrics.read_text().splitlines()
        (line,) = [one for one in lines if one.startswith("strongroom_backup_last_exit_code")]
        return line.rpartition(" ")[2]


@pytest.fixture
def switch() -> Iterator[Playing]:
    with playing() as server:
        yield server


@pytest.fixture
def told(tmp_path: Path, switch: Playing) -> Told:
    said: list[str] = []
    entry = BackupEntry.model_validate(
        {
            "store": {"kind": "folder", "path": "/srv/copies"},
            "metrics": str(tmp_path / "shop.prom"),
            "ping": {"variable": "PING"},
        }
    )
    around = Surroundings(
        now=lambda: NOW,
        environment={"PING": f"http://127.0.0.1:{switch.port}{ADDRESS}"},
        say=lambda subject, fact: said.append(f"{subject}: {fact}"),
    )
    signals = Signals(system="shop", entry=entry, task="create", around=around)
    return Told(signals=signals, metrics=tmp_path / "shop.prom", asked=switch.asked, said=said)


def paths(told: Told) -> list[str]:
    return [path.removeprefix(ADDRESS) for _, path, *_ in told.asked]


def fail(error: BaseException) -> Callable[[], ExitCode]:
    def work() -> ExitCode:
        raise error

    return work


@pytest.mark.parametrize("code", [ExitCode.DONE, ExitCode.DECISION])
def test_a_task_that_ends_is_told_with_its_code(told: Told, code: ExitCode) -> None:
    assert told.signals.tell(lambda: code, Catalog) is code
    assert paths(told) == ["/start", f"/{int(code)}" if code else ""]
    assert (told.read_code(), told.said) == (f"{float(code)}", [])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DifferencesError("set", "is damaged"), 3),
        (KeyMissingError("key", "is not there"), 12),
        (TerminatedError("backup", "was stopped"), 143),
        (KeyboardInterrupt(), 130),
        (SystemExit(5), 5),
        (SystemExit("words"), 1),
        (ZeroDivisionError(), 1),
    ],
)
def test_a_task_that_fails_is_told_and_fails_as_it_did(told: Told, error: BaseException, code: int) -> None:
    with pytest.raises(type(error)) as raised:
        told.signals.tell(fail(error), Catalog)
    assert raised.value is error
    assert paths(told) == ["/start", f"/{code}"]
    assert told.read_code() == f"{float(code)}"


def test_signals_that_fail_are_said_and_fail_nothing(told: Told, switch: Playing) -> None:
    switch.say((500, {"at": "a loss"}))
    told.metrics.mkdir()
    assert told.signals.tell(lambda: ExitCode.DONE, fail_to_read) is ExitCode.DONE
    assert [one.partition(": ")[0] for one in told.said] == ["ping", "metrics", "metrics", "ping"]
    assert "the catalog cannot be read: /srv/copies: is away" in told.said[1]
    assert not [one for one in told.said if ADDRESS in one]


def fail_to_read() -> Catalog:
    raise UnreachableError("/srv/copies", "is away")


def test_an_address_that_is_missing_is_said_and_fails_nothing(told: Told) -> None:
    bare = Surroundings(now=lambda: NOW, say=told.signals.around.say)
    signals = Signals(system="shop", entry=told.signals.entry, task="create", around=bare)
    assert signals.tell(lambda: ExitCode.DONE, Catalog) is ExitCode.DONE
    assert told.said == ["ping: backup: ping: PING holds none"]
    assert (told.read_code(), told.asked) == ("0.0", [])


def test_nobody_is_told_where_nobody_is_named(tmp_path: Path) -> None:
    entry = BackupEntry.model_validate({"store": {"kind": "folder", "path": "/srv/copies"}})
    signals = Signals(system="shop", entry=entry, task="create", around=Surroundings(now=lambda: NOW))
    assert signals.tell(lambda: ExitCode.DONE, fail_to_read) is ExitCode.DONE  # the catalog is not read
    assert list(tmp_path.iterdir()) == []
