"""What sqlcipher.verify says of sound, damaged, busy and interrupted databases; and what is kept goes when it may."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from strongroom import rotate
from strongroom.core.errors import DamagedSourceError, ExitCode, GuardError, KeyMissingError
from strongroom.rotate import Checked, Surroundings, Work, changing
from tests.e2e.vault import KEYS, open_vault, write_vault
from tests.unit.rotate.test_changing import Kill, leave_log
from tests.unit.rotate.test_refusals import application, photograph
from tests.unit.rotate.vaults import around, ask, make, read


def verify(file: Path, key: str = "vault") -> Checked:
    return rotate.verify(ask(file, key), around())


def said(checked: Checked) -> dict[str, bool | None]:
    return {check.name: check.is_ok for check in checked.checks}


# --- verify ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("wal", [False, True])
def test_a_sound_database_is_said_to_be_so_and_left_alone(tmp_path: Path, wal: bool) -> None:
    file = make(tmp_path / "app.db", "vault", wal=wal)
    before = photograph(tmp_path)
    checked = verify(file)
    assert said(checked) == dict.fromkeys(("header", "size", "pages", "structure", "references"), True)
    assert (checked.exit, checked.key, checked.journal_mode) == (ExitCode.DONE, "vault", "wal" if wal else "delete")
    assert photograph(tmp_path) == before


def test_the_key_that_opens_it_is_found_among_those_at_hand(tmp_path: Path) -> None:
    assert verify(make(tmp_path / "app.db", "second"), "").key == "second"


def test_where_none_of_them_does_all_are_named(tmp_path: Path) -> None:
    file = write_vault(tmp_path / "app.db", "CREATE TABLE t (a)", "ee" * 32)
    with pytest.raises(KeyMissingError, match=r"opened by none of the 3 keys at hand \(first, second, vault\)"):
        verify(file, "")
    with pytest.raises(KeyMissingError, match="no key is at hand"):
        rotate.verify(ask(file, ""), Surroundings(now=around().now))


def test_a_log_that_nobody_uses_is_folded_in_and_every_page_looked_at(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db", "vault", wal=True)
    leave_log(file, "vault", "INSERT INTO tags VALUES ('logged', 1)")
    content = read_copy(tmp_path, file)
    assert said(verify(file))["pages"] is True
    assert list(photograph(tmp_path)) == ["app.db"]
    assert read(file, "vault") == content


def read_copy(folder: Path, file: Path) -> list[object]:
    copies = folder / "copies"
    copies.mkdir()
    for name in (file.name, f"{file.name}-wal"):
        (copies / name).write_bytes(file.with_name(name).read_bytes())
    return read(copies / file.name, "vault")


def test_a_log_that_somebody_uses_is_read_only_and_that_is_said(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db", "vault", wal=True)
    with application(file, "vault", "PRAGMA wal_autocheckpoint = 0", "INSERT INTO tags VALUES ('logged', 1)"):
        before = photograph(tmp_path)
        checked = verify(file)
        assert (said(checked)["pages"], said(checked)["structure"], checked.exit) == (None, True, ExitCode.DONE)
        assert "is held open by process" in checked.checks[2].detail
        assert photograph(tmp_path) == before


def test_a_dry_run_folds_no_log_in(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db", "vault", wal=True)
    leave_log(file, "vault", "INSERT INTO tags VALUES ('logged', 1)")
    before = photograph(tmp_path)
    checked = rotate.verify(ask(file, dry_run=True), around())
    assert said(checked)["pages"] is None
    assert photograph(tmp_path) == before


def test_rows_that_refer_to_nothing_are_counted_and_no_damage(tmp_path: Path) -> None:
    sql = "CREATE TABLE p (a PRIMARY KEY); CREATE TABLE c (a REFERENCES p); INSERT INTO c VALUES (1), (2), (NULL)"
    checked = verify(write_vault(tmp_path / "app.db", sql, KEYS["vault"]))
    assert (said(checked)["references"], checked.checks[-1].detail) == (None, "2 rows of c refer to nothing")
    assert checked.exit is ExitCode.DONE


@pytest.mark.parametrize("page", [2, 9, 30])
def test_a_single_flipped_bit_is_found_wherever_it_is(tmp_path: Path, page: int) -> None:
    file = make(tmp_path / "app.db", "vault")
    content = bytearray(file.read_bytes())
    content[(page - 1) * 4096 + 1000] ^= 1
    file.write_bytes(content)
    checked = verify(file)
    assert (said(checked)["pages"], checked.exit) == (False, ExitCode.REFUSED)
    assert f"page {page}" in checked.checks[2].detail or f"pgno={page}" in checked.checks[2].detail


def test_a_change_that_was_interrupted_is_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(tmp_path / "app.db", "vault")
    interrupt(file, "rekeyed", monkeypatch)
    checked = verify(file, "second")
    assert checked.exit is ExitCode.PENDING
    assert checked.interrupted == f"sqlcipher.rekey --database {file} --key vault --new-key second"


def interrupt(file: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(name: str) -> None:
        if name == step:
            raise Kill

    with monkeypatch.context() as patch:
        patch.setattr(changing, "_undo", lambda *_: None)
        with pytest.raises(Kill):
            rotate.rekey(ask(file, new_key="second"), around(fall))


# --- what is kept ---------------------------------------------------------------------------------


def remove(file: Path, work: Work = Work.ENCRYPT, *, accept: bool = False, dry: bool = False) -> rotate.Removed:
    return rotate.remove_original(ask(file, dry_run=dry), around(), work, accept_changes=accept)


def test_the_plain_file_goes_once_the_encrypted_one_holds_it(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db", wal=True)
    kept = rotate.encrypt(ask(file), around()).kept
    assert [one.key for one in rotate.list_kept(tmp_path)] == [None]
    assert remove(file, dry=True).removed == (kept,)
    assert Path(str(kept)).exists()
    removed = remove(file)
    assert (removed.removed, removed.changes, removed.size > 100_000) == ((kept,), (), True)
    assert not Path(str(kept)).exists()
    assert rotate.list_kept(tmp_path) == ()
    assert remove(file).removed == ()


def test_it_stays_where_the_database_holds_other_than_it_until_that_is_accepted(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db")
    kept = Path(str(rotate.encrypt(ask(file), around()).kept))
    with closing(open_vault(file, KEYS["vault"])) as connection, connection:
        connection.execute("INSERT INTO tags VALUES ('later', 1)")
    with pytest.raises(GuardError, match="holds other than the file that is kept: table tags") as caught:
        remove(file)
    assert (caught.value.exit_code, "--accept-changes" in caught.value.hint, kept.exists()) == (6, True, True)
    assert remove(file, accept=True).changes == ("table tags",)
    assert not kept.exists()


def test_it_stays_where_the_database_is_damaged_or_under_another_key(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db")
    kept = Path(str(rotate.encrypt(ask(file), around()).kept))
    with pytest.raises(KeyMissingError):
        rotate.remove_original(ask(file, "first"), around(), Work.ENCRYPT)
    content = bytearray(file.read_bytes())
    content[4096 * 9] ^= 1
    file.write_bytes(content)
    for accept in (False, True):
        with pytest.raises(DamagedSourceError, match="is damaged"):
            remove(file, accept=accept)
    assert kept.exists()


def test_it_stays_where_a_change_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(tmp_path / "app.db")
    rotate.encrypt(ask(file), around())
    interrupt(file, "rekeyed", monkeypatch)
    with pytest.raises(GuardError, match=r"in the middle of sqlcipher\.rekey"):
        remove(file)


def test_it_is_compared_under_the_key_that_the_database_has_by_now(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db")
    rotate.encrypt(ask(file), around())
    rotate.rekey(ask(file, new_key="second"), around())
    assert len(rotate.remove_original(ask(file, "second"), around(), Work.ENCRYPT).removed) == 1


def test_the_encrypted_file_goes_the_same_way(tmp_path: Path) -> None:
    file = make(tmp_path / "app.db", "vault")
    kept = rotate.decrypt(ask(file, reason="r"), around()).kept
    assert [one.key for one in rotate.list_kept(tmp_path)] == ["vault"]
    assert remove(file).removed == ()
    assert remove(file, Work.DECRYPT).removed == (kept,)
    assert rotate.list_kept(tmp_path) == ()
