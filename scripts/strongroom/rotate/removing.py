"""Let go of the file that a database was before it was encrypted or decrypted: once it is shown to hold the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import DamagedSourceError, GuardError
from strongroom.core.files import locked, show_path, sync_folder
from strongroom.rotate.look import look_at
from strongroom.rotate.place import Place, RotationFolder, find_place
from strongroom.rotate.records import Phase, RotationDocument, Work
from strongroom.rotate.request import Request, Surroundings
from strongroom.rotate.results import Removed
from strongroom.rotate.settling import find_open, under
from strongroom.rotate.soundness import check_structure, find_bad_pages
from strongroom.sqlite.causes import has_log, opened
from strongroom.sqlite.connection import attached_live, open_snapshot
from strongroom.sqlite.database import Database
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.messages import translated
from strongroom.sqlite.same_content import compare_content

_SAID = 3
_NOW = "now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One file that is kept of a database as it was."""

    database: str
    """Its name, in the folder that was looked at."""
    file: Path
    key: str | None
    """The name of the key that opens it."""
    rotation: str


def list_kept(folder: Path) -> tuple[Kept, ...]:
    """Return what is kept of the databases of a folder as they were before they were changed. Read-only.

    A key that opens one of them is in use. Raises VersionError, GuardError.
    """
    return tuple(
        Kept(database=document.database, file=rotation.kept, key=document.key_before, rotation=rotation.name)
        for rotation, document in Place(database=folder / "any", folder=folder).list_everything()
        if rotation.kept.exists()
    )


def remove_original(request: Request, around: Surroundings, work: Work, *, accept_changes: bool = False) -> Removed:
    """Remove what ``encrypt`` (or ``decrypt``) kept of a database, once that is sound and holds all of it.

    Raises GuardError naming what is another since, unless that is accepted, and where a change was interrupted;
    DamagedSourceError, KeyMissingError; then nothing is removed.
    """
    place = find_place(request.database, request.home)
    key = request.key if work is Work.ENCRYPT else None
    found = find_open(place)
    if found is not None:
        way = f"finish that first: ./inv {found[1].describe(place.database)}"
        raise GuardError(place.database, f"was interrupted in the middle of sqlcipher.{found[1].work}", way)
    kept = [pair for pair in place.list_all() if pair[1].work is work and pair[0].kept.exists()]
    with hold_needed(around.keys, (key, *(document.key_before for _, document in kept))):
        changes = _find_changes(place, key, kept)
        if changes and not accept_changes:
            more = f"; and {len(changes) - _SAID} more" if len(changes) > _SAID else ""
            fact = f"holds other than the file that is kept: {'; '.join(changes[:_SAID])}{more}"
            raise GuardError(place.database, fact, "if its application wrote that, say --accept-changes")
        removed = Removed(
            work=work,
            database=show_path(place.database),
            removed=tuple(show_path(folder.kept) for folder, _ in kept),
            size=sum(folder.kept.stat().st_size for folder, _ in kept),
            changes=changes,
            dry_run=request.dry_run,
        )
        if kept and not request.dry_run:
            _remove(place, kept)
    return removed


def _find_changes(
    place: Place, key: str | None, kept: list[tuple[RotationFolder, RotationDocument]]
) -> tuple[str, ...]:
    """Return what is another in a database than in what is kept of it, once it is sound. Read-only."""
    if not kept:
        return ()
    live = under(place, key)
    look_at(live)
    _refuse_damaged(live)
    found: dict[str, None] = {}
    for folder, document in kept:
        found |= dict.fromkeys(_compare(live, Database(folder.kept, Engine.BUNDLED, document.key_before)))
    return tuple(found)


def _refuse_damaged(live: Database) -> None:
    with opened(live) as connection:
        damage = () if live.key is None or has_log(live) else find_bad_pages(connection)
        damage = damage or check_structure(connection)
    if damage:
        way = "keep what is kept: sqlcipher.verify says more"
        raise DamagedSourceError(live.path, f"is damaged: {damage[0].splitlines()[-1]}", way)


def _compare(live: Database, kept: Database) -> tuple[str, ...]:
    with open_snapshot(kept) as connection, attached_live(connection, live, _NOW), translated(live):
        connection.execute("BEGIN")
        try:
            dear, other = (_NOW, "main") if kept.key is None else ("main", _NOW)
            return compare_content(connection, dear, other).differences
        finally:
            connection.execute("COMMIT")


def _remove(place: Place, kept: list[tuple[RotationFolder, RotationDocument]]) -> None:
    with locked(place.lock):
        for folder, document in kept:
            folder.kept.unlink(missing_ok=True)
            sync_folder(folder.root)
            folder.write(replace(document, phase=Phase.REMOVED))
