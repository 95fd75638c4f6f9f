"""What a file is that its key does not open as it should: of one of SQLCipher's older formats, or cut off."""

from __future__ import annotations

from typing import Any

from strongroom.sqlite.database import Database, uri_of
from strongroom.sqlite.keyring import spell_key
from strongroom.sqlite.libraries import load_library

_OLDER = (3, 2, 1)


def find_older_format(database: Database) -> int | None:
    """Return the major version of SQLCipher whose format a file has under its key, 4's aside; None for none. Read-only.

    3 stands for 2 as well, whose files only differ where a passphrase opens them.
    """
    return next((one for one in _OLDER if _is_opened(database, f"PRAGMA cipher_compatibility = {one}")), None)


def is_cut_off(database: Database) -> bool:
    """Tell whether all that is wrong with a file is that it is shorter than it says. Read-only."""
    # SQLite opens such a file for nobody but who says that he may write to the schema: for repairs.
    return not _is_opened(database) and _is_opened(database, "PRAGMA writable_schema = ON")


def is_decrypted(database: Database) -> bool:
    """Tell by its first page whether a key is a file's, whatever else is wrong with it or beside it. Read-only."""
    return _is_opened(database) or _is_opened(database, "PRAGMA writable_schema = ON")


def _is_opened(database: Database, *first: str) -> bool:
    """Tell whether a file is opened where something is said before its first page is read."""
    library = load_library(database.engine)
    connection: Any = library.connect(uri_of(database.path, "mode=ro&immutable=1"), uri=True, isolation_level=None)
    try:
        if database.key is not None:
            connection.set_key(spell_key(database.key))
        for statement in first:
            connection.execute(statement)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except library.Error:
        return False
    finally:
        connection.close()
    return True
