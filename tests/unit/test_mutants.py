"""The operators that plant faults: each makes another program, and one that can be run."""

from __future__ import annotations

import ast
import sqlite3
from contextlib import closing

import pytest

from tests.mutants.areas import AREAS, LOADS, PACKAGE, compile_replaced, list_mutants
from tests.mutants.handmade import list_handmade
from tests.mutants.judge import Verdict, judge_end
from tests.mutants.operators import list_edits
from tests.mutants.planting import find_dependents
from tests.mutants.sql_operators import change_sql, looks_like_sql
from tests.mutants.steps import End, Step

SOURCE = '''
"""A docstring with WHERE and 1."""

LIMIT = 5

def choose(rows, *, least: int = 0, is_first=True):
    """Another SELECT."""
    found = [row for row in rows if row.size >= least and not row.is_gone]
    if is_first or "name" in found:
        rows.sort(found, least)
        return found[0]
    for row in found:
        total = row.size + LIMIT
        if row.parent is None:
            raise ValueError(f"SELECT is said of {row} AND {rows}")
    return max(total, 7) if rows else f"SELECT {rows} FROM t WHERE a = {least} AND b IS NULL"
'''
EXPECTED = [
    ("constant", "5", "6"),
    ("constant", "True", "False"),
    ("boundary", "row.size >= least", "row.size > least"),
    ("comparison", "row.size >= least", "row.size <= least"),
    ("comparison", "'name' in found", "'name' not in found"),
    ("constant", "'name' in found", "'name~' in found"),
    ("AND/OR", "is_first or 'name' in found", "is_first and 'name' in found"),
    ("IS/IS NOT", "row.parent is None", "row.parent is not None"),
    ("dropped predicate", "is_first or 'name' in found", "is_first or False"),
    ("dropped predicate", "if rows", "if True"),
    ("dropped statement", "rows.sort(found, least)", ""),
    ("swapped argument", "rows.sort(found, least)", "rows.sort(least, found)"),
    ("MIN/MAX", "max(total, 7)", "min(total, 7)"),
    ("arithmetic", "row.size + LIMIT", "row.size - LIMIT"),
    ("comparison", "WHERE a = {least} AND", "WHERE a <> {least} AND"),
    ("AND/OR", "{least} AND b", "{least} OR b"),
    ("IS/IS NOT", "b IS NULL", "b IS NOT NULL"),
    ("dropped predicate", "= {least} AND b IS NULL", "= {least}"),
]
STATEMENT = (
    "SELECT DISTINCT a, min(b), coalesce(c, d) FROM t LEFT JOIN u ON t.x = u.x CROSS JOIN v "
    "WHERE NOT EXISTS (SELECT 1 FROM t WHERE b < 3) AND a IS NOT NULL OR c = 'word' COLLATE BINARY "
    "GROUP BY a HAVING count(*) > 1 UNION ALL SELECT 1, 2, CASE WHEN b THEN c ELSE d END FROM t ORDER BY 1 DESC LIMIT 2"
)


@pytest.mark.parametrize("expected", EXPECTED, ids=" ".join)
def test_an_operator_finds_its_place(expected: tuple[str, str, str]) -> None:
    assert expected in [(edit.operator, edit.before, edit.after) for edit in list_edits(ast.parse(SOURCE))]


def test_every_fault_is_another_program_that_compiles() -> None:
    for number in range(len(list_edits(ast.parse(SOURCE)))):
        tree = ast.parse(SOURCE)
        before, edit = ast.dump(tree), list_edits(tree)[number]
        assert ast.dump(tree) == before, "looking changes nothing"
        edit.apply()
        assert ast.dump(tree) != before, edit
        compile(ast.fix_missing_locations(tree), "fault", "exec")


def test_what_people_are_told_is_left_alone() -> None:
    shown = [edit.before for edit in list_edits(ast.parse(SOURCE)) if edit.operator != "dropped statement"]
    assert not [text for text in shown if "docstring" in text or "said of" in text or "Another" in text]


def test_every_change_of_a_statement_is_a_statement() -> None:
    changes = list(change_sql(STATEMENT))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("CREATE TABLE t (a, b, c, d, x); CREATE TABLE u (x); CREATE TABLE v (y);")
        for change in changes:
            assert change.text != STATEMENT
            connection.execute(f"EXPLAIN {change.text}")
    assert len({change.text for change in changes}) == len(changes)
    wanted = {"comparison", "boundary", "constant", "AND/OR", "IS/IS NOT", "dropped predicate", "swapped argument"}
    wanted |= {"MIN/MAX", "ASC/DESC", "UNION [ALL]", "join kind", "dropped clause", "collation"}
    assert {change.operator for change in changes} == wanted


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("INSERT OR IGNORE INTO t VALUES (1)", "INSERT OR REPLACE INTO t VALUES (1)"),
        ("INSERT OR REPLACE INTO t VALUES (1)", "INSERT OR IGNORE INTO t VALUES (1)"),
        ("SELECT a FROM t WHERE (b AND c) AND d", "SELECT a FROM t WHERE (b AND c)"),
        ("SELECT a FROM t WHERE b", "SELECT a FROM t"),
        ("SELECT a FROM t JOIN u ON b = c AND d", "SELECT a FROM t JOIN u ON d"),
        ("coalesce(f(a, b), 'x, y')", "coalesce('x, y', f(a, b))"),
        (" AND ", " OR "),
    ],
)
def test_sql_is_changed_where_it_says_something(text: str, changed: str) -> None:
    assert changed in [change.text for change in change_sql(text)]


def test_what_stands_in_quotes_is_no_keyword() -> None:
    assert list(change_sql("'rows that differ AND wait'")) == []
    assert not looks_like_sql("there is no such file")


def test_every_part_has_faults_with_names_of_their_own() -> None:
    mutants = [*list_handmade(), *(mutant for area in (*AREAS, *LOADS) for mutant in list_mutants(area))]
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    for area in (*AREAS, *LOADS):
        assert sum(mutant.area == area for mutant in mutants) >= 50, area


@pytest.mark.parametrize("mutant", list_handmade(), ids=lambda mutant: mutant.name)
def test_what_was_made_by_hand_fits_and_compiles(mutant: object) -> None:
    mutant.build()  # type: ignore[attr-defined]


def test_a_text_that_is_not_there_once_is_refused() -> None:
    with pytest.raises(ValueError, match="stands there 0 times: no such line"):
        compile_replaced(PACKAGE / "core" / "instants.py", (("no such line", ""),))


def test_who_imports_a_module_comes_anew_with_it() -> None:
    found = find_dependents("strongroom.core.instants")
    assert {"strongroom.core.instants", "strongroom.sqlite.functions", "strongroom.consolidate.run"} <= found
    assert not {"strongroom.core.errors", "strongroom.core.plan.form", "strongroom.sqlite.connection"} & found


@pytest.mark.parametrize(
    ("end", "said", "differences", "verdict"),
    [
        (End.REFUSED, "exit 3: DIFFERENT", ("a.b: 1 of 2 rows",), Verdict.NOTICED),
        (End.REFUSED, "exit 3: DIFFERENT", ("a.b: cannot be compared (malformed JSON)",), Verdict.NOTICED_ERROR),
        (End.REFUSED, "exit 3: DIFFERENT", ('a.b: cannot be compared (near "x": syntax error)',), Verdict.CRASHED),
        (End.REFUSED, "exit 2: PlanError: no such key", (), Verdict.NOTICED),
        (End.CRASHED, "TypeError: x", (), Verdict.CRASHED),
        (End.DONE, "PROVEN", (), Verdict.SURVIVED),
    ],
)
def test_the_end_of_a_step_says_what_became_of_a_fault(
    end: End, said: str, differences: tuple[str, ...], verdict: Verdict
) -> None:
    wanted = Step("run", End.DONE, "PROVEN", (), {"a": ["1"]})
    found = judge_end("house", Step("run", end, said, differences, {"a": ["2"]}), wanted)
    assert found is not None
    assert found.verdict is verdict
    assert judge_end("house", wanted, wanted) is None
