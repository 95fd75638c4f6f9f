"""Cut the power while a restore, or its undo, is at work: each file is the old or the new one, and nobody is needed."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.child import Driver
from tests.faults.restores import (
    add_row,
    check_whole,
    find_kept,
    find_rows_since,
    list_leftovers,
    open_restorer,
    open_shop,
    set_stage,
)
from tests.faults.scene import Ended
from tests.unit.backup.live_data import (
    BACKED_UP,
    CORE,
    LIVE,
    MEMORY,
    NAMES,
    STATE,
    VAULT,
    companions,
    list_own,
    make_live,
    read_all,
)
from tests.unit.backup.scene import Scene

SWAPS = [f"{step}.{name}" for name in NAMES for step in ("aside", "live")]
STEPS = {
    "restore": [
        *("restore.begun", "restore.brought", "restore.prepared", "restore.intended"),
        *(f"restore.{swap}" for swap in SWAPS),
        *("restore.compared", "restore.done", "restore.noted"),
    ],
    "undo": ["undo.intended", *(f"undo.{swap}" for swap in SWAPS), "undo.done"],
    "into": ["into.fetched", "into.settled", "into.published", "into.noted"],
    "table": ["into.fetched", "into.settled", "into.published", "into.noted"],
}
SWAPPING = STEPS["restore"][3:-2]


@dataclass(frozen=True)
class Stage:
    """A data directory at one place, as it is before a restore, and before its undo."""

    shop: Scene
    before: dict[str, Path]
    traces: dict[str, list[str]]
    driver: Driver

    def set(self, work: str) -> None:
        set_stage(self.shop, self.before.get(work, self.before["restore"]))

    def run(self, *words: str, **where: object) -> Ended:
        return self.driver.run([str(self.shop.root), *words], **where)

    def kill(self, work: str, **where: object) -> None:
        """Set the stage, and cut the power of a work on it somewhere."""
        self.set(work)
        ended = self.run(work, **where)
        assert ended.code == -signal.SIGKILL, (where, ended.err)

    def must(self, *words: str) -> None:
        ended = self.run(*words)
        assert ended.code == 0, (words, ended.err)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("restores")
    make_live(folder / "shop")
    shop = open_shop(folder / "shop")
    with open_restorer(tmp_path_factory.mktemp("driver")) as driver:
        stage = Stage(shop, {}, {}, driver)
        stage.before["restore"] = shutil.copytree(shop.data, folder / "restore")
        for work in STEPS:
            if work != "undo":
                stage.set(work)
            ended, stage.traces[work] = driver.trace([str(shop.root), work])
            assert ended.code == 0, ended.err
            if work == "restore":
                stage.before["undo"] = shutil.copytree(shop.data, folder / "undo")
        yield stage


@pytest.mark.parametrize("work", STEPS)
def test_every_step_has_a_kill(stage: Stage, work: str) -> None:
    reached = [line.removeprefix("checkpoint ") for line in stage.traces[work] if line.startswith("checkpoint ")]
    assert reached == STEPS[work]


def moments(stage: Stage, work: str, *, is_nightly: bool, part: int = 0) -> list[dict[str, object]]:
    """Return steps, and changes of files: all at night; by day a half of the steps, 0 or 1, and some changes."""
    changes = sum(line.startswith("change ") for line in stage.traces[work])
    assert changes > 10
    steps, every = (STEPS[work], 1) if is_nightly else (STEPS[work][part::2], 19)
    return [{"checkpoint": step} for step in steps] + [
        {"change": number} for number in range(1 + 7 * part, changes + 1, every)
    ]


@pytest.mark.parametrize("work", ["restore", "undo"])
@pytest.mark.parametrize("way", ["restore", "undo"])
def test_killed_anywhere_either_command_ends_it(stage: Stage, work: str, way: str, is_nightly: bool) -> None:
    wrong = []
    for moment in moments(stage, work, is_nightly=is_nightly, part=int(way == "undo")):
        stage.kill(work, **moment)
        try:
            check_whole(stage.shop)
            stage.must(way)
            assert read_all(stage.shop.data) == (BACKED_UP if way == "restore" else LIVE)
            assert companions(stage.shop.data) == ([] if way == "restore" else ["memory.db-wal"])
            assert list_leftovers(stage.shop) == []
            if way == "restore":
                stage.must("undo")
                assert read_all(stage.shop.data) == LIVE
        except AssertionError as error:
            wrong.append(f"killed at {moment}: {error}")
    assert not wrong, "\n".join(wrong)


def test_another_restore_takes_the_interrupted_one_back_first(stage: Stage, is_nightly: bool) -> None:
    for step in STEPS["restore"][: -2 : 1 if is_nightly else 4]:
        stage.kill("restore", checkpoint=step)
        stage.must("restore", STATE)
        assert read_all(stage.shop.data) == LIVE | {STATE: BACKED_UP[STATE]}
        assert list_leftovers(stage.shop) == []
        stage.must("undo")
        assert read_all(stage.shop.data) == LIVE


@pytest.mark.parametrize("words", [("restore",), ("undo",), ("restore", STATE), ("undo", "discard")])
def test_rows_written_since_the_kill_are_never_given_up_unasked(
    stage: Stage, words: tuple[str, ...], is_nightly: bool
) -> None:
    data, databases = stage.shop.data, {CORE, MEMORY, VAULT}
    steps = SWAPPING if is_nightly else ["restore.intended", f"restore.aside.{MEMORY}", f"restore.live.{VAULT}"]
    for step in steps:
        stage.kill("restore", checkpoint=step)
        left = read_all(data)
        swapped = {name for name in databases if left.get(name) == BACKED_UP[name]}
        for name in databases:
            add_row(data / name)
        written = read_all(data)
        ended = stage.run(*words)
        after = read_all(data)
        assert find_rows_since(data) == databases, words
        if words in (("undo",), ("restore", STATE)) and (swapped or not databases <= left.keys()):
            assert (ended.code, "written since" in ended.err, after) == (6, True, written), words
        else:
            assert ended.code == 0, (words, ended.err)
        if words == ("restore",):
            assert {name: after[name] for name in databases} == {
                name: BACKED_UP[name] + (name in swapped) for name in databases
            }
        if words == ("undo", "discard"):
            is_old = {name for name in databases - swapped if name in left}
            assert {name: after[name] for name in databases} == {
                name: LIVE[name] + (name in is_old) for name in databases
            }


def test_for_an_instant_there_is_no_file_only_where_its_log_holds_something(stage: Stage) -> None:
    for name in NAMES:
        stage.kill("restore", checkpoint=f"restore.aside.{name}")
        assert (stage.shop.data / name).exists() == (name != MEMORY)
        if name == MEMORY:
            assert find_kept(stage.shop, name).keys() == {"old", "new"}


@pytest.mark.parametrize("work", ["restore", "undo"])
def test_a_second_kill_while_the_first_is_repaired_changes_nothing(stage: Stage, work: str, is_nightly: bool) -> None:
    firsts = STEPS[work][3:-2] if is_nightly else [f"{work}.aside.{MEMORY}"]
    for place, first in enumerate(firsts):
        for second in ("restore", "undo"):
            for number in range(1 + place, 80, 7 if is_nightly else 37):
                stage.kill(work, checkpoint=first)
                ended = stage.run(second, change=number)
                check_whole(stage.shop)
                stage.must("restore")
                assert read_all(stage.shop.data) == BACKED_UP, (first, second, number)
                stage.must("undo")
                assert read_all(stage.shop.data) == LIVE, (first, second, number)
                if ended.code != -signal.SIGKILL:
                    break


@pytest.mark.parametrize("work", ["into", "table"])
def test_beside_the_live_data_there_is_a_whole_folder_or_none(stage: Stage, work: str, is_nightly: bool) -> None:
    out = stage.shop.root / "out"
    for moment in [*moments(stage, work, is_nightly=is_nightly), *moments(stage, work, is_nightly=is_nightly, part=1)]:
        stage.kill(work, **moment)
        for is_again in (False, True):
            if is_again:
                stage.must(work)
            if out.exists() or is_again:
                assert sorted(path.name for path in out.rglob("*") if path.is_file()) == sorted(
                    Path(name).name for name in ((VAULT,) if work == "table" else NAMES)
                )
                assert read_all(out) == ({VAULT: 2} if work == "table" else {n: BACKED_UP[n] for n in NAMES})
        assert read_all(stage.shop.data) == LIVE
        assert list_leftovers(stage.shop) == []
    assert list_own(stage.shop) == []
