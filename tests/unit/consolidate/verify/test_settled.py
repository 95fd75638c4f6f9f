"""Decided after publish: what refers to a row is not left behind, in this target or another, plainly or in JSON."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from strongroom.consolidate.verify import prove_settled
from strongroom.sqlite.database import Database
from tests.unit.consolidate.verify.hand_made import HandMade, execute
from tests.unit.consolidate.verify.test_undecided import made, shown

USERS = "CREATE TABLE t (name TEXT PRIMARY KEY, mail TEXT UNIQUE, v);"
NOTES = "CREATE TABLE notes (u TEXT, s TEXT);"
DECLARED = "CREATE TABLE notes (u TEXT REFERENCES t (mail), s TEXT);"
A, B = "('ann', 'a@x', 1)", "('ann', 'b@x', 2)"


def settled(case: HandMade, before: str) -> list[str]:
    """Prove what was built to be what is live but for the decisions."""
    with tempfile.TemporaryDirectory() as scratch:
        house, folder = case.write(Path(scratch))
        execute(folder / "before.db", f"{case.schema};{before}")
        return prove_settled(house, "m", Database(folder / "before.db"), None).wrong


def with_notes(take: object, built: str, notes: str, *, schema: str = DECLARED, more: str = "") -> HandMade:
    """Let two anns differ in their mail, by which notes refer to them, and somebody decide."""
    fate = "merged_identical" if built == B else "superseded" if isinstance(take, int) else "merged_changed"
    case = made(
        f"key: [name]{more}", {"a": A, "b": B}, built,
        {"a.t": [shown("decision")], "b.t": [(1, fate, "decision", 1, 1, 1)]},
        schema=USERS + schema, more="copy: {m: [a.notes]}\n",
    )  # fmt: skip
    return replace(
        case,
        sources={"a": case.sources["a"], "b": case.sources["b"].replace(schema, "")},
        built=f"{case.built};{notes}",
        inputs={**case.inputs, "notes": ["a.notes"]},
        decisions=[("m.t", [("a.t", 1), ("b.t", 1)], take)],
    )


def test_rows_that_refer_by_what_a_decision_changes_are_found() -> None:
    notes = "INSERT INTO notes VALUES ('a@x', 'of ann'), ('a@x', 'too'), (NULL, '')"
    before = f"INSERT INTO t VALUES {A};{notes}"
    left = settled(with_notes(2, B, notes), before)
    assert left == ["m.t: m.notes.u refers to what a decision changes (rows that would be left behind: 2)"]
    assert settled(with_notes({"v": 2}, "('ann', 'a@x', 2)", notes), before) == []
    others = notes.replace("a@x", "c@x")
    assert settled(with_notes(2, B, others), before.replace(notes, others)) == []


KEYED_BY_MAIL = "CREATE TABLE t (name TEXT, mail TEXT PRIMARY KEY, v);"
TAKEN = "('ann', 'a@x', 2)"


def test_what_the_plans_references_hold_is_the_primary_key_and_stays() -> None:
    """The key is the plan's; row 2 is taken, and the notes still find their row."""
    notes = """INSERT INTO notes VALUES ('{"u": "a@x"}', 's'), ('none', '')"""
    case = with_notes(2, TAKEN, notes, schema=NOTES, more=", references: [{column: m.notes.u, json: $.u}]")
    swapped = {name: sql.replace(USERS, KEYED_BY_MAIL) for name, sql in case.sources.items()}
    case = replace(case, schema=case.schema.replace(USERS, KEYED_BY_MAIL), sources=swapped)
    before = f"INSERT INTO t VALUES {A};{notes}"
    assert settled(case, before) == []
    assert settled(replace(case, built=case.built.replace(TAKEN, B)), before)


def test_rows_of_another_target_still_find_theirs() -> None:
    notes = "INSERT INTO notes VALUES ('a@x', 'of ann')"
    case = with_notes(2, TAKEN, "", schema=NOTES, more=", references: [n.notes.u]")
    plan = case.plan.replace("schema: m.sql}", "schema: m.sql}, n: {path: n.db, schema: n.sql}")
    case = replace(
        case,
        plan=plan.replace("copy: {m: [a.notes]}", "copy: {n: [a.notes]}"),
        schema=KEYED_BY_MAIL,
        sources={name: sql.replace(USERS, KEYED_BY_MAIL) for name, sql in case.sources.items()},
        inputs={"t": ["a.t", "b.t"], "n.notes": ["a.notes"]},
        more={"n": (NOTES, notes)},
    )
    before = f"INSERT INTO t VALUES {A}"
    assert settled(case, before) == []
    assert settled(replace(case, built=case.built.replace(TAKEN, B)), before)


def test_who_refers_to_what_changes_is_found_as_the_parents_column_compares() -> None:
    """The key that notes refer to ignores case, or they do: only the first makes another spelling a reference."""
    notes = "INSERT INTO notes VALUES ('A@X', 'of ann')"
    before = f"INSERT INTO t VALUES {A};{notes}"
    ignoring = {"mail TEXT UNIQUE": "mail TEXT COLLATE NOCASE UNIQUE"}, {"(u TEXT ": "(u TEXT COLLATE NOCASE "}
    for is_left, change in zip((True, False), ignoring, strict=True):
        case = with_notes(2, B, notes)
        for old, new in change.items():
            sources = {name: sql.replace(old, new) for name, sql in case.sources.items()}
            case = replace(case, schema=case.schema.replace(old, new), sources=sources)
        left = ["m.t: m.notes.u refers to what a decision changes (rows that would be left behind: 1)"]
        assert settled(case, before) == (left if is_left else [])


def test_rows_that_only_the_key_tells_apart_are_compared_each_with_itself() -> None:
    """The key's column ignores case, and the key does not."""
    other = "CREATE TABLE u (k TEXT COLLATE NOCASE, v, PRIMARY KEY (k COLLATE BINARY)) WITHOUT ROWID;"
    rows = "INSERT INTO u VALUES ('x', 1), ('X', 2)"
    case = with_notes({"v": 2}, "('ann', 'a@x', 2)", rows, schema=DECLARED + other)
    before = f"INSERT INTO t VALUES {A};{rows}"
    assert settled(case, before) == []
    swapped = replace(case, built=case.built.replace("('x', 1), ('X', 2)", "('x', 2), ('X', 1)"))
    assert settled(swapped, before) == ["m.u: 2 rows are not what they were"]
