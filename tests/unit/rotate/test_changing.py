"""A database is encrypted, rekeyed, decrypted where it stands: nothing is lost, one key opens it, nothing is left."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from strongroom import rotate
from strongroom.core.errors import (
    DifferencesError,
    GuardError,
    KeyMissingError,
    LockedError,
    RollbackFailedError,
    StaleError,
    UsageError,
)
from strongroom.core.files import locked
from strongroom.rotate import Changed, Earlier, Request, Surroundings, changing, recoding, rekeying
from strongroom.sqlite import transfer
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import Passphrase
from tests.e2e.vault import KEYS, can_open, find_planted, open_vault, read_vault, write_vault
from tests.unit.rotate.vaults import NOW, around, ask, companions, make, read

Act = Callable[[Request, Surroundings], Changed]
PASSPHRASE = "thirty-two characters, no digits"


def encrypt(file: Path, checkpoint: Callable[[str], None] = lambda _: None) -> Changed:
    return rotate.encrypt(ask(file), around(checkpoint))


def rekey(file: Path, checkpoint: Callable[[str], None] = lambda _: None) -> Changed:
    return rotate.rekey(ask(file, new_key="second"), around(checkpoint))


def decrypt(file: Path, checkpoint: Callable[[str], None] = lambda _: None) -> Changed:
    return rotate.decrypt(ask(file, reason="a test"), around(checkpoint))


CHANGES: dict[Callable[..., Changed], tuple[str | None, str | None]] = {
    encrypt: (None, "vault"),
    rekey: ("vault", "second"),
    decrypt: ("vault", None),
}
each_change = pytest.mark.parametrize("change", list(CHANGES), ids=lambda change: change.__name__)


def openers(file: Path) -> list[str | None]:
    return [name for name in (None, *KEYS) if can_open(file, None if name is None else KEYS[name])]


def rotations(file: Path) -> list[Path]:
    return sorted((file.parent / ".strongroom" / "rotations").iterdir())


def document(file: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((rotations(file)[-1] / "rotation.json").read_text())
    return found


# --- what becomes of it ---------------------------------------------------------------------------


@pytest.mark.parametrize("wal", [False, True])
@each_change
def test_all_that_it_holds_is_there_and_one_key_opens_it(
    tmp_path: Path, change: Callable[..., Changed], wal: bool
) -> None:
    before, after = CHANGES[change]
    file = make(tmp_path / "app.db", before, wal=wal)
    content = read(file, before)
    changed = change(file)
    assert read(file, after) == content
    assert openers(file) == [after]
    assert companions(file) == []
    assert (changed.key_before, changed.key_after, changed.journal_mode) == (before, after, "wal" if wal else "delete")
    assert change is rekey or (changed.tables, changed.rows > 400) == (8, True)


@each_change
def test_what_stands_in_a_log_comes_along(tmp_path: Path, change: Callable[..., Changed]) -> None:
    before, after = CHANGES[change]
    file = make(tmp_path / "app.db", before, wal=True)
    leave_log(file, before, "INSERT INTO tags VALUES ('from the log', 9)")
    assert companions(file) == ["-wal"]
    change(file)
    assert ("from the log", 9) in read_vault(file, after and KEYS[after], "SELECT k, n FROM tags")
    assert (openers(file), companions(file)) == ([after], [])


def leave_log(file: Path, key: str | None, sql: str) -> None:
    """Leave a database as an application does that was killed: what it wrote last stands in the log."""
    log = file.with_name(f"{file.name}-wal")
    with closing(open_vault(file, key and KEYS[key])) as connection:
        connection.isolation_level = None
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(sql)
        kept, main = log.read_bytes(), file.read_bytes()
    file.write_bytes(main)
    log.write_bytes(kept)


@each_change
def test_what_was_there_is_kept_for_its_owner_only_but_under_no_key_that_was_given_up(
    tmp_path: Path, change: Callable[..., Changed]
) -> None:
    before, _ = CHANGES[change]
    file = make(tmp_path / "app.db", before)
    content = read(file, before)
    changed = change(file)
    (folder,) = rotations(file)
    for place in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    if change is rekey:
        assert changed.kept is None
        assert [path.name for path in folder.iterdir()] == ["rotation.json"]
    else:
        assert changed.kept == str(folder / "original.db")
        assert read(folder / "original.db", before) == content


def test_the_file_keeps_its_owner_and_permissions(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db")
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 1234)
    owner = (file.stat().st_uid, file.stat().st_gid)
    encrypt(file)
    assert (stat.S_IMODE(file.stat().st_mode), (file.stat().st_uid, file.stat().st_gid)) == (0o640, owner)


def test_a_link_stays_one_and_its_file_is_changed(tmp_path: Path) -> None:
    file, link = make(tmp_path / "data" / "app.db"), tmp_path / "old.db"
    link.symlink_to("data/app.db")
    encrypt(link)
    assert link.is_symlink()
    assert openers(file) == ["vault"]
    assert not (tmp_path / ".strongroom").exists()


@pytest.mark.parametrize("pragma", ["auto_vacuum = FULL", "auto_vacuum = INCREMENTAL", "encoding = 'UTF-16le'"])
def test_what_is_settled_when_a_file_is_made_is_kept(tmp_path: Path, pragma: str) -> None:
    file = write_vault(tmp_path / "app.db", f"PRAGMA {pragma}; CREATE TABLE t (a); INSERT INTO t VALUES ('é')", None)
    name = pragma.partition(" ")[0]
    said = read_vault(file, None, f"PRAGMA {name}")
    encrypt(file)
    assert read_vault(file, KEYS["vault"], f"PRAGMA {name}") == said
    decrypt(file)
    assert read_vault(file, None, f"PRAGMA {name}") == said
    assert read_vault(file, None, "SELECT a FROM t") == [("é",)]


def test_nothing_that_is_encrypted_stands_anywhere_in_plain_but_in_what_is_kept(tmp_path: Path) -> None:
    planted = "planted/rotation/zephyr-quartz"
    file = write_vault(tmp_path / "app.db", f"CREATE TABLE t (a); INSERT INTO t VALUES ('{planted}')", None)
    seen: list[str] = []

    def look(step: str) -> None:
        if step not in ("swapped", "done"):
            return
        seen.extend(find_planted(tmp_path, values=[planted]))

    changed = encrypt(file, look)
    assert {line.partition(": ")[0] for line in seen} == {changed.kept}
    rotate.remove_original(ask(file), around(), rotate.Work.ENCRYPT)
    rotate.rekey(ask(file, new_key="second"), around())
    assert find_planted(tmp_path, values=[planted]) == []


def test_no_document_holds_a_key_and_the_reason_is_recorded(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db")
    encrypt(file)
    rekey(file)
    rotate.decrypt(ask(file, "second", reason="handed to the auditors"), around())
    assert document(file)["reason"] == "handed to the auditors"
    said = b"".join(path.read_bytes() for path in (tmp_path / ".strongroom").rglob("*.json"))
    assert not [name for name, key in KEYS.items() if key.encode() in said.lower()]


# --- what is done already, and what would be done -------------------------------------------------


@each_change
def test_the_same_command_again_has_nothing_to_do(tmp_path: Path, change: Callable[..., Changed]) -> None:
    file = make(tmp_path / "app.db", CHANGES[change][0])
    change(file)
    before = file.read_bytes()
    assert change(file).nothing_done
    assert file.read_bytes() == before
    assert len(rotations(file)) == 1


@each_change
def test_a_dry_run_writes_nothing(tmp_path: Path, change: Callable[..., Changed]) -> None:
    key = CHANGES[change][0]
    file = make(tmp_path / "app.db", key)
    before = file.read_bytes()
    request = {"encrypt": ask(file, dry_run=True), "rekey": ask(file, new_key="second", dry_run=True)}
    asked = request.get(change.__name__, ask(file, reason="r", dry_run=True))
    changed = getattr(rotate, change.__name__)(asked, around())
    assert (changed.dry_run, changed.nothing_done, changed.rotation) == (True, False, None)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_passphrase_of_an_existing_database_gives_way_to_a_raw_key(tmp_path: Path) -> None:
    file = tmp_path / "app.db"
    with closing(sqlcipher.connect(file)) as connection:
        connection.set_key(PASSPHRASE)
        connection.execute("CREATE TABLE t (a)")
    held = around()
    given = Surroundings(now=held.now, keys={**held.keys, "old": Passphrase(PASSPHRASE)})
    rotate.rekey(ask(file, "old", new_key="vault"), given)
    assert openers(file) == ["vault"]
    with closing(sqlcipher.connect(file)) as connection:
        connection.set_key(PASSPHRASE)
        with pytest.raises(sqlcipher.DatabaseError):
            connection.execute("SELECT * FROM t")
    with pytest.raises(UsageError, match="key old: is a passphrase") as caught:
        rotate.rekey(ask(file, "vault", new_key="old"), given)
    assert "keys.init" in caught.value.hint
    plain = make(tmp_path / "plain.db")
    with pytest.raises(UsageError, match="key old: is a passphrase"):
        rotate.encrypt(ask(plain, "old"), given)
    assert openers(plain) == [None]


# --- nobody is there when it is swapped -----------------------------------------------------------


@each_change
def test_nobody_can_read_or_write_from_the_copy_to_the_swap(tmp_path: Path, change: Callable[..., Changed]) -> None:
    before, _ = CHANGES[change]
    file = make(tmp_path / "app.db", before)
    said: dict[str, str] = {}

    def try_it(step: str) -> None:
        if step in ("copied", "proven", "intended"):
            said[step] = read_elsewhere(file, before)

    change(file, try_it)
    assert said
    assert set(said.values()) == {"database is locked"}


def read_elsewhere(file: Path, key: str | None) -> str:
    """Read a database in another process: locks do not keep out the process that holds them."""
    code = (
        "import sys; from sqlcipher3 import dbapi2 as s; c = s.connect(sys.argv[1], timeout=0)\n"
        'if len(sys.argv) > 2: c.set_key("x\'" + sys.argv[2] + "\'")\n'
        "try: print(c.execute('SELECT count(*) FROM people').fetchone())\n"
        "except s.Error as error: print(error)"
    )
    words = [sys.executable, "-c", code, str(file), *([KEYS[key]] if key else [])]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.mark.parametrize("change", [encrypt, decrypt])
def test_what_an_application_leaves_beside_the_new_file_is_not_taken_for_the_old_one_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[..., Changed]
) -> None:
    file = make(tmp_path / "app.db", CHANGES[change][0], wal=True)
    journal = file.with_name("app.db-journal")
    seen: list[bool] = []
    plain = recoding.opens

    def look(database: Database) -> bool:
        if database.path == file:  # by now the connection is closed that held the old file
            seen.append(journal.exists())
            journal.unlink(missing_ok=True)
        return plain(database)

    monkeypatch.setattr(recoding, "opens", look)
    change(file, lambda step: journal.write_bytes(b"another's") if step == "swapped" else None)
    assert seen == [True]


@each_change
def test_another_run_in_the_same_folder_is_waited_for(tmp_path: Path, change: Callable[..., Changed]) -> None:
    file = make(tmp_path / "app.db", CHANGES[change][0])
    (tmp_path / ".strongroom").mkdir()
    before = file.read_bytes()
    with locked(tmp_path / ".strongroom" / "lock"), pytest.raises(LockedError):
        change(file)
    assert file.read_bytes() == before


# --- what is found wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("change", [encrypt, decrypt])
@pytest.mark.parametrize("wal", [False, True])
def test_a_copy_that_is_not_the_same_is_not_put_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[..., Changed], wal: bool
) -> None:
    file = make(tmp_path / "app.db", CHANGES[change][0], wal=wal)
    content = read(file, CHANGES[change][0])
    plain = transfer._copy_rows
    monkeypatch.setattr(transfer, "_copy_rows", lambda table: f"{plain(table)} LIMIT 1")
    with pytest.raises(DifferencesError, match="its copy has another table"):
        change(file)
    assert read(file, CHANGES[change][0]) == content
    assert rotations(file) == []


def test_a_rekey_that_says_ok_and_does_nothing_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(tmp_path / "app.db", "vault")
    monkeypatch.setattr(rekeying, "_change_key", lambda _connection, _case: None)
    with pytest.raises(RollbackFailedError, match="was said to be rekeyed, and is not"):
        rekey(file)
    assert openers(file) == ["vault"]
    monkeypatch.undo()
    assert rekey(file).earlier is Earlier.UNDONE
    assert openers(file) == ["second"]


# --- what a killed command left, and others come upon ---------------------------------------------


class Kill(BaseException):
    """Ends a command as nothing else does: what it has begun stays."""


def kill_at(change: Callable[..., Changed], file: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(name: str) -> None:
        if name == step:
            raise Kill

    with monkeypatch.context() as patch:
        patch.setattr(changing, "_undo", lambda *_: None)
        with pytest.raises(Kill):
            change(file, fall)


@each_change
def test_a_dry_run_says_that_a_change_was_interrupted_and_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[..., Changed]
) -> None:
    file = make(tmp_path / "app.db", CHANGES[change][0])
    kill_at(change, file, "intended", monkeypatch)
    with pytest.raises(StaleError, match="was interrupted in the middle") as caught:
        rotate.encrypt(ask(file, dry_run=True), around())
    assert f"./inv sqlcipher.{change.__name__} --database {file}" in caught.value.hint
    assert document(file)["phase"] == "changing"


def test_another_command_does_not_go_on_where_one_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path / "app.db", "vault")
    kill_at(rekey, file, "rekeyed", monkeypatch)
    for act in (decrypt, lambda file: rotate.rekey(ask(file, new_key="first"), around())):
        with pytest.raises(GuardError, match=r"was interrupted in the middle of sqlcipher\.rekey") as caught:
            act(file)
        assert "--key vault --new-key second" in caught.value.hint
    assert rekey(file).earlier is Earlier.FINISHED


def test_what_nobody_changed_yet_is_no_obstacle_to_another_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path / "app.db", "vault")
    kill_at(rekey, file, "copied", monkeypatch)
    assert decrypt(file).earlier is Earlier.UNDONE
    assert openers(file) == [None]


def test_where_neither_key_opens_it_nothing_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(tmp_path / "app.db", "vault")
    kill_at(rekey, file, "intended", monkeypatch)
    copy = rotations(file)[0] / "original.db"
    file.write_bytes(make(tmp_path / "other.db", "first").read_bytes())
    before = (file.read_bytes(), copy.read_bytes())
    with pytest.raises(RollbackFailedError, match="is opened by neither of key vault and key second") as caught:
        rekey(file)
    assert caught.value.exit_code == 9
    assert str(copy) in caught.value.hint
    assert (file.read_bytes(), copy.read_bytes()) == before


def test_where_both_keys_open_it_nothing_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(tmp_path / "app.db", "vault")
    kill_at(rekey, file, "intended", monkeypatch)
    file.write_bytes(b"")
    with pytest.raises(RollbackFailedError, match="is opened by both"):
        rekey(file)
    assert (rotations(file)[0] / "original.db").stat().st_size


def test_a_file_that_lost_its_journal_in_a_rekey_does_not_cost_its_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path / "app.db", "vault")
    other = make(tmp_path / "other.db", "second")
    kill_at(rekey, file, "intended", monkeypatch)
    torn = bytearray(file.read_bytes())
    torn[8 * 4096 : 12 * 4096] = other.read_bytes()[8 * 4096 : 12 * 4096]  # pages of the new key, and no journal
    file.write_bytes(torn)
    with pytest.raises(RollbackFailedError, match=r"is damaged in the middle of sqlcipher\.rekey"):
        rekey(file)
    copy = rotations(file)[0] / "original.db"
    assert len(read(copy, "vault")[0]) == 399
    assert document(file)["phase"] == "changing"


def test_a_plain_file_that_somebody_put_back_is_not_taken_for_the_encrypted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path / "app.db")
    plain = file.read_bytes()
    kill_at(encrypt, file, "swapped", monkeypatch)
    file.write_bytes(plain)
    with pytest.raises(RollbackFailedError, match="somebody put it back"):
        encrypt(file)
    assert file.read_bytes() == plain


@pytest.mark.parametrize("edit", [lambda text: text.replace("vault", "first"), lambda text: text[:40]])
def test_a_document_that_was_edited_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Callable[[str], str]
) -> None:
    file = make(tmp_path / "app.db", "vault")
    kill_at(rekey, file, "rekeyed", monkeypatch)
    paper = rotations(file)[0] / "rotation.json"
    paper.write_text(edit(paper.read_text()))
    with pytest.raises(GuardError, match=r"rotation\.json"):
        rekey(file)


def test_the_time_of_a_change_is_recorded(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db")
    encrypt(file)
    assert document(file)["began"] == document(file)["ended"] == NOW.isoformat().replace("+00:00", "Z")


def test_databases_of_one_folder_do_not_get_into_each_other_s_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make(tmp_path / "one.db", "vault"), make(tmp_path / "other.db", "vault")
    kill_at(rekey, one, "rekeyed", monkeypatch)
    assert rekey(other).earlier is Earlier.NONE
    assert rekey(one).earlier is Earlier.FINISHED
    assert [kept.database for kept in rotate.list_kept(tmp_path)] == []
    rotate.decrypt(ask(one, "second", reason="r"), around())
    assert [(kept.database, kept.key) for kept in rotate.list_kept(tmp_path)] == [("one.db", "second")]


def test_our_own_directory_may_lie_further_up_and_its_lock_be_held_by_who_asks(tmp_path: Path) -> None:
    file = make(tmp_path / "deep" / "app.db", "vault", wal=True)
    (tmp_path / ".strongroom").mkdir()
    request = ask(file, new_key="second", home=tmp_path, is_locked=True)
    with locked(tmp_path / ".strongroom" / "lock"):
        rotate.rekey(request, around())
    assert openers(file) == ["second"]
    assert [path.name for path in file.parent.iterdir()] == ["app.db"]
    (folder,) = (tmp_path / ".strongroom" / "rotations").iterdir()
    assert json.loads((folder / "rotation.json").read_text())["database"] == "deep/app.db"
    assert rotate.rekey(request, around()).journal_mode == "wal"
    with pytest.raises(GuardError, match="does not lie in"):
        rotate.rekey(ask(file, new_key="first", home=tmp_path / "deep" / "other"), around())


def test_a_key_that_is_not_at_hand_is_named(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db")
    with pytest.raises(KeyMissingError, match="key nobody: is not at hand"):
        rotate.encrypt(ask(file, "nobody"), around())
    assert list(tmp_path.iterdir()) == [file]
