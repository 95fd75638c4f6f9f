"""Prove one target table: every row of what feeds it, and every row that stands there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from strongroom.consolidate.verify.bags import begin_bag, compare_bag
from strongroom.consolidate.verify.case import Case
from strongroom.consolidate.verify.chains import Chains
from strongroom.consolidate.verify.claims import read_entries
from strongroom.consolidate.verify.derive import Deriver
from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.follower import Follower
from strongroom.consolidate.verify.groups import examine_groups
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.ids import Ids, check_fresh_ids, stands_at_home
from strongroom.consolidate.verify.refusals import try_refused
from strongroom.consolidate.verify.relations import number_of, place_of, rows_of
from strongroom.consolidate.verify.rules import Shape
from strongroom.consolidate.verify.stream import examine_input
from strongroom.core.quoting import dotted, quote
from strongroom.core.results import DISPOSITIONS, TableTally, TargetTally


def prove_table(
    desk: Desk, fed: FedTable, follower: Follower | None, chains: Chains | None = None
) -> tuple[dict[str, TableTally], TargetTally, list[str]]:
    """Return a tally for each source table, one for the target's, and what is wrong in words."""
    faults = Faults(fed.into)
    case = Case(
        desk=desk,
        fed=fed,
        faults=faults,
        entries=read_entries(desk, fed, faults),
        follower=follower,
        shape=Shape.of(fed),
        ids=Ids.of(fed),
        chains=chains,
        derivers={entry.number: Deriver(fed, entry, follower) for entry in fed.inputs},
    )
    case.begin()
    case.ids.begin(desk)
    if fed.table.rowid is None and not fed.table.primary_key:
        case.bag = begin_bag(case)
    read = {}
    for entry in fed.inputs:
        with desk.source(entry):
            read[entry.number] = examine_input(case, entry)
    if case.bag:
        compare_bag(case, case.bag)
    examine_groups(case)
    try_refused(case)
    check_fresh_ids(desk, fed, case.ids, case.entries, faults)
    _check_places(case)
    return _sum_up(case, read)


def _sum_up(case: Case, read: dict[int, int]) -> tuple[dict[str, TableTally], TargetTally, list[str]]:
    fed, faults = case.fed, case.faults
    tallies, seeded, explained = {}, 0, 0
    for entry in fed.inputs:
        counts = case.counts[entry.number]
        ended = {name: counts[name] for name in DISPOSITIONS}
        explained += ended["inserted"]
        unexplained = read[entry.number] - sum(ended.values())
        if entry.is_seed:
            seeded = ended["inserted"]
            faults.add(entry.name, "of the schema file are not what they must be", count=unexplained)
            continue
        tallies[entry.name] = TableTally(
            into=fed.into, read=read[entry.number], rewritten=counts["rewritten"], unexplained=unexplained, **ended
        )
    rows = case.desk.count(f"SELECT count(*) FROM {dotted('main', fed.table.name)}")
    if rows != explained:
        faults.say(f"holds {rows} rows, and the sources explain {explained}")
    return tallies, TargetTally(rows=rows, explained=explained, seeded=seeded), faults.sentences()


def _check_places(case: Case) -> None:
    """See that no two rows are said to stand in one place, and no two rows of the target have one key."""
    fed = case.fed
    if fed.integer_key is not None or fed.table.is_without_rowid:
        for one, other in combinations(fed.inputs, 2):
            _check_pair(case, one, other)
        for entry in fed.inputs:
            _check_alone(case, entry)
    else:
        _check_ranges(case)
    _check_keys(case)


def _home_cells(case: Case, entry: Input, alias: str) -> list[str]:
    """Return what says where a row stands, but for what ids move up: its id, or its primary key."""
    fed = case.fed
    if fed.integer_key is not None:
        places: Sequence[int] = (fed.integer_key,)
    else:
        places = [place_of(fed, name) for name in fed.table.primary_key]
    return [f"{alias}.c{entry.places[place]}" for place in places if entry.places[place] is not None]


def _standing_rows(case: Case, entry: Input, schema: str, alias: str) -> tuple[str, str]:
    """Return an input's rows as a table, and the condition that they are said to stand under their own id."""
    rows = rows_of(entry, case.fed.rule.where, schema, alias)
    condition = stands_at_home(entry, case.entries[entry.number], case.ids).replace("s.r", f"{alias}.r")
    if case.fed.rule.where is not None and not entry.is_seed:
        condition += f" AND {alias}.w"
    return rows, condition


def _check_pair(case: Case, one: Input, other: Input) -> None:
    mine, theirs = _home_cells(case, one, "a"), _home_cells(case, other, "b")
    if len(mine) != len(theirs) or not mine:
        return
    with case.desk.source(one, "src"), case.desk.source(other, "other"):
        rows, condition = _standing_rows(case, one, "src", "a")
        more, also = _standing_rows(case, other, "other", "b")
        by = f" + {one.shift - other.shift}" if one.shift != other.shift else ""
        same = " AND ".join(f"{theirs[place]} = +{mine[place]}{by}" for place in range(len(mine)))
        both = case.desk.count(f"SELECT count(*) FROM {rows} CROSS JOIN {more} ON {same} WHERE {condition} AND {also}")
    case.faults.add(other.name, f"are said to stand where rows of {one.name} stand", count=both)


def _check_alone(case: Case, entry: Input) -> None:
    """In a source whose ids may repeat, see that no two rows are said to stand in one place."""
    cells = _home_cells(case, entry, "s")
    names = tuple(
        column.name
        for column in (entry.source_column(place) for place in range(len(entry.places)))
        if column is not None and f"s.c{entry.table.place_of(column.name)}" in cells
    )
    if not cells or entry.table.has_unique(names):
        return
    with case.desk.source(entry):
        rows, condition = _standing_rows(case, entry, "src", "s")
        doubled = _count_doubles(case, cells, f"{rows} WHERE {condition}")
    case.faults.add(entry.name, "are said to stand where another row of it stands", count=doubled)


def _count_doubles(case: Case, cells: Sequence[str], rows: str) -> int:
    """Count the rows whose cells others have too, NULL aside, by SQLite's ``=`` under BINARY."""
    columns = ", ".join(f"k{number}" for number, _ in enumerate(cells))
    seen = case.desk.make("seen", f"{columns}, PRIMARY KEY ({columns})", "WITHOUT ROWID")
    present = f"{rows} AND {' AND '.join(f'{cell} IS NOT NULL' for cell in cells)}"
    added = case.desk.connection.execute(f"INSERT OR IGNORE INTO {seen} SELECT {', '.join(cells)} FROM {present}")
    return case.desk.count(f"SELECT count(*) FROM {present}") - added.rowcount


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


def _check_keys(case: Case) -> None:
    """See that rows with one key do not stand side by side in the target."""
    fed = case.fed
    names = tuple(fed.stored[place].name for place in fed.key)
    if not names or (fed.table.has_unique(names) and not fed.rule.normalize):
        return
    if fed.rule.conflict == "keep_both" or fed.identity in fed.key:
        return
    if fed.rule.normalize:
        _check_normalized_keys(case)
        return
    cells = [quote(name) for name in names]
    doubled = _count_doubles(case, cells, f"{dotted('main', fed.table.name)} WHERE 1")
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
    if doubled:
        case.faults.say(f"{doubled} rows stand there with a key that another one has")
