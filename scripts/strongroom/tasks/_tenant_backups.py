"""What a fleet does with one tenant's backups: its store, a folder of plain copies, is made, and a set is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from strongroom.backup.stores.opening import find_objects, initialise, read_about
from strongroom.core.errors import NotInitialisedError
from strongroom.core.progress import Silent
from strongroom.core.system import read_system
from strongroom.fleet.results import Ended
from strongroom.fleet.tenants import Tenant
from strongroom.tasks._backup import Backups, find_entry, gather_backups
from strongroom.tasks._servers import take_set
from strongroom.tasks._tenants import find_settings, find_system_folder


def initialise_store(tenant: Tenant) -> Ended:
    """Make a tenant's store where there is none. Raises what ``backup.init`` raises."""
    backups = _find_backups(tenant)
    objects = find_objects(backups.entry.store, backups.around)
    try:
        about = read_about(backups.entry.store, backups.site.system, objects)
    except NotInitialisedError:
        made = initialise(backups.entry.store, backups.site, backups.around, None, dry_run=False)
        return Ended(exit=0, facts={"store": str(made.id)})
    return Ended(exit=0, facts={"store": about.id})


def back_up(tenant: Tenant) -> Ended:
    """Take a set of a tenant's source into its store. Raises what ``backup.create`` raises."""
    created = take_set(_find_backups(tenant))
    missing = "; ".join(f"{one.name} {one.fact}" for one in created.missing)
    figures = {"members": len(created.members), "rows": created.rows, "bytes": created.size}
    hint = "see that to it, and take a set again" if missing else ""
    return Ended(
        exit=created.exit,
        facts={"set": created.set or "", **figures},
        error=missing and f"not in the set: {missing}",
        hint=hint,
    )


def _find_backups(tenant: Tenant) -> Backups:
    """Return the backups of a tenant: its source is the data directory, its target the folder of copies."""
    folder, settings = find_system_folder(tenant.system), find_settings()
    system = read_system(folder)
    entry = find_entry(system, "folder", Path(tenant.target), folder)
    if system.data_dir is not None and system.data_dir.variables:
        named = {**settings.environment, system.data_dir.variables[0]: tenant.source}
        settings = replace(settings, environment=named)
    return gather_backups(system, entry, settings, Silent(), Path(tenant.source))
