"""Connections to encrypted databases as applications use them: with transactions of their own, to read and to write."""

from __future__ import annotations

from typing import Any, cast

from strongroom.core.errors import KeyMissingError, UnreachableError, UsageError
from strongroom.core.files import explain_os_error
from strongroom.sqlite.database import Database, has_plain_header
from strongroom.sqlite.keyring import is_passphrase, spell_key
from strongroom.sqlite.libraries import Connection, load_library
from strongroom.sqlite.messages import translated


def connect_encrypted(database: Database) -> Connection:
    """Open an encrypted database with the defaults of Python's module, or begin a new one; the caller closes it.

    Raises KeyMissingError where its key does not open it or it is plain, UsageError for a new one under a passphrase,
    DamagedSourceError, UnreachableError.
    """
    key, path = database.key, database.path
    if key is None:
        raise ValueError(f"{path}: no key")
    _refuse_unfit(database, key)
    connection: Any = None
    with translated(database):
        try:
            connection = load_library(database.engine).connect(path.absolute())
            connection.set_key(spell_key(key))
            connection.execute("PRAGMA temp_store = MEMORY")  # temporary files are not encrypted
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            if connection is not None:
                connection.close()
            raise
    return cast("Connection", connection)


def _refuse_unfit(database: Database, key: str) -> None:
    path = database.path
    if path.is_dir():
        raise UnreachableError(path, "is a folder", "name the database in it")
    try:
        if not path.exists() or not path.stat().st_size:
            _begin_new(database, key)
        elif has_plain_header(database):
            raise KeyMissingError(
                path, "is not encrypted", f"./inv sqlcipher.encrypt --database {path} puts it under a key"
            )
    except OSError as error:
        raise explain_os_error(path, error) from error


def _begin_new(database: Database, key: str) -> None:
    if is_passphrase(key):
        fact = f"is a passphrase, and {database.path} is new: new databases are put under raw keys only"
        raise UsageError(key, fact, "./inv keys.init makes one (64 hex digits)")
    database.path.touch(mode=0o600)
