"""A key, its versions, and what each provider of keys can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from strongroom.core.key_entries import Encoding
from strongroom.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One version of a key, as its provider gave it."""

    name: str
    secret: Secret
    """64 hex digits, or a passphrase as it is."""
    version: str
    """Means nothing but to the provider, and never another value."""
    encoding: Encoding
    created: datetime | None = None

    @property
    def id(self) -> str:
        """What stands next to data: ``NAME@VERSION``."""
        return f"{self.name}@{self.version}"

    @property
    def is_passphrase(self) -> bool:
        """Whether it is text that a person chose, for databases that already have it."""
        return self.encoding == "passphrase"


class State(StrEnum):
    """What a version of a key is for."""

    PENDING = "pending"
    """Made, and not yet the one to encrypt with."""
    ACTIVE = "active"
    PREVIOUS = "previous"
    """Opens what was encrypted before."""
    DELETED = "deleted"
    """Not given out; can be brought back."""
    GONE = "gone"
    """Destroyed, or left by its provider to be removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVersion:
    """What a provider says of a version without giving it out."""

    version: str
    state: State
    created: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Where a key is, for people."""

    provider: str
    place: str
    notes: tuple[str, ...] = ()
    """What should be known about the place: who may read it, that it never changes."""


class KeyProvider(Protocol):
    """Whoever holds a key: asked by version, never for anything else."""

    def get(self, version: str | None = None) -> Key:
        """Fetch the active version, or a given one; raises the errors of ``keys.errors``."""

    def list_versions(self) -> tuple[KeyVersion, ...]:
        """Return the versions that there are, oldest first where the provider knows; values are not fetched."""

    def describe(self) -> Description:
        """Say where the key is. Asks nobody but the file system."""

    def check_health(self) -> str:
        """Say in words how the provider is, if there is anything to say; raises where it cannot be asked."""


@runtime_checkable
class KeyCreator(Protocol):
    """A provider in which a first version can be made."""

    def create(self, secret: Secret) -> str:
        """Keep a new key (64 hex digits) and return its version. Raises KeyConflictError where there is one."""


@runtime_checkable
class KeyWriter(KeyCreator, Protocol):
    """A provider that also keeps the versions of a rotation apart.

    A version once kept stays to be had by its id until it is retired, however many come after it.
    """

    def put_pending(self, secret: Secret) -> str:
        """Keep a new version beside the active one and return it. Raises KeyConflictError where one is pending."""

    def promote(self, version: str) -> None:
        """Make a version the active one; the one before is still to be had. Nothing to do where it is."""

    def retire(self, version: str) -> None:
        """Give a version up for good. Raises KeyConflictError for the active one."""

    def label(self, version: str) -> None:
        """See to it that a version stays until it is retired."""
