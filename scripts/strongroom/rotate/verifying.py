"""Look whether an encrypted database is whole, sound and under the key that it should be under."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

from strongroom.core.errors import ExitCode, KeyMissingError, StrongroomError
from strongroom.core.files import show_path
from strongroom.rotate.look import Look, look_at
from strongroom.rotate.place import Place, find_place
from strongroom.rotate.request import Request, Surroundings
from strongroom.rotate.results import Check, Checked
from strongroom.rotate.settling import find_open, under
from strongroom.rotate.soundness import check_structure, find_bad_pages, find_orphans
from strongroom.runs.exclusive import refuse_busy
from strongroom.sqlite.causes import has_log, opened
from strongroom.sqlite.connection import connect_live
from strongroom.sqlite.database import Database, has_plain_header
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.messages import translated

_SAID = 3


def verify(request: Request, around: Surroundings) -> Checked:
    """Look at an encrypted database: which key opens it, every page, tables and indexes, what rows refer to.

    ``request.key`` may be empty: then every key at hand is tried. Where nobody has the database open, a log beside it
    is folded into it, as closing it does; else it is only read, and said what could not be looked at. The exit code of
    the result is 6 for damage, 7 for a change that was interrupted. Raises KeyMissingError where no key opens it or it
    is plain, DamagedSourceError where it is truncated, VersionError for an older format, UnreachableError.
    """
    place = find_place(request.database, request.home)
    with _holding_key(place, request.key, around) as key:
        database = under(place, key)
        found = find_open(place)
        look = look_at(database)
        folded = _fold(database, is_dry=request.dry_run)
        checks = tuple(_check(database, look, folded))
        is_damaged = any(check.is_ok is False for check in checks)
        return Checked(
            database=show_path(place.database),
            key=key,
            size=place.database.stat().st_size,
            pages=look.pages,
            journal_mode=look.journal_mode,
            checks=checks,
            interrupted=None if found is None else found[1].describe(place.database),
            exit=ExitCode.REFUSED if is_damaged else ExitCode.PENDING if found is not None else ExitCode.DONE,
        )


@contextmanager
def _holding_key(place: Place, key: str, around: Surroundings) -> Iterator[str]:
    """Hold the key that opens a database, and yield its name."""
    if has_plain_header(under(place, None)):
        raise KeyMissingError(place.database, "is not encrypted", "sqlcipher.encrypt puts it under a key")
    names = [key] if key else sorted(around.keys)
    if not names:
        raise KeyMissingError(place.database, "is encrypted, and no key is at hand", "name one in system.yaml")
    for name in names:
        with hold_needed(around.keys, (name,)):
            if len(names) == 1 or _is_opened(under(place, name)):
                yield name
                return
    fact = f"is opened by none of the {len(names)} keys at hand ({', '.join(names)})"
    raise KeyMissingError(place.database, fact, "name the key under which it was encrypted")


def _is_opened(database: Database) -> bool:
    """Tell whether a key opens a file. Raises what is wrong with the file whatever its key is."""
    try:
        with opened(database):
            return True
    except KeyMissingError:
        return False


def _fold(database: Database, *, is_dry: bool) -> str | None:
    """Write what stands in the log into the file, as closing it does; return why that may not be, if it may not.

    To be asked once the database was read with its log: under another key's it would be destroyed.
    """
    if not has_log(database):
        return None
    if is_dry or not os.access(database.path, os.W_OK):
        return "pages stand in its -wal, which is only read"
    try:
        refuse_busy([database])
        with translated(database), closing(connect_live(database)) as connection:
            (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchone()
    except StrongroomError as error:
        return f"pages stand in its -wal, and it {error.fact}"
    return "pages stand in its -wal, and somebody reads them" if is_busy else None


def _check(database: Database, look: Look, folded: str | None) -> Iterator[Check]:
    """Look at one thing after the other. Read-only."""
    yield Check(name="header", is_ok=True, detail="does not begin as plain databases do")
    yield Check(name="size", is_ok=True, detail=f"{look.pages} pages of {look.page_size} bytes")
    with opened(database) as connection:
        if folded is None:
            pages = find_bad_pages(connection)
            yield Check(name="pages", is_ok=not pages, detail=_say(pages) or "each is as it was written under this key")
        else:
            yield Check(name="pages", is_ok=None, detail=f"not looked at one by one: {folded}")
        structure = check_structure(connection)
        yield Check(name="structure", is_ok=not structure, detail=_say(structure) or "tables and indexes hang together")
        if structure:
            return
        orphans = find_orphans(connection)
        said = tuple(f"{count} rows of {table} refer to nothing" for table, count in sorted(orphans.items()))
        yield Check(name="references", is_ok=None if said else True, detail=_say(said) or "every foreign key is kept")


def _say(found: tuple[str, ...]) -> str:
    more = f"; and {len(found) - _SAID} more" if len(found) > _SAID else ""
    return "; ".join(found[:_SAID]) + more
