"""Look at the structure of every database of a directory. Read-only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from strongroom.core.engines import Engine
from strongroom.core.errors import StrongroomError, UnreachableError
from strongroom.core.files import DATABASE_SUFFIXES, find_databases
from strongroom.core.quoting import fold
from strongroom.sqlite.bunch import NO_KEYS, Bunch, may_be_encrypted
from strongroom.sqlite.causes import opened
from strongroom.sqlite.connection import Connection, open_source
from strongroom.sqlite.database import Database, choose_engine, has_plain_header
from strongroom.sqlite.keyring import is_passphrase
from strongroom.sqlite.schema import Schema, Table, read_schema


class ForeignKey(NamedTuple):
    """A declared reference; all names folded."""

    table: str
    column: str
    parent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One database that can be read."""

    source: str
    path: str
    """Relative to the directory."""
    database: Database
    schema: Schema
    foreign_keys: frozenset[ForeignKey]
    """Those that a run follows by itself: of one column, to a primary key."""


Place = tuple[Found, Table]
"""A table, and the database that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is there, and what cannot be read."""

    directory: Path
    found: tuple[Found, ...]
    unread: Mapping[str, str]
    """Path to the reason."""
    passphrases: frozenset[str] = frozenset()
    """Those of ``keys`` under which nothing new is put."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the names of the keys under which databases are, in their order."""
        return tuple(dict.fromkeys(one.database.key for one in self.found if one.database.key is not None))


def survey(directory: Path, engine: Engine = Engine.SYSTEM, keys: Bunch = NO_KEYS) -> Survey:
    """Read the structure of every database under a directory; ``keys`` are tried on what is encrypted. Read-only.

    Where anything is, one library works on all of them: plain and encrypted ones are compared on one connection.
    Raises UnreachableError for a missing directory, or one without a database that can be read, and what asking for a
    key raises that was named.
    """
    if not directory.is_dir():
        raise UnreachableError(directory, "there is no such directory", "say --source DIRECTORY")
    found: list[Found] = []
    unread: dict[str, str] = {}
    taken: set[str] = set()
    for file in find_databases(directory, also=may_be_encrypted if keys.names else None):
        path = file.relative_to(directory).as_posix()
        database = _unlock(file, engine, keys)
        if database is None:
            if file.name.endswith(DATABASE_SUFFIXES):
                unread[path] = f"is not a database (or is encrypted){keys.describe()}"
            continue
        if _VERSION in (database.key or ""):
            unread[path] = f"is under {database.key}, and a plan names no versions: bring it up with sqlcipher.rekey"
            continue
        try:
            found.append(_look_at(database, path, taken))
        except StrongroomError as error:
            unread[path] = error.fact
    if not found:
        said = "; ".join(f"{path}: {reason}" for path, reason in list(unread.items())[:3])
        fact = f"holds no database that can be read{f' ({said})' if said else ''}"
        raise UnreachableError(directory, fact, "say another --source DIRECTORY")
    library = choose_engine(one.database for one in found)
    held = tuple(replace(one, database=replace(one.database, engine=library)) for one in found)
    names = {one.database.key for one in held if one.database.key is not None}
    passphrases = frozenset(filter(is_passphrase, names))
    return Survey(directory=directory, found=held, unread=unread, passphrases=passphrases)


def _unlock(file: Path, engine: Engine, keys: Bunch) -> Database | None:
    """Return the handle of a plain file, or of one that a key opens; None for all others."""
    plain = Database(file, engine)
    return plain if not os.access(file, os.R_OK) or has_plain_header(plain) else keys.find(file)


def _look_at(database: Database, path: str, taken: set[str]) -> Found:
    with opened(database) if database.key is not None else open_source(database) as connection:
        schema = read_schema(connection)
        foreign_keys = _read_foreign_keys(connection, schema)
    name = _name_source(path, taken)
    return Found(source=name, path=path, database=database, schema=schema, foreign_keys=foreign_keys)


def _name_source(path: str, taken: set[str]) -> str:
    """Return a name for a file that no other has: letters, digits and underscores."""
    stem = path.rpartition(".")[0] or path
    base = re.sub(r"\W+", "_", stem).strip("_").lower() or "source"
    if base in _RESERVED or base[0].isdigit():
        base = f"db_{base}"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name


_VERSION = "@"
"""Between a key's name and its version."""
_RESERVED = frozenset({"temp", "schema", "ledger", "scratch", "src", "main", "one", "two"})


def _read_foreign_keys(connection: Connection, schema: Schema) -> frozenset[ForeignKey]:
    rows = connection.execute(
        'SELECT m.name, max(f."from"), f."table", max(f."to") FROM sqlite_master m, pragma_foreign_key_list(m.name) f '
        "WHERE m.type = 'table' GROUP BY m.name, f.id HAVING count(*) = 1"
    )
    found = set()
    for table, column, parent, to in rows:
        child, held = schema.find(table), schema.find(parent)
        if child is None or held is None or len(held.primary_key) != 1:
            continue
        if fold(to or held.primary_key[0]) == fold(held.primary_key[0]):
            found.add(ForeignKey(fold(table), fold(column), fold(parent)))
    return frozenset(found)
