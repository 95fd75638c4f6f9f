"""What of a set comes from servers: sources to take, how each kind is rehearsed, restored beside, and put live.

What speaks to them is imported where it is used: it takes a tenth of a second, and few commands need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.backup.creating import Created, create_set
from strongroom.backup.documents import Kind, MemberRecord
from strongroom.backup.members.model import Source
from strongroom.backup.members.rehearsal import rehearse_local
from strongroom.backup.place import find_sources
from strongroom.backup.rehearsing import Rehearse
from strongroom.backup.request import Surroundings
from strongroom.backup.restores import Swap, no_servers
from strongroom.backup.settled import watch
from strongroom.backup.stores.passwords import read_place
from strongroom.backup.undoing import clear_expired
from strongroom.core.backup_entry import BackupCheck
from strongroom.core.errors import ConfigurationError
from strongroom.tasks._backup import Backups
from strongroom.tasks.wiring import find_local_postgres

if TYPE_CHECKING:
    from strongroom.postgres.connection import Access
    from strongroom.redis.address import Address

_LOCAL = (Kind.SQLITE, Kind.SQLCIPHER, Kind.FILE)


def take_set(backups: Backups) -> Created:
    """Take a set of everything, as ``backup.create`` does. Raises what that raises."""
    clear_expired(backups.site.data_dir, backups.around)
    recheck = watch(backups.site.data_dir)
    found, servers = find_sources(backups.site), find_servers(backups)
    opened = backups.open()
    with backups.lease(opened, "create") as around:
        return create_set(opened, found, servers, around, recheck)


def find_servers(backups: Backups) -> tuple[Source, ...]:
    """Return the databases of PostgreSQL and the Redis that ``system.yaml`` names; none is asked yet.

    Raises ConfigurationError where one is named, and no variable says where its server is.
    """
    return (*_find_databases(backups), *_find_redis(backups))


def _find_databases(backups: Backups) -> tuple[Source, ...]:
    entry = backups.entry.postgres
    if entry is None:
        return ()
    from strongroom.backup.members.postgres import PostgresSource

    access, environment = find_postgres(backups, "monitor"), backups.around.environment
    return tuple(PostgresSource(database=name, access=access, environment=environment) for name in entry.databases)


def _find_redis(backups: Backups) -> tuple[Source, ...]:
    if backups.entry.redis is None:
        return ()
    from strongroom.backup.members.redis import RedisSource

    return (RedisSource(address=find_redis(backups), environment=backups.around.environment),)


def find_postgres(backups: Backups, purpose: str) -> Access:
    """Return how to reach the application's PostgreSQL, to look (``monitor``) or to ``restore``."""
    from strongroom.postgres.access import find_access

    find_stack = partial(find_local_postgres, backups.settings, purpose)
    return find_access(backups.system, backups.around.environment, find_stack, purpose=purpose)


def find_redis(backups: Backups, *, to_write: bool = False) -> Address:
    """Return how to reach the application's Redis, as who may write where that is wanted."""
    from strongroom.redis.address import find_address

    entry, environment = backups.entry.redis, backups.around.environment
    if entry is None:
        raise ConfigurationError("backup", "names no redis:", "name the variables of its address in system.yaml")
    password = None if entry.password is None else read_place(entry.password, environment, "backup: redis: password")
    return find_address(
        (entry.restore_variables if to_write else ()) or entry.variables,
        environment,
        password=password,
        ca_file=None if entry.ca_file is None else Path(entry.ca_file),
    )


def list_rehearsals() -> Mapping[Kind, Rehearse]:
    """Return how each kind of member is restored into a scratch engine and compared."""
    return {**dict.fromkeys(_LOCAL, rehearse_local), Kind.POSTGRES: _rehearse_postgres, Kind.REDIS: _rehearse_redis}


def _rehearse_postgres(
    member: MemberRecord, folder: Path, scratch: Path, checks: Sequence[BackupCheck], around: Surroundings
) -> tuple[str, ...]:
    from strongroom.backup.members.postgres_rehearsing import rehearse_postgres

    return rehearse_postgres(member, folder, scratch, checks, around)


def _rehearse_redis(
    member: MemberRecord, folder: Path, scratch: Path, checks: Sequence[BackupCheck], around: Surroundings
) -> tuple[str, ...]:
    from strongroom.backup.members.redis_rehearsing import rehearse_redis

    return rehearse_redis(member, folder, scratch, checks, around)


def build_swap(backups: Backups, member: MemberRecord, brought: Path, folder: Path, *, disconnect: bool) -> Swap:
    """Return how a member of a server is put live, and taken back. Raises ConfigurationError, UsageError."""
    if member.kind not in (Kind.POSTGRES, Kind.REDIS):
        return no_servers(member, brought, folder)
    from strongroom.backup.members.server_swaps import DatabaseSwap, RedisSwap

    if member.kind is Kind.POSTGRES:
        return DatabaseSwap(
            member=member,
            brought=brought,
            folder=folder,
            access=find_postgres(backups, "restore"),
            environment=backups.around.environment,
            disconnect=disconnect,
        )
    return RedisSwap(
        member=member,
        brought=brought,
        folder=folder,
        address=find_redis(backups, to_write=True),
        around=backups.around,
        disconnect=disconnect,
    )


def restore_database(
    member: MemberRecord, folder: Path, dsn: str, table: str | None, around: Surroundings, *, dry_run: bool
) -> tuple[str, int]:
    """Make a new database, the one that ``dsn`` names, of a member or of one table of it; return its place and rows.

    Raises ConfigurationError for a DSN that names no database or verifies too little, TargetExistsError, and what
    restoring raises.
    """
    from strongroom.backup.members.postgres_restoring import restore_postgres, restore_table
    from strongroom.postgres.access import add_password
    from strongroom.postgres.dsn import read_access

    access = add_password(read_access(dsn, "--into", around.environment), around.environment)
    database = access.parameters.get("dbname")
    if not database:
        raise ConfigurationError("--into", "names no database", "postgresql://USER@HOST:PORT/NEW_DATABASE")
    if dry_run:
        return access.place, member.rows if table is None else member.tables[table].rows
    environment = around.environment
    if table is None:
        made = restore_postgres(member, folder, access, database, environment=environment)
    else:
        made = restore_table(member, folder, access, database, table, environment=environment)
    if made.roles:
        around.say(access.place, f"these roles were made, and have no password yet: {', '.join(made.roles)}")
    return access.place, made.rows
