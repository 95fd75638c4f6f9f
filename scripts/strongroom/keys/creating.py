"""``keys.init``: a new key where it is to be kept, after a copy of it is in escrow; never over another one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import StrongroomError, UnreachableError, UsageError
from strongroom.core.key_entries import Encoding, KeyEntry
from strongroom.core.secret import Secret
from strongroom.keys.encoding import KEY_BYTES, encode_key, fingerprint_key
from strongroom.keys.errors import KeyConflictError, KeyNotFoundError
from strongroom.keys.escrow import Escrow, write_escrow
from strongroom.keys.provided import ProvidedKeys

_MAKE: Mapping[Encoding, str] = {
    "hex": "openssl rand -hex 32",
    "base64": "openssl rand -base64 32",
    "raw": "openssl rand 32",
    "passphrase": "no passphrase is made: say encoding: hex for a new key",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedKey:
    """A key that was made, or would be."""

    key: str
    id_: str | None
    """None in a dry run."""
    provider: str
    place: str
    fingerprint: str | None
    escrow: str | None
    """The file with the copy."""
    without_escrow: str | None
    """Why there is none."""
    dry_run: bool


def create_key(
    keys: ProvidedKeys, name: str, entry: KeyEntry, escrow: Escrow, *, system: str, dry_run: bool = False
) -> CreatedKey:
    """Make 32 random bytes, put the copy in escrow, keep the key, and read it again from its provider.

    Raises UsageError where the provider is not ours to write to, saying what to do; KeyConflictError where there is a
    key; and what the provider raises. What failed before the provider had the key leaves no copy behind.
    """
    _require_writable(keys, name, entry)
    _require_nothing(keys, name)
    about = keys.describe(name)
    if dry_run:
        return _describe(name, about.provider, about.place, escrow, dry_run=True)
    secret = Secret(secrets.token_hex(KEY_BYTES))
    fingerprint = str(fingerprint_key(secret, entry.encoding))
    copy = keep_copy(secret, name, entry, escrow, system=system)
    try:
        version = keys.create(name, secret)
    except UnreachableError as error:
        if copy is None:
            raise
        hint = f"{error.hint}; {copy} stays, as the key may have arrived: keys.show says"
        raise type(error)(error.subject, error.fact, hint) from None
    except StrongroomError:
        if copy is not None:
            copy.unlink()
        raise
    keys.refresh(name)
    if keys.fingerprint(name) != fingerprint:
        fact = "is not the one that was just made: somebody else wrote there too"
        raise KeyConflictError(f"key {name}", fact, "keys.show says what is there")
    return _describe(
        name,
        about.provider,
        about.place,
        escrow,
        dry_run=False,
        version=version,
        fingerprint=fingerprint,
        copy=None if copy is None else str(copy),
    )


def keep_copy(secret: Secret, name: str, entry: KeyEntry, escrow: Escrow, *, system: str) -> Path | None:
    """Put a copy of a new key in escrow; return the file, None where there is to be none.

    Raises what ``write_escrow`` raises.
    """
    named = f"{system}-{name}-{fingerprint_key(secret, entry.encoding)}"
    return write_escrow(escrow, named, encode_key(secret, entry.encoding))


def _require_writable(keys: ProvidedKeys, name: str, entry: KeyEntry) -> None:
    if keys.can_create(name) and entry.encoding != "passphrase":
        return
    place = keys.describe(name).place
    fact = f"is kept in {place} as {entry.encoding}, where this tool makes none"
    way = f"make one there by hand, and keep a copy elsewhere: {_MAKE[entry.encoding]}"
    raise UsageError(f"key {name}", fact, way)


def _require_nothing(keys: ProvidedKeys, name: str) -> None:
    try:
        key = keys.fetch(name)
    except KeyNotFoundError:
        return
    hint = "keys.show lists its versions; keys.rotate makes another one"
    raise KeyConflictError(f"key {name}", f"is there already ({key.id}), and is not made again", hint)


def _describe(
    name: str,
    provider: str,
    place: str,
    escrow: Escrow,
    *,
    dry_run: bool,
    version: str | None = None,
    fingerprint: str | None = None,
    copy: str | None = None,
) -> CreatedKey:
    return CreatedKey(
        key=name,
        id_=None if version is None else f"{name}@{version}",
        provider=provider,
        place=place,
        fingerprint=fingerprint,
        escrow=copy,
        without_escrow=escrow.reason,
        dry_run=dry_run,
    )
