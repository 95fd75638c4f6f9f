"""Restore a PostgreSQL database beside what is there, whole or one table of it, and compare it with its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.backup.documents import MemberRecord
from strongroom.backup.members.figures import compare_figures
from strongroom.backup.members.postgres import DUMP, GLOBALS, locate_folder, name_database
from strongroom.backup.members.postgres_archive import (
    Archive,
    choose_entries,
    compare_schemas,
    hash_schema,
    normalise_schema,
)
from strongroom.backup.members.postgres_figures import digest_tables, list_tables, read_figures
from strongroom.backup.members.postgres_roles import bring_roles
from strongroom.core.errors import DifferencesError, LockedError, TargetExistsError, UsageError, VersionError
from strongroom.core.programs import ProgramResult
from strongroom.postgres.clients import Clients, explain_client, find_clients
from strongroom.postgres.connection import Access, Connection, compose, identifier, open_postgres, run_statement

_LONGEST = 63
MAINTENANCE = "postgres"
"""The database from which others are made and renamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredDatabase:
    """A database that was made of a set."""

    database: str
    roles: tuple[str, ...]
    """Those that were made for it: they have no password yet."""
    tables: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A member as it lies in the files of a set."""

    member: MemberRecord
    archive: Archive
    globals: Path

    @property
    def database(self) -> str:
        """Its name when it was taken."""
        return self.member.name.partition("/")[2]


def open_kept(member: MemberRecord, folder: Path, clients: Clients) -> Kept:
    """Return a member among the files of a set."""
    place = folder / locate_folder(member.name.partition("/")[2])
    return Kept(member=member, archive=Archive(path=place / DUMP, clients=clients), globals=place / GLOBALS)


def read_major(member: MemberRecord) -> int:
    """Return the major version of the server that a member was taken from."""
    return int(member.versions["server"].partition(".")[0])


def restore_postgres(
    member: MemberRecord, folder: Path, access: Access, into_database: str, *, environment: Mapping[str, str]
) -> RestoredDatabase:
    """Make a new database of a member and compare it, row for row by digest, with what was backed up.

    Roles that the server lacks are made, without passwords. One that is found other than it was is dropped again.
    Raises TargetExistsError where there is a database of that name, DifferencesError, VersionError, and what a
    connection raises.
    """
    with _made(member, folder, access, into_database, environment) as (kept, connection, part, roles):
        load_database(kept, connection, part)
        with open_postgres(name_database(access, part)) as inside:
            _raise_any(member, compare_database(kept, inside))
    return RestoredDatabase(
        database=into_database, roles=roles, tables=len(member.tables), rows=member.rows
    )  # fmt: skip


def restore_table(
    member: MemberRecord, folder: Path, access: Access, into_database: str, table: str, *,
    environment: Mapping[str, str],
) -> RestoredDatabase:  # fmt: skip
    """Make a new database that holds one table of a member with its rows and keys, beside empty ones.

    The other tables are there without rows, so that types and defaults mean what they did; references and further
    indexes are not. Raises UsageError for a table that the member lacks, else as ``restore_postgres``.
    """
    wanted = member.tables.get(table)
    if wanted is None:
        known = ", ".join(sorted(member.tables)[:5])
        raise UsageError(table, f"is no table of {member.name}", f"backup.show names them: {known}, …")
    with _made(member, folder, access, into_database, environment) as (kept, connection, part, roles):
        _load(kept, connection, part, ["--section=pre-data"])
        with open_postgres(name_database(access, part)) as inside:
            found = next((one for one in list_tables(inside) if one.title == table), None)
            if found is None:
                raise UsageError(table, f"is no table of {member.name} that can be restored alone", "restore it whole")
            entries = choose_entries(kept.archive.list_entries(), found)
            _load(kept, connection, part, ["--use-list=/dev/stdin"], "\n".join(entries))
            _dress(kept, connection, part)
            figures = {table: digest_tables(inside, [found])[table]}
            _raise_any(member, compare_figures({table: wanted}, figures, "rows"))
    return RestoredDatabase(database=into_database, roles=roles, tables=1, rows=wanted.rows)


@contextmanager
def _made(
    member: MemberRecord, folder: Path, access: Access, database: str, environment: Mapping[str, str]
) -> Iterator[tuple[Kept, Connection, str, tuple[str, ...]]]:
    """Make an empty database of a member's settings, under a name of ours; it gets its own once it is filled.

    Where what follows fails, it is dropped; after a SIGKILL, by the next restore into the same name.
    """
    with open_postgres(name_database(access, MAINTENANCE)) as connection:
        kept = open_kept(member, folder, find_server_clients(member, connection, environment))
        part = name_aside(database, "restoring", "part")
        _refuse_existing(connection, database, part)
        roles = bring_roles(connection, kept.globals.read_text(encoding="utf-8"))
        drop = compose("DROP DATABASE IF EXISTS {name}", name=identifier(part))
        connection.execute(drop)
        try:
            make_database(kept, connection, part)
            yield kept, connection, part, roles.made
        except BaseException:
            connection.execute(drop)
            raise
        connection.execute(
            compose("ALTER DATABASE {part} RENAME TO {name}", part=identifier(part), name=identifier(database))
        )


def _refuse_existing(connection: Connection, database: str, part: str) -> None:
    """Make sure that nobody has a database of that name, or is making one; hold the right to until the end."""
    row = connection.execute("SELECT pg_try_advisory_lock(hashtext('strongroom restore'), hashtext(%s))", (part,))
    if not (row.fetchone() or (False,))[0]:
        raise LockedError(f"database {database}", "is being restored by somebody else", "wait until that has ended")
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", (database,)).fetchone() is not None:
        raise TargetExistsError(f"database {database}", "is there already", "name another one, or drop it first")


def name_aside(database: str, what: str, stamp: str) -> str:
    """Return the name of a database beside another one, no longer than a name may be."""
    end = f"_{what}_{stamp}"
    return database.encode()[: _LONGEST - len(end.encode())].decode(errors="ignore") + end


def find_server_clients(member: MemberRecord, connection: Connection, environment: Mapping[str, str]) -> Clients:
    """Return programs that restore a member into a server. Raises VersionError for an older server."""
    server = connection.info.server_version // 10_000
    if server < read_major(member):
        fact = f"is PostgreSQL {server}, and {member.name} was taken from {read_major(member)}"
        raise VersionError("the server", fact, "restore into a server of that version or a newer one")
    return find_clients(environment, server)


def make_database(kept: Kept, connection: Connection, database: str, *, plain: bool = False) -> None:
    """Make an empty database as a member's was; ``plain``: in the C locale, for a machine that lacks its own."""
    making, _ = kept.archive.write_making(database)
    if plain:
        encoding = making.partition("ENCODING = ")[2].split()[0].rstrip(";")
        making = f"{making.partition(' WITH ')[0]} WITH TEMPLATE = template0 ENCODING = {encoding} LOCALE = 'C';"
    run_statement(connection, making)


def load_database(kept: Kept, connection: Connection, database: str, *, plain: bool = False) -> None:
    """Fill an empty database. Raises what ``explain_client`` makes of ``pg_restore``'s complaint."""
    _load(kept, connection, database, ["--no-tablespaces"] if plain else [])
    _dress(kept, connection, database)


def _load(kept: Kept, connection: Connection, database: str, further: Sequence[str], given: str = "") -> None:
    jobs = [] if given else ["--jobs=2"]
    words: list[str | Path] = ["--exit-on-error", *jobs, *further, kept.archive.path]
    said = kept.archive.clients.run(
        "pg_restore", words, connection, database=database, standard_input=given.encode()
    )  # fmt: skip
    _require(said, f"restore of {kept.member.name}")


def _dress(kept: Kept, connection: Connection, database: str) -> None:
    """Set what belongs to the database itself: its owner, who may connect, its settings."""
    _, dressing = kept.archive.write_making(database)
    said = kept.archive.clients.run(
        "psql", ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"], connection,
        standard_input=dressing.encode(errors="surrogateescape"),
    )  # fmt: skip
    _require(said, f"settings of {kept.member.name}")


def compare_database(kept: Kept, connection: Connection) -> Iterator[str]:
    """Yield a line for each difference between a database and what the manifest, and the dump, say of it."""
    member = kept.member
    yield from compare_figures(member.tables, read_figures(connection), "rows")
    declared = kept.archive.read_schema()
    if hash_schema(declared) != member.schema_sha256:
        yield "the dump declares other things than the manifest says"
    yield from compare_schemas(declared, read_declared(kept.archive.clients, connection))


def read_declared(clients: Clients, connection: Connection) -> dict[str, str]:
    """Return what a live database declares, as an archive of it would."""
    said = clients.run("pg_dump", ["--schema-only", "--create", "--no-tablespaces"], connection)
    _require(said, "schema of what was restored")
    return normalise_schema(said.stdout.decode(errors="surrogateescape"))


def _require(said: ProgramResult, subject: str) -> None:
    if not said.is_success:
        raise explain_client(said, subject)


def _raise_any(member: MemberRecord, facts: Iterator[str]) -> None:
    found = list(facts)
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise DifferencesError(member.name, f"came back other than it was: {found[0]}{more}", "take another set")
