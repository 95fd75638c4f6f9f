"""One piece of the proof."""

from __future__ import annotations

from strongroom.load.verify.asking import Asking, open_server
from strongroom.load.verify.bags import Bags
from strongroom.load.verify.claim import Claim, Finding, Part
from strongroom.load.verify.describing import Describing
from strongroom.load.verify.faults import Faults
from strongroom.load.verify.keyed import Keyed
from strongroom.load.verify.parts import open_evidence, read_both
from strongroom.load.verify.reading import Reading
from strongroom.load.verify.rivals import Rivals
from strongroom.load.verify.rows import Reader
from strongroom.load.verify.waiting import Waiting
from strongroom.postgres.connection import Access, Connection, compose, identifier, literal
from strongroom.sqlite.connection import Connection as Source


def prove_part(claim: Claim, part: Part, access: Access, show_values: bool) -> Finding:  # noqa: FBT001  # a worker's job
    """Compare one piece of both sides, or try what the ledger claims. Read-only.

    Raises UnreachableError, KeyMissingError and what ``open_postgres`` does.
    """
    describing = Describing(show_values)
    with open_evidence(claim) as connection, open_server(access) as server:
        if part.way == "waiting":
            return _try_waiting(claim, part, connection, server, describing)
        if part.way == "bag":
            return _prove_bag(claim, part, connection, server, describing)
        return _prove_keyed(part, connection, server, describing)


def _try_waiting(claim: Claim, part: Part, connection: Source, server: Connection, describing: Describing) -> Finding:
    both = read_both(connection, server, claim)
    reading = Reading(connection, part.pair)
    rivals = Rivals(connection, both, part.pair, reading, Asking(server, part.pair))
    found = Waiting(
        connection=connection,
        both=both,
        pair=part.pair,
        reading=reading,
        rivals=rivals,
        describing=describing,
        faults=Faults(part.pair.into),
        shares=claim.shares,
    )
    found.try_all()
    return Finding(
        part=part, waiting=dict(found.counts), refused=found.refused, referring=found.referring, faults=found.faults
    )


def _prove_keyed(part: Part, connection: Source, server: Connection, describing: Describing) -> Finding:
    pair = part.pair
    found = Keyed(
        pair=pair,
        reader=Reader(connection, pair),
        asking=Asking(server, pair),
        reading=Reading(connection, pair),
        describing=describing,
        faults=Faults(pair.into),
    )
    (found.compare_range if part.way == "range" else found.compare_joined)(part.low, part.high)
    return Finding(part=part, standing=found.standing, matched=found.matched, present=found.present,
                   faults=found.faults)  # fmt: skip


def _prove_bag(claim: Claim, part: Part, connection: Source, server: Connection, describing: Describing) -> Finding:
    pair = part.pair
    block_size, size = server.execute(
        compose(
            "SELECT current_setting('block_size')::int8, pg_relation_size({rows}::regclass)",
            rows=literal(identifier(pair.schema, pair.table).as_string(server)),
        )
    ).fetchone() or (1, 0)
    found = Bags(
        pair=pair,
        reader=Reader(connection, pair),
        asking=Asking(server, pair),
        reading=Reading(connection, pair),
        describing=describing,
        faults=Faults(pair.into),
        block_size=block_size,
        blocks=size // block_size,
        shares=claim.shares,
    )
    found.compare()
    return Finding(part=part, standing=found.standing, matched=found.matched, faults=found.faults)
