"""Which SQLite library works on a database."""

from __future__ import annotations

from enum import StrEnum


class Engine(StrEnum):
    """The two libraries that come with us. Only the bundled one knows encryption."""

    SYSTEM = "system"
    """The one that Python's ``sqlite3`` is linked with."""
    BUNDLED = "bundled"
    """SQLCipher's, in the wheel of ``sqlcipher3``; its SQLite is newer than most systems'."""
