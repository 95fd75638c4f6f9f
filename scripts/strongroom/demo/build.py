"""Build the files of a legacy tree: schemas, rows, awkward facts, documents, journals."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.core.plan import Plan, Source, read_plan
from strongroom.core.quoting import quote
from strongroom.demo.awkward import Planter
from strongroom.demo.content import Content, insert_rows
from strongroom.demo.documents import read_document_tables, write_document
from strongroom.demo.tables import Table, read_tables

_WAL_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyTree:
    """What was built."""

    directory: Path
    files: tuple[Path, ...]
    """Absolute, in the order of the plan; without ``-wal``."""
    rows: Mapping[str, int]
    """``source.table`` to its number of rows, those in a ``-wal`` included."""
    awkward: Mapping[str, str]
    """A short name of each planted fact to where it is and what it is, in words."""


def build_legacy_tree(
    system_folder: Path, directory: Path, *, rows: int, seed: int, awkward: bool = True
) -> LegacyTree:
    """Build every source of a system's plan under ``directory``, with ``rows`` rows a table.

    The same arguments give the same contents. Tables that their schema fills keep what it says.
    Raises UsageError for a file that is there already, ConfigurationError for a missing or wrong schema.
    """
    plan = read_plan(system_folder / "plan.yaml")
    return _Builder(plan, directory, rows=rows, seed=seed, awkward=awkward).build()


class _Builder:
    """One tree in the making."""

    def __init__(self, plan: Plan, directory: Path, *, rows: int, seed: int, awkward: bool) -> None:
        self._plan = plan
        self._directory = directory
        self._numbers = range(rows)
        self._seed = seed
        self._awkward = awkward
        self._tables: dict[str, list[Table]] = {}
        self._counts: dict[str, int] = {}
        self._facts: dict[str, str] = {}

    def build(self) -> LegacyTree:
        """Make all files."""
        databases = [source for source in self._plan.sources.values() if source.format == "sqlite"]
        documents = [source for source in self._plan.sources.values() if source.format == "json"]
        self._refuse_present()
        for source in databases:
            self._create(source)
        fed = {source.name: read_document_tables(self._plan, source) for source in documents}
        every = [table for tables in self._tables.values() for table in tables]
        content = Content(
            [*every, *(document.table for tables in fed.values() for document in tables)],
            rows=len(self._numbers),
            seed=self._seed,
            orphans=self._awkward,
        )
        planter = Planter(self._plan, every, content, seed=self._seed)
        journaled = planter.choose_journaled() if self._awkward else None
        for number, source in enumerate(databases):
            if source.name in self._tables:
                self._fill(source, content, planter, in_journal=source.name == journaled, wal=number % 4 > 0)
        for source in documents:
            written = write_document(self._file(source), fed[source.name], content, self._numbers)
            self._counts |= {f"{source.name}.{table}": count for table, count in written.items()}
        if self._awkward:
            self._facts |= planter.facts
        return LegacyTree(
            directory=self._directory,
            files=tuple(file for file in map(self._file, self._plan.sources.values()) if file.exists()),
            rows=self._counts,
            awkward=self._facts,
        )

    def _file(self, source: Source) -> Path:
        return self._directory / source.path

    def _refuse_present(self) -> None:
        for source in self._plan.sources.values():
            if self._file(source).exists():
                raise UsageError(self._file(source), "is there already", "name a new or an empty directory")

    def _create(self, source: Source) -> None:
        schema = self._plan.path.parent / "legacy" / f"{Path(source.path).stem}.sql"
        if not schema.is_file():
            if source.optional:
                return
            raise ConfigurationError(schema, f"there is no schema of the source {source.name}")
        self._file(source).parent.mkdir(parents=True, exist_ok=True)
        with _open_fast(self._file(source)) as connection:
            try:
                connection.executescript(schema.read_text(encoding="utf-8"))
            except sqlite3.Error as error:
                raise ConfigurationError(schema, str(error)) from error
            self._tables[source.name] = read_tables(connection, source.name, source.path)

    def _fill(self, source: Source, content: Content, planter: Planter, *, in_journal: bool, wal: bool) -> None:
        file, tables = self._file(source), self._tables[source.name]
        with _open_fast(file) as connection:
            connection.execute("BEGIN")
            for table in tables:
                if not table.rows:
                    insert_rows(connection, table, content, self._numbers)
            if self._awkward:
                planter.plant(connection, source.name)
            connection.execute("COMMIT")
            self._count(connection, source, tables)
            connection.execute("PRAGMA journal_mode=" + ("wal" if wal or in_journal else "delete"))
        if in_journal:
            self._leave_in_journal(source, planter)

    def _leave_in_journal(self, source: Source, planter: Planter) -> None:
        """Leave rows and an update that only the ``-wal`` has, as a process that was killed does.

        Copies of both files are taken while the connection is open and put back after it was closed.
        """
        file = self._file(source)
        journal = file.with_name(file.name + "-wal")
        last = len(self._numbers)
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("BEGIN IMMEDIATE")
            planter.plant_in_journal(connection, source.name, range(last, last + _WAL_ROWS))
            connection.execute("COMMIT")
            self._count(connection, source, self._tables[source.name])
            copies = [(path, path.with_name(path.name + ".copy")) for path in (file, journal)]
            for path, copy in copies:
                shutil.copyfile(path, copy)
        for path, copy in copies:
            copy.replace(path)
        file.with_name(file.name + "-shm").unlink(missing_ok=True)

    def _count(self, connection: sqlite3.Connection, source: Source, tables: list[Table]) -> None:
        for table in tables:
            query = f"SELECT count(*) FROM {quote(table.name)}"
            self._counts[f"{source.name}.{table.name}"] = connection.execute(query).fetchone()[0]


@contextmanager
def _open_fast(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=MEMORY")
        connection.execute("PRAGMA synchronous=OFF")
        yield connection
