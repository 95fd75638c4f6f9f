"""The keys of this process, by name.

They are read before workers are forked, who inherit them; handles, jobs and documents hold names only.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from strongroom.core.errors import KeyMissingError, UsageError
from strongroom.core.secret import Secret

_RAW = re.compile(r"(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{96})\Z")
"""32 bytes in hex, or 48 with the salt. SQLCipher takes anything else for a passphrase, without a word."""
SCRATCH = "strongroom.scratch"
"""The name of a run's own random key, for working tables and what is thrown away; no plan can name it."""
_held: dict[str, Secret] = {}


class Passphrase(Secret):
    """A text of which SQLCipher derives the key of a database that was made so; nothing new is put under one."""

    __slots__ = ()


@contextmanager
def hold_keys(keys: Mapping[str, Secret]) -> Iterator[None]:
    """Keep keys at hand for this process, and for those that it forks meanwhile.

    Raises KeyMissingError for what is no raw key, unless it says that it is a passphrase.
    """
    for name, secret in keys.items():
        if not _is_usable(secret):
            raise KeyMissingError(f"key {name}", "is no raw key", "a key is 64 hex digits, or 96 with its salt")
    before = dict(_held)
    _held.update(keys)
    try:
        yield
    finally:
        _held.clear()
        _held.update(before)


def _is_usable(secret: Secret) -> bool:
    text = secret.reveal()
    if isinstance(secret, Passphrase):
        return bool(text) and not text.lower().startswith("x'")  # SQLCipher would read that one as a raw key
    return _RAW.match(text) is not None


@contextmanager
def hold_needed(keys: Mapping[str, Secret], names: Iterable[str | None]) -> Iterator[None]:
    """Keep the keys of these names at hand, and a new random one for what is thrown away; nothing for no names.

    The random one is in this process and its workers only, and gone with them. Raises KeyMissingError naming one
    that is not among ``keys``.
    """
    needed = sorted({name for name in names if name is not None})
    for name in needed:
        if name not in keys:
            raise _not_at_hand(name)
    if not needed:
        yield
        return
    with hold_keys({**{name: keys[name] for name in needed}, SCRATCH: Secret(secrets.token_hex(32))}):
        yield


def _not_at_hand(name: str) -> KeyMissingError:
    return KeyMissingError(f"key {name}", "is not at hand", "see to it that its provider is reachable, and names it")


def spell_key(name: str) -> str:
    """Return a held key as SQLCipher reads it; for its calls only, never as part of an SQL text.

    Raises KeyMissingError when it is not at hand.
    """
    secret = _held.get(name)
    if secret is None:
        raise _not_at_hand(name)
    return secret.reveal() if isinstance(secret, Passphrase) else f"x'{secret.reveal()}'"


def is_passphrase(name: str) -> bool:
    """Tell whether a held key is a passphrase, under which nothing new is put. Raises KeyMissingError."""
    if name not in _held:
        raise _not_at_hand(name)
    return isinstance(_held[name], Passphrase)


def refuse_passphrase(name: str) -> None:
    """Make sure that a key under which a database is to be put is a raw one. Raises UsageError."""
    if is_passphrase(name):
        fact = "is a passphrase, which opens databases that are there and encrypts no other"
        raise UsageError(f"key {name}", fact, "make a key with keys.init, and name that one")
