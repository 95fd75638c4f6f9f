"""What stands in the way is one line with an exit code and a hint, in our words; and every byte stays what it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from strongroom import rotate
from strongroom.core.errors import StrongroomError
from strongroom.rotate import refusals
from tests.e2e.vault import KEYS, open_vault
from tests.processes import open_child
from tests.unit.rotate.vaults import around, ask, make

COMMANDS: dict[str, Callable[[Path], object]] = {
    "encrypt": lambda file: rotate.encrypt(ask(file), around()),
    "rekey": lambda file: rotate.rekey(ask(file, new_key="second"), around()),
    "decrypt": lambda file: rotate.decrypt(ask(file, reason="r"), around()),
    "verify": lambda file: rotate.verify(ask(file), around()),
}
DRY = {
    "encrypt": lambda file: rotate.encrypt(ask(file, dry_run=True), around()),
    "rekey": lambda file: rotate.rekey(ask(file, new_key="second", dry_run=True), around()),
    "decrypt": lambda file: rotate.decrypt(ask(file, reason="r", dry_run=True), around()),
}
MISLEADING = ("PRAGMA key", "file is not a database", "not an error", "SQL logic", "malformed")
SHELL = """
import sys
from sqlcipher3 import dbapi2
connection = dbapi2.connect(sys.argv[1], isolation_level=None)
if sys.argv[2]:
    connection.set_key(f"x'{sys.argv[2]}'")
for line in sys.stdin:
    connection.execute(line).fetchone()
    print("done", flush=True)
"""


def photograph(folder: Path) -> dict[str, bytes]:
    """Return what is there, but for what reading a database in WAL mode may leave."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.endswith("-shm") and path.stat().st_size
    }


def refuse(command: str, file: Path, code: int, *words: str) -> StrongroomError:
    """Check that a command ends with an exit code and these words, and changes nothing; the dry run says the same."""
    before = photograph(file.parent)
    for commands in (COMMANDS, DRY):
        if command not in commands:
            continue
        with pytest.raises(StrongroomError) as caught:
            commands[command](file)
        said = str(caught.value)
        assert caught.value.exit_code == code, said
        for word in words:
            assert word in f"{Path(caught.value.subject).name}: {caught.value.fact}"
        assert caught.value.hint
        assert not [text for text in MISLEADING if text in caught.value.fact]
        assert not [name for name, key in KEYS.items() if key in said + caught.value.hint]
        assert photograph(file.parent) == before
        left = file.parent / ".strongroom" / "rotations"
        assert not left.exists() or list(left.iterdir()) == []
    return caught.value


def key_of(command: str) -> str | None:
    return None if command == "encrypt" else "vault"


every_command = pytest.mark.parametrize("command", list(COMMANDS))
of_encrypted = pytest.mark.parametrize("command", ["rekey", "decrypt", "verify"])
every_change = pytest.mark.parametrize("command", list(DRY))


# --- the file -------------------------------------------------------------------------------------


@every_command
def test_a_file_that_is_not_there(tmp_path: Path, command: str) -> None:
    refuse(command, tmp_path / "nothing.db", 5, "there is no such file")


@of_encrypted
def test_another_key(tmp_path: Path, command: str) -> None:
    file = make(tmp_path / "app.db", "first")
    refuse(command, file, 12, "is not opened by key vault")


def test_another_key_than_the_one_that_it_is_encrypted_with_already(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db", "first")
    refuse("encrypt", file, 12, "is not opened by key vault")


@pytest.mark.parametrize("command", ["rekey", "verify"])
def test_a_plain_file(tmp_path: Path, command: str) -> None:
    file = make(tmp_path / "app.db")
    refuse(command, file, 12, "is not encrypted")


@every_command
def test_an_empty_file(tmp_path: Path, command: str) -> None:
    file = tmp_path / "app.db"
    file.touch()
    refuse(command, file, 6, "is empty")


@every_command
@pytest.mark.parametrize("size", [50, 4096 - 100, 4096 * 12, 4096 * 12 + 100])
def test_a_truncated_file(tmp_path: Path, command: str, size: int) -> None:
    file = make(tmp_path / "app.db", key_of(command))
    os.truncate(file, size)
    refuse(command, file, 6, "truncated")


@of_encrypted
@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_file_in_an_older_format(tmp_path: Path, command: str, version: int) -> None:
    file = tmp_path / "app.db"
    with closing(sqlcipher.connect(file)) as connection:
        connection.set_key(f"x'{KEYS['vault']}'")
        connection.execute(f"PRAGMA cipher_compatibility = {version}")
        connection.execute("CREATE TABLE t (a)")
    error = refuse(command, file, 13, "is in the format of SQLCipher")
    assert "cipher_migrate" in error.hint


@every_command
def test_what_is_no_database_at_all(tmp_path: Path, command: str) -> None:
    file = tmp_path / "app.db"
    file.write_bytes(bytes(range(256)) * 64)
    refuse(command, file, 12, "key vault")


@every_change
def test_a_damaged_page(tmp_path: Path, command: str) -> None:
    file = make(tmp_path / "app.db", key_of(command))
    with file.open("r+b") as stream:
        stream.seek(4096 * 5)
        stream.write(b"\xff" * 4096)
    before = photograph(tmp_path)
    with pytest.raises(StrongroomError, match="is damaged") as caught:
        COMMANDS[command](file)
    assert caught.value.exit_code == 6
    assert photograph(tmp_path) == before
    assert list((tmp_path / ".strongroom" / "rotations").iterdir()) == []


def test_a_damaged_page_is_named_when_the_file_is_verified(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db", "vault")
    with file.open("r+b") as stream:
        stream.seek(4096 * 5)
        stream.write(b"\xff" * 4096)
    checked = rotate.verify(ask(file), around())
    assert checked.exit == 6
    assert {check.name: check.is_ok for check in checked.checks} == {
        "header": True,
        "size": True,
        "pages": False,
        "structure": False,
    }
    assert "page 6" in checked.checks[2].detail


# --- what lies beside it --------------------------------------------------------------------------


@of_encrypted
def test_a_log_of_another_key(tmp_path: Path, command: str) -> None:
    file, other = (
        make(tmp_path / "app.db", "vault", wal=True),
        make(tmp_path / "elsewhere" / "app.db", "first", wal=True),
    )
    with closing(open_vault(other, KEYS["first"])) as connection:
        connection.executescript("PRAGMA wal_autocheckpoint = 0; DELETE FROM people WHERE id < 300")
        log = other.with_name("app.db-wal").read_bytes()
    file.with_name("app.db-wal").write_bytes(log)
    error = refuse(command, file, 6, "app.db-wal", "is not the log of app.db")
    assert "move it away" in error.hint
    file.with_name("app.db-wal").unlink()
    COMMANDS[command](file)


@every_command
def test_a_journal_that_must_be_rolled_back_first(tmp_path: Path, command: str) -> None:
    key = key_of(command)
    file = make(tmp_path / "app.db", key)
    leave_journal(file, key)
    refuse(command, file, 6, "was left in the middle of a write")


def leave_journal(file: Path, key: str | None) -> None:
    """Leave a database as an application does that was killed in a transaction: half of it written, and a journal."""
    copy = file.parent / "copy"
    copy.mkdir()
    with closing(open_vault(file, key and KEYS[key])) as connection:
        connection.isolation_level = None
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA cache_spill = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE people SET name = name || hex(randomblob(300))")
        for name in ("app.db", "app.db-journal"):
            shutil.copy(file.with_name(name), copy / name)
        connection.execute("ROLLBACK")
    for name in ("app.db", "app.db-journal"):
        shutil.move(copy / name, file.with_name(name))
    copy.rmdir()
    with file.with_name("app.db-journal").open("r+b") as journal:  # synced, as before the pages were written
        head = journal.read(12)
        assert head[:8] == bytes.fromhex("d9d505f920a163d7")


# --- who else is there ----------------------------------------------------------------------------


@contextmanager
def application(file: Path, key: str | None, *statements: str) -> Iterator[None]:
    """Let another process hold a database open, after these statements."""
    words = [sys.executable, "-c", SHELL, str(file), KEYS[key] if key else ""]
    with open_child(words) as child:
        for statement in statements:
            child.tell(statement)
            assert child.read_line() == "done"
        yield


@every_change
@pytest.mark.parametrize("wal", [False, True])
@pytest.mark.parametrize("doing", [(), ("BEGIN", "SELECT count(*) FROM people"), ("BEGIN IMMEDIATE",)])
def test_somebody_who_has_it_open(tmp_path: Path, command: str, wal: bool, doing: tuple[str, ...]) -> None:
    key = key_of(command)
    file = make(tmp_path / "app.db", key, wal=wal)
    with application(file, key, "SELECT 1 FROM sqlite_master", *doing):
        refuse(command, file, 6, "is held open by process")
    COMMANDS[command](file)


@every_change
def test_a_reader_whom_proc_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    key = key_of(command)
    file = make(tmp_path / "app.db", key)
    monkeypatch.setattr("strongroom.runs.exclusive.find_openers", lambda _: ())
    with application(file, key, "BEGIN", "SELECT count(*) FROM people"):
        refuse(command, file, 6, "its locks show it")
        monkeypatch.setattr("strongroom.runs.exclusive.shows_locks", lambda _: False)
        with pytest.raises(StrongroomError, match="cannot be taken for ourselves") as caught:
            COMMANDS[command](file)
        assert caught.value.exit_code == 6
    COMMANDS[command](file)


# --- where it lies --------------------------------------------------------------------------------


@every_change
def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    file = make(tmp_path / "app.db", key_of(command))
    room = SimpleNamespace(free=file.stat().st_size)
    monkeypatch.setattr(refusals.shutil, "disk_usage", lambda _: room)
    refuse(command, file, 14, "MB are needed beside it")


@every_change
def test_a_file_that_is_read_only(tmp_path: Path, command: str) -> None:
    file = make(tmp_path / "app.db", key_of(command))
    file.chmod(0o444)
    refuse(command, file, 6, "is read-only (mode 0444)")


@every_change
def test_a_file_with_a_second_name(tmp_path: Path, command: str) -> None:
    file = make(tmp_path / "app.db", key_of(command))
    os.link(file, tmp_path / "second.db")
    refuse(command, file, 6, "has 2 names")


@every_change
def test_a_folder_of_ours_that_is_a_link(tmp_path: Path, command: str) -> None:
    file = make(tmp_path / "data" / "app.db", key_of(command))
    (tmp_path / "away").mkdir()
    (tmp_path / "data" / ".strongroom").symlink_to(tmp_path / "away")
    before = file.read_bytes()
    with pytest.raises(StrongroomError, match="leads out of the target") as caught:
        COMMANDS[command](file)
    assert caught.value.exit_code == 6
    assert (file.read_bytes(), list((tmp_path / "away").iterdir())) == (before, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@every_change
def test_a_folder_that_belongs_to_somebody_else(tmp_path: Path, command: str) -> None:
    file = make(tmp_path / "data" / "app.db", key_of(command))
    file.chmod(0o666)
    for folder in (tmp_path, *(one for one in tmp_path.parents if one.name.startswith(("pytest-", "popen-")))):
        folder.chmod(0o755)
    code = """
import os, sys
from pathlib import Path
from tests.unit.rotate.test_refusals import COMMANDS
from strongroom.core.errors import StrongroomError
import strongroom.sqlite.libraries as libraries, strongroom.core.engines as engines
libraries.load_library(engines.Engine.BUNDLED)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try: COMMANDS[sys.argv[1]](Path(sys.argv[2]))
except StrongroomError as error: print(int(error.exit_code), error, error.hint)
"""
    words = [sys.executable, "-c", code, command, str(file)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.startswith("2 ")
    assert "belongs to user 0, and this runs as 65534" in ended.stdout


# --- what is asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_no_reason_for_a_plain_database(tmp_path: Path, reason: Any) -> None:
    file = make(tmp_path / "app.db", "vault")
    with pytest.raises(StrongroomError, match="must say why") as caught:
        rotate.decrypt(ask(file, reason=reason), around())
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("new_key", [None, "vault"])
def test_no_other_key(tmp_path: Path, new_key: Any) -> None:
    file = make(tmp_path / "app.db", "vault")
    with pytest.raises(StrongroomError, match="must name another key") as caught:
        rotate.rekey(ask(file, new_key=new_key), around())
    assert caught.value.exit_code == 2
