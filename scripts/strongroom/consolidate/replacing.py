"""What is lost when a target is replaced: rows that no run put there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from strongroom.consolidate.opening import Opening
from strongroom.consolidate.verify_published import find_rows_since
from strongroom.core.errors import StrongroomError, TargetExistsError
from strongroom.core.files import show_path
from strongroom.core.quoting import dotted
from strongroom.runs import find_changes
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.undo import GONE
from strongroom.sqlite.connection import connect_live, open_snapshot
from strongroom.sqlite.content import list_stored
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.messages import translated

_SAID = 3


def find_discarded(opening: Opening) -> tuple[str, ...]:
    """Say what replacing the targets that are there would discard. Read-only."""
    current, target = opening.home.open_current(), opening.request.target
    journal = None if current is None else current[0].place(target).read_journal()
    ours = {swap.live for swap in journal.swaps} if journal is not None else set()
    others = [one.name for one in opening.plan.targets.values() if one.path not in ours]
    lost = () if current is None else _find_changed(opening.home, current[0])
    return (*lost, *(line for name in others for line in _list_rows(opening, name)))


def _find_changed(home: Home, folder: RunFolder) -> tuple[str, ...]:
    """Say what was changed in the live run's targets; of one that is gone nothing can be lost."""
    changes = find_changes(folder.place(home.target))
    there = tuple(change for change in changes if not change.endswith(GONE))
    return find_rows_since(home, folder) if len(there) == len(changes) else there


def _list_rows(opening: Opening, target: str) -> Iterator[str]:
    """Say which tables of a file that no run made have rows."""
    live = opening.request.target / opening.plan.targets[target].path
    if target in opening.in_place or not live.is_file() or not live.stat().st_size:
        return
    database = under_key(live, opening.find_key_before(target), opening.request.engine)
    try:
        with tempfile.TemporaryDirectory(prefix="strongroom-") as scratch:
            yield from _count_rows(_copy_logged(database, Path(scratch)))
    except StrongroomError as error:
        yield f"{_name(live)} cannot be read ({error.fact})"


def _copy_logged(database: Database, scratch: Path) -> Database:
    """Copy a database that has a log beside it: reading that one in its place would leave a trace."""
    logs = [suffix for suffix in ("-wal", "-journal") if database.beside(suffix).is_file()]
    if not any(database.beside(suffix).stat().st_size for suffix in logs):
        return database
    copy = replace(database, path=scratch / database.path.name)
    for suffix in ("", *logs):
        shutil.copyfile(database.beside(suffix), copy.beside(suffix))
    with closing(connect_live(copy)) as connection, translated(copy):
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    return copy


def _count_rows(database: Database) -> Iterator[str]:
    with open_snapshot(database) as connection, translated(database):
        for table in list_stored(connection):
            (count,) = connection.execute(f"SELECT count(*) FROM {dotted('main', table.name)}").fetchone()
            if count:
                yield f"{_name(database.path)}: {table.name}: {count} rows that no run put there"


def _name(path: Path) -> str:
    return show_path(Path(path.name))


def refuse_discarding(opening: Opening) -> tuple[str, ...]:
    """Return what is discarded, as it was asked for. Raises TargetExistsError for rows of which nobody said so."""
    discarded = find_discarded(opening)
    if discarded and not opening.request.discard_changes:
        more = f"; and {len(discarded) - _SAID} more" if len(discarded) > _SAID else ""
        fact = f"hold what no run put there: {'; '.join(discarded[:_SAID])}{more}"
        raise TargetExistsError("targets", fact, "say --discard-changes too: a readable copy is kept in the run")
    return discarded
