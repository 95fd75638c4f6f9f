"""A repository in a bucket: of moto, by restic itself; and through a server that refuses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.backup.stores.lease import held
from strongroom.backup.stores.restic import ResticStore
from strongroom.backup.stores.restic_making import make_restic, open_bucket, open_restic
from strongroom.core import backup_entry
from strongroom.core.errors import (
    DifferencesError,
    KeyMissingError,
    NotInitialisedError,
    UnreachableError,
    VersionError,
)
from strongroom.core.secret import Secret
from tests.integration.keys.servers import find_port
from tests.unit.backup.stores.conftest import ABOUT, FILES, NOW, PASSWORD, stage, surroundings
from tests.unit.backup.stores.s3 import (
    ACCESS,
    SECRET,
    Asked,
    Said,
    answering,
    bucket_at,
    objects_at,
    passing_on,
    refuse,
)
from tests.unit.backup.stores.test_restic import read_tree

SET = "20261127_120000"


def entry_at(address: str, prefix: str = "shop/prod") -> backup_entry.ResticStore:
    return backup_entry.ResticStore(kind="restic", bucket=bucket_at(address, prefix), password="backup")


def open_at(address: str, stage_at: Path, **environment: str) -> ResticStore:
    around = surroundings(**{"SHOP_ACCESS": ACCESS, "SHOP_SECRET": SECRET, "AWS_ACCESS_KEY_ID": "other"} | environment)
    entry = entry_at(address)
    assert entry.bucket is not None
    objects, password = open_bucket(entry.bucket, around), Secret(PASSWORD)
    return open_restic(entry, objects=objects, about=ABOUT, password=password, stage=stage_at, around=around)


@pytest.fixture
def filled(moto: str, empty: Path) -> Iterator[str]:
    """Yield the address of a bucket with an empty repository, and clear it away."""
    objects = objects_at(moto)
    for path in (empty / "restic").rglob("*"):
        if path.is_file():
            objects.write(path.relative_to(empty).as_posix(), path.read_bytes())
    yield moto
    for name in objects.list(""):
        objects.delete(name)


@contextmanager
def refusing(address: str, *methods: str, status: int = 403, code: str = "AccessDenied") -> Iterator[str]:
    """Yield the address of a server that is another one but refuses what these methods do to the repository."""

    def judge(asked: Asked) -> Said | None:
        return refuse(status, code) if asked.method in methods and "/restic/" in asked.path else None

    with answering(passing_on(address, judge)) as (between, _):
        yield between


def test_a_set_goes_into_a_bucket_and_comes_out_of_it(filled: str, tmp_path: Path) -> None:
    store = open_at(filled, tmp_path / "stage")
    with held(store.objects, NOW, task="backup.create"):
        locator = store.put(SET, stage(store, SET, FILES))
    assert [one.locator for one in store.list_content()] == [locator]
    store.fetch(locator, tmp_path / "out")
    assert read_tree(tmp_path / "out") == FILES
    assert store.examine([locator]) == ()
    store.objects.delete(next(name for name in store.objects.list("restic/data/")))
    assert store.examine([locator])
    with held(store.objects, NOW, task="backup.prune"):
        store.remove([locator])
        store.sweep()
    assert store.objects.list("restic/data/") == []


def test_what_refuses_to_delete_is_told_and_nothing_is_lost(filled: str, tmp_path: Path) -> None:
    with refusing(filled, "DELETE") as address:
        store = open_at(address, tmp_path / "stage")
        with held(store.objects, NOW, task="backup.create"):
            locator = store.put(SET, stage(store, SET, FILES))
            with pytest.raises(KeyMissingError, match=r"Access Denied|does not let us"):
                store.remove([locator])
    direct = open_at(filled, tmp_path / "stage")
    assert [one.locator for one in direct.list_content()] == [locator]
    with held(direct.objects, NOW, task="backup.prune"):
        direct.sweep()
    direct.fetch(locator, tmp_path / "out")
    assert read_tree(tmp_path / "out") == FILES


def test_what_refuses_to_write_is_told_and_the_next_set_goes_in(filled: str, tmp_path: Path) -> None:
    with refusing(filled, "PUT") as address:
        store = open_at(address, tmp_path / "stage")
        with held(store.objects, NOW, task="backup.create"), pytest.raises(KeyMissingError, match="Access Denied"):
            store.put(SET, stage(store, SET, FILES))
    direct = open_at(filled, tmp_path / "stage")
    with held(direct.objects, NOW, task="backup.create"):
        locator = direct.put(SET, stage(direct, SET, FILES))
    assert direct.examine([locator]) == ()


def test_a_server_that_is_away_is_told_before_restic_tries_for_long(filled: str, tmp_path: Path) -> None:
    store = open_at(f"http://127.0.0.1:{find_port()}", tmp_path / "stage")
    for act in (store.list_content, store.sweep, lambda: store.fetch("0" * 64, tmp_path / "out")):
        with pytest.raises(UnreachableError, match="does not answer"):
            act()


def test_a_bucket_without_a_repository_is_not_initialised(moto: str, tmp_path: Path) -> None:
    with pytest.raises(NotInitialisedError, match="holds no repository"):
        open_at(moto, tmp_path / "stage").list_content()


def test_credentials_are_named_by_the_system_alone(moto: str, tmp_path: Path) -> None:
    with pytest.raises(KeyMissingError, match="SHOP_SECRET holds none"):
        open_at(moto, tmp_path / "stage", SHOP_SECRET="")


def test_restic_gets_the_credentials_and_nobody_sees_them(filled: str, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "restic"
    program.parent.mkdir()
    show = f"{{ printf '%s\\0' \"$@\"; cat /proc/self/environ; }} >> {tmp_path / 'seen'}"
    program.write_text(f'#!/bin/sh\n{show}\nexec {shutil.which("restic")} "$@"\n')
    program.chmod(0o755)
    signed = list[str]()

    def note(asked: Asked) -> None:
        signed.append(asked.headers.get("Authorization", ""))

    with answering(passing_on(filled, note)) as (address, _):
        store = open_at(address, tmp_path / "stage", PATH=f"{program.parent}:/usr/bin:/bin")
        assert store.list_content() == ()
        with pytest.raises(DifferencesError):
            store.read_file("0" * 64, "manifest.json")
    assert signed
    assert all(f"Credential={ACCESS}/" in text for text in signed)
    seen = (tmp_path / "seen").read_bytes()
    assert b"snapshots" in seen
    assert b"other" not in seen
    for secret in (ACCESS, SECRET, PASSWORD):
        assert secret.encode() not in seen


def test_a_store_is_not_made_where_conditions_are_passed_over(filled: str, tmp_path: Path) -> None:
    answer = passing_on(filled, lambda _: None)

    def without_condition(asked: Asked) -> Said:
        headers = {name: value for name, value in asked.headers.items() if name != "If-None-Match"}
        return answer(replace(asked, headers=headers))

    around = surroundings(SHOP_ACCESS=ACCESS, SHOP_SECRET=SECRET)
    with answering(without_condition) as (address, _):
        words: dict[str, Any] = {
            "about": ABOUT,
            "password": Secret(PASSWORD),
            "stage": tmp_path / "stage",
            "around": around,
        }
        objects = open_bucket(bucket_at(address, "shop/other"), around)
        with pytest.raises(VersionError, match="two tasks could change the store at once"):
            make_restic(entry_at(address, "shop/other"), objects=objects, **words)
        assert objects.list("") == []


def test_the_name_of_an_access_key_may_be_a_word_of_our_paths(filled: str, tmp_path: Path) -> None:
    store = open_at(filled, tmp_path / "stage", SHOP_ACCESS="directory", PATH=f"{tmp_path}/directory:/usr/bin:/bin")
    assert store.list_content() == ()
