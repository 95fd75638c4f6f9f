"""What tables of one name share: by key, by row, across files and within one. Read-only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations

from strongroom.core.instants import read_instant
from strongroom.core.quoting import dotted, fold, quote, quote_all
from strongroom.examine.draft.survey import Found, Place
from strongroom.sqlite.connection import Connection, attached_live, open_memory, open_source
from strongroom.sqlite.database import choose_engine
from strongroom.sqlite.schema import Column, Table

_LITERAL = re.compile(r"[+-]?\d+(\.\d+)?|'([^']|'')*'|NULL|TRUE|FALSE|x'[0-9a-f]*'", re.IGNORECASE)
_TOLD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """How the rows of one file meet those of another on a key, or those of one file each other."""

    where: str
    shared: int
    """Keys that stand twice."""
    different: int
    """Of these, the ones whose rows are not the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How the rows of tables of one name meet on a key."""

    key: tuple[str, ...]
    meetings: tuple[Meeting, ...]
    """Those in which a key stands twice."""

    @property
    def shared(self) -> int:
        """Return how many times a key stands twice."""
        return sum(meeting.shared for meeting in self.meetings)

    @property
    def different(self) -> int:
        """Return how many times it does with different rows."""
        return sum(meeting.different for meeting in self.meetings)

    @property
    def equal(self) -> int:
        """Return how many times it does with the same row."""
        return self.shared - self.different

    def describe(self) -> str:
        """Say in which files how many keys hold different rows."""
        different = [meeting for meeting in self.meetings if meeting.different]
        noun = "ids" if self.key == ("id",) else f"values of {', '.join(self.key)}"
        told = [f"{meeting.different} of {meeting.shared} {noun} hold different rows {meeting.where}"
                for meeting in different[:_TOLD]]  # fmt: skip
        rest = len(different) - _TOLD
        return ", ".join(told) + (f", and {rest} more" if rest > 0 else "")


def share(places: Sequence[Place], key: Sequence[str]) -> Sharing:
    """Compare tables of one name on a key that all have, each with each and, where it may stand twice, with itself."""
    meetings = [_meet(one, two, key) for one, two in combinations(places, 2)]
    meetings += [_meet(place, place, key) for place in places if not place[1].is_unique(tuple(key))]
    return Sharing(key=tuple(key), meetings=tuple(meeting for meeting in meetings if meeting.shared))


def _meet(one: Place, two: Place, key: Sequence[str]) -> Meeting:
    is_within = one is two
    right = "one" if is_within else "two"
    same_key = _equal(key)
    with attached_both(one[0], two[0]) as connection:
        row = connection.execute(
            f"SELECT count(*), coalesce(sum(differ), 0) FROM (SELECT max(NOT ({_same_row(one[1], two[1])})) AS differ "
            f"FROM {dotted('one', one[1].name)} a JOIN {dotted(right, two[1].name)} b ON {same_key} "
            f"GROUP BY {quote_all(key, 'a.')} {'HAVING count(*) > 1' if is_within else ''})"
        ).fetchone()
    where = f"within {one[0].source}" if is_within else f"in {one[0].source} and {two[0].source}"
    return Meeting(where=where, shared=int(row[0]), different=int(row[1]))


def _same_row(left: Table, right: Table) -> str:
    """Write that two rows are the same in the target: what one table lacks is there as its default."""
    terms = []
    for column in left.stored:
        twin = right.by_name.get(fold(column.name))
        if twin is None:
            terms.append(f"a.{quote(column.name)} IS {_read_default(column)}")
        elif not twin.generated:
            one, two = f"a.{quote(column.name)}", f"b.{quote(twin.name)}"
            terms.append(f"({one} IS {two} COLLATE BINARY AND typeof({one}) = typeof({two}))")
    lacking = [column for column in right.stored if fold(column.name) not in left.by_name]
    terms += [f"b.{quote(column.name)} IS {_read_default(column)}" for column in lacking]
    return " AND ".join(terms) or "1"


def _read_default(column: Column) -> str:
    default = (column.default or "").strip()
    return default if _LITERAL.fullmatch(default) else "NULL"


def count_equal_rows(one: Place, two: Place) -> int:
    """Return how many different rows of two tables are the same in all columns that both have; 0 where none is."""
    (_, left), (_, right) = one, two
    names = [column.name for column in left.stored if fold(column.name) in right.by_name]
    if not names:
        return 0
    listed = quote_all(names)
    with attached_both(one[0], two[0]) as connection:
        row = connection.execute(
            f"SELECT count(*) FROM (SELECT {listed} FROM {dotted('one', left.name)} "
            f"INTERSECT SELECT {listed} FROM {dotted('two', right.name)})"
        ).fetchone()
    return int(row[0])


@contextmanager
def attached_both(one: Found, two: Found) -> Iterator[Connection]:
    """Open two databases together, as ``one`` and ``two``; where they are one, as ``one`` only."""
    engine = choose_engine((one.database, two.database))
    with open_memory(engine) as connection, attached_live(connection, one.database, "one"):
        if one is two:
            yield connection
            return
        with attached_live(connection, two.database, "two"):
            yield connection


def is_unique_by_census(found: Found, table: Table, columns: Sequence[str]) -> bool:
    """Tell whether no two rows hold the same values in these columns, and none holds NULL."""
    missing = " OR ".join(f"{quote(name)} IS NULL" for name in columns)
    with open_source(found.database) as connection:
        query = f"SELECT 1 FROM {dotted('main', table.name)} WHERE {missing} LIMIT 1"
        is_full = connection.execute(query).fetchone() is None
    return is_full and keeps_unique(found, table, columns)


def keeps_unique(found: Found, table: Table, columns: Sequence[str]) -> bool:
    """Tell whether the rows keep a UNIQUE constraint on these columns, to which NULL equals nothing."""
    present = " AND ".join(f"{quote(name)} IS NOT NULL" for name in columns)
    with open_source(found.database) as connection:
        doubles = connection.execute(
            f"SELECT 1 FROM {dotted('main', table.name)} WHERE {present} "
            f"GROUP BY {quote_all(columns)} HAVING count(*) > 1 LIMIT 1"
        )
        return doubles.fetchone() is None


def has_other_than_numbers(found: Found, table: Table, column: str) -> bool:
    """Tell whether a column holds anything that could not be a rowid."""
    with open_source(found.database) as connection:
        query = f"SELECT 1 FROM {dotted('main', table.name)} WHERE typeof({quote(column)}) <> 'integer' LIMIT 1"
        return connection.execute(query).fetchone() is not None


def is_split(places: Sequence[Place], key: Sequence[str], columns: Sequence[str]) -> bool:
    """Tell whether what is unique in each file stands in two of them under different keys."""
    same = _equal(columns)
    other = f"NOT ({_equal(key)})"
    return any(_meet_on(one, two, f"{same} AND {other}") for one, two in combinations(places, 2))


def has_ties(places: Sequence[Place], key: Sequence[str], column: str) -> bool:
    """Tell whether a column leaves open which of two different rows with one key is the newer."""
    one, two = (f"{row}.{quote(column)}" for row in "ab")
    vague = " OR ".join(f"({cell} > '' AND {_read_instant(cell)} IS NULL)" for cell in (one, two))
    tie = f"({_read_instant(one)} IS {_read_instant(two)} OR {vague})"
    return any(
        _meet_on(*pair, f"{_equal(key)} AND NOT ({_same_row(pair[0][1], pair[1][1])}) AND {tie}")
        for pair in combinations(places, 2)
    )


def _equal(columns: Sequence[str]) -> str:
    return " AND ".join(f"a.{quote(name)} = b.{quote(name)}" for name in columns)


def _read_instant(value: str) -> str:
    return f"strongroom_instant(CASE typeof({value}) WHEN 'text' THEN CAST({value} AS BLOB) ELSE {value} END)"


def _meet_on(one: Place, two: Place, condition: str) -> bool:
    """Tell whether a row ``a`` of one table and a row ``b`` of the other meet a condition."""
    with attached_both(one[0], two[0]) as connection:
        connection.create_function("strongroom_instant", 1, read_instant, deterministic=True)
        query = (
            f"SELECT 1 FROM {dotted('one', one[1].name)} a JOIN {dotted('two', two[1].name)} b ON {condition} LIMIT 1"
        )
        return connection.execute(query).fetchone() is not None
