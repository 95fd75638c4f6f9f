"""Parents whose key may be another one in the target: what they became is derived, as where their table is proven."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.consolidate.verify.derive import Deriver
from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.follower import Follower
from strongroom.consolidate.verify.house import FedTable
from strongroom.consolidate.verify.moved import Derive
from strongroom.consolidate.verify.parents import Parents
from strongroom.consolidate.verify.references import Reference


def open_parents(desk: Desk) -> Parents:
    """Return what looks parents up for the tables of a desk; close it."""
    return Parents(desk, _make_derive)


def _make_derive(desk: Desk, fed: FedTable, parents: Parents, references: Sequence[Reference]) -> Derive:
    follower = Follower(desk, fed, parents, references)
    derivers = {entry.number: Deriver(fed, entry, follower) for entry in fed.inputs}
    return lambda entry, cells: derivers[entry.number].derive(cells).values
