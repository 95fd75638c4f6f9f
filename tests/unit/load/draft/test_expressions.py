from __future__ import annotations

import pytest

from tests.unit.load.draft.drafts import draft

TABLE = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, r REAL, s TEXT, mail TEXT COLLATE NOCASE, ok BOOLEAN, "
    "day DATE, at DATETIME, j JSON, u UUID, b BLOB, d DECIMAL, CHECK ({})); "
    "INSERT INTO t (id, n, b) VALUES (1, 1, x'00');"
)
PRAGMA = "PRAGMA ignore_check_constraints = ON; "
TRANSLATED = [
    ("n > 0", '("n" > 0)'),
    ("[n] == `n`", '("n" = "n")'),
    ("n", '("n" <> 0)'),
    ("rowid > 5", '("id" > 5)'),
    ("t.n > '5'", '("n" > 5)'),
    ("n BETWEEN 1 AND 5", '(("n" >= 1) AND ("n" <= 5))'),
    ("n IN (1, 2, NULL)", '("n" IN (1, 2, NULL))'),
    ("n IS NOT 1", '("n" IS DISTINCT FROM 1)'),
    ("s NOTNULL", '(NOT ("s" IS NULL))'),
    ("n / 2 = 1", '(("n"::bigint / NULLIF(2, 0)::bigint) = 1)'),
    ("s IN ('a', \"word\")", "(\"s\" IN ('a', 'word'))"),
    ("s = 5", "(\"s\" = '5')"),
    ("s < 'm'", '(("s" COLLATE "C") < (\'m\' COLLATE "C"))'),
    ("mail = 'A@B'", '(lower("mail" COLLATE "C") = lower(\'A@B\' COLLATE "C"))'),
    ("s = 'x ' COLLATE RTRIM", "(rtrim(\"s\", ' ') = rtrim('x ', ' '))"),
    ("s LIKE 'A\\_%'", "(lower(\"s\" COLLATE \"C\") LIKE 'a\\_%' ESCAPE '')"),
    ("s NOT LIKE 'a!_%' ESCAPE '!'", "(NOT (lower(\"s\" COLLATE \"C\") LIKE 'a!_%' ESCAPE '!'))"),
    ("s GLOB '[0-9][^a]*.?'", '(("s" COLLATE "C") ~ \'^[0-9][^a].*\\u002e.$\')'),
    ("length(s) = 3", '(length("s") = 3)'),
    ("lower(s) = s", '(lower("s" COLLATE "C") = "s")'),
    ("trim(s) <> ''", "(btrim(\"s\", ' ') <> '')"),
    ("substr(s, 1, 2) = 'ab'", "(substr(\"s\", 1, 2) = 'ab')"),
    ("ok IN (0, 1)", '("ok" IN (false, true))'),
    ("ok = 1 OR NOT ok", '(("ok" = true) OR (NOT "ok"))'),
    ("ok + n < 2", '(("ok"::integer::bigint + "n"::bigint) < 2)'),
    ("(s IS NULL) + (r IS NULL) = 1", '((("s" IS NULL)::integer::bigint + ("r" IS NULL)::integer::bigint) = 1)'),
    ("day > '2024-01-01'", "(\"day\" > '2024-01-01'::date)"),
    ("at IS NULL OR u IS NOT NULL", '(("at" IS NULL) OR (NOT ("u" IS NULL)))'),
    ("json_valid(j)", '(CASE WHEN "j" IS NOT NULL THEN true END)'),
    ("typeof(n) = 'integer'", "((CASE WHEN \"n\" IS NULL THEN 'null' ELSE 'integer' END) = 'integer')"),
    ("CASE WHEN n > 1 THEN r ELSE NULL END > 0", '((CASE WHEN ("n" > 1) THEN "r" ELSE NULL END) > 0)'),
    ("coalesce(ok, 0)", 'COALESCE("ok", false)'),
    ("iif(n > 1, 'b', 'a') = s", "((CASE WHEN (\"n\" > 1) THEN 'b' ELSE 'a' END) = \"s\")"),
    ("b <> x'00'", "(\"b\" <> '\\x00'::bytea)"),
    ("d > 0.1", '("d" > (0.1))'),
    ("abs(n) > 1", '(abs("n") > 1)'),
    ("NULL IS n", '("n" IS NULL)'),
    ("NULL IS NOT n", '("n" IS NOT NULL)'),
    ("cast(n AS TEXT) = '1'", "((\"n\")::text = '1')"),
    ("coalesce(ok, n) = 1", '(COALESCE("ok"::integer, "n") = 1)'),
    ("s GLOB '[]a]'", '(("s" COLLATE "C") ~ \'^[\\u005da]$\')'),
    ("n -- a remark\n > /* another, ( */ 0", '("n" > 0)'),
]


@pytest.mark.parametrize(("condition", "wanted"), TRANSLATED)
def test_a_condition_that_means_the_same_comes_along(condition: str, wanted: str) -> None:
    found = draft(PRAGMA + TABLE.format(condition))
    check = next(one for one in found.statements if one.subject == "check t.ck_t")
    assert check.statement == f'ALTER TABLE "t" ADD CONSTRAINT "ck_t" CHECK ({wanted})'
    assert check.is_optional
    assert found.reported == ()


REFUSED = [
    ("at > '2024-01-01'", "compares a time with a text"),
    ("date(at) > 1", "uses date()"),
    ("n = 'x'", "compares a number with a text"),
    ("+n = '5'", "has a plus before a name"),
    ("s COLLATE mine = 'x'", "uses the collation MINE"),
    ("s GLOB s", "matches a pattern that is no literal"),
    ("n LIKE '1%'", "matches what is no text"),
    ("s GLOB '[z-a]'", "has a range of letters that is empty"),
    ("s LIKE 'a!' ESCAPE '!'", "has a pattern that ends with what escapes"),
    ("substr(s, -1) = 'x'", "takes a part of a text whose place is no literal"),
    ("s || r = 'x'", "joins what is no text"),
    ("d + 1 > 0", "reckons with decimals, which SQLite rounds to doubles"),
    ("typeof(at) = 'text'", "uses typeof() of a column whose values were of several types"),
    ("json_valid(s)", "uses json_valid() of a column that is not jsonb"),
    ("json_extract(j, '$.a') = 1", "uses json_extract()"),
    ("n << 1 = 2", "uses BITWISELEFTSHIFT"),
    ("s", "takes what is no number for true or false"),
    ("max(n, r) > 1", "uses greatest()"),
    ("n IN ()", "looks in an empty list"),
    ("n > 9223372036854775808", "has a number beyond 64 bits"),
    ("abs(s) > 1", "reckons with what is no number"),
    ("r % 2 = 0", "takes the rest of what is no whole number"),
    ("r & 1 = 1", "takes the bits of what is no whole number"),
    ("- -n = 1", "depends on what binds first: put it in parentheses"),
    ("s || s COLLATE NOCASE = 'x'", "depends on what binds first: put it in parentheses"),
    ("s LIKE 'xa%' ESCAPE 'a'", "escapes with a letter"),
    ("s GLOB '[a'", "has a pattern with an open bracket"),
    ("replace(s, 'a', 1) = s", "cannot be parsed"),
    ("unknown_of_mine(s)", "uses unknown_of_mine()"),
]


@pytest.mark.parametrize(("condition", "why"), REFUSED)
def test_any_other_condition_is_reported(condition: str, why: str) -> None:
    with_function = PRAGMA + TABLE.format(condition).replace("unknown_of_mine(s)", "quote(s)")
    found = draft(with_function)
    assert not [one for one in found.statements if one.subject.startswith("check")]
    why, condition = why.replace("unknown_of_mine", "quote"), condition.replace("unknown_of_mine", "quote")
    assert found.reported == (f"t: CHECK ({condition}) does not come along: it {why}",)


def test_what_was_text_and_became_a_boolean_compares_with_no_number() -> None:
    found = draft("CREATE TABLE t (ok BOOLEAN CHECK (ok <> 5)); INSERT INTO t VALUES ('true');")
    assert found.reported == (
        "t: CHECK (ok <> 5) does not come along: it compares a value of another type with a number",
    )


def test_a_number_without_affinity_is_no_text() -> None:
    found = draft("CREATE TABLE t (c CHECK (c <> '5')); INSERT INTO t VALUES (5);")
    assert found.reported == ("t: CHECK (c <> '5') does not come along: it compares a number with a text",)
