"""A system: an application we operate, as the folder under ``sql/`` that describes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from strongroom.core.backup_entry import BackupEntry, ResticStore, name_backup_secrets
from strongroom.core.column_entries import ColumnEntry, find_fault
from strongroom.core.config import SYSTEM_VARIABLE, Settings
from strongroom.core.errors import ConfigurationError, UsageError
from strongroom.core.key_entries import (
    FileName,
    FilePath,
    KeyEntry,
    KeyName,
    VariableName,
    Word,
    name_secret_variables,
)
from strongroom.core.yaml_text import name_key, read_model

SYSTEM_FILE = "system.yaml"
ModeName = Literal["legacy", "consolidated"]


Command = Annotated[tuple[Word, ...], Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class DataDirectory(_Model):
    """Where the application keeps its databases."""

    variables: tuple[VariableName, ...] = ()
    """Environment variables that name it; the first one that is set wins."""
    default: Word
    fallback: Word | None = None
    """Where it is when the default is no directory that is there."""


class Mode(_Model):
    """The variable that says, in any case of letters, whether the application uses its legacy or consolidated files."""

    variable: VariableName
    default: ModeName = "legacy"
    values: Annotated[tuple[ModeName, ...], Field(min_length=1)] = ("legacy", "consolidated")

    @model_validator(mode="after")
    def _default_is_a_value(self) -> Mode:
        if self.default not in self.values:
            raise ValueError(f"default {self.default} is none of its values")
        return self


class Database(_Model):
    """One database of the application: its file in each mode."""

    legacy: FileName
    consolidated: FileName
    variable: VariableName | None = None
    """Names another file for this database, absolute or relative to the data directory."""

    def file_in(self, mode: str) -> str:
        """Return the file name in a mode."""
        return self.legacy if mode == "legacy" else self.consolidated


class Hooks(_Model):
    """Commands around publish, as argument lists; no shell reads them."""

    before_publish: tuple[Command, ...] = ()
    after_publish: tuple[Command, ...] = ()


class Postgres(_Model):
    """How the application finds its PostgreSQL."""

    variables: tuple[VariableName, ...] = ("DATABASE_URL",)
    """Environment variables that hold its connection string; the first one that is set wins."""


class System(_Model):
    """What ``system.yaml`` says about an application."""

    version: Literal[1]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    title: Word
    data_dir: DataDirectory | None = None
    mode: Mode | None = None
    databases: Mapping[VariableName, Database] = Field(default_factory=dict)
    retention_days: Annotated[int, Field(ge=0, strict=True)] = 30
    """How long legacy sources are kept after publish before they may be removed."""
    hooks: Hooks = Hooks()
    postgres: Postgres = Postgres()
    keys: Mapping[KeyName, KeyEntry] = Field(default_factory=dict)
    """The keys of its databases and columns, by the names that plans use: where each is, never what it is."""
    audit_log: FilePath | None = None
    """The file that notes each use of a key; without it one in the user's state directory."""
    columns: tuple[ColumnEntry, ...] = ()
    """Its encrypted columns: where each stands, under which key, and what else may stand in it."""
    backup: BackupEntry | None = None
    """What is backed up, where it is kept, for how long."""

    @model_validator(mode="after")
    def _names_known_passwords(self) -> System:
        stores = () if self.backup is None else (self.backup.store, self.backup.second)
        for store in stores:
            if isinstance(store, ResticStore) and store.password not in self.keys:
                raise ValueError(f"backup: the store's password {store.password} is none of keys:")
        return self

    def without_secrets(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return an environment as programs that we start may see it: without the variables that hold keys."""
        secret = {name for entry in self.keys.values() for name in name_secret_variables(entry)}
        secret |= set() if self.backup is None else set(name_backup_secrets(self.backup))
        return {name: value for name, value in environment.items() if name not in secret}


def choose_system(named: str | None, settings: Settings, *, plan: Path | None = None) -> Path:
    """Find the folder of the system that is meant: the one named, else that of the plan named, else the variable's.

    There is no other: nobody's files are taken for another application's. Raises UsageError naming the known systems.
    """
    if named is not None:
        return find_system(named, settings.root)
    if plan is not None and plan.with_name(SYSTEM_FILE).is_file():
        return plan.parent.resolve()
    if settings.system is not None:
        try:
            return find_system(settings.system, settings.root)
        except UsageError as error:
            raise UsageError(f"{SYSTEM_VARIABLE}={settings.system}", error.fact, error.hint) from None
    fact = f"is not said, and nothing is taken for granted (known: {_list_known(settings.root)})"
    raise UsageError("--system", fact, _guide(plan))


def _guide(plan: Path | None) -> str:
    """Say what helps whoever named no system: most have files of their own."""
    if plan is not None:
        return f"put a {SYSTEM_FILE} beside {plan}, or say --system; {SYSTEM_VARIABLE} names one too"
    if Path(SYSTEM_FILE).is_file():
        return f"say --system . for the {SYSTEM_FILE} of this directory"
    return f"for files of your own: inventory.draft --source DIR writes plan.yaml, for --plan; or set {SYSTEM_VARIABLE}"


def find_system(name_or_path: str, root: Path) -> Path:
    """Find a system's folder: by its name under ``sql/`` of ``root``, else as a path.

    Raises UsageError naming the known systems.
    """
    named = root / "sql" / name_or_path
    is_path = os.sep in name_or_path
    if name_or_path and not is_path and (named / SYSTEM_FILE).is_file():
        return named
    folder = Path(name_or_path)
    if name_or_path and (is_path or folder.is_dir()):
        if (folder / SYSTEM_FILE).is_file():
            return folder.resolve()
        raise UsageError(name_or_path, f"is no system's folder, there is no {SYSTEM_FILE} in it")
    fact = f"there is no such system (known: {_list_known(root)})"
    raise UsageError(name_or_path or "--system", fact, "name a folder under sql/, or give a path to one")


def _list_known(root: Path) -> str:
    return ", ".join(sorted(file.parent.name for file in (root / "sql").glob(f"*/{SYSTEM_FILE}"))) or "none"


def read_system(folder: Path) -> System:
    """Read ``system.yaml`` of a system's folder; raises ConfigurationError naming file, line and key."""
    path = folder / SYSTEM_FILE
    system, positions = read_model(path, System, ConfigurationError, unshown=("keys", "backup"))
    fault = find_fault(system.columns, system.keys)
    if fault is not None:
        raise ConfigurationError(f"{path}:{positions[fault.key][0]}", f"{name_key(fault.key)}{fault.fact}", fault.hint)
    return system
