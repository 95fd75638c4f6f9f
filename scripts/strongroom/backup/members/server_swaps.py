"""Put what a set holds of a server in the place of what is live there, and back: for restores in place."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.backup.documents import MemberRecord
from strongroom.backup.members.figures import compare_figures
from strongroom.backup.members.postgres import name_database
from strongroom.backup.members.postgres_figures import read_figures
from strongroom.backup.members.postgres_restoring import MAINTENANCE, name_aside, restore_postgres
from strongroom.backup.members.postgres_swap import SwappedDatabase, swap_postgres, undo_swap
from strongroom.backup.members.redis import bring_rdb
from strongroom.backup.members.redis_content import read_content
from strongroom.backup.members.redis_restoring import KEPT, restore_redis, undo_redis
from strongroom.backup.members.scratch import open_scratch_redis
from strongroom.backup.request import Surroundings
from strongroom.postgres.connection import Access, compose, identifier, open_postgres
from strongroom.redis.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSwap:
    """A database of PostgreSQL: made beside the live one, then two renames in one transaction."""

    member: MemberRecord
    brought: Path
    """The set's files."""
    folder: Path
    """Of the restore, whose id names what is put aside."""
    access: Access
    environment: Mapping[str, str] = field(repr=False)
    disconnect: bool = False

    @property
    def stamp(self) -> str:
        """Return the restore's id."""
        return self.folder.name

    @property
    def live(self) -> str:
        """Return the live database's name."""
        return self.member.name.partition("/")[2]

    @property
    def restored(self) -> str:
        """Return the name of the database that a set is restored into."""
        return name_aside(self.live, "restored", self.stamp)

    @property
    def before(self) -> str:
        """Return what the live one of before is called afterwards."""
        return name_aside(self.live, "before", self.stamp)

    def prepare(self) -> None:
        """Make the database beside the live one, and compare it."""
        if self.live not in self._list():
            self._none_before.touch(mode=0o600)
        restore_postgres(self.member, self.brought, self.access, self.restored, environment=self.environment)

    def discard(self) -> None:
        """Drop the database that was made beside the live one."""
        with open_postgres(name_database(self.access, MAINTENANCE)) as connection:
            connection.execute(compose("DROP DATABASE IF EXISTS {name}", name=identifier(self.restored)))

    def put_live(self) -> None:
        """Give it the live one's name; that one is kept under another."""
        swap_postgres(self.access, self.live, self.restored, self.stamp, disconnect=self.disconnect)

    def find_changes(self) -> tuple[str, ...]:
        """Say in which tables the live one differs from what was restored. Read-only."""
        if not {self.live, self.before} <= self._list():
            return ()
        with open_postgres(name_database(self.access, self.live), is_read_only=True) as connection:
            facts = compare_figures(self.member.tables, read_figures(connection), "rows")
            return tuple(f"{self.member.name}: {fact}" for fact in facts)

    def take_back(self) -> None:
        """Give the database of before its name again; the restored one stays under another."""
        there = self._list()
        before = self.before if self.before in there else None
        is_swapped = before is not None or (self._none_before.exists() and self.restored not in there)
        if is_swapped and self.live in there:
            undo_swap(
                self.access, SwappedDatabase(live=self.live, before=before), self.stamp, disconnect=self.disconnect
            )

    @property
    def _none_before(self) -> Path:
        """Return the file that says that there was no live database."""
        return self.folder / f"{self.restored}.none-before"

    def _list(self) -> set[str]:
        with open_postgres(name_database(self.access, MAINTENANCE), is_read_only=True) as connection:
            return {row[0] for row in connection.execute("SELECT datname FROM pg_catalog.pg_database")}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSwap:
    """A server, all databases of it: key by key, what it held kept as a dump in the folder of the restore."""

    member: MemberRecord
    brought: Path
    folder: Path
    address: Address
    around: Surroundings = field(repr=False)
    disconnect: bool = False

    def prepare(self) -> None:
        """Do nothing: what is brought is loaded and compared before the first key is put live."""

    def discard(self) -> None:
        """Do nothing: nothing was made."""

    def put_live(self) -> None:
        """Let the live server hold what the set holds."""
        restore_redis(
            self.member, self.brought, self.address, self.folder, self.around, disconnect=self.disconnect
        )  # fmt: skip

    def find_changes(self) -> tuple[str, ...]:
        """Say in which databases the live server differs from what was restored. Read-only."""
        if not (self.folder / KEPT).exists():
            return ()
        with tempfile.TemporaryDirectory(prefix="now-", dir=self.folder) as scratch:
            now = Path(scratch) / "now.rdb"
            bring_rdb(self.address, now, self.around.environment)
            with open_scratch_redis(Path(scratch), now, self.around) as client:
                facts = compare_figures(self.member.tables, read_content(client), "keys")
                return tuple(f"{self.member.name}: {fact}" for fact in facts)

    def take_back(self) -> None:
        """Let the live server hold what it held before."""
        if (self.folder / KEPT).exists():
            undo_redis(self.address, self.folder, self.around, disconnect=self.disconnect)
