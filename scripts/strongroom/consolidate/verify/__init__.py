"""Prove, from the plan's text, the schema files and the copies of the sources, that what was built is what must be.

Only paths and text enter. The ledger is a list of claims: what the set-based join of source and target does not
explain is derived row by row, whatever the ledger says.
"""

from strongroom.consolidate.verify.evidence import Evidence
from strongroom.consolidate.verify.house import House, read_house
from strongroom.consolidate.verify.places import PLACES, verify_places
from strongroom.consolidate.verify.settled import Settled, count_left, prove_settled
from strongroom.consolidate.verify.target import (
    ARCHIVE,
    Part,
    fingerprint_target,
    list_parts,
    verify_chains,
    verify_content,
    verify_drops,
    verify_soundness,
    verify_soundness_of_new,
)

__all__ = [
    "ARCHIVE",
    "PLACES",
    "Evidence",
    "House",
    "Part",
    "Settled",
    "count_left",
    "fingerprint_target",
    "list_parts",
    "prove_settled",
    "read_house",
    "verify_chains",
    "verify_content",
    "verify_drops",
    "verify_places",
    "verify_soundness",
    "verify_soundness_of_new",
]
