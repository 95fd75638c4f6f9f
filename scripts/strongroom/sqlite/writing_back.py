"""Write a source back from its encrypted snapshot, as it was: under its own key, in plain, or as a document."""

from __future__ import annotations

from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import GuardError
from strongroom.core.files import hash_file
from strongroom.sqlite.connection import copy_database, open_snapshot
from strongroom.sqlite.content import digest_content
from strongroom.sqlite.database import Database
from strongroom.sqlite.snapshot import Snapshot, hash_source
from strongroom.sqlite.transfer import copy_content


def write_back(snapshot: Snapshot, path: Path) -> None:
    """Write what a source held to a new file; the caller makes it durable.

    A document has its bytes again, an encrypted database its pages under its own key, a plain one its content: its
    pages lie otherwise, and it is not in WAL mode. Raises GuardError when it would not hold the same.
    """
    original = snapshot.find_original(path, Engine.BUNDLED)
    path.touch(mode=0o600, exist_ok=False)
    if snapshot.is_document:
        with open_snapshot(snapshot.copy) as connection:
            path.write_bytes(connection.execute("SELECT CAST(content AS BLOB) FROM document").fetchone()[0])
        digest = hash_file(path)
    else:
        _copy(snapshot.copy, original)
        with open_snapshot(original) as connection:
            digest = digest_content(connection)
    if digest != hash_source(snapshot):
        path.unlink()
        raise GuardError(snapshot.copy.path, "does not give its source back", "keep it, and tell us")


def _copy(copy: Database, original: Database) -> None:
    if original.key is None:
        copy_content(copy, original)
        return
    with open_snapshot(copy) as connection:
        copy_database(connection, original)
