"""No two rows are said to stand in one place of a target, and none beside another that has its key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, combinations_with_replacement

from strongroom.consolidate.verify.case import Case
from strongroom.consolidate.verify.catalogue import BINARY
from strongroom.consolidate.verify.house import Input
from strongroom.consolidate.verify.ids import stands, stands_at_home
from strongroom.consolidate.verify.relations import (
    home_rowid,
    number_of,
    place_of,
    rows_of,
    same_place,
    stored_cells,
    write_value,
)
from strongroom.consolidate.verify.values import Value, is_same
from strongroom.core.quoting import dotted, quote

_NOWHERE = write_value(None)
"""What fills a key's column with it stands nowhere by itself."""


def check_places(case: Case) -> None:
    """See that no two rows are said to stand in one place."""
    fed = case.fed
    if fed.integer_key is not None or fed.table.is_without_rowid:
        for one, other in combinations(fed.inputs, 2):
            _check_pair(case, one, other)
        for entry in fed.inputs:
            _check_alone(case, entry)
            _check_elsewhere(case, entry)
    else:
        _check_ranges(case)


def _home_places(case: Case) -> list[tuple[int, str]]:
    """Return the columns that say where a row stands, and how the target compares them: its id, or its primary key."""
    fed = case.fed
    if fed.integer_key is not None:
        return [(fed.integer_key, BINARY)]
    names = fed.table.primary_key
    return [(place_of(fed, name), how) for name, how in zip(names, fed.table.key_collations, strict=True)]


def _home_cells(case: Case, entry: Input, alias: str) -> list[str]:
    """Return what says where a row stands, but for what ids move up: cells, or what fills the column in their place."""
    return [
        write_value(entry.fills[place]) if entry.places[place] is None else f"{alias}.c{entry.places[place]}"
        for place, _ in _home_places(case)
    ]


def _at_home(case: Case, entry: Input, schema: str, alias: str) -> tuple[str, str]:
    """Return an input's rows as a table, and the condition that they are said to stand under their own id."""
    rows = rows_of(entry, case.fed.rule.where, schema, alias)
    condition = stands_at_home(entry, case.entries[entry.number], case.ids, alias) + _passing(case, entry, alias)
    if case.elsewhere:
        found = f"SELECT 1 FROM {case.elsewhere} AS e WHERE e.number = {entry.number} AND e.rid = {alias}.r"
        condition += f" AND NOT EXISTS ({found})"
    return rows, condition


def _passing(case: Case, entry: Input, alias: str) -> str:
    return f" AND {alias}.w" if case.fed.rule.where is not None and not entry.is_seed else ""


def _check_pair(case: Case, one: Input, other: Input) -> None:
    """See that no row of one input is said to stand where one of another is: by a join, where keys are BINARY."""
    mine, theirs = _home_cells(case, one, "a"), _home_cells(case, other, "b")
    if _NOWHERE in (*mine, *theirs):
        return
    if one.shift != other.shift:
        mine = [f"({cell} + {one.shift - other.shift})" for cell in mine]
    if all(how == BINARY for _, how in _home_places(case)):
        with case.desk.source(one, "src"), case.desk.source(other, "other"):
            rows, condition = _at_home(case, one, "src", "a")
            more, also = _at_home(case, other, "other", "b")
            same = " AND ".join(same_place(their, my) for their, my in zip(theirs, mine, strict=True))
            pairs = f"{rows} CROSS JOIN {more} ON {same} WHERE {condition} AND {also}"
            both = case.desk.count(f"SELECT count(*) FROM {pairs}")
    else:
        with case.desk.source(one, "src"):
            rows, condition = _at_home(case, one, "src", "a")
            seen = _make_keys(case, [how for _, how in _home_places(case)])
            _add_keys(case, seen, mine, f"{rows} WHERE {condition}")
        both = _count_held(case, other, seen)
    case.faults.add(other.name, f"are said to stand where rows of {one.name} stand", count=both)


def _count_held(case: Case, entry: Input, keys: str) -> int:
    """Count an input's rows that are said to stand under a key of a working table."""
    with case.desk.source(entry, "other"):
        rows, condition = _at_home(case, entry, "other", "b")
        cells = enumerate(_home_cells(case, entry, "b"))
        held = f"SELECT 1 FROM {keys} AS x WHERE {' AND '.join(f'x.k{number} = +{cell}' for number, cell in cells)}"
        return case.desk.count(f"SELECT count(*) FROM {rows} WHERE {condition} AND EXISTS ({held})")


def _check_alone(case: Case, entry: Input) -> None:
    """In a source whose ids may repeat, see that no two rows are said to stand in one place."""
    given = [(entry.source_column(place), how) for place, how in _home_places(case)]
    named = {column.name: how for column, how in given if column is not None}
    if entry.table.has_unique(tuple(named), tuple(named.values())):
        return
    with case.desk.source(entry):
        rows, condition = _at_home(case, entry, "src", "s")
        compared = [how for _, how in _home_places(case)]
        doubled = _count_doubles(case, _home_cells(case, entry, "s"), f"{rows} WHERE {condition}", compared)
    case.faults.add(entry.name, "are said to stand where another row of it stands", count=doubled)


def _check_elsewhere(case: Case, entry: Input) -> None:
    """See that no row stands under its own key where another one was found that came to have it."""
    if case.elsewhere:
        both = _count_held(case, entry, case.elsewhere)
        case.faults.add(entry.name, "are said to stand where a row stands that came to have their key", count=both)


def _count_doubles(case: Case, cells: Sequence[str], rows: str, compared: Sequence[str]) -> int:
    """Count the rows whose cells others have too, NULL aside, by SQLite's ``=`` under these collations."""
    present, added = _add_keys(case, _make_keys(case, compared), cells, rows)
    return case.desk.count(f"SELECT count(*) FROM {present}") - added


def _make_keys(case: Case, compared: Sequence[str]) -> str:
    """Make a working table of keys that are compared by these collations."""
    columns = ", ".join(f"k{number}" for number, _ in enumerate(compared))
    listed = ", ".join(f"k{number} COLLATE {quote(how)}" for number, how in enumerate(compared))
    return case.desk.make("seen", f"{listed}, PRIMARY KEY ({columns})", "WITHOUT ROWID")


def _add_keys(case: Case, keys: str, cells: Sequence[str], rows: str) -> tuple[str, int]:
    """Keep the keys of rows, NULL aside; return the rows that have one, and how many others there were."""
    present = f"{rows} AND {' AND '.join(f'{cell} IS NOT NULL' for cell in cells)}"
    added = case.desk.connection.execute(f"INSERT OR IGNORE INTO {keys} SELECT {', '.join(cells)} FROM {present}")
    return present, added.rowcount


def _check_ranges(case: Case) -> None:
    """Where rows stand at their rowid and an offset, see that no two inputs can meet."""
    if case.fed.table.rowid is None:
        return
    reached: list[tuple[int, int, Input]] = []
    for entry in case.fed.inputs:
        with case.desk.source(entry):
            table = dotted("src", entry.table.name)
            number = number_of(entry.table)
            least, most = (
                case.desk.connection.execute(f"SELECT min({number}), max({number}) FROM {table}").fetchone()
                if entry.table.rowid is not None
                else (1, case.desk.count(f"SELECT count(*) FROM {table}") or None)
            )
        if most is not None:
            offset = case.entries[entry.number].offset
            reached.append((least + offset, most + offset, entry))
    for one, other in combinations(reached, 2):
        if one[0] <= other[1] and other[0] <= one[1]:
            case.faults.say(f"{one[2].name} and {other[2].name} are said to stand in the same places")


def check_keys(case: Case) -> None:
    """See that rows with one key do not stand side by side in the target, unless they differ and both are kept."""
    fed = case.fed
    names = tuple(fed.stored[place].name for place in fed.key)
    if fed.identity in fed.key:  # the key that they met by is not the one under which they stand
        for one, other in combinations_with_replacement(fed.inputs, 2):
            _check_same_key(case, one, other)
        return
    if not names or (fed.table.has_unique(names) and not fed.rule.normalize):
        return
    if fed.rule.normalize:
        _check_normalized_keys(case)
        return
    cells = [quote(name) for name in names]
    rows = f"{dotted('main', fed.table.name)} WHERE 1"
    doubled = _count_doubles(case, cells, rows, [BINARY] * len(cells)) - case.beside
    if doubled:
        case.faults.say(f"{doubled} rows stand there with a key that another one has")


def _check_normalized_keys(case: Case) -> None:
    fed = case.fed
    seen = case.desk.make("keys_seen", "k BLOB PRIMARY KEY", "WITHOUT ROWID")
    deriver = case.derivers[fed.inputs[0].number]
    cells = ", ".join(quote(column.name) for column in fed.stored)
    doubled = 0
    for row in case.desk.connection.execute(f"SELECT {cells} FROM {dotted('main', fed.table.name)}"):
        key = deriver.key_of(row)
        if key is not None:
            added = case.desk.connection.execute(f"INSERT OR IGNORE INTO {seen} VALUES (?)", (key,))
            doubled += 1 - added.rowcount
    doubled -= case.beside
    if doubled:
        case.faults.say(f"{doubled} rows stand there with a key that another one has")


def _check_same_key(case: Case, one: Input, other: Input) -> None:
    """See that of two inputs' rows with one key both stand only where the rule keeps both, and if they differ."""
    fed = case.fed
    cells = [(one.places[place], other.places[place]) for place in fed.key]
    if any(None in pair for pair in cells):
        return
    is_alone = one is other
    names = tuple(str(column.name) for column in map(one.source_column, fed.key) if column is not None)
    if is_alone and one.table.has_unique(names):
        return
    with case.desk.source(one, "src"), case.desk.source(other, "other"):
        left = rows_of(one, fed.rule.where, "src", "a")
        right = rows_of(other, fed.rule.where, "other", "b")
        terms = [same_place(f"b.c{theirs}", f"a.c{mine}") for mine, theirs in cells]
        terms += [stands(case.entries[one.number], "a") + _passing(case, one, "a")]
        terms += [stands(case.entries[other.number], "b") + _passing(case, other, "b")]
        terms += ["a.r < b.r"] if is_alone else []
        if case.together:
            terms.append(f"NOT ({_is_kept(case, one, 'a')} AND {_is_kept(case, other, 'b')})")
        pairs = f"FROM {left} CROSS JOIN {right} ON {' AND '.join(terms)}"
        if fed.rule.conflict == "keep_both":
            both = sum(_are_identical(case, row) for row in _read_pairs(case, one, other, pairs))
        else:
            both = case.desk.count(f"SELECT count(*) {pairs}")
    case.faults.add(other.name, f"stand beside rows of {one.name} with their key", count=both)


def _is_kept(case: Case, entry: Input, alias: str) -> str:
    """Return the condition that a row stands beside others with its key, because a person kept all of them."""
    kept = f"SELECT 1 FROM {case.together} AS k WHERE k.number = {entry.number} AND k.rid = {alias}.r"
    return f"EXISTS ({kept})"


def _are_identical(case: Case, cells: Sequence[Value]) -> bool:
    half = len(cells) // 2
    return all(
        is_same(mine, theirs)
        for place, (mine, theirs) in enumerate(zip(cells[:half], cells[half:], strict=True))
        if place != case.fed.identity
    )


def _read_pairs(case: Case, one: Input, other: Input, pairs: str) -> Iterator[tuple[Value, ...]]:
    """Yield the cells of the two target rows that stand for two source rows, where SQLite takes them for equal."""
    table, joins = case.fed.table, []
    for entry, alias, held in ((one, "a", "x"), (other, "b", "y")):
        entries = case.entries[entry.number]
        home = home_rowid(case.fed, entry, entries.offset).replace("s.", f"{alias}.", 1)
        if entries.size:
            said = f"SELECT l._target_rowid FROM {entries.table} AS l WHERE l._rowid = {alias}.r"
            home = f"coalesce(({said}), {home})"
        joins.append(f"CROSS JOIN {dotted('main', table.name)} AS {held} ON {held}.{quote(str(table.rowid))} = {home}")
    same = [
        f"x.{quote(column.name)} IS y.{quote(column.name)} COLLATE BINARY"
        for place, column in enumerate(case.fed.stored)
        if place != case.fed.identity
    ]
    cells = f"{stored_cells(case.fed, 'x')}, {stored_cells(case.fed, 'y')}"
    yield from case.desk.connection.execute(
        f"SELECT {cells} {pairs} {' '.join(joins)} WHERE {' AND '.join(same) or '1'}"
    )
