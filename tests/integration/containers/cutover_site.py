"""Loads that are staged by plain SQL on a database of their own, and what goes live of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from psycopg import Connection

from strongroom.core.errors import DecisionNeededError
from strongroom.load.documents import LoadDocument, LoadState, MadeDocument, MadeSchema, SchemaRecord, Way
from strongroom.load.into.into_live import IntoLiveRequest, IntoLiveResult, go_into_live
from strongroom.load.place import LoadFolder
from strongroom.load.request import Schemas
from strongroom.load.rows.book import Book
from strongroom.load.rows.ledger import Entry
from strongroom.load.switch.cutover import CutoverRequest, CutoverResult, cut_over
from strongroom.load.switch.rollback import RollbackRequest, RollbackResult, roll_back
from strongroom.load.switch.since import mark_tables
from strongroom.load.switch.switching import Around
from strongroom.postgres.connection import Access, open_postgres
from strongroom.postgres.dsn import read_access
from strongroom.runs.home import Home
from strongroom.runs.records import SnapshotRecord
from strongroom.schema import FileSet, Records, read_file_sets
from strongroom.schema.objects import list_differences, read_objects
from strongroom.schema.roles import grant, let_owner_create, provide_roles
from strongroom.schema.running import run_files
from tests.integration.containers.schema_site import PASSWORD, Site

OWNER = "shop_owner"
GOODS = "CREATE TABLE goods (id bigint PRIMARY KEY, name text NOT NULL, price double precision, more jsonb)"
ROWS = "INSERT INTO goods SELECT n, 'thing ' || n, n / 4.0, jsonb_build_object('n', n) FROM generate_series(1, 20) n"
NUMBERS = count(1)
SNAPSHOT = SnapshotRecord(
    path="core.db", file="core.db", original="core.db", sha256="", source_sha256="", size=0, schema_sha256="", state={}
)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A system whose loads are staged, by a role that may no more than it needs."""

    site: Site
    role: str
    target: Path
    events: list[str] = field(default_factory=list)

    @property
    def access(self) -> Access:
        dsn = self.site.dsn.replace("postgres@", f"{self.role}@")
        access = read_access(dsn, "SHOP_DSN", {})
        return replace(access, parameters={**access.parameters, "password": PASSWORD})

    def as_owner(self, schema: str, *statements: str) -> None:
        """Run statements as the system's owner, with names looked up in one schema."""
        with self.site.connect(self.role) as connection:
            connection.execute(f"SET ROLE {OWNER}".encode())
            connection.execute(f'SET search_path = "{schema}"'.encode())
            for statement in statements:
                connection.execute(statement.encode())

    def make(self, schema: str, *statements: str) -> None:
        """Make a schema of the system, with its usual rights."""
        with open_postgres(self.access) as connection, connection.transaction():
            connection.execute(f'CREATE SCHEMA "{schema}" AUTHORIZATION {OWNER}'.encode())
            grant(connection, "shop", schema)
        self.as_owner(schema, *statements)
        with open_postgres(self.access) as connection, connection.transaction():
            grant(connection, "shop", schema)

    def stage(self, *statements: str, names: tuple[str, ...] = ("core",), way: Way = "staged") -> Load:
        """Stage a load, all targets of which hold the same."""
        folder = LoadFolder(
            root=self.target / ".strongroom" / "loads" / f"load{next(NUMBERS)}", home=Home(target=self.target)
        )
        folder.root.mkdir(parents=True)
        folder.home.provide()
        book = Book(system="shop", owner=OWNER, load=folder.owner)
        with open_postgres(self.access) as connection, connection.transaction():
            connection.execute(f"SET LOCAL ROLE {OWNER}".encode())
            book.begin(connection)
        for name in names:
            self.site.do(f"DROP SCHEMA IF EXISTS {name}_staged CASCADE")
            self.make(f"{name}_staged", *(statements or (GOODS, ROWS)))
        with open_postgres(self.access) as connection:
            marks = {name: mark_tables(connection, f"{name}_staged") for name in names}
            book.note_proven(connection, marks)
        records = {
            name: SchemaRecord(schema=name, staged=f"{name}_staged", previous=f"{name}_previous", snapshot=SNAPSHOT)
            for name in names
        }
        folder.write(_document(folder.name, records, way))
        folder.write(self._describe(records))
        return Load(shop=self, folder=folder)

    def _describe(self, records: Mapping[str, SchemaRecord]) -> MadeDocument:
        with open_postgres(self.access, is_read_only=True) as connection:
            objects = {name: read_objects(connection, record.staged) for name, record in records.items()}
        return MadeDocument(
            targets={
                name: MadeSchema(has_files=False, objects=held, references=(), carried=(), reported=(), skipped=())
                for name, held in objects.items()
            }
        )

    def sets(self) -> tuple[FileSet, ...]:
        return read_file_sets(self.site.system) if (self.site.system / "postgres").is_dir() else ()

    def around(self, **others: Any) -> Around:
        sets = {files.database: files for files in self.sets()}

        def make(connection: Connection[Any], live: str, into: str) -> bool:
            run_files(connection, "shop", into, sets[live].files if live in sets else (), beside=())
            return live in sets

        schemas = Schemas(
            owner=OWNER,
            provide=lambda _: None,
            make=make,
            grant=lambda connection, schema: grant(connection, "shop", schema),
            read_objects=read_objects,
            list_differences=list_differences,
        )
        return Around(
            now=lambda: datetime.now(UTC),
            schemas=schemas,
            records=Records(system="shop", sets=tuple(sets.values())),
            say=lambda subject, fact: self.events.append(f"{subject}: {fact}"),
            **others,
        )


def _document(name: str, records: Mapping[str, SchemaRecord], way: Way) -> LoadDocument:
    return LoadDocument(
        load=name,
        state=LoadState.STAGED,
        tool="0",
        system="shop",
        origin="consolidated",
        way=way,
        plan="plan.yaml",
        plan_sha256="",
        files_sha256="",
        server="here",
        variable="SHOP_DSN",
        targets=records,
        began=datetime.now(UTC),
    )


@dataclass(frozen=True, kw_only=True)
class Load:
    """One staged load."""

    shop: Shop
    folder: LoadFolder

    @property
    def document(self) -> LoadDocument:
        found = self.folder.read()
        assert found is not None
        return found

    @property
    def state(self) -> str:
        return str(self.document.state)

    def copy(self) -> Load:
        """Return it as another machine has it, which has a copy of the tree."""
        place = self.shop.target.with_name(f"copy{next(NUMBERS)}")
        shutil.copytree(self.shop.target, place)
        root = place / self.folder.root.relative_to(self.shop.target)
        return Load(shop=self.shop, folder=LoadFolder(root=root, home=Home(target=place)))

    def become(self, state: LoadState) -> None:
        self.folder.write(replace(self.document, state=state))

    def cut_over(self, around: Mapping[str, Callable[..., Any]] | None = None, **asked: Any) -> CutoverResult:
        request = CutoverRequest(
            system="shop", access=self.shop.access, folder=self.folder, document=self.document, **asked
        )
        return cut_over(request, self.shop.around(**(around or {})))

    def go_into_live(
        self, around: Mapping[str, Callable[..., Any]] | None = None, **asked: Any
    ) -> tuple[IntoLiveResult, dict[tuple[str, int], tuple[str, str]]]:
        """Bring it in; return what came of it, and what was written into the ledger: table and address to what."""
        request = IntoLiveRequest(
            system="shop", access=self.shop.access, folder=self.folder, document=self.document, **asked
        )
        noted: dict[tuple[str, int], tuple[str, str]] = {}

        def note(target: str, table: str, entries: Sequence[Entry]) -> None:
            noted.update({(f"{target}.{table}", one.address): (one.disposition, one.rule) for one in entries})

        try:
            return go_into_live(request, self.shop.around(**(around or {})), note), noted
        except DecisionNeededError as error:
            error.add_note(str(noted))
            raise

    def roll_back(self, around: Mapping[str, Callable[..., Any]] | None = None, **asked: Any) -> RollbackResult:
        request = RollbackRequest(
            system="shop", access=self.shop.access, folder=self.folder, document=self.document, **asked
        )
        return roll_back(request, self.shop.around(**(around or {})))


def open_shop(site: Site, folder: Path) -> Shop:
    """Make the roles, and one that is a member of the owner and may create schemas, no more."""
    os.environ.pop("PGHOST", None)
    role = site.make_role("")
    with site.connect() as connection, connection.transaction():
        provide_roles(connection, "shop")
        let_owner_create(connection, "shop")
        database = site.dsn.partition("?")[0].rsplit("/", 1)[1]
        connection.execute(f"GRANT CREATE ON DATABASE {database} TO {role}; GRANT {OWNER} TO {role}".encode())
    target = folder / "data"
    target.mkdir()
    return Shop(site=site, role=role, target=target)
