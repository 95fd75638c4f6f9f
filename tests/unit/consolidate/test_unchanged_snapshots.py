"""A snapshot that changes after it was taken is noticed, whether it is compared with its source or hashed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.consolidate import proving
from strongroom.consolidate.proving import verify_snapshot
from strongroom.core.files import hash_file, is_same_content
from strongroom.sqlite.database import Database, state_of
from strongroom.sqlite.snapshot import Snapshot

LARGE = 5 << 20


@pytest.fixture(params=[LARGE, 1000], ids=["large", "small"])
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def source(tmp_path: Path, size: int) -> Path:
    path = tmp_path / "shop.db"
    path.write_bytes(os.urandom(size))
    return path


@pytest.fixture
def snapshot(tmp_path: Path, source: Path) -> Snapshot:
    copy = tmp_path / "backup" / "shop.db"
    copy.parent.mkdir()
    copy.write_bytes(source.read_bytes())
    digest = hash_file(copy)
    return Snapshot(source="shop", path="shop.db", copy=Database(copy), original=str(source), sha256=digest,
                    source_sha256=digest, size=copy.stat().st_size, schema_sha256="",
                    state=state_of(Database(source)))  # fmt: skip


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(at)
        (byte,) = stream.read(1)
        stream.seek(at)
        stream.write(bytes([byte ^ 1]))


def is_noticed(snapshot: Snapshot, source: Path | None) -> bool:
    return bool(verify_snapshot(snapshot, source).differences)


def test_a_snapshot_that_stayed_as_it_was_is_sound(snapshot: Snapshot, source: Path) -> None:
    assert not is_noticed(snapshot, source)
    assert not is_noticed(snapshot, None)


@pytest.mark.parametrize("place", [0, 500, -1])
def test_one_flipped_bit_is_noticed(snapshot: Snapshot, source: Path, size: int, place: int) -> None:
    flip(snapshot.copy.path, place % size)
    assert is_noticed(snapshot, source)
    assert is_noticed(snapshot, None)


@pytest.mark.parametrize("change", [-1, 1])
def test_another_length_is_noticed(snapshot: Snapshot, source: Path, size: int, change: int) -> None:
    with snapshot.copy.path.open("r+b") as stream:
        stream.truncate(size + change)
    assert is_noticed(snapshot, source)


def test_a_source_that_changed_since_does_not_accuse_its_snapshot(snapshot: Snapshot, source: Path) -> None:
    flip(source, 10)
    assert not is_noticed(snapshot, source)
    source.unlink()
    assert not is_noticed(snapshot, source)


def test_a_source_that_changed_as_its_snapshot_did_does_not_excuse_it(snapshot: Snapshot, source: Path) -> None:
    flip(source, 10)
    flip(snapshot.copy.path, 10)
    assert is_noticed(snapshot, source)


def test_a_wrong_hash_of_a_small_snapshot_is_noticed(snapshot: Snapshot, source: Path, size: int) -> None:
    wrong = replace(snapshot, sha256="0" * 64, source_sha256="0" * 64)
    assert is_noticed(wrong, source) == (size != LARGE)


def test_a_large_snapshot_of_an_untouched_source_is_not_hashed_again(
    snapshot: Snapshot, source: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr(proving, "hash_file", lambda path: hashed.append(path) or hash_file(path))
    assert not is_noticed(snapshot, source)
    assert len(hashed) == (size != LARGE)


@pytest.mark.parametrize("length", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_files_are_the_same_when_every_byte_is(tmp_path: Path, length: int) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    content = os.urandom(length)
    one.write_bytes(content)
    two.write_bytes(content)
    assert is_same_content(one, two)
    two.write_bytes(content + b"x")
    assert not is_same_content(one, two)
    assert not is_same_content(two, one)
    if length:
        two.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert not is_same_content(one, two)
