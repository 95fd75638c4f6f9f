"""A bunch of keys, and the first of them that opens a file: for who meets files that nobody has described.

A key is fetched when a file needs it, and held until the bunch is put down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import StrongroomError, UsageError, WrongKeyError
from strongroom.core.secret import Secret
from strongroom.sqlite.connection import open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.formats import find_older_format, is_decrypted
from strongroom.sqlite.keyring import hold_keys

_PAGE = 4096
_LIKE_CHANCE = 240
"""So many different bytes are in nearly every page of chance ones, and in few others."""
_WAIT_SECONDS = 2.0


class Bunch:
    """Keys to be tried on files, in their order."""

    def __init__(self, keys: Mapping[str, Secret], names: Sequence[str], held: ExitStack) -> None:
        """Hold who has the keys: those of these names, else all. ``held`` keeps them in this process once fetched."""
        self._keys, self._named, self._held = keys, tuple(names), held
        self._fetched: set[str] = set()
        self._failures: dict[str, StrongroomError] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the keys, fetched or not."""
        return self._named or tuple(self._keys)

    def find(self, path: Path) -> Database | None:
        """Return the handle of a file under the first key that opens it; None where none does. Read-only.

        A file is opened by its key though it is damaged, cut off after its first page, locked, in the format of an
        older SQLCipher, or has somebody else's log beside it: who reads it is told so. Raises what asking for a key
        raises that was named; of all others one that cannot be had is left out, and ``describe`` says so.
        """
        tried = []
        for name in filter(self._fetch, self.names):
            tried.append(Database(path, Engine.BUNDLED, name))
            if _fits(tried[-1]):
                return tried[-1]
        return next((database for database in tried if find_older_format(database) is not None), None)

    def describe(self) -> str:
        """Say which keys were tried, and which could not be; nothing where there are none."""
        tried = [name for name in self.names if name in self._fetched]
        said = [f"keys tried: {', '.join(tried)}"] if tried else []
        said += [f"{error.subject}: {error.fact}" for error in self._failures.values()]
        return f" ({'; '.join(said)})" if said else ""

    def refuse(self, path: Path) -> StrongroomError:
        """Return what to say of a file that is no plain database, and that none of the keys opens."""
        fact = f"is not a database, or encrypted under another key{self.describe()}"
        hint = "look at the file; where it is encrypted, name its key below keys: in system.yaml"
        return next(iter(self._failures.values()), None) or WrongKeyError(path, fact, hint)

    def _fetch(self, name: str) -> bool:
        """Hold a key, and tell whether that could be done; who cannot give it is not asked twice."""
        if name in self._failures or name in self._fetched:
            return name in self._fetched
        try:
            self._held.enter_context(hold_keys({name: self._keys[name]}))
        except StrongroomError as error:
            if self._named:
                raise
            self._failures[name] = error
            return False
        self._fetched.add(name)
        return True


@contextmanager
def holding(keys: Mapping[str, Secret], names: Sequence[str] = ()) -> Iterator[Bunch]:
    """Take the keys of these names in hand, else all; none is fetched yet, and none is kept afterwards.

    Raises UsageError for a name that is none.
    """
    for name in names:
        if name not in keys:
            known = ", ".join(keys) or "none"
            fact = f"{name} is no key of this system (known: {known})"
            raise UsageError("--key", fact, "name it below keys: in its system.yaml, and the system with --system")
    with ExitStack() as held:
        yield Bunch(keys, tuple(dict.fromkeys(names)), held)


NO_KEYS = Bunch({}, (), ExitStack())
"""What is encrypted stays closed."""


def _fits(database: Database) -> bool:
    try:
        with open_source(database, timeout=_WAIT_SECONDS):
            return True
    except StrongroomError:
        return is_decrypted(database)


def may_be_encrypted(path: Path) -> bool:
    """Tell whether a file of any name may be an encrypted database: whole pages, the first like chance. Read-only."""
    return path.stat().st_size % _PAGE == 0 and looks_like_chance(path)


def looks_like_chance(path: Path) -> bool:
    """Tell whether the first page of a file looks like chance, as it does where it is encrypted. Read-only."""
    with path.open("rb") as stream:
        return len(set(stream.read(_PAGE))) > _LIKE_CHANCE
