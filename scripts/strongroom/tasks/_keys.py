"""A system's keys for a task: from their providers, each use noted in the audit log."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.config import Settings, read_settings
from strongroom.core.system import System, choose_system, read_system
from strongroom.keys import AuditLog, ProvidedKeys, find_log, provide
from strongroom.report.page import task_at_work
from strongroom.tasks._around import read_clock


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


def provide_keys(system: System, settings: Settings) -> tuple[ProvidedKeys, str]:
    """Return a system's keys and the file in which their uses are noted."""
    file = find_log(system.audit_log, system.name, settings)
    audit = AuditLog(file=file, system=system.name, task=task_at_work() or "", now=read_clock)
    return provide(system.keys, settings, read_clock, audit=audit), str(file)
