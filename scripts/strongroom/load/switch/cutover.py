"""Make a proven load live: the schemas of all its targets change names in one transaction, or none does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from strongroom.core.errors import GuardError
from strongroom.core.quoting import quote
from strongroom.load.documents import LoadState, SchemaRecord
from strongroom.load.request import Objects
from strongroom.load.switch.cutovers import Kept, read_kept, wait_for_others, write_kept
from strongroom.load.switch.holding import Mode, hold, list_tables
from strongroom.load.switch.live import Alone, find_late
from strongroom.load.switch.looking import Seen, look, refuse_alone, refuse_remade, refuse_rewritten
from strongroom.load.switch.outside import refuse_outside
from strongroom.load.switch.owning import act_as, find_schema, name_schema, refuse_foreign
from strongroom.load.switch.rights import take_rights_along
from strongroom.load.switch.since import Mark, count_rows, mark_tables
from strongroom.load.switch.states import refuse_unproven
from strongroom.load.switch.switching import Around, Asked, Move, acting, hold_quiet, hold_unwritten, switched
from strongroom.postgres.connection import Connection, open_postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoverRequest(Asked):
    """A cutover, as asked for."""

    replace: bool = False
    """Whether what only the live schemas hold may step aside with them."""
    replace_previous: bool = False
    """Whether an earlier cutover's way back may be dropped although it holds what is nowhere else."""
    waiting: int = 0
    """Rows in quarantine."""
    quarantine_budget: int | None = None
    """How many may wait; None: none beyond what the load was allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoverResult:
    """What went live, or would."""

    load: str
    tables: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Target to table to rows."""
    replaced: Mapping[str, Alone] = field(default_factory=dict)
    """``schema.table`` to rows that only the schema that stepped aside holds."""
    left: tuple[str, ...] = ()
    """Views, functions, triggers, indexes of it that the loaded one lacks."""
    more_rights: tuple[str, ...] = ()
    """Rights that the loaded schemas give, and the ones before did not."""
    previous: tuple[str, ...] = ()
    """Schemas that are the way back."""
    dropped: tuple[str, ...] = ()
    """Ways back of earlier cutovers that gave way."""
    backup: str | None = None
    """What names it; without one ``previous`` is the only way back."""
    seconds: float = 0.0
    """For so long nobody could read or write."""
    is_done_before: bool = False
    dry_run: bool = False


def cut_over(asked: CutoverRequest, around: Around) -> CutoverResult:
    """Make a load live; what was live steps aside under another name. A load that is live already stays so.

    The caller holds the target directory's lock.

    Raises DifferencesError and DecisionNeededError for a load that is not proven, or of which more waits than is
    allowed; GuardError where rows or names would be lost, or are not the system's; SourceChangedError;
    UnreachableError that names who holds a table for longer than a minute; LockedError.
    """
    refuse_unproven(asked, ("staged",), asked.waiting, asked.quarantine_budget)
    with open_postgres(asked.access) as connection, acting(connection, asked):
        wait_for_others(connection, asked.system)
        seen = _find_done(connection, asked) or _look(connection, asked, around)
    if isinstance(seen, CutoverResult):
        return _end(asked, around, seen)
    if asked.dry_run:
        return _end(asked, around, _foresee(asked, seen))
    backup = around.take_backup() if around.take_backup is not None and seen.holds_rows else None
    around.checkpoint("cutover.seen")
    with open_postgres(asked.access) as connection, acting(connection, asked):
        result = _switch(connection, asked, around, seen)
    around.checkpoint("cutover.done")
    if asked.replace and not result.is_done_before:
        with open_postgres(asked.access) as connection, acting(connection, asked):
            result = _add_late(connection, asked, seen, result)
    return _end(asked, around, replace(result, backup=backup))


def _look(connection: Connection, asked: CutoverRequest, around: Around) -> Seen:
    """Look at what would happen. Raises what is in the way of it."""
    around.refuse_changed_sources()
    seen = look(connection, asked, around, replace_previous=asked.replace_previous)
    if not asked.replace:
        refuse_alone(asked, seen.alone, seen.left)
    return seen


def _find_done(connection: Connection, asked: CutoverRequest) -> CutoverResult | None:
    """Return what a load's cutover did, where the server says that it is live; whatever the documents say."""
    kept = read_kept(connection, asked.system, asked.role, asked.mark)
    is_live = kept.keys() >= asked.document.targets.keys() and all(
        one.is_live and name_schema(connection, one.number) == one.live for one in kept.values()
    )
    if not is_live:
        return None
    previous = (name_schema(connection, one.before) for one in kept.values())
    return CutoverResult(
        load=asked.folder.name,
        tables={target: _count(one.marks) for target, one in kept.items()},
        previous=tuple(name for name in previous if name is not None),
        is_done_before=True,
        dry_run=asked.dry_run,
    )


def _count(marks: Mapping[str, Mark]) -> dict[str, int]:
    return {table: count_rows(mark) for table, mark in marks.items()}


def _foresee(asked: CutoverRequest, seen: Seen) -> CutoverResult:
    records = asked.document.targets.values()
    return CutoverResult(
        load=asked.folder.name,
        replaced=seen.alone,
        left=seen.left,
        previous=tuple(record.previous for record in records if seen.numbers[record.schema] is not None),
        dropped=seen.dropped,
        dry_run=True,
    )


def _switch(connection: Connection, asked: CutoverRequest, around: Around, seen: Seen) -> CutoverResult:
    """Do it, in the caller's transaction; what takes long comes before anybody is made to wait."""
    wait_for_others(connection, asked.system)
    done = _find_done(connection, asked)
    if done is not None:
        return done
    _refuse_other_schemas(connection, asked, seen)
    age = _count_transactions(connection, seen.since)
    records = asked.document.targets
    hold_unwritten(connection, asked, around, [record.staged for record in records.values()])
    refuse_rewritten(connection, asked)
    refuse_remade(connection, asked, around)
    marks = {target: mark_tables(connection, record.staged) for target, record in records.items()}
    hold_quiet(connection, asked, around, [record.schema for record in records.values()])
    made = _describe(connection, asked, around)
    more_rights = [
        f"{record.schema}: {right}"
        for record in records.values()
        if seen.numbers[record.schema] is not None
        for right in take_rights_along(connection, asked.role, record.schema, record.staged)
    ]
    _drop_previous(connection, asked, around, seen)
    around.refuse_changed_sources()
    around.checkpoint("cutover.ready")
    moves = [
        Move(live=one.schema, aside=None if seen.numbers[one.schema] is None else one.previous, coming=one.staged)
        for one in records.values()
    ]
    with switched(connection, asked, around, moves):
        began = around.now()
        if not asked.replace:
            _refuse_late(connection, asked, age)
    for target, record in records.items():
        objects = made.get(record.schema)
        note = None if objects is None else around.records.note_applied(connection, record.schema, objects)
        write_kept(connection, asked.system, asked.role, asked.mark, _keep(target, record, seen, marks[target], note))
    around.checkpoint("cutover.noted")
    return CutoverResult(
        load=asked.folder.name,
        tables={target: _count(held) for target, held in marks.items()},
        replaced=seen.alone,
        left=seen.left,
        more_rights=tuple(more_rights),
        previous=tuple(one.previous for one in records.values() if seen.numbers[one.schema] is not None),
        dropped=seen.dropped,
        seconds=(around.now() - began).total_seconds(),
    )


def _refuse_other_schemas(connection: Connection, asked: CutoverRequest, seen: Seen) -> None:
    """Refuse where somebody else renamed or made one of the schemas since they were looked at. Raises GuardError."""
    for name, number in seen.numbers.items():
        refuse_foreign(connection, asked.role, name)
        if find_schema(connection, name) != number:
            raise GuardError(f"schema {name}", "is another one than a moment ago", "run the same command again")


def _count_transactions(connection: Connection, since: int) -> int:
    """Return how many transactions began since one of a number, this one among them."""
    asked = "SELECT pg_catalog.pg_current_xact_id()::text::bigint"
    (now,) = connection.execute(asked).fetchone() or (0,)
    return int(now) - since


def _describe(connection: Connection, asked: CutoverRequest, around: Around) -> Mapping[str, Objects]:
    connection.execute("RESET ROLE")
    waiting = {record.schema: record.staged for record in asked.document.targets.values()}
    made = around.records.describe(connection, waiting)
    act_as(connection, asked.role)
    return made


def _drop_previous(connection: Connection, asked: CutoverRequest, around: Around, seen: Seen) -> None:
    for schema in seen.dropped:
        hold(connection, asked.access.place, Mode.ALONE, list_tables(connection, [schema]), say=around.say)
        refuse_outside(connection, schema)
        connection.execute(f"DROP SCHEMA {quote(schema)} CASCADE".encode())


def _refuse_late(connection: Connection, asked: CutoverRequest, age: int) -> None:
    """Refuse what was written to live tables since the look, where the load lacks it. Raises GuardError."""
    late = {
        f"{record.schema}.{table}": rows
        for record in asked.document.targets.values()
        for table, rows in find_late(connection, record.schema, record.staged, age).items()
    }
    refuse_alone(asked, late, ())


def _add_late(connection: Connection, asked: CutoverRequest, seen: Seen, done: CutoverResult) -> CutoverResult:
    """Add to what stepped aside the rows that came between the look and the switch."""
    age = _count_transactions(connection, seen.since)
    replaced = dict(done.replaced)
    for record in asked.document.targets.values():
        if seen.numbers[record.schema] is not None:
            for table, rows in find_late(connection, record.previous, record.schema, age).items():
                name = f"{record.schema}.{table}"
                replaced[name] = rows + replaced[name] if name in replaced else rows
    return replace(done, replaced=replaced)


def _keep(target: str, record: SchemaRecord, seen: Seen, marks: Mapping[str, Mark], note: str | None) -> Kept:
    return Kept(
        target=target,
        live=record.schema,
        staged=record.staged,
        previous=record.previous,
        number=seen.numbers[record.staged] or 0,
        before=seen.numbers[record.schema],
        marks=marks,
        records=note,
        is_live=True,
    )


def _end(asked: CutoverRequest, around: Around, result: CutoverResult) -> CutoverResult:
    """Let the load's document follow the server."""
    if not result.dry_run:
        about = replace(asked.document, state=LoadState.LIVE, ended=around.now(), live=result.tables, error=None)
        asked.folder.write(about)
    return result
