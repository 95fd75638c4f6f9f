"""The versions of a column's key, each derived once, for as long as the key is kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.core.errors import KeyMissingError
from strongroom.core.scrubbing import watch
from strongroom.core.secret import Secret
from strongroom.keys.columns.envelope import MARK, is_key_id
from strongroom.keys.errors import KeyFormatError, KeyNotFoundError
from strongroom.keys.model import Key
from strongroom.keys.provided import SEPARATOR, ProvidedKeys

PURPOSE = b"strongroom/columns/1"
_KEY_BYTES = 32
QUIET_SECONDS = 10
"""So long nobody is asked again for a version that could not be had, or opened nothing: rows may be many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a key, derived for columns."""

    key: Key
    id: str
    head: bytes
    """What comes before the place in the associated data."""
    aead: AESGCM


class Versions:
    """The versions of one key, found by the id that stands in a value."""

    def __init__(self, keys: ProvidedKeys, name: str, clock: Callable[[], float]) -> None:
        """Ask ``keys`` for versions of ``name``."""
        self._keys, self._name, self._clock = keys, name, clock
        self._derived: dict[str, Version] = {}
        self._missing: dict[str, tuple[float, KeyMissingError]] = {}
        self._refreshed: dict[str, float] = {}

    @property
    def active_id(self) -> str:
        """The id of the active version."""
        return self._keys.fetch(self._name).id

    def find(self, key_id: str) -> Version:
        """Return a version. Raises KeyNotFoundError for another key's, and what the provider says of it."""
        key = self._fetch(key_id)
        version = self._derived.get(key_id)
        if version is None or version.key is not key:
            version = self._derived[key_id] = _derive(key, key_id)
        return version

    def refresh(self, key_id: str) -> bool:
        """Fetch a version anew after it did not open what it should; tell whether it is another one now."""
        now = self._clock()
        if now - self._refreshed.get(key_id, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        self._refreshed[key_id] = now
        return self._keys.refresh(key_id)

    def _fetch(self, key_id: str) -> Key:
        name, _, _ = key_id.partition(SEPARATOR)
        if name != self._name:
            hint = f"let key: of the column name {name}, or decrypt it with a system.yaml that does"
            raise KeyNotFoundError(f"key {key_id}", f"is not the key of this column, {self._name}", hint)
        since, error = self._missing.get(key_id, (0.0, None))
        if error is not None and self._clock() - since < QUIET_SECONDS:
            raise type(error)(error.subject, error.fact, error.hint)
        try:
            return self._keys.fetch(key_id)
        except KeyMissingError as reason:
            self._missing[key_id] = self._clock(), reason
            raise


def _derive(key: Key, key_id: str) -> Version:
    if key.is_passphrase:
        raise KeyFormatError(f"key {key.name}", "is a passphrase", "columns are encrypted under keys of 32 bytes")
    if not is_key_id(key_id):
        raise KeyFormatError(f"key {key.name}", "has a version that cannot stand beside a value", "make a new version")
    derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=PURPOSE).derive(bytes.fromhex(key.secret.reveal()))
    watch(Secret(derived.hex()))
    return Version(key=key, id=key_id, head=f"{MARK}{key_id}:".encode(), aead=AESGCM(derived))
