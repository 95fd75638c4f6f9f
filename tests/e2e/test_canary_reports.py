"""Reports of tests that fail, as CI keeps them, show no key: whatever function it was given to last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.canary.cases import LEAK, found_in_vault, in_cloud, in_vault
from tests.e2e.canary.house import KEYS, WORDS, Ended, House, build_house
from tests.integration.keys.servers import playing

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = """
import logging
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.sqlite.connection import open_source
from strongroom.sqlite.database import under_key
from strongroom.sqlite.keyring import hold_needed
from strongroom.tasks._keys import open_keys


def test_compares():
    keys = open_keys(None).keys
    logging.getLogger("hvac").error("got %s", keys["vault"].reveal())
    print(keys, list(map(keys.fetch, ("first", "second"))))
    assert keys["vault"] == keys["first"]


def test_opens():
    keys = open_keys(None).keys
    with hold_needed(keys, ["first"]), open_source(under_key(Path({app!r}), "first", Engine.BUNDLED)):
        pass
"""
FETCH = """

def test_{name}():
    open_keys(None).keys.fetch("{name}")
"""
ANSWERS: dict[str, Any] = {
    "cut_in_vault": found_in_vault(WORDS["cut key"]),
    "odd_in_vault": {"data": {"ttl": 0, "data": {"key": [KEYS["vault"]]}, "metadata": {"version": 3}}},
    "elsewhere_in_vault": {"data": {"ttl": 0, "data": {"word": KEYS["vault"]}, "metadata": {"version": 3}}},
    "no_version_in_vault": {"data": {"ttl": 0, "data": {"key": KEYS["vault"]}, "metadata": {}}},
    "denied_in_vault": {"errors": [LEAK]},
    "cut_in_cloud": {"VersionId": "v" * 32, "SecretString": WORDS["cut key"], "ARN": "arn", "Name": "shop"},
    "odd_in_cloud": {"SecretString": KEYS["vault"]},
    "denied_in_cloud": {"__type": "AccessDeniedException", "message": LEAK},
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Build a house with a key for each way in which one can be no good."""
    house = build_house(tmp_path)
    kept = {
        "cut": ({"encoding": "hex"}, WORDS["cut key"].encode()),
        "cut_base64": ({"encoding": "base64"}, WORDS["cut key"].encode()),
        "other_encoding": ({"encoding": "base64"}, KEYS["vault"].encode()),
        "no_text": ({"encoding": "hex"}, b"\xff" + bytes.fromhex(KEYS["vault"])),
        "long": ({"encoding": "raw"}, bytes.fromhex(KEYS["vault"]) + b"\n"),
        "spaced": ({"encoding": "hex"}, f" {KEYS['vault']}".encode()),
        "no_passphrase": ({"encoding": "passphrase"}, KEYS["vault"].encode()),
    }
    entries: dict[str, dict[str, Any]] = {
        name: {"provider": "file", "path": str(house.write_key(name, content)), **about}
        for name, (about, content) in kept.items()
    }
    with ExitStack() as servers:
        for name, said in ANSWERS.items():
            server = servers.enter_context(playing())
            server.say((403 if name == "denied_in_vault" else 400 if name == "denied_in_cloud" else 200, said))
            address = f"http://127.0.0.1:{server.port}"
            entries[name] = in_vault(house, address) if name.endswith("vault") else in_cloud(house, address)
        house.describe(**entries)
        house.write_key("fresh", "x")
        (house.root / "test_failing.py").write_text(
            TESTS.format(app=str(house.app)) + "".join(FETCH.format(name=name) for name in entries)
        )
        yield house


def report(house: House) -> Ended:
    """Run the tests in the house with the options of this repository."""
    words = ["-c", REPOSITORY / "pyproject.toml", "--rootdir", house.root, "-p", "no:cacheprovider"]
    return house.run(*words, f"--junitxml={house.root / 'junit.xml'}", "test_failing.py", program=("-m", "pytest"))


def test_the_report_of_a_test_that_fails_shows_no_key(house: House) -> None:
    ended = report(house)
    assert ended.code == 1, ended.out
    text = (house.root / "junit.xml").read_text()
    assert text.count("<failure") == 2 + 7 + len(ANSWERS), ended.out
    assert "got •••" in ended.out.decode()
    assert (ended.found, house.find_written()) == ((), [])


def test_a_key_that_a_test_shows_itself_is_found(house: House) -> None:
    (house.root / "test_failing.py").write_text(
        f"def test_it():\n    key = '{KEYS['vault']}'\n    assert key is None\n"
    )
    assert report(house).found
    assert [one for one in house.find_written() if one.startswith(f"{house.root / 'junit.xml'}: vault")]


def test_the_options_show_no_variables(repository: Path) -> None:
    """``--showlocals`` shows what every function holds, and no function can hide it."""
    assert "showlocals" not in (repository / "pyproject.toml").read_text()
    assert "showlocals" not in (repository / "scripts" / "strongroom" / "tasks" / "check.py").read_text()
