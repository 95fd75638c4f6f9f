"""Keys without a provider that numbers them: each is named by its fingerprint, wherever it lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from strongroom.core.key_entries import Encoding
from strongroom.core.secret import Secret
from strongroom.keys.encoding import fingerprint_key
from strongroom.keys.errors import KeyNotFoundError
from strongroom.keys.model import Key, KeyVersion, State

PASSPHRASE = "passphrase"  # noqa: S105  # the version of what has no fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A place that holds a key: the first of several the active one."""

    place: str
    read: Callable[[], Key]


def name_by_fingerprint(name: str, secret: Secret, encoding: Encoding, created: datetime | None = None) -> Key:
    """Make a key whose version is its fingerprint."""
    version = fingerprint_key(secret, encoding) or PASSPHRASE
    return Key(name=name, secret=secret, version=version, encoding=encoding, created=created)


def find_version(name: str, version: str, holdings: Sequence[Holding]) -> Key:
    """Return the key of a version, wherever it lies. Raises KeyNotFoundError naming where it was looked for."""
    for holding in holdings:
        try:
            key = holding.read()
        except KeyNotFoundError:
            continue
        if key.version == version:
            return key
    places = ", ".join(holding.place for holding in holdings)
    hint = "name where it is under previous: in system.yaml; keys.show lists the versions that are there"
    raise KeyNotFoundError(f"key {name}@{version}", f"is in none of {places}", hint)


def list_holdings(holdings: Sequence[Holding]) -> tuple[KeyVersion, ...]:
    """Return the versions that are there, the active one last."""
    found = []
    for number, holding in enumerate(holdings):
        try:
            key = holding.read()
        except KeyNotFoundError:
            if number == 0:
                raise
            continue
        state = State.PREVIOUS if number else State.ACTIVE
        found.append(KeyVersion(version=key.version, state=state, created=key.created))
    return tuple(reversed(found))
