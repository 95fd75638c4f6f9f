"""One piece of the proof."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from strongroom.load.verify.asking import Asking, open_server
from strongroom.load.verify.bags import Bags
from strongroom.load.verify.claim import Claim, Finding, Part
from strongroom.load.verify.describing import Describing
from strongroom.load.verify.faults import Faults
from strongroom.load.verify.heaps import Heap
from strongroom.load.verify.keyed import Keyed
from strongroom.load.verify.parts import open_evidence, read_both
from strongroom.load.verify.reading import Reading
from strongroom.load.verify.refusals import Refusals
from strongroom.load.verify.rivals import Rivals
from strongroom.load.verify.rows import Reader
from strongroom.load.verify.waiting import Waiting
from strongroom.postgres.connection import Access, Connection, compose, identifier, literal
from strongroom.sqlite.connection import Connection as Source


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Both sides of one part, opened."""

    part: Part
    connection: Source
    server: Connection
    describing: Describing


def prove_part(claim: Claim, part: Part, access: Access, show_values: bool) -> Finding:  # noqa: FBT001  # a worker's job
    """Compare one piece of both sides, or try what the ledger claims. Read-only.

    Raises UnreachableError, KeyMissingError and what ``open_postgres`` does.
    """
    with open_evidence(claim) as connection, open_server(access) as server, _without_collecting():
        describing = Describing(part.pair, show_values)
        sides = _Sides(part=part, connection=connection, server=server, describing=describing)
        if part.way == "waiting":
            return _try_waiting(claim, sides)
        told = 0
        if part.is_in_order:
            found = _begin(sides)
            heap = Heap(found, _measure(sides)[1], part.first, part.beyond)
            if heap.compare(part.low, part.high):
                return _sum_up(part, found)
            told = found.standing
        return _prove_bag(claim, sides, told) if part.way == "bag" else _prove_keyed(sides, told)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Leave garbage that refers to itself: rows by the thousand make Python look for some, and here is none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _try_waiting(claim: Claim, sides: _Sides) -> Finding:
    pair = sides.part.pair
    both = read_both(sides.connection, sides.server, claim)
    reading = Reading(sides.connection, pair)
    found = Waiting(
        connection=sides.connection,
        both=both,
        pair=pair,
        reading=reading,
        rivals=Rivals(sides.connection, both, pair, reading, Asking(sides.server, pair)),
        refusals=Refusals(sides.server, pair, both.tables_of(pair)[1], reading),
        describing=sides.describing,
        faults=Faults(pair),
        shares=claim.shares,
    )
    found.try_all()
    return Finding(
        part=sides.part,
        waiting=dict(found.counts),
        refused=found.refused,
        referring=found.referring,
        faults=found.faults,
    )


def _begin(sides: _Sides) -> Keyed:
    pair = sides.part.pair
    return Keyed(
        pair=pair,
        reader=Reader(sides.connection, pair),
        asking=Asking(sides.server, pair),
        reading=Reading(sides.connection, pair),
        describing=sides.describing,
        faults=Faults(pair),
    )


def _prove_keyed(sides: _Sides, told: int) -> Finding:
    found, part = _begin(sides), sides.part
    found.told = told
    (found.compare_range if part.way == "range" else found.compare_joined)(part.low, part.high)
    return _sum_up(part, found)


def _sum_up(part: Part, found: Keyed) -> Finding:
    return Finding(
        part=part, standing=found.standing, matched=found.matched, present=found.present, faults=found.faults
    )


def _prove_bag(claim: Claim, sides: _Sides, told: int) -> Finding:
    pair = sides.part.pair
    block_size, blocks = _measure(sides)
    found = Bags(
        pair=pair,
        reader=Reader(sides.connection, pair),
        asking=Asking(sides.server, pair),
        reading=Reading(sides.connection, pair),
        describing=sides.describing,
        faults=Faults(pair),
        block_size=block_size,
        blocks=blocks,
        shares=claim.shares,
        told=told,
    )
    found.compare()
    return Finding(part=sides.part, standing=found.standing, matched=found.matched, faults=found.faults)


def _measure(sides: _Sides) -> tuple[int, int]:
    """Return the size of a block, and how many the table's file has."""
    pair = sides.part.pair
    rows = literal(identifier(pair.schema, pair.table).as_string(sides.server))
    text = "SELECT current_setting('block_size')::int8, pg_relation_size({rows}::regclass)"
    size, whole = sides.server.execute(compose(text, rows=rows)).fetchone() or (1, 0)
    return size, whole // size
