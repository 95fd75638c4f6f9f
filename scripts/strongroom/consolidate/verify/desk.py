"""The one connection on which a target is held against what must be there, and where working tables stand."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from strongroom.consolidate.verify.functions import register_functions
from strongroom.consolidate.verify.house import House, Input, Target
from strongroom.consolidate.verify.values import Row, Value, decode_text, encode_text, is_utf8
from strongroom.core.engines import Engine
from strongroom.core.quoting import dotted
from strongroom.sqlite.connection import Connection, attach_stage, attached, open_snapshot
from strongroom.sqlite.database import Database, choose_engine
from strongroom.sqlite.keyring import SCRATCH
from strongroom.sqlite.libraries import library_of

One = TypeVar("One")
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A target (``main``), its ledger (``ledger``), working tables (``work``); sources are attached as needed."""

    connection: Connection
    house: House
    target: Target
    work: str
    scratch: Path
    """A folder for what is thrown away."""

    @contextmanager
    def source(self, entry: Input, name: str = "src") -> Iterator[None]:
        """Attach what an input's rows stand in."""
        with attached(self.connection, entry.database, name):
            yield

    def make(self, table: str, columns: str, options: str = "") -> str:
        """Make an empty working table in place of the one before; return its quoted name."""
        name = dotted(self.work, table)
        self.connection.execute(f"DROP TABLE IF EXISTS {name}")
        self.connection.execute(f"CREATE TABLE {name} ({columns}) {options}")
        return name

    def count(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Return the one number that a statement gives; 0 for NULL."""
        return int(self.connection.execute(sql, parameters).fetchone()[0] or 0)

    def find(self, sql: str, values: Row) -> tuple[Value, ...] | None:
        """Return the first row of a statement with a hole ``{}`` for each value."""
        found: tuple[Value, ...] | None = self.connection.execute(*fill(sql, values)).fetchone()
        return found

    @property
    def is_utf8(self) -> bool:
        """Tell whether SQLite orders TEXT here by its bytes in UTF-8."""
        return bool(self.connection.execute("PRAGMA main.encoding").fetchone()[0] == "UTF-8")

    def copy_place(self) -> Database:
        """Return where the target may be copied to: under a key where it has one."""
        is_keyed = self.house.evidence.targets[self.target.name].key is not None
        key = SCRATCH if is_keyed else None
        return Database(self.scratch / "copy.db", library_of(self.connection), key)

    def say(self, error: Exception) -> str:
        """Say what SQLite complains of; where anything is encrypted only of which kind it is."""
        return type(error).__name__ if self.house.evidence.is_secret else str(error)


def fill(sql: str, values: Row) -> tuple[str, list[object]]:
    """Put a hole for each value into a statement: TEXT that is no UTF-8 goes in as its bytes."""
    odd = [isinstance(value, str) and not value.isascii() and not is_utf8(value) for value in values]
    holes = ["(+CAST(? AS TEXT))" if is_odd else "?" for is_odd in odd]
    given: list[object] = [
        encode_text(value) if is_odd and isinstance(value, str) else value
        for value, is_odd in zip(values, odd, strict=True)
    ]
    return sql.format(*holes), given


def in_batches(rows: Iterable[One]) -> Iterator[list[One]]:
    """Yield rows some at a time."""
    batch: list[One] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def open_desk(house: House, target: Target) -> Iterator[Desk]:
    """Open a target, its ledger and a place for working tables: under the run's random key where anything is secret."""
    evidence = house.evidence
    every = [*evidence.snapshots.values(), *evidence.targets.values(), *evidence.ledgers.values()]
    every += [source.database for source in house.sources.values()]
    main = replace(evidence.targets[target.name], engine=choose_engine(every))
    with (
        tempfile.TemporaryDirectory(prefix="strongroom-") as scratch,
        open_snapshot(main) as connection,
        attached(connection, evidence.ledgers[target.name], "ledger"),
    ):
        connection.text_factory = decode_text
        register_functions(connection)
        if evidence.is_secret:
            attach_stage(connection, Database(Path(scratch) / "working.db", Engine.BUNDLED, SCRATCH), "working")
        yield Desk(
            connection=connection,
            house=house,
            target=target,
            work="working" if evidence.is_secret else "temp",
            scratch=Path(scratch),
        )
