"""Rules, ids, refusals, filters, documents and structure: a right result is proven, each wrong one beside it is not."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.consolidate.verify import verify_chains
from tests.unit.consolidate.verify.hand_made import Entry, HandMade

ONE = "sources: {a: {path: a.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
TWO = "sources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
T = "CREATE TABLE t (k TEXT PRIMARY KEY, v, at TEXT);"
IDS = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, k TEXT, v);"


def pair(schema: str, rule: str, a: str, b: str, built: str, entries: Mapping[str, Sequence[Entry]]) -> HandMade:
    """Let a.t and b.t feed m.t by a rule."""
    return HandMade(
        plan=TWO + f"tables: [{{into: m.t, from: [a.t, b.t], {rule}}}]\n",
        schema=schema,
        sources={
            "a": schema + (f"INSERT INTO t VALUES {a}" if a else ""),
            "b": schema + (f"INSERT INTO t VALUES {b}" if b else ""),
        },
        built=f"INSERT INTO t VALUES {built}" if built else "",
        inputs={"t": ["a.t", "b.t"]},
        offsets={"b.t": a.count("(")},
        entries=entries,
    )


def lost(fate: str, rule: str, stands: int | None, winner: int, row: int = 1) -> Entry:
    return (1, fate, rule, stands, winner, row)


def shown(rule: str) -> Entry:
    """Say of a.t's first row that it is shown though nothing decides for it."""
    return (1, "inserted", rule, 1, None, None)


def waiting(rule: str) -> Entry:
    """Say of a first row that it waits for a decision, and that a.t's is shown."""
    return (1, "quarantined", rule, 1, 1, 1)


A, B = "('x', 1, '2024-01-01')", "('x', 2, '2024-02-01')"
DECIDED = {
    "prefer": pair(T, "on_conflict: {rule: prefer}", A, B, A, {"b.t": [lost("superseded", "prefer", 1, 1)]}),
    "identical": pair(T, "on_conflict: {rule: prefer}", A, A, A, {"b.t": [lost("merged_identical", "prefer", 1, 1)]}),
    "oldest": pair(
        T, "on_conflict: {rule: oldest, by: at}", A, B, A, {"b.t": [lost("superseded", "oldest", 1, 1)]}
    ),
    "merge": pair(
        T, "on_conflict: {rule: merge, columns: {v: {rule: max}}}", A, B, "('x', 2, '2024-01-01')",
        {"a.t": [(1, "inserted", "merge", 1, None, None)], "b.t": [lost("merged_changed", "merge", 1, 1)]},
    ),
    "first valid": pair(
        T, "on_conflict: {rule: merge, columns: {v: {rule: first_valid, pattern: '[0-9]+'}}}", "('x', '1a', '')",
        "('x', '22', '')", "('x', '22', '')",
        {"a.t": [(1, "inserted", "merge", 1, None, None)], "b.t": [lost("merged_identical", "merge", 1, 1)]},
    ),
    "none is valid": pair(
        T, "on_conflict: {rule: merge, columns: {v: {rule: first_valid, pattern: '[0-9]+'}}}", "('x', NULL, '')",
        "('x', 22, '')", "('x', 22, '')",
        {"a.t": [(1, "inserted", "merge", 1, None, None)], "b.t": [lost("merged_identical", "merge", 1, 1)]},
    ),
    "nothing": pair(T, "key: [k]", A, B, A, {"a.t": [shown("quarantine")], "b.t": [waiting("quarantine")]}),
    "quarantine": pair(
        T, "on_conflict: {rule: quarantine}", A, B, A, {"a.t": [shown("quarantine")], "b.t": [waiting("quarantine")]}
    ),
    "a tie": pair(
        T, "on_conflict: {rule: newest, by: at}", A, "('x', 2, '2024-01-01T00:00+00:00')", A,
        {"a.t": [shown("newest")], "b.t": [waiting("newest")]},
    ),
    "never": pair(
        T, "on_conflict: {rule: oldest, by: at}", A, "('x', 2, NULL)", A, {"b.t": [lost("superseded", "oldest", 1, 1)]}
    ),
    "what is no instant": pair(
        T, "on_conflict: {rule: newest, by: at}", "('x', 1, 'soon')", B, "('x', 1, 'soon')",
        {"a.t": [shown("newest")], "b.t": [waiting("newest")]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DECIDED.values(), ids=DECIDED.keys())
def test_a_rule_is_derived_anew(case: HandMade) -> None:
    assert case.prove() == []
    published = {f"INSERT INTO t VALUES {row}" for row in (A, B, "('x', 2, '2024-01-01')", "('x', NULL, NULL)")} | {""}
    for built in published - {case.built}:
        assert replace(case, built=built).prove(), built
    assert replace(case, entries={}).prove()


def test_a_wrong_winner_with_a_ledger_that_goes_along_is_found() -> None:
    newest = pair(T, "on_conflict: {rule: newest, by: at}", A, B, "", {})
    right = replace(newest, built="INSERT INTO t (rowid, k, v, at) VALUES (2, 'x', 2, '2024-02-01')",
                    entries={"a.t": [lost("superseded", "newest", 2, 2)]})  # fmt: skip
    assert right.prove() == []
    wrong = replace(newest, built=f"INSERT INTO t VALUES {A}", entries={"b.t": [lost("superseded", "newest", 1, 1)]})
    assert wrong.prove() == [
        "m.t: 1 row of a.t stands in the target, and another row should (row 1)",
        "m.t: 1 row of b.t should stand in the target, and is superseded (row 1)",
    ]


RENUMBER = "key: [k], identity: {column: id, strategy: renumber}, on_conflict: {rule: prefer}"


@pytest.mark.parametrize(("new", "is_right"), [(8, True), (9, True), (3, False), (7, False), (1, False), (5, False)])
def test_a_fresh_id_is_one_that_nobody_uses_or_used(new: int, is_right: bool) -> None:
    """a has an id 1 and gave ids up to 7; b's row 1 needs another one, and has a 5 besides."""
    case = pair(IDS, RENUMBER, "(1, 'x', 1), (7, 'gone', 0); DELETE FROM t WHERE id = 7", "(1, 'y', 2), (5, 'z', 3)",
                f"(1, 'x', 1), (5, 'z', 3), ({new}, 'y', 2)" if new not in (1, 5) else "(1, 'x', 1), (5, 'z', 3)",
                {"b.t": [(1, "inserted", "identity", new, None, None)]})  # fmt: skip
    built = case.built + f"; UPDATE sqlite_sequence SET seq = {max(7, new)}"
    assert (replace(case, built=built).prove() == []) == is_right


def test_an_id_that_is_free_stays() -> None:
    case = pair(IDS, RENUMBER, "(1, 'x', 1)", "(2, 'y', 2)", "(1, 'x', 1), (2, 'y', 2)", {})
    assert case.prove() == []
    moved = replace(case, built="INSERT INTO t VALUES (1, 'x', 1), (3, 'y', 2)")
    assert replace(moved, entries={"b.t": [(2, "inserted", "identity", 3, None, None)]}).prove()


def test_the_earlier_row_keeps_its_id() -> None:
    case = pair(IDS, RENUMBER, "(1, 'x', 1)", "(1, 'y', 2)", "(1, 'x', 1), (2, 'y', 2)",
                {"b.t": [(1, "inserted", "identity", 2, None, None)]})  # fmt: skip
    assert case.prove() == []
    swapped = replace(case, built="INSERT INTO t VALUES (2, 'x', 1), (1, 'y', 2)",
                      entries={"a.t": [(1, "inserted", "identity", 2, None, None)]})  # fmt: skip
    assert swapped.prove() == ["m.t: 1 row of a.t got another id, and theirs was free (row 1)"]


def test_ids_move_up_by_what_came_before() -> None:
    rule = "identity: {column: id, strategy: offset}, on_conflict: {rule: keep_both}"
    case = pair(IDS, rule, "(1, 'x', 1), (5, 'y', 1)", "(1, 'x', 2)", "(1, 'x', 1), (5, 'y', 1), (6, 'x', 2)",
                {"b.t": [(1, "inserted", "identity", 6, None, None)]})  # fmt: skip
    assert case.prove() == []
    for other in (2, 7):
        wrong = replace(case, built=f"INSERT INTO t VALUES (1, 'x', 1), (5, 'y', 1), ({other}, 'x', 2)",
                        entries={"b.t": [(1, "inserted", "identity", other, None, None)]})  # fmt: skip
        assert wrong.prove()


KEEP = {"renumber": "on_conflict: {rule: keep_both}",
        "offset": "identity: {column: id, strategy: offset}, on_conflict: {rule: keep_both}"}  # fmt: skip


@pytest.mark.parametrize("rule", KEEP.values(), ids=KEEP.keys())
def test_equal_rows_with_one_id_are_not_both_kept(rule: str) -> None:
    row = "(1, 'x', 0.0)"
    right = pair(IDS, rule, row, row, row, {"b.t": [lost("merged_identical", "keep_both", 1, 1)]})
    assert right.prove() == []
    both = pair(IDS, rule, row, row, f"{row}, (2, 'x', 0.0)", {"b.t": [(1, "inserted", "identity", 2, None, None)]})
    assert both.prove() == ["m.t: 1 row of b.t stands beside rows of a.t with their key"]
    differing = pair(IDS, rule, row, "(1, 'x', 0)", f"{row}, (2, 'x', 0)", both.entries)
    assert differing.prove() == []


def test_ids_that_are_text_follow_from_the_old_ones() -> None:
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY, k TEXT, v);"
    rule = "key: [k], identity: {column: id, strategy: uuid5}, on_conflict: {rule: prefer}"
    new = "84f69a10-7de1-5cf1-a8ef-9e92b4d4d3b3"
    case = pair(schema, rule, "('u', 'x', 1)", "('u', 'y', 2)", f"('u', 'x', 1), ('{new}', 'y', 2)",
                {"b.t": [(1, "inserted", "identity", 2, None, None)]})  # fmt: skip
    right = str(uuid.uuid5(uuid.UUID("8f0c9d1e-6a43-5b0e-9d1c-5f2a7c3e4b10"), "b.t/75"))
    assert replace(case, built=case.built.replace(new, right)).prove() == []
    assert case.prove()


def test_a_row_whose_id_is_taken_waits_unless_the_plan_says_otherwise() -> None:
    case = pair(IDS, "key: [k], on_conflict: {rule: prefer}", "(1, 'x', 1)", "(1, 'y', 2), (2, 'z', 3)",
                "(1, 'x', 1), (2, 'z', 3)", {"b.t": [(1, "quarantined", "identity", None, None, None)]})  # fmt: skip
    assert case.prove() == []
    needless = replace(case, built="INSERT INTO t VALUES (1, 'x', 1); UPDATE sqlite_sequence SET seq = 2", entries={
        "b.t": [*case.entries["b.t"], (2, "quarantined", "identity", None, None, None)]})  # fmt: skip
    assert needless.prove() == ["m.t: 1 row of b.t waits for an id that is free (row 2)"]


REFUSING = {
    "unique": "CREATE TABLE t (k TEXT PRIMARY KEY, v UNIQUE, at);",
    "check": "CREATE TABLE t (k TEXT PRIMARY KEY, v CHECK (v <> 1 OR k = 'x'), at);",
    "a partial index": "CREATE TABLE t (k TEXT PRIMARY KEY, v, at); CREATE UNIQUE INDEX u ON t (v) WHERE v > 0;",
    "an expression": "CREATE TABLE t (k TEXT PRIMARY KEY, v, at); CREATE UNIQUE INDEX u ON t (abs(v));",
}


@pytest.mark.parametrize("schema", REFUSING.values(), ids=REFUSING.keys())
def test_a_row_that_is_said_to_be_refused_is_tried(schema: str) -> None:
    entries = {"b.t": [(1, "quarantined", "constraint", None, None, None)]}
    loose = "CREATE TABLE t (k TEXT PRIMARY KEY, v, at);"
    case = pair(loose, "on_conflict: {rule: prefer}", "('x', 1, NULL)", "('y', 1, NULL)", "('x', 1, NULL)", entries)
    assert replace(case, schema=schema).prove() == []
    assert case.prove() == ["m.t: 1 row of b.t is said to be refused, and would go in (row 1)"]


def test_a_row_that_lost_to_a_refused_one_waits_with_it() -> None:
    schema = "CREATE TABLE t (k TEXT PRIMARY KEY, v CHECK (v <> 1), at);"
    loose = "CREATE TABLE t (k TEXT PRIMARY KEY, v, at);"
    waiting = [(1, "quarantined", "constraint", None, None, None)]
    case = replace(pair(loose, "on_conflict: {rule: prefer}", A, B, "", {"a.t": waiting, "b.t": [
        (1, "quarantined", "prefer", None, 1, 1)]}), schema=schema)  # fmt: skip
    assert case.prove() == []
    assert replace(
        case, built="INSERT INTO t (rowid, k, v, at) VALUES (2, 'x', 2, '2024-02-01')", entries={"a.t": waiting}
    ).prove()


def test_two_rows_do_not_stand_in_one_place_of_a_table_without_key() -> None:
    schema = "CREATE TABLE t (v REFERENCES u (id)); CREATE TABLE u (id INTEGER PRIMARY KEY, k UNIQUE);"
    case = HandMade(
        plan=TWO + "tables: [{into: m.u, from: [a.u, b.u], key: [k], identity: {column: id, strategy: renumber}, "
        "on_conflict: {rule: prefer}}]\ncopy: {m: [a.t, b.t]}\n", schema=schema,
        sources={"a": schema + "INSERT INTO u VALUES (1, 'x')",
                 "b": schema + "INSERT INTO u VALUES (1, 'y'); INSERT INTO t VALUES (1), (1)"},
        built="INSERT INTO u VALUES (1, 'x'), (2, 'y'); INSERT INTO t VALUES (2), (2)",
        inputs={"u": ["a.u", "b.u"], "t": ["a.t", "b.t"]},
        entries={"b.u": [(1, "inserted", "identity", 2, None, None)],
                 "b.t": [(row, "inserted", "reference", row, None, None) for row in (1, 2)]},
    )  # fmt: skip
    assert case.prove() == []
    entries = {**case.entries, "b.t": [(row, "inserted", "reference", 1, None, None) for row in (1, 2)]}
    assert replace(case, entries=entries).prove()
    assert replace(case, entries=entries, built=case.built.replace("(2), (2)", "(2), (9)")).prove()


def test_what_does_not_pass_where_is_left_out_and_nothing_else() -> None:
    plan = ONE + "tables: [{into: m.t, from: [a.t], where: {sql: v > 1, reason: small}}]\n"
    case = HandMade(
        plan=plan, schema=T, sources={"a": T + f"INSERT INTO t VALUES {A}, ('y', 2, ''), ('z', NULL, '')"},
        built="INSERT INTO t (rowid, k, v, at) VALUES (2, 'y', 2, '')", inputs={"t": ["a.t"]},
        entries={"a.t": [(1, "filtered", "where", None, None, None), (3, "filtered", "where", None, None, None)]},
    )  # fmt: skip
    assert case.prove() == []
    assert replace(case, built=case.built + f"; INSERT INTO t (rowid, k, v, at) VALUES (1, {A[1:]}",
                   entries={"a.t": case.entries["a.t"][1:]}).prove()  # fmt: skip
    assert replace(
        case, built="", entries={"a.t": [*case.entries["a.t"], (2, "filtered", "where", None, None, None)]}
    ).prove()


def test_a_value_that_its_column_would_change_is_refused() -> None:
    plan = ONE + "copy: {m: [a.t]}\n"
    values = [("INTEGER", "'7'", True), ("TEXT", "7", True), ("REAL", "7", True), ("INTEGER", "7.0", True),
              ("INTEGER", "'x'", False), ("", "7.0", False)]  # fmt: skip
    for declared, value, is_changed in values:
        case = HandMade(
            plan=plan, schema=f"CREATE TABLE t (v {declared});",
            sources={"a": f"CREATE TABLE t (v); INSERT INTO t VALUES ({value})"},
            built=f"INSERT INTO t VALUES ({value})", inputs={"t": ["a.t"]},
        )  # fmt: skip
        found = case.prove()
        assert any("would change" in line for line in found) == is_changed, (declared, value, found)
        assert bool(found) == is_changed


def test_the_documents_rows_are_read_anew() -> None:
    text = '{"p": {"x": {"a": 1}, "y": {"a": [1, "é"], "key": "own"}}}'
    case = HandMade(
        plan="sources: {d: {path: d.json, format: json, rows: {p: $.p}}}\ntargets: {m: {path: m.db}}\n"
        "copy: {m: [d.p]}\n",
        sources={}, documents={"d.json": text},
        built="""CREATE TABLE "p" ("key", "a"); INSERT INTO p VALUES ('x', 1), ('own', '[1, "é"]')""",
        inputs={"p": ["d.p"]},
    )  # fmt: skip
    assert case.prove() == []
    assert replace(case, built=case.built.replace("'own'", "'y'")).prove()
    more = text[:-1] + ', "q": 1}'
    homeless = replace(case, documents={"d.json": more})
    assert homeless.prove() == ["d.json: $.q has no place"]
    kept = 'CREATE TABLE "d.document" (name TEXT, content TEXT);'
    kept += f"INSERT INTO \"d.document\" VALUES ('d.json', '{more}')"
    dropped = homeless.plan + "drop: [{table: d.document, reason: kept}]\n"
    assert replace(homeless, plan=dropped, archive=kept).prove() == []


def test_nothing_is_without_a_place() -> None:
    case = HandMade(
        plan=ONE + "copy: {m: [a.t]}\n", schema="CREATE TABLE t (v);",
        sources={"a": "CREATE TABLE t (v); CREATE TABLE u (w); INSERT INTO t VALUES (1)"},
        built="INSERT INTO t VALUES (1)", inputs={"t": ["a.t"]},
    )  # fmt: skip
    assert case.prove() == ["a.u: is a table that has no place"]
    column = replace(case, sources={"a": "CREATE TABLE t (v, w); INSERT INTO t VALUES (1, NULL)"})
    assert column.prove() == ["m.t: column w of a.t has no place"]
    carried = replace(column, plan="defaults: {unmapped_column: carry}\n" + column.plan)
    assert replace(carried, built="ALTER TABLE t ADD COLUMN w; INSERT INTO t VALUES (1, NULL)").prove() == []
    assert carried.prove()


CARRIED = {
    "text": ("'pend''ing'", "DEFAULT 'pend''ing'", "'pend''ing'"), "a number": ("-1.5", "DEFAULT -1.5", "-1.5"),
    "a word": ("TRUE", "DEFAULT TRUE", "1"), "in parentheses": ("(7)", "DEFAULT 7", "7"), "bytes": ("x'00'",) * 3,
    "nothing": ("NULL", "DEFAULT NULL", "NULL"), "the time": ("CURRENT_TIMESTAMP", "", "NULL"),
    "an expression": ("('a' || 'b')", "", "NULL"), "a text in double quotes": ('"x"', 'DEFAULT "x"', "'x'"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "added", "filled"), CARRIED.values(), ids=CARRIED.keys())
def test_a_carried_column_keeps_its_literal_default(given: str, added: str, filled: str) -> None:
    """b.t has no such column: its rows get the default, and so does what an application inserts later."""
    added = f"DEFAULT {added}" if added.startswith("x") else added
    right = HandMade(
        plan="defaults: {unmapped_column: carry}\n" + TWO + "copy: {m: [a.t, b.t]}\n", schema="CREATE TABLE t (v);",
        sources={"a": f"CREATE TABLE t (v, w DEFAULT {given}); INSERT INTO t VALUES (1, 'own')",
                 "b": "CREATE TABLE t (v); INSERT INTO t VALUES (2)"},
        built=f"ALTER TABLE t ADD COLUMN w {added}; INSERT INTO t VALUES (1, 'own'), (2, {filled})",
        inputs={"t": ["a.t", "b.t"]}, offsets={"b.t": 1},
    )  # fmt: skip
    assert right.prove() == []
    for other in ({added, "DEFAULT 'other'", "", "DEFAULT NULL"}) - {added}:
        lost = replace(right, built=right.built.replace(f"COLUMN w {added};", f"COLUMN w {other};"))
        assert "m: table t is not what it should be" in lost.prove(), other
    for other in {"NULL", "'other'"} - {filled}:
        assert replace(right, built=right.built.replace(f"(2, {filled})", f"(2, {other})")).prove(), other


def test_the_first_file_that_has_a_carried_column_says_its_default() -> None:
    right = HandMade(
        plan="defaults: {unmapped_column: carry}\n" + TWO + "copy: {m: [b.t, a.t]}\n", schema="CREATE TABLE t (v);",
        sources={"a": "CREATE TABLE t (v, w DEFAULT 1); INSERT INTO t VALUES (1, 5)",
                 "b": "CREATE TABLE t (v, w); INSERT INTO t VALUES (2, 6)"},
        built="ALTER TABLE t ADD COLUMN w; INSERT INTO t VALUES (2, 6), (1, 5)",
        inputs={"t": ["b.t", "a.t"]}, offsets={"a.t": 1},
    )  # fmt: skip
    assert right.prove() == []
    other = replace(right, built=right.built.replace("COLUMN w;", "COLUMN w DEFAULT 1;"))
    assert other.prove() == ["m: table t is not what it should be"]


def test_rows_of_the_schema_file_are_the_last_input() -> None:
    schema = T + f"INSERT INTO t VALUES {A}, ('s', 9, '');"
    case = HandMade(
        plan=ONE + "tables: [{into: m.t, from: [a.t], on_conflict: {rule: prefer}}]\n", schema=schema,
        sources={"a": T + "INSERT INTO t VALUES ('x', 5, '')"},
        built="DELETE FROM t; INSERT INTO t (rowid, k, v, at) VALUES (1, 'x', 5, ''), (3, 's', 9, '')",
        inputs={"t": ["a.t", "schema.t"]}, offsets={"schema.t": 1},
        entries={"schema.t": [(1, "superseded", "prefer", 1, 1, 1)]},
    )  # fmt: skip
    assert case.prove() == []
    assert replace(case, built="DELETE FROM t; INSERT INTO t VALUES ('x', 5, '')").prove()


STRUCTURE = {
    "an index": "DROP INDEX i", "a view": "DROP VIEW w", "a trigger": "DROP TRIGGER g", "a table": "DROP TABLE unfed",
    "a number": "PRAGMA user_version = 4", "an invented table": "CREATE TABLE more (a)",
    "rows where none belong": "INSERT INTO unfed VALUES (2)", "a column": "ALTER TABLE t ADD COLUMN more",
}  # fmt: skip


@pytest.mark.parametrize("spoilt", STRUCTURE.values(), ids=STRUCTURE.keys())
def test_the_structure_is_made_anew(spoilt: str) -> None:
    around = (
        "CREATE INDEX i ON t (v); CREATE VIEW w AS SELECT k FROM t; "
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END; PRAGMA user_version = 3;"
    )
    case = HandMade(
        plan=ONE + "copy: {m: [a.t]}\n", schema=T + "CREATE TABLE unfed (a); INSERT INTO unfed VALUES (1);",
        sources={"a": T + around + f"INSERT INTO t VALUES {A}"}, built=around + f"INSERT INTO t VALUES {A}",
        inputs={"t": ["a.t"]},
    )  # fmt: skip
    assert case.prove() == []
    assert replace(case, built=f"{case.built}; {spoilt}").prove()


AWKWARD = {
    "a table without rowid": ("CREATE TABLE t (a TEXT, b, PRIMARY KEY (b, a)) WITHOUT ROWID", "('x', 1), ('y', x'00')"),
    "columns named like rowids": ("CREATE TABLE t (rowid, _rowid_, oid)", "(1, 2, 3), (1, 2, 3)"),
    "two names of the rowid taken": ("CREATE TABLE t (rowid, oid)", "(1, 2), (3, NULL)"),
    "a key that ignores case": ("CREATE TABLE t (a TEXT PRIMARY KEY COLLATE NOCASE, b)", "('Ab', 1), ('c', -0.0)"),
    "a generated column": ("CREATE TABLE t (a, b AS (a * 2), c AS (a * 3) STORED)", ""),
    "a strict table": ("CREATE TABLE t (a ANY, b INT) STRICT", "('1', 1), (1.0, NULL)"),
    "no rows": ("CREATE TABLE t (a)", ""),
    "a name with quotes and braces": ('CREATE TABLE t (a, "{a} ""b""" TEXT PRIMARY KEY)', "(1, 'x')"),
    "text that is none": ("CREATE TABLE t (a TEXT, b)", "(CAST(x'61ff' AS TEXT), CAST(x'6100' AS TEXT))"),
    "full text": ("CREATE VIRTUAL TABLE t USING fts5 (a)", "('fox'), ('dog')"),
    "boxes": ("CREATE VIRTUAL TABLE t USING rtree (id, x0, x1)", "(7, 1, 2), (9, -1.5, 0)"),
}


@pytest.mark.parametrize(("schema", "rows"), AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_tables_are_proven_too(schema: str, rows: str) -> None:
    filled = f"INSERT INTO t VALUES {rows}" if rows else ""
    if "GENERATED" in schema or "AS (" in schema:
        filled = "INSERT INTO t (a) VALUES (1), ('2')"
    case = HandMade(
        plan=ONE + "copy: {m: [a.t]}\n", schema=schema + ";", sources={"a": f"{schema}; {filled}"}, built=filled,
        inputs={"t": ["a.t"]},
    )  # fmt: skip
    assert case.prove() == []
    first = schema.split("(")[1].split(maxsplit=1)[0].strip(",)")
    for spoilt in SPOILT if filled else ():
        assert replace(case, built=f"{filled}; {spoilt.format(first=first)}").prove()


SPOILT = ("DELETE FROM t", "DELETE FROM t WHERE {first} = (SELECT max({first}) FROM t)")


def test_rows_that_wait_for_each_other_alone_are_found() -> None:
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES t (id));"
    case = HandMade(
        plan=ONE + "copy: {m: [a.t]}\n", schema=schema,
        sources={"a": schema + "INSERT INTO t VALUES (1, 2), (2, 1), (3, 3)"},
        built="INSERT INTO t VALUES (3, 3)", inputs={"t": ["a.t"]},
        entries={"a.t": [(row, "quarantined", "reference", None, None, None) for row in (1, 2)]},
    )  # fmt: skip
    assert case.prove() == []
    with tempfile.TemporaryDirectory() as scratch:
        house, _ = case.write(Path(scratch))
        assert verify_chains(house, "m").differences == ("m.t: 2 rows wait for each other, and for nothing else",)
