from __future__ import annotations

import pytest

from strongroom.core.plan.form import ColumnType
from tests.unit.load.draft.drafts import draft, find_type

EPOCH, UTC = "EXTRACT(epoch FROM now())", "now() AT TIME ZONE 'UTC'"
KNOWN = [
    ("INTEGER DEFAULT 1", "bigint DEFAULT 1"),
    ("INTEGER DEFAULT -1", "bigint DEFAULT -1"),
    ("INTEGER DEFAULT '7'", "bigint DEFAULT 7"),
    ("INTEGER DEFAULT 0x10", "bigint DEFAULT 16"),
    ("INTEGER DEFAULT (60 * 60)", "bigint DEFAULT 3600"),
    ("INTEGER DEFAULT NULL", "bigint"),
    ("INTEGER DEFAULT TRUE", "bigint DEFAULT 1"),
    ("TEXT DEFAULT 'it''s'", "text DEFAULT 'it''s'"),
    ("TEXT DEFAULT ''", "text DEFAULT ''"),
    ("TEXT DEFAULT 5", "text DEFAULT '5'"),
    ('TEXT DEFAULT "word"', "text DEFAULT 'word'"),
    ("TEXT DEFAULT word", "text DEFAULT 'word'"),
    ("TEXT DEFAULT 'a\\b'", "text DEFAULT 'a\\b'"),
    ("REAL DEFAULT 0", "double precision DEFAULT '0.0'::double precision"),
    ("REAL DEFAULT 9e999", "double precision DEFAULT 'inf'::double precision"),
    ("BOOLEAN DEFAULT 0", "boolean DEFAULT false"),
    ("BOOLEAN DEFAULT 'true'", "boolean DEFAULT true"),
    ("BLOB DEFAULT x'00ff'", "bytea DEFAULT '\\x00ff'::bytea"),
    ("JSON DEFAULT '{\"a\": 1}'", "jsonb DEFAULT '{\"a\": 1}'"),
    ("JSON DEFAULT 1", "jsonb DEFAULT '1'"),
    ("DATE DEFAULT '2024-02-29'", "date DEFAULT '2024-02-29'"),
    ("DATETIME DEFAULT '2024-02-29 10:00:00.5+02:00'", "timestamptz DEFAULT '2024-02-29 08:00:00.500000+00'"),
    ("DECIMAL(5,2) DEFAULT 9.99", "numeric DEFAULT '9.99'::numeric"),
    ("UUID DEFAULT 'C56A418065AA42ECA9455FD21DEC0538'", "uuid DEFAULT 'c56a418065aa42eca9455fd21dec0538'"),
    ("DATETIME DEFAULT CURRENT_TIMESTAMP", "timestamptz DEFAULT CURRENT_TIMESTAMP"),
    ("DATETIME DEFAULT (datetime('now'))", "timestamptz DEFAULT CURRENT_TIMESTAMP"),
    ("DATETIME DEFAULT (strftime('%s', 'now'))", "timestamptz DEFAULT CURRENT_TIMESTAMP"),
    ("TEXT DEFAULT CURRENT_TIMESTAMP", f"text DEFAULT to_char({UTC}, 'YYYY-MM-DD HH24:MI:SS')"),
    ("TEXT DEFAULT (DATE())", f"text DEFAULT to_char({UTC}, 'YYYY-MM-DD')"),
    ("TEXT DEFAULT current_time", f"text DEFAULT to_char({UTC}, 'HH24:MI:SS')"),
    ("TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
     f"text DEFAULT to_char({UTC}, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"),
    ("TEXT DEFAULT (strftime('%s', 'now'))", f"text DEFAULT floor({EPOCH})::bigint::text"),
    ("INTEGER DEFAULT (strftime('%s', 'now'))", f"bigint DEFAULT floor({EPOCH})::bigint"),
    ("INTEGER DEFAULT (unixepoch())", f"bigint DEFAULT floor({EPOCH})::bigint"),
    ("INTEGER DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000)",
     f"bigint DEFAULT floor({EPOCH} * 1000)::bigint"),
    ("INTEGER DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))",
     f"bigint DEFAULT floor({EPOCH} * 1000)::bigint"),
    ("REAL DEFAULT (julianday('now'))", f"double precision DEFAULT ({EPOCH} / 86400.0 + 2440587.5)::double precision"),
    ("DATE DEFAULT CURRENT_DATE", f"date DEFAULT ({UTC})::date"),
    ("TEXT DEFAULT (lower(hex(randomblob(16))))", "text DEFAULT replace(gen_random_uuid()::text, '-', '')"),
    ("UUID DEFAULT (hex(randomblob(16)))", "uuid DEFAULT gen_random_uuid()"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "wanted"), KNOWN)
def test_a_default_of_known_meaning_comes_along(said: str, wanted: str) -> None:
    assert find_type(f"CREATE TABLE t (c {said})") == wanted


UNKNOWN = [
    ("INTEGER DEFAULT (random())", "random()", "it has no counterpart of the same meaning"),
    ("TEXT DEFAULT (datetime('now', 'localtime'))", "datetime('now', 'localtime')",
     "it has no counterpart of the same meaning"),
    ("TEXT DEFAULT (strftime('%W', 'now'))", "strftime('%W', 'now')", "it is no text"),
    ("BOOLEAN DEFAULT 2", "2", "it is neither 0 nor 1, true nor false"),
    ("JSON DEFAULT '{'", "'{'", "it is no JSON"),
    ("DATE DEFAULT (datetime('now'))", "datetime('now')", "it is no date"),
    ("DATETIME DEFAULT 0", "0", "it is a number, and nobody says of which unit"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "default", "why"), UNKNOWN)
def test_any_other_default_is_reported(said: str, default: str, why: str) -> None:
    found = draft(f"CREATE TABLE t (c {said})")
    assert " DEFAULT " not in found.statements[0].statement
    assert found.reported == (f"t.c: DEFAULT {default} does not come along: {why}",)


def test_defaults_follow_the_type_that_the_plan_says() -> None:
    said = "CREATE TABLE t (c TEXT DEFAULT {})"
    assert find_type(said.format("'[]'"), {"t.c": ColumnType(type="text[]")}) == "text[] DEFAULT '{}'"
    enum = {"t.c": ColumnType(type="enum", values=("open", "it's"))}
    assert find_type(said.format("'open'"), enum) == "\"t_c\" DEFAULT 'open'"
    assert draft(said.format("'shut'"), enum).reported == (
        "t.c: DEFAULT 'shut' does not come along: it is none of the labels",
    )


def test_a_default_that_its_own_strict_table_refuses_is_reported() -> None:
    found = draft("CREATE TABLE t (c INT DEFAULT 'x') STRICT")
    assert found.reported == ("t.c: DEFAULT 'x' does not come along: it does not fit its own column",)
