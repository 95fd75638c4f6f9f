"""What .github/COLUMNS.md shows runs as it stands there, and the library keeps its promises."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import (
    AlreadyEncryptedError,
    ConfigurationError,
    NotEncryptedError,
    UsageError,
    WrongContextError,
)
from strongroom.keys.errors import KeyNotFoundError
from strongroom.persistence.columns import Columns

KEY, OLD = "c0ffee1e5ca1ab1e0ddba115deadbeef" * 2, "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2
SYSTEM = """\
version: 1
name: shop
title: A shop
audit_log: {log}
keys:
  encryption: {{provider: environment, variable: COLUMN_KEY, previous: [COLUMN_KEY_OLD], encoding: hex}}
  other: {{provider: environment, variable: COLUMN_KEY_OLD, encoding: hex}}
columns:
  - {{postgres: accounts, table: users, primary_key: [id], column: api_key, key: encryption}}
  - {{sqlite: users.db, table: tokens, primary_key: [user_id, name], column: token, key: encryption}}
  - {{sqlite: users.db, table: users, primary_key: [id], column: api_key, key: encryption}}
  - {{postgres: accounts, table: cards, primary_key: [id], column: number, key: encryption}}
  - {{postgres: billing, table: cards, primary_key: [id], column: number, key: other}}
"""


@pytest.fixture(autouse=True)
def _open_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)


@pytest.fixture
def open_columns(tmp_path: Path) -> Callable[..., Columns]:
    (tmp_path / "system.yaml").write_text(SYSTEM.format(log=tmp_path / "keys.jsonl"))

    def make(place: str | None = None, **environment: str) -> Columns:
        return Columns.of_system(tmp_path, place=place, environment=environment or {"COLUMN_KEY": KEY})

    return make


@pytest.fixture
def columns(open_columns: Callable[..., Columns]) -> Columns:
    return open_columns()


def test_values_open_in_their_row_and_null_stays_null(columns: Columns) -> None:
    stored = columns.encrypt("users", "api_key", 7, "planted")
    assert columns.decrypt("users", "api_key", 7, stored) == "planted"
    assert columns.encrypt("users", "api_key", 7, None) is columns.decrypt("users", "api_key", 7, None) is None
    raw = columns.encrypt("tokens", "token", (7, "phone"), b"\0", as_bytes=True)
    assert isinstance(raw, bytes)
    assert columns.decrypt("tokens", "token", (7, "phone"), memoryview(raw)) == b"\0"  # type: ignore[call-overload]
    for row in ((8, "phone"), (7, "laptop"), ("phone", 7)):
        with pytest.raises(WrongContextError):
            columns.decrypt("tokens", "token", row, raw)


def test_both_keys_of_a_rotation_serve(open_columns: Callable[..., Columns]) -> None:
    before, after = open_columns(COLUMN_KEY=OLD), open_columns(COLUMN_KEY=KEY, COLUMN_KEY_OLD=OLD)
    stored = before.encrypt("users", "api_key", 7, "planted")
    assert after.decrypt("users", "api_key", 7, stored) == "planted"
    with pytest.raises(KeyNotFoundError):
        before.decrypt("users", "api_key", 7, after.encrypt("users", "api_key", 7, "planted"))


def test_what_is_no_ciphertext_and_what_is_one_already_is_refused(columns: Columns) -> None:
    with pytest.raises(NotEncryptedError):
        columns.decrypt("users", "api_key", 7, "planted")
    with pytest.raises(AlreadyEncryptedError):
        columns.encrypt("users", "api_key", 7, columns.encrypt("users", "api_key", 7, "planted"))


@pytest.mark.parametrize(
    ("table", "column", "key", "expected"),
    [
        ("users", "name", 7, "is none of columns: (known: cards.number, tokens.token, users.api_key)"),
        ("Users", "api_key", 7, "is none of columns:"),
        ("tokens", "token", 7, "has a primary key of 2 (user_id, name), and got 1"),
        ("users", "api_key", (7, 8), "has a primary key of 1 (id), and got 2"),
        ("users", "api_key", (), "has a primary key of 1 (id), and got 0"),
        ("users", "api_key", 7.5, "holds a value of type float"),
        ("users", "api_key", None, "holds NULL"),
        ("cards", "number", 7, "stands in accounts, billing, and not under the same key"),
    ],
)
def test_what_there_cannot_be_is_named(columns: Columns, table: str, column: str, key: Any, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        columns.encrypt(table, column, key, "planted")
    assert expected in str(caught.value)
    assert "planted" not in str(caught.value)


def test_a_place_says_which_is_meant(open_columns: Callable[..., Columns]) -> None:
    billing = open_columns("billing", COLUMN_KEY=KEY, COLUMN_KEY_OLD=OLD)
    stored = billing.encrypt("cards", "number", 7, "planted")
    assert str(stored).startswith("sr1:other@")
    with pytest.raises(UsageError, match="has no columns: in elsewhere"):
        open_columns("elsewhere")


def test_a_key_that_is_not_set_is_named(open_columns: Callable[..., Columns]) -> None:
    with pytest.raises(KeyNotFoundError, match="COLUMN_KEY is not set"):
        open_columns(OTHER="1").encrypt("users", "api_key", 7, "planted")


def test_threads_share_one(columns: Columns) -> None:
    found: list[object] = []

    def work(number: int) -> None:
        for row in range(200):
            stored = columns.encrypt("users", "api_key", row, f"planted {number}")
            found.append(columns.decrypt("users", "api_key", row, stored))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(map(str, found)) == sorted(f"planted {number}" for number in range(4) for _ in range(200))


def find_block(paper: str, section: str, language: str) -> str:
    """Return the first block of a language under a heading."""
    text = paper.split(f"\n## {section}\n")[1].split("\n## ", maxsplit=1)[0]
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[:1]
    return str(block)


@pytest.fixture
def paper(repository: Path) -> str:
    return (repository / ".github" / "COLUMNS.md").read_text(encoding="utf-8")


@pytest.fixture
def mine(tmp_path: Path, paper: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the system of the paper, as its readers would."""
    folder = tmp_path / "mine"
    folder.mkdir()
    described = find_block(paper, "Which columns", "yaml")
    (folder / "system.yaml").write_text(f"version: 1\nname: mine\ntitle: Mine\n{described}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("ARAGORA_ENCRYPTION_KEY", "wP/uHlyhqx4N26EV3q2+78D/7h5coaseDduhFd6tvu8=")


@pytest.mark.usefixtures("mine")
def test_the_example_of_the_paper_runs(paper: str) -> None:
    names: dict[str, Any] = {}
    exec(compile(find_block(paper, "In the application", "python"), "COLUMNS.md", "exec"), names)
    assert names["stored"].startswith("sr1:encryption@")
    with pytest.raises(WrongContextError):
        names["columns"].decrypt("users", "api_key", 8, names["stored"])


@pytest.mark.usefixtures("mine")
def test_the_recipe_without_strongroom_opens_what_strongroom_wrote(paper: str) -> None:
    recipe = find_block(paper, "Without Strongroom", "python")
    assert "strongroom import" not in recipe
    names: dict[str, Any] = {}
    exec(compile(recipe, "COLUMNS.md", "exec"), names)
    key = bytes.fromhex("c0ffee1e5ca1ab1e0ddba115deadbeef" * 2)
    columns = Columns.of_system("./mine")
    stored = columns.encrypt("users", "api_key", 7, "grün")
    assert names["open_value"](key, stored, '["users","api_key",7]') == b"t" + "grün".encode()
    several = columns.encrypt("tokens", "token", (7, 'a "ü"'), 12)
    assert names["open_value"](key, several, '["tokens","token",7,"a \\"ü\\""]') == b"i12"
    raw = columns.encrypt("tokens", "token", (7, b"\xff"), b"\0", as_bytes=True)
    assert names["open_value"](key, raw, '["tokens","token",7,{"bytes":"/w=="}]') == b"b\0"
    for size in range(50):
        stored = columns.encrypt("users", "api_key", 7, "x" * size)
        assert names["open_value"](key, stored, '["users","api_key",7]') == b"t" + b"x" * size


def test_a_system_without_columns_says_so(tmp_path: Path) -> None:
    (tmp_path / "system.yaml").write_text("version: 1\nname: shop\ntitle: A shop\n")
    with pytest.raises(UsageError, match="has no columns:"):
        Columns.of_system(tmp_path)
    with pytest.raises((UsageError, ConfigurationError)):
        Columns.of_system(tmp_path / "elsewhere")
