"""Faults that may survive, each with the reason: what nobody notices because nobody loses anything by it.

At most three. The name of a fault is the one in the table; one that is noticed again is taken out.
"""

from __future__ import annotations

REASONS: dict[str, str] = {
    "sqlite/document.py copy_document: constant: 384 -> 385": (
        "the copy of a document lies in folders that only their owner enters (0700)"
    ),
}
MOST = 3
