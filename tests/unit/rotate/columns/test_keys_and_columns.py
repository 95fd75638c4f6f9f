"""keys.rotate brings a key's columns along, wherever it is killed; keys.retire keeps a version that a value needs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from strongroom.core.secret import Secret
from strongroom.keys import providing
from strongroom.rotate.columns.model import Work
from strongroom.rotate.columns.sqlite_book import Book
from strongroom.rotate.request import Surroundings
from strongroom.tasks import keys as tasks_keys
from tests.column_system import ColumnSystem
from tests.e2e.kept_keys import UNWRITTEN, KeptKeys

ENTRY = {"sqlite": "users.db", "table": "users", "primary_key": ["id"], "column": "secret", "key": "encryption"}
WANT = {n: f"value {n}" for n in range(1, 101)}
Rotate = Callable[..., tuple[int, dict[str, object] | None, str]]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ColumnSystem:
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)
    file = tmp_path / "kept.json"
    KeptKeys(file, "encryption", "ab" * 32)
    monkeypatch.setattr(providing, "open_provider", lambda name, *_: KeptKeys(file, name))
    shop = ColumnSystem(folder=tmp_path, capsys=capsys, monkeypatch=monkeypatch, columns=[ENTRY])
    with closing(sqlite3.connect(tmp_path / "users.db")) as connection:
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, secret TEXT)")
        connection.executemany("INSERT INTO users VALUES (?, ?)", WANT.items())
        connection.commit()
    return shop


def kept(shop: ColumnSystem) -> KeptKeys:
    return KeptKeys(shop.folder / "kept.json", "encryption")


def read(shop: ColumnSystem) -> dict[int, str]:
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        return dict(connection.execute("SELECT id, secret FROM users"))


def rotate(shop: ColumnSystem, *flags: str) -> tuple[int, dict[str, object] | None, str]:
    return shop.run("keys.rotate", "--key", "encryption", UNWRITTEN, *flags)


def heads(shop: ColumnSystem) -> set[str]:
    return {value.split(":")[1] for value in read(shop).values()}


def test_a_key_of_columns_alone_needs_no_target(shop: ColumnSystem) -> None:
    assert shop.run("columns.encrypt")[0] == 0
    code, foreseen, _ = rotate(shop, "--dry-run")
    assert foreseen is not None
    assert (code, foreseen["columns"]["columns"][0]["due"]) == (0, 100)  # type: ignore[index]
    assert heads(shop) == {"encryption@1"}
    code, done, said = rotate(shop, "--columns")
    assert code == 0, said
    assert done is not None
    assert (done["after"], done["columns"]["columns"][0]["changed"]) == ("encryption@2", 100)  # type: ignore[index]
    assert heads(shop) == {"encryption@2"}
    assert shop.open_all(read(shop)) == WANT
    assert kept(shop).read()["states"] == {"1": "previous", "2": "active"}


def test_without_its_columns_they_stay_and_are_told(shop: ColumnSystem) -> None:
    assert shop.run("columns.encrypt")[0] == 0
    assert rotate(shop, "--no-columns")[0] == 2
    assert heads(shop) == {"encryption@1"}


@pytest.mark.parametrize(
    "step", ["pending", "locked", "begun", "all rotated", "columns marked", "promoted", "sealed", "committed", "walked"]
)
def test_killed_anywhere_the_same_command_goes_on_and_makes_no_other_version(
    shop: ColumnSystem, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    assert shop.run("columns.encrypt")[0] == 0

    def stop(_: Surroundings, reached: str) -> None:
        if reached == step:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Surroundings, "reach", stop)
        assert rotate(shop)[0] == 130
    code, _, said = rotate(shop)
    assert code == 0, said
    assert heads(shop) == {"encryption@2"}
    assert kept(shop).read()["states"] == {"1": "previous", "2": "active"}
    assert shop.open_all(read(shop)) == WANT
    assert rotate(shop)[0] == 0
    assert heads(shop) == {"encryption@3"}


def test_a_row_that_does_not_open_is_told_and_does_not_hold_up_the_next_version(shop: ColumnSystem) -> None:
    assert shop.run("columns.encrypt")[0] == 0
    stored = read(shop)
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        connection.execute("UPDATE users SET secret = ? WHERE id = 2", (stored[1],))
        connection.commit()
    code, done, _ = rotate(shop)
    assert done is not None
    assert (code, done["columns"]["columns"][0]["left"]) == (4, 1)  # type: ignore[index]
    assert rotate(shop)[1]["after"] == "encryption@3"  # type: ignore[index]


def test_a_version_stays_while_a_value_needs_it(shop: ColumnSystem) -> None:
    assert shop.run("columns.encrypt")[0] == 0
    old = read(shop)
    assert rotate(shop)[0] == 0
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        connection.execute("UPDATE users SET secret = ? WHERE id = 7", (old[7],))
        connection.commit()
    retire = ("keys.retire", "--key", "encryption", "--version", "1", "--at-once")
    code, _, said = shop.run(*retire)
    assert (code, "1 values of column users.secret" in said) == (6, True)
    assert shop.run("columns.rotate")[0] == 0
    code, done, _ = shop.run(*retire)
    assert code == 0
    assert done["looked_at"] == [f"{shop.folder / 'users.db'}: users.secret"]
    assert kept(shop).read()["states"] == {"1": "gone", "2": "active"}


def test_any_version_stays_while_values_of_an_earlier_format_may_need_it(shop: ColumnSystem) -> None:
    shop.columns = [{**ENTRY, "reads": [{"format": "fernet", "key": "encryption"}]}]
    assert shop.run("columns.encrypt")[0] == 0
    assert rotate(shop)[0] == 0
    token = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        connection.execute("INSERT INTO users VALUES (200, ?)", (token,))
        connection.commit()
    code, _, said = shop.run("keys.retire", "--key", "encryption", "--version", "1")
    assert (code, "earlier format" in said) == (6, True)


def test_a_version_stays_while_a_backup_needs_it(shop: ColumnSystem) -> None:
    shop.about = {"backup": {"store": {"kind": "folder", "path": str(shop.folder / "store")}}}
    (shop.folder / "data").mkdir()
    (shop.folder / "users.db").rename(shop.folder / "data" / "users.db")
    shop.about = {**shop.about, "data_dir": {"default": str(shop.folder / "data")}}
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.run("backup.init")[0] == 0
    code, taken, said = shop.run("backup.create")
    assert code == 0, said
    code, shown, _ = shop.run("backup.show")
    assert [one["column_keys"] for one in shown["members"]] == [["encryption@1"]]
    assert rotate(shop)[0] == 0
    retire = ("keys.retire", "--key", "encryption", "--version", "1", "--at-once")
    code, _, said = shop.run(*retire)
    assert (code, f"set {taken['set']}" in said) == (6, True)
    catalog = next((shop.folder / "store").rglob("catalog/*.json"))
    catalog.unlink()
    assert shop.run(*retire)[0] == 0


@pytest.mark.parametrize("step", ["", "all rotated", "begun", "columns marked", "promoted", "committed"])
def test_a_file_and_its_column_under_one_key_are_rotated_together(
    shop: ColumnSystem, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shop.columns = [{**ENTRY, "encrypted_by": "encryption"}]
    file = str(shop.folder / "users.db")
    assert shop.run("sqlcipher.encrypt", "--database", file, "--key", "encryption")[0] == 0
    assert shop.run("columns.encrypt")[0] == 0

    def stop(_: Surroundings, reached: str) -> None:
        if reached == step:
            raise KeyboardInterrupt

    if step:
        with monkeypatch.context() as patch:
            patch.setattr(Surroundings, "reach", stop)
            assert rotate(shop, "--database", file)[0] == 130
    code, _, said = rotate(shop, "--database", file)
    assert code == 0, said
    code, status, said = shop.run("columns.status", "--open", "--scan")
    assert (code, status["columns"][0]["keys"]) == (0, {"encryption@2": 100}), said
    assert kept(shop).read()["states"] == {"1": "previous", "2": "active"}
    assert shop.run("keys.retire", "--key", "encryption", "--version", "1", "--at-once")[0] == 0
    assert shop.run("columns.status", "--open")[0] == 0


def mark(shop: ColumnSystem, version: str) -> None:
    """Leave behind what a rotation of columns to a version leaves that was killed."""
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        Book(entry=shop.entry()).begin(connection, Work.ROTATE, version)
        connection.commit()


def test_a_rotation_never_goes_back_to_a_version_of_before(shop: ColumnSystem) -> None:
    assert shop.run("columns.encrypt")[0] == 0
    assert rotate(shop)[0] == 0
    mark(shop, "encryption@1")
    code, done, said = rotate(shop)
    assert code == 0, said
    assert done is not None
    assert done["after"] == "encryption@3"
    assert kept(shop).read()["states"] == {"1": "previous", "2": "previous", "3": "active"}
    assert heads(shop) == {"encryption@3"}


def test_a_version_is_not_retired_before_its_columns_came_to_their_end(shop: ColumnSystem) -> None:
    assert shop.run("columns.encrypt")[0] == 0
    assert rotate(shop)[0] == 0
    mark(shop, "encryption@2")
    code, _, said = shop.run("keys.retire", "--key", "encryption", "--version", "1")
    assert code == 6
    assert "columns.rotate to encryption@2 (0 rows so far) was interrupted" in said
    assert shop.run("columns.rotate")[0] == 0
    assert shop.run("keys.retire", "--key", "encryption", "--version", "1", "--at-once")[0] == 0


def test_a_version_that_texts_in_utf_16_need_stays(shop: ColumnSystem) -> None:
    (shop.folder / "users.db").unlink()
    with closing(sqlite3.connect(shop.folder / "users.db")) as connection:
        connection.executescript(
            "PRAGMA encoding = 'UTF-16le'; CREATE TABLE users (id INTEGER PRIMARY KEY, secret TEXT);"
            "INSERT INTO users VALUES (1, 'the only one')"
        )
    assert shop.run("columns.encrypt")[0] == 0
    kept(shop).promote(kept(shop).put_pending(Secret("cd" * 32)))
    code, _, said = shop.run("keys.retire", "--key", "encryption", "--version", "1")
    assert code == 6
    assert "still opens 1 values of column users.secret" in said


def test_a_version_stays_while_applications_may_write_under_it(
    shop: ColumnSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.run("columns.encrypt")[0] == 0
    assert rotate(shop)[0] == 0
    retire = ("keys.retire", "--key", "encryption", "--version", "1")
    code, _, said = shop.run(*retire)
    assert (code, "applications write under that for five minutes" in said) == (6, True)
    assert kept(shop).read()["states"] == {"1": "previous", "2": "active"}
    for minutes, ends in ((5, 6), (6, 0)):
        monkeypatch.setattr(tasks_keys, "read_clock", lambda m=minutes: datetime.now(UTC) + timedelta(minutes=m))
        assert shop.run(*retire)[0] == ends
    assert kept(shop).read()["states"] == {"1": "gone", "2": "active"}
