"""What every ``backup.*`` task begins with, and how it ends: the system, its store, the lease; the signals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from getpass import getpass
from pathlib import Path

from invoke.context import Context

from strongroom import report
from strongroom.backup.catalog import Catalog, read_catalog
from strongroom.backup.place import Site
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.lease import held
from strongroom.backup.stores.model import Store
from strongroom.backup.stores.opening import find_objects, open_store, read_about
from strongroom.core.backup_entry import MOST_DAYS, BackupEntry, FolderStore, Keep, StoreEntry
from strongroom.core.config import Settings, read_settings
from strongroom.core.errors import ConfigurationError, ExitCode, KeyMissingError, UsageError
from strongroom.core.paths import resolve_data_dir, resolve_paths
from strongroom.core.progress import Progress
from strongroom.core.scrubbing import watch
from strongroom.core.secret import Secret
from strongroom.core.system import System, choose_system, read_system
from strongroom.tasks._around import read_clock
from strongroom.tasks._keys import EveryVersion, provide_keys
from strongroom.tasks._refreshing import know
from strongroom.tasks._signals import Signals
from strongroom.tasks._task import wants_color
from strongroom.tasks.wiring import name_column_keys

SYSTEM = "Folder under sql/, or a path to one (default: STRONGROOM_SYSTEM)."
SECOND = "second"
STORE = "second: the one that second: names; folder: plain copies below --to."
TO = "The folder of --store folder."
EVERYWHERE = {"system": SYSTEM, "store": STORE, "to": TO}
DRY_RUN = "Say what would happen; write nothing."
SET = "A set's id, or latest."


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """The backups of a system: what is said of them, and what surrounds us."""

    system: System
    site: Site
    settings: Settings
    around: Surroundings

    @property
    def entry(self) -> BackupEntry:
        """What ``system.yaml`` says."""
        return self.site.entry

    def choose(self, *, second: bool = False) -> StoreEntry:
        """Return the store, or the second one, as system.yaml says them. Raises ConfigurationError for none."""
        if not second:
            return self.entry.store
        if self.entry.second is None:
            raise ConfigurationError("backup", "names no second: store", "name one in system.yaml")
        return self.entry.second

    def choose_keep(self, days: int | None) -> Keep:
        """Return which sets stay: as system.yaml says, or those younger than ``days`` and the newest that count."""
        keep = self.entry.keep
        if days is None:
            return keep
        if not 1 <= days <= MOST_DAYS:
            fact = f"must be from 1 to {MOST_DAYS} (got {days})"
            raise UsageError("--days", fact, "the newest that count stay in any case")
        nothing = dict.fromkeys(("last", "hourly", "daily", "weekly", "monthly", "yearly"), 0)
        return keep.model_copy(update={**nothing, "days": days})

    def scratch(self, purpose: str, store: Store) -> Path:
        """Return the folder in which something of a store is restored for a while."""
        return self.site.stage.with_name(f"{self.site.stage.name}.{purpose}") / store.about.id

    def open(self, entry: StoreEntry | None = None) -> Store:
        """Open the store, or another one that is named. Raises NotInitialisedError, KeyMissingError, GuardError."""
        return open_store(entry or self.entry.store, self.site, self.around)

    def open_with_escrow(self) -> Store:
        """Open the store with the password that a person types, or that stands on stdin, and with no other.

        No provider of keys is asked. Raises UsageError for a folder, which has none, and where none is typed;
        KeyMissingError for one that does not open the store.
        """
        if isinstance(self.entry.store, FolderStore):
            raise UsageError("--escrow", "a folder has no password", "it is for repositories")
        is_typed = sys.stdin.isatty()
        typed = getpass("escrow password: ", stream=sys.stderr) if is_typed else sys.stdin.readline()
        if not typed.strip():
            raise UsageError("--escrow", "needs the escrow password: none was typed", "type it, or hand it to stdin")
        password = Secret(typed.strip())
        watch(password)
        opened = open_store(self.entry.store, self.site, self.around, password)
        try:
            opened.list_content()
        except KeyMissingError as error:
            way = "the escrow password is what backup.init wrote down, with its dashes"
            raise KeyMissingError(error.subject, error.fact, way) from error
        return opened

    def read(self) -> tuple[str, Catalog]:
        """Return the store's place and catalog: no password is needed."""
        objects = find_objects(self.entry.store, self.around)
        about = read_about(self.entry.store, self.site.system, objects)
        return objects.place, read_catalog(objects, about.id, self.site.system)

    @contextmanager
    def lease(self, store: Store, task: str, *, dry_run: bool = False) -> Iterator[Surroundings]:
        """Hold a store for ourselves; what is passed in notices at each step when it is lost. Raises LockedError.

        A dry run holds nothing: it would write that it does.
        """
        if dry_run:
            yield self.around
            return
        with held(store.objects, self.around.now(), task=f"backup.{task}") as lease:

            def reach(step: str) -> None:
                self.around.checkpoint(step)
                lease.require()

            yield replace(self.around, checkpoint=reach)


def find_backups(c: Context, named: str | None, store: str | None = None, to: Path | None = None) -> Backups:
    """Return the backups of the system that is meant. Raises ConfigurationError where nothing says where they are."""
    settings = read_settings()
    folder = choose_system(named, settings)
    system = read_system(folder)
    entry = find_entry(system, store, to, folder)
    progress = report.open_progress(color=wants_color(c))
    return gather_backups(system, entry, settings, progress, resolve_data_dir(system, settings))


def gather_backups(
    system: System, entry: BackupEntry, settings: Settings, progress: Progress, data_dir: Path
) -> Backups:
    """Return the backups of a system whose data lies in a directory, which the settings name too."""
    keys, _ = provide_keys(system, settings)
    know(keys.refresh_all)
    around = Surroundings(
        now=read_clock,
        keys=EveryVersion(keys),
        environment=settings.environment,
        progress=progress,
        say=report.say_note,
    )
    around = name_column_keys(system, around)
    databases = resolve_paths(system, settings).databases if system.databases else ()
    site = Site(
        system=system.name,
        entry=entry,
        data_dir=data_dir,
        engine=settings.sqlite,
        named=tuple((one.type, one.path) for one in databases),
    )
    return Backups(system=system, site=site, settings=settings, around=around)


def find_entry(system: System, store: str | None, to: Path | None, folder: Path) -> BackupEntry:
    """Return what is said of backups, with the store that was typed in the place of the first one.

    Raises ConfigurationError where nothing is said, UsageError for what means no store.
    """
    if store is None and to is None:
        return _require_entry(system, folder)
    if store == SECOND and to is None:
        entry = _require_entry(system, folder)
        if entry.second is None:
            raise ConfigurationError("backup", "names no second: store", "name one in system.yaml")
        return entry.model_copy(update={"store": entry.second})
    if store != "folder":
        fact = f"must be second, or folder with --to (got {store!r})"
        raise UsageError("--store", fact, "other stores are named in system.yaml")
    if to is None:
        raise UsageError("--store folder", "needs --to PATH", "name the folder of the copies")
    copies = FolderStore(kind="folder", path=str(to.absolute()))
    if system.backup is None:
        return BackupEntry(store=copies)
    return system.backup.model_copy(update={"store": copies})


def _require_entry(system: System, folder: Path) -> BackupEntry:
    if system.backup is None:
        fact = "says nothing of backups: there is no backup: in it"
        raise ConfigurationError(folder / "system.yaml", fact, "see .github/BACKUPS.md; or --store folder --to PATH")
    return system.backup


def with_signals(backups: Backups, task: str, work: Callable[[], ExitCode], *, dry_run: bool = False) -> ExitCode:
    """Do a task's work between the signs that it began and how it ended; the figures of Prometheus are written.

    Nobody is told of a dry run.
    """
    if dry_run:
        return work()
    signals = Signals(system=backups.site.system, entry=backups.entry, task=task, around=backups.around)
    return signals.tell(work, lambda: backups.read()[1])
