from __future__ import annotations

import pytest

from tests.unit.load.draft.drafts import draft

TABLES = """
CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT, low TEXT COLLATE NOCASE, ok BOOLEAN, at DATETIME, x REAL);
CREATE TABLE b (a_id INTEGER, n INTEGER, id INTEGER);
"""
TRANSLATED = [
    ("SELECT id FROM a WHERE ok", 'SELECT "a"."id" AS "id" FROM "a" AS "a" WHERE "a"."ok"'),
    ("SELECT * FROM b", 'SELECT "b"."a_id" AS "a_id", "b"."n" AS "n", "b"."id" AS "id" FROM "b" AS "b"'),
    ("SELECT q.id AS i FROM main.a q LEFT JOIN b ON q.id = a_id",
     'SELECT "q"."id" AS "i" FROM "a" AS "q" LEFT JOIN "b" AS "b" ON ("q"."id" = "b"."a_id")'),
    ("SELECT a.id AS i FROM a, b",
     'SELECT "a"."id" AS "i" FROM "a" AS "a" CROSS JOIN "b" AS "b"'),
    ("SELECT name, n FROM a JOIN b USING (id)",
     'SELECT "a"."name" AS "name", "b"."n" AS "n" FROM "a" AS "a" INNER JOIN "b" AS "b" ON ("a"."id" = "b"."id")'),
    ("SELECT sum(n) AS s, avg(n) AS v, min(x) AS l, max(name) AS h, total(n) AS t FROM a, b",
     ('SELECT sum("b"."n")::bigint AS "s", avg("b"."n"::double precision) AS "v", min("a"."x") AS "l", '
     'max("a"."name" COLLATE "C") AS "h", COALESCE(sum("b"."n"::double precision), 0) AS "t" '
     'FROM "a" AS "a" CROSS JOIN "b" AS "b"')),
    ("SELECT n, count(DISTINCT a_id) AS c FROM b GROUP BY 1 HAVING count(*) > 1",
     'SELECT "b"."n" AS "n", count(DISTINCT "b"."a_id") AS "c" FROM "b" AS "b" GROUP BY "b"."n" HAVING (count(*) > 1)'),
    ("SELECT DISTINCT name FROM a ORDER BY name DESC LIMIT 3 OFFSET 1",
     ('SELECT DISTINCT "a"."name" AS "name" FROM "a" AS "a" ORDER BY "a"."name" COLLATE "C" DESC NULLS LAST '
     "LIMIT 3 OFFSET 1")),
    ("SELECT id > 1 AS big FROM a", 'SELECT ("a"."id" > 1)::integer AS "big" FROM "a" AS "a"'),
    ("SELECT id FROM a WHERE id IN (SELECT a_id FROM b) AND EXISTS (SELECT 1 AS o FROM b WHERE b.a_id = a.id)",
     ('SELECT "a"."id" AS "id" FROM "a" AS "a" WHERE (("a"."id" IN (SELECT "b"."a_id" AS "a_id" FROM "b" AS "b")) AND '
     '(EXISTS (SELECT 1 AS "o" FROM "b" AS "b" WHERE ("b"."a_id" = "a"."id"))))')),
    ("SELECT (SELECT count(*) FROM b) AS c FROM a",
     'SELECT (SELECT count(*) AS "?column?1" FROM "b" AS "b") AS "c" FROM "a" AS "a"'),
    ("SELECT id FROM a UNION ALL SELECT n FROM b ORDER BY 1",
     'SELECT "a"."id" AS "id" FROM "a" AS "a" UNION ALL SELECT "b"."n" AS "n" FROM "b" AS "b" ORDER BY 1 NULLS FIRST'),
    ("WITH c AS (SELECT id FROM a) SELECT id FROM c",
     'WITH "c" ("id") AS (SELECT "a"."id" AS "id" FROM "a" AS "a") SELECT "c"."id" AS "id" FROM "c" AS "c"'),
    ("WITH c(i, j) AS (SELECT id, name FROM a) SELECT j FROM c",
     ('WITH "c" ("i", "j") AS (SELECT "a"."id" AS "id", "a"."name" AS "name" FROM "a" AS "a") '
     'SELECT "c"."j" AS "j" FROM "c" AS "c"')),
    ("SELECT (SELECT n FROM b LIMIT 1) AS n FROM a",
     'SELECT (SELECT "b"."n" AS "n" FROM "b" AS "b" LIMIT 1) AS "n" FROM "a" AS "a"'),
    ("SELECT s.n FROM (SELECT n FROM b) AS s",
     'SELECT "s"."n" AS "n" FROM (SELECT "b"."n" AS "n" FROM "b" AS "b") AS "s"'),
]  # fmt: skip


@pytest.mark.parametrize(("query", "wanted"), TRANSLATED)
def test_a_view_that_means_the_same_comes_along(query: str, wanted: str) -> None:
    found = draft(f"{TABLES} CREATE VIEW v AS {query}")
    made = found.statements[-1]
    assert (made.subject, made.is_optional) == ("view v", True)
    assert made.statement.partition(" AS ")[2] == wanted
    assert found.reported == ()


REFUSED = [
    ("SELECT date(at) AS d FROM a", "it uses date()"),
    ("SELECT id FROM a WHERE at > '2024-01-01'", "it compares a time with a text"),
    ("SELECT DISTINCT low FROM a", "it compares by the collation NOCASE"),
    ("SELECT row_number() OVER (ORDER BY id) AS n FROM a", "it uses WINDOW"),
    ("SELECT (SELECT n FROM b) AS n FROM a", "it takes the first of several rows"),
    ("SELECT name FROM a UNION SELECT n FROM b", "it joins columns of several kinds"),
    ("SELECT id FROM a NATURAL JOIN b", "it uses JOIN in another form (method)"),
    ("SELECT key FROM json_each('[]')", "it reads what is no table"),
    ("SELECT name FROM sqlite_master", "it reads sqlite_master, which is not loaded"),
    ("SELECT count(*) FILTER (WHERE ok) AS n FROM a", "it uses FILTER"),
    ("SELECT (SELECT n FROM b LIMIT 2) AS n FROM a", "it takes the first of several rows"),
    ("SELECT group_concat(name, n) AS g FROM a, b", "it uses group_concat() of what is no text"),
    ("SELECT id FROM a WHERE (id, x) IN (SELECT a_id, n FROM b)", "it looks for a value in several columns"),
    ("SELECT id FROM a RIGHT JOIN b USING (id)", "it joins RIGHT"),
    ("SELECT id FROM a LIMIT 1 + 1", "it limits by what is no literal"),
    ("SELECT lost FROM a", "it cannot be read in SQLite either: no such column: lost"),
    ("VALUES (1)", "it uses VALUES"),
    ('SELECT "count(*)" FROM (SELECT count(*) FROM b)', "it reads count(*), which may be the text of an expression"),
    ("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT n FROM c",
     "it uses WITH in another form (recursive)"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "why"), REFUSED)
def test_any_other_view_is_reported(query: str, why: str) -> None:
    found = draft(f"{TABLES} CREATE VIEW v AS {query}")
    assert not [one for one in found.statements if one.subject == "view v"]
    assert found.reported == (f"v: the view does not come along: {why}",)


def test_where_times_are_compared_as_such_it_is_told() -> None:
    found = draft(f"{TABLES} CREATE VIEW v AS SELECT max(at) AS m FROM a ORDER BY m")
    assert found.reported == (
        "v: the view compares times as such, where SQLite compares their texts",
        "v: the view orders times as such, where SQLite orders their texts",
    )


def test_views_come_after_those_that_they_read() -> None:
    script = TABLES + "CREATE VIEW one AS SELECT id FROM two; CREATE VIEW two AS SELECT id, name FROM a;"
    assert [one.subject for one in draft(script).statements[2:]] == ["view two", "view one"]
    lost = TABLES + "CREATE VIEW one AS SELECT d FROM two; CREATE VIEW two AS SELECT date(at) AS d FROM a;"
    assert draft(lost).reported == (
        "one: the view does not come along: it reads the view two, which does not come along",
        "two: the view does not come along: it uses date()",
    )
