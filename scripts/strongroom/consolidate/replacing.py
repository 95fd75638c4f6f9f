"""What is lost when a target is replaced: rows that no run put there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from strongroom.consolidate.opening import Opening
from strongroom.consolidate.verify_published import find_rows_since
from strongroom.core.errors import StrongroomError, TargetExistsError
from strongroom.core.files import show_path
from strongroom.core.quoting import dotted
from strongroom.sqlite.connection import open_source
from strongroom.sqlite.content import list_stored
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.messages import translated

_SAID = 3


def find_discarded(opening: Opening) -> tuple[str, ...]:
    """Say what replacing the targets that are there would discard. Read-only."""
    current = opening.home.open_current()
    ours: set[str] = set()
    if current is not None:
        journal = current[0].place(opening.request.target).read_journal()
        ours = {swap.live for swap in journal.swaps} if journal is not None else ours
    lost = find_rows_since(opening.home, current[0]) if current is not None else ()
    others = [target for target in opening.plan.targets.values() if target.path not in ours]
    return (*lost, *(line for target in others for line in _list_rows(opening, target.name)))


def _list_rows(opening: Opening, target: str) -> Iterator[str]:
    """Say which tables of a file that no run made have rows."""
    live = opening.request.target / opening.plan.targets[target].path
    if target in opening.in_place or not live.is_file() or not live.stat().st_size:
        return
    database = under_key(live, opening.find_key_before(target), opening.request.engine)
    try:
        yield from _count_rows(database)
    except StrongroomError as error:
        yield f"{show_path(live)} cannot be read: {error.fact}"


def _count_rows(database: Database) -> Iterator[str]:
    with open_source(database) as connection, translated(database):
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
        fact = f"hold rows that no run put there: {'; '.join(discarded[:_SAID])}{more}"
        raise TargetExistsError("targets", fact, "say --discard-changes too: a readable copy is kept in the run")
    return discarded
