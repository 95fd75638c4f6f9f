"""Groups that nothing decides: the first row is shown, the others wait and name it, and children follow it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.consolidate.verify import verify_chains
from tests.unit.consolidate.verify.hand_made import Entry, HandMade

T = "CREATE TABLE t (k TEXT PRIMARY KEY, v, at TEXT);"
LOOSE = "CREATE TABLE t (k TEXT, v, at TEXT);"
WITHOUT = "CREATE TABLE t (k TEXT PRIMARY KEY, v, at TEXT) WITHOUT ROWID;"
X1, X2, X3 = "('x', 1, '2024-01-01')", "('x', 2, '2024-01-01')", "('x', 3, '2024-02-01')"


def made(
    rule: str,
    given: Mapping[str, str],
    built: str,
    entries: Mapping[str, Sequence[Entry]],
    *,
    schema: str = T,
    more: str = "",
) -> HandMade:
    """Let tables ``t`` of several files feed m.t, each with the rows that are given."""
    named = ", ".join(f"{name}: {{path: {name}.db}}" for name in given)
    fed = [f"{name}.t" for name in given]
    counts = [rows.count("(") for rows in given.values()]
    given_schema = schema.replace(" WITHOUT ROWID", "")  # the ledger's entries are written by rowid
    return HandMade(
        plan=f"sources: {{{named}}}\ntargets: {{m: {{path: m.db, schema: m.sql}}}}\n"
        f"tables: [{{into: m.t, from: [{', '.join(fed)}], {rule}}}]\n{more}",
        schema=schema,
        sources={name: given_schema + f"INSERT INTO t VALUES {rows}" for name, rows in given.items()},
        built=f"INSERT INTO t VALUES {built}" if built else "",
        inputs={"t": fed},
        offsets={name: sum(counts[:place]) for place, name in enumerate(fed)},
        entries=entries,
    )


def shown(rule: str = "quarantine", stands: int | None = 1, row: int = 1) -> Entry:
    return (row, "inserted", rule, stands, None, None)


def behind(rule: str = "quarantine", stands: int | None = 1, winner: int = 1, row: int = 1) -> Entry:
    return (row, "quarantined", rule, stands, winner, 1)


def undecided_of(case: HandMade) -> Mapping[str, int]:
    (found,) = [tally.undecided for part in case.verify() for into, tally in part.targets.items() if into == "m.t"]
    return found


RULES = {
    "quarantine": ("quarantine", "on_conflict: {rule: quarantine}"),
    "nothing is said": ("quarantine", "key: [k]"),
    "identical": ("identical", "on_conflict: {rule: identical}"),
    "newest": ("newest", "on_conflict: {rule: newest, by: at}"),
    "oldest": ("oldest", "on_conflict: {rule: oldest, by: at}"),
}
SCHEMAS = {"a key": (T, 1), "a key of the plan alone": (LOOSE, 1), "no rowid": (WITHOUT, None)}


def two(rule: str, said: str, schema: str, stands: int | None) -> HandMade:
    entries = {"a.t": [shown(rule, stands)], "b.t": [behind(rule, stands)]}
    said = said if "key" in said else f"key: [k], {said}"
    return made(said, {"a": X1, "b": X2}, X1, entries, schema=schema)


@pytest.mark.parametrize(("rule", "said"), RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize(("schema", "stands"), SCHEMAS.values(), ids=SCHEMAS.keys())
def test_the_first_row_is_shown_and_the_others_wait(rule: str, said: str, schema: str, stands: int | None) -> None:
    case = two(rule, said, schema, stands)
    assert case.prove() == []
    assert undecided_of(case) == {"a": 1}
    (tallies,) = [part.tables for part in case.verify() if part.tables]
    assert [(tally.inserted, tally.quarantined) for tally in tallies.values()] == [(1, 0), (0, 1)]


@pytest.mark.parametrize(("schema", "stands"), SCHEMAS.values(), ids=SCHEMAS.keys())
@pytest.mark.parametrize(("rule", "said"), RULES.values(), ids=RULES.keys())
def test_no_other_row_is_shown_whatever_the_ledger_says(rule: str, said: str, schema: str, stands: int | None) -> None:
    case = two(rule, said, schema, stands)
    other = 2 if stands else None
    second = "INSERT INTO t VALUES " + X2 if stands is None else "INSERT INTO t (rowid, k, v, at) VALUES (2, " + X2[1:]
    wrong = {"a.t": [(1, "quarantined", rule, other, 2, 1)], "b.t": [shown(rule, other)]}
    assert replace(case, built=second, entries=wrong).prove() == [
        "m.t: 1 row of a.t should stand in the target, and is quarantined (row 1)",
        "m.t: 1 row of b.t should be quarantined, and is inserted in the ledger (row 1)",
        "m.t: holds 1 rows, and the sources explain 0",
    ]
    waiting = {name: [(1, "quarantined", rule, None, None, None)] for name in ("a.t", "b.t")}
    assert replace(case, built="", entries=waiting).prove()
    assert replace(case, built="").prove()


@pytest.mark.parametrize("entries", [{}, {"a.t": [shown()], "b.t": [shown(stands=2)]}, {"a.t": [shown()]}])
def test_two_rows_are_not_shown(entries: Mapping[str, Sequence[Entry]]) -> None:
    case = made("key: [k]", {"a": X1, "b": X2}, f"{X1}, {X2}", entries, schema=LOOSE)
    assert case.prove()


def test_the_ledger_names_what_is_shown() -> None:
    case = two("quarantine", "key: [k]", T, 1)
    plain = replace(case, entries={"b.t": [behind()]})
    assert plain.prove() == [
        "m.t: 1 row of a.t is shown for a group that nobody decided, and the ledger does not say so (row 1)"
    ]
    for claim in (shown("identity"), shown("reference"), shown("merge"), (1, "inserted", "quarantine", 1, 2, 1)):
        assert replace(case, entries={**case.entries, "a.t": [claim]}).prove(), claim


@pytest.mark.parametrize(
    "claim",
    [
        (1, "quarantined", "quarantine", None, None, None),
        (1, "quarantined", "quarantine", None, 1, 1),
        (1, "quarantined", "quarantine", 1, None, None),
        (1, "quarantined", "quarantine", 1, 2, 1),
        (1, "quarantined", "quarantine", 2, 1, 1),
        (1, "quarantined", "constraint", 1, 1, 1),
        (1, "quarantined", "reference", 1, 1, 1),
        (1, "superseded", "quarantine", 1, 1, 1),
        (1, "merged_identical", "quarantine", 1, 1, 1),
        (1, "filtered", "where", None, None, None),
    ],
)
def test_a_row_that_waits_for_a_decision_names_the_one_that_is_shown(claim: Entry) -> None:
    case = two("quarantine", "key: [k]", T, 1)
    assert replace(case, entries={**case.entries, "b.t": [claim]}).prove()


DECIDED = {
    "rows that are alone": {"a": X1, "b": "('y', 2, '')"},
    "rows that are identical": {"a": X1, "b": X1},
}


@pytest.mark.parametrize("given", DECIDED.values(), ids=DECIDED.keys())
def test_what_is_settled_is_not_called_undecided(given: Mapping[str, str]) -> None:
    alike = {"b.t": [(1, "merged_identical", "quarantine", 1, 1, 1)]} if given["b"] == X1 else {}
    built = X1 if alike else f"{X1}, {given['b']}"
    case = made("key: [k]", given, built, alike)
    assert case.prove() == []
    assert undecided_of(case) == {}
    claimed = replace(case, entries={**alike, "a.t": [shown()]})
    assert claimed.prove() == ["m.t: 1 row of a.t arrived plainly, and the ledger says otherwise (row 1)"]


def test_a_row_without_a_key_is_not_called_undecided() -> None:
    case = made("key: [k]", {"a": "(NULL, 1, '')", "b": X2}, f"(NULL, 1, ''), {X2}", {}, schema=LOOSE)
    assert case.prove() == []
    assert replace(case, entries={"a.t": [shown()]}).prove()


def test_rows_that_equal_the_one_that_is_shown_are_merged() -> None:
    alike = (1, "merged_identical", "quarantine", 1, 1, 1)
    case = made("key: [k]", {"a": X1, "b": X2, "c": X1, "d": X2}, X1,
                {"a.t": [shown()], "b.t": [behind()], "c.t": [alike], "d.t": [behind()]})  # fmt: skip
    assert case.prove() == []
    assert undecided_of(case) == {"a": 1}
    assert replace(case, entries={**case.entries, "c.t": [behind()]}).prove()
    among = {**case.entries, "d.t": [(1, "merged_identical", "quarantine", 1, 2, 1)]}
    assert replace(case, entries=among).prove()


def test_the_first_row_is_shown_where_later_ones_tie() -> None:
    case = made("on_conflict: {rule: newest, by: at}", {"a": X1, "b": X3, "c": X3.replace("3", "4")}, X1,
                {"a.t": [shown("newest")], "b.t": [behind("newest")], "c.t": [behind("newest")]})  # fmt: skip
    assert case.prove() == []
    wrong = {"a.t": [(1, "superseded", "newest", 2, 2, 1)], "b.t": [shown("newest", 2)],
             "c.t": [behind("newest", 2, 2)]}  # fmt: skip
    built = f"INSERT INTO t (rowid, k, v, at) VALUES (2, {X3[1:]}"
    assert replace(case, built=built, entries=wrong).prove()


def test_the_order_of_the_plan_says_which_is_first() -> None:
    entries = {"b.t": [shown(stands=2)], "a.t": [behind(stands=2)]}
    case = made("on_conflict: {rule: quarantine, order: [b]}", {"a": X1, "b": X2}, X2, entries)
    case = replace(case, inputs={"t": ["b.t", "a.t"]}, offsets={"a.t": 1})
    right = {"b.t": [shown(stands=1)], "a.t": [behind(stands=1)]}
    assert replace(case, entries=right).prove() == []
    assert undecided_of(replace(case, entries=right)) == {"b": 1}
    assert case.prove()


def test_groups_are_counted_by_the_source_that_is_shown() -> None:
    case = made(
        "key: [k]",
        {"a": "('x', 1, ''), ('z', 1, '')", "b": "('x', 2, ''), ('y', 1, '')", "c": "('y', 2, ''), ('z', 2, '')"},
        "('x', 1, ''), ('z', 1, '')",
        {
            "a.t": [shown(), shown(stands=2, row=2)],
            "b.t": [behind(), shown(stands=4, row=2)],
            "c.t": [(1, "quarantined", "quarantine", 4, 2, 2), (2, "quarantined", "quarantine", 2, 1, 2)],
        },
    )
    case = replace(case, built=case.built + "; INSERT INTO t (rowid, k, v, at) VALUES (4, 'y', 1, '')")
    assert case.prove() == []
    assert undecided_of(case) == {"a": 2, "b": 1}


def test_where_the_first_row_is_refused_the_whole_group_waits() -> None:
    schema = T.replace("v,", "v CHECK (v <> 1),")
    case = made("key: [k]", {"a": X1, "b": X2}, "", {
        "a.t": [(1, "quarantined", "constraint", None, None, None)],
        "b.t": [(1, "quarantined", "quarantine", None, None, None)]})  # fmt: skip
    refused = replace(case, schema=schema)
    assert refused.prove() == []
    assert undecided_of(refused) == {}
    assert case.prove() == ["m.t: 1 row of a.t is said to be refused, and would go in (row 1)"]
    second = "INSERT INTO t (rowid, k, v, at) VALUES (2, 'x', 2, '2024-01-01')"
    assert replace(refused, built=second, entries={**case.entries, "b.t": [shown(stands=2)]}).prove()
    assert replace(refused, entries={**case.entries, "b.t": [behind()]}).prove()


NORMALIZED = "key: [k], normalize: {k: [casefold]}"


def test_a_group_of_look_alikes_is_shown_too() -> None:
    case = made(NORMALIZED, {"a": X1, "b": X2.replace("x", "X")}, X1, {"a.t": [shown()], "b.t": [behind()]})
    assert case.prove() == []
    assert undecided_of(case) == {"a": 1}
    assert replace(case, entries={"b.t": [behind()]}).prove()
    lone = replace(case, sources={**case.sources, "b": T}, entries={"a.t": [shown()]})
    assert lone.prove() == ["m.t: 1 row of a.t arrived plainly, and the ledger says otherwise (row 1)"]


def test_where_one_file_holds_keys_that_only_look_alike_the_whole_group_waits() -> None:
    given = {"a": f"{X1}, {X2.replace('x', 'X')}", "b": X3}
    waits = [(row, "quarantined", "quarantine", None, None, None) for row in (1, 2)]
    case = made(NORMALIZED, given, "", {"a.t": waits, "b.t": waits[:1]})
    assert case.prove() == []
    assert undecided_of(case) == {}
    named = {"a.t": [shown(), behind(row=2)], "b.t": [behind()]}
    assert replace(case, built=f"INSERT INTO t VALUES {X1}", entries=named).prove()


def test_many_files_are_gone_through_as_few_are() -> None:
    given = {f"s{number}": f"('x', {number % 3}, '')" for number in range(9)}
    said = {
        f"s{number}.t": [(1, "merged_identical", "quarantine", 1, 1, 1) if number % 3 == 0 else behind()]
        for number in range(1, 9)
    }
    case = made("key: [k]", given, "('x', 0, '')", {"s0.t": [shown()], **said})
    assert case.prove() == []
    assert undecided_of(case) == {"s0": 1}
    assert replace(case, entries={**case.entries, "s4.t": [(1, "superseded", "quarantine", 1, 1, 1)]}).prove()


IDS = "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, v);"


def test_a_row_that_is_shown_under_another_id_is_named_undecided() -> None:
    rule = "key: [k], identity: {column: id, strategy: renumber}"
    case = made(rule, {"a": "(1, 'w', 0)", "b": "(1, 'x', 1)", "c": "(1, 'x', 2)"}, "(1, 'w', 0), (2, 'x', 1)",
                {"b.t": [shown(stands=2)], "c.t": [behind(stands=2, winner=2)]}, schema=IDS)  # fmt: skip
    assert case.prove() == []
    assert undecided_of(case) == {"b": 1}
    (tallies,) = [part.tables for part in case.verify() if part.tables]
    assert tallies["b.t"].rewritten == 1
    assert replace(case, entries={**case.entries, "b.t": [shown("identity", 2)]}).prove()


USERS = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, v);"
NOTES = "CREATE TABLE notes (u INTEGER REFERENCES t (id), s TEXT);"
FOLLOWED = (1, "inserted", "reference", None, None, None)
WAITS = (1, "quarantined", "reference", None, None, None)


def with_notes(*, schema: str = USERS, stands: int | None = 1, key: str = "name") -> HandMade:
    """Let a and b have ann under different ids, and a note of each; nobody decides which ann is right."""
    case = made(
        f"key: [{key}]", {"a": "(1, 'ann', 1)", "b": "(9, 'ann', 2)"}, "(1, 'ann', 1)",
        {"a.t": [shown(stands=stands)], "b.t": [behind(stands=stands, row=9)], "b.notes": [FOLLOWED]},
        schema=schema + NOTES, more="copy: {m: [a.notes, b.notes]}\n",
    )  # fmt: skip
    return replace(
        case,
        sources={"a": f"{case.sources['a']}; INSERT INTO notes VALUES (1, 'of a')",
                 "b": f"{case.sources['b']}; INSERT INTO notes VALUES (9, 'of b')"},
        built=f"{case.built}; INSERT INTO notes VALUES (1, 'of a'), (1, 'of b')",
        inputs={**case.inputs, "notes": ["a.notes", "b.notes"]},
        offsets={**case.offsets, "b.notes": 1},
    )  # fmt: skip


def test_children_of_a_version_that_waits_point_at_the_one_that_is_shown() -> None:
    case = with_notes()
    assert case.prove() == []
    (tally,) = [part.references["m.notes.u"] for part in case.verify() if part.references]
    assert (tally.followed, tally.waiting, tally.orphans_before) == (1, 0, 0)
    for own in ("9", "NULL", "2"):
        stale = replace(case, built=case.built.replace("(1, 'of b')", f"({own}, 'of b')"))
        assert stale.prove()
        assert replace(stale, entries={**case.entries, "b.notes": []}).prove()
    without = replace(case, built=case.built.replace(", (1, 'of b')", ""))
    assert replace(without, entries={**case.entries, "b.notes": [WAITS]}).prove()


def test_children_of_a_group_that_waits_whole_wait_too() -> None:
    """The row that would be shown is refused: a's ann has the value 1."""
    case = with_notes(schema=USERS.replace("v)", "v CHECK (v <> 1))"))
    loose = {name: sql.replace(" CHECK (v <> 1)", "") for name, sql in case.sources.items()}
    alone = {
        "a.t": [(1, "quarantined", "constraint", None, None, None)],
        "b.t": [(9, "quarantined", "quarantine", None, 1, 1)],
        "a.notes": [WAITS],
        "b.notes": [WAITS],
    }
    right = replace(case, sources=loose, built="", entries=alone)
    assert right.prove() == []
    adopted = {**alone, "b.notes": []}
    assert replace(right, built="INSERT INTO notes (rowid, u, s) VALUES (2, 9, 'of b')", entries=adopted).prove()


def test_children_follow_into_a_table_without_rowids() -> None:
    """Its rows have no number, so that what is shown is known by the ledger's winner."""
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY, name TEXT UNIQUE, v) WITHOUT ROWID;"
    case = with_notes(schema=schema, stands=None)
    case = replace(case, schema=case.schema.replace("u INTEGER", "u TEXT"))
    names = {"(1, 'ann'": "('one', 'ann'", "(9, 'ann'": "('nine', 'ann'", "u INTEGER": "u TEXT",
             "(1, 'of": "('one', 'of", "(9, 'of": "('nine', 'of"}  # fmt: skip

    def renamed(sql: str) -> str:
        for old, new in names.items():
            sql = sql.replace(old, new)
        return sql

    keyed = {"a.t": [shown(stands=None)], "b.t": [behind(stands=None)], "b.notes": [FOLLOWED]}
    case = replace(case, sources={name: renamed(sql) for name, sql in case.sources.items()},
                   built=renamed(case.built), entries=keyed)  # fmt: skip
    assert case.prove() == []
    stale = replace(case, built=case.built.replace("('one', 'of b')", "('nine', 'of b')"))
    assert stale.prove()
    assert replace(stale, entries={**keyed, "b.notes": []}).prove()


BOSSES = "CREATE TABLE t (k TEXT PRIMARY KEY, v, at TEXT, boss INTEGER REFERENCES u (id));"
CHIEFS = "CREATE TABLE u (id INTEGER PRIMARY KEY, name TEXT%s);"


def with_bosses(a: int, b: int, *, said: str = "key: [k]") -> HandMade:
    """Let a.t and b.t differ and refer to chiefs: a's 1 stays, b's 1 becomes 2, and 5 is refused by the target."""
    schema = BOSSES + CHIEFS
    given = {"a": (1, "ann", 5, "eve"), "b": (1, "bob", 5, "eve")}
    chief = "into: m.u, from: [a.u, b.u], key: [name], identity: {column: id, strategy: renumber}"
    return HandMade(
        plan="sources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
        f"tables: [{{into: m.t, from: [a.t, b.t], {said}}}, {{{chief}, on_conflict: {{rule: prefer}}}}]\n",
        schema=schema % " CHECK (name <> 'eve')",
        sources={
            name: schema % "" + f"INSERT INTO u VALUES ({one[0]}, '{one[1]}'), ({one[2]}, '{one[3]}'); "
            f"INSERT INTO t VALUES ('x', '{name}', '2024-01-01', {boss})"
            for (name, one), boss in zip(given.items(), (a, b), strict=True)
        },
        built="INSERT INTO u VALUES (1, 'ann'), (2, 'bob')",
        inputs={"t": ["a.t", "b.t"], "u": ["a.u", "b.u"]},
        offsets={"b.t": 1},
        entries={
            "a.u": [(5, "quarantined", "constraint", None, None, None)],
            "b.u": [(1, "inserted", "identity", 2, None, None), (5, "quarantined", "prefer", None, 1, 5)],
        },
    )


@pytest.mark.parametrize("said", ["key: [k]", NORMALIZED, "key: [k], on_conflict: {rule: newest, by: at}"])
def test_where_the_first_row_waits_for_its_reference_the_whole_group_waits(said: str) -> None:
    rule = "newest" if "newest" in said else "quarantine"
    case = with_bosses(5, 1, said=said)
    waits = {"a.t": [WAITS], "b.t": [(1, "quarantined", rule, None, None, None)]}
    assert replace(case, entries={**case.entries, **waits}).prove() == []
    second = "; INSERT INTO t (rowid, k, v, at, boss) VALUES (2, 'x', 'b', '2024-01-01', 2)"
    named = {"a.t": [(1, "quarantined", "reference", 2, 2, 1)], "b.t": [shown(rule, 2)]}
    assert replace(case, built=case.built + second, entries={**case.entries, **named}).prove()


@pytest.mark.parametrize("said", ["key: [k]", NORMALIZED, "key: [k], on_conflict: {rule: newest, by: at}"])
def test_a_later_row_that_waits_for_its_reference_names_the_one_that_is_shown_too(said: str) -> None:
    rule = "newest" if "newest" in said else "quarantine"
    case = with_bosses(1, 5, said=said)
    case = replace(case, built=case.built + "; INSERT INTO t VALUES ('x', 'a', '2024-01-01', 1)")
    for reason in (rule, "reference"):
        waits = {"a.t": [shown(rule)], "b.t": [behind(reason)]}
        assert replace(case, entries={**case.entries, **waits}).prove() == []
    for claim in (WAITS, behind("constraint"), behind(rule, None), behind(rule, 2, 2)):
        assert replace(case, entries={**case.entries, "a.t": [shown(rule)], "b.t": [claim]}).prove(), claim


@pytest.mark.parametrize("said", ["key: [k]", NORMALIZED])
def test_a_row_that_is_shown_follows_its_own_references(said: str) -> None:
    case = with_bosses(1, 1, said=f"{said}, on_conflict: {{rule: quarantine, order: [b]}}")
    case = replace(
        case,
        built=case.built + "; INSERT INTO t VALUES ('x', 'b', '2024-01-01', 2)",
        inputs={"t": ["b.t", "a.t"], "u": ["a.u", "b.u"]},
        offsets={"a.t": 1},
        entries={**case.entries, "b.t": [shown()], "a.t": [behind()]},
    )
    assert case.prove() == []
    (tally,) = [part.tables["b.t"] for part in case.verify() if "b.t" in part.tables]
    assert (tally.inserted, tally.rewritten) == (1, 1)
    (tally,) = [part.references["m.t.boss"] for part in case.verify() if part.references]
    assert tally.followed == 1
    assert replace(case, entries={**case.entries, "b.t": [shown("reference")]}).prove()
    assert replace(case, built=case.built.replace("'2024-01-01', 2)", "'2024-01-01', 1)")).prove()


CIRCLE = "CREATE TABLE t (k TEXT PRIMARY KEY, v, boss TEXT REFERENCES t (k));"


def test_a_group_that_waits_for_itself_alone_is_found() -> None:
    """The first row of x refers to y and the first of y to x: nothing keeps either from being shown."""
    case = made("key: [k]", {"a": "('x', 1, 'y'), ('y', 1, 'x')", "b": "('x', 2, NULL), ('y', 2, NULL)"}, "", {
        "a.t": [(row, "quarantined", "reference", None, None, None) for row in (1, 2)],
        "b.t": [(row, "quarantined", "quarantine", None, None, None) for row in (1, 2)]}, schema=CIRCLE)  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        house, _ = case.write(Path(scratch))
        assert verify_chains(house, "m").differences == ("m.t: 4 rows wait for each other, and for nothing else",)
    right = replace(
        case,
        built="INSERT INTO t VALUES ('x', 1, 'y'), ('y', 1, 'x')",
        entries={"a.t": [shown(), shown(stands=2, row=2)],
                 "b.t": [behind(), (2, "quarantined", "quarantine", 2, 1, 2)]},
    )  # fmt: skip
    assert right.prove() == []
    with tempfile.TemporaryDirectory() as scratch:
        house, _ = right.write(Path(scratch))
        assert verify_chains(house, "m").differences == ()
