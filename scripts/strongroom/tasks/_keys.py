"""A system's keys for a task: from their providers, each use noted in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import StrongroomError
from strongroom.core.secret import Secret
from strongroom.core.system import SYSTEM_FILE, System, choose_system, read_system
from strongroom.keys import AuditLog, ProvidedKeys, find_log, provide
from strongroom.keys.provided import SEPARATOR
from strongroom.report.page import task_at_work
from strongroom.runs.home import Home
from strongroom.tasks._around import read_clock
from strongroom.tasks._refreshing import know


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """A system, its keys, and where their uses are noted."""

    system: System
    keys: ProvidedKeys
    log: str


def open_keys(named: str | None) -> Provided:
    """Return the keys of the system that is meant; none is fetched yet."""
    settings = read_settings()
    system = read_system(choose_system(named, settings))
    keys, log = provide_keys(system, settings)
    return Provided(system=system, keys=keys, log=log)


class SystemKeys(Mapping[str, Secret]):
    """The keys of the system that is meant. Which one that is, is not asked before a key is."""

    def __init__(self, find: Callable[[], ProvidedKeys | None]) -> None:
        """Hold who finds the keys; None: no system is meant, so there are none."""
        self._find = find

    def __getitem__(self, name: str) -> Secret:
        """Fetch a key."""
        return self._keys[name]

    def __iter__(self) -> Iterator[str]:
        """Name the keys."""
        return iter(self._keys)

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._keys)

    def __contains__(self, name: object) -> bool:
        """Tell whether a key is named, in any version."""
        return name in self._keys

    @cached_property
    def _keys(self) -> Mapping[str, Secret]:
        found = self._find()
        if found is None:
            return {}
        know(found.refresh_all)
        return found


def find_keys(system: Path | None = None, home: Home | None = None) -> Mapping[str, Secret]:
    """Return the keys of a system's folder; else of ``STRONGROOM_SYSTEM``'s, else of that of a target's last run.

    None is fetched yet. A run names its system; only one of that name under ``sql/`` is taken.
    """
    return SystemKeys(partial(_find_provided, system, home))


def _find_provided(folder: Path | None, home: Home | None) -> ProvidedKeys | None:
    settings = read_settings()
    if folder is None and settings.system is not None:
        folder = choose_system(None, settings)
    elif folder is None and home is not None:
        place = settings.root / "sql" / home.find_run(None)[1].system
        folder = place if (place / SYSTEM_FILE).is_file() else None
    return None if folder is None else provide_keys(read_system(folder), settings)[0]


def provide_keys(system: System, settings: Settings) -> tuple[ProvidedKeys, str]:
    """Return a system's keys and the file in which their uses are noted."""
    file = find_log(system.audit_log, system.name, settings)
    audit = AuditLog(file=file, system=system.name, task=task_at_work() or "", now=read_clock)
    return provide(system.keys, settings, read_clock, audit=audit), str(file)


class EveryVersion(Mapping[str, Secret]):
    """The keys of a system, each version by its id (``NAME@VERSION``), the active one of a key first."""

    def __init__(self, keys: ProvidedKeys) -> None:
        """Hold who finds the keys; none is fetched yet."""
        self._keys = keys

    def __getitem__(self, name: str) -> Secret:
        """Fetch a key."""
        return self._keys[name]

    def __iter__(self) -> Iterator[str]:
        """Name the versions; a key whose provider cannot be asked by its name alone, so that asking for it tells."""
        for name in self._keys:
            try:
                active = self._keys.fetch(name).id
                others = [f"{name}{SEPARATOR}{one.version}" for one in self._keys.list_versions(name)]
            except StrongroomError:
                yield name
                continue
            yield active
            yield from (other for other in reversed(others) if other != active)

    def __len__(self) -> int:
        """Count the versions."""
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        """Tell whether a key is named, in any version."""
        return name in self._keys
