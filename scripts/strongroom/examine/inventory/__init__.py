"""Observe what is in a directory of databases, and what is awkward about it. Read-only.

No byte of a database or of a write-ahead log with content is changed; what cannot be read is said.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import UnreachableError, UsageError
from strongroom.core.files import explain_os_error
from strongroom.core.quoting import fold
from strongroom.examine.inventory.documents import observe_document
from strongroom.examine.inventory.expectation import (
    Expectation,
    compare_with_expectation,
    find_lacking,
    read_expectation,
)
from strongroom.examine.inventory.find import Findings, find_files, name_in
from strongroom.examine.inventory.model import (
    ColumnFacts,
    DatabaseFacts,
    DocumentFacts,
    Inventory,
    OtherFile,
    Overlap,
    Problem,
    SequenceFacts,
    TableFacts,
    WalChange,
    WalFacts,
)
from strongroom.examine.inventory.observe import Depth, observe_database
from strongroom.examine.inventory.overlaps import find_overlaps
from strongroom.examine.inventory.text import describe_inventory
from strongroom.sqlite.bunch import NO_KEYS, Bunch
from strongroom.sqlite.openers import Opener, survey_openers

__all__ = [
    "ColumnFacts",
    "DatabaseFacts",
    "DocumentFacts",
    "Expectation",
    "Inventory",
    "OtherFile",
    "Overlap",
    "Problem",
    "SequenceFacts",
    "TableFacts",
    "WalChange",
    "WalFacts",
    "describe_inventory",
    "find_lacking",
    "read_expectation",
    "take_inventory",
]


def take_inventory(
    directory: Path,
    *,
    census: bool = True,
    integrity: bool = False,
    tables: Sequence[str] = (),
    expected: Expectation | None = None,
    engine: Engine = Engine.SYSTEM,
    keys: Bunch = NO_KEYS,
) -> Inventory:
    """Observe every database, JSON file and look-alike under ``directory``. Read-only.

    ``census`` looks at every cell, ``integrity`` checks indexes too; ``tables`` limits both to tables of
    these names. ``expected`` is what a system says should be here. ``keys`` are tried on what is encrypted; of that no
    cell is told. Raises UnreachableError when there is no such directory, UsageError when no file has one of
    ``tables``, and what asking for a key raises that was named.
    """
    _refuse_missing(directory)
    wanted = {fold(name) for name in tables}
    depth = Depth(census=census, integrity=integrity, wants=lambda name: not wanted or fold(name) in wanted)
    found = find_files(directory, engine, keys)
    survey = survey_openers([database.path for database in found.databases])
    databases, lost = _observe_all(directory, found, survey.openers, depth)
    _refuse_unknown(tables, databases)
    if expected is not None:
        databases = tuple(compare_with_expectation(database, expected) for database in databases)
    documents = tuple(observe_document(path, name_in(directory, path)) for path in found.documents)
    others = (*found.others, *lost)
    names = [*(database.path for database in databases), *(document.path for document in documents)]
    names += [other.path for other in others]
    return Inventory(
        directory=str(directory),
        databases=databases,
        documents=documents,
        others=others,
        overlaps=find_overlaps(databases),
        hidden_processes=survey.blind,
        unplanned=tuple(sorted(name for name in names if expected is not None and name not in expected.optional)),
        absent=tuple(sorted(_absent(expected, names))) if expected is not None else (),
    )


def _absent(expected: Expectation, names: Sequence[str]) -> Iterator[str]:
    return (name for name, optional in expected.optional.items() if not optional and name not in names)


def _refuse_missing(directory: Path) -> None:
    try:
        mode = directory.stat().st_mode
    except OSError as error:
        raise explain_os_error(directory, error) from error
    if not stat.S_ISDIR(mode):
        raise UnreachableError(directory, "is not a directory", "give the directory that holds the databases")


def _observe_all(
    directory: Path,
    found: Findings,
    openers: Sequence[Opener],
    depth: Depth,
) -> tuple[tuple[DatabaseFacts, ...], tuple[OtherFile, ...]]:
    databases, lost = [], []
    for database in found.databases:
        name = name_in(directory, database.path)
        try:
            holders = [opener for opener in openers if opener.path == database.path]
            databases.append(observe_database(database, name, holders, depth))
        except OSError as error:
            lost.append(OtherFile(path=name, size=0, reason=f"cannot be read ({error.strerror})"))
    return tuple(databases), tuple(lost)


def _refuse_unknown(tables: Sequence[str], databases: Sequence[DatabaseFacts]) -> None:
    known = {fold(table.name) for database in databases for table in database.tables}
    for name in tables:
        if fold(name) not in known:
            raise UsageError(
                name,
                "no database here has such a table",
                "run inventory.show without --table to see the names",
            )
