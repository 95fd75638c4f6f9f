"""Find every row of every input whose key an unsettled row has, group by group.

Where the key's columns are filled plainly SQLite finds them, input beside input, in the order of the keys; where they
are normalized, transformed or followed, every row is derived to see which key it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby
from typing import Any, NamedTuple

from strongroom.consolidate.verify.case import Case, pack, unpack
from strongroom.consolidate.verify.chains import Why
from strongroom.consolidate.verify.claims import CLAIMED, Claim, number_inputs, says_apart
from strongroom.consolidate.verify.derive import Derived
from strongroom.consolidate.verify.desk import in_batches
from strongroom.consolidate.verify.house import Input
from strongroom.consolidate.verify.relations import is_numbered, rows_of, stored_cells
from strongroom.consolidate.verify.values import Row, Value
from strongroom.core.quoting import dotted, quote

_SIEVE = 1 << 22
"""Bytes of a sieve that keeps most rows from being looked up."""
AT_ONCE = 7
"""How many inputs one connection can have attached beside the rest."""
_CLAIM_WIDTH = 5
_END: tuple[Value, Any] = (0, None)
"""What follows the last row of a stream: groups are numbered from 1."""


class Member(NamedTuple):
    """A row of a group; they are in order by their first two."""

    number: int
    row: int
    entry: Input
    values: list[Value]
    why: Why | None
    """For what it waits."""
    claim: Claim | None
    is_open: bool
    """It was not found as it stands."""
    is_followed: bool = False
    """A reference leads elsewhere by another value now."""


class Group(NamedTuple):
    """All rows with one key, and the target's rows that have it where these were looked for: by rowid, else None."""

    members: list[Member]
    held: dict[object, Row]


def find_groups(case: Case) -> Iterator[Group]:
    """Yield every group of which a row is unsettled, whole and in order."""
    if case.is_key_plain and len(case.fed.inputs) <= AT_ONCE:
        touched, last = _touch_plain(case)
        with ExitStack() as stack:
            for entry in case.fed.inputs:
                stack.enter_context(case.desk.source(entry, f"in{entry.number}"))
            yield from _find_in_one(case, touched) if are_alone(case) else _find_side_by_side(case, touched, last)
    else:
        yield from _find_by_deriving(case)


def are_alone(case: Case) -> bool:
    """Tell whether no input, and not the target, has two rows with one key: then a group is one row of a join.

    All rows of it are filled plainly.
    """
    if not case.fed.table.has_unique(tuple(case.fed.stored[place].name for place in case.fed.key)):
        return False
    for entry in case.fed.inputs:
        columns = [entry.source_column(place) for place in case.fed.key]
        names = tuple(column.name for column in columns if column is not None)
        if is_numbered(entry.table) or not entry.table.has_unique(names) or case.derivers[entry.number].places is None:
            return False
    return True


def _find_in_one(case: Case, touched: str) -> Iterator[Group]:
    """Yield groups of which each input has one row at most, and all that is known of them."""
    fed, listed, joins, parts = case.fed, [], [], []
    at = 0
    for entry in fed.inputs:
        entries, name, ledger = case.entries[entry.number], f"s{entry.number}", f"l{entry.number}"
        rows = rows_of(entry, fed.rule.where, f"in{entry.number}", name)
        cells = [f"{name}.c{entry.places[place]}" for place in fed.key]
        passes = f" AND {name}.w" if fed.rule.where is not None and not entry.is_seed else ""
        joins.append(f"LEFT JOIN {rows} ON {_same_key(cells)}{passes}")
        said = ["NULL"] * _CLAIM_WIDTH
        is_open = f"EXISTS (SELECT 1 FROM {case.unsettled} AS o WHERE o.number = {entry.number} AND o.rid = {name}.r)"
        if entries.size:
            joins.append(f"LEFT JOIN {entries.table} AS {ledger} ON {ledger}._rowid = {name}.r")
            said = CLAIMED.replace("l.", f"{ledger}.").split(", ")
            apart = says_apart(fed).replace("l.", f"{ledger}.")
            is_open = f"CASE WHEN {ledger}._rowid IS NOT NULL AND {apart} THEN 1 ELSE {is_open} END"
        stored = [f"{name}.c{place}" for place in entry.places]
        listed += [f"{name}.r", is_open, *said, *stored]
        parts.append((entry, at, at + 2, at + 2 + _CLAIM_WIDTH, at + 2 + _CLAIM_WIDTH + len(stored)))
        at += 2 + _CLAIM_WIDTH + len(stored)
    names = [f"t.{quote(fed.stored[place].name)}" for place in fed.key]
    rowid = "NULL" if fed.table.rowid is None else f"t.{quote(fed.table.rowid)}"
    target = f"LEFT JOIN {dotted('main', fed.table.name)} AS t ON {_same_key(names)}"
    sql = f"SELECT {', '.join(listed)}, {rowid}, {stored_cells(fed)} FROM {touched} AS k {' '.join(joins)} {target}"
    for row in case.desk.connection.execute(sql):
        members = [
            Member(
                entry.number,
                row[start],
                entry,
                list(row[cells:end]),
                None,
                None if row[claim] is None else Claim._make(row[claim:cells]),
                bool(row[start + 1]),
            )
            for entry, start, claim, cells, end in parts
            if row[start] is not None
        ]
        if members:
            yield Group(members, {row[at]: row[at + 1 :]})


def _same_key(cells: list[str]) -> str:
    """Return the condition that columns have a touched key, such that an index finds them."""
    terms = [f"{cell} = k.k{number}" for number, cell in enumerate(cells)]
    terms += [f"+k.k{number} = +{cell} COLLATE BINARY" for number, cell in enumerate(cells)]
    return " AND ".join(terms)


def _find_side_by_side(case: Case, touched: str, last: int) -> Iterator[Group]:
    """Yield groups as they come, each input read in the order of the keys."""
    streams = [_derive_stream(case, entry, touched) for entry in case.fed.inputs]
    targets = _read_targets(case, touched)
    heads = [next(stream, _END) for stream in streams]
    ahead = next(targets, (0,))
    for group in range(1, last + 1):
        members = []
        for place, head in enumerate(heads):
            while head[0] == group:
                members.append(head[1])
                head = next(streams[place], _END)  # noqa: PLW2901  goes on where it is
            heads[place] = head
        held: dict[object, Row] = {}
        while ahead[0] == group:
            held[ahead[1]] = ahead[2:]
            ahead = next(targets, (0,))
        if members:
            members.sort()
            yield Group(members, held)


def _touch_plain(case: Case) -> tuple[str, int]:
    """Give a number to each key of an unsettled row, in their order; 1 and 1.0 are one."""
    desk, columns = case.desk, ", ".join(f"k{number}" for number, _ in enumerate(case.fed.key))
    keys = desk.make("touched_keys", f"{columns}, PRIMARY KEY ({columns})", "WITHOUT ROWID")
    for entry in case.fed.inputs:
        with desk.source(entry):
            cells = _key_cells(case, entry)
            present = " AND ".join(f"{cell} IS NOT NULL" for cell in cells)
            desk.connection.execute(
                f"INSERT OR IGNORE INTO {keys} SELECT {', '.join(cells)} FROM {case.unsettled} AS u "
                f"CROSS JOIN {rows_of(entry, case.fed.rule.where)} ON s.r = u.rid "
                f"WHERE u.number = {entry.number} AND {present}"
            )
    touched = desk.make("touched", f"g INTEGER PRIMARY KEY, {columns}, UNIQUE ({columns})")
    desk.connection.execute(f"INSERT INTO {touched} ({columns}) SELECT {columns} FROM {keys} ORDER BY {columns}")
    return touched, desk.count(f"SELECT max(g) FROM {touched}")


def _key_cells(case: Case, entry: Input) -> list[str]:
    return [f"s.c{entry.places[place]}" for place in case.fed.key]


def _join(rows: str, cells: list[str], touched: str, *, is_found: bool) -> tuple[str, str]:
    """Return the join of rows with the touched keys, in the order of these, and how it must be sorted for that."""
    if is_found:
        return f"{touched} AS k CROSS JOIN {rows} ON {_same_key(cells)}", ""
    exact = [f"k.k{number} = +{cell} COLLATE BINARY" for number, cell in enumerate(cells)]
    return f"{rows} CROSS JOIN {touched} AS k ON {' AND '.join(exact)}", " ORDER BY k.g"


def _derive_stream(case: Case, entry: Input, touched: str) -> Iterator[tuple[Value, Member]]:
    """Return the group and the row, of an input's rows with a touched key."""
    rows = rows_of(entry, case.fed.rule.where, f"in{entry.number}")
    first = entry.source_column(case.fed.key[0])
    is_found = first is not None and entry.table.is_found_by(first.name)
    joined, order = _join(rows, _key_cells(case, entry), touched, is_found=is_found)
    return _derive_all(case, entry, "k.g", joined, order)


def _read_targets(case: Case, touched: str) -> Iterator[tuple[Value, ...]]:
    """Yield the group, the rowid and the cells, of the target's rows with a touched key."""
    table = case.fed.table
    names = [case.fed.stored[place].name for place in case.fed.key]
    joined, order = _join(
        f"{dotted('main', table.name)} AS t",
        [f"t.{quote(name)}" for name in names],
        touched,
        is_found=table.is_found_by(names[0]),
    )
    rowid = "NULL" if table.rowid is None else f"t.{quote(table.rowid)}"
    yield from case.desk.connection.execute(f"SELECT k.g, {rowid}, {stored_cells(case.fed)} FROM {joined}{order}")


def _derive_all(case: Case, entry: Input, key: str, joined: str, order: str = "") -> Iterator[tuple[Value, Member]]:
    """Yield a key (an expression, or empty: the derived one) and the row, of rows that pass and have one."""
    fed, entries, deriver = case.fed, case.entries[entry.number], case.derivers[entry.number]
    width = len(entry.table.columns)
    cells = "".join(f", s.c{place}" for place in range(width))
    passes = " WHERE s.w" if fed.rule.where is not None and not entry.is_seed else ""
    said = CLAIMED if entries.size else ", ".join(["NULL"] * _CLAIM_WIDTH)
    ledger = f" LEFT JOIN {entries.table} AS l ON l._rowid = s.r" if entries.size else ""
    is_open = f"EXISTS (SELECT 1 FROM {case.unsettled} AS o WHERE o.number = {entry.number} AND o.rid = s.r)"
    if key and entries.size:
        is_open = f"CASE WHEN l._rowid IS NOT NULL AND {says_apart(fed)} THEN 1 ELSE {is_open} END"
    sql = f"SELECT {key or 'NULL'}, s.r, {is_open}, {said}{cells} FROM {joined}{ledger}{passes}{order}"
    number, start = entry.number, 3 + _CLAIM_WIDTH
    is_unseen = case.is_key_plain and not case.bag  # others were derived before they came here
    for row in case.desk.connection.execute(sql):
        claim = None if row[3] is None else Claim._make(row[3:start])
        derived = deriver.derive(row[start:])
        held = row[0] if key else deriver.key_of(derived.values)
        if held is not None:
            if row[2] and is_unseen and case.is_left(entry, row[1], claim):
                _note(case, entry, row[1], derived)
            why = (derived.because, derived.is_root) if derived.waits else None
            yield held, Member(number, row[1], entry, derived.values, why, claim, bool(row[2]), derived.is_followed)


def _note(case: Case, entry: Input, row: int, derived: Derived) -> None:
    """Note what is said of every row once, of one that was left to its group from the beginning."""
    if case.follower is not None:
        case.follower.count(derived.events)
    if derived.misfit is not None:
        case.say_misfit(entry, row, derived.misfit)


def _find_by_deriving(case: Case) -> Iterator[Group]:
    """Gather groups whose keys only derivation tells: all rows are derived, and those with a touched key kept."""
    members = case.desk.make(
        "members", "k BLOB, number INTEGER, rid INTEGER, body BLOB, PRIMARY KEY (k, number, rid)", "WITHOUT ROWID"
    )
    touched = case.desk.make("touched", "k BLOB PRIMARY KEY", "WITHOUT ROWID")
    sieve = bytearray(_SIEVE)
    for is_first in (True, False):
        for entry in case.fed.inputs:
            with case.desk.source(entry):
                rows = rows_of(entry, case.fed.rule.where)
                if is_first:
                    open_rows = f"{case.unsettled} AS u CROSS JOIN {rows} ON u.number = {entry.number} AND s.r = u.rid"
                    _touch(case, touched, sieve, _keys_of(case, entry, open_rows))
                else:
                    for batch in in_batches(_sift(case, entry, rows, touched, sieve)):
                        case.desk.connection.executemany(f"INSERT OR IGNORE INTO {members} VALUES (?, ?, ?, ?)", batch)
    named = number_inputs(case.fed)
    rows_by_key = case.desk.connection.execute(f"SELECT k, number, rid, body FROM {members} ORDER BY k, number, rid")
    for _, group in groupby(rows_by_key, key=lambda row: row[0]):
        yield Group([Member(number, row, named[number], *unpack(body)) for _, number, row, body in group], {})


def _keys_of(case: Case, entry: Input, rows: str) -> Iterator[Value]:
    """Yield the keys of unsettled rows; nothing is counted yet."""
    deriver = case.derivers[entry.number]
    cells = ", ".join(f"s.c{place}" for place in range(len(entry.table.columns)))
    passes = " WHERE s.w" if case.fed.rule.where is not None and not entry.is_seed else ""
    for row in case.desk.connection.execute(f"SELECT {cells} FROM {rows}{passes}"):
        key = deriver.key_of(deriver.derive(row).values)
        if key is not None:
            yield key


def _touch(case: Case, touched: str, sieve: bytearray, keys: Iterable[Value]) -> None:
    for batch in in_batches((key,) for key in keys):
        for (key,) in batch:
            place = hash(key) % (_SIEVE * 8)
            sieve[place >> 3] |= 1 << (place & 7)
        case.desk.connection.executemany(f"INSERT OR IGNORE INTO {touched} VALUES (?)", batch)


def _sift(case: Case, entry: Input, rows: str, touched: str, sieve: bytearray) -> Iterator[tuple[Value, ...]]:
    """Yield what is kept of the rows that have a touched key."""
    for key, member in _derive_all(case, entry, "", rows):
        place = hash(key) % (_SIEVE * 8)
        if sieve[place >> 3] & 1 << (place & 7) and case.desk.count(
            f"SELECT count(*) FROM {touched} WHERE k = ?", (key,)
        ):
            is_open, is_followed = member.is_open, member.is_followed
            body = pack(member.values, member.why, member.claim, is_open=is_open, is_followed=is_followed)
            yield key, member.number, member.row, body
