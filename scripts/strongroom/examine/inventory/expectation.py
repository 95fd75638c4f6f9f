"""Set what is there against what a system declares: its plan's paths, its legacy tables and columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from strongroom.core.errors import ConfigurationError
from strongroom.core.plan import Source
from strongroom.core.quoting import fold
from strongroom.examine.inventory.model import DatabaseFacts, TableFacts
from strongroom.examine.inventory.oddities import show_name
from strongroom.sqlite.connection import open_memory
from strongroom.sqlite.schema import Schema, Table, read_schema

LEGACY_FOLDER = "legacy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a system says about its sources."""

    optional: Mapping[str, bool] = field(default_factory=dict)
    """Path of each file that the plan names: whether it may be missing."""
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    """By path: what ``legacy/<file stem>.sql`` declares, where there is such a file."""


def read_expectation(folder: Path, sources: Iterable[Source]) -> Expectation:
    """Read what a system's folder declares for the sources of its plan.

    Raises ConfigurationError when one of its files is no SQL.
    """
    listed = list(sources)
    declared = {source.path: folder / LEGACY_FOLDER / f"{Path(source.path).stem}.sql" for source in listed}
    return Expectation(
        optional={source.path: source.optional for source in listed},
        schemas={path: _read_declared(file) for path, file in declared.items() if file.is_file()},
    )


def _read_declared(file: Path) -> Schema:
    with open_memory() as connection:
        try:
            connection.executescript(file.read_text(encoding="utf-8"))
            return read_schema(connection)
        except connection.Error as error:
            raise ConfigurationError(file, str(error), "correct the SQL") from error


def compare_with_expectation(database: DatabaseFacts, expectation: Expectation) -> DatabaseFacts:
    """Add to a database's oddities where its tables and columns are not those that the system declares."""
    schema = expectation.schemas.get(database.path)
    if schema is None:
        return database
    tables = (
        replace(facts, oddities=(*_differences(facts, schema.find(facts.name)), *facts.oddities))
        for facts in database.tables
    )
    return replace(database, tables=tuple(tables))


def find_lacking(database: DatabaseFacts, expectation: Expectation) -> Iterator[str]:
    """Name the columns that the system declares and the tables that are here lack: an old schema."""
    schema = expectation.schemas.get(database.path)
    for facts in database.tables if schema is not None else ():
        declared = schema.find(facts.name) if schema is not None else None
        if declared is not None:
            yield from _lacking(facts, declared)


def _differences(facts: TableFacts, declared: Table | None) -> Iterator[str]:
    if declared is None:
        yield f"{show_name(facts.name)}: table that the system does not declare"
        return
    for column in facts.columns:
        if fold(column.name) not in declared.by_name:
            name = f"{show_name(facts.name)}.{show_name(column.name)}"
            yield f"{name}: column that the system does not declare"
    yield from _lacking(facts, declared)


def _lacking(facts: TableFacts, declared: Table) -> Iterator[str]:
    present = {fold(column.name) for column in facts.columns}
    for name, column in declared.by_name.items():
        if name not in present:
            yield f"{show_name(facts.name)}: lacks column {show_name(column.name)} that the system declares"
