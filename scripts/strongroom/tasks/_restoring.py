"""``backup.restore`` in its three ways: into a folder, into a database of a server, over what is live."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from strongroom.backup.bringing import bring_members, note_restore
from strongroom.backup.catalog import BackupSet
from strongroom.backup.documents import Kind
from strongroom.backup.in_place import restore_in_place
from strongroom.backup.members.model import Phases
from strongroom.backup.request import Surroundings
from strongroom.backup.restores import no_servers
from strongroom.backup.restoring import LATEST, Restored, Wish, restore_into
from strongroom.backup.stores.model import Store
from strongroom.core.errors import GuardError, UsageError
from strongroom.core.files import follow, make_private_folder
from strongroom.tasks._backup import Backups
from strongroom.tasks._servers import build_swap, restore_database

_DSN = ("postgresql://", "postgres://")


def read_wish(
    backups: Backups, into: str | None, files: list[str] | None, table: str | None, *, in_place: bool, dry_run: bool
) -> Wish:
    """Put a wish together from what was typed. Raises UsageError for what excludes each other."""
    if in_place and (into is not None or table is not None):
        raise UsageError(
            "--in-place", "replaces what is live: it goes with --file only", "leave out --into and --table"
        )
    if into is not None and not into.strip():
        raise UsageError("--into", "is empty", "is the variable set? name a folder")
    if not in_place and into is None:
        raise UsageError(
            "backup.restore", "needs --into PATH (or a DSN), or --in-place", "--into is beside the live data"
        )
    return Wish(
        data_dir=backups.site.data_dir,
        members=tuple(files or ()),
        into=None if into is None or is_dsn(into) else Path(into),
        table=table,
        dry_run=dry_run,
    )


def read_choice(named: str | None, at: str | None) -> str:
    """Return which set is meant. Raises UsageError for both flags, and for an empty one: some variable is not set."""
    if named is not None and at is not None:
        raise UsageError("--at", "and --set exclude each other", "say which set, or by when")
    for flag, value in (("--set", named), ("--at", at)):
        if value is not None and not value.strip():
            raise UsageError(flag, "is empty", "is the variable set? leave the flag out for the newest set that counts")
    return named or at or LATEST


def is_dsn(text: str | None) -> bool:
    """Tell whether a place is a database of PostgreSQL, and no folder."""
    return text is not None and text.startswith(_DSN)


def restore(
    backups: Backups, store: Store, chosen: BackupSet, wish: Wish, around: Surroundings, *, dsn: str | None,
    disconnect: bool,
) -> Restored:  # fmt: skip
    """Restore a set in the way that was asked for. Raises what these raise."""
    if dsn is not None:
        return _restore_database(backups, store, chosen, wish, around, dsn)
    if wish.into is not None:
        _refuse_store(backups, wish.into)
        return restore_into(store, chosen, wish, around)
    has_servers = backups.entry.postgres is not None or backups.entry.redis is not None
    build = partial(build_swap, backups, disconnect=disconnect) if has_servers else no_servers
    return restore_in_place(store, chosen, wish, around, build)


def _refuse_store(backups: Backups, into: Path) -> None:
    """Make sure that nothing is restored into a store, which would take it for a set. Raises GuardError."""
    for entry in (backups.entry.store, backups.entry.second):
        if (
            entry is not None
            and entry.path is not None
            and follow(into.absolute()).is_relative_to(follow(Path(entry.path)))
        ):
            raise GuardError(into, f"lies in the store {entry.path}", "name a folder elsewhere")


def _restore_database(
    backups: Backups, store: Store, chosen: BackupSet, wish: Wish, around: Surroundings, dsn: str
) -> Restored:
    """Make a new database of a member, the one that is named or the only one of PostgreSQL in the set."""
    name, _, table = (wish.table or "").partition(":")
    wanted = (name,) if name else wish.members
    kept = [
        one.name for one in chosen.entry.members if one.kind is Kind.POSTGRES and one.name in (wanted or (one.name,))
    ]
    if len(kept) != 1:
        fact = f"must mean one database of PostgreSQL in set {chosen.id}, and means {len(kept)}"
        raise UsageError("--file", fact, "say --file postgres/DATABASE, or --table postgres/DATABASE:SCHEMA.TABLE")
    scratch, phases = backups.scratch("restore", store), Phases()
    shutil.rmtree(scratch, ignore_errors=True)
    make_private_folder(scratch.parent)
    try:
        with phases.measured("fetch"):
            (member,) = bring_members(store, chosen, kept, scratch, around)
        with phases.measured("restore"):
            place, rows = restore_database(member, scratch, dsn, table or None, around, dry_run=wish.dry_run)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if not wish.dry_run:
        note_restore(store, chosen, kept, around, seconds=phases.seconds)
    return Restored(
        set=chosen.id,
        store=store.place,
        place=place,
        members=tuple(kept),
        files=0,
        size=member.size,
        rows=rows,
        seconds=phases.seconds,
        missing=tuple(one.name for one in chosen.entry.missing),
        dry_run=wish.dry_run,
    )
