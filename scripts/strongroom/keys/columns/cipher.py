"""What seals the values of a column under the active version of its key, and opens those under any version."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic

from cryptography.exceptions import InvalidTag

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import AlreadyEncryptedError, NotEncryptedError, WrongContextError
from strongroom.keys.columns.context import Context
from strongroom.keys.columns.envelope import NONCE_BYTES, is_ours, read_envelope, write_envelope
from strongroom.keys.columns.formats import Format, Kind, find_format
from strongroom.keys.columns.reading import Reader, make_readers
from strongroom.keys.columns.values import Value, pack_value, unpack_value
from strongroom.keys.columns.versions import Versions
from strongroom.keys.provided import ProvidedKeys

_CUT = "it was cut off, or changed"
_MOVED = "it was made for another row, column or table, or was changed since"
_EARLIER = "name the key that it was made under in reads:, or the earlier version under previous: of that key"
_TAKEN_IN = "columns.encrypt takes in what is not ours yet"
_TWICE = "decrypt it first; columns.encrypt and columns.rotate do so with what stands in a column"


class ColumnCipher:
    """Seals and opens the values of a column; keys are asked for when needed, and kept as ``ProvidedKeys`` says.

    Whatever does not open as what it says it is raises; nothing else is returned in its place.
    """

    def __init__(self, keys: ProvidedKeys, entry: ColumnEntry, *, clock: Callable[[], float] = monotonic) -> None:
        """Hold what ``system.yaml`` says of the column; ``clock`` counts seconds."""
        self._versions = Versions(keys, entry.key, clock)
        self._readers: dict[Kind, list[Reader]] = make_readers(keys, entry.reads, clock)
        self._earlier = [name.split(".") for name in entry.was]

    @property
    def active_id(self) -> str:
        """The id of the active version, ``NAME@VERSION``; asked for, or from memory for five minutes."""
        return self._versions.active_id

    def find_format(self, stored: object) -> Format:
        """Return what a value is, by its shape; no key is asked for."""
        return find_format(stored)

    def seal(self, context: Context, value: Value, *, as_bytes: bool = False, under: str | None = None) -> str | bytes:
        """Encrypt a value for its row: text for text columns, bytes for binary ones.

        Under the active version, or for a batch under the one that it asked for (``under=cipher.active_id``). Raises
        AlreadyEncryptedError, UsageError for what is no value or no row, and the errors of ``keys.errors``.
        """
        if isinstance(value, str | bytes) and self._is_encrypted(value):
            raise AlreadyEncryptedError(self._name(context), "was given what is encrypted already", _TWICE)
        version = self._versions.find(under or self._versions.active_id)
        nonce = os.urandom(NONCE_BYTES)
        sealed = version.aead.encrypt(nonce, pack_value(value), version.head + context.spelling)
        return write_envelope(version.id, nonce + sealed, as_bytes=as_bytes)

    def open(self, context: Context, stored: object) -> Value:
        """Decrypt what stands in a row: ours under any version, and what ``reads:`` names.

        Raises WrongContextError, NotEncryptedError, UsageError for what is no row, and the errors of ``keys.errors``:
        KeyNotFoundError where its version cannot be had.
        """
        if isinstance(stored, bytearray | memoryview):
            stored = bytes(stored)
        if not isinstance(stored, str | bytes) or not is_ours(stored):
            return self._open_foreign(context, stored)
        envelope = read_envelope(stored)
        if envelope is None:
            raise WrongContextError(self._name(context), "holds a value that is not whole", _CUT)
        key_id, body = envelope
        packed = self._open_sealed(context, key_id, body)
        if packed is None and self._versions.refresh(key_id):
            packed = self._open_sealed(context, key_id, body)
        if packed is None:
            fact = f"holds a value under {key_id} that does not open here"
            raise WrongContextError(self._name(context), fact, _MOVED)
        return unpack_value(packed)

    def _open_sealed(self, context: Context, key_id: str, body: bytes) -> bytes | None:
        version = self._versions.find(key_id)
        nonce, sealed = body[:NONCE_BYTES], body[NONCE_BYTES:]
        for place in (context, *(context.rename(*name) for name in self._earlier)):
            try:
                return version.aead.decrypt(nonce, sealed, version.head + place.spelling)
            except InvalidTag:
                continue
        return None

    def _open_foreign(self, context: Context, stored: object) -> Value:
        kind = find_format(stored).kind
        if kind not in self._readers or not isinstance(stored, str | bytes):
            what = "a plain value" if kind is Kind.PLAIN else f"a {kind} value, and its reads: does not name that"
            raise NotEncryptedError(self._name(context), f"holds {what}", _TAKEN_IN)
        for reader in self._readers[kind]:
            value = reader.open(stored)
            if value is not None:
                return value
        raise WrongContextError(self._name(context), f"holds a {kind} value that no key of its reads: opens", _EARLIER)

    def _is_encrypted(self, value: str | bytes) -> bool:
        return is_ours(value) or (bool(self._readers) and find_format(value).kind in (Kind.DAMAGED, *self._readers))

    @staticmethod
    def _name(context: Context) -> str:
        return f"column {context.table}.{context.column}"
