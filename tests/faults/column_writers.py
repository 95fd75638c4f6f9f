"""An application that goes on writing to encrypted columns by our library, and notes durably what it wrote.

A process of its own. Reads a job per line on stdin, as JSON: ``system``; ``place``, how ``column_tables`` reaches the
tables; ``share``, of how many writers it is which: rows are its own, nobody else writes to them; ``rows``, a file with
what stands there; ``first``, the number of the first row that it adds; ``journal``, where it notes each change before
and after it; ``cut``, whether its server may die. It writes until its line ``stop``, and answers with what it did, and
with what went wrong.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psycopg

from tests.faults.column_oracle import Key, Value
from tests.faults.column_tables import TABLES, Place, PostgresPlace, SqlitePlace, Table, changing, make_value

ABSENT = "absent"
Name = tuple[str, Key]
BY_NAME = {one.name: one for one in TABLES}
WRITER = 100_000
SLOW_SECONDS = 0.05
BACK_SECONDS = 60.0


@dataclass
class Writer:
    """One that writes, and what it knows of its rows."""

    place: Place
    columns: Any
    chance: random.Random
    known: dict[Name, Any]
    journal: Any
    next_number: int
    gone: list[Name] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    noted: int = 0
    unknown: dict[Name, Any] = field(default_factory=dict)
    """What was being written when the server died."""

    def write_once(self, connection: Any) -> None:
        """Do one thing of those that applications do."""
        doing = {self.update: 8, self.modify: 4, self.insert: 2, self.delete: 1, self.move: 2, self.give_up: 1}
        (do,) = self.chance.choices(list(doing), list(doing.values()))
        do(connection)
        self.counts[do.__name__] = self.counts.get(do.__name__, 0) + 1

    def update(self, connection: Any) -> None:
        """Write another value, whatever stands there."""
        name = self.choose()
        value = make_value(self.chance, BY_NAME[name[0]])
        with self.noting({name: value}), changing(self.place, connection):
            self.write(connection, name, value)

    def modify(self, connection: Any) -> None:
        """Read a value and write another one, in a transaction that takes its time."""
        name = self.choose()
        value = make_value(self.chance, BY_NAME[name[0]])
        with self.noting({name: value}), changing(self.place, connection):
            self.check(connection, name, lock=True)
            time.sleep(SLOW_SECONDS * (self.chance.random() < 0.1))
            self.write(connection, name, value)

    def insert(self, connection: Any) -> None:
        table = self.chance.choice(TABLES)
        value, name = make_value(self.chance, table), self.find_free(table)
        with self.noting({name: value}), changing(self.place, connection):
            self.write_new(connection, name, value)

    def delete(self, connection: Any) -> None:
        name = self.choose()
        with self.noting({name: ABSENT}), changing(self.place, connection):
            done = connection.execute(
                f"DELETE FROM {self.place.quote(name[0])} WHERE {self.where(name)}", self.by(name)
            )
            assert done.rowcount == 1, f"{name} was not there"
        self.gone.append(name)

    def move(self, connection: Any) -> None:
        """Give a row another key: what stands in it is encrypted anew."""
        name = self.choose()
        table = BY_NAME[name[0]]
        other = self.find_free(table)
        with self.noting({name: ABSENT, other: self.known[name]}), changing(self.place, connection):
            value = self.check(connection, name, lock=True)
            keys = ", ".join(f'"{one}" = {self.place.mark}' for one in table.key)
            asked = f'UPDATE {self.place.quote(table.name)} SET {keys}, "{table.column}" = {self.place.mark}'
            given = (*self.place.bind(other[1]), self.seal(other, value), *self.by(name))
            assert connection.execute(f"{asked} WHERE {self.where(name)}", given).rowcount == 1, f"{name} is not there"

    def give_up(self, connection: Any) -> None:
        """Write, and think better of it."""
        name = self.choose()
        self.place.begin(connection)
        self.write(connection, name, make_value(self.chance, BY_NAME[name[0]]))
        connection.rollback()

    def write(self, connection: Any, name: Name, value: Value) -> None:
        table = BY_NAME[name[0]]
        asked = f'UPDATE {self.place.quote(table.name)} SET "{table.column}" = {self.place.mark}'
        done = connection.execute(f"{asked} WHERE {self.where(name)}", (self.seal(name, value), *self.by(name)))
        assert done.rowcount == 1, f"{name} was not there"

    def write_new(self, connection: Any, name: Name, value: Value) -> None:
        table = BY_NAME[name[0]]
        named = ", ".join(f'"{one}"' for one in (*table.key, table.column))
        marks = ", ".join([self.place.mark] * (len(table.key) + 1))
        asked = f"INSERT INTO {self.place.quote(table.name)} ({named}) VALUES ({marks})"
        connection.execute(asked, (*self.by(name), self.seal(name, value)))

    def check(self, connection: Any, name: Name, *, lock: bool = False) -> Value:
        """Read a value; it is what we wrote last."""
        found = self.read(connection, name, lock=lock)
        assert found != ABSENT, f"{name} was not there"
        assert found == self.known[name], f"{name} is not what was written last"
        value: Value = found
        return value

    def read(self, connection: Any, name: Name, *, lock: bool = False) -> Any:
        table = BY_NAME[name[0]]
        asked = f'SELECT "{table.column}" FROM {self.place.quote(table.name)} WHERE {self.where(name)}'
        asked += " FOR UPDATE" if lock and self.place.mark == "%s" else ""
        row = connection.execute(asked, self.by(name)).fetchone()
        return ABSENT if row is None else self.open(name, row[0])

    def seal(self, name: Name, value: Value) -> Any:
        table = BY_NAME[name[0]]
        return self.columns.encrypt(*self.say(name), value, as_bytes=table.as_bytes)

    def open(self, name: Name, stored: Any) -> Any:
        """Decrypt, as an application does while its values become encrypted: what is no ciphertext is the value."""
        from strongroom.core.errors import NotEncryptedError  # noqa: PLC0415  # the library is loaded once it is needed

        try:
            return self.columns.decrypt(*self.say(name), stored)
        except NotEncryptedError:
            return stored

    def say(self, name: Name) -> tuple[str, str, Any]:
        table, key = BY_NAME[name[0]], name[1]
        return table.name, table.column, key if len(key) > 1 else key[0]

    def where(self, name: Name) -> str:
        return " AND ".join(f'"{one}" = {self.place.mark}' for one in BY_NAME[name[0]].key)

    def by(self, name: Name) -> tuple[Any, ...]:
        return tuple(self.place.bind(name[1]))

    def choose(self) -> Name:
        return self.chance.choice(list(self.known))

    def find_free(self, table: Table) -> Name:
        """Return the key of no row: a new one, or one that a row of ours had."""
        again = [name for name in self.gone if name[0] == table.name and name not in self.known]
        if again and self.chance.random() < 0.3:
            return again[-1]
        self.next_number += 1
        return table.name, table.make_key(self.next_number)

    @contextmanager
    def noting(self, changes: dict[Name, Any]) -> Iterator[None]:
        """Note changes before they are made, and that they were."""
        self.noted += 1
        self.note({"n": self.noted, "intended": [encode(name, value) for name, value in changes.items()]})
        try:
            yield
        except psycopg.OperationalError:
            self.unknown = changes
            raise
        self.note({"n": self.noted, "done": True})
        for name, value in changes.items():
            self.learn(name, value)

    def settle(self, connection: Any) -> None:
        """After the server died: find out what stands there, what was written or what was there before."""
        found = {name: self.read(connection, name) for name in self.unknown}
        before = {name: self.known.get(name, ABSENT) for name in self.unknown}
        assert found in (before, self.unknown), f"{list(found)} is neither what was there nor what was written"
        if found:
            self.note({"n": self.noted, "settled": [encode(name, value) for name, value in found.items()]})
        for name, value in found.items():
            self.learn(name, value)
        self.unknown = {}

    def learn(self, name: Name, value: Any) -> None:
        if value == ABSENT:
            self.known.pop(name, None)
        else:
            self.known[name] = value

    def note(self, line: dict[str, Any]) -> None:
        os.write(self.journal, json.dumps(line).encode() + b"\n")
        os.fsync(self.journal)


def encode(name: Name, value: Any) -> list[Any]:
    return [name[0], [to_json(one) for one in name[1]], to_json(value)]


def decode(told: list[Any]) -> tuple[Name, Any]:
    return (told[0], tuple(from_json(one) for one in told[1])), from_json(told[2])


def to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return {"uuid": value.hex} if isinstance(value, UUID) else value


def from_json(told: Any) -> Any:
    if isinstance(told, dict):
        return bytes.fromhex(told["bytes"]) if "bytes" in told else UUID(hex=told["uuid"])
    return told


def work(job: dict[str, Any]) -> dict[str, Any]:
    from strongroom.persistence.columns import Columns  # noqa: PLC0415  # for each job anew, as an application begins

    which, of = job["share"]
    rows = pickle.loads(Path(job["rows"]).read_bytes())
    known = {name: rows[name] for number, name in enumerate(sorted(rows, key=repr)) if number % of == which}
    writer = Writer(
        place=open_place(job["place"]),
        columns=Columns.of_system(job["system"]),
        chance=random.Random(f"{job['seed']} {which}"),
        known=known,
        journal=os.open(job["journal"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC),
        next_number=job["first"] + WRITER * which,
    )
    print("ready", flush=True)
    try:
        write_until_told(writer, is_cut=job["cut"])
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told
        return {"counts": writer.counts, "wrong": f"{type(error).__name__}: {error}"}
    finally:
        os.close(writer.journal)
    return {"counts": writer.counts, "wrong": ""}


def write_until_told(writer: Writer, *, is_cut: bool) -> None:
    connection = writer.place.connect()
    try:
        while not is_told():
            try:
                writer.write_once(connection)
            except psycopg.OperationalError:
                if not is_cut:
                    raise
                connection = come_back(writer)
                writer.settle(connection)
    finally:
        connection.close()


def come_back(writer: Writer) -> Any:
    """Connect to a server that died, once it is back."""
    deadline = time.monotonic() + BACK_SECONDS
    while True:
        try:
            return writer.place.connect()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def is_told() -> bool:
    return bool(select.select([0], [], [], 0)[0])


def open_place(about: dict[str, Any]) -> Place:
    if "dsn" in about:
        return PostgresPlace(about["dsn"], about["password"])
    return SqlitePlace(Path(about["folder"]), mode=about["mode"], key=about["key"])


def read_line() -> str:
    """Read a line and nothing beyond it: what follows must stay where ``is_told`` sees it."""
    line = b""
    while not line.endswith(b"\n"):
        one = os.read(0, 1)
        if not one:
            return ""
        line += one
    return line.decode()


if __name__ == "__main__":
    while told := read_line():
        done = work(json.loads(told))
        assert read_line() == "stop\n"
        print(json.dumps(done), flush=True)
