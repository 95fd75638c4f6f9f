"""``columns:`` of system.yaml: what can be refused there is refused, with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.core.errors import ConfigurationError
from strongroom.core.system import read_system

HEAD = """\
version: 1
name: shop
title: A shop
keys:
  encryption: {provider: environment, variable: A, encoding: hex}
  sqlite: {provider: environment, variable: B, encoding: hex}
  pgp: {provider: environment, variable: C, encoding: passphrase}
columns:
"""
WHOLE = "postgres: accounts, table: users, primary_key: [id], column: api_key, key: encryption"
FILE = "sqlite: users.db, table: tokens, primary_key: [user_id, name], column: token, key: encryption"


def read(folder: Path, *entries: str) -> list[str]:
    """Return what is said of these entries; nothing where they are read."""
    (folder / "system.yaml").write_text(HEAD + "".join(f"  - {{{entry}}}\n" for entry in entries))
    try:
        read_system(folder)
    except ConfigurationError as error:
        return [str(error).removeprefix(f"{folder}/")]
    return []


def test_entries_are_read(tmp_path: Path) -> None:
    reads = "reads: [{format: fernet, key: encryption}, {format: pgcrypto, key: pgp, holds: bytes}], was: [a.b]"
    assert read(tmp_path, f"{WHOLE}, {reads}, dsn: OTHER_DSN", f"{FILE}, encrypted_by: sqlite") == []
    one, two = read_system(tmp_path).columns
    assert (one.name, one.place, one.algorithm, one.was) == ("users.api_key", "accounts", "aes-256-gcm", ("a.b",))
    assert [(read.format, read.key, read.holds) for read in one.reads] == [
        ("fernet", "encryption", "text"),
        ("pgcrypto", "pgp", "bytes"),
    ]
    assert (two.place, two.primary_key, two.encrypted_by) == ("users.db", ("user_id", "name"), "sqlite")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (WHOLE.replace("postgres: accounts, ", ""), "columns[0]: needs one of postgres and sqlite"),
        (f"{WHOLE}, sqlite: users.db", "columns[0]: needs one of postgres and sqlite"),
        (f"{FILE}, dsn: OTHER", "columns[0]: dsn goes with postgres"),
        (f"{WHOLE}, encrypted_by: sqlite", "columns[0]: encrypted_by goes with sqlite"),
        (WHOLE.replace("table: users, ", ""), "columns[0].table: is missing"),
        (WHOLE.replace("[id]", "[]"), "columns[0].primary_key: "),
        (WHOLE.replace("[id]", "[id, id]"), "columns[0].primary_key: names a column twice"),
        (WHOLE.replace("[id]", "[id, api_key]"), "columns[0].primary_key: holds api_key itself, which is encrypted"),
        (FILE.replace("name]", "TOKEN]"), "columns[0].primary_key: holds token itself"),
        (FILE.replace("name]", "USER_ID]"), "columns[0].primary_key: names a column twice"),
        (FILE.replace("users.db", "../users.db"), "columns[0].sqlite: must be a file name inside the data directory"),
        (FILE.replace("users.db", "/users.db"), "columns[0].sqlite: must be a file name inside the data directory"),
        (WHOLE.replace("encryption", "encrypton"), "columns[0].key: encrypton is none of keys:"),
        (WHOLE.replace("key: encryption", "key: pgp"), "columns[0].key: pgp is a passphrase, and this needs 32 bytes"),
        (f"{FILE}, encrypted_by: vault", "columns[0].encrypted_by: vault is none of keys:"),
        (f"{WHOLE}, algorithm: fernet", "columns[0].algorithm: must be aes-256-gcm"),
        (f"{WHOLE}, reads: [{{format: rot13, key: pgp}}]", "columns[0].reads[0].format: must be one of"),
        (f"{WHOLE}, reads: [{{format: fernet}}]", "columns[0].reads[0].key: is missing"),
        (f"{WHOLE}, reads: [{{format: fernet, key: pgp}}]", "columns[0].reads[0].key: pgp is a passphrase"),
        (f"{WHOLE}, reads: [{{format: pgcrypto, key: sqlite}}]", "columns[0].reads[0].key: sqlite is no passphrase"),
        (f"{WHOLE}, reads: [{{format: pgcrypto, key: none}}]", "columns[0].reads[0].key: none is none of keys:"),
        (
            f"{WHOLE}, reads: [{{format: fernet, key: sqlite}}, {{format: fernet, key: sqlite, holds: bytes}}]",
            "columns[0].reads[1]: fernet under sqlite is named already",
        ),
        (f"{WHOLE}, was: [secret]", "columns[0].was[0]: must be the table and the column of earlier"),
        (f"{WHOLE}, was: [a.b.c]", "columns[0].was[0]: must be the table and the column of earlier"),
        (f"{WHOLE}, was: [users.api_key]", "columns[0].was[0]: users.api_key is named already"),
        (f"{WHOLE}, was: [a.b, a.b]", "columns[0].was[1]: a.b is named already"),
        (f"{WHOLE}, colum: a", "columns[0].colum: unknown key, did you mean column?"),
        ('postgres: "", table: users, primary_key: [id], column: a, key: encryption', "columns[0].postgres: "),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, entry: str, expected: str) -> None:
    (said,) = read(tmp_path, entry)
    assert said.startswith(f"system.yaml:9: {expected}")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (WHOLE, WHOLE),
        (WHOLE, WHOLE.replace("[id]", "[number]")),
        (FILE, FILE.replace("tokens", "Tokens").replace("column: token", "column: TOKEN")),
        (FILE, FILE.replace("users.db", "./users.db")),
    ],
)
def test_a_column_is_named_once(tmp_path: Path, one: str, two: str) -> None:
    assert read(tmp_path, one, two) == ["system.yaml:10: columns[1]: is the column of entry 1 again"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (WHOLE, f"{WHOLE}, dsn: OTHER"),
        (WHOLE, WHOLE.replace("accounts", "billing")),
        (WHOLE, WHOLE.replace("api_key", "API_KEY")),
        (FILE, FILE.replace("users.db", "Users.db")),
        (WHOLE, WHOLE.replace("postgres: accounts", "sqlite: users.db")),
    ],
)
def test_two_columns_are_two(tmp_path: Path, one: str, two: str) -> None:
    assert read(tmp_path, one, two) == []
