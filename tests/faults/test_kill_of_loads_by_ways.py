"""Cut the power while the shop is loaded in other ways: what is live is never partial, and the same command ends it."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.vault import find_planted
from tests.faults.child import Driver
from tests.faults.load_case import FIRST, SECOND, SEED, Case, choose_moments, cut_power, survey, survey_live, thin
from tests.faults.load_server import LoadServer, open_server
from tests.faults.load_ways import LIVE_AFTER, LIVE_BEFORE, WAYS
from tests.faults.scene import Ended

PLAIN = ("a tag that is 7", "somebody did something 7", "a line that stands here in vain 7")
"""What nobody is to read in what is under a key."""
OWN = {"by files": ("", "staged"), "into live": ("loaded", ""), "skip existing": ("loaded", "")}
"""Checkpoints between which a way does what no other one does."""
COUNTS = {
    "cutover by files": (FIRST, SECOND),
    "into live": (LIVE_BEFORE, LIVE_AFTER),
    "skip existing": (LIVE_BEFORE, LIVE_AFTER),
}
"""How many rows are live before and after."""


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadServer]:
    with open_server(repository, tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def case(
    request: pytest.FixtureRequest, server: LoadServer, driver: Driver, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    return WAYS[request.param](tmp_path_factory.mktemp("loads") / "shop", server, driver)


def choose(case: Case, way: str, *, is_nightly: bool) -> list[int]:
    """Choose moments: by day of what only this way does, at night of all."""
    after, until = OWN.get(way, ("", ""))
    chosen = choose_moments(case, 60, is_nightly=is_nightly, after=after, until=until)
    return sorted({*chosen, *choose_moments(case, 15, is_nightly=True)}) if is_nightly else chosen


@pytest.mark.sample(2)
@pytest.mark.parametrize(("case", "way"), [(way, way) for way in WAYS if way not in COUNTS], indirect=["case"])
def test_killed_anywhere_nothing_lies_in_plain_and_the_same_load_goes_on(
    case: Case, way: str, is_nightly: bool
) -> None:
    def kill(number: int) -> Ended:
        ended = case.run(moment=number)
        assert case.loads.key is None or find_planted(case.loads.root, values=PLAIN) == []
        return ended

    wrong = survey(case, choose(case, way, is_nightly=is_nightly), kill, -signal.SIGKILL)
    assert not wrong, "\n".join(wrong)


@pytest.mark.sample(3)
@pytest.mark.parametrize(("case", "way"), [(way, way) for way in COUNTS], indirect=["case"])
def test_killed_anywhere_everybody_sees_all_of_before_or_all_of_after(case: Case, way: str, is_nightly: bool) -> None:
    wrong = survey_live(case, choose(case, way, is_nightly=is_nightly), COUNTS[way])
    assert not wrong, "\n".join(wrong)
    status = ["inv", "postgres.status", "--system", str(case.loads.system)]
    said = case.driver.run(status, **case.loads.where()).out
    assert (said.count("as its 1 files say"), said.count("core: 1 differences")) == (2, 1), said
    assert "constraint orders_user_fkey" in said  # which orphans keep from being valid


@pytest.mark.sample(3)
@pytest.mark.parametrize(("case", "way"), [(way, way) for way in COUNTS], indirect=["case"])
def test_the_power_of_the_server_is_cut_and_the_same_command_goes_on(
    case: Case, way: str, tmp_path: Path, is_nightly: bool
) -> None:
    chosen = choose_moments(case, 40, is_nightly=True, after=OWN.get(way, ("",))[0])
    asked = [number for number in chosen if case.trace[number - 1].startswith("server ")]
    moments = thin(asked, 10) if is_nightly else random.Random(SEED).sample(asked, 1)
    wrong = survey(case, moments, lambda number: cut_power(case, number, tmp_path / "hold"), 5)
    assert not wrong, "\n".join(wrong)
