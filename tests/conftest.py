"""What every test shares: Hypothesis profiles, golden files, an environment without our variables."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.contract import watch

REPOSITORY = Path(__file__).resolve().parents[1]
TOGETHER = {
    "loads": (
        "faults/test_kill_of_loads",
        "integration/containers/test_cutover",
        "integration/containers/test_into_live.py",
        "integration/containers/test_load",
        "integration/containers/test_memory_migrator.py",
    ),
    "engine": ("integration/containers/", "e2e/test_stack", "e2e/test_ops_image.py"),
    "keys": ("integration/keys/",),
}
"""Tests that share one server; one Docker engine, and what they start there; those that share a vault."""
APART = (
    "e2e/test_canary.py",
    "faults/test_kill.py",
    "faults/test_kill_at_the_end.py",
    "faults/test_kill_of_backups.py",
    "faults/test_kill_of_fleets.py",
    "faults/test_kill_of_restores.py",
    "faults/test_kill_of_rotations.py",
    "unit/consolidate/test_references.py",
)
"""Long files, of which each test may run anywhere."""
OUR_VARIABLES = ("ARAGORA_", "INVOKE_", "STRONGROOM_", "ZOE_")
OF_TESTS = "STRONGROOM_TEST_"
"""What begins so is meant for tests, and stays."""

SLOW_MACHINES = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fast", max_examples=20, derandomize=True, database=None, **SLOW_MACHINES)
settings.register_profile("ci", max_examples=50, derandomize=True, database=None, **SLOW_MACHINES)
settings.register_profile("nightly", max_examples=2000, print_blob=True, **SLOW_MACHINES)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write tests/golden anew instead of comparing.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sample(every, whole): by day one case in so many (of the file); nightly all.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the day's sample of marked tests; what is left out counts as deselected, never as passed.

    Of each function (or file: ``whole=True``) one case in so many is left, at least one; ``STRONGROOM_SAMPLE_SEED``
    chooses others. A test that is named on the command line runs.
    """
    if is_nightly_profile() or any("::" in argument for argument in config.args):
        return
    chosen = set(choose_sample(items))
    kept = [item for item in items if item.nodeid in chosen or not item.get_closest_marker("sample")]
    left_out = [item for item in items if item.get_closest_marker("sample") and item.nodeid not in chosen]
    if left_out:
        items[:] = kept
        config.hook.pytest_deselected(items=left_out)


def is_nightly_profile() -> bool:
    return settings.get_current_profile_name() == "nightly"


def name_sampled(item: pytest.Item) -> str:
    """Return of what a marked test is a case: of its function, or with ``whole=True`` of its file."""
    mark = item.get_closest_marker("sample")
    is_whole = mark is not None and mark.kwargs.get("whole", False)
    return item.nodeid.partition("::" if is_whole else "[")[0].removeprefix("tests/")


def choose_sample(items: Sequence[pytest.Item]) -> Iterator[str]:
    functions: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sample"):
            functions.setdefault(name_sampled(item), []).append(item)
    for name, cases in functions.items():
        mark = cases[0].get_closest_marker("sample")
        assert mark is not None
        chance = random.Random(f"{os.environ.get('STRONGROOM_SAMPLE_SEED', '')}{name}")
        yield from (case.nodeid for case in chance.sample(cases, -(-len(cases) // mark.args[0])))


class ByGroup(LoadScopeScheduling):
    """Where several processes test: which tests one of them runs together, those of a file and of what they share."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0].removeprefix("tests/")
        if file in APART:
            return nodeid
        return next((group for group, places in TOGETHER.items() if file.startswith(places)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByGroup:
    """Let ``ByGroup`` decide: pytest-xdist 3.8 cannot pass groups on to pytest 9.2, whose ids are read-only."""
    return ByGroup(config, log)


@pytest.fixture(scope="session", autouse=True)
def _plain_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take away what a developer's shell may set, so that a test sees only what it sets itself.

    What is kept for a user goes into a folder of the tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        ours = [name for name in os.environ if name.startswith(OUR_VARIABLES) and not name.startswith(OF_TESTS)]
        for name in ours:
            patch.delenv(name)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        # For the processes that tests start.
        patch.setenv("PYTHONPATH", os.pathsep.join((str(REPOSITORY / "scripts"), str(REPOSITORY))))
        yield


@pytest.fixture(scope="session", autouse=True)
def _open_to_the_end() -> Iterator[None]:
    """Let no command line that has keys close the process that tests: what it gives up it never gets back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("strongroom.keys.provided.close_process", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _held_to_the_contract() -> Iterator[None]:
    """Hold every result that a command line prints with ``--json`` against its schema."""
    with pytest.MonkeyPatch.context() as patch:
        watch(patch.setattr)
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def is_nightly() -> bool:
    """Tell whether the nightly profile runs: 200 random kills instead of 20, and the like."""
    return is_nightly_profile()


@pytest.fixture
def assert_golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with ``tests/golden/<name>``; ``--update-golden`` writes it instead."""

    def compare(name: str, text: str) -> None:
        path = REPOSITORY / "tests" / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run pytest --update-golden and read it"
        assert text == path.read_text(encoding="utf-8"), f"{path} differs: run pytest --update-golden and read it"

    return compare
