"""Where each database of a system lives, in the mode the application runs in. Read-only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from strongroom.core.config import Settings
from strongroom.core.errors import ConfigurationError
from strongroom.core.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePath:
    """One database of a system: the file that stands for it."""

    type: str
    mode: str
    path: Path
    """Absolute."""
    exists: bool
    origin: Literal["default", "override"]
    variable: str | None
    """The environment variable that names this database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPaths:
    """Every database of a system, in the order of ``system.yaml``."""

    system: str
    mode: str
    data_dir: Path
    """Absolute."""
    databases: tuple[DatabasePath, ...]
    exports: dict[str, str]
    """The environment in which any program finds these same files."""


def resolve_paths(system: System, settings: Settings, mode: str | None = None) -> SystemPaths:
    """Resolve every database of a system; ``mode`` overrides what the environment says.

    Raises ConfigurationError for a mode that the system does not know.
    """
    chosen = resolve_mode(system, settings, mode)
    data_dir = resolve_data_dir(system, settings)
    databases = []
    for kind, database in system.databases.items():
        named = settings.variable(database.variable) if database.variable else None
        path = data_dir / (named or database.file_in(chosen))
        databases.append(
            DatabasePath(
                type=kind,
                mode=chosen,
                path=path,
                exists=path.is_file(),
                origin="override" if named else "default",
                variable=database.variable,
            )
        )
    exports = {row.variable: str(row.path) for row in databases if row.variable}
    if system.mode:
        exports = {system.mode.variable: chosen, **exports}
    if system.data_dir and system.data_dir.variables:
        exports = {system.data_dir.variables[0]: str(data_dir), **exports}
    return SystemPaths(system=system.name, mode=chosen, data_dir=data_dir, databases=tuple(databases), exports=exports)


def resolve_mode(system: System, settings: Settings, mode: str | None = None) -> str:
    """Return the mode asked for, else the one in the environment, in any case; else the system's default."""
    if system.mode is None:
        accepted: tuple[str, ...] = ("legacy", "consolidated")
        subject, found, default = "--mode", mode, "legacy"
    else:
        accepted, default = system.mode.values, system.mode.default
        subject = "--mode" if mode else system.mode.variable
        found = mode or settings.variable(system.mode.variable)
    named = None if found is None else found.strip().lower()
    if named is not None and named not in accepted:
        raise ConfigurationError(subject, f"must be one of {', '.join(accepted)} (got {found!r})")
    return named or default


def resolve_data_dir(system: System, settings: Settings) -> Path:
    """Return the data directory, absolute: the first variable that is set, else the default, or its fallback."""
    if system.data_dir is None:
        return Path.cwd()
    named = next(filter(None, map(settings.variable, system.data_dir.variables)), None)
    default, fallback = Path(system.data_dir.default), system.data_dir.fallback
    usual = Path(fallback) if fallback is not None and not default.is_dir() else default
    return (usual if named is None else Path(named)).absolute()
