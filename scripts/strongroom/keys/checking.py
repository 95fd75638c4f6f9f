"""``keys.check`` and ``keys.show``: what can be said of keys without saying one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from strongroom.core.engines import Engine
from strongroom.core.errors import ExitCode, KeyMissingError, StrongroomError, UsageError
from strongroom.keys.model import Key, KeyVersion, State
from strongroom.keys.provided import ProvidedKeys
from strongroom.sqlite.connection import open_source
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import hold_keys

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFailure:
    """Why a key cannot be had."""

    fact: str
    hint: str
    exit_code: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedKey:
    """One key as it was found."""

    key: str
    provider: str
    place: str
    notes: tuple[str, ...]
    health: str | None
    id_: str | None
    encoding: str | None
    fingerprint: str | None
    """None for a passphrase, and for a key that cannot be had."""
    opens: bool | None
    """Whether it opens the database that was named; None where none was."""
    failure: KeyFailure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVersion:
    """A version of a key."""

    id_: str
    state: State
    created: datetime | None
    age_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """One key with its versions."""

    key: str
    provider: str
    place: str
    versions: tuple[ListedVersion, ...]
    failure: KeyFailure | None


def check_keys(keys: ProvidedKeys, names: Iterable[str] = (), database: Path | None = None) -> tuple[CheckedKey, ...]:
    """Fetch each key, and try it on a database where one is named; what fails is part of the result. Read-only.

    Raises UsageError for an unknown name.
    """
    return tuple(_check(keys, name, database) for name in choose(keys, names))


def show_versions(keys: ProvidedKeys, names: Iterable[str], now: datetime) -> tuple[ListedKey, ...]:
    """List the versions of each key; no value is fetched where the provider can do without. Read-only.

    Raises UsageError for an unknown name.
    """
    return tuple(_show(keys, name, now) for name in choose(keys, names))


def choose(keys: ProvidedKeys, names: Iterable[str]) -> tuple[str, ...]:
    """Return the keys that are meant: those that are named, else all. Raises UsageError for an unknown one."""
    wanted = tuple(dict.fromkeys(names)) or tuple(keys)
    for name in wanted:
        if name not in keys:
            known = ", ".join(keys) or "none"
            raise UsageError("--key", f"{name} is no key of this system (known: {known})", "name it below keys: there")
    return wanted


def open_database(keys: ProvidedKeys, name: str, database: Path) -> None:
    """Open an encrypted database with a key, fetched anew once where it does not open it. Read-only.

    Raises KeyMissingError when that does not either, and what opening raises.
    """
    handle = Database(database, Engine.BUNDLED, name)
    try:
        _open(keys, name, handle)
    except KeyMissingError:
        if not keys.refresh(name):
            raise
        _open(keys, name, handle)


def _open(keys: ProvidedKeys, name: str, database: Database) -> None:
    with hold_keys({name: keys[name]}), open_source(database):
        pass


def _check(keys: ProvidedKeys, name: str, database: Path | None) -> CheckedKey:
    about, failure = _attempt(lambda: keys.describe(name.partition("@")[0]))
    health, found, opens = None, None, None
    if failure is None:
        health, failure = _attempt(lambda: keys.check_health(name.partition("@")[0]))
    if failure is None:
        found, failure = _attempt(lambda: keys.fetch(name))
    if found is not None and database is not None:
        _, failure = _attempt(lambda: open_database(keys, name, database))
        opens = failure is None
    return CheckedKey(
        key=name,
        provider=about.provider if about is not None else "?",
        place=about.place if about is not None else "?",
        notes=about.notes if about is not None else (),
        health=health or None,
        id_=None if found is None else found.id,
        encoding=None if found is None else found.encoding,
        fingerprint=_read_fingerprint(keys, name, found),
        opens=opens,
        failure=failure,
    )


def _read_fingerprint(keys: ProvidedKeys, name: str, found: Key | None) -> str | None:
    return None if found is None else keys.fingerprint(name)


def _show(keys: ProvidedKeys, name: str, now: datetime) -> ListedKey:
    about, failure = _attempt(lambda: keys.describe(name))
    versions: tuple[KeyVersion, ...] | None = ()
    if failure is None:
        versions, failure = _attempt(lambda: keys.list_versions(name))
    return ListedKey(
        key=name,
        provider=about.provider if about is not None else "?",
        place=about.place if about is not None else "?",
        versions=tuple(_age(name, one, now) for one in versions or ()),
        failure=failure,
    )


def _age(name: str, one: KeyVersion, now: datetime) -> ListedVersion:
    days = None if one.created is None else max((now - one.created).days, 0)
    return ListedVersion(id_=f"{name}@{one.version}", state=one.state, created=one.created, age_days=days)


def _attempt(ask: Callable[[], Answer]) -> tuple[Answer | None, KeyFailure | None]:
    try:
        return ask(), None
    except StrongroomError as error:
        return None, KeyFailure(fact=str(error), hint=error.hint, exit_code=error.exit_code)
