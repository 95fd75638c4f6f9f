"""The copy of a source is proven page by page, whatever its log holds."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from strongroom.consolidate.verify.copies import Look, begin_look, prove_copy, prove_document
from strongroom.consolidate.verify.wal import read_log, sum_up
from strongroom.sqlite.database import Database


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A database in WAL mode with a writer that stays open, so that nothing is checkpointed by closing."""

    path: Path
    writer: sqlite3.Connection

    @property
    def log(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    @property
    def index(self) -> Path:
        return self.path.with_name(self.path.name + "-shm")

    def write(self, *statements: str) -> None:
        for statement in statements:
            self.writer.execute(statement)


@contextmanager
def written(path: Path, *, page_size: int = 4096, mode: str = "wal") -> Iterator[Scene]:
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(f"PRAGMA page_size = {page_size}")
        writer.execute(f"PRAGMA journal_mode = {mode}")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        writer.execute("INSERT INTO t WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
                       "SELECT i, hex(randomblob(40)) FROM n")  # fmt: skip
        yield Scene(path=path, writer=writer)


def prove(scene: Scene, *, change: Callable[[Path], None] = lambda _: None, during: str = "",
          look: Look | None = None) -> tuple[str, ...]:  # fmt: skip
    """Copy as a run does, spoil the copy, and prove it."""
    copy = scene.path.with_name("copy.db")
    copy.unlink(missing_ok=True)
    original = Database(scene.path)
    look = look or begin_look(original)
    with scene.path.open("rb") as file, closing(sqlite3.connect(f"file:{scene.path}?mode=ro", uri=True)) as reader:
        reader.isolation_level = None
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if during:
            scene.write(during)
        with closing(sqlite3.connect(copy)) as made:
            reader.backup(made)
        change(copy)
        return prove_copy(original, Database(copy), look, file, reader)


MUCH = "UPDATE t SET v = hex(randomblob(60))"
MOMENTS = {
    "one commit": [],
    "several commits": [
        "UPDATE t SET v = 'a' WHERE id < 9", "INSERT INTO t VALUES (900, 'b')", "DELETE FROM t WHERE id = 3"
    ],
    "an uncommitted tail": ["UPDATE t SET v = 'a'", "PRAGMA cache_size = 1", "BEGIN", MUCH],
    "a rollback": ["PRAGMA cache_size = 1", "BEGIN", MUCH, "ROLLBACK", "INSERT INTO t VALUES (901, 1)"],
    "a checkpoint": ["UPDATE t SET v = 'a'", "PRAGMA wal_checkpoint(PASSIVE)"],
    "a log begun anew over old frames": [
        "UPDATE t SET v = 'a'", "PRAGMA wal_checkpoint(RESTART)", "UPDATE t SET v = 'b' WHERE id = 7"
    ],
    "a truncated log": ["UPDATE t SET v = 'a'", "PRAGMA wal_checkpoint(TRUNCATE)"],
    "a shrunken database": ["DELETE FROM t WHERE id > 20", "VACUUM"],
}  # fmt: skip


@pytest.mark.parametrize("statements", MOMENTS.values(), ids=MOMENTS.keys())
@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_a_faithful_copy_is_proven(tmp_path: Path, statements: list[str], page_size: int) -> None:
    with written(tmp_path / "a.db", page_size=page_size) as scene:
        scene.write(*statements)
        assert prove(scene) == ()
        if scene.writer.in_transaction:
            scene.write("ROLLBACK")


@pytest.mark.parametrize("statements", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_copy_with_any_page_changed_is_found(tmp_path: Path, statements: list[str]) -> None:
    with written(tmp_path / "a.db") as scene:
        scene.write(*statements)
        pages = scene.writer.execute("PRAGMA page_count").fetchone()[0]
        if scene.writer.in_transaction:
            pages = 5
        for page in range(pages):
            assert prove(scene, change=lambda copy, page=page: flip(copy, page * 4096 + 120)), page
        if scene.writer.in_transaction:
            scene.write("ROLLBACK")


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def test_a_copy_of_the_file_without_its_log_is_found(tmp_path: Path) -> None:
    with written(tmp_path / "a.db") as scene:
        scene.write("PRAGMA wal_checkpoint(TRUNCATE)", "UPDATE t SET v = 'x' WHERE id = 1")
        assert prove(scene, change=lambda copy: shutil.copyfile(scene.path, copy))


def test_a_copy_of_an_earlier_commit_is_found(tmp_path: Path) -> None:
    with written(tmp_path / "a.db") as scene:
        scene.write("UPDATE t SET v = 'x' WHERE id = 1")
        prove(scene)
        kept = scene.path.with_name("copy.db").read_bytes()
        scene.write("UPDATE t SET v = 'y' WHERE id = 1")
        assert prove(scene, change=lambda copy: copy.write_bytes(kept))


def test_what_is_committed_while_it_is_copied_does_not_matter(tmp_path: Path) -> None:
    with written(tmp_path / "a.db") as scene:
        assert prove(scene, during="UPDATE t SET v = 'later' WHERE id < 100") == ()


def test_what_is_committed_between_the_look_and_the_copy_belongs_to_it(tmp_path: Path) -> None:
    with written(tmp_path / "a.db") as scene:
        look = begin_look(Database(scene.path))
        scene.write("UPDATE t SET v = 'later' WHERE id < 100")
        assert prove(scene, look=look) == ()
        scene.write("PRAGMA wal_checkpoint(RESTART)", "UPDATE t SET v = 'anew' WHERE id < 5")
        assert prove(scene, look=look) == ()


def test_a_commit_that_is_in_the_log_and_not_seen_yet_may_be_missing(tmp_path: Path) -> None:
    """As between a commit's sync and its entry into the index, which takes long on a busy disk."""
    with written(tmp_path / "a.db") as scene:
        scene.write("UPDATE t SET v = 'x' WHERE id = 1")
        with scene.index.open("r+b", buffering=0) as index:
            before = index.read(96)
            scene.write("UPDATE t SET v = 'y' WHERE id = 1")
            index.seek(0)
            after = index.read(96)
            index.seek(0)
            index.write(before)
            assert prove(scene) == ()
            kept = scene.path.with_name("copy.db").read_bytes()
            index.seek(0)
            index.write(after)
        assert prove(scene, change=lambda copy: copy.write_bytes(kept))
        assert prove(scene) == ()


def test_what_a_crash_left_out_of_the_index_is_seen(tmp_path: Path) -> None:
    with written(tmp_path / "a.db") as scene:
        scene.write("PRAGMA wal_checkpoint(TRUNCATE)", "UPDATE t SET v = 'x' WHERE id = 1")
        empty = bytes(scene.index.stat().st_size)
        for file in (scene.path, scene.log):
            shutil.copyfile(file, file.with_name(file.name.replace("a.db", "crashed.db")))
        crashed = Database(tmp_path / "crashed.db")
        crashed.beside("-shm").write_bytes(empty)
        log = read_log(crashed.beside("-wal"))
        assert log is not None
        assert begin_look(crashed) == Look(log.salts, 1)


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist"])
def test_without_a_log_the_copy_is_the_file(tmp_path: Path, mode: str) -> None:
    with written(tmp_path / "a.db", mode=mode) as scene:
        assert prove(scene, change=lambda copy: shutil.copyfile(scene.path, copy)) == ()
        assert prove(scene, change=lambda copy: (shutil.copyfile(scene.path, copy), flip(copy, 5000)))
        assert prove(scene, change=lambda copy: copy.write_bytes(scene.path.read_bytes()[:-4096]))


def test_a_damaged_tail_of_a_log_is_not_read(tmp_path: Path) -> None:
    with written(tmp_path / "a.db") as scene:
        scene.write("UPDATE t SET v = 'a'")
        whole = read_log(scene.log)
        assert whole is not None
        size = scene.log.stat().st_size
        scene.write("UPDATE t SET v = 'b' WHERE id = 1")
        longer = read_log(scene.log)
        assert longer is not None
        assert len(longer.commits) == len(whole.commits) + 1
        damaged = tmp_path / "damaged-wal"
        damaged.write_bytes(scene.log.read_bytes())
        flip(damaged, size + 100)
        assert read_log(damaged) == whole
        damaged.write_bytes(scene.log.read_bytes()[: size + 1000])
        assert read_log(damaged) == whole


@pytest.mark.parametrize("at", [0, 5, 9, 17, 25])
def test_a_log_with_a_damaged_header_is_none(tmp_path: Path, at: int) -> None:
    with written(tmp_path / "a.db") as scene:
        damaged = tmp_path / "damaged-wal"
        damaged.write_bytes(scene.log.read_bytes())
        flip(damaged, at)
        assert read_log(damaged) is None
    assert read_log(tmp_path / "nothing") is None


def test_both_byte_orders_are_summed_up(tmp_path: Path) -> None:
    """The byte order is that of the machine which wrote the log; here it is written anew in the other one."""
    with written(tmp_path / "a.db") as scene:
        scene.write("UPDATE t SET v = 'a'", "INSERT INTO t VALUES (1000, 'b')")
        log = read_log(scene.log)
        assert log is not None
        content = bytearray(scene.log.read_bytes())
    assert struct.unpack(">I", content[:4])[0] == 0x377F0682
    content[:4] = struct.pack(">I", 0x377F0683)
    state = sum_up(">", bytes(content[:24]), (0, 0))
    content[24:32] = struct.pack(">2I", *state)
    for start in range(32, len(content), 24 + 4096):
        frame = content[start : start + 24 + 4096]
        state = sum_up(">", bytes(frame[24:]), sum_up(">", bytes(frame[:8]), state))
        content[start + 16 : start + 24] = struct.pack(">2I", *state)
    other = tmp_path / "other-wal"
    other.write_bytes(content)
    assert read_log(other) == log


def test_a_document_is_copied_byte_for_byte(tmp_path: Path) -> None:
    for name, content in (("one", b"{}\n"), ("two", b"{}\n"), ("three", b"{}")):
        (tmp_path / name).write_bytes(content)
    assert prove_document(tmp_path / "one", Database(tmp_path / "two")) == ()
    assert prove_document(tmp_path / "one", Database(tmp_path / "three"))
