"""What files are called, and what they begin with, as the proof knows it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

HEADER = b"SQLite format 3\x00"
"""Of a plain database (https://sqlite.org/fileformat2.html, 1.3)."""
DATABASES = (".db", ".db3", ".sqlite", ".sqlite3")
JOURNALS = ("-wal", "-shm", "-journal")
OWN = ".strongroom"
"""Our directory under a target."""
BACKUPS, MANIFEST = "backup", "manifest.json"


def show(path: Path) -> str:
    """Return a path as text; bytes that are no UTF-8 stay visible."""
    return os.fsencode(path).decode(errors="backslashreplace")


def hash_whole(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def begins_as_database(path: Path) -> bool:
    """Tell whether a file begins as plain databases do."""
    with path.open("rb") as stream:
        return stream.read(len(HEADER)) == HEADER
