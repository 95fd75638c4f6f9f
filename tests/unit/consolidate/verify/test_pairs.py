"""What a join explains of groups of two is what going through them says: no more is believed, nothing less seen."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.consolidate.verify import tables
from strongroom.consolidate.verify.rules import Shape, settle
from tests.unit.consolidate.verify.hand_made import Entry, HandMade

CELLS = {
    "k": {"'x'": "x", "'X'": "X", "'y'": "y"},
    "v": {"NULL": None, "1": 1, "1.0": 1.0, "'1'": "1", "x'31'": b"1", "0.0": 0.0, "-0.0": -0.0, "'é'": "é",
          "9007199254740993": 9007199254740993, "9007199254740992.0": 9007199254740992.0},
    "n": {"NULL": None, "0.0": 0.0, "1.5": 1.5, "-2.0": -2.0},
    "at": {"NULL": None, "''": "", "'2024-01-01'": "2024-01-01", "'2024-01-01T00:00Z'": "2024-01-01T00:00Z",
           "'2024-02-01T01:00+02:00'": "2024-02-01T01:00+02:00", "'soon'": "soon",
           "x'323032342D30332D3031'": b"2024-03-01",
           "CAST(x'323032342D30342D3031FF30303A3030' AS TEXT)": "2024-04-01\udcff00:00"},
}  # fmt: skip
"""SQL and what it is, of each column."""
NUMBERED = {**CELLS, "k": {"1": 1, "2": 2, "3": 3}}
BY_NAME = "CREATE TABLE t (k TEXT PRIMARY KEY, v, n REAL, at TEXT);"
BY_NUMBER = BY_NAME.replace("TEXT PRIMARY", "INTEGER PRIMARY")
COLUMN_RULES = ["{rule: prefer}", "{rule: first_non_null}", "{rule: max}", "{rule: min}",
                "{rule: newest, by: at}", "{rule: oldest, by: at}"]  # fmt: skip
RULES = ["prefer", "newest, by: at", "oldest, by: [at, n]"]
FATES = ["inserted", "merged_identical", "merged_changed", "superseded", "quarantined"]
Line = tuple[str, ...]
"""A row's cells as SQL."""


@dataclass(frozen=True)
class Built:
    """What a right run makes of some files: the target's rows by rowid, and the ledger."""

    rows: dict[int, list[str]]
    entries: dict[str, list[Entry]]

    @property
    def sql(self) -> str:
        return "; ".join(
            f"INSERT INTO t (rowid, k, v, n, at) VALUES ({number}, {', '.join(row)})"
            for number, row in self.rows.items()
        )


def make(schema: str, rule: str, files: Sequence[Sequence[Line]], where: str = "") -> HandMade:
    """Write the plan and the files."""
    names = [f"s{number}" for number, _ in enumerate(files)]
    filled = [f"INSERT INTO t VALUES {', '.join('(' + ', '.join(row) + ')' for row in rows)}" for rows in files]
    inputs = [f"{name}.t" for name in names]
    return HandMade(
        plan=f"sources: {{{', '.join(f'{name}: {{path: {name}.db}}' for name in names)}}}\n"
        "targets: {m: {path: m.db, schema: m.sql}}\n"
        f"tables: [{{into: m.t, from: [{', '.join(inputs)}], key: [k], on_conflict: {{rule: {rule}}}{where}}}]\n",
        schema=schema,
        sources={name: schema + (sql if rows else "") for name, sql, rows in zip(names, filled, files, strict=True)},
        built="",
        inputs={"t": inputs},
        offsets={name: sum(map(len, files[:number])) for number, name in enumerate(inputs)},
    )


def consolidate(case: HandMade, files: Sequence[Sequence[Line]], cells: dict[str, dict[str, object]]) -> Built:
    """Do what the rule says, group by group."""
    with tempfile.TemporaryDirectory() as scratch:
        fed = case.write(Path(scratch))[0].find("m", "t")
    assert fed is not None
    is_numbered = fed.integer_key is not None
    groups: dict[str, list[tuple[int, int, Line]]] = {}
    for number, rows in enumerate(files):
        for place, row in enumerate(rows, start=1):
            groups.setdefault(row[0], []).append((number, int(row[0]) if is_numbered else place, row))
    built = Built({}, {name: [] for name in case.inputs["t"]})
    for members in groups.values():
        read = [[held[sql] for held, sql in zip(cells.values(), row, strict=True)] for _, _, row in members]
        found = settle(Shape.of(fed), read)  # type: ignore[arg-type]
        written = {id(value): sql for held in cells.values() for sql, value in held.items()}
        for place, (number, rowid, row) in enumerate(members):
            fate, winner = found.fates[place]
            first = members[place if winner is None else winner]
            stands = first[1] if is_numbered else first[1] + case.offsets[f"s{first[0]}.t"]
            if place in found.published:
                values = found.published[place]
                built.rows[stands] = [
                    sql if value is mine else written[id(value)]
                    for sql, mine, value in zip(row, read[place], values, strict=True)
                ]
                if found.is_undecided or built.rows[stands] != list(row):
                    built.entries[f"s{number}.t"].append((rowid, "inserted", fed.rule.conflict, stands, None, None))
            else:
                built.entries[f"s{number}.t"].append((rowid, fate, fed.rule.conflict, stands, first[0] + 1, first[1]))
    return built


@st.composite
def plans(draw: st.DrawFn) -> tuple[HandMade, list[list[Line]], dict[str, dict[str, object]]]:
    """Draw a rule and files, of which none has a key twice."""
    cells, schema = draw(st.sampled_from([(CELLS, BY_NAME), (NUMBERED, BY_NUMBER)]))
    line = st.tuples(*(st.sampled_from([*held]) for held in cells.values()))
    files = draw(st.lists(st.lists(line, max_size=3, unique_by=lambda row: row[0]), min_size=2, max_size=3))
    columns = ", ".join(f"{name}: {draw(st.sampled_from(COLUMN_RULES))}" for name in ("v", "n", "at"))
    rule = draw(st.sampled_from([*RULES, f"merge, columns: {{{columns}}}", f"merge, columns: {{{columns}}}"]))
    return make(schema, rule, files), files, cells  # type: ignore[return-value]


def prove_both(case: HandMade) -> tuple[list[str], list[object]]:
    """Prove a case with and without the join: both must say the same; return the differences and the tallies."""
    found = case.verify()
    with patch.object(tables, "explain_pairs", lambda _: None):
        slowly = case.verify()
    said, other = ([line for part in parts for line in part.differences] for parts in (found, slowly))
    assert bool(said) == bool(other), (said, other)
    tallies, others = ([(part.tables, part.targets) for part in parts] for parts in (found, slowly))
    if not said:
        assert tallies == others
    return said, tallies


@settings(
    max_examples=min(settings.default.max_examples, 2000 if settings.get_current_profile_name() == "nightly" else 15)
)
@given(plans(), st.data())
def test_pairs_are_proven_as_groups_are_and_a_fault_is_seen_in_them(
    drawn: tuple[HandMade, list[list[Line]], dict[str, dict[str, object]]], data: st.DataObject
) -> None:
    case, files, cells = drawn
    built = consolidate(case, files, cells)
    right = replace(case, built=built.sql, entries=built.entries)
    assert prove_both(right)[0] == []
    claims = [(name, place) for name, held in built.entries.items() for place, _ in enumerate(held)]
    if data.draw(st.booleans()) and built.rows:
        number = data.draw(st.sampled_from([*built.rows]))
        place = data.draw(st.sampled_from(range(1, 4)))
        row = list(built.rows[number])
        row[place] = data.draw(st.sampled_from([sql for sql in [*cells.values()][place] if sql != row[place]]))
        spoiled = Built({**built.rows, number: row}, built.entries)
        assert prove_both(replace(right, built=spoiled.sql))[0]
    elif claims:
        name, place = data.draw(st.sampled_from(claims))
        held = built.entries[name]
        wrong = data.draw(st.sampled_from([*spoil(held[place])]))
        entries = {**built.entries, name: [*held[:place], *wrong, *held[place + 1 :]]}
        prove_both(replace(right, entries=entries))  # one field of a claim may be free: both must say the same of it


def spoil(claim: Entry) -> list[list[Entry]]:
    """Return what may be claimed instead."""
    row, fate, rule, stands, winner, winner_row = claim
    return [
        [],
        *([(row, other, rule, stands, winner, winner_row)] for other in FATES if other != fate),
        [(row, fate, "keep_both", stands, winner, winner_row)],
        *([(row, fate, rule, other, winner, winner_row)] for other in (None, (stands or 0) + 1)),
        *([(row, fate, rule, stands, other, winner_row)] for other in (None, 1, 2, 3) if other != winner),
        *([(row, fate, rule, stands, winner, other)] for other in (None, 1, 2, 3) if other != winner_row),
    ]


PAIRS = [
    ("prefer", [("'x'", "1", "NULL", "NULL")], [("'x'", "2", "NULL", "NULL")]),
    ("newest, by: at", [("'x'", "1", "NULL", "''")], [("'x'", "2", "NULL", "'2024-01-01'")]),
    ("oldest, by: at", [("'x'", "1", "NULL", "'2024-02-01'")], [("'x'", "2", "NULL", "'2024-01-01'")]),
    ("merge, columns: {v: {rule: newest, by: at}}", [("'x'", "1", "NULL", "'2024-01-01'")],
     [("'x'", "2", "1.5", "'2024-02-01'")]),
    ("merge", [("'x'", "1", "NULL", "NULL")], [("'x'", "1", "NULL", "NULL")]),
]  # fmt: skip
READ = {"NULL": None, "''": "", "'x'": "x", "'2024-01-01'": "2024-01-01", "'2024-02-01'": "2024-02-01", "1": 1, "2": 2,
        "1.5": 1.5}  # fmt: skip


@pytest.mark.parametrize(("rule", "one", "other"), PAIRS, ids=["prefer", "newest", "oldest", "merge", "identical"])
@pytest.mark.parametrize("more", [[], [[("'x'", "NULL", "NULL", "NULL")]]], ids=["two", "three"])
def test_no_group_of_two_is_gone_through(rule: str, one: list[Line], other: list[Line], more: list[list[Line]]) -> None:
    files = [one, other, *more]
    case = make(BY_NAME, rule, files)
    built = consolidate(case, files, dict.fromkeys("kvna", READ))
    case = replace(case, built=built.sql, entries=built.entries)
    with patch.object(tables, "examine_groups") as examine:
        examine.side_effect = lambda case: waiting.append(case.desk.count(f"SELECT count(*) FROM {case.unsettled}"))
        waiting: list[int] = []
        case.prove()
    assert (waiting == [0]) == (not more)
    assert case.prove() == []


def test_a_row_that_where_leaves_out_is_no_partner() -> None:
    files = [[("'x'", "1", "NULL", "NULL")], [("'x'", "2", "NULL", "NULL")]]
    case = make(BY_NAME, "prefer", files, ", where: {sql: v < 2, reason: old}")
    lost: Entry = (1, "superseded", "prefer", 1, 1, 1)
    left: Entry = (1, "filtered", "where", None, None, None)
    case = replace(case, built="INSERT INTO t VALUES ('x', 1, NULL, NULL)", entries={"s1.t": [left]})
    assert prove_both(case)[0] == []
    assert prove_both(replace(case, entries={"s1.t": [lost]}))[0]


def test_what_a_source_takes_for_empty_is_no_instant() -> None:
    """Its column does not see spaces at the end; nobody decides between a row with some and another one."""
    files = [[("'x'", "1", "NULL", "'  '")], [("'x'", "2", "NULL", "'2024-01-01'")]]
    case = make(BY_NAME.replace("at TEXT", "at TEXT COLLATE RTRIM"), "newest, by: at", files)
    won = "INSERT INTO t (rowid, k, v, n, at) VALUES (2, 'x', 2, NULL, '2024-01-01')"
    assert prove_both(replace(case, built=won, entries={"s0.t": [(1, "superseded", "newest", 2, 2, 1)]}))[0]
    waits: Entry = (1, "quarantined", "newest", 1, 1, 1)
    shown = {"s0.t": [(1, "inserted", "newest", 1, None, None)], "s1.t": [waits]}
    assert prove_both(replace(case, built="INSERT INTO t VALUES ('x', 1, NULL, '  ')", entries=shown))[0] == []
