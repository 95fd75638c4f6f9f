"""Values of earlier formats, opened and never written: Fernet tokens, and what pgcrypto's ``pgp_sym_encrypt`` wrote."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pysequoia
from cryptography.fernet import Fernet, InvalidToken

from strongroom.core.column_entries import ReadFormat
from strongroom.core.secret import Secret
from strongroom.keys.columns.formats import Kind, read_message
from strongroom.keys.columns.packets import is_whole
from strongroom.keys.columns.values import Value
from strongroom.keys.columns.versions import QUIET_SECONDS
from strongroom.keys.errors import KeyFormatError
from strongroom.keys.model import Key, State
from strongroom.keys.provided import SEPARATOR, ProvidedKeys


class Reader(Protocol):
    """Opens the values of one earlier format under one key."""

    def open(self, stored: str | bytes) -> Value | None:
        """Return the value; None where no version of the key opens it. Raises the errors of ``keys.errors``."""


def make_readers(
    keys: ProvidedKeys, entries: Sequence[ReadFormat], clock: Callable[[], float]
) -> dict[Kind, list[Reader]]:
    """Make what opens the formats of ``reads:``, in its order; no key is asked for yet."""
    readers: dict[Kind, list[Reader]] = {}
    for entry in entries:
        versions = _EveryVersion(keys, entry.key, clock)
        reader = _Fernet(versions, entry.holds) if entry.format == "fernet" else _OpenPGP(versions, entry.holds)
        readers.setdefault(Kind(entry.format), []).append(reader)
    return readers


class _EveryVersion:
    """The versions of a key, the active one first: values of earlier formats do not say which it was.

    Last comes the active one fetched anew, where it is another by now.
    """

    def __init__(self, keys: ProvidedKeys, name: str, clock: Callable[[], float]) -> None:
        self._keys, self._name, self._clock = keys, name, clock
        self._others: tuple[str, ...] = ()
        self._listed = self._refreshed = -float("inf")

    def __iter__(self) -> Iterator[Key]:
        active = self._keys.fetch(self._name)
        yield active
        if self._clock() - self._listed >= QUIET_SECONDS:
            self._list()
        for version in self._others:
            if version != active.version:
                yield self._keys.fetch(f"{self._name}{SEPARATOR}{version}")
        if self._clock() - self._refreshed >= QUIET_SECONDS:
            self._refreshed = self._clock()
            if self._keys.refresh(self._name):
                yield self._keys.fetch(self._name)

    def _list(self) -> None:
        known = self._keys.list_versions(self._name)
        usable = [one.version for one in known if one.state not in (State.DELETED, State.GONE)]
        self._others, self._listed = tuple(reversed(usable)), self._clock()


@dataclass(frozen=True, slots=True)
class _Fernet:
    """Fernet tokens: no key id, no context; the value is bytes, or text as ``holds:`` says."""

    versions: _EveryVersion
    holds: Literal["text", "bytes"]
    made: dict[str, tuple[Key, Fernet]] = field(default_factory=dict)

    def open(self, stored: str | bytes) -> Value | None:
        for key in self.versions:
            kept = self.made.get(key.id)
            if kept is None or kept[0] is not key:
                kept = self.made[key.id] = (key, _make_fernet(key))
            try:
                return _take(kept[1].decrypt(stored), self.holds)
            except InvalidToken:
                continue
        return None


@dataclass(frozen=True, slots=True)
class _OpenPGP:
    """Messages that a password opens, as ``pgp_sym_encrypt`` and ``pgp_sym_encrypt_bytea`` wrote them."""

    versions: _EveryVersion
    holds: Literal["text", "bytes"]

    def open(self, stored: str | bytes) -> Value | None:
        message = read_message(stored)
        if message is None or not is_whole(message):  # the library prints a stack trace for what is cut off
            return None
        for key in self.versions:
            content = _decrypt(message, key.secret)
            if content is not None:
                return _take(content, self.holds)
        return None


def _decrypt(message: bytes, passphrase: Secret) -> bytes | None:
    """Return what a message holds; None where it does not open (the library says no more, in a stack trace)."""
    try:
        return pysequoia.decrypt(message, passwords=[passphrase.reveal()]).bytes
    except BaseException as error:
        if isinstance(error, RuntimeError) or type(error).__module__ == "pyo3_runtime":
            return None
        raise


def _make_fernet(key: Key) -> Fernet:
    if key.is_passphrase:
        raise KeyFormatError(f"key {key.name}", "is a passphrase", "Fernet tokens are made under keys of 32 bytes")
    return Fernet(urlsafe_b64encode(bytes.fromhex(key.secret.reveal())))


def _take(content: bytes, holds: Literal["text", "bytes"]) -> Value:
    if holds == "text":
        try:
            return content.decode()
        except UnicodeDecodeError:
            pass
    return content
