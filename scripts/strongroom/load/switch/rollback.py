"""The way back from a cutover: what was live before becomes live again, and the load is staged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from strongroom.core.errors import GuardError, RollbackFailedError
from strongroom.load.documents import LoadState
from strongroom.load.into.taking_out import take_out
from strongroom.load.switch.cutovers import Kept, forget_live, read_kept, wait_for_others
from strongroom.load.switch.owning import find_schema, name_schema
from strongroom.load.switch.rights import take_rights_along
from strongroom.load.switch.since import find_written
from strongroom.load.switch.switching import (
    Around,
    Move,
    RollbackRequest,
    RollbackResult,
    acting,
    hold_quiet,
    hold_unwritten,
    switched,
)
from strongroom.postgres.connection import Connection, open_postgres

__all__ = ["RollbackRequest", "RollbackResult", "roll_back"]

_SAID = 5


def roll_back(asked: RollbackRequest, around: Around) -> RollbackResult:
    """Put back what was live before a load's cutover; where nothing was, nothing is live afterwards.

    The caller holds the target directory's lock.

    Raises GuardError for a load that was never live, or is not any more, or to which somebody wrote since;
    RollbackFailedError where what was live before is gone; UnreachableError that names who holds a table for longer
    than a minute; LockedError.
    """
    if asked.document.way != "staged":
        return take_out(asked, around)
    with open_postgres(asked.access) as connection:
        with acting(connection, asked):
            wait_for_others(connection, asked.system)
            kept = _read(connection, asked)
            is_done = not any(one.is_live for one in kept.values())
            written = () if is_done else _find_written(connection, asked, kept)
        if asked.dry_run:
            result = _describe(asked, kept, written=written, is_done_before=is_done)
        else:
            with acting(connection, asked):
                result = _switch(connection, asked, around)
    around.checkpoint("rollback.done")
    if not asked.dry_run:
        asked.folder.write(replace(asked.document, state=LoadState.ROLLED_BACK, ended=around.now(), live=None))
    return result


def _read(connection: Connection, asked: RollbackRequest) -> dict[str, Kept]:
    """Return what is kept of the cutover, if it can be taken back. Raises GuardError, RollbackFailedError."""
    kept = read_kept(connection, asked.system, asked.role, asked.mark)
    if not kept:
        raise GuardError(f"load {asked.folder.name}", "was never live", "nothing is to be put back")
    for one in kept.values():
        if one.is_live:
            _refuse_other(connection, asked, one)
        elif name_schema(connection, one.number) != one.staged:
            fact = f"is not live, nor staged: {one.staged} is another one, or gone"
            raise GuardError(f"load {asked.folder.name}", fact, "see which load is live: postgres.rollback --load …")
    return kept


def _refuse_other(connection: Connection, asked: RollbackRequest, kept: Kept) -> None:
    name = name_schema(connection, kept.number)
    if name != kept.live:
        fact = "is gone" if name is None else f"is {name} now: another one took its place"
        raise GuardError(f"load {asked.folder.name}", f"{kept.live} {fact}", "take that one back first")
    if find_schema(connection, kept.staged) is not None:
        hint = f"ALTER SCHEMA {kept.staged} RENAME TO …, or DROP it where its load is not wanted; then run this again"
        raise GuardError(f"schema {kept.staged}", "holds another load, where this one would step back to", hint)
    if kept.before is not None and name_schema(connection, kept.before) is None:
        fact = f"is gone, which held what was {kept.live} before; nothing was changed"
        raise RollbackFailedError(f"schema {kept.previous}", fact, "bring it back from a backup")


def _find_written(connection: Connection, asked: RollbackRequest, kept: Mapping[str, Kept]) -> tuple[str, ...]:
    """Say what was written to the live tables since the cutover. Raises GuardError unless it may be."""
    found = tuple(
        f"{one.live}.{written}" for one in kept.values() for written in find_written(connection, one.live, one.marks)
    )
    if found and not asked.discard_changes and not asked.dry_run:
        more = f"; and {len(found) - _SAID} more" if len(found) > _SAID else ""
        fact = f"would lose what was written since the cutover: {'; '.join(found[:_SAID])}{more}"
        raise GuardError("rollback", fact, "say --discard-changes; it stays readable in the staged schema")
    return found


def _switch(connection: Connection, asked: RollbackRequest, around: Around) -> RollbackResult:
    """Do it, in the caller's transaction."""
    wait_for_others(connection, asked.system)
    kept = _read(connection, asked)
    if not any(one.is_live for one in kept.values()):
        return _describe(asked, kept, is_done_before=True)
    returning = {target: name_schema(connection, one.before) for target, one in kept.items()}
    hold_quiet(connection, asked, around, [one.live for one in kept.values()])
    hold_unwritten(connection, asked, around, [name for name in returning.values() if name is not None])
    for target, name in returning.items():
        if name is not None:
            take_rights_along(connection, asked.role, kept[target].live, name)
    around.checkpoint("rollback.ready")
    moves = [Move(live=one.live, aside=one.staged, coming=returning[target]) for target, one in kept.items()]
    with switched(connection, asked, around, moves):
        began = around.now()
        written = _find_written(connection, asked, kept)
    for one in kept.values():
        if one.records is not None:
            around.records.put_back(connection, one.live, one.records)
    forget_live(connection, asked.system, asked.role, asked.mark)
    around.checkpoint("rollback.noted")
    seconds = (around.now() - began).total_seconds()
    return _describe(asked, kept, written=written, seconds=seconds)


def _describe(
    asked: RollbackRequest,
    kept: Mapping[str, Kept],
    *,
    written: Sequence[str] = (),
    seconds: float = 0.0,
    is_done_before: bool = False,
) -> RollbackResult:
    return RollbackResult(
        load=asked.folder.name,
        live=tuple(one.live for one in kept.values() if one.before is not None),
        gone=tuple(one.live for one in kept.values() if one.before is None),
        staged=tuple(one.staged for one in kept.values()),
        written=tuple(written),
        seconds=seconds,
        is_done_before=is_done_before,
        dry_run=asked.dry_run,
    )
