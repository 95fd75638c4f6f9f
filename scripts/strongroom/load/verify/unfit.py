"""What a value is that its column cannot hold."""

from __future__ import annotations


class UnfitError(ValueError):
    """A value does not fit; the text says why, and holds nothing of it."""
