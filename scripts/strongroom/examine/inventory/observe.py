"""Observe one database file: its header and log first, then its content through a read-only connection."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strongroom.core.errors import StrongroomError
from strongroom.core.quoting import quote
from strongroom.examine.inventory import census, oddities
from strongroom.examine.inventory.headers import NO_HEADER, Header, measure_hot_journal, read_header, read_wal
from strongroom.examine.inventory.model import ColumnFacts, DatabaseFacts, Problem, SequenceFacts, TableFacts, WalFacts
from strongroom.examine.inventory.wal import compare_with_wal
from strongroom.sqlite.causes import opened
from strongroom.sqlite.connection import Connection, check_integrity, open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.openers import Opener
from strongroom.sqlite.schema import Table, count_rows, read_schema, read_sequence

_LOCK_SECONDS = 2.0
_NUMBER = re.compile(r"(?<!\w)-?\d+\b")
"""In what a check finds: a page, or the id of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How closely to look."""

    census: bool
    integrity: bool
    """``integrity_check`` in place of ``quick_check``."""
    wants: Callable[[str], bool]
    """Tell by its name whether a table is looked at."""
    ids: bool = True
    """Say which ids there are; not of an encrypted database: they are cells."""


@dataclass(slots=True)
class _Content:
    """What was read before a problem stopped the reading, if one did."""

    header: Header
    integrity: tuple[str, ...] = ()
    tables: tuple[TableFacts, ...] = ()
    views: int = 0
    triggers: int = 0
    problem: Problem | None = None


def observe_database(database: Database, name: str, openers: Sequence[Opener], depth: Depth) -> DatabaseFacts:
    """Observe one SQLite file, shown as ``name``. Read-only; what cannot be read is said, not raised.

    Only an OSError on the file itself passes.
    """
    header = NO_HEADER if database.key is not None else read_header(database.path)
    log = read_wal(database.beside("-wal"))
    hot_journal = measure_hot_journal(database.beside("-journal"))
    shared_memory = database.beside("-shm").exists()
    size = database.path.stat().st_size
    content = _read_content(database, header, depth)
    header = content.header
    if log is not None and depth.census and content.problem is None and not openers:
        log = _compare(database, log)
    return DatabaseFacts(
        path=name,
        key=database.key,
        size=size,
        page_size=header.page_size,
        journal_mode=header.journal_mode,
        encoding=header.encoding,
        user_version=header.user_version,
        application_id=header.application_id,
        file_format=header.file_format,
        written_by=header.written_by,
        wal=log,
        hot_journal=hot_journal,
        shared_memory=shared_memory,
        integrity=content.integrity,
        openers=tuple(openers),
        tables=content.tables,
        views=content.views,
        triggers=content.triggers,
        problem=content.problem,
    )


def _compare(database: Database, log: WalFacts) -> WalFacts:
    return dataclasses.replace(log, only_here=compare_with_wal(database)) if log.holds_content else log


def _read_content(database: Database, header: Header, depth: Depth) -> _Content:
    content = _Content(header=header)
    is_secret = database.key is not None
    depth = dataclasses.replace(depth, ids=not is_secret)
    try:
        with opened(database) if is_secret else open_source(database, timeout=_LOCK_SECONDS) as connection:
            if is_secret:
                content.header = _ask_header(connection)
            content.integrity = _lines(check_integrity(connection, quick=not depth.integrity), ids=depth.ids)
            schema = read_schema(connection)
            content.views, content.triggers = len(schema.views), len(schema.triggers)
            census.teach_text_census(connection, schema.encoding)
            if schema.journal_mode == "wal":
                connection.execute("BEGIN")  # one instant; elsewhere this would keep writers waiting
            for table in schema.tables.values():
                if depth.wants(table.name):
                    content.tables += (_observe_table(connection, table, depth),)
    except StrongroomError as error:
        content.problem = Problem(fact=error.fact, hint=error.hint, exit_code=error.exit_code)
    return content


def _ask_header(connection: Connection) -> Header:
    """Ask a connection for what the header of its file says: of an encrypted one it is encrypted too."""
    pragmas = ("page_size", "page_count", "journal_mode", "encoding", "user_version", "application_id")
    answers = [connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in pragmas]
    page_size, pages, journal_mode, encoding, user_version, application_id = answers
    return dataclasses.replace(
        NO_HEADER,
        page_size=int(page_size),
        pages=int(pages),
        journal_mode="wal" if journal_mode == "wal" else "rollback",
        encoding=str(encoding),
        user_version=int(user_version),
        application_id=int(application_id),
    )


def _lines(found: Sequence[str], *, ids: bool) -> tuple[str, ...]:
    lines = [line for text in found for line in text.splitlines() if line and not line.startswith("***")]
    return tuple(line if ids else _NUMBER.sub("…", line) for line in lines)


def _observe_table(connection: Connection, table: Table, depth: Depth) -> TableFacts:
    if table.kind != "table" or not depth.census:
        return TableFacts(
            name=table.name,
            kind=table.kind,
            rows=_count_rows(connection, table),
            key=table.primary_key,
            columns=census.describe_columns(table, {}),
            oddities=tuple(oddities.describe_names(table)),
        )
    return _take_census(connection, table, depth)


def _count_rows(connection: Connection, table: Table) -> int:
    if table.kind == "table":
        return count_rows(connection, table.name)
    try:
        return count_rows(connection, table.name)
    except connection.Error:
        return 0  # a virtual table need not be countable


def _take_census(connection: Connection, table: Table, depth: Depth) -> TableFacts:
    columns = census.take_census(connection, table)
    sequence = _observe_sequence(connection, table) if table.autoincrement else None
    key = () if table.integer_key is not None else table.primary_key
    keyless = not table.primary_key and not any(index.unique for index in table.indexes)
    comparable = len(table.stored) <= census.MOST_COMPARED
    duplicates = census.count_duplicates(connection, table) if keyless and comparable else 0
    alike = census.count_alike_keys(connection, table, key[0]) if len(key) == 1 and _has_texts(columns, key[0]) else 0
    violations, complaint = _check_foreign_keys(connection, table)
    found = [*oddities.describe_names(table), *oddities.describe_cells(table.name, columns, key)]
    found += oddities.describe_sequence(table.name, sequence, ids=depth.ids) if sequence is not None else ()
    found += oddities.describe_rows(table.name, duplicates=duplicates, alike_keys=alike, violations=violations)
    if complaint:
        found.append(f"{oddities.show_name(table.name)}: {complaint}")
    if keyless and not comparable:
        found.append(f"{oddities.show_name(table.name)}: duplicates not looked for among so many columns")
    return TableFacts(
        name=table.name,
        kind=table.kind,
        rows=_rows_of(connection, table, columns),
        key=table.primary_key,
        columns=columns,
        sequence=sequence if depth.ids else None,
        duplicates=duplicates,
        alike_keys=alike,
        foreign_key_violations=violations,
        oddities=tuple(found),
    )


def _has_texts(columns: Sequence[ColumnFacts], name: str) -> bool:
    return any(column.text for column in columns if column.name == name)


def _rows_of(connection: Connection, table: Table, columns: Sequence[ColumnFacts]) -> int:
    stored = [column for column in columns if not column.generated]
    if not stored:
        return count_rows(connection, table.name)
    first = stored[0]
    return first.null + first.integer + first.real + first.text + first.blob


def _observe_sequence(connection: Connection, table: Table) -> SequenceFacts:
    name = quote(str(table.integer_key))
    count, lowest, largest = connection.execute(
        f"SELECT count(*), coalesce(min({name}), 0), coalesce(max({name}), 0) FROM {quote(table.name)}"
    ).fetchone()
    missing = largest - lowest + 1 - count if count else 0
    return SequenceFacts(mark=read_sequence(connection, table.name), lowest=lowest, largest=largest, missing=missing)


def _check_foreign_keys(connection: Connection, table: Table) -> tuple[int, str]:
    try:
        return census.count_foreign_key_violations(connection, table), ""
    except connection.Error as error:
        if "foreign key mismatch" not in str(error):
            raise
        return 0, f"its foreign keys cannot be checked ({error})"
