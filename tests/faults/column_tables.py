"""Tables with a column to encrypt: in PostgreSQL and in SQLite, with keys and values of every kind."""

from __future__ import annotations

import random
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from sqlcipher3 import dbapi2 as sqlcipher

from tests.faults.column_oracle import Key, Stored, Value

SCHEMA = "accounts"
FILE = "users.db"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, what tells its rows apart, and its column."""

    name: str
    key: tuple[str, ...]
    column: str
    types: tuple[str, ...]
    """Of the key, in PostgreSQL; SQLite takes them as they are."""
    holds: str
    rows: int

    @property
    def as_bytes(self) -> bool:
        return self.holds == "bytea"

    def make_key(self, number: int) -> Key:
        """Return the key of a row by its number; other numbers have other keys."""
        kinds = {"bigint": number * 3, "text": f"n° {number}: \"ü'\\", "uuid": UUID(int=number << 64 | 0xABCDEF)}
        return tuple(kinds[one] for one in self.types)


TABLES = (
    Table(name="users", key=("id",), column="api_key", types=("bigint",), holds="text", rows=900),
    Table(name="files", key=("name",), column="content", types=("text",), holds="bytea", rows=400),
    Table(name="tokens", key=("user_id", "name"), column="token", types=("bigint", "text"), holds="text", rows=500),
    Table(name="devices", key=("id",), column="se cret", types=("uuid",), holds="text", rows=200),
)
Rows = dict[tuple[str, Key], Any]
"""By table and key."""


def make_value(chance: random.Random, table: Table) -> Value:
    """Make a value: short, long, empty, or none at all."""
    size = chance.choice((None, 0, 1, 5, 12, 40, 40, 40, 300, 300, 9000))
    if size is None:
        return None
    if table.as_bytes:
        return chance.randbytes(size)
    return "".join(chance.choice("abc :'\"\\\n{}%é☂\U0001f512") for _ in range(size))


def make_rows(seed: str) -> Rows:
    chance = random.Random(seed)
    return {(one.name, one.make_key(n)): make_value(chance, one) for one in TABLES for n in range(one.rows)}


class Place(ABC):
    """Where the tables stand, and how an application asks for them."""

    mark: str
    """For a parameter."""
    named: Mapping[str, str]
    """As ``columns:`` names it."""

    @abstractmethod
    def connect(self) -> Any:
        """Return a connection that commits when it is told to."""

    @abstractmethod
    def keep(self, name: str) -> None:
        """Keep all as it is, under a name."""

    @abstractmethod
    def set_stage(self, name: str) -> None:
        """Let all be as it was when it was kept."""

    @abstractmethod
    def begin(self, connection: Any) -> None:
        """Begin to write."""

    def quote(self, table: str) -> str:
        return f'"{table}"'

    def build(self, rows: Mapping[tuple[str, Key], Stored]) -> None:
        """Make the tables with these rows."""
        with closing(self.connect()) as connection:
            for table in TABLES:
                columns = [f'"{name}" {self.type_of(kind)}' for name, kind in zip(table.key, table.types, strict=True)]
                keys = ", ".join(f'"{name}"' for name in table.key)
                about = f'"{table.column}" {self.type_of(table.holds)}, note text, PRIMARY KEY ({keys})'
                connection.execute(f"CREATE TABLE {self.quote(table.name)} ({', '.join(columns)}, {about})")
                marks = ", ".join([self.mark] * (len(table.key) + 1))
                found = [(*self.bind(key), value) for (name, key), value in rows.items() if name == table.name]
                asked = f'INSERT INTO {self.quote(table.name)} ({keys}, "{table.column}") VALUES ({marks})'
                with closing(connection.cursor()) as cursor:
                    cursor.executemany(asked, found)
            connection.commit()

    def read(self) -> Rows:
        """Return what stands there."""
        found: Rows = {}
        with closing(self.connect()) as connection:
            for table in TABLES:
                names = ", ".join(f'"{name}"' for name in (*table.key, table.column))
                for *key, stored in connection.execute(f"SELECT {names} FROM {self.quote(table.name)}").fetchall():
                    found[table.name, self.unbind(table, key)] = stored
        return found

    def type_of(self, kind: str) -> str:
        return kind

    def bind(self, key: Key) -> Iterator[Any]:
        yield from key

    def unbind(self, _table: Table, key: Iterable[Any]) -> Key:
        return tuple(key)

    @abstractmethod
    def list_tables(self) -> set[str]:
        """Name all tables that there are."""


class PostgresPlace(Place):
    """A schema of a server."""

    mark = "%s"

    def __init__(self, dsn: str, password: str) -> None:
        self.named = {"postgres": SCHEMA}
        self.dsn, self.password = dsn, password

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn, password=self.password)

    def begin(self, connection: Any) -> None:
        """Nothing: psycopg begins by itself."""

    def quote(self, table: str) -> str:
        return f'{SCHEMA}."{table}"'

    def build(self, rows: Mapping[tuple[str, Key], Stored]) -> None:
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA {SCHEMA}".encode())
        super().build(rows)

    def keep(self, name: str) -> None:
        self._copy(self._name, name)

    def set_stage(self, name: str) -> None:
        self._copy(name, self._name)

    @property
    def _name(self) -> str:
        return str(psycopg.conninfo.conninfo_to_dict(self.dsn)["dbname"])

    def _copy(self, name: str, into: str) -> None:
        with psycopg.connect(self.dsn, password=self.password, dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(into)))
            asked = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(asked, (name,))
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
            connection.execute(made.format(sql.Identifier(into), sql.Identifier(name)))

    def list_tables(self) -> set[str]:
        asked = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace"
        with self.connect() as connection:
            return {name for (name,) in connection.execute(asked, (SCHEMA,))}


class SqlitePlace(Place):
    """A file, in a journal mode, under a key or none."""

    mark = "?"

    def __init__(self, folder: Path, *, mode: str = "wal", key: str | None = None) -> None:
        self.named = {"sqlite": FILE} | ({} if key is None else {"encrypted_by": "file"})
        self.folder, self.mode, self.key = folder, mode, key

    @property
    def file(self) -> Path:
        return self.folder / "data" / FILE

    def connect(self) -> Any:
        connection: Any = (sqlite3 if self.key is None else sqlcipher).connect(str(self.file))
        if self.key is not None:
            connection.execute(f"PRAGMA key = \"x'{self.key}'\"")
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute(f"PRAGMA journal_mode = {self.mode}")
        return connection

    def begin(self, connection: Any) -> None:
        connection.execute("BEGIN IMMEDIATE")

    def build(self, rows: Mapping[tuple[str, Key], Stored]) -> None:
        self.file.parent.mkdir(parents=True)
        super().build(rows)

    def keep(self, name: str) -> None:
        shutil.copytree(self.file.parent, self.folder / name)

    def set_stage(self, name: str) -> None:
        shutil.rmtree(self.file.parent)
        shutil.copytree(self.folder / name, self.file.parent)

    def type_of(self, kind: str) -> str:
        return {"bytea": "BLOB", "bigint": "INTEGER"}.get(kind, "TEXT")

    def bind(self, key: Key) -> Iterator[Any]:
        for value in key:
            yield str(value) if isinstance(value, UUID) else value

    def unbind(self, _table: Table, key: Iterable[Any]) -> Key:
        return tuple(UUID(one) if kind == "uuid" else one for kind, one in zip(_table.types, key, strict=True))

    def list_tables(self) -> set[str]:
        with closing(self.connect()) as connection:
            return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def check_soundness(self) -> None:
        with closing(self.connect()) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@contextmanager
def changing(place: Place, connection: Any) -> Iterator[None]:
    """Commit what is done in a block; where that fails, undo it."""
    try:
        place.begin(connection)
        yield
        connection.commit()
    except (psycopg.Error, sqlite3.Error, sqlcipher.Error):
        connection.rollback()
        raise
