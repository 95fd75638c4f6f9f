"""The memory stores of one SQLite file into PostgreSQL: an excerpt of it, loaded into live tables."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from strongroom import report
from strongroom.core.config import Settings
from strongroom.core.errors import PlanError, UsageError
from strongroom.core.files import OWN_FOLDER, locked, make_private_folder, write_text
from strongroom.core.progress import Progress
from strongroom.core.quoting import fold
from strongroom.core.system import find_system, read_system
from strongroom.load.documents import Way
from strongroom.load.into.arriving import load_into_live
from strongroom.load.outcome import Outcome
from strongroom.load.request import Request, Schemas, Surroundings
from strongroom.load.stage.excerpt import Excerpt, read_columns, take_excerpt
from strongroom.load.stage.likeness import Standing, find_standing, make_alike
from strongroom.load.switch.switching import Around
from strongroom.postgres.connection import Access, open_postgres
from strongroom.sqlite.database import Database, has_plain_header, under_key
from strongroom.sqlite.keyring import hold_needed
from strongroom.tasks._around import read_clock
from strongroom.tasks._keys import find_keys
from strongroom.tasks.wiring import apply_schema, give_prover, give_records, give_schemas

STORES = {
    "consensus": ("consensus", "dissent", "verified_proofs"),
    "critique": ("debates", "critiques", "patterns", "pattern_embeddings", "agent_reputation", "patterns_archive"),
}
SYSTEM, SCHEMA = "aragora", "stores"
"""Whose stores they are, and the schema that they have where the application has none yet."""
_KEY = "sqlite"
_HOMES = {"consensus": "consensus_memory.db", "critique": "agora_memory.db"}
_PLAN = """\
# {store} of {file}, as one database: what belongs to others stayed behind.
version: 1
defaults: {{time_zone: UTC}}
sources: {{stores: {{path: stores.db}}}}
targets: {{stores: {{path: stores.db, postgres: {schema}{encrypt}}}}}
copy: {{stores: [stores.*]}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What of which file goes where."""

    sqlite: Path
    access: Access
    store: str
    """One of STORES, or ``all``."""
    way: Way
    settings: Settings
    progress: Progress
    quarantine_budget: int = 0
    target: Path | None = None
    """Where snapshots, ledger and report are kept; None: beside the file, in our own directory."""
    dry_run: bool = False


def migrate(asked: Migration) -> Outcome:
    """Load the tables of the chosen stores into the live ones, proven; what is there already stays.

    Raises UsageError where the file has none of them, LockedError, and what a load raises.
    """
    folder = find_system(SYSTEM, asked.settings.root)
    engine = asked.settings.sqlite
    is_plain = not asked.sqlite.is_file() or has_plain_header(Database(asked.sqlite, engine))
    original = under_key(asked.sqlite, None if is_plain else _KEY, engine)
    with hold_needed(find_keys(folder), {original.key}):
        found = _choose_tables(asked, read_columns(original))
        with _open_place(asked) as place:
            standing = _provide(asked, folder, found)
            database = replace(original, path=place / "stores.db")
            excerpt = take_excerpt(original, database, found if standing is None else standing.columns, give_prover())
            try:
                _refuse_strange(asked, excerpt, standing)
                around = _surround(asked, folder, standing)
                outcome = load_into_live(
                    _ask(asked, place, standing, original.key), around, _surround_switch(around, folder)
                )
            finally:
                database.path.unlink(missing_ok=True)
    return replace(outcome, notes=(*outcome.notes, *_say(asked, excerpt, found)))


@contextmanager
def _open_place(asked: Migration) -> Iterator[Path]:
    """Give the directory of the loads of this file and store, which nobody else uses meanwhile. Raises LockedError."""
    if asked.dry_run:
        with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
            yield Path(scratch)
        return
    homes = asked.target or asked.sqlite.parent / OWN_FOLDER / "memory_migrator"
    place = homes / f"{asked.sqlite.stem}-{asked.store}"
    make_private_folder(place)
    with locked(place / "lock"):
        yield place


def _choose_tables(asked: Migration, there: dict[str, Collection[str]]) -> dict[str, Collection[str]]:
    """Return those tables of a file that belong to the chosen stores, by the names that the stores give them."""
    wanted = [name for store, names in STORES.items() if asked.store in ("all", store) for name in names]
    known = {fold(name): columns for name, columns in there.items()}
    found = {name: known[name] for name in wanted if name in known}
    if not found:
        fact = f"has none of the tables {', '.join(wanted)}"
        hint = (
            f"the application keeps them in {_HOMES.get(asked.store, ' and '.join(_HOMES.values()))}, or in memory.db"
        )
        raise UsageError(asked.sqlite, fact, hint)
    return found


def _provide(asked: Migration, folder: Path, tables: Collection[str]) -> Standing | None:
    """Return where the tables stand; where they stand nowhere, they are made first, unless nothing is to be written."""
    standing = _find(asked.access, tables)
    if standing is None and not asked.dry_run:
        apply_schema(asked.access, SYSTEM, folder, SCHEMA, report.say_note)
        standing = _find(asked.access, tables)
    return standing


def _find(access: Access, tables: Collection[str]) -> Standing | None:
    with open_postgres(access, is_read_only=True) as connection:
        return find_standing(connection, tables, SCHEMA)


def _ask(asked: Migration, place: Path, standing: Standing | None, key: str | None) -> Request:
    schema = SCHEMA if standing is None else standing.schema
    encrypt = "" if key is None else f", encrypt: {key}"
    plan = place / "plan.yaml"
    write_text(plan, _PLAN.format(store=asked.store, file=asked.sqlite.name, schema=schema, encrypt=encrypt))
    return Request(
        system=f"{SYSTEM}_memory",
        plan=plan,
        target=place,
        access=asked.access,
        way=asked.way,
        quarantine_budget=asked.quarantine_budget,
        dry_run=asked.dry_run,
        jobs=asked.settings.jobs,
        engine=asked.settings.sqlite,
    )


def _surround(asked: Migration, folder: Path, standing: Standing | None) -> Surroundings:
    schemas = give_schemas(SYSTEM, folder)
    if standing is not None:
        schemas = _follow(schemas, standing)
    return Surroundings(
        now=read_clock,
        progress=asked.progress,
        schemas=schemas,
        prover=give_prover(),
        keys=find_keys(folder),
        registered=read_system(folder).columns,
    )


def _surround_switch(around: Surroundings, folder: Path) -> Around:
    return Around(now=around.now, schemas=around.schemas, records=give_records(SYSTEM, folder), say=report.say_note)


def _follow(schemas: Schemas, standing: Standing) -> Schemas:
    """Return what stages rows in tables like those that are live.

    Where the application made these, there are no roles of ours: whoever is connected owns what is staged.
    """
    tables = tuple(standing.columns)
    if standing.owner == schemas.owner:
        return replace(schemas, make=partial(make_alike, tables=tables, owner=schemas.owner))
    return replace(
        schemas,
        owner=standing.user,
        provide=lambda _: None,
        make=partial(make_alike, tables=tables, owner=standing.user),
        grant=lambda _connection, _schema: None,
    )


def _refuse_strange(asked: Migration, excerpt: Excerpt, standing: Standing | None) -> None:
    """Refuse values that have no column there. Raises PlanError."""
    if excerpt.strange and standing is not None:
        names = ", ".join(excerpt.strange)
        fact = f"holds values in {names}, and the tables in schema {standing.schema} have no such columns"
        raise PlanError(asked.sqlite, fact, "add them there, then run again")


def _say(asked: Migration, excerpt: Excerpt, found: Collection[str]) -> tuple[str, ...]:
    """Return one line for each thing of the file that stayed behind, and for each table that it lacks."""
    wanted = [name for store, names in STORES.items() if asked.store in ("all", store) for name in names]
    lines = [f"table {name}: is none of the chosen stores', stayed behind" for name in excerpt.left]
    lines += [f"column {name}: has no place there, and holds nothing but its default" for name in excerpt.empty]
    lines += [f"table {name}: is not in {asked.sqlite.name}" for name in wanted if name not in found]
    return tuple(lines)
