"""Keys in the KV engine of Vault or OpenBao: one path, one field, each version by its number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from strongroom.core.key_entries import VaultKey
from strongroom.core.secret import Secret
from strongroom.keys.encoding import decode_key, encode_key
from strongroom.keys.errors import (
    KeyConflictError,
    KeyDeletedError,
    KeyDestroyedError,
    KeyFormatError,
    KeyNotFoundError,
)
from strongroom.keys.model import Description, Key, KeyVersion, State
from strongroom.keys.vault.document import Document
from strongroom.keys.vault.paths import KeyValuePath
from strongroom.keys.vault.session import VaultSession

_LIST = "keys.show lists the versions that are there"


class VaultProvider:
    """A key at a path; also its writer."""

    def __init__(
        self, name: str, entry: VaultKey, variable: Callable[[str], str | None], now: Callable[[], datetime]
    ) -> None:
        """Nobody is asked before the first request."""
        self._name, self._entry, self._subject = name, entry, f"key {name}"
        self._session = VaultSession(self._subject, entry, variable, now)
        self._path = KeyValuePath(self._subject, entry, self._session)

    def get(self, version: str | None = None) -> Key:
        """Fetch the active version, the one that ``version:`` pins, or a given one."""
        wanted = version or (str(self._entry.version) if self._entry.version is not None else None)
        if wanted is None:
            document = self._path.read()
            return self._make_key(document, document.active)
        return self._find(wanted)

    def list_versions(self) -> tuple[KeyVersion, ...]:
        """Return the versions with their ages; needs ``read`` on the path's metadata."""
        kept = self._path.list_numbers()
        latest = self._read_latest()
        if latest is not None and latest.is_ours:
            created = {number: entry.created for number, entry in kept.items()}
            return tuple(
                KeyVersion(version=version, state=_state_in(latest, version), created=created.get(version))
                for version in latest.versions
            )
        current = max(kept, key=int, default="")
        return tuple(
            KeyVersion(
                version=number,
                state=entry.state or (State.ACTIVE if number == current else State.PREVIOUS),
                created=entry.created,
            )
            for number, entry in sorted(kept.items(), key=lambda item: int(item[0]))
        )

    def describe(self) -> Description:
        """Say which field of which path it is."""
        notes = (f"policy: {self._path.data.policy}", f"let in by {self._entry.auth.method}")
        return Description(provider="vault", place=f"{self._path.data.where}, field {self._entry.field}", notes=notes)

    def check_health(self) -> str:
        """Say which server it is; raises where it is down, sealed or not to be trusted."""
        return self._path.check_health()

    def create(self, secret: Secret) -> str:
        """Write the first version; other fields of the path stay."""
        try:
            latest = self._path.read()
        except KeyNotFoundError:
            latest = self._path.nothing()
        if latest.fields.get(self._entry.field) is not None:
            raise KeyConflictError(self._subject, f"there is one at {self._path.data.where} already", _LIST)
        number = latest.number + 1
        self._path.write(latest, {**latest.fields, self._entry.field: self._encode(secret)})
        return str(number)

    def put_pending(self, secret: Secret) -> str:
        """Keep a new version beside the active one; applications go on reading that."""
        latest = self._read_live()
        pending = [version for version in latest.versions if latest.is_pending(version)]
        if pending:
            fact = f"version {pending[-1]} is pending already"
            raise KeyConflictError(self._subject, fact, "finish or retire that one first (keys.show)")
        version = str(latest.number + 1)
        self._path.write(latest, latest.with_version(version, self._encode(secret)).fields)
        return version

    def promote(self, version: str) -> None:
        """Let applications read another version."""
        latest = self._read_live()
        if latest.active == version:
            return
        if latest.find(version) is None:
            latest = latest.with_version(version, self._find_value(version))
        self._path.write(latest, latest.with_active(version).fields)

    def label(self, version: str) -> None:
        """Keep a version in the newest one of the path, where no limit of the engine reaches it."""
        latest = self._read_live()
        if latest.is_ours and latest.find(version) is not None:
            return
        self._path.write(latest, latest.with_version(version, self._find_value(version)).fields)

    def retire(self, version: str) -> None:
        """Take a version out, and destroy every version of the path that holds it."""
        latest = self._read_live()
        if latest.active == version:
            raise KeyConflictError(self._subject, f"version {version} is the active one", "promote another one first")
        number = latest.number
        if latest.find(version) is not None:
            number = self._path.write(latest, latest.without_version(version).fields)
        held = [one for one in self._path.list_readable() if one.number < number and self._holds(one, version)]
        if held:
            self._path.destroy([one.number for one in held])

    def _find(self, version: str) -> Key:
        latest = self._read_latest()
        if latest is not None and latest.find(version) is not None:
            return self._make_key(latest, version)
        return self._make_key(self._read_number(version), version)

    def _find_value(self, version: str) -> str:
        return self._encode(self._find(version).secret)

    def _read_number(self, version: str) -> Document:
        """Read a version of the path that is one of the key: none that we wrote since we keep versions ourselves."""
        if not version.isdecimal() or int(version) == 0:
            fact = "is no version of this server: they are numbers"
            raise KeyNotFoundError(f"{self._subject}@{version}", fact, _LIST)
        document = self._path.read(int(version))
        if document.is_ours:
            where = self._path.data.where
            raise KeyNotFoundError(f"{self._subject}@{version}", f"{where} holds no such version (any more)", _LIST)
        return document

    def _read_latest(self) -> Document | None:
        """Read the newest version of the path; None where that cannot be had."""
        try:
            return self._path.read()
        except (KeyDeletedError, KeyDestroyedError, KeyNotFoundError):
            return None

    def _read_live(self) -> Document:
        """Read the newest version of the path, which must hold the key."""
        latest = self._path.read()
        self._make_key(latest, latest.active)
        return latest

    def _holds(self, document: Document, version: str) -> bool:
        return version in document.versions

    def _make_key(self, document: Document, version: str) -> Key:
        subject = f"{self._subject}@{version}"
        value = document.find(version)
        if value is None:
            fact = f"{self._path.data.where} has no field {self._entry.field} (of {len(document.fields)})"
            raise KeyNotFoundError(subject, fact, "correct field:, or write the key there")
        if not isinstance(value, str):
            raise KeyFormatError(subject, f"field {self._entry.field} is no text", "write the key as text")
        secret = decode_key(subject, value.encode(errors="surrogatepass"), self._entry.encoding)
        created = None if document.is_ours else document.created
        return Key(name=self._name, secret=secret, version=version, encoding=self._entry.encoding, created=created)

    def _encode(self, secret: Secret) -> str:
        return encode_key(secret, self._entry.encoding).decode()


def _state_in(document: Document, version: str) -> State:
    if version == document.active:
        return State.ACTIVE
    return State.PENDING if document.is_pending(version) else State.PREVIOUS
