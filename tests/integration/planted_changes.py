"""The audit's planted changes: one per class of damage that a wrong copy, merge or hand could do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.sqlite.database import Database
from strongroom.sqlite.snapshot import Snapshot

REFUSED = "'quarantined', 'no such rule', 'constraint', NULL, NULL, NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A private copy of what a run left: the files that a change may touch."""

    stage: Path
    ledger: Path
    snapshots: dict[str, Snapshot]
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One class of damage, as SQL on the staged target and on its ledger, or as something worse."""

    name: str
    stage: str = ""
    ledger: str = ""
    damage: Callable[[Ground], None] | None = None


def on_stage(changes: dict[str, str]) -> list[Change]:
    return [Change(name=name, stage=sql) for name, sql in changes.items()]


def set_cell(column: str, row: int, value: str) -> str:
    return f"UPDATE cells SET {column} = {value} WHERE id = {row}"


def flip_byte_of_snapshot(ground: Ground) -> None:
    """Flip one bit in the middle of a large cell, where no check of SQLite's looks."""
    snapshot = ground.snapshots["alpha"]
    content = bytearray(snapshot.copy.path.read_bytes())
    content[len(content) - 5000] ^= 1
    copy = ground.folder / "alpha.db"
    copy.write_bytes(content)
    ground.snapshots["alpha"] = replace(snapshot, copy=Database(copy))


def flip_byte_of_cell(ground: Ground) -> None:
    content = bytearray(ground.stage.read_bytes())
    content[content.index(b"the quick fox") + 4] ^= 1
    ground.stage.write_bytes(content)


def cut_last_page(ground: Ground) -> None:
    ground.stage.write_bytes(ground.stage.read_bytes()[:-4096])


def swap_schema(old: str, new: str) -> str:
    """Rewrite a declaration in place; the rows and the b-trees stay as they are."""
    return f"PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}')"


# One value that is another, in a table that is copied plainly.
VALUES = on_stage(
    {
        "case of a text": set_cell("t", 1, "'mixed Case'"),
        "trailing space lost": set_cell("t", 2, "'mixed case'"),
        "trailing space added": set_cell("t", 1, "t || ' '"),
        "NULL for empty text": set_cell("t", 3, "NULL"),
        "empty text for NULL": set_cell("t", 4, "''"),
        "0 for NULL": set_cell("i", 6, "0"),
        "NULL for 0": set_cell("i", 4, "NULL"),
        "the text NULL for NULL": set_cell("t", 4, "'NULL'"),
        "empty BLOB for NULL": set_cell("b", 3, "x''"),
        "empty text for empty BLOB": set_cell("b", 2, "''"),
        "1 for 1.0": set_cell("x", 2, "1"),
        "1.0 for 1": set_cell("x", 1, "1.0"),
        "1 for the text 1": set_cell("x", 3, "1"),
        "text 1 for 1": set_cell("x", 1, "'1'"),
        "text 1 for 1.0": set_cell("x", 2, "'1'"),
        "text 1 for text 1.0": set_cell("t", 6, "'1'"),
        "true for 1": set_cell("x", 1, "'true'"),
        "1 for the text 1 in an ANY column": "UPDATE strictly SET v = 1 WHERE k = 'b'",
        "1 for 1.0 in an ANY column": "UPDATE strictly SET v = 1 WHERE k = 'c'",
        "TEXT for BLOB": set_cell("b", 5, "CAST(b AS TEXT)"),
        "BLOB for TEXT": set_cell("t", 1, "CAST(t AS BLOB)"),
        "BLOB for TEXT in a BLOB column": set_cell("b", 4, "CAST(b AS BLOB)"),
        "text for a number in a NUMERIC column": set_cell("n", 4, "x'74657874'"),
        "hex text for BLOB": set_cell("b", 1, "hex(b)"),
        "one ulp": set_cell("r", 1, "0.1 + 1.3877787807814457e-17"),
        "one ulp in a typeless column": set_cell("x", 7, "0.1 + 1.3877787807814457e-17"),
        "0.0 for -0.0": set_cell("x", 5, "0.0"),
        "-0.0 for 0.0": set_cell("b", 6, "-0.0"),
        "infinity lost": set_cell("r", 3, "1.7976931348623157e308"),
        "2^53 for 2^53 + 1": set_cell("n", 3, "9007199254740992"),
        "2^63 - 2 for 2^63 - 1": set_cell("i", 3, "9223372036854775806"),
        "REAL 2^63 for 2^63 - 1": set_cell("x", 11, "9223372036854775807.0"),
        "REAL -2^63 for the integer": set_cell("i", 5, "-9223372036854775808.0"),
        "sign of an integer": set_cell("i", 2, "1"),
        "text cut at NUL": set_cell("t", 7, "'a'"),
        "NUL dropped": set_cell("t", 7, "'ab'"),
        "invalid UTF-8 replaced": set_cell("t", 8, "'a' || char(65533) || 'b'"),
        "invalid UTF-8 dropped": set_cell("t", 8, "'ab'"),
        "accent decomposed": set_cell("t", 9, "'cafe' || char(769)"),
        "accent lost": set_cell("x", 9, "'cafe'"),
        "UTF-8 read as Latin-1": set_cell("t", 9, "'caf' || char(195) || char(169)"),
        "line ending": set_cell("t", 11, "replace(t, char(13), '')"),
        "instant written otherwise": set_cell("t", 10, "'2024-01-01 10:00:00'"),
        "JSON written otherwise": set_cell("x", 10, "json(x)"),
        "last byte of a large cell": set_cell("b", 9, "CAST(zeroblob(length(b) - 1) || x'01' AS BLOB)"),
        "large cell one byte short": set_cell("b", 9, "zeroblob(length(b) - 1)"),
        "case in a NOCASE column": "UPDATE people SET name = upper(name) WHERE name = 'cid'",
        "carried column emptied": set_cell('"an ""odd"" one"', 12, "NULL"),
        "default for NULL": "UPDATE visits SET remark = '' WHERE place = 'wien'",
    }
)

# Rows that are not where they belong, or not there, or there twice.
ROWS = on_stage(
    {
        "row dropped": "DELETE FROM cells WHERE id = 7",
        "last row dropped": "DELETE FROM cells WHERE id = (SELECT max(id) FROM cells)",
        "table emptied": "DELETE FROM messages",
        "row dropped from a keyless table": "DELETE FROM events WHERE rowid = 2",
        "row dropped from a WITHOUT ROWID table": "DELETE FROM tags WHERE tag = 'pink'",
        "row doubled in a keyless table": "INSERT INTO events SELECT * FROM events WHERE rowid = 4",
        "row doubled under a new id": "INSERT INTO accounts SELECT 99, login, mail FROM accounts WHERE id = 2",
        "row without a key doubled": "INSERT INTO accounts SELECT 99, login, mail FROM accounts WHERE id = 9",
        "row invented": "INSERT INTO cells (id, t) VALUES (500, 'invented')",
        "row invented in a merged table": "INSERT INTO settings VALUES ('invented', 1)",
        "row invented in a table that nothing feeds": "INSERT INTO unfed VALUES ('invented')",
        "row dropped and another invented": "DELETE FROM events WHERE rowid = 5; "
        "INSERT INTO events (rowid, kind) VALUES (5, 'x')",
        "row overwritten by a copy of another": "UPDATE events SET (kind, at, value) = ('click', 'mon', 1) "
        "WHERE rowid = 4",
        "cells swapped between two rows": "UPDATE people SET score = CASE email WHEN 'cid@x' THEN 5.0 ELSE 12.5 END "
        "WHERE email IN ('cid@x', 'eve@x')",
        "columns swapped in a row": "UPDATE events SET kind = at, at = kind WHERE rowid = 1",
        "columns swapped in a table": "UPDATE accounts SET login = mail, mail = login",
        "cells swapped in a WITHOUT ROWID table": "UPDATE tags SET weight = CASE tag WHEN 'blue' THEN 9.5 ELSE 2.5 END "
        "WHERE tag IN ('blue', 'green')",
        "id moved": "UPDATE cells SET id = 77 WHERE id = 7",
        "ids of two rows swapped": "UPDATE cells SET id = -1 WHERE id = 10; UPDATE cells SET id = 10 WHERE id = 11; "
        "UPDATE cells SET id = 11 WHERE id = -1",
        "rowid moved in a keyless table": "UPDATE events SET rowid = 80 WHERE rowid = 8",
        "key changed in case": "UPDATE settings SET name = 'Only' WHERE name = 'only'",
        "key changed in a WITHOUT ROWID table": "UPDATE tags SET item = 5 WHERE tag = 'pink'",
        "rewritten id moved": "UPDATE notes SET id = 43 WHERE id = 42",
        "rewritten row changed": "UPDATE notes SET payload = NULL WHERE id = 42",
        "rewritten ids swapped": "UPDATE notes SET body = CASE id WHEN 41 THEN 'beta three' ELSE 'beta two' END, "
        "payload = CASE id WHEN 41 THEN x'33' ELSE x'02' END WHERE id IN (41, 42)",
        "row of the schema file changed": "UPDATE kinds SET label = 'First' WHERE kind = 'a'",
        "row of the schema file lost": "DELETE FROM kinds WHERE kind = 'a'",
        "transform undone": "UPDATE messages SET sent_at = 1700000000 WHERE id = 1",
        "transform off by a second": "UPDATE messages SET sent_at = '2023-11-14T22:13:21Z' WHERE id = 1",
        "document of a full-text table changed": "UPDATE search SET body = 'the quick dog' WHERE rowid = 1",
        "document of a full-text table lost": "DELETE FROM search WHERE rowid = 2",
        "full-text index emptied": "DELETE FROM search_data WHERE id > 10; DELETE FROM search_idx",
        "merged column from the wrong version (max)": "UPDATE visits SET count = 4 WHERE place = 'oslo'",
        "merged column from the wrong version (newest)": "UPDATE visits SET last = '2024-01-15' WHERE place = 'oslo'",
        "merged column from the wrong version (first)": "UPDATE visits SET remark = 'c' WHERE place = 'oslo'",
        "merged column not filled": "UPDATE visits SET remark = NULL WHERE place = 'oslo'",
        "merged column invented": "UPDATE visits SET remark = 'neither' WHERE place = 'oslo'",
        "merged column after a transform": "UPDATE visits SET seen = '2023-11-14T22:13:29Z' WHERE place = 'oslo'",
        "merged column without a transform": "UPDATE visits SET seen = 1700000000 WHERE place = 'oslo'",
        "merged row that the first row should have won": "UPDATE visits SET remark = 'b' WHERE place = 'rome'",
        "merged column in a WITHOUT ROWID table": "UPDATE limits SET w = 3 WHERE k = 'a'",
        "merged column not filled in a WITHOUT ROWID table": "UPDATE limits SET v = NULL WHERE k = 'a'",
        "merged column of another type": "UPDATE limits SET v = '2' WHERE k = 'a'",
        "loser's values in the winner's row (newest)": "UPDATE people SET (name, score, handle, updated_at) = "
        "('Ann', 1.5, 'ann', '2024-01-01') WHERE email = 'ann@x'",
        "loser's value in the winner's row (prefer)": "UPDATE settings SET value = 'dark' WHERE name = 'theme'",
        "quarantined row published": "UPDATE orders SET amount = 11 WHERE number = 'o1'",
        "quarantined row published over another": "UPDATE orders SET number = 'o5' WHERE number = 'o1'; "
        "UPDATE orders SET (number, amount, state) = ('o1', 11, 'paid') WHERE number = 'o3'",
        "filtered row published": "INSERT INTO messages SELECT 2, 'gone', 1, '2023-11-14T22:13:20Z'",
    }
)

# What stands around the rows.
STRUCTURE = on_stage(
    {
        "index lost": "DROP INDEX ix_people_name",
        "unique index lost": "DROP INDEX uq_people_handle",
        "unique index replaced by a plain one": "DROP INDEX uq_people_handle; "
        "CREATE INDEX uq_people_handle ON people (handle)",
        "partial index lost its condition": "DROP INDEX ix_people_score; "
        "CREATE INDEX ix_people_score ON people (score)",
        "condition of a partial index changed": "DROP INDEX ix_people_score; "
        "CREATE INDEX ix_people_score ON people (score) WHERE score > 100",
        "collation of an index changed": "DROP INDEX ix_people_name; "
        "CREATE INDEX ix_people_name ON people (name COLLATE BINARY)",
        "direction of an index changed": "DROP INDEX ix_people_name; CREATE INDEX ix_people_name ON people (name DESC)",
        "index invented": "CREATE INDEX invented ON people (updated_at)",
        "trigger lost": "DROP TRIGGER orders_changed",
        "trigger changed": "DROP TRIGGER orders_changed; CREATE TRIGGER orders_changed AFTER DELETE ON orders BEGIN "
        "SELECT 1; END",
        "trigger invented": "CREATE TRIGGER invented AFTER INSERT ON cells BEGIN DELETE FROM cells; END",
        "view lost": "DROP VIEW high_scores",
        "view changed": "DROP VIEW high_scores; CREATE VIEW high_scores AS SELECT email FROM people WHERE score > 11",
        "table lost": "DROP TABLE kinds",
        "empty table lost": "DROP TABLE unfed",
        "table invented": "CREATE TABLE invented (a)",
        "full-text table lost": "DROP TABLE search",
        "column lost": "ALTER TABLE messages DROP COLUMN deleted",
        "column renamed": "ALTER TABLE messages RENAME COLUMN deleted TO gone",
        "column added": "ALTER TABLE messages ADD COLUMN invented",
        "column default changed": swap_schema("DEFAULT ''new''", "DEFAULT ''old''"),
        "NOT NULL lost": swap_schema("REAL NOT NULL", "REAL"),
        "CHECK lost": swap_schema("CHECK (amount >= 0)", ""),
        "collation of a column lost": swap_schema("TEXT COLLATE NOCASE", "TEXT"),
        "declared type changed": swap_schema("deleted INTEGER", "deleted TEXT"),
        "AUTOINCREMENT lost": swap_schema("AUTOINCREMENT", ""),
        "primary key lost": "CREATE TABLE other (name TEXT, value); INSERT INTO other SELECT * FROM settings; "
        "DROP TABLE settings; ALTER TABLE other RENAME TO settings",
        "generated column made plain": "CREATE TABLE other (a INTEGER, twice INTEGER); "
        "INSERT INTO other SELECT * FROM shapes; DROP TABLE shapes; ALTER TABLE other RENAME TO shapes",
        "AUTOINCREMENT mark moved up": "UPDATE sqlite_sequence SET seq = 43",
        "AUTOINCREMENT mark moved down": "UPDATE sqlite_sequence SET seq = 5",
        "AUTOINCREMENT mark lost": "DELETE FROM sqlite_sequence",
        "user_version changed": "PRAGMA user_version = 8",
        "application_id lost": "PRAGMA application_id = 0",
        "entry of an index missing": "DROP INDEX ix_people_name; "
        "CREATE INDEX ix_people_name ON people (name) WHERE email <> 'cid@x'; "
        + swap_schema(" WHERE email <> ''cid@x''", ""),
        "unique entry of an index wrong": "DROP INDEX uq_people_handle; "
        "CREATE UNIQUE INDEX uq_people_handle ON people (upper(handle)); " + swap_schema("(upper(handle))", "(handle)"),
    }
)

# What the ledger says, and what a wrong decision leaves in both.
LEDGER = [
    Change(name=name, ledger=sql)
    for name, sql in {
        "loser removed from the ledger": 'DELETE FROM "gamma.people" WHERE _rowid = 2',
        "loser's value changed in the ledger": "UPDATE \"gamma.people\" SET c1 = 'EVA' WHERE _rowid = 2",
        "loser's type changed in the ledger": 'UPDATE "alpha.settings" SET c1 = 1.0 WHERE _rowid = 2',
        "loser said to be identical": "UPDATE \"alpha.settings\" SET _disposition = 'merged_identical' "
        "WHERE _rowid = 1",
        "loser said to be filtered": "UPDATE \"alpha.settings\" SET _disposition = 'filtered' WHERE _rowid = 1",
        "loser said to be inserted": "UPDATE \"alpha.settings\" SET _disposition = 'inserted' WHERE _rowid = 1",
        "loser said to stand behind another row": 'UPDATE "alpha.settings" SET _target_rowid = 3 WHERE _rowid = 1',
        "loser of a merge removed from the ledger": 'DELETE FROM "gamma.visits"',
        "loser of a merge changed in the ledger": 'UPDATE "gamma.visits" SET c4 = NULL',
        "quarantined row removed from the ledger": 'DELETE FROM "beta.orders" WHERE _rowid = 1',
        "quarantined row without a reason": "UPDATE \"beta.orders\" SET _reason = '' WHERE _rowid = 1",
        "filtered row removed from the ledger": 'DELETE FROM "alpha.messages"',
        "filtered row changed in the ledger": 'UPDATE "alpha.messages" SET c1 = upper(c1)',
        "rewritten id removed from the ledger": 'DELETE FROM "beta.notes" WHERE _rowid = 2',
        "rewritten ids swapped in the ledger": 'UPDATE "beta.notes" SET _target_rowid = 83 - _target_rowid '
        "WHERE _target_rowid > 40",
        "identical row removed from the ledger": 'DELETE FROM "beta.notes" WHERE _rowid = 1',
        "winner said to be superseded too": "INSERT INTO \"beta.settings\" SELECT 1, 'superseded', 'prefer', "
        "'prefer', 1, 1, 1, 'theme', 'light'",
        "entry for a row that no source has": 'INSERT INTO "beta.settings" VALUES '
        "(99, 'superseded', 'x', 'prefer', 1, 1, 1, 'theme', 'green')",
        "input removed from the ledger's contents": "DELETE FROM inputs WHERE kept_table = 'gamma.people'",
        "columns swapped in the ledger's contents": "UPDATE inputs SET columns = replace(replace(replace(columns, "
        "'body', '~'), 'payload', 'body'), '~', 'payload') WHERE kept_table = 'beta.notes'",
    }.items()
] + [
    Change(
        name="wrong winner (newest)",
        stage="DELETE FROM people WHERE email = 'ann@x'; INSERT INTO people (rowid, email, name, score, handle, "
        "updated_at) VALUES (1, 'ann@x', 'Ann', 1.5, 'ann', '2024-01-01')",
        ledger="INSERT INTO \"beta.people\" VALUES (1, 'superseded', 'newest', 'newest', 1, 1, 1, 'ann@x', 'ANN', 2.5, "
        "'ann2', '2024-06-01'); DELETE FROM \"alpha.people\" WHERE _rowid = 1; UPDATE \"gamma.people\" SET "
        "_disposition = 'merged_identical', _target_rowid = 1, _winner_input = 1, _winner_rowid = 1 WHERE _rowid = 3",
    ),
    Change(
        name="wrong winner (prefer)",
        stage="DELETE FROM settings WHERE name = 'theme'; "
        "INSERT INTO settings (rowid, name, value) VALUES (5, 'theme', 'dark')",
        ledger="INSERT INTO \"beta.settings\" VALUES (1, 'superseded', 'prefer', 'prefer', 5, 2, 1, 'theme', 'light'); "
        'DELETE FROM "alpha.settings" WHERE _rowid = 1',
    ),
    Change(
        name="tie decided all the same",
        ledger='DELETE FROM "alpha.people" WHERE _rowid = 2; '
        "UPDATE \"beta.people\" SET _disposition = 'merged_identical', _target_rowid = 2, _winner_input = 1, "
        "_winner_rowid = 2 WHERE _rowid = 2; UPDATE \"gamma.people\" SET _disposition = 'superseded', "
        "_target_rowid = 2, _winner_input = 1, _winner_rowid = 2 WHERE _rowid = 1",
    ),
    Change(
        name="conflict decided that no rule decides",
        ledger='DELETE FROM "alpha.orders" WHERE _rowid = 1; UPDATE "beta.orders" SET _disposition = \'superseded\', '
        "_target_rowid = 1, _winner_input = 1, _winner_rowid = 1 WHERE _rowid = 1",
    ),
    Change(
        name="row that waits published in the place of the one that is shown",
        stage="UPDATE orders SET amount = 11 WHERE number = 'o1'",
        ledger='DELETE FROM "alpha.orders" WHERE _rowid = 1; DELETE FROM "beta.orders" WHERE _rowid = 1',
    ),
    Change(
        name="filtered row published and removed from the ledger",
        stage="INSERT INTO messages VALUES (2, 'gone', 1, '2023-11-14T22:13:20Z')",
        ledger='DELETE FROM "alpha.messages"',
    ),
    Change(
        name="rows with one key not merged",
        stage="INSERT INTO accounts VALUES (11, 'ann', 'other@x')",
        ledger="UPDATE \"beta.accounts\" SET _disposition = 'inserted', _rule = 'identity', _target_rowid = 11, "
        "_winner_input = NULL, _winner_rowid = NULL WHERE _rowid = 2",
    ),
    Change(
        name="equal rows of a keyless table collapsed",
        stage="DELETE FROM events WHERE rowid = 3",
        ledger='INSERT INTO "alpha.events" VALUES '
        "(3, 'merged_identical', 'identical', 'quarantine', 1, 1, 1, 'click', 'mon', 1)",
    ),
    Change(
        name="equal rows without a key collapsed",
        stage="DELETE FROM accounts WHERE id = 4",
        ledger='INSERT INTO "beta.accounts" VALUES '
        "(4, 'merged_identical', 'identical', 'prefer', 9, 1, 9, 4, NULL, 'n@x')",
    ),
    Change(
        name="id rewritten that nothing takes",
        stage="UPDATE accounts SET id = 12 WHERE id = 5",
        ledger='INSERT INTO "beta.accounts" VALUES '
        "(5, 'inserted', 'id 5 was taken: now 12', 'identity', 12, NULL, NULL, 5, 'dan', 'd@x')",
    ),
    Change(
        name="fresh id that was in use before",
        stage="UPDATE notes SET id = 40 WHERE id = 42",
        ledger='UPDATE "beta.notes" SET _target_rowid = 40 WHERE _target_rowid = 42',
    ),
    Change(
        name="row lost and explained away as filtered",
        stage="DELETE FROM messages WHERE id = 3",
        ledger='INSERT INTO "alpha.messages" VALUES '
        "(3, 'filtered', 'left', 'where', NULL, NULL, NULL, 3, 'bye', 0, 'never')",
    ),
    Change(
        name="row lost and explained away as superseded",
        stage="DELETE FROM settings WHERE name = 'only'",
        ledger="INSERT INTO \"alpha.settings\" VALUES (4, 'superseded', 'prefer', 'prefer', 3, 1, 3, 'only', NULL)",
    ),
    Change(
        name="row lost and explained away as merged",
        stage="DELETE FROM settings WHERE name = 'only'",
        ledger="INSERT INTO \"alpha.settings\" VALUES (4, 'merged_changed', 'merge', 'merge', 3, 1, 3, 'only', NULL)",
    ),
    Change(
        name="row changed and explained away as merged",
        stage="UPDATE settings SET value = 'blue' WHERE name = 'theme'",
        ledger='INSERT INTO "beta.settings" VALUES '
        "(1, 'inserted', 'merge', 'merge', 1, NULL, NULL, 'theme', 'light')",
    ),
    Change(
        name="row lost and explained away as refused by a constraint",
        stage="DELETE FROM settings WHERE name = 'only'",
        ledger=f"INSERT INTO \"alpha.settings\" VALUES (4, {REFUSED}, 'only', NULL)",
    ),
]

FILES = [
    Change(name="byte of a snapshot flipped", damage=flip_byte_of_snapshot),
    Change(name="byte of a staged cell flipped", damage=flip_byte_of_cell),
    Change(name="last page cut off", damage=cut_last_page),
]

BASIC = [*VALUES, *ROWS, *STRUCTURE, *LEDGER, *FILES]
