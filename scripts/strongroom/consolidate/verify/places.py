"""Nothing is without a place: every database file, table, column and part of a document goes somewhere on purpose."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from strongroom.consolidate.verify.documents import DOCUMENT, find_homeless, parse, read_text
from strongroom.consolidate.verify.house import FedTable, House, Input
from strongroom.consolidate.verify.names import BACKUPS, DATABASES, JOURNALS, MANIFEST, OWN, begins_as_database, show
from strongroom.consolidate.verify.secrecy import find_plain
from strongroom.core.quoting import fold
from strongroom.core.results import Verification

PLACES = "places"
"""What stands for the sources' directory among the targets of a verification."""
_MARK = '"document": "manifest"'


def verify_places(house: House, directory: Path, is_source: bool) -> Verification:  # noqa: FBT001  a job's argument
    """Look for what has no place: in the sources' directory, or that of their copies, and in every copy. Read-only."""
    found = [*_find_files(house, directory, is_source=is_source), *_find_targets(house), *_find_tables(house)]
    found += find_plain(house)
    found += _find_decisions(house)
    for target in house.targets.values():
        for fed in target.tables:
            for entry in fed.inputs:
                found += _find_columns(fed, entry)
    return Verification(target=PLACES, tables={}, targets={}, differences=tuple(found))


def _find_files(house: House, directory: Path, *, is_source: bool) -> Iterator[str]:
    """Say which files are neither a source nor a target, and which sources are not there any more."""
    sources = {source.path for source in house.reading.sources.values()}
    held = {path for path in sources if path in house.evidence.snapshots}
    known = {(directory / path).resolve() for path in sources}
    known |= {database.path.resolve() for database in house.evidence.snapshots.values()}
    if is_source:
        known |= {(directory / target.path).resolve() for target in house.reading.targets.values()}
        for left in sorted(sources - held):
            if (directory / left).is_file():
                yield f"{left}: is there, and was not copied"
    copies = _find_root(house) if is_source else None
    for path in _walk(directory, copies):
        if path.resolve() not in known and not (not is_source and _is_of_document(path, held, directory)):
            yield f"{show(path.relative_to(directory))}: is a database that has no place"


def _is_of_document(path: Path, held: set[str], directory: Path) -> bool:
    """Tell whether a file beside the copies is the database that a document was made into."""
    return os.fsencode(path.relative_to(directory)).decode(errors="replace").removesuffix(".db") in held


def _find_root(house: House) -> Path | None:
    """Return the folder of the copies: where target and sources are one directory it lies among the sources."""
    for path, database in house.evidence.snapshots.items():
        parts = Path(path).parts
        if database.path.parts[-len(parts) :] == parts:
            return database.path.parents[len(parts) - 1].resolve()
    return None


def _walk(directory: Path, copies: Path | None) -> Iterator[Path]:
    """Yield every file that is a database or calls itself one; links, empty files and what is ours are left out."""
    for folder, folders, names in os.walk(directory):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not _is_ours(here / name) and (here / name).resolve() != copies)
        for name in sorted(names):
            path = here / name
            if name.endswith(JOURNALS) or path.is_symlink() or not path.is_file() or not path.stat().st_size:
                continue
            if name.endswith(DATABASES) or begins_as_database(path):
                yield path


def _is_ours(folder: Path) -> bool:
    if folder.name == OWN:
        return True
    manifest = folder / MANIFEST
    try:
        return folder.parent.name == BACKUPS and _MARK in manifest.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _find_targets(house: House) -> Iterator[str]:
    for name in house.targets.keys() - house.evidence.targets.keys():
        yield f"{name}: was not built"
    for name in house.evidence.targets.keys() - house.targets.keys():
        yield f"{name}: is no target of the plan"


def _find_decisions(house: House) -> Iterator[str]:
    """Say which decisions are about no table."""
    tables = {fold(fed.into) for target in house.targets.values() for fed in target.tables}
    for folded, decisions in house.decisions.items():
        if folded not in tables:
            for one in decisions:
                name = one.name(is_secret=house.evidence.is_secret)
                yield f"{one.into}: {name} is about a table that nothing feeds"


def _find_tables(house: House) -> Iterator[str]:
    """Say which tables go nowhere, and which parts of documents."""
    homeless = {(source, fold(table)) for source, table in house.reading.without_place}
    for name, source in house.sources.items():
        model = house.reading.sources[name]
        if model.format != "json":
            for folded, table in source.tables.items():
                if (name, folded) in homeless:
                    yield f"{name}.{table.name}: is a table that has no place"
            continue
        if (name, DOCUMENT) not in homeless:
            continue
        placed = [path for table, path in model.rows.items() if (name, fold(table)) not in homeless]
        text = read_text(house.evidence.snapshots[source.path], source.path)
        for part in find_homeless(parse(text, source.path), placed):
            yield f"{source.path}: {part} has no place"


def _find_columns(fed: FedTable, entry: Input) -> Iterator[str]:
    """Say which stored columns of a source table fill nothing; what the target computes itself needs no filling."""
    filled = {place for place in entry.places if place is not None}
    computed = {fold(column.name) for column in fed.table.columns if column.is_generated}
    for place, column in enumerate(entry.table.columns):
        if place not in filled and not column.is_generated and fold(column.name) not in computed:
            yield f"{fed.into}: column {column.name} of {entry.name} has no place"
