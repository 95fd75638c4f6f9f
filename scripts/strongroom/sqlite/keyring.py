"""The keys of this process, by name.

They are read before workers are forked, who inherit them; handles, jobs and documents hold names only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from strongroom.core.errors import KeyMissingError
from strongroom.core.secret import Secret

_RAW = re.compile(r"(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{96})\Z")
"""32 bytes in hex, or 48 with the salt. SQLCipher takes anything else for a passphrase, without a word."""
_held: dict[str, Secret] = {}


@contextmanager
def hold_keys(keys: Mapping[str, Secret]) -> Iterator[None]:
    """Keep keys at hand for this process, and for those that it forks meanwhile.

    Raises KeyMissingError for what is no raw key.
    """
    for name, secret in keys.items():
        if not _RAW.match(secret.reveal()):
            raise KeyMissingError(f"key {name}", "is no raw key", "a key is 64 hex digits, or 96 with its salt")
    before = dict(_held)
    _held.update(keys)
    try:
        yield
    finally:
        _held.clear()
        _held.update(before)


def spell_key(name: str) -> str:
    """Return a held key as SQLCipher reads it; for its calls only, never as part of an SQL text.

    Raises KeyMissingError when it is not at hand.
    """
    secret = _held.get(name)
    if secret is None:
        raise KeyMissingError(f"key {name}", "is not at hand", "see to it that its provider is reachable, and names it")
    return f"x'{secret.reveal()}'"
