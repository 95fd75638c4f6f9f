"""Change a copy of a live target, and the ledger that goes with it, by what people decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from strongroom.consolidate.deciding.groups import Group, GroupKey, GroupRow, is_same, name_group
from strongroom.core.errors import DecisionNeededError
from strongroom.core.instants import Stored
from strongroom.core.plan.decisions import ALL, Decision
from strongroom.core.quoting import dotted, fold, literal, quote, quote_all
from strongroom.sqlite.connection import Connection, RawText, attach_stage, connect_live
from strongroom.sqlite.database import Database
from strongroom.sqlite.messages import translated
from strongroom.sqlite.schema import Schema, Table, read_schema

_WAY = "consolidate.decide shows what is there; consolidate.rollback, then consolidate.run, decides before publish"
Values = tuple[Stored, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row of a ledger."""

    kept: str
    """The table of its entry."""
    input: int
    rowid: int


class Changer:
    """One target's copy and its ledger, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Work on what is attached as ``main`` and ``ledger``."""
        self._connection = connection
        self._schema: Schema = read_schema(connection)
        self._triggers = list[str]()
        self._inputs = dict[str, dict[str, int]]()
        connection.execute(
            "CREATE TABLE ledger.settled (into_table TEXT, input INTEGER, row INTEGER, fate TEXT, said TEXT, "
            'decision INTEGER, took TEXT, "by" TEXT, at TEXT, why TEXT, PRIMARY KEY (into_table, input, row)) '
            "WITHOUT ROWID"
        )

    def drop_triggers(self) -> None:
        """Take the triggers away: merge knows none either, and what they would write nobody decided."""
        found = self._connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid"
        ).fetchall()
        for name, sql in found:
            self._connection.execute(f"DROP TRIGGER {quote(_text(name))}")
            self._triggers.append(_text(sql))

    def create_triggers(self) -> None:
        """Put the triggers back as they were."""
        for sql in self._triggers:
            self._connection.execute(sql)

    def apply(self, group: Group, decision: Decision) -> None:
        """Change one group. Raises DecisionNeededError where the target does not hold what was decided about."""
        if decision.take == ALL:
            fact = "take: all gives rows other ids, which what refers to them has to follow: before publish only"
            raise DecisionNeededError(group.label, fact, "roll back, then run with --decisions; or take one row")
        table = self._schema.tables[group.table.partition(".")[2]]
        shown = group.rows[0]
        made = _make(group, decision)
        changed = [place for place, value in enumerate(made) if not is_same(value, shown.stored[place])]
        self._refuse_referred(table, group, changed)
        where, key = self._find(table, group)
        if changed:
            sets = ", ".join(f"{quote(group.columns[place])} = {_as(made[place])}" for place in changed)
            try:
                self._connection.execute(
                    f"UPDATE {dotted('main', table.name)} SET {sets} WHERE {where}", [*(made[p] for p in changed), *key]
                )
            except self._connection.Error as error:
                raise DecisionNeededError(group.label, f"the target refuses what was taken: {error}", _WAY) from error
        self._write_ledger(group, decision, made)

    def _find(self, table: Table, group: Group) -> tuple[str, list[Stored]]:
        """Return the condition under which the shown row is found, once it is there as it was published."""
        shown = dict(zip(group.columns, group.rows[0].stored, strict=True))
        by_key = {fold(name): value for name, value in shown.items()}
        key = [by_key[fold(name)] for name in group.form.key]
        same = " AND ".join(
            f"{quote(name)} = {_as(value)} COLLATE BINARY" for name, value in zip(group.form.key, key, strict=True)
        )
        own = [table.rowid] if table.rowid is not None else [*table.primary_key]
        rows = self._connection.execute(
            f"SELECT {quote_all(own)}, {quote_all(shown)} FROM {dotted('main', table.name)} WHERE {same}", key
        ).fetchall()
        if len(rows) != 1:
            fact = f"its key has {len(rows)} rows in the target now, and one was published"
            raise DecisionNeededError(group.label, fact, _WAY)
        found = dict(zip(shown, rows[0][len(own) :], strict=True))
        other = [name for name, value in shown.items() if not is_same(value, found[name])]
        if other:
            fact = f"the row that is shown was changed in the target since it was published ({', '.join(other)})"
            raise DecisionNeededError(group.label, fact, _WAY)
        place = [*rows[0][: len(own)]]
        where = [f"{quote(name)} = {_as(value)} COLLATE BINARY" for name, value in zip(own, place, strict=True)]
        return " AND ".join(where), place

    def _refuse_referred(self, table: Table, group: Group, changed: Sequence[int]) -> None:
        """Make sure that nothing refers to what changes. Raises DecisionNeededError."""
        names = {fold(group.columns[place]) for place in changed}
        for key in self._schema.foreign_keys:
            held = names & {fold(name) for name in key.parent_columns}
            if fold(key.parent) == fold(table.name) and held:
                fact = f"{key.table} refers to {', '.join(sorted(held))}, which would change"
                raise DecisionNeededError(group.label, fact, _WAY)

    def _write_ledger(self, group: Group, decision: Decision, made: Values) -> None:
        """Say in the ledger what became of the rows, who decided, when and why."""
        rows = [self._find_entry(group, row) for row in group.rows]
        took = _say_taken(group, decision)
        said = decision.say(took)
        self._connection.execute(
            f"UPDATE {dotted('ledger', rows[0].kept)} SET _reason = ?, _rule = 'decision' WHERE _rowid = ?",
            (said, rows[0].rowid),
        )
        lost = "superseded" if isinstance(decision.take, int) else "merged_changed"
        said = f"{said}; {group.rows[0].label}"
        for row, version in zip(rows[1:], group.rows[1:], strict=True):
            fate = "merged_identical" if _is_identical(group, version.stored, made) else lost
            self._connection.execute(
                f"UPDATE {dotted('ledger', row.kept)} SET _disposition = ?, _reason = ?, _rule = 'decision', "
                f"_target_rowid = (SELECT _target_rowid FROM {dotted('ledger', rows[0].kept)} WHERE _rowid = ?), "
                "_winner_input = ?, _winner_rowid = ? WHERE _rowid = ?",
                (fate, said, rows[0].rowid, rows[0].input, rows[0].rowid, row.rowid),
            )
        self._write_copy(group, made)
        at = None if decision.at is None else decision.at.isoformat()
        line = (decision.number, took, decision.by, at, decision.why)
        self._connection.executemany(
            "INSERT INTO ledger.decided VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(group.table, row.input, row.rowid, *line) for row in rows],
        )
        fate = "merged_identical" if _is_identical(group, group.rows[0].stored, made) else lost
        self._connection.execute(
            "INSERT INTO ledger.settled VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (group.table, rows[0].input, rows[0].rowid, fate, said, *line),
        )

    def settle_twins(self) -> None:
        """Say the same of the rows that equalled a shown one before anybody decided."""
        tables = self._connection.execute("SELECT DISTINCT into_table FROM ledger.settled").fetchall()
        for into in (_text(name) for (name,) in tables):
            for kept, number in self._list_inputs(into).items():
                entries, mine = dotted("ledger", kept), f"s.into_table = {literal(into)}"
                same = f"{mine} AND s.input = e._winner_input AND s.row = e._winner_rowid"
                twin = "e._disposition = 'merged_identical' AND e._rule <> 'decision'"
                self._connection.execute(
                    f"INSERT INTO ledger.decided SELECT s.into_table, {number}, e._rowid, s.decision, s.took, "
                    f's."by", s.at, s.why FROM {entries} e JOIN ledger.settled s ON {same} WHERE {twin}'
                )
                self._connection.execute(
                    f"UPDATE {entries} AS e SET _disposition = s.fate, _reason = s.said, _rule = 'decision' "
                    f"FROM ledger.settled s WHERE {same} AND {twin}"
                )
        self._connection.execute("DROP TABLE ledger.settled")

    def _write_copy(self, group: Group, made: Values) -> None:
        (kept,) = self._connection.execute(
            "SELECT kept_table FROM ledger.undecided WHERE into_table = ?", (group.table,)
        ).fetchone()
        sets = ", ".join(f"c{place} = {_as(value)}" for place, value in enumerate(made))
        self._connection.execute(
            f"UPDATE {dotted('ledger', _text(kept))} SET {sets} WHERE _number = 1 AND _group = ?", [*made, group.number]
        )

    def _list_inputs(self, into: str) -> dict[str, int]:
        rows = self._connection.execute(
            "SELECT kept_table, number FROM ledger.inputs WHERE into_table = ?", (into,)
        ).fetchall()
        return {_text(kept): int(number) for kept, number in rows}

    def _find_entry(self, group: Group, row: GroupRow) -> _Row:
        if group.table not in self._inputs:
            self._inputs[group.table] = self._list_inputs(group.table)
        return _Row(kept=row.source, input=self._inputs[group.table][row.source], rowid=row.rowid)


@contextmanager
def open_changer(staged: Database, ledger: Database) -> Iterator[Changer]:
    """Open the copies of a target and of its ledger; either all of it is written, or nothing."""
    with translated(staged), closing(connect_live(staged)) as connection:
        attach_stage(connection, ledger, "ledger")
        changer = Changer(connection)
        connection.text_factory = RawText
        connection.execute("BEGIN IMMEDIATE")
        changer.drop_triggers()
        yield changer
        changer.settle_twins()
        changer.create_triggers()
        connection.execute("COMMIT")


def find_new(wanted: Sequence[Decision], known: Sequence[Decision]) -> dict[GroupKey, Decision]:
    """Return the decisions that a run did not know, by their groups.

    Raises DecisionNeededError for one that says something else of what the run decided.
    """
    earlier = {name_group(one.table, one.rows): one for one in known}
    found = {name_group(one.table, one.rows): one for one in wanted}
    for name, one in found.items():
        if name in earlier and _list_taken(earlier[name]) != _list_taken(one):
            fact = "was decided otherwise, and that is live"
            raise DecisionNeededError(one.label, fact, "roll back to before it was applied, then decide anew")
    return {name: one for name, one in found.items() if name not in earlier}


def _list_taken(decision: Decision) -> object:
    """Return what a decision takes, by hashes: whatever the order of its rows."""
    if isinstance(decision.take, Mapping):
        return {fold(name): decision.rows[number - 1] for name, number in decision.take.items()}
    return decision.take if isinstance(decision.take, str) else decision.rows[decision.take - 1]


def _make(group: Group, decision: Decision) -> Values:
    """Return the row that is to stand in the target. Raises DecisionNeededError where a row is taken that waits."""
    by_hash = {row.sha256: row for row in group.rows}
    rows = [by_hash[digest] for digest in decision.rows]
    shown = group.rows[0]
    takes: dict[str, GroupRow] = {}
    if isinstance(decision.take, int):
        takes = {fold(name): rows[decision.take - 1] for name in group.columns if not group.form.stays(name)}
    elif isinstance(decision.take, Mapping):
        takes = {fold(name): rows[number - 1] for name, number in decision.take.items()}
    if any(row.waits for row in takes.values()):
        raise DecisionNeededError(group.label, "a row that is taken waits itself, for what it refers to", _WAY)
    return tuple(takes.get(fold(name), shown).stored[place] for place, name in enumerate(group.columns))


def _say_taken(group: Group, decision: Decision) -> str:
    by_hash = {row.sha256: row.label for row in group.rows}
    labels = [by_hash[digest] for digest in decision.rows]
    if isinstance(decision.take, Mapping):
        return ", ".join(f"{name} of {labels[number - 1]}" for name, number in decision.take.items())
    return decision.take if isinstance(decision.take, str) else labels[decision.take - 1]


def _is_identical(group: Group, one: Values, other: Values) -> bool:
    skipped = None if group.form.is_compared or group.form.identity is None else fold(group.form.identity)
    return all(is_same(one[place], other[place]) for place, name in enumerate(group.columns) if fold(name) != skipped)


def _as(value: Stored) -> str:
    """Return the parameter for a value: TEXT travels as its bytes."""
    return "CAST(? AS TEXT)" if isinstance(value, RawText) else "?"


def _text(value: Stored) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
