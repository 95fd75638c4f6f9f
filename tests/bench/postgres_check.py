"""What a way of ``bench.postgres`` lost, told by the server: every cell compared with what the floor loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from strongroom.core.quoting import quote
from tests.bench.outcome import align
from tests.bench.postgres_data import Consolidated, LoadedTable
from tests.bench.postgres_server import BenchServer

TRUTH = "truth_"
"""What the names of the schemas begin with that the floor made first, and with which all ways are compared."""
_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity <> ''
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '{schema}' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
"""
_INDEXES = """
SELECT c.relname, i.indisprimary, i.indisunique, pg_get_indexdef(i.indexrelid) ~ ' WHERE ',
       array(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '{schema}' AND i.indisvalid
"""
_UNCOUNTED = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '{schema}' AND c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_statistic WHERE starelid = c.oid)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What of the rows and their structure is not as it was; zeros and nothing where all of it is."""

    missing: int = 0
    """Rows that are not there."""
    extra: int = 0
    changed: int = 0
    """Cells."""
    types: tuple[str, ...] = ()
    """``column type`` of those that have another one."""
    not_null: int = 0
    """Columns that may be NULL now."""
    identity: int = 0
    """Columns that are no identity any more."""
    indexes: int = 0
    """Keys and indexes that are gone."""
    uncounted: int = 0
    """Tables of which the planner knows nothing."""


def keep_truth(data: Consolidated, server: BenchServer) -> tuple[str, ...]:
    """Keep what the floor loaded as what all others are compared with; return the names of its schemas."""
    for target in data.targets:
        server.do(f'ALTER SCHEMA "{target}" RENAME TO "{TRUTH}{target}"')
    server.do("VACUUM (FREEZE, ANALYZE)")
    return tuple(f"{TRUTH}{target}" for target in data.targets)


def find_losses(data: Consolidated, server: BenchServer, suffix: str = "") -> Losses:
    """Compare what stands in the schemas of the targets, whose names end so, with the truth."""
    rows = [_compare(table, server, suffix) for table in data.tables]
    found: dict[str, int] = {"not_null": 0, "identity": 0, "indexes": 0, "uncounted": 0}
    types: set[str] = set()
    for target in data.targets:
        was, now = _read_columns(server, TRUTH + target), _read_columns(server, target + suffix)
        for place, (type_, not_null, identity) in was.items():
            type_now, not_null_now, identity_now = now.get(place, ("missing", False, False))
            types |= {f"{place[1]} {type_now}"} if type_now != type_ else set()
            found["not_null"] += not_null and not not_null_now
            found["identity"] += identity and not identity_now
        indexes = [
            {str(row) for row in server.read(_INDEXES.format(schema=name))}
            for name in (TRUTH + target, target + suffix)
        ]
        found["indexes"] += len(indexes[0] - indexes[1])
        found["uncounted"] += server.read(_UNCOUNTED.format(schema=target + suffix))[0][0]
    missing, extra, changed = (sum(each) for each in zip(*rows, strict=True))
    return Losses(missing=missing, extra=extra, changed=changed, types=tuple(sorted(types)), **found)


def _compare(table: LoadedTable, server: BenchServer, suffix: str) -> tuple[int, int, int]:
    """Count the rows that are missing and those that are extra, and the cells that differ."""
    was, now = (f'"{schema}".{quote(table.name)}' for schema in (TRUTH + table.target, table.target + suffix))
    columns = {name: type_ for name, type_ in table.types.items() if name not in table.kind.key}
    differs = " + ".join(
        f"(was.{quote(name)} IS DISTINCT FROM now.{quote(name)}::{columns[name]})::int" for name in columns
    )
    key = ", ".join(map(quote, table.kind.key))
    first = quote(table.kind.key[0])
    try:
        ((missing, extra, changed),) = server.read(
            f"SELECT count(*) FILTER (WHERE now.{first} IS NULL), count(*) FILTER (WHERE was.{first} IS NULL),"
            f" coalesce(sum({differs}) FILTER (WHERE was.{first} IS NOT NULL AND now.{first} IS NOT NULL), 0)"
            f" FROM {was} was FULL JOIN {now} now USING ({key})"
        )
    except psycopg.errors.UndefinedTable:
        return server.read(f"SELECT count(*) FROM {was}")[0][0], 0, 0
    return int(missing), int(extra), int(changed)


def _read_columns(server: BenchServer, schema: str) -> dict[tuple[str, str], tuple[str, bool, bool]]:
    return {(table, column): tuple(more) for table, column, *more in server.read(_COLUMNS.format(schema=schema))}


def format_losses(losses: dict[str, Losses]) -> list[str]:
    """Return a table of what each way lost, one line per way."""
    lines: list[Sequence[str]] = [
        ("way", "rows gone", "rows more", "cells changed", "NOT NULL gone", "identity gone", "keys, indexes gone",
         "without statistics", "columns of another type")
    ]  # fmt: skip
    for name, one in losses.items():
        counts = (one.missing, one.extra, one.changed, one.not_null, one.identity, one.indexes, one.uncounted)
        lines.append((name, *map(str, counts), ", ".join(one.types) or "none"))
    return align(lines)
