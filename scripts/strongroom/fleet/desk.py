"""The desk of one command: a list of tenants and what became of them, in a file that is thrown away.

A list of a million tenants and their results are compared by SQLite, on disk: memory is flat in their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from strongroom.core.errors import UsageError
from strongroom.fleet.results import Result
from strongroom.fleet.tenants import Tenant, find_share, hash_text
from strongroom.sqlite.connection import Connection, open_stage
from strongroom.sqlite.database import Database

_TABLES = """
CREATE TABLE seen (number INTEGER PRIMARY KEY, name INTEGER, target INTEGER);
CREATE TABLE tenants (
    number INTEGER PRIMARY KEY, name TEXT, system TEXT, source TEXT, target TEXT, mark TEXT
);
CREATE TABLE results (name TEXT PRIMARY KEY, mark TEXT, exit INTEGER, state TEXT, error TEXT) WITHOUT ROWID;
"""
_JOINED = "FROM tenants LEFT JOIN results ON results.name = tenants.name AND results.mark = tenants.mark"
_CACHE_KIB = 1024
_SOME = 1000
"""Rows at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A tenant, and how it stands."""

    tenant: str
    state: str
    """As ``Result.state``; ``not begun``."""
    exit: int | None
    error: str


class Desk:
    """A list, or the share of it that one index has, beside results."""

    def __init__(self, connection: Connection) -> None:
        """Lay it out on a new database."""
        self._connection = connection
        self.listed = 0
        """Tenants of the whole list."""
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.executescript(_TABLES)

    def take_tenants(self, tenants: Iterable[Tenant], place: str, *, index: int | None, of: int) -> None:
        """Take the tenants of one index of ``of`` (None: all of them), and make sure that no two of all are one.

        Raises UsageError for an empty list, for two of one name or of one target, and what reading the list raises.
        """
        each = iter(tenants)
        while some := list(islice(each, _SOME)):
            self.listed += len(some)
            seen = ((one.number, hash_text(one.name), hash_text(one.target)) for one in some)
            self._connection.executemany("INSERT INTO seen VALUES (?, ?, ?)", seen)
            ours = (one for one in some if index is None or find_share(one.name, of) == index)
            rows = ((one.number, one.name, one.system, one.source, one.target, one.mark) for one in ours)
            self._connection.executemany("INSERT INTO tenants VALUES (?, ?, ?, ?, ?, ?)", rows)
        if not self.listed:
            raise UsageError(place, "names no tenant", "a line for each, or a folder for each")
        for column in ("name", "target"):
            self._refuse_twins(column, place)
        self._connection.execute("DROP TABLE seen")

    def _refuse_twins(self, column: str, place: str) -> None:
        query = f"SELECT min(number), max(number) FROM seen GROUP BY {column} HAVING count(*) > 1 LIMIT 1"
        twins = self._connection.execute(query).fetchone()
        if twins is not None:
            fact = f"has the {column} that line {twins[0]} has"
            raise UsageError(f"{place}:{twins[1]}", fact, "two tasks would work on one tenant: take one of them out")

    def take_results(self, results: Iterable[Result]) -> None:
        """Take results, in the order in which they count: the last one of a tenant stays."""
        rows = ((one.tenant, one.mark, one.exit, one.state, one.error) for one in results)
        self._connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?)", rows)

    def count_tenants(self) -> int:
        """Return the number of tenants that were taken."""
        return int(self._connection.execute("SELECT count(*) FROM tenants").fetchone()[0])

    def count_strangers(self) -> int:
        """Return the number of tenants with results that are not in the list."""
        query = "SELECT count(*) FROM results WHERE name NOT IN (SELECT name FROM tenants)"
        return int(self._connection.execute(query).fetchone()[0])

    def count_states(self) -> dict[tuple[str, int | None], int]:
        """Return how many tenants stand how, by state and exit code."""
        query = f"SELECT coalesce(state, 'not begun'), exit, count(*) {_JOINED} GROUP BY 1, 2 ORDER BY 1, 2"
        return {(state, code): count for state, code, count in self._connection.execute(query)}

    def list_undone(self, most: int) -> tuple[Found, ...]:
        """Return the first tenants that are not done, by state and in the order of the list; 0: all of them."""
        query = (
            f"SELECT tenants.name, coalesce(state, 'not begun'), exit, coalesce(error, '') {_JOINED} "
            "WHERE state IS NOT 'done' ORDER BY state IS NULL, state, number LIMIT ?"
        )
        rows = self._connection.execute(query, (most or -1,))
        return tuple(Found(tenant=name, state=state, exit=code, error=error) for name, state, code, error in rows)

    def list_pending(self) -> Iterator[Tenant]:
        """Yield the tenants that are not done, in the order of the list; results may be taken meanwhile."""
        last = 0
        query = (
            f"SELECT tenants.name, system, source, target, number, tenants.mark {_JOINED} "
            "WHERE state IS NOT 'done' AND number > ? ORDER BY number LIMIT ?"
        )
        while rows := self._connection.execute(query, (last, _SOME)).fetchall():
            last = rows[-1][4]
            for name, system, source, target, number, mark in rows:
                yield Tenant(name=name, system=system, source=source, target=target, number=number, mark=mark)


@contextmanager
def open_desk() -> Iterator[Desk]:
    """Give a desk; nothing of it is left afterwards. Raises UnreachableError, NoSpaceError where there is no room."""
    with TemporaryDirectory(prefix="strongroom-") as folder, open_stage(Database(Path(folder) / "desk.db")) as opened:
        yield Desk(opened)
