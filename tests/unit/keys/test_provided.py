"""The face of all providers: lazy, kept in memory for five minutes, and every use noted, failed ones too."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from strongroom.core.config import read_settings
from strongroom.core.errors import UsageError
from strongroom.core.secret import Secret
from strongroom.keys import find_log
from strongroom.keys.errors import KeyFormatError, KeyNotFoundError, ProviderBusyError, ProviderUnreachableError
from strongroom.keys.retrying import ask_again
from strongroom.sqlite.keyring import hold_needed, spell_key
from tests.unit.keys.providers import CANARY, OTHER, Site

ENTRY = {"provider": "environment", "variable": "SHOP_KEY", "encoding": "hex"}


def make_site(folder: Path, **environment: str) -> Site:
    entries = {"vault": ENTRY, "spare": ENTRY | {"variable": "SPARE"}}
    return Site(folder=folder, entries=entries, environment=environment)


def test_to_look_for_a_key_asks_no_provider(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    keys = site.open()
    assert ("vault" in keys, "vault@7" in keys, "other" in keys, len(keys), list(keys)) == (
        True,
        True,
        False,
        2,
        ["vault", "spare"],
    )
    assert not site.log.exists()
    with pytest.raises(KeyError):
        keys["other"]


def test_the_keyring_takes_what_is_provided_and_nothing_else_is_fetched(tmp_path: Path) -> None:
    site = make_site(tmp_path, SHOP_KEY=CANARY)
    with hold_needed(site.open(), ["vault"]):
        assert spell_key("vault") == f"x'{CANARY}'"
    assert [line["key"] for line in site.read_log()] == ["vault"]


def test_a_key_is_fetched_again_after_five_minutes_or_when_the_clock_went_back(tmp_path: Path) -> None:
    site = make_site(tmp_path, SHOP_KEY=CANARY)
    keys = site.open()
    for seconds, fetched in ((0, 1), (299, 1), (2, 2), (200, 2), (-300, 3)):
        site.clock.wait(seconds)
        keys["vault"]
        assert len(site.read_log()) == fetched


def test_each_use_is_noted_with_who_when_what_and_how_it_ended(tmp_path: Path) -> None:
    site = make_site(tmp_path, SHOP_KEY=CANARY, SPARE=CANARY[:-1])
    keys = site.open()
    keys["vault"]
    with pytest.raises(KeyFormatError):
        keys["spare"]
    keys.refresh("vault")
    good, bad, again = site.read_log()
    assert good == {
        "time": "2026-11-27T08:00:00.000+00:00",
        "who": good["who"],
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "task": "keys.check",
        "system": "shop",
        "action": "get",
        "key": "vault",
        "version": "476a4dbc1adc6308",
        "outcome": "done",
        "exit_code": 0,
    }
    assert f"({os.getuid()})" in good["who"]
    assert (bad["key"], bad["outcome"], bad["exit_code"]) == ("spare", "KeyFormatError", 12)
    assert again["action"] == "refresh"
    assert CANARY[:-1] not in site.log.read_text()
    assert stat.S_IMODE(site.log.stat().st_mode) == 0o600
    assert stat.S_IMODE(site.log.parent.stat().st_mode) == 0o700


def test_a_key_that_cannot_be_noted_is_not_handed_out(tmp_path: Path) -> None:
    site = make_site(tmp_path, SHOP_KEY=CANARY)
    site.log.mkdir(parents=True)
    with pytest.raises(ProviderUnreachableError, match="audit log") as caught:
        site.open()["vault"]
    assert (caught.value.exit_code, "audit_log in system.yaml" in caught.value.hint) == (5, True)


def test_what_failed_says_why_even_where_it_cannot_be_noted(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    site.log.mkdir(parents=True)
    with pytest.raises(KeyNotFoundError, match="SHOP_KEY is not set"):
        site.open()["vault"]


def test_the_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    site = make_site(tmp_path, SHOP_KEY=CANARY)
    site.log.parent.mkdir()
    site.log.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProviderUnreachableError):
        site.open()["vault"]
    assert not (tmp_path / "elsewhere").exists()


def test_the_log_is_where_the_system_says_or_among_the_users_own_state(tmp_path: Path) -> None:
    def find(named: str | None, **environment: str) -> str:
        return str(find_log(named, "shop", read_settings(environment)))

    assert find("/var/log/keys.jsonl", HOME="/home/a") == "/var/log/keys.jsonl"
    assert find(None, XDG_STATE_HOME="/state", HOME="/home/a") == "/state/strongroom/shop-keys.jsonl"
    assert find(None, XDG_STATE_HOME="relative", HOME="/home/a") == "/home/a/.local/state/strongroom/shop-keys.jsonl"
    assert find(None).endswith("/.local/state/strongroom/shop-keys.jsonl")


def test_where_this_tool_does_not_write_it_says_so(tmp_path: Path) -> None:
    keys = make_site(tmp_path, SHOP_KEY=CANARY).open()
    assert not keys.can_create("vault")
    for write in (
        lambda: keys.create("vault", Secret(OTHER)),
        lambda: keys.put_pending("vault", Secret(OTHER)),
        lambda: keys.promote("vault", "1"),
        lambda: keys.retire("vault", "1"),
        lambda: keys.label("vault", "1"),
    ):
        with pytest.raises(UsageError, match="SHOP_KEY, where this tool does not write") as caught:
            write()
        assert caught.value.exit_code == 2


def test_who_is_busy_is_asked_three_times_and_who_says_no_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    asked = []

    def refuse(error: Exception, until: int) -> str:
        asked.append(error)
        if len(asked) < until:
            raise error
        return "yes"

    assert ask_again(lambda: refuse(ProviderBusyError("vault", "is busy"), 3)) == "yes"
    busy, sealed = ProviderBusyError("vault", "is busy"), ProviderUnreachableError("vault", "is sealed")
    for error, times in ((busy, 3), (sealed, 1)):
        asked.clear()
        with pytest.raises(ProviderUnreachableError):
            ask_again(lambda error=error: refuse(error, 9))  # type: ignore[misc]
        assert len(asked) == times
