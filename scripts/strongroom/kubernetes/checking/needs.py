"""Which servers a task speaks to, as its system and its environment name them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from strongroom.core.backup_entry import FolderStore
from strongroom.core.key_entries import AwsKey, VaultKey
from strongroom.core.system import System
from strongroom.kubernetes.checking.systems import Work, list_stores

_PORTS = {"https": 443, "http": 80, "postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379}
_BOTH = ("backup.create",)
"""Tasks that speak to the application's own servers too, where its system says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A server that a container must reach."""

    what: str
    host: str
    port: int


def list_needs(work: Work, system: System) -> Iterator[Need]:
    """Yield the servers of a task: the store of backups, PostgreSQL, Redis, providers of keys."""
    if work.task.startswith("backup."):
        yield from _list_stores(system)
    entry = system.backup
    if work.task.startswith("postgres.") or (work.task in _BOTH and entry is not None and entry.postgres is not None):
        yield from _read_first("PostgreSQL", work, system.postgres.variables)
    if work.task in _BOTH and entry is not None and entry.redis is not None:
        yield from _read_first("Redis", work, entry.redis.variables)
    yield from _list_providers(work, system)


def read_address(what: str, text: str) -> Need | None:
    """Return the server of an address, or of a connection string of PostgreSQL; None where it names none."""
    if "://" not in text:
        words = dict(word.partition("=")[::2] for word in text.split() if "=" in word)
        host, port = words.get("host", ""), words.get("port", "5432")
    else:
        try:
            parts = urlsplit(text)
            asked = dict(parse_qsl(parts.query))
            host = parts.hostname or asked.get("host", "")
            port = str(parts.port or asked.get("port") or _PORTS.get(parts.scheme, 0))
        except ValueError:
            return None
    if not host or host.startswith("/") or not port.isdecimal() or not int(port):
        return None
    return Need(what=what, host=host, port=int(port))


def _list_stores(system: System) -> Iterator[Need]:
    for store in list_stores(system):
        bucket = None if isinstance(store, FolderStore) else store.bucket
        need = None if bucket is None else read_address("the store", bucket.endpoint)
        yield from [need] if need is not None else []


def _read_first(what: str, work: Work, names: tuple[str, ...]) -> Iterator[Need]:
    """Yield the server that the first variable names which is set, as the program reads them."""
    for name in names:
        if name in work.variables:
            need = read_address(f"{what} ({name})", work.variables[name] or "")
            yield from [need] if need is not None else []
            return


def _list_providers(work: Work, system: System) -> Iterator[Need]:
    used = set(system.keys) if work.task.startswith("keys.") else set()
    if work.task.startswith("backup."):
        used |= {store.password for store in list_stores(system) if not isinstance(store, FolderStore)}
    for name in sorted(used & set(system.keys)):
        entry = system.keys[name]
        if isinstance(entry, VaultKey):
            address = entry.address or work.variables.get(entry.address_variable or "") or ""
            need = read_address(f"key {name}", address)
        elif isinstance(entry, AwsKey):
            need = read_address(f"key {name}", entry.endpoint or f"https://secretsmanager.{entry.region}.amazonaws.com")
        else:
            need = None
        yield from [need] if need is not None else []
