"""Open the providers that ``system.yaml`` names: one for each key, and no other in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from strongroom.core.config import Settings
from strongroom.core.key_entries import AwsKey, EnvironmentKey, FileKey, KeyEntry, VaultKey
from strongroom.keys.audit import AuditLog
from strongroom.keys.environment import EnvironmentProvider
from strongroom.keys.files import FileProvider
from strongroom.keys.model import KeyProvider
from strongroom.keys.provided import ProvidedKeys


def provide(
    entries: Mapping[str, KeyEntry], settings: Settings, now: Callable[[], datetime], *, audit: AuditLog
) -> ProvidedKeys:
    """Return the keys of a system. Nobody is asked for one before it is needed."""
    openers = {name: partial(open_provider, name, entry, settings, now) for name, entry in entries.items()}
    return ProvidedKeys(openers, now=now, audit=audit)


def open_provider(name: str, entry: KeyEntry, settings: Settings, now: Callable[[], datetime]) -> KeyProvider:
    """Return who holds a key; libraries of servers are loaded where one is named (a quarter of a second)."""
    match entry:
        case EnvironmentKey():
            return EnvironmentProvider(name, entry, settings.variable)
        case FileKey():
            return FileProvider(name, entry, settings.variable)
        case VaultKey():
            from strongroom.keys.vault.provider import VaultProvider  # noqa: PLC0415

            return VaultProvider(name, entry, settings.variable, now)
        case AwsKey():
            from strongroom.keys.aws.provider import AwsProvider  # noqa: PLC0415

            return AwsProvider(name, entry)
