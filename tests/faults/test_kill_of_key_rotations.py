"""Cut the power while a key is rotated with its columns, or retired: one new version, and no row is left behind."""

from __future__ import annotations

import os
import random
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.child import Driver
from tests.faults.column_case import (
    BATCH,
    Columns,
    compare,
    describe,
    list_keys,
    open_writers,
    read_journals,
    writing,
)
from tests.faults.column_oracle import Oracle, name_key
from tests.faults.column_tables import SqlitePlace, make_rows
from tests.faults.scene import Ended
from tests.integration.keys.servers import Bao, running_bao
from tests.processes import Child

SEED = 20261128
STEPS = ("pending", "all rotated", "columns marked", "promoted", "sealed", "written", "committed", "finished", "walked")
PATH = "shop/columns"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with running_bao(tmp_path_factory.mktemp("bao")) as server:
        writes = (f"secret/data/{PATH}* create update read", f"secret/destroy/{PATH}* update")
        server.allow("columns", *writes, f"secret/metadata/{PATH}* read", f"secret/delete/{PATH}* update")
        yield server


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Child]]:
    with open_writers(tmp_path_factory.mktemp("writers"), dict(os.environ)) as found:
        yield found


ROWS = make_rows(f"{SEED}")


class Kept:
    """A key in a vault, and columns under its first version."""

    def __init__(self, root: Path, bao: Bao, driver: Driver) -> None:
        self.bao, self.driver = bao, driver
        self.path = f"{PATH}{secrets.token_hex(4)}"
        self.bao.write(self.path, {"key": secrets.token_hex(32)})
        token = root / "token"
        token.touch(mode=0o600)
        token.write_text(bao.issue_token("columns"))
        place = SqlitePlace(root)
        describe(root, place, {"encryption": bao.entry(token, path=self.path)})
        first = "encryption@1"
        self.columns = Columns(root=root, place=place, oracle=self.read_keys(), old=first, new="encryption@2")
        place.build(self.columns.read_sealed(ROWS, first))

    def read_keys(self) -> Oracle:
        """Return what the vault holds, as its administrator sees it."""
        latest = {name: text for name, text in self.bao.read(self.path).items() if len(str(text)) == 64}
        held = {f"encryption@{name.partition('@')[2]}": text for name, text in latest.items() if "@" in name}
        return Oracle({name: bytes.fromhex(text) for name, text in ({"encryption@1": latest["key"]} | held).items()})

    def list_versions(self) -> list[tuple[str, str]]:
        return list_keys(self.driver, self.columns.system, self.columns.where())

    def run(self, task: str, *flags: str, **where: Any) -> Ended:
        return self.driver.run(self.columns.argv(task, *flags), **self.columns.where(**where))

    def rotate(self, **where: Any) -> Ended:
        return self.run("keys.rotate", "--key", "encryption", "--without-escrow", "a test", "--json", **where)

    def retire(self, version: str, *flags: str, **where: Any) -> Ended:
        return self.run("keys.retire", "--key", "encryption", "--version", version, "--at-once", *flags, **where)

    def check(self, expected: Any) -> list[str]:
        """Say what is not as whoever wrote last left it."""
        columns = self.columns
        opened = Columns(root=columns.root, place=columns.place, oracle=self.read_keys(), old="", new="")
        return compare(opened.open_all(columns.place.read()), expected)

    def list_ids(self) -> set[str]:
        return {name_key(one) for one in self.columns.place.read().values() if one is not None}


@pytest.fixture
def kept(tmp_path: Path, bao: Bao, driver: Driver) -> Kept:
    return Kept(tmp_path, bao, driver)


def choose_steps(is_nightly: bool) -> list[str]:
    return list(STEPS) if is_nightly else [random.Random(SEED).choice(STEPS[:4]), "committed"]


def test_killed_at_any_step_the_same_command_goes_on_with_the_version_that_it_made(
    kept: Kept, writers: list[Child], is_nightly: bool
) -> None:
    """Applications that began before go on to write under the version of before, and lose nothing."""
    rows = ROWS
    for step in choose_steps(is_nightly):
        before = kept.list_versions()
        with writing(kept.columns, writers, rows, f"{SEED} {step}") as done:
            ended = kept.rotate(checkpoint=step)
            assert ended.code == -signal.SIGKILL, f"{step}: {ended.err}"
        rows = read_journals(kept.columns, rows)
        assert (done.wrong, kept.check(rows)) == ([], []), step
        again = kept.rotate()
        assert again.code == 0, f"{step}: {again.err}"
        found = kept.list_versions()
        active = {version for version, state in found if state == "active"}
        assert (len(found), len(active - {one for one, _ in before})) == (len(before) + 1, 1), step
        assert (kept.check(rows), kept.list_ids()) == ([], active), step


def test_writers_of_before_lose_nothing_and_a_rotation_afterwards_ends_it(kept: Kept, writers: list[Child]) -> None:
    with writing(kept.columns, writers, ROWS, f"{SEED} before") as done:
        ended = kept.rotate()
        assert ended.code in (0, 7), ended.err
    rows = read_journals(kept.columns, ROWS)
    assert (done.wrong, kept.check(rows)) == ([], [])
    assert kept.run("columns.status").code == (0 if kept.list_ids() == {"encryption@2"} else 7)
    assert kept.run("columns.rotate", "--batch-size", str(BATCH)).code == 0
    assert (kept.check(rows), kept.list_ids()) == ([], {"encryption@2"})


def test_a_version_is_retired_once_no_row_needs_it_and_never_before(kept: Kept) -> None:
    assert kept.rotate(checkpoint="promoted").code == -signal.SIGKILL
    ended = kept.retire("1")
    assert ended.code == 6, ended.err
    assert kept.rotate().code == 0
    name, value = ("users", (7,)), "what somebody wrote under the version of before"
    table, column = "users", "api_key"
    sealed = kept.read_keys().seal(value, "encryption@1", table, column, name[1], as_bytes=False)
    place = kept.columns.place
    with place.connect() as connection:
        connection.execute("INSERT INTO users (id, api_key) VALUES (7, ?)", (sealed,))
    connection.close()
    ended = kept.retire("1")
    assert (ended.code, "users.api_key" in ended.error) == (6, True), ended.err
    assert kept.check(ROWS | {name: value}) == []
    assert kept.run("columns.rotate").code == 0
    assert kept.retire("1", checkpoint="retired").code == -signal.SIGKILL
    again = kept.retire("1")
    assert again.code in (0, 2, 6), again.err
    assert [state for version, state in kept.list_versions() if version == "encryption@1"] in (["gone"], [])
    assert (kept.check(ROWS | {name: value}), kept.list_ids()) == ([], {"encryption@2"})
