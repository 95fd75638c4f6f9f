"""Groups about which a person decided: what was taken is proven, and no other result beside it is."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from strongroom.consolidate.verify.decisions import hash_row
from strongroom.consolidate.verify.values import Value
from tests.unit.consolidate.verify.hand_made import AT, Entry, HandMade
from tests.unit.consolidate.verify.test_undecided import (
    FOLLOWED,
    IDS,
    LOOSE,
    USERS,
    WITHOUT,
    behind,
    made,
    shown,
    undecided_of,
    with_bosses,
    with_notes,
)


def test_the_hash_of_a_row_is_what_the_paper_says() -> None:
    said = b"a.t\ni=I-7\nr=R3ff8000000000000\nt=Tc3a961ff\nb=B00ff\nn=N\n"
    cells: list[Value] = [-7, 1.5, b"\xc3\xa9a\xff".decode(errors="surrogateescape"), b"\x00\xff", None]
    assert hash_row("a.t", ["i", "r", "t", "b", "n"], cells) == hashlib.sha256(said).digest()
    assert hash_row("a.t", ["x"], [1]) != hash_row("a.t", ["x"], [1.0])
    assert hash_row("a.t", ["x"], [0.0]) != hash_row("a.t", ["x"], [-0.0])


D = "decision"
T = "CREATE TABLE t (k TEXT PRIMARY KEY, v, w);"
A, B, C = "('x', 1, 'a')", "('x', 2, 'b')", "('x', 1.0, 'c')"
GROUP = [("a.t", 1), ("b.t", 1), ("c.t", 1)]


def lost(fate: str, stands: int | None = 1, row: int = 1, rule: str = D) -> Entry:
    return (row, fate, rule, stands, 1, 1)


def decided(
    take: object,
    built: str,
    fates: Sequence[str],
    *,
    schema: str = T,
    stands: int | None = 1,
    rule: str = "key: [k]",
) -> HandMade:
    """Let a, b and c differ in one row, and somebody decide."""
    entries = {name: [lost(fate, stands)] for name, fate in zip(("b.t", "c.t"), fates, strict=True)}
    case = made(rule, {"a": A, "b": B, "c": C}, built, {"a.t": [shown(D, stands)], **entries}, schema=schema)
    held = [tuple(ast.literal_eval(row)) for row in (built, B, C)]
    copies = [(1, number, number, 1, 0, *row) for number, row in enumerate(held, start=1)]
    return replace(case, decisions=[("m.t", GROUP, take)], copies={"t": copies})


TAKEN = {
    "the shown row": (1, A, ("superseded", "superseded")),
    "another row": (2, B, ("merged_identical", "superseded")),
    "the third row": (3, C, ("superseded", "merged_identical")),
    "a column": ({"v": 2}, "('x', 2, 'a')", ("merged_changed", "merged_changed")),
    "a column in any case": ({"V": 3}, "('x', 1.0, 'a')", ("merged_changed", "merged_changed")),
    "all columns of one": ({"v": 2, "w": 2}, B, ("merged_identical", "merged_changed")),
    "columns of several": ({"v": 3, "w": 2}, "('x', 1.0, 'b')", ("merged_changed", "merged_changed")),
}
RULES = {"nothing": "key: [k]", "newest": "key: [k], on_conflict: {rule: newest, by: w}",
         "a form": "key: [k], normalize: {k: [casefold]}"}  # fmt: skip
SCHEMAS = {
    "rowid": (T, 1),
    "loose": (LOOSE.replace("at TEXT", "w"), 1),
    "without": (WITHOUT.replace("at TEXT", "w"), None),
}


@pytest.mark.parametrize(("take", "built", "fates"), TAKEN.values(), ids=TAKEN.keys())
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize(("schema", "stands"), SCHEMAS.values(), ids=SCHEMAS.keys())
def test_what_was_taken_is_published(
    take: object, built: str, fates: tuple[str, str], rule: str, schema: str, stands: int | None
) -> None:
    case = decided(take, built, fates, schema=schema, stands=stands, rule=rule)
    assert case.prove() == []
    assert undecided_of(case) == {}


@pytest.mark.parametrize(("take", "built", "fates"), TAKEN.values(), ids=TAKEN.keys())
def test_nothing_else_is_published(take: object, built: str, fates: tuple[str, str]) -> None:
    case = decided(take, built, fates)
    every = {row for _, row, _ in TAKEN.values()} | {"('x', 1, 'b')", "('y', 2, 'b')", "('x', '2', 'b')"}
    for other in every - {built}:
        assert replace(case, built=f"INSERT INTO t VALUES {other}").prove(), other
    rowid = f"INSERT INTO t (rowid, k, v, w) VALUES (2, {built[1:]}"
    assert replace(case, built=rowid).prove()
    assert replace(case, built=f"{case.built}, ('y', 2, 'b')").prove()


@pytest.mark.parametrize(("take", "built", "fates"), TAKEN.values(), ids=TAKEN.keys())
def test_no_other_claim_is_believed(take: object, built: str, fates: tuple[str, str]) -> None:
    case = decided(take, built, fates)
    for name, entries in case.entries.items():
        ((row, fate, _, stands, winner, won),) = entries
        others: list[list[Entry]] = [
            [], [(row, "quarantined", D, stands, winner, won)], [(row, fate, "quarantine", stands, winner, won)],
            [(row, fate, D, 7, winner, won)], [(row, fate, D, stands, 2, 1)],
        ]  # fmt: skip
        fallen = {"merged_identical", "merged_changed", "superseded"} - {fate}
        others += [[(row, other, D, stands, winner, won)] for other in fallen]
        for claim in others:
            assert replace(case, entries={**case.entries, name: claim}).prove(), (name, claim)


def test_a_decision_that_is_ignored_is_found() -> None:
    case = decided(2, B, ("merged_identical", "superseded"))
    ignored = {"a.t": [shown()], "b.t": [behind()], "c.t": [behind()]}
    plain = replace(case, built=f"INSERT INTO t VALUES {A}", entries=ignored, lines=[])
    assert plain.prove()
    nobody = replace(plain, decisions=[], lines=None, copies=None)
    assert nobody.prove() == []
    assert replace(case, decisions=[], copies=None).prove()


def test_a_decision_that_fits_nothing_is_named() -> None:
    case = made("key: [k]", {"a": A, "b": "('y', 2, 'b')"}, f"{A}, ('y', 2, 'b')", {})
    case = replace(case, decisions=[("m.t", [("a.t", 1), ("b.t", 1)], 2)], lines=[])
    assert case.prove() == ["m.t: decision 1 fits no group that is undecided"]
    two = replace(case, decisions=[*case.decisions, ("m.T", [("b.t", 1), ("a.t", 1)], 1)])
    assert two.prove() == [
        "m.t: decision 1 is about a group that another one is about too",
        "m.t: decision 2 fits no group that is undecided",
    ]
    elsewhere = replace(case, decisions=[("m.u", [("a.t", 1), ("b.t", 1)], 2)])
    assert elsewhere.prove() == ["m.u: decision 1 is about a table that nothing feeds"]


@pytest.mark.parametrize(
    "rows", [GROUP[:2], [*GROUP, ("d.t", 1)], [("a.t", 1), ("b.t", 1), ("d.t", 1)]], ids=["fewer", "more", "another"]
)
def test_a_decision_about_other_rows_is_not_followed(rows: Sequence[tuple[str, int]]) -> None:
    """d.t holds what c.t does: the name of the file is part of a row's hash."""
    case = made("key: [k]", {"a": A, "b": B, "c": C, "d": "('y', 1, 'd')"}, "", {})
    case = replace(
        case,
        built=f"INSERT INTO t VALUES {B}; INSERT INTO t (rowid, k, v, w) VALUES (4, 'y', 1, 'd')",
        schema=T,
        entries={"a.t": [shown(D)], "b.t": [lost("merged_identical")], "c.t": [lost("superseded")]},
        decisions=[("m.t", GROUP, 2)],
    )
    case = replace(case, sources={name: sql.replace("at TEXT", "w") for name, sql in case.sources.items()})
    assert case.prove() == []
    wrong = replace(case, decisions=[("m.t", rows, 2)]).prove()
    assert "m.t: decision 1 fits no group that is undecided" in wrong


@pytest.mark.parametrize(
    ("take", "said"),
    [
        ({"k": 2}, "takes the column k, which stays the shown row's"),
        ({"z": 2}, "takes a column z, which is none that the table stores"),
        ("all", "keeps all rows, and the plan gives them no other ids"),
    ],
)
def test_what_cannot_be_taken_is_said(take: object, said: str) -> None:
    assert f"m.t: decision 1 {said}" in decided(take, A, ("superseded", "superseded")).prove()


def test_a_row_that_was_merged_before_is_compared_with_what_was_taken() -> None:
    """c.t equals the shown row of a.t, which is not what is published."""
    case = made(
        "key: [k]", {"a": A, "b": B, "c": A}, B,
        {"a.t": [shown(D)], "b.t": [lost("merged_identical")], "c.t": [lost("superseded")]}, schema=T,
    )  # fmt: skip
    lines = [("m.t", number, 1, 1, "row 2", "ops", AT, "asked") for number in (1, 2, 3)]
    case = replace(case, decisions=[("m.t", GROUP[:2], 2)], lines=lines)
    assert case.prove() == []
    assert replace(case, lines=lines[:2]).prove() == [
        "m.t: 1 row of c.t is decided, and the ledger does not say by whom (row 1)"
    ]
    for claim in (lost("merged_identical"), lost("superseded", rule="quarantine")):
        assert replace(case, entries={**case.entries, "c.t": [claim]}).prove()


LINES = [("m.t", number, 1, 1, "row 2", "ops", AT, "asked") for number in (1, 2, 3)]
SPOILT_LINES = {
    "one is missing": LINES[:2], "none is there": [], "one is there twice": [*LINES, LINES[0]],
    "one is of another row": [*LINES, ("m.t", 1, 2, 1, "row 2", "ops", AT, "asked")],
    "another decision": [*LINES[:2], ("m.t", 3, 1, 2, "row 2", "ops", AT, "asked")],
    "somebody else": [*LINES[:2], ("m.t", 3, 1, 1, "row 2", "dev", AT, "asked")],
    "another day": [*LINES[:2], ("m.t", 3, 1, 1, "row 2", "ops", AT.replace("26T", "25T"), "asked")],
    "no day": [*LINES[:2], ("m.t", 3, 1, 1, "row 2", "ops", None, "asked")],
    "another reason": [*LINES[:2], ("m.t", 3, 1, 1, "row 2", "ops", AT, "guessed")],
    "another table": [*LINES[:2], ("m.u", 3, 1, 1, "row 2", "ops", AT, "asked")],
}  # fmt: skip


@pytest.mark.parametrize("lines", SPOILT_LINES.values(), ids=SPOILT_LINES.keys())
def test_the_ledger_says_who_decided_about_every_row(lines: Sequence[tuple[object, ...]]) -> None:
    case = replace(decided(2, B, ("merged_identical", "superseded")), lines=LINES)
    assert case.prove() == []
    otherwise = [(*line[:6], AT.replace("12:00:00Z", "13:00:00+01:00"), line[7]) for line in LINES]
    assert replace(case, lines=otherwise).prove() == []
    assert replace(case, lines=lines).prove()  # type: ignore[arg-type]


COPIES = [(1, 1, 1, 1, 0, "x", 1, "a"), (1, 2, 2, 1, 0, "x", 2, "b"), (1, 3, 3, 1, 0, "x", 1.0, "c")]
SPOILT_COPIES = {
    "none are there": [], "one is missing": COPIES[:2], "the shown one is missing": COPIES[1:],
    "another value": [*COPIES[:2], (1, 3, 3, 1, 0, "x", 1.0, "C")],
    "another type": [*COPIES[:2], (1, 3, 3, 1, 0, "x", 1, "c")],
    "another value of what is shown": [(1, 1, 1, 1, 0, "x", 1.0, "a"), *COPIES[1:]],
    "another key": [*COPIES[:2], (1, 3, 3, 1, 0, "y", 1.0, "c")],
    "another order": [COPIES[0], (1, 2, 3, 1, 0, "x", 1.0, "c"), (1, 3, 2, 1, 0, "x", 2, "b")],
    "said to wait": [*COPIES[:2], (1, 3, 3, 1, 1, "x", 1.0, "c")],
    "another group": [*COPIES[:2], (2, 1, 3, 1, 0, "x", 1.0, "c")],
    "two groups": [*COPIES, (2, 1, 1, 1, 0, "x", 1, "a")],
    "more rows": [*COPIES, (1, 4, 3, 2, 0, "x", 1.0, "c")],
    "another number": [*COPIES[:2], (1, 4, 3, 1, 0, "x", 1.0, "c")],
}  # fmt: skip


@pytest.mark.parametrize("copies", SPOILT_COPIES.values(), ids=SPOILT_COPIES.keys())
def test_the_ledgers_copies_are_what_waits(copies: Sequence[tuple[object, ...]]) -> None:
    entries = {"a.t": [shown()], "b.t": [behind()], "c.t": [behind()]}
    case = replace(made("key: [k]", {"a": A, "b": B, "c": C}, A, entries, schema=T), copies={"t": COPIES})
    assert case.prove() == []
    assert replace(case, copies={"t": copies}).prove()


def test_copies_of_what_is_settled_are_none() -> None:
    case = made("key: [k]", {"a": A, "b": A}, A, {"b.t": [lost("merged_identical", rule="quarantine")]}, schema=T)
    assert replace(case, copies={}).prove() == []
    found = replace(case, copies={"t": COPIES[:2]}).prove()
    assert found == ["m.t: 2 rows of the ledger stand among its copies of undecided rows, and are none"]
    undecided = made("key: [k]", {"a": A, "b": B}, A, {"a.t": [shown()], "b.t": [behind()]}, schema=T)
    assert replace(undecided, copies={}).prove()


RENUMBER = "key: [k], identity: {column: id, strategy: renumber}"


def kept(built: str, moved: int | None, *, rule: str = RENUMBER, b: str = "(1, 'x', 2)", said: str = D) -> HandMade:
    """Let a and b have x under one id, and somebody keep both; ``c`` holds what b does."""
    own = int(b[1])
    entries = {
        "a.t": [shown(D)],
        "b.t": [(own, "inserted", said, moved or own, None, None)],
        "c.t": [(3, "merged_identical", D, moved or own, 2, own)],
    }
    case = made(rule, {"a": "(1, 'x', 1)", "b": b, "c": "(3, 'x', 2)"}, built, entries, schema=IDS)
    return replace(case, decisions=[("m.t", [("a.t", 1), ("b.t", own), ("c.t", 3)], "all")])


def test_all_rows_stand_beside_each_other_and_identical_ones_are_one() -> None:
    for said in (D, "identity"):
        case = kept("(1, 'x', 1), (4, 'x', 2)", 4, said=said)
        assert case.prove() == [], said
        assert undecided_of(case) == {}
    free = kept("(1, 'x', 1), (2, 'x', 2)", None, b="(2, 'x', 2)")
    assert free.prove() == []
    for wrong in ("(1, 'x', 1)", "(1, 'x', 1), (4, 'x', 3)", "(1, 'x', 1), (4, 'x', 2), (5, 'x', 2)",
                  "(1, 'x', 2), (4, 'x', 1)", "(1, 'x', 1), (3, 'x', 2)"):  # fmt: skip
        assert kept(wrong, int(wrong.split("(")[2][0]) if wrong.count("(") > 1 else None).prove(), wrong
    assert kept("(1, 'x', 1), (4, 'x', 2)", 4, b="(2, 'x', 2)").prove() == [
        "m.t: 1 row of b.t got another id, and theirs was free (row 2)"
    ]
    assert kept("(1, 'x', 1), (2, 'x', 2)", None, b="(2, 'x', 2)", said="identity").prove()
    undone = replace(case, decisions=[], lines=[])
    assert undone.prove()


def test_rows_that_nobody_kept_do_not_stand_beside_each_other() -> None:
    """Of y both versions stand too, without an entry that would call for its group."""
    case = kept("(1, 'x', 1), (4, 'x', 2)", 4)
    more = {name: sql + f"; INSERT INTO t VALUES ({place}, 'y', {place})"
            for place, (name, sql) in enumerate(case.sources.items(), start=7)}  # fmt: skip
    doubled = replace(case, sources=more, built=case.built + ", (7, 'y', 7), (8, 'y', 8), (9, 'y', 9)")
    assert "m.t: 2 rows stand there with a key that another one has" in doubled.prove()


BY_ID = "key: [id], identity: {column: id, strategy: %s}"


@pytest.mark.parametrize(("strategy", "new"), [("renumber", 4), ("offset", 2)])
def test_rows_that_met_by_their_id_are_kept_under_others(strategy: str, new: int) -> None:
    entries = {"a.t": [shown(D)], "b.t": [(1, "inserted", D, new, None, None)]}
    given = {"a": "(1, 'x', 1)", "b": "(1, 'y', 2)", "c": "(3, 'z', 3)"}
    moved = 3 if strategy == "renumber" else 5
    if strategy == "offset":
        entries["c.t"] = [(3, "inserted", "identity", moved, None, None)]
    built = f"(1, 'x', 1), ({new}, 'y', 2), ({moved}, 'z', 3)"
    case = made(BY_ID % strategy, given, built, entries, schema=IDS)
    case = replace(case, decisions=[("m.t", [("a.t", 1), ("b.t", 1)], "all")])
    assert case.prove() == []
    assert replace(case, decisions=[], lines=[]).prove()
    assert replace(case, built=case.built.replace(f"({new},", "(6,")).prove()


def test_a_row_that_was_kept_and_is_refused_waits_alone() -> None:
    unique = IDS.replace("k TEXT", "k TEXT UNIQUE")
    case = kept("(1, 'x', 1)", None)
    case = replace(case, entries={
        "a.t": [shown(D)], "b.t": [(1, "quarantined", "constraint", None, None, None)],
        "c.t": [(3, "quarantined", D, None, 2, 1)]}, schema=unique)  # fmt: skip
    assert case.prove() == []
    loose = replace(case, schema=IDS)
    assert loose.prove() == ["m.t: 1 row of b.t is said to be refused, and would go in (row 1)"]


def test_a_row_that_was_taken_and_is_refused_waits_with_its_group() -> None:
    checked = T.replace("v,", "v CHECK (v <> 2),")
    case = replace(decided(2, B, ("quarantined", "quarantined")), schema=checked, built="", copies=None, entries={
        "a.t": [(1, "quarantined", "constraint", None, None, None)],
        "b.t": [(1, "quarantined", D, None, 1, 1)], "c.t": [(1, "quarantined", D, None, 1, 1)]})  # fmt: skip
    assert case.prove() == []
    assert replace(case, schema=T).prove()
    assert replace(case, decisions=[("m.t", GROUP, 1)]).prove()


@pytest.mark.parametrize(("take", "is_right"), [(1, True), (2, False), ({"v": 2}, False), ({"v": 1}, True)])
def test_a_row_that_waits_itself_is_not_taken(take: object, is_right: bool) -> None:
    """b's boss is refused by the target."""
    case = with_bosses(1, 5)
    fate = "merged_changed" if isinstance(take, dict) else "superseded"
    case = replace(
        case, built=case.built + "; INSERT INTO t VALUES ('x', 'a', '2024-01-01', 1)",
        entries={**case.entries, "a.t": [shown(D)], "b.t": [lost(fate)]},
        decisions=[("m.t", [("a.t", 1), ("b.t", 1)], take)],
    )  # fmt: skip
    found = case.prove()
    assert (found == []) == is_right
    if not is_right:
        assert "m.t: decision 1 takes row 2, which waits for a row that it refers to" in found


def test_children_of_rows_that_lost_point_at_the_shown_row() -> None:
    case = with_notes()
    case = replace(
        case, built=case.built.replace("(1, 'ann', 1)", "(1, 'ann', 2)"),
        entries={**case.entries, "a.t": [shown(D)], "b.t": [lost("superseded", row=9)]},
        decisions=[("m.t", [("a.t", 1), ("b.t", 9)], 2)],
    )  # fmt: skip
    assert case.prove() == []
    for own in ("9", "NULL", "2"):
        stale = replace(case, built=case.built.replace("(1, 'of b')", f"({own}, 'of b')"))
        assert stale.prove()
        assert replace(stale, entries={**case.entries, "b.notes": []}).prove()


def test_children_of_rows_that_were_all_kept_stay_their_own() -> None:
    case = with_notes(schema=USERS.replace("TEXT UNIQUE", "TEXT"))
    case = replace(
        case,
        plan=case.plan.replace("key: [name]", "key: [name], identity: {column: id, strategy: renumber}"),
        built="INSERT INTO t VALUES (1, 'ann', 1), (9, 'ann', 2); INSERT INTO notes VALUES (1, 'of a'), (9, 'of b')",
        entries={"a.t": [shown(D)], "b.t": [(9, "inserted", D, 9, None, None)]},
        decisions=[("m.t", [("a.t", 1), ("b.t", 9)], "all")],
    )
    assert case.prove() == []
    gone = replace(case, built=case.built.replace("(9, 'of b')", "(1, 'of b')"))
    assert gone.prove()
    assert replace(gone, entries={**case.entries, "b.notes": [FOLLOWED]}).prove()


@pytest.mark.parametrize("take", [2, {"v": 2}])
def test_the_shown_row_keeps_its_number_where_the_plan_names_no_identity(take: object) -> None:
    """Its INTEGER PRIMARY KEY says where it stands: another one could be another row's, and would move it."""
    case = made(
        "key: [k]", {"a": "(1, 'x', 1)", "b": "(9, 'x', 2)"}, "(1, 'x', 2)",
        {"a.t": [shown(D)], "b.t": [lost("superseded" if take == 2 else "merged_changed", row=9)]}, schema=IDS,
    )  # fmt: skip
    case = replace(case, decisions=[("m.t", [("a.t", 1), ("b.t", 9)], take)])
    assert case.prove() == []
    moved = {"a.t": [(1, "inserted", D, 9, None, None)], "b.t": [(9, "merged_identical", D, 9, 1, 1)]}
    assert replace(case, built="INSERT INTO t VALUES (9, 'x', 2)", entries=moved).prove()


def test_rows_of_one_file_that_are_equal_in_all_columns_are_both_listed() -> None:
    loose = LOOSE.replace("at TEXT", "w")
    rows = [(row, "merged_identical", D, 1, 1, 1) for row in (1, 2)]
    case = made("key: [k]", {"a": A, "b": f"{B}, {B}"}, B, {"a.t": [shown(D)], "b.t": rows}, schema=loose)
    case = replace(case, decisions=[("m.t", [("a.t", 1), ("b.t", 1), ("b.t", 2)], 2)])
    assert case.prove() == []
    once = replace(case, decisions=[("m.t", [("a.t", 1), ("b.t", 1)], 2)], lines=None)
    assert "m.t: decision 1 fits no group that is undecided" in once.prove()
