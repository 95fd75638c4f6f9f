"""What one subject needs of another, as a function: the only module that imports several subjects.

Each is imported where it is used: all of them take a fifth of a second, and a command needs few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.core.config import Settings
from strongroom.core.errors import GuardError, PlanError
from strongroom.core.secret import Secret
from strongroom.core.system import System

if TYPE_CHECKING:
    from strongroom.backup.request import Surroundings
    from strongroom.consolidate.explain import KeptRow
    from strongroom.containers.stack import Stack
    from strongroom.demo import LegacyTree
    from strongroom.examine.tls import Kind, Server
    from strongroom.load.request import Schemas
    from strongroom.postgres.connection import Access, Connection
    from strongroom.runs.home import Home
    from strongroom.schema import Records
    from strongroom.sqlite.prover import Prover

__all__ = [
    "apply_schema",
    "build_legacy_tree",
    "count_days_of_certificates",
    "explain_load",
    "find_image_here",
    "find_inner_network",
    "find_local_postgres",
    "give_prover",
    "give_records",
    "give_schemas",
    "list_backups_under",
    "list_local_servers",
    "name_column_keys",
    "sign_for_pods",
]


def find_local_postgres(settings: Settings, purpose: str) -> Mapping[str, str] | None:
    """Return how to connect to the PostgreSQL of this clone's stack; None where there is no stack. Read-only.

    ``purpose`` is ``deploy`` or ``monitor``.
    """
    from strongroom.containers import stack

    return stack.local_postgres(_find_stack(settings), purpose)


def count_days_of_certificates(settings: Settings) -> Mapping[str, int]:
    """Return for how many days each certificate of this clone's stack holds; nothing without a stack. Read-only."""
    from strongroom.containers import stack

    return stack.count_days(_find_stack(settings).folder, datetime.now(UTC))


def list_local_servers(settings: Settings) -> Mapping[Kind, Server]:
    """Return the servers of this clone's stack, whether they run or not; nothing without a stack. Read-only."""
    from strongroom.containers import stack
    from strongroom.examine.tls import Kind, Server

    asked = _find_stack(settings)
    kept, tls = asked.read_kept(), asked.folder.tls
    if kept is None or not (tls / "ca.crt").is_file():
        return {}
    return {
        kind: Server(
            kind=kind,
            named_by="the local stack",
            host="localhost",
            port=kept.port(kind),
            authority=tls / "ca.crt",
            user="strongroom_monitor",
            database="strongroom",
            expected=tls / f"{kind}.crt",
            renew="./inv stack.up issues a new one, and hands it over",
            may_be_off=kind not in stack.ALWAYS,
        )
        for kind in Kind
    }


def find_image_here(settings: Settings, name: str) -> str | None:
    """Return one of our images, of this clone's stack where there is one; None where no engine of here has it."""
    from strongroom.containers import images

    kept = _find_stack(settings).read_kept()
    return images.find_here(settings.environment, name, tag="local" if kept is None else kept.tag)


def find_inner_network(settings: Settings) -> str | None:
    """Return the network of this clone's stack in which its servers have names; None without a stack. Read-only."""
    kept = _find_stack(settings).read_kept()
    return None if kept is None else f"{kept.project}_inner"


def sign_for_pods(settings: Settings) -> Callable[[Mapping[str, object]], str] | None:
    """Return what signs tokens of service accounts with a key of this clone's stack; None without a stack."""
    from strongroom.containers.tokens import sign_claims

    asked = _find_stack(settings)
    if asked.read_kept() is None:
        return None

    return lambda claims: sign_claims(asked.folder.tls, claims)


def _find_stack(settings: Settings) -> Stack:
    from strongroom.containers.stack import Stack

    return Stack(root=settings.root, environment=settings.environment)


def build_legacy_tree(system: Path, directory: Path, *, rows: int, seed: int) -> LegacyTree:
    """Build every source of a system's plan under a directory; see ``demo.build_legacy_tree``."""
    from strongroom import demo

    return demo.build_legacy_tree(system, directory, rows=rows, seed=seed)


def give_prover() -> Prover:
    """Return what proves that a snapshot is its source."""
    from strongroom.consolidate.snapshots import PROVER

    return PROVER


def give_schemas(system: str, folder: Path) -> Schemas:
    """Return what makes a system's schemas in PostgreSQL as ``postgres.apply`` does.

    Raises ConfigurationError for a file that is none. What speaks to the server is imported late.
    """
    from strongroom.load.request import Schemas
    from strongroom.schema.beside import grant_rights, make_beside, provide_owner
    from strongroom.schema.files import find_file_sets, hash_files
    from strongroom.schema.objects import list_differences, read_objects
    from strongroom.schema.roles import owner_of

    sets = find_file_sets(folder)
    return Schemas(
        owner=owner_of(system),
        provide=lambda connection: provide_owner(connection, system),
        make=lambda connection, database, schema: make_beside(connection, system, sets, database, schema),
        grant=lambda connection, schema: grant_rights(connection, system, schema),
        read_objects=read_objects,
        list_differences=list_differences,
        files_sha256=hash_files(sets),
    )


def give_records(system: str, folder: Path) -> Records:
    """Return the records of a system's applied schema files. Raises ConfigurationError for a file that is none."""
    from strongroom.schema import Records
    from strongroom.schema.files import find_file_sets

    return Records(system=system, sets=tuple(find_file_sets(folder).values()))


def apply_schema(access: Access, system: str, folder: Path, database: str, say: Callable[[str, str], None]) -> None:
    """Bring one schema of a system up to its files, as ``postgres.apply`` does. Raises what that raises."""
    from strongroom.schema import apply_schemas, read_file_sets

    apply_schemas(access, system, read_file_sets(folder, database), dry_run=False, say=say)


def explain_load(
    home: Home,
    load: str | None,
    *,
    table: str | None,
    dispositions: tuple[str, ...],
    key: str | None = None,
    keys: Mapping[str, Secret],
) -> Iterator[KeptRow]:
    """Yield the rows of a load's ledgers, the latest load's by default, as ``consolidate.explain`` does a run's.

    Raises what finding the load raises, GuardError for one that did not end, UsageError for a table that is none of
    it, KeyMissingError.
    """
    from strongroom.consolidate.explain import Ledgers, explain_ledgers
    from strongroom.consolidate.masking import read_masks_of_targets
    from strongroom.core.plan.models import PlanModel
    from strongroom.core.yaml_text import load_yaml, validate_model
    from strongroom.load.documents import LoadState
    from strongroom.load.outcome import Outcome
    from strongroom.load.place import find_load

    folder, about = find_load(home, load)
    if about.state in (LoadState.LOADING, LoadState.FAILED):
        fact = "has not come to its end, so which rows are quarantined is not known yet"
        raise GuardError(f"load {folder.name}", fact, "run postgres.load again")
    data, positions = load_yaml(folder.plan, PlanError)
    report = folder.read_as(Outcome)
    ledgers = Ledgers(
        folder=folder.root / "ledger",
        keys={name: record.key for name, record in about.targets.items()},
        masks=read_masks_of_targets(validate_model(data, positions, folder.plan, PlanModel, PlanError)),
        what="load",
        tables=() if report is None else tuple(report.tables),
    )
    return explain_ledgers(ledgers, home.engine, table=table, dispositions=dispositions, key=key, keys=keys)


def name_column_keys(system: System, around: Surroundings) -> Surroundings:
    """Let what takes backups note which keys the values of a system's registered columns are under."""
    from strongroom.rotate.columns.naming import list_keys_in_file

    entries = system.columns
    if not entries:
        return around

    def list_in_database(connection: Connection) -> tuple[str, ...]:
        from strongroom.rotate.columns.postgres_naming import list_keys_in_database

        return list_keys_in_database([one for one in entries if one.dsn is None], connection)

    return replace(
        around,
        list_keys_in_file=lambda name, connection: list_keys_in_file(entries, name, connection),
        list_keys_in_database=list_in_database,
    )


def list_backups_under(system: System, settings: Settings, key: str) -> tuple[str, ...]:
    """Return the sets of a system's stores that only a version of a key (``NAME@VERSION``) opens. Read-only.

    A set whose entry cannot be read may be one of them, and counts as one. Raises UnreachableError where a
    store cannot be asked, NotInitialisedError where there is none, as where it is not mounted: a key is not given up
    on a guess.
    """
    from strongroom.backup.catalog import CATALOG, read_catalog
    from strongroom.backup.documents import Kind, Summary
    from strongroom.backup.request import Surroundings
    from strongroom.backup.stores.opening import find_objects, read_about

    base = key.partition("@")[0]
    columns = [one for one in system.columns if base in (one.key, *(read.key for read in one.reads))]
    files, has_servers = {one.sqlite for one in columns}, any(one.postgres is not None for one in columns)

    def holds_columns(member: Summary) -> bool:
        return member.name in files or (has_servers and member.kind is Kind.POSTGRES)

    entry = system.backup
    around = Surroundings(now=lambda: datetime.now(UTC), environment=settings.environment)
    found: list[str] = []
    for store in (entry.store, entry.second) if entry is not None else ():
        if store is None:
            continue
        objects = find_objects(store, around)
        catalog = read_catalog(objects, read_about(store, system.name, objects).id, system.name)
        found += [f"set {name} of {objects.place}" for name in catalog.list_under(key, holds_columns)]
        unread = {name: fact for name, fact in catalog.damaged.items() if name.startswith(CATALOG)}
        found += [f"maybe the set of {objects.place}/{name}, which {fact}" for name, fact in unread.items()]
    return tuple(found)
