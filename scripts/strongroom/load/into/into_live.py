"""Bring a proven load's rows into tables that are live: those that are new come in, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from strongroom.core.errors import DecisionNeededError, GuardError
from strongroom.core.quoting import dotted
from strongroom.load.documents import LoadState, Reference
from strongroom.load.into.coming_in import advance_sequences, order_tables, without_triggers
from strongroom.load.into.meeting import (
    COLUMNS,
    DECIDED,
    Meeting,
    count_decided,
    decide_by_key,
    decide_by_other_keys,
    decide_by_reference,
    insert_rows,
    prove_met,
    refuse_unfit,
)
from strongroom.load.rows.ledger import Entry
from strongroom.load.rows.structure import read_references
from strongroom.load.switch.cutovers import Kept, home_of, read_kept, wait_for_others, write_kept
from strongroom.load.switch.holding import Mode, hold, list_tables
from strongroom.load.switch.live import read_tables
from strongroom.load.switch.looking import refuse_not_staged
from strongroom.load.switch.owning import act_as, find_schema, owner_of, refuse_foreign
from strongroom.load.switch.since import Mark, count_rows
from strongroom.load.switch.states import refuse_unproven
from strongroom.load.switch.switching import Around, Asked, acting
from strongroom.postgres.connection import Connection, open_postgres

Note = Callable[[str, str, Sequence[Entry]], None]
"""Writes into a target's ledger what became of rows of one of its tables, by their addresses; again, too."""
Tallies = dict[str, dict[str, dict[str, int]]]
"""Target to table to disposition (``inserted`` among them) to rows."""
_CHUNK = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IntoLiveRequest(Asked):
    """What is asked for."""

    waiting: int = 0
    """Rows that the load itself left in quarantine, as its report says: an earlier try may have left more."""
    quarantine_budget: int = 0
    """How many may wait, those among them that meet another row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntoLiveResult:
    """What became of the rows, or would."""

    load: str
    tables: Tallies = field(default_factory=dict)
    backup: str | None = None
    is_done_before: bool = False
    dry_run: bool = False

    def count(self, disposition: str) -> int:
        """Return how many rows became that."""
        return sum(said.get(disposition, 0) for tables in self.tables.values() for said in tables.values())


def go_into_live(asked: IntoLiveRequest, around: Around, note: Note) -> IntoLiveResult:
    """Insert a load's rows into the live tables where they are not there yet; say of the others what became of them.

    The caller holds the target directory's lock. Nobody else writes to the live tables meanwhile; reading goes on.
    Triggers of theirs do not run, as in a load.

    Raises what ``cut_over`` raises; DecisionNeededError where more rows wait than are allowed, nothing is changed
    then, and they stand in the ledger; GuardError for live tables that refuse a row, or have no place for its values.
    """
    refuse_unproven(asked, ("into-live", "skip-existing"), asked.waiting, asked.quarantine_budget)
    with open_postgres(asked.access) as connection, acting(connection, asked):
        wait_for_others(connection, asked.system)
        done = _find_done(connection, asked)
    if done is None:
        around.refuse_changed_sources()
        backup = around.take_backup() if around.take_backup is not None and not asked.dry_run else None
        with open_postgres(asked.access) as connection, acting(connection, asked, takes_back=asked.dry_run):
            wait_for_others(connection, asked.system)
            done = _find_done(connection, asked) or _bring_in(connection, asked, around, note)
        done = replace(done, backup=backup)
    if not asked.dry_run:
        around.checkpoint("into-live.done")
        _end(asked, around, note, done)
    return done


def _find_done(connection: Connection, asked: IntoLiveRequest) -> IntoLiveResult | None:
    """Return what became of a load's rows, where the server says that they are live."""
    kept = read_kept(connection, asked.system, asked.role, asked.mark)
    if not kept or not all(one.is_live for one in kept.values()):
        return None
    tables = Tallies()
    for target, one in kept.items():
        tables[target] = {table: {"inserted": count_rows(mark)} for table, mark in one.marks.items()}
    text = f"SELECT target, into_table, disposition, count(*) FROM {_book(asked)} WHERE load = %s GROUP BY 1, 2, 3"
    for target, table, disposition, rows in connection.execute(text.encode(), (asked.mark,)).fetchall():
        tables[target].setdefault(table, {})[disposition] = rows
    return IntoLiveResult(load=asked.folder.name, tables=tables, is_done_before=True)


def _book(asked: Asked) -> str:
    return dotted(home_of(asked.system), DECIDED)


def _bring_in(connection: Connection, asked: IntoLiveRequest, around: Around, note: Note) -> IntoLiveResult:
    """Do it, in the caller's transaction; a dry run neither holds nor changes a live table."""
    refuse_not_staged(connection, asked)
    _begin_book(connection, asked)
    live = [record.schema for record in asked.document.targets.values()]
    if not asked.dry_run:
        hold(connection, asked.access.place, Mode.READ_ONLY, list_tables(connection, live), say=around.say)
        act_as(connection, asked.role)
    around.refuse_changed_sources()
    tables, tallies = dict[str, dict[str, Meeting]](), Tallies()
    for target in asked.document.targets:
        tables[target] = _match(connection, asked, target)
        references = _read_references(connection, asked, target, tables[target])
        _decide(connection, tables[target], references)
        order = order_tables(tables[target], references)
        tallies[target] = {name: _tally(connection, tables[target][name]) for name in order}
    _refuse_waiting(connection, asked, note, tallies)
    if not asked.dry_run:
        for target, meetings in tables.items():
            for name in tallies[target]:
                with without_triggers(connection, meetings[name].live):
                    insert_rows(connection, meetings[name])
                advance_sequences(connection, meetings[name].staged, meetings[name].live)
                prove_met(connection, meetings[name])
            tallies[target] = {name: _tally(connection, meetings[name]) for name in tallies[target]}
            _keep(connection, asked, target, tallies[target])
        _refuse_waiting(connection, asked, note, tallies)
        around.checkpoint("into-live.noted")
    return IntoLiveResult(load=asked.folder.name, tables=tallies, dry_run=asked.dry_run)


def _begin_book(connection: Connection, asked: IntoLiveRequest) -> None:
    table = _book(asked)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({COLUMNS})".encode())
    connection.execute(f"DELETE FROM {table} WHERE load = %s".encode(), (asked.mark,))


def _match(connection: Connection, asked: IntoLiveRequest, target: str) -> dict[str, Meeting]:
    """Return the pairs of tables of a target. Raises GuardError where the live one is missing, or cannot take rows."""
    record = asked.document.targets[target]
    if asked.role == owner_of(asked.system):  # else they are the application's, wherever it has them
        refuse_foreign(connection, asked.role, record.schema)
    live = read_tables(connection, record.schema)
    meetings = {}
    for name, table in read_tables(connection, record.staged).items():
        meeting = Meeting(
            load=asked.mark,
            target=target,
            book=home_of(asked.system),
            staged=table,
            live=live.get(name, table),
            live_wins=asked.document.way == "skip-existing",
        )
        if not meeting.has_rows(connection):
            continue
        if name not in live:
            hint = "run postgres.apply first; where nothing is live, load without --into-live"
            raise GuardError(f"schema {record.schema}", f"has no table {name}, into which rows would go", hint)
        refuse_unfit(connection, meeting)
        meetings[name] = meeting
    return meetings


def _read_references(
    connection: Connection, asked: IntoLiveRequest, target: str, meetings: Mapping[str, Meeting]
) -> list[Reference]:
    """Return the foreign keys between tables into which rows go, whichever of the schemas has them."""
    record, found = asked.document.targets[target], dict[tuple[object, ...], Reference]()
    for schema in (record.staged, record.schema):
        for one in read_references(connection, schema):
            if one.table in meetings and one.parent in meetings:
                found[one.table, one.columns, one.parent, one.parent_columns] = one
    return list(found.values())


def _decide(connection: Connection, meetings: Mapping[str, Meeting], references: Sequence[Reference]) -> None:
    """Say what becomes of rows, until no row waits any more for one that was found to wait."""
    for meeting in meetings.values():
        decide_by_key(connection, meeting)
        decide_by_other_keys(connection, meeting)
    more = True
    while more:
        found = [decide_by_reference(connection, meetings[one.table], meetings[one.parent], one) for one in references]
        more = any(found)


def _tally(connection: Connection, meeting: Meeting) -> dict[str, int]:
    decided = count_decided(connection, meeting)
    return {"inserted": meeting.count_rows(connection) - sum(decided.values()), **decided}


def _refuse_waiting(connection: Connection, asked: IntoLiveRequest, note: Note, tallies: Tallies) -> None:
    """Refuse where more rows would wait than may, and write them into the ledger all the same."""
    waiting = {
        f"{target}.{table}": said["quarantined"]
        for target, tables in tallies.items()
        for table, said in tables.items()
        if said.get("quarantined")
    }
    every = asked.waiting + sum(waiting.values())
    if waiting and every > asked.quarantine_budget and not asked.dry_run:
        _write_ledger(connection, asked, note, only="quarantined")
        said = ", ".join(f"{rows} of {table}" for table, rows in list(waiting.items())[:5])
        fact = (
            f"{every} rows would wait ({said}: live rows have their keys, or their parents wait); nothing was changed"
        )
        hint = f"see postgres.quarantine; --quarantine-budget {every} lets them wait, --skip-existing the live rows win"
        raise DecisionNeededError(f"load {asked.folder.name}", fact, hint)


def _keep(
    connection: Connection, asked: IntoLiveRequest, target: str, tallies: Mapping[str, Mapping[str, int]]
) -> None:
    """Keep, in the same transaction, what it takes to tell the rows that came in from all others: who wrote them."""
    record = asked.document.targets[target]
    (writer,) = connection.execute("SELECT pg_catalog.pg_current_xact_id()::xid::text").fetchone() or ("",)
    kept = Kept(
        target=target,
        live=record.schema,
        staged=record.staged,
        previous=record.previous,
        number=find_schema(connection, record.schema) or 0,
        before=None,
        marks={table: Mark(columns="", writers={writer: said["inserted"]}) for table, said in tallies.items()},
        records=None,
        is_live=True,
    )
    write_kept(connection, asked.system, asked.role, asked.mark, kept)


def _end(asked: IntoLiveRequest, around: Around, note: Note, done: IntoLiveResult) -> None:
    """Let the ledger and the load's document follow the server."""
    with open_postgres(asked.access) as connection, acting(connection, asked):
        _write_ledger(connection, asked, note)
    live = {
        target: {table: said.get("inserted", 0) for table, said in tables.items()}
        for target, tables in done.tables.items()
    }
    asked.folder.write(replace(asked.document, state=LoadState.LIVE, ended=around.now(), live=live, error=None))


def _write_ledger(connection: Connection, asked: IntoLiveRequest, note: Note, only: str | None = None) -> None:
    text = (
        f"SELECT target, into_table, address, disposition, rule, reason FROM {_book(asked)} "
        "WHERE load = %s AND (%s::text IS NULL OR disposition = %s) AND (target, into_table, address) > (%s, %s, %s) "
        f"ORDER BY target, into_table, address LIMIT {_CHUNK}"
    )
    last: tuple[str, str, int] = ("", "", -(2**63))
    while found := connection.execute(text.encode(), (asked.mark, only, only, *last)).fetchall():
        last = found[-1][:3]
        tables: dict[tuple[str, str], list[Entry]] = {}
        for target, table, address, disposition, rule, reason in found:
            entry = Entry(address=address, reason=reason, rule=rule, disposition=disposition)
            tables.setdefault((target, table), []).append(entry)
        for (target, table), entries in tables.items():
            note(target, table, entries)
