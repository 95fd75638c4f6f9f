"""What a database file is, told before anything is done to it: plain or not, whole or not, opened by its key or not.

Read-only.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.errors import DamagedSourceError
from strongroom.sqlite.causes import has_log, opened
from strongroom.sqlite.connection import Connection, check_integrity
from strongroom.sqlite.database import Database

_RESTORE = "restore it from a backup, then run again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a database says of itself."""

    size: int
    """Bytes of the file, its log aside."""
    page_size: int
    pages: int
    journal_mode: str
    encoding: str
    auto_vacuum: int

    @property
    def is_write_ahead(self) -> bool:
        """Tell whether it is in WAL mode."""
        return self.journal_mode == "wal"


def look_at(database: Database) -> Look:
    """Read what a database says of itself, and make sure that it is whole and opened by its key. Read-only.

    Raises DamagedSourceError, KeyMissingError, UnreachableError, VersionError.
    """
    size = database.path.stat().st_size
    if not size:
        raise DamagedSourceError(database.path, "is empty: there is no database in it", _RESTORE)
    is_logged = has_log(database)
    with opened(database) as connection:
        if is_logged and (found := check_integrity(connection, quick=True)):
            raise DamagedSourceError(database.path, f"is damaged: {found[0].splitlines()[-1]}", _RESTORE)
        look = _read_look(connection, size)
    if not is_logged and look.pages * look.page_size != size:
        fact = f"is truncated: it has {size} bytes, and should have {look.pages} pages of {look.page_size}"
        raise DamagedSourceError(database.path, fact, _RESTORE)
    return look


def _read_look(connection: Connection, size: int) -> Look:
    pragmas = ("page_size", "page_count", "journal_mode", "encoding", "auto_vacuum")
    page_size, pages, mode, encoding, vacuum = (connection.execute(f"PRAGMA {one}").fetchone()[0] for one in pragmas)
    return Look(
        size=size,
        page_size=int(page_size),
        pages=int(pages),
        journal_mode=str(mode),
        encoding=str(encoding),
        auto_vacuum=int(vacuum),
    )
