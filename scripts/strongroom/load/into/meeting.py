"""What becomes of each staged row where a live table holds rows already: said by the server, kept beside them.

A row is there already, or is new, or meets another one with its key. Nothing is adopted: a row whose parent waits,
or is not among the loaded ones, waits too, whatever bears the parent's key in the live table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.errors import DifferencesError, GuardError
from strongroom.core.quoting import dotted, literal, quote
from strongroom.load.documents import Reference
from strongroom.load.rows.jobs import ADDRESS
from strongroom.load.rows.ledger import KEY, REFERENCE
from strongroom.load.switch.live import Table, choose_key, is_plain_key, pair_columns
from strongroom.postgres.connection import Connection, Error
from strongroom.postgres.copying import say_what_failed

DECIDED = "decided"
COLUMNS = (
    "load text, target text, into_table text, address bigint, disposition text, rule text, reason text, "
    "PRIMARY KEY (load, target, into_table, address)"
)
_UNIQUE = """
    SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
    WHERE n.nspname = %s AND c.relname = %s AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
    GROUP BY i.indexrelid ORDER BY i.indexrelid"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A staged table and the live one into which its rows go."""

    load: str
    target: str
    book: str
    """The schema in which is kept what becomes of rows."""
    staged: Table
    live: Table
    live_wins: bool
    """Whether a row whose key is taken gives way; it waits otherwise."""

    @property
    def key(self) -> tuple[str, ...] | None:
        """Return the columns by which rows meet."""
        return choose_key([self.live, self.staged])

    @property
    def decided(self) -> str:
        """Return the table of what becomes of rows."""
        return dotted(self.book, DECIDED)

    @property
    def mine(self) -> str:
        """Return the condition under which ``d`` is about a row of this table."""
        values = ", ".join(map(literal, (self.load, self.target, self.staged.name)))
        return f"(d.load, d.target, d.into_table) = ({values})"

    def has_rows(self, connection: Connection) -> bool:
        """Tell whether there is a loaded row. Read-only."""
        asked = f"SELECT EXISTS (SELECT FROM {self.staged.source} WHERE {quote(ADDRESS)} IS NOT NULL)"
        return connection.execute(asked.encode()).fetchone() == (True,)

    def count_rows(self, connection: Connection) -> int:
        """Return how many rows were loaded. Read-only."""
        asked = f"SELECT count({quote(ADDRESS)}) FROM {self.staged.source}"
        (rows,) = connection.execute(asked.encode()).fetchone() or (0,)
        return int(rows)

    def is_open(self, alias: str = "s") -> str:
        """Return the condition under which nothing is decided of a staged row yet."""
        row = f"d.address = {alias}.{quote(ADDRESS)}"
        loaded = f"{alias}.{quote(ADDRESS)} IS NOT NULL"
        return f"{loaded} AND NOT EXISTS (SELECT FROM {self.decided} d WHERE {self.mine} AND {row})"

    def stands(self, alias: str) -> str:
        """Return the condition under which a staged row, or the one that won, stands in the live table, or will."""
        row = f"d.address = {alias}.{quote(ADDRESS)}"
        loaded = f"{alias}.{quote(ADDRESS)} IS NOT NULL"
        gone = f"(d.disposition = 'quarantined' OR d.reason = {literal(_OTHER)})"
        return f"{loaded} AND NOT EXISTS (SELECT FROM {self.decided} d WHERE {self.mine} AND {row} AND {gone})"


_TAKEN = "the live table holds another row with its key"
_OTHER = "the live table holds another row with its value of a unique column"


def decide_by_key(connection: Connection, meeting: Meeting) -> None:
    """Say of each row whose key is in the live table whether it is there already."""
    if meeting.key is None:
        _decide_by_row(connection, meeting)
        return
    same = _same(meeting)
    _decide(
        connection,
        meeting,
        f"SELECT s.{quote(ADDRESS)}, CASE WHEN {same} THEN 'merged_identical' ELSE {literal(_give_way(meeting))} END, "
        f"CASE WHEN {same} THEN '' ELSE {literal(KEY)} END, CASE WHEN {same} THEN '' ELSE {literal(_TAKEN)} END "
        f"FROM {meeting.staged.source} s JOIN {meeting.live.source} l ON {_meet(meeting, meeting.key)} "
        f"WHERE {meeting.is_open()}",
    )


def _decide_by_row(connection: Connection, meeting: Meeting) -> None:
    """Say which rows of a table without a key are there already: as many as the live table has of each."""
    names = list(meeting.staged.columns)
    pairs = [pair_columns((meeting.live, "l"), (meeting.staged, "s"), name) for name in names]
    numbers = [f"c{number}" for number, _ in enumerate(names)]
    live = ", ".join(f"{one} AS {name}" for (one, _), name in zip(pairs, numbers, strict=True))
    staged = ", ".join(f"{other} AS {name}" for (_, other), name in zip(pairs, numbers, strict=True))
    parts = ", ".join(numbers)
    _decide(
        connection,
        meeting,
        f"SELECT address, 'merged_identical', '', '' FROM ("
        f"SELECT address, row_number() OVER (PARTITION BY {parts}, address IS NULL ORDER BY address) AS place, "
        f"count(*) FILTER (WHERE address IS NULL) OVER (PARTITION BY {parts}) AS there FROM ("
        f"SELECT NULL::bigint AS address, {live} FROM {meeting.live.source} l UNION ALL "
        f"SELECT s.{quote(ADDRESS)}, {staged} FROM {meeting.staged.source} s WHERE {meeting.is_open()}) every) placed "
        "WHERE address IS NOT NULL AND place <= there",
    )


def decide_by_other_keys(connection: Connection, meeting: Meeting) -> None:
    """Let rows give way, or wait, whose value of another unique column is taken."""
    for (names,) in connection.execute(_UNIQUE, (meeting.live.schema, meeting.live.name)).fetchall():
        if meeting.staged.columns.keys() >= set(names):
            _decide(
                connection,
                meeting,
                f"SELECT s.{quote(ADDRESS)}, {literal(_give_way(meeting))}, {literal(KEY)}, {literal(_OTHER)} "
                f"FROM {meeting.staged.source} s WHERE {meeting.is_open()} AND EXISTS ("
                f"SELECT FROM {meeting.live.source} l WHERE {_meet(meeting, names)})",
            )


def decide_by_reference(connection: Connection, child: Meeting, parent: Meeting, reference: Reference) -> int:
    """Let rows wait whose parent waits, gives way to another row, or was not loaded; return how many."""
    pairs = zip(reference.columns, reference.parent_columns, strict=True)
    same = " AND ".join(f"p.{quote(held)} = s.{quote(column)}" for column, held in pairs)
    refers = " AND ".join(f"s.{quote(column)} IS NOT NULL" for column in reference.columns)
    reason = f"its parent in {parent.staged.name} ({', '.join(reference.columns)}) is not there"
    return _decide(
        connection,
        child,
        f"SELECT s.{quote(ADDRESS)}, 'quarantined', {literal(REFERENCE)}, {literal(reason)} "
        f"FROM {child.staged.source} s WHERE {child.is_open()} AND {refers} AND NOT EXISTS ("
        f"SELECT FROM {parent.staged.source} p WHERE {same} AND {parent.stands('p')})",
    )


def insert_rows(connection: Connection, meeting: Meeting) -> int:
    """Insert the rows of which nothing else is decided; return how many. Raises GuardError where the server refuses."""
    columns = {name: column for name, column in meeting.staged.columns.items() if name in meeting.live.columns}
    written = [name for name in columns if not meeting.live.columns[name].is_generated]
    values = ", ".join(_convert(meeting, name) for name in written)
    names = ", ".join(map(quote, written))
    text = (
        f"INSERT INTO {dotted(meeting.live.schema, meeting.live.name)} ({names}) OVERRIDING SYSTEM VALUE "
        f"SELECT {values} FROM {meeting.staged.source} s WHERE {meeting.is_open()} ORDER BY s.{quote(ADDRESS)} "
        "ON CONFLICT DO NOTHING"
    )
    try:
        inserted = connection.execute(text.encode()).rowcount
    except Error as error:
        if connection.broken:
            raise
        hint = "nothing was changed; correct the rows in the source, or what the live table demands of rows"
        table = f"table {meeting.live.schema}.{meeting.live.name}"
        raise GuardError(table, say_what_failed(error), hint) from None  # the server's words may hold values
    _decide_refused(connection, meeting)
    return inserted


def _decide_refused(connection: Connection, meeting: Meeting) -> None:
    """Let rows wait, or give way, that did not come in because of an index that we cannot ask."""
    if meeting.key is not None:
        _decide(
            connection,
            meeting,
            f"SELECT s.{quote(ADDRESS)}, {literal(_give_way(meeting))}, {literal(KEY)}, {literal(_OTHER)} "
            f"FROM {meeting.staged.source} s WHERE {meeting.is_open()} AND NOT EXISTS ("
            f"SELECT FROM {meeting.live.source} l WHERE {_meet(meeting, meeting.key)})",
        )


def prove_met(connection: Connection, meeting: Meeting) -> None:
    """Make sure that all rows which should stand in the live table do. Raises DifferencesError."""
    standing = (
        f"s.{quote(ADDRESS)} IS NOT NULL AND NOT EXISTS (SELECT FROM {meeting.decided} d WHERE {meeting.mine} "
        f"AND d.address = s.{quote(ADDRESS)} AND d.disposition <> 'merged_identical')"
    )
    if meeting.key is not None:
        asked = (
            f"SELECT count(*) FROM {meeting.staged.source} s WHERE {standing} AND NOT EXISTS ("
            f"SELECT FROM {meeting.live.source} l WHERE {_meet(meeting, meeting.key)} AND {_same(meeting)})"
        )
    else:
        pairs = [pair_columns((meeting.live, "l"), (meeting.staged, "s"), name) for name in meeting.staged.columns]
        live, staged = (", ".join(f"{pair[side]} AS c{n}" for n, pair in enumerate(pairs)) for side in (0, 1))
        names = ", ".join(f"c{number}" for number, _ in enumerate(pairs))
        asked = (
            f"SELECT coalesce(sum(missing), 0) FROM (SELECT sum(side) AS missing FROM ("
            f"SELECT 1 AS side, {staged} FROM {meeting.staged.source} s WHERE {standing} UNION ALL "
            f"SELECT -1, {live} FROM {meeting.live.source} l) every GROUP BY {names} HAVING sum(side) > 0) lacking"
        )
    (missing,) = connection.execute(asked.encode()).fetchone() or (0,)
    if missing:
        fact = f"{missing} rows do not stand there as they were loaded; nothing was changed"
        hint = "see which trigger, rule or default of the live table changes rows"
        raise DifferencesError(f"table {meeting.live.schema}.{meeting.live.name}", fact, hint)


def refuse_unfit(connection: Connection, meeting: Meeting) -> None:
    """Refuse a live table that has no place for what a staged one holds. Raises GuardError."""
    subject = f"table {meeting.live.schema}.{meeting.live.name}"
    for name, column in meeting.staged.columns.items():
        there = meeting.live.columns.get(name)
        if there is None:
            asked = f"SELECT EXISTS (SELECT FROM {meeting.staged.source} WHERE {quote(name)} IS NOT NULL)"
            if connection.execute(asked.encode()).fetchone() == (True,):
                raise GuardError(subject, f"has no column {name}, which the load fills", "run postgres.apply first")
        elif there.type.name != column.type.name:
            fact = f"{name} is {there.declared}, and {column.declared} in the load"
            raise GuardError(subject, fact, "bring the live table and the plan's types together")


def count_decided(connection: Connection, meeting: Meeting) -> dict[str, int]:
    """Return how many rows each disposition has. Read-only."""
    asked = f"SELECT d.disposition, count(*) FROM {meeting.decided} d WHERE {meeting.mine} GROUP BY 1"
    return dict(connection.execute(asked.encode()).fetchall())


def _give_way(meeting: Meeting) -> str:
    return "superseded" if meeting.live_wins else "quarantined"


def _decide(connection: Connection, meeting: Meeting, asked: str) -> int:
    values = ", ".join(map(literal, (meeting.load, meeting.target, meeting.staged.name)))
    text = (
        f"INSERT INTO {meeting.decided} SELECT {values}, found.* FROM ({asked}) found (address, disposition, rule, "
        "reason) ON CONFLICT DO NOTHING"
    )
    return connection.execute(text.encode()).rowcount


def _meet(meeting: Meeting, names: Sequence[str]) -> str:
    """Return the condition under which a live row has the values of a staged one in some columns."""
    is_plain = tuple(names) in meeting.live.keys and tuple(names) in meeting.staged.keys
    if is_plain and is_plain_key(names, [meeting.live, meeting.staged]):
        return " AND ".join(f"l.{quote(name)} = s.{quote(name)}" for name in names)
    return " AND ".join(" = ".join(pair_columns((meeting.live, "l"), (meeting.staged, "s"), name)) for name in names)


def _same(meeting: Meeting) -> str:
    """Return the condition under which a live row has all values of a staged one."""
    pairs = (pair_columns((meeting.live, "l"), (meeting.staged, "s"), name) for name in meeting.staged.columns)
    return " AND ".join(f"{one} IS NOT DISTINCT FROM {other}" for one, other in pairs) or "true"


def _convert(meeting: Meeting, name: str) -> str:
    """Return a staged value as the live column takes it: a schema's own types are other ones in each schema."""
    mine, there = meeting.staged.columns[name], meeting.live.columns[name]
    value = f"s.{quote(name)}"
    return value if mine.declared == there.declared else f"{value}::text::{there.declared}"
