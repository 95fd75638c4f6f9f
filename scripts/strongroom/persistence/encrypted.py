"""The encrypted connection under the name that Aragora's own paper gives it, and ours for our own code."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from strongroom.core.config import Settings, read_settings
from strongroom.core.engines import Engine
from strongroom.core.errors import ConfigurationError, KeyMissingError
from strongroom.core.secret import Secret
from strongroom.sqlite.application import connect_encrypted
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import Passphrase, hold_keys

SWITCH = "ARAGORA_SQLITE_ENCRYPTION"
KEY = "ARAGORA_SQLITE_KEY"
_ON, _OFF = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}
_RAW = re.compile(r"(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{96})\Z")


def get_encrypted_connection(path: str | os.PathLike[str]) -> Connection:
    """Open an encrypted database, or begin a new one, under the key that the environment names; the caller closes it.

    ``ARAGORA_SQLITE_ENCRYPTION=1`` switches it on: where it is off nothing is opened, and never in plain.
    ``ARAGORA_SQLITE_KEY`` holds 64 hex digits (96 with the salt); any other text is a passphrase, which opens what is
    there and begins nothing new. Raises ConfigurationError, UsageError, KeyMissingError, DamagedSourceError,
    UnreachableError; none of them holds the key.
    """
    secret = _read_key(read_settings())
    with hold_keys({KEY: secret}):
        return connect_encrypted(Database(Path(path), Engine.BUNDLED, KEY))


@contextmanager
def open_sqlcipher(path: Path, key: str) -> Iterator[Connection]:
    """Open an encrypted database under a key that is held (``keyring``), to read and to write; close it afterwards.

    Who writes commits. Raises what ``get_encrypted_connection`` raises.
    """
    with closing(connect_encrypted(Database(path, Engine.BUNDLED, key))) as connection:
        yield connection


def _read_key(settings: Settings) -> Secret:
    switch = (settings.variable(SWITCH) or "").strip().lower()
    if switch not in _ON | _OFF:
        raise ConfigurationError(SWITCH, "must be 1 or 0", f"export {SWITCH}=1")
    if switch in _OFF:
        raise ConfigurationError(SWITCH, "is off, and nothing is opened in plain instead", f"export {SWITCH}=1")
    text = settings.variable(KEY)
    if text is None:
        raise KeyMissingError(KEY, "is not set", "export it where the application starts; ./inv keys.init makes a key")
    return Secret(text) if _RAW.match(text) else Passphrase(text)
