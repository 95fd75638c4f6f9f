"""``columns.status --scan`` finds ciphertext that nobody registered, and calls nothing so that only looks alike."""

from __future__ import annotations

import base64
import json
import os
import random
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.integration.containers.column_site import (
    FILE_USERS,
    PASSPHRASE,
    USERS,
    ColumnSite,
    open_column_site,
)
from tests.integration.containers.schema_site import Site

TOKEN = Fernet(Fernet.generate_key()).encrypt(b"a value")


@pytest.fixture
def columns(site: Site, tmp_path: Path) -> ColumnSite:
    found = open_column_site(site, tmp_path)
    found.make_users([(1, "plain")])
    found.write_file("CREATE TABLE people (id INTEGER PRIMARY KEY, secret TEXT)")
    found.register(USERS, FILE_USERS)
    assert found.run("columns.encrypt").code == 0
    return found


def make_tables(columns: ColumnSite) -> None:
    columns.site.do(
        "CREATE SCHEMA other",
        "CREATE TABLE accounts.kept (id int PRIMARY KEY, name varchar(2000), body bytea, more text)",
        'CREATE TABLE other."odd name" (id int, "a b" text)',
    )
    columns.write_file("CREATE TABLE more (k TEXT, v TEXT, b BLOB)")
    with columns.site.connect() as connection, connection.transaction(), connection.cursor() as cursor:
        plain = [(number, f"name {number}", b"body", "more") for number in range(1000)]
        cursor.executemany("INSERT INTO accounts.kept VALUES (%s, %s, %s, %s)", plain)
    columns.write_file(("INSERT INTO more VALUES (?, ?, ?)", [(str(n), "v", b"b") for n in range(1000)]))


def test_what_is_registered_is_no_finding(columns: ColumnSite) -> None:
    make_tables(columns)
    ended = columns.run("columns.status", "--scan")
    assert ended.code == 0, ended.out


def plant(columns: ColumnSite) -> list[str]:
    """Plant five, each in the middle of a table of others; return where."""
    ours = str(columns.seal("a value", 7))
    packet = bytes.fromhex("c30d0407030278b1ae7ad8bc7d1e61") + b"\xd2\x45\x01" + os.urandom(68)
    with columns.site.connect() as connection:
        connection.execute("UPDATE accounts.kept SET name = %s WHERE id = 900", (ours,))
        connection.execute("UPDATE accounts.kept SET body = %s WHERE id = 700", (packet,))
        connection.execute("INSERT INTO other.\"odd name\" SELECT i, 'x' FROM generate_series(1, 99) i")
        connection.execute('UPDATE other."odd name" SET "a b" = %s WHERE id = 50', (TOKEN.decode(),))
    name = f"sr1:{columns.old}:".encode()
    columns.write_file(
        ("UPDATE more SET v = ? WHERE k = ?", [(TOKEN.decode(), "999")]),
        ("UPDATE more SET b = ? WHERE k = ?", [(name + os.urandom(60), "3")]),
    )
    return {
        "kept.name": "ours",
        "kept.body": "pgcrypto",
        "odd name.a b": "fernet",
        "more.v": "fernet",
        "more.b": "ours",
    }


def test_five_planted_ciphertexts_are_found_and_named(columns: ColumnSite) -> None:
    make_tables(columns)
    planted = plant(columns)
    ended = columns.run("columns.status", "--scan", "--json")
    assert ended.code == 7, ended.error
    found = json.dumps(ended.json)
    for place in planted:
        assert found.count(f'"{place}"') >= 1, (place, found)
    assert all(place.partition(".")[2] in columns.run("columns.status", "--scan").out for place in planted)


def test_what_pgcrypto_made_is_found_armored_and_not(columns: ColumnSite) -> None:
    if not columns.site.read("SELECT FROM pg_available_extensions WHERE name = 'pgcrypto'"):
        pytest.skip("this server has no pgcrypto")
    make_tables(columns)
    made = f"pgp_sym_encrypt('a value', '{PASSPHRASE}')"
    for column, value in (("body", made), ("more", f"armor({made})")):
        columns.site.do("CREATE EXTENSION IF NOT EXISTS pgcrypto", "UPDATE accounts.kept SET body = NULL, more = NULL")
        columns.site.do(f"UPDATE accounts.kept SET {column} = {value} WHERE id = 987")
        ended = columns.run("columns.status", "--scan", "--json")
        assert (ended.code, f'"kept.{column}"' in ended.out) == (7, True), ended.out


def make_look_alikes(columns: ColumnSite) -> list[str]:
    """Return texts of the kinds that applications keep, and that begin or look as ciphertext does."""
    chance = random.Random(17)
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x10JFIF" + chance.randbytes(900)).decode()
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps({"sub": "1", "exp": 1_800_000_000})]
    jwt = ".".join(base64.urlsafe_b64encode(one.encode()).decode().rstrip("=") for one in parts)
    body = base64.urlsafe_b64encode(chance.randbytes(60)).decode()
    return [
        jpeg,
        f"data:image/jpeg;base64,{jpeg}",
        f"{jwt}.{body[:43]}",
        "gAAAA", "gAAAAABthis is a sentence", "gAAAAAgain and again", f"gAAAAAB{body[:10]}",
        chance.randbytes(32).hex(),
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ\n-----END PUBLIC KEY-----",
        "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
        "c30d0407 is how a message of OpenPGP begins",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n-----END PGP PUBLIC KEY BLOCK-----",
        "-----BEGIN PGP MESSAGE----- is what it begins with",
    ]  # fmt: skip


def test_nothing_is_invented_among_look_alikes(columns: ColumnSite) -> None:
    make_tables(columns)
    texts = make_look_alikes(columns)
    chance = random.Random(18)
    raw = [
        b"\xff\xd8\xff\xe0" + chance.randbytes(400),
        b"\x89PNG\r\n",
        b"\x80" + chance.randbytes(20),
        b"\xc3\x0d",
        b"",
    ]
    raw += [chance.randbytes(chance.randrange(1, 200)) for _ in range(500)]
    with columns.site.connect() as connection, connection.transaction(), connection.cursor() as cursor:
        asked = "INSERT INTO accounts.kept (id, more) VALUES (%s, %s)"
        cursor.executemany(asked, [(9000 + number, text) for number, text in enumerate(texts)])
        asked = "INSERT INTO accounts.kept (id, body) VALUES (%s, %s)"
        cursor.executemany(asked, [(20_000 + number, content) for number, content in enumerate(raw)])
    columns.write_file(("INSERT INTO more (v) VALUES (?)", [(text,) for text in texts]))
    columns.write_file(("INSERT INTO more (b) VALUES (?)", [(content,) for content in raw]))
    ended = columns.run("columns.status", "--scan", "--json")
    assert ended.code == 0, ended.out


def test_one_ciphertext_among_look_alikes_is_found(columns: ColumnSite) -> None:
    make_tables(columns)
    texts = [*make_look_alikes(columns), TOKEN.decode()]
    with columns.site.connect() as connection, connection.transaction(), connection.cursor() as cursor:
        asked = "INSERT INTO accounts.kept (id, more) VALUES (%s, %s)"
        cursor.executemany(asked, [(9000 + number, text) for number, text in enumerate(texts)])
    ended = columns.run("columns.status", "--scan", "--json")
    assert (ended.code, '"kept.more"' in ended.out, '"more.v"' in ended.out) == (7, True, False), ended.out
