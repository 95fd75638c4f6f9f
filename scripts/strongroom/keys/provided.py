"""The keys of a system, fetched from their providers when they are asked for; each use is noted.

``keys["vault"]`` is the active version, ``keys["vault@7"]`` a given one. A value is kept in memory for five minutes,
never on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.core.errors import UsageError
from strongroom.core.scrubbing import watch
from strongroom.core.secret import Secret
from strongroom.keys.audit import AuditLog
from strongroom.keys.encoding import fingerprint_key
from strongroom.keys.hygiene import close_process
from strongroom.keys.model import Description, Key, KeyCreator, KeyProvider, KeyVersion, KeyWriter

KEPT_SECONDS = 300
SEPARATOR = "@"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    key: Key
    until: datetime
    since: datetime


class ProvidedKeys(Mapping[str, Secret]):
    """Keys by name. Looking whether a name is there, and how many there are, asks no provider.

    Asking for a value raises KeyError for an unknown name, and the errors of ``keys.errors`` for one that cannot be
    had. From the first question to a provider on the process is closed (``hygiene``).
    """

    def __init__(
        self, openers: Mapping[str, Callable[[], KeyProvider]], *, now: Callable[[], datetime], audit: AuditLog
    ) -> None:
        """Hold who to ask for each key; nobody is asked yet."""
        self._openers, self._now, self._audit = openers, now, audit
        self._providers: dict[str, KeyProvider] = {}
        self._kept: dict[str, _Kept] = {}

    def __getitem__(self, name: str) -> Secret:
        """Return a key's value: 64 hex digits, or a passphrase as it is."""
        return self.fetch(name).secret

    def __iter__(self) -> Iterator[str]:
        """Name the keys, each without a version."""
        return iter(self._openers)

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._openers)

    def __contains__(self, name: object) -> bool:
        """Tell whether a key is named, in any version."""
        return isinstance(name, str) and name.partition(SEPARATOR)[0] in self._openers

    def fetch(self, name: str) -> Key:
        """Return a key with its version, from memory where it was fetched within five minutes."""
        kept = self._kept.get(name)
        if kept is not None and kept.since <= self._now() < kept.until:
            return kept.key
        return self._ask("get", name)

    def refresh(self, name: str) -> bool:
        """Fetch a key anew, once after it did not open what it should; tell whether it is another one now."""
        before = self._kept.pop(name, None)
        key = self._ask("refresh", name)
        return before is None or before.key.secret.reveal() != key.secret.reveal()

    def refresh_all(self) -> bool:
        """Fetch anew every key that was handed out; tell whether one is another now."""
        return sum(self.refresh(name) for name in list(self._kept)) > 0  # all of them, not up to the first

    def fingerprint(self, name: str) -> str | None:
        """Return the fingerprint of a key; None for a passphrase."""
        key = self.fetch(name)
        return fingerprint_key(key.secret, key.encoding)

    def list_versions(self, name: str) -> tuple[KeyVersion, ...]:
        """Return the versions of a key; their values stay where they are."""
        with self._audit.noting("list", name):
            return self._provider(name).list_versions()

    def describe(self, name: str) -> Description:
        """Say where a key is."""
        return self._provider(name).describe()

    def check_health(self, name: str) -> str:
        """Say how the provider of a key is."""
        return self._provider(name).check_health()

    def can_create(self, name: str) -> bool:
        """Tell whether a first version can be made."""
        return isinstance(self._provider(name), KeyCreator)

    def can_rotate(self, name: str) -> bool:
        """Tell whether new versions can be made, and old ones given up."""
        return isinstance(self._provider(name), KeyWriter)

    def create(self, name: str, secret: Secret) -> str:
        """Keep a new key (64 hex digits) and return its version. Raises KeyConflictError where there is one."""
        watch(secret)
        provider = self._provider(name)
        if not isinstance(provider, KeyCreator):
            raise _cannot_write(name, provider)
        with self._audit.noting("create", name) as use:
            use.version = provider.create(secret)
        return use.version

    def put_pending(self, name: str, secret: Secret) -> str:
        """Keep a new version beside the active one and return it."""
        watch(secret)
        writer = self._writer(name)
        with self._audit.noting("put_pending", name) as use:
            use.version = writer.put_pending(secret)
        return use.version

    def promote(self, name: str, version: str) -> None:
        """Make a version the active one."""
        self._kept.pop(name, None)
        with self._audit.noting("promote", name, version):
            self._writer(name).promote(version)

    def retire(self, name: str, version: str) -> None:
        """Give a version up for good."""
        self._kept.pop(f"{name}{SEPARATOR}{version}", None)
        with self._audit.noting("retire", name, version):
            self._writer(name).retire(version)

    def label(self, name: str, version: str) -> None:
        """See to it that a version stays until it is retired."""
        with self._audit.noting("label", name, version):
            self._writer(name).label(version)

    def find_promotion(self, name: str) -> datetime | None:
        """Return when a version of a key became the active one, as far as the audit log tells."""
        return self._audit.find_last("promote", name)

    def note_decrypting(self, name: str, reason: str) -> None:
        """Note why values that were under a key are made plain. Raises ProviderUnreachableError where it cannot be."""
        with self._audit.noting("decrypt", name) as use:
            use.reason = reason

    def _ask(self, action: str, name: str) -> Key:
        base, _, version = name.partition(SEPARATOR)
        provider = self._provider(base)
        with self._audit.noting(action, base, version or None) as use:
            key = provider.get(version or None)
            watch(key.secret)
            use.version = key.version
        since = self._now()
        self._kept[name] = _Kept(key=key, since=since, until=since + timedelta(seconds=KEPT_SECONDS))
        return key

    def _provider(self, name: str) -> KeyProvider:
        """Return who holds a key; before the first is asked for anything, the process is closed."""
        if name not in self._providers:
            close_process()
            self._providers[name] = self._openers[name]()
        return self._providers[name]

    def _writer(self, name: str) -> KeyWriter:
        provider = self._provider(name)
        if not isinstance(provider, KeyWriter):
            raise _cannot_write(name, provider)
        return provider


def _cannot_write(name: str, provider: KeyProvider) -> UsageError:
    about = provider.describe()
    fact = f"is kept in {about.place}, where this tool does not write ({about.provider})"
    hint = "put the new value there by hand, and the old one where previous: in system.yaml says"
    return UsageError(f"key {name}", fact, hint)
