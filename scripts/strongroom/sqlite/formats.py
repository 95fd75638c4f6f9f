"""Which of SQLCipher's older formats a file has, where its key opens it in one of them."""

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
    return next((version for version in _OLDER if _is_opened_as(database, version)), None)


def _is_opened_as(database: Database, version: int) -> bool:
    library = load_library(database.engine)
    connection: Any = library.connect(uri_of(database.path, "mode=ro&immutable=1"), uri=True, isolation_level=None)
    try:
        connection.set_key(spell_key(str(database.key)))
        connection.execute(f"PRAGMA cipher_compatibility = {version}")  # after the key, and before the first page
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except library.Error:
        return False
    finally:
        connection.close()
    return True
