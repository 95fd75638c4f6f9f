"""Prove, from the snapshots and by other code than merge's, where every row of every source ended.

Nothing here reads a counter of the code that copied: the snapshots, the staged target and the ledger
are joined, and what the joins do not explain is a difference.
"""

from strongroom.consolidate.verify.target import (
    ARCHIVE,
    fingerprint_target,
    verify_content,
    verify_drops,
    verify_soundness,
)

__all__ = ["ARCHIVE", "fingerprint_target", "verify_content", "verify_drops", "verify_soundness"]
