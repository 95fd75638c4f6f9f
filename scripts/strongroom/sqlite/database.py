"""A database as everything here names it: where it is, which library works on it, and the name of its key.

And what its files tell without being opened as one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as percent_encode

from strongroom.core.engines import Engine
from strongroom.core.files import SQLITE_HEADER
from strongroom.core.results import FileStates

_PAGE = 4096
VERSION = "@"
"""Before the version, in the name of a key."""


@dataclass(frozen=True, slots=True)
class Database:
    """A handle. It holds no key, only a key's name (``keyring``), and may go into jobs and documents."""

    path: Path
    engine: Engine = Engine.SYSTEM
    key: str | None = None
    """None for a plain database."""

    def __post_init__(self) -> None:
        if self.key is not None and self.engine is not Engine.BUNDLED:
            raise ValueError(f"{self.path}: only the bundled library opens encrypted databases")

    def beside(self, suffix: str) -> Path:
        """Return the path of a companion: ``-wal``, ``-shm``, ``-journal``."""
        return self.path.with_name(self.path.name + suffix)


def key_of(name: str | None) -> str | None:
    """Return the key that a name means: ``vault`` of ``vault@7``, a version of it."""
    return None if name is None else name.partition(VERSION)[0]


def under_key(path: Path, key: str | None, engine: Engine) -> Database:
    """Return the handle of a file under a key, or of a plain one (None) that ``engine`` works on."""
    return Database(path, engine if key is None else Engine.BUNDLED, key)


def uri_of(path: Path, parameters: str) -> str:
    """Return a file's name as SQLite reads it with parameters (``mode=ro``)."""
    # The bytes, for names that are not UTF-8; an empty authority, for paths that start with two slashes.
    return f"file://{percent_encode(os.fsencode(path.absolute()))}?{parameters}"


def choose_engine(databases: Iterable[Database]) -> Engine:
    """Return the library with which one connection can open all of them."""
    return Engine.BUNDLED if any(one.engine is Engine.BUNDLED for one in databases) else Engine.SYSTEM


def has_plain_header(database: Database) -> bool:
    """Tell whether a file begins as plain databases do; an encrypted one begins at random."""
    with database.path.open("rb") as stream:
        return stream.read(len(SQLITE_HEADER)) == SQLITE_HEADER


def read_mark(database: Database) -> str:
    """Return what changes whenever SQLite writes to a database file: its size and a hash of its first page.

    The first page holds the file change counter and the journal mode (https://sqlite.org/fileformat2.html, 1.3);
    encrypted, it is another one each time that it is written. Damage elsewhere is for verification to find.
    """
    with database.path.open("rb") as stream:
        first = stream.read(_PAGE)
    return f"{database.path.stat().st_size}:{hashlib.sha256(first).hexdigest()}"


def state_of(database: Database) -> FileStates:
    """Return inode, size, and the times (ns) of the last change of content and of anything, by suffix.

    Of a database and its journals. Whoever puts size and time of the content back changes the last of them.
    """
    found = {}
    for suffix in ("", "-wal", "-journal"):
        try:
            stat = database.beside(suffix).stat()
        except FileNotFoundError:
            continue
        if suffix and not stat.st_size:
            continue
        found[suffix] = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    return found
