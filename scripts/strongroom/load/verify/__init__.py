"""Prove that every row of a snapshot stands in the server as the paper says, or waits in the ledger for a true reason.

Only the plan's text, the snapshot, the ledger and the server are read, by code of its own: nothing is shared with what
loads (``.github/POSTGRES.md`` is the contract of both). The ledger is a list of claims, of which each is tried.
"""

from strongroom.load.verify.claim import Claim, Finding, Part
from strongroom.load.verify.concluding import conclude
from strongroom.load.verify.parts import list_parts
from strongroom.load.verify.proving import prove_part

__all__ = ["Claim", "Finding", "Part", "conclude", "list_parts", "prove_part"]
