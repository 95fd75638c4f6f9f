"""Keep writers out of databases for a while, without a connection and without a byte written.

The locks are SQLite's own (https://sqlite.org/lockingv3.html; https://sqlite.org/walformat.html, 2.3.1), taken on an
open file description, so that closing another descriptor of the file does not give them up.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from strongroom.core.errors import SourceBusyError
from strongroom.sqlite.connection import is_write_ahead
from strongroom.sqlite.database import Database

_PENDING, _RESERVED = 0x40000000, 0x40000001
"""Bytes of a database file: nobody begins to read; nobody begins to write."""
_SHARED, _SHARED_BYTES = 0x40000002, 510
"""Of these whoever reads or writes holds one or all, in WAL mode for as long as it has the database open."""
_WAL_WRITE, _WAL_OPEN = 120, 128
"""Bytes of a write-ahead log's index (``-shm``): a writer holds the one, whoever has it open the other."""
_FLOCK = "hhqqi4x"
"""``struct flock`` of Linux (fcntl(2)), which alone has such locks: elsewhere nobody can be held, and that is said."""
_HAS_LOCKS = hasattr(fcntl, "F_OFD_SETLK")
_PATIENCE = 10.0
"""Seconds that a transaction that is under way may take."""
_HASTE = 1.0
"""The same, where that transaction is a risk that is taken."""
_PAUSE = 0.02


@contextmanager
def hold_writers(databases: Iterable[Database], *, must: bool = True) -> Iterator[tuple[Path, ...]]:
    """Let nobody commit to these databases; yield those that cannot be held.

    Unless all ``must`` be held, one with a transaction that does not end counts as such, after a short while.

    With a rollback journal they can be read meanwhile; those in WAL mode cannot be opened. What cannot be held lies
    where we may not write, or where there are no such locks. Raises SourceBusyError for a transaction without end.
    """
    with ExitStack() as stack:
        deadline = time.monotonic() + (_PATIENCE if must else _HASTE)
        holding = {}
        for database in databases:
            try:
                holding[database.path] = _hold_one(stack, database, deadline)
            except SourceBusyError:
                if must:
                    raise
                holding[database.path] = False
        yield tuple(path for path, is_held in holding.items() if not is_held)


def shows_locks(database: Database) -> bool:
    """Tell whether another process, wherever it runs, holds a lock on a database. Read-only.

    In WAL mode everybody who has it open does; with a rollback journal only who reads or writes at this moment. To be
    asked while this process has no connection to it.
    """
    asked = ((database.path, _SHARED, _SHARED_BYTES), (database.beside("-shm"), _WAL_OPEN, 1))
    return any(_is_locked(path, first, length) for path, first, length in asked)


def _is_locked(path: Path, first: int, length: int) -> bool:
    if not _HAS_LOCKS:
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, first, length, 0)
        found: tuple[int, ...] = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, wanted))
        return found[0] != fcntl.F_UNLCK
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _hold_one(stack: ExitStack, database: Database, deadline: float) -> bool:
    if not is_write_ahead(database):
        return _hold(stack, database.path, _RESERVED, deadline)
    index = database.beside("-shm")
    is_held = _hold(stack, database.path, _PENDING, deadline)
    return is_held and (not index.exists() or _hold(stack, index, _WAL_WRITE, deadline))


def _hold(stack: ExitStack, path: Path, byte: int, deadline: float) -> bool:
    if not _HAS_LOCKS:
        return False
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    stack.callback(os.close, descriptor)
    wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    while True:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
        except (BlockingIOError, PermissionError):
            if time.monotonic() > deadline:
                fact = f"is written to, and this does not end within {_PATIENCE:g} seconds"
                raise SourceBusyError(path, fact, "stop what writes to it, then run the same command again") from None
            time.sleep(_PAUSE)
        except OSError:
            return False
        else:
            return True
