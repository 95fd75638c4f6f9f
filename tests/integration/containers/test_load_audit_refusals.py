"""Rows that wait because the server refused them, by the ledger: the proof asks the server's rules itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.containers.audit_site import SCHEMA, Audit, expect, keep_rows, make_empty, open_audit
from tests.integration.containers.schema_site import name_server

NOTHING = "and there is nothing for which the server could refuse it"


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return open_audit(name_server(request), "refusals", tmp_path_factory.mktemp("refusals"))


@pytest.fixture
def empty(room: Audit, tmp_path: Path) -> Audit:
    return make_empty(room, tmp_path)


def refuse(audit: Audit, source: str, server: Sequence[str], *rows: tuple[Any, ...]) -> None:
    """Make a table of which nothing stands, and rows of which the ledger says that the server refused them."""
    audit.change_source(f"CREATE TABLE things ({source})")
    audit.do(*(statement.format(s=SCHEMA) for statement in server))
    keep_rows(audit, "things", [(row, "server", None) for row in rows])


def test_checks_are_asked(empty: Audit) -> None:
    refuse(
        empty, "id INTEGER PRIMARY KEY, n INTEGER, at DATETIME, what JSON, part REAL",
        ["CREATE TABLE {s}.things (id bigint PRIMARY KEY, n bigint CHECK (n % 5 > 0), at timestamptz, what jsonb)",
         "ALTER TABLE {s}.things ADD part double precision, ADD \"100 %s {{\" text DEFAULT 'a{{%s'",
         "ALTER TABLE {s}.things ADD CHECK (\"100 %s {{\" LIKE 'a{{%%s' AND at > '2000-01-01')",
         "ALTER TABLE {s}.things ADD CHECK (10 / (what->>'n')::int > 1), ADD CHECK (what <> '{{}}')",
         "ALTER TABLE {s}.things ADD CHECK (things.part < 1e300)"],
        (1, 5, None, None, None), (2, 6, "1999-01-01", None, None), (3, 6, "2001-01-01", '{"n": 20}', None),
        (4, 6, None, '{"n": 0}', None), (5, 6, None, '{"n": "%s"}', None), (6, 6, None, None, float("inf")),
        (7, 6, "2001-01-01", '{"n": 1}', 0.1), (8, None, None, None, None), (9, 6, None, "{}", None),
    )  # fmt: skip
    expect(empty, f"row 7 waits, {NOTHING}", f"row 8 waits, {NOTHING}")


def test_domains_and_columns_that_are_worked_out_are_tried(empty: Audit) -> None:
    refuse(
        empty, "id INTEGER PRIMARY KEY, n INTEGER, share TEXT",
        ["CREATE DOMAIN {s}.share AS numeric(9, 2) CHECK (VALUE < 1)",
         "CREATE TABLE {s}.things (id bigint PRIMARY KEY, n bigint, share {s}.share)",
         "ALTER TABLE {s}.things ADD by bigint GENERATED ALWAYS AS (100 / n) STORED CHECK (by < 50)"],
        (1, 0, None), (2, 1, None), (3, 5, "1.5"), (4, 5, "0.5"), (5, None, None),
    )  # fmt: skip
    expect(empty, f"row 4 waits, {NOTHING}", f"row 5 waits, {NOTHING}")


def test_what_an_index_has_no_room_for_is_counted_in_bytes_of_all_its_columns(empty: Audit) -> None:
    chance = random.Random(1)  # no compression helps
    wide = "".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(1500))
    narrow = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=1900))
    refuse(
        empty, "id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT",
        ["CREATE TABLE {s}.things (id bigint PRIMARY KEY, a text UNIQUE, b text, c text)",
         "CREATE INDEX of_both ON {s}.things (b, c)"],
        (1, wide, None, None), (2, None, narrow, narrow), (3, narrow, narrow, None), (4, None, None, "c"),
    )  # fmt: skip
    expect(empty, f"row 3 waits, {NOTHING}", f"row 4 waits, {NOTHING}")


@pytest.mark.parametrize(
    "more",
    [
        "ALTER TABLE {s}.things ADD EXCLUDE USING btree (n WITH =)",
        "CREATE UNIQUE INDEX odd ON {s}.things ((n % 2))",
        "ALTER TABLE {s}.things ADD CHECK ({s}.is_fit(n))",
        "ALTER TABLE {s}.things ADD more text NOT NULL",
    ],
)
def test_what_cannot_be_tried_is_believed_and_counted(empty: Audit, more: str) -> None:
    refuse(
        empty, "id INTEGER PRIMARY KEY, n INTEGER",
        ["CREATE FUNCTION {s}.is_fit(n bigint) RETURNS boolean LANGUAGE sql AS 'SELECT n > 1'",
         "CREATE TABLE {s}.things (id bigint PRIMARY KEY, n bigint CHECK (n > 1))", more], (1, 5),
    )  # fmt: skip
    expect(empty)
    assert empty.prove().notes == ("shop.things: 1 rows wait that the server refused, by the ledger's own word",)
