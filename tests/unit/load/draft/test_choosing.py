from __future__ import annotations

import pytest

from strongroom.core.errors import PlanError
from strongroom.core.plan.form import ColumnType
from strongroom.load.draft import describe_numbers, detect_epoch, find_zoneless
from tests.unit.load.draft.drafts import draft, find_type, hold, open_script

INSTANT, UUID = "'2024-02-29T10:00:00Z'", "'c56a4180-65aa-42ec-a945-5fd21dec0538'"
FITTING = [
    ("INTEGER", ["1", "-9223372036854775808", "NULL"], "bigint"),
    ("VARCHAR(3)", ["'longer'"], "text"),
    ("FLOAT", ["1.5", "9e999"], "double precision"),
    ("BLOB", ["x'00'"], "bytea"),
    ("BLOB", [], "bytea"),
    ("", ["1", "2"], "bigint"),
    ("", ["1.5", "NULL"], "double precision"),
    ("", ["NULL"], "text"),
    ("BOOLEAN", ["0", "1", "'true'", "'FALSE'", "NULL"], "boolean"),
    ("BOOL", [], "boolean"),
    ("DATETIME", [INSTANT, "1700000000", "1700000000.5"], "timestamptz"),
    ("TIMESTAMP WITH TIME ZONE", ["1700000000123"], "timestamptz"),
    ("DATE", ["'2024-02-29'"], "date"),
    ("JSON", ["'{\"a\": [1, null]}'", "1", "2.5", "'\"x\"'"], "jsonb"),
    ("JSONB", ["'[]'"], "jsonb"),
    ("UUID", [UUID, "x'c56a418065aa42eca9455fd21dec0538'"], "uuid"),
    ("GUID", [], "uuid"),
    ("DECIMAL(10, 2)", ["1", "2.5", "'12345678901234567890.123'"], "numeric"),
    ("MONEY", ["10"], "numeric"),
]


@pytest.mark.parametrize(("declared", "values", "kind"), FITTING)
def test_what_a_column_declares_counts_where_all_its_values_fit(declared: str, values: list[str], kind: str) -> None:
    found = draft(hold(declared, *values))
    assert found.statements[0].statement == f'CREATE TABLE "t" ("c" {kind})'
    assert found.reported == ()


UNFITTING = [
    ("BOOLEAN", ["0", "2"], "bigint", "a value is neither 0 nor 1, true nor false"),
    ("BOOLEAN", ["'yes'"], "text", "a value is neither 0 nor 1, true nor false"),
    ("BOOLEAN", ["0.5"], "double precision", "it holds REAL"),
    ("DATETIME", ["'yesterday'"], "text", "a value is no instant: another form, or a day that is none"),
    ("DATETIME", ["1700000000", "1700000000123"], "bigint",
     "a value is a number, and there is no unit in which all lie between 1980 and 2100"),
    ("DATETIME", ["12", "1.5"], "numeric",
     "a value is a number, and there is no unit in which all lie between 1980 and 2100"),
    ("DATE", ["'2024-02-30'"], "text", "a value is no instant: another form, or a day that is none"),
    ("JSON", ["'{'"], "text", "a value is no JSON"),
    ("JSON", ["'{\"a\": 1, \"a\": 2}'"], "text", "a value has a name twice in one object"),
    ("UUID", ["'12-34'"], "text", "a value is no UUID"),
    ("DECIMAL", ["'1.5.2'"], "text", "a value is no decimal number"),
    ("INTEGER", ["'a'"], "text", "it holds TEXT"),
    ("INTEGER", ["1", "1.5"], "numeric", "it holds INTEGER and REAL"),
    ("TEXT", ["x'00'"], "bytea", "it holds BLOB"),
    ("STRING", ["'a'"], "text", "it holds TEXT"),
    ("BLOB", ["'a'"], "text", "it holds TEXT"),
    ("TIME", [], "text", ""),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "values", "kind", "why"), UNFITTING)
def test_else_it_becomes_what_holds_everything_and_that_is_reported(
    declared: str, values: list[str], kind: str, why: str
) -> None:
    found = draft(hold(declared, *values))
    assert found.statements[0].statement == f'CREATE TABLE "t" ("c" {kind})'
    assert found.reported == (f"t.c: declared {declared}, comes as {kind}{': ' if why else ''}{why}",)


@pytest.mark.parametrize("declared", ["INTEGER", "TEXT", "REAL"])
def test_of_a_plain_type_the_rows_that_do_not_fit_wait(declared: str) -> None:
    found = draft(hold(declared, "x'00'", "'a'", "1"))
    assert [line for line in found.reported if line.endswith("rows that do not fit wait")] == list(found.reported) != []
    late = draft(hold(declared, "1", "x'00'", "'a'"))
    assert late.statements[0].statement == found.statements[0].statement


def test_a_double_that_comes_late_in_a_column_of_whole_numbers_counts() -> None:
    assert find_type("CREATE TABLE t (c INTEGER); INSERT INTO t VALUES (1), (2), (2.5);") == "numeric"


def test_a_value_that_comes_late_counts() -> None:
    many = (
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT 1 FROM n;"
    )
    assert find_type(f"CREATE TABLE t (c BOOLEAN); {many}") == "boolean"
    assert find_type(f"CREATE TABLE t (c BOOLEAN); {many} INSERT INTO t VALUES (2);") == "bigint"
    days = many.replace("SELECT 1 FROM n", "SELECT '2024-01-01' FROM n")
    assert find_type(f"CREATE TABLE t (c DATE); {days} INSERT INTO t VALUES ('never');") == "text"


def test_nobody_guesses_a_zone() -> None:
    naive = hold("DATETIME", "'2024-01-01 10:00'")
    assert find_type(naive, zone="Europe/Vienna") == "timestamptz"
    found = draft(naive, zone=None)
    assert found.statements[0].statement == 'CREATE TABLE "t" ("c" text)'
    assert "has no time zone, and nobody says which it is in" in found.reported[0]
    assert find_type(naive, {"t.c": ColumnType(time_zone="UTC")}, zone=None) == "timestamptz"


def test_a_local_time_that_the_zone_has_twice_keeps_the_column_text() -> None:
    assert find_type(hold("DATETIME", "'2024-10-27 02:30:00'"), zone="Europe/Vienna") == "text"


def test_all_columns_that_no_type_holds_are_named_at_once() -> None:
    script = (
        "CREATE TABLE t (a NUMERIC, b, c BOOLEAN); INSERT INTO t VALUES (1, 'x', 1), ('z', 2, 'perhaps'), (2, 1.5, 0);"
    )
    with pytest.raises(PlanError) as raised:
        draft(script)
    assert raised.value.subject == "core.t.a"
    assert raised.value.fact == (
        "is declared NUMERIC and holds 2 INTEGER, 1 TEXT, which no one type holds; it is the same of t.b, t.c"
    )
    assert raised.value.hint == "say under types: what they are, as t.a: numeric; rows that do not fit wait"


def test_the_plan_says_what_mixed_columns_are() -> None:
    assert find_type(hold("", "1", "'x'"), {"T.C": ColumnType(type="text")}) == "text"
    assert find_type(hold("TEXT", "'[1]'"), {"t.c": ColumnType(type="bigint[]")}) == "bigint[]"
    assert find_type(hold("INT", "1700000000123"), {"t.c": ColumnType(epoch="ms")}) == "timestamptz"


@pytest.mark.parametrize(
    ("said", "values", "fact", "hint"),
    [
        (ColumnType(type="timestamptz"), ["1", "1700000000"],
         "is to be a time, and its numbers are of no one unit (numbers between 1980 and 2100: 1 as seconds, 1 as none)",
         "say it under types: t.c: {type: timestamptz, epoch: s}, or ms, us"),
        (ColumnType(type="timestamptz"), ["'2024-01-01'"], "is to be a time, and holds times without a zone",
         "say time_zone: UTC (or another) under defaults:, or of the column under types:"),
        (ColumnType(type="enum", values=("a", "a")), [], "has a label twice",
         "name each of its values once under types:"),
        (ColumnType(type="enum", values=("ü" * 32,)), [], f"has a label of more than 63 bytes: {'ü' * 32}",
         "shorten it, or say text"),
    ],
)  # fmt: skip
def test_what_the_plan_says_and_cannot_be_is_refused(said: ColumnType, values: list[str], fact: str, hint: str) -> None:
    with pytest.raises(PlanError) as raised:
        draft(hold("", *values), {"t.c": said}, zone=None)
    assert (raised.value.subject, raised.value.fact, raised.value.hint) == ("core.t.c", fact, hint)


@pytest.mark.parametrize("place", ["t.d", "u.c"])
def test_a_type_of_a_column_that_is_not_there_is_refused(place: str) -> None:
    with pytest.raises(PlanError, match=rf"core\.{place}: has a type in the plan, and is not there"):
        draft(hold("TEXT"), {place: ColumnType(type="text")})


def test_strict_tables_need_no_look_but_for_any() -> None:
    script = "CREATE TABLE t (a INT, b TEXT, c REAL, d BLOB, e ANY) STRICT; INSERT INTO t VALUES (1, '', 1, x'', 'x');"
    assert draft(script).statements[0].statement == (
        'CREATE TABLE "t" ("a" bigint, "b" text, "c" double precision, "d" bytea, "e" text)'
    )


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (["1700000000", "NULL", "'x'"], "s"),
        (["315532800", "4102444800.0"], "s"),
        (["315532799"], None),
        (["1700000000123", "1700000000123.5"], "ms"),
        (["1700000000123456"], "us"),
        (["2460000.5"], "julian"),
        (["1700000000", "1700000000123"], None),
        (["'1700000000'"], None),
        ([], None),
    ],
)
def test_a_unit_is_that_in_which_all_numbers_lie(values: list[str], unit: str | None) -> None:
    with open_script(hold("", *values)) as connection:
        connection.text_factory = bytes
        assert detect_epoch(connection, "t", "c") == unit
        assert connection.text_factory is bytes


def test_numbers_are_counted_by_their_unit() -> None:
    with open_script(hold("", "1700000000", "1700000001", "2460000.5", "7", "'x'")) as connection:
        connection.text_factory = bytes
        told = describe_numbers(connection, "t", "c")
        assert told == "numbers between 1980 and 2100: 2 as seconds, 1 as Julian days, 1 as none"
        assert connection.text_factory is bytes
    with open_script(hold("", "'x'")) as connection:
        assert describe_numbers(connection, "t", "c") == "no numbers"


@pytest.mark.parametrize(
    ("value", "is_zoneless"),
    [
        ("'2024-01-01'", True),
        ("'2024-01-01 10:00:00.123456'", True),
        ("'2024-01-01T10:00Z'", False),
        ("'soon'", False),
        ("CAST(x'ff' AS TEXT)", False),
        ("1700000000", False),
    ],
)
def test_a_time_without_a_zone_is_found(value: str, *, is_zoneless: bool) -> None:
    with open_script(hold("", "'2024-01-01T10:00Z'", value)) as connection:
        assert find_zoneless(connection, "t", "c") is is_zoneless
