"""What the tasks about encrypted columns find out before they begin: which columns, where, under which keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from strongroom import report
from strongroom.core.column_entries import ColumnEntry
from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.core.paths import resolve_data_dir
from strongroom.core.system import System
from strongroom.rotate import Surroundings
from strongroom.rotate.columns.driving import Store
from strongroom.rotate.columns.model import Found
from strongroom.rotate.columns.openers import held_database
from strongroom.rotate.columns.sqlite_column import SqliteColumn
from strongroom.rotate.columns.sqlite_scan import scan_file
from strongroom.rotate.place import find_place
from strongroom.tasks._around import read_clock
from strongroom.tasks._keys import Provided, open_keys
from strongroom.tasks._task import wants_color
from strongroom.tasks.wiring import find_local_postgres

if TYPE_CHECKING:
    from strongroom.postgres.connection import Access

BATCH_SIZE = 500


@dataclass(frozen=True, kw_only=True)
class SystemColumns:
    """The columns of a system that are meant, and what it takes to reach them."""

    provided: Provided
    entries: tuple[ColumnEntry, ...]
    settings: Settings
    around: Surroundings

    @property
    def _system(self) -> System:
        return self.provided.system

    def open_stores(self, batch_size: int = BATCH_SIZE) -> tuple[Store, ...]:
        """Return each column in its database; none is connected to yet. Raises UnreachableError, ConfigurationError."""
        if batch_size < 1:
            raise UsageError("--batch-size", f"must be at least 1 (got {batch_size})")
        return tuple(self._open(entry, batch_size) for entry in self.entries)

    def _open(self, entry: ColumnEntry, batch_size: int) -> Store:
        if entry.sqlite is not None:
            place = find_place(self.find_file(entry))
            return SqliteColumn(entry, place, self.provided.keys, self.around, batch_size=batch_size)
        from strongroom.rotate.columns.postgres_column import PostgresColumn

        return PostgresColumn(entry, self.find_access(entry), self.around, batch_size=batch_size)

    def find_file(self, entry: ColumnEntry) -> Path:
        """Return where the file of a column lies."""
        return resolve_data_dir(self._system, self.settings) / str(entry.sqlite)

    def find_access(self, entry: ColumnEntry) -> Access:
        """Return how to reach the server of a column. Raises ConfigurationError."""
        return self._accesses[entry.dsn]

    @cached_property
    def _accesses(self) -> Mapping[str | None, Access]:
        return {dsn: self._find_access(dsn) for dsn in {one.dsn for one in self.entries if one.postgres is not None}}

    def _find_access(self, dsn: str | None) -> Access:
        from strongroom.postgres.access import add_password, find_access, for_schemas
        from strongroom.postgres.dsn import read_access

        environment = self.settings.environment
        if dsn is None:
            find_stack = partial(find_local_postgres, self.settings, "deploy")
            return for_schemas(find_access(self._system, environment, find_stack, purpose="deploy"))
        if not environment.get(dsn):
            raise ConfigurationError(dsn, "is not set", "it holds the connection string of a server of columns:")
        return for_schemas(add_password(read_access(environment[dsn], dsn, environment), environment))

    def scan(self) -> tuple[tuple[Found, ...], tuple[str, ...]]:
        """Look through the databases of the system's columns for ciphertext elsewhere; name what may not be read."""
        found: list[Found] = []
        unread: list[str] = []
        files = {(self.find_file(one), one.encrypted_by) for one in self.entries if one.sqlite is not None}
        for path, key in sorted(files, key=str):
            known = [
                (one.table, one.column) for one in self._system.columns if one.sqlite and self.find_file(one) == path
            ]
            with held_database(path, key, self.provided.keys) as database:
                found.extend(scan_file(database, known))
        for dsn, access in self._accesses.items():
            from strongroom.rotate.columns.postgres_scan import scan_database

            registered = {
                (one.postgres, one.table, one.column) for one in self._system.columns if one.postgres and one.dsn == dsn
            }
            more, closed = scan_database(access, registered)
            found.extend(more)
            unread.extend(closed)
        return tuple(found), tuple(unread)


def find_columns(c: Context, system: str | None, named: Sequence[str] | None) -> SystemColumns:
    """Return the columns that are meant: all of a system, or those named TABLE.COLUMN. Raises UsageError."""
    return gather_columns(c, open_keys(system), named)


def gather_columns(c: Context, found: Provided, named: Sequence[str] | None) -> SystemColumns:
    """Return columns of a system whose keys are at hand: all, or those named TABLE.COLUMN. Raises UsageError."""
    settings = read_settings()
    around = Surroundings(now=read_clock, keys=found.keys, progress=report.open_progress(color=wants_color(c)))
    entries = choose_columns(found.system, named or ())
    return SystemColumns(provided=found, entries=entries, settings=settings, around=around)


def choose_columns(system: System, named: Sequence[str]) -> tuple[ColumnEntry, ...]:
    """Return the columns of a system that are named TABLE.COLUMN, or PLACE.TABLE.COLUMN; all for none."""
    known = system.columns
    for name in named:
        if not any(_is_named(one, name) for one in known):
            names = ", ".join(f"{one.table}.{one.column}" for one in known) or "none"
            raise UsageError("--column", f"{name} is none of columns: in system.yaml ({names})")
    return tuple(one for one in known if not named or any(_is_named(one, name) for name in named))


def _is_named(entry: ColumnEntry, name: str) -> bool:
    short = f"{entry.table}.{entry.column}"
    return name in (short, f"{entry.place}.{short}")
