"""What there is to be compared, and how it is cut into pieces of work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise

from strongroom.core.quoting import dotted, fold, quote, quote_all
from strongroom.load.verify.asking import Asking, knows_ranges, open_server
from strongroom.load.verify.claim import Claim, Part
from strongroom.load.verify.kinds import INTEGERS
from strongroom.load.verify.pairing import Pair, choose_key, find_alias, find_name, pair_cells
from strongroom.load.verify.papers import Papers, read_papers
from strongroom.load.verify.rows import can_seek
from strongroom.load.verify.server import ServerTable, read_server
from strongroom.load.verify.source import SourceTable, count_rows, read_source
from strongroom.postgres.connection import Access
from strongroom.postgres.connection import Connection as Server
from strongroom.sqlite.connection import Connection, attached, open_snapshot
from strongroom.sqlite.database import choose_engine

_WEIGHT = 200_000
"""Of a part, in rows of few bytes."""
_SAMPLE = 20
_BYTES = 300
"""What a row takes twice as long with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """What both sides declare, and which tables are the same."""

    source: Mapping[str, SourceTable]
    """By folded name."""
    server: Mapping[str, ServerTable]
    pairs: tuple[Pair, ...]

    def tables_of(self, pair: Pair) -> tuple[SourceTable, ServerTable]:
        """Return both tables of a pair."""
        return self.source[fold(pair.source)], self.server[pair.table]

    def find_pair(self, source: str) -> Pair | None:
        """Return the pair of a source's table, in any case of letters."""
        return next((pair for pair in self.pairs if fold(pair.source) == fold(source)), None)


@contextmanager
def open_evidence(claim: Claim) -> Iterator[Connection]:
    """Open the snapshot, with the ledger beside it where there is one. Read-only."""
    engine = choose_engine((claim.snapshot, claim.ledger))
    with open_snapshot(replace(claim.snapshot, engine=engine)) as connection:
        has_ledger = claim.ledger.path.is_file()
        with attached(connection, replace(claim.ledger, engine=engine), "ledger") if has_ledger else nullcontext():
            yield connection


def read_both(connection: Connection, server: Server, claim: Claim) -> Both:
    """Read what both sides declare. Raises PlanError."""
    papers = read_papers(claim.plan, claim.target)
    source, there = read_source(connection), read_server(server, claim.schema)
    kept = find_kept(connection, claim)
    pairs = []
    for folded, table in source.items():
        into = find_name(table.name, there)
        if into is not None:
            pairs.append(_pair(claim, table, there[into], papers, kept.get(folded)))
    return Both(source=source, server=there, pairs=tuple(pairs))


def find_kept(connection: Connection, claim: Claim) -> dict[str, str]:
    """Return the ledger's tables that have entries, by the folded name of the source's table."""
    if not claim.ledger.path.is_file():
        return {}
    there = {row[0] for row in connection.execute("SELECT name FROM ledger.sqlite_master WHERE type = 'table'")}
    if "inputs" not in there:
        return {}
    return {
        fold(table): kept
        for table, kept in connection.execute("SELECT source_table, kept_table FROM ledger.inputs").fetchall()
        if kept in there and connection.execute(f"SELECT 1 FROM {dotted('ledger', kept)} LIMIT 1").fetchone()
    }


def _pair(claim: Claim, source: SourceTable, table: ServerTable, papers: Papers, kept: str | None) -> Pair:
    cells = pair_cells(source, table, papers)
    key, alias = choose_key(source, table, cells), find_alias(source, cells)
    return Pair(
        target=claim.target,
        source=source.name,
        rowid=source.rowid,
        is_virtual=source.is_virtual,
        order=source.primary_key,
        schema=claim.schema,
        table=table.name,
        cells=cells,
        key=key,
        alias=alias,
        is_ordered=alias is not None and key == (alias,) and cells[alias].kind.name in INTEGERS,
        kept=kept,
        secret=papers.secret.get(fold(source.name), frozenset()),
    )


def list_parts(claim: Claim, access: Access) -> tuple[Part, ...]:
    """Return the pieces of the proof, the largest first; each may be proven in a process of its own.

    Raises PlanError, UnreachableError, KeyMissingError and what ``open_postgres`` does.
    """
    with open_evidence(claim) as connection, open_server(access) as server:
        both = read_both(connection, server, claim)
        parts = [part for pair in both.pairs for part in _cut(connection, server, pair, shares=claim.shares)]
    return tuple(sorted(parts, key=lambda part: -part.weight))


def _cut(connection: Connection, server: Server, pair: Pair, *, shares: bool) -> Iterator[Part]:
    rows = count_rows(connection, pair.source)
    weight = rows + rows * _sample_size(connection, pair) // _BYTES
    if pair.kept is not None:
        held = connection.execute(f"SELECT count(*) FROM {dotted('ledger', pair.kept)}").fetchone()[0]
        yield Part(pair=pair, way="waiting", weight=int(held))
    way = "bag" if not pair.key else "range" if pair.is_ordered and not shares else "join"
    count = max(1, -(-weight // _WEIGHT)) if way != "bag" and can_seek(pair) else 1
    bounds = [None, *_find_bounds(connection, pair, rows, count), None]
    is_tried = way != "range" and not shares and knows_ranges(server)
    places = _find_places(connection, server, pair, bounds) if is_tried else None
    weight //= count
    for number, (low, high) in enumerate(pairwise(bounds)):
        if places is None:
            yield Part(pair=pair, way=way, low=low, high=high, weight=weight)
            continue
        first, beyond = places[number : number + 2]
        yield Part(pair=pair, way=way, low=low, high=high, first=first, beyond=beyond, is_in_order=True, weight=weight)


def _find_places(
    connection: Connection, server: Server, pair: Pair, bounds: Sequence[int | None]
) -> list[str | None] | None:
    """Return where in the server's file the rows of these rowids stand, None for the ends; None where one does not."""
    asking = Asking(server, pair)
    names = quote_all(pair.cells[place].source for place in pair.key)
    found = []
    for bound in bounds[1:-1]:
        statement = f"SELECT {names} FROM {dotted('main', pair.source)} WHERE {quote(str(pair.rowid))} = ?"
        place = asking.find_place(connection.execute(statement, (bound,)).fetchone())
        if place is None:
            return None
        found.append(place)
    return [None, *found, None]


def _find_bounds(connection: Connection, pair: Pair, rows: int, count: int) -> list[int]:
    """Return the rowids between which a table falls into so many parts of about the same number of rows."""
    found = []
    rowid = quote(str(pair.rowid))
    for number in range(1, count):
        at = rows * number // count
        statement = f"SELECT {rowid} FROM {dotted('main', pair.source)} ORDER BY {rowid} LIMIT 1 OFFSET {at}"
        found.append(int(connection.execute(statement).fetchone()[0]))
    return sorted(set(found))


def _sample_size(connection: Connection, pair: Pair) -> int:
    """Return about how many bytes the values of a row have, by the first rows."""
    if not pair.cells:
        return 0
    lengths = " + ".join(f"coalesce(length({quote(cell.source)}), 0)" for cell in pair.cells)
    statement = f"SELECT avg(size) FROM (SELECT {lengths} AS size FROM {dotted('main', pair.source)} LIMIT {_SAMPLE})"
    return int(connection.execute(statement).fetchone()[0] or 0)
