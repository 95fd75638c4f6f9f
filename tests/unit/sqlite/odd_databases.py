"""Databases that are hard to copy exactly, and changes that a comparison sees or must not see; as SQL."""

from __future__ import annotations

ODD = {
    "row numbers with gaps and no index": "CREATE TABLE t (a); "
    "INSERT INTO t (rowid, a) VALUES (5, 1), (70, 2), (-3, 3)",
    "row numbers beside an index": "CREATE TABLE t (a); CREATE INDEX i ON t (a); "
    "INSERT INTO t (_rowid_, a) VALUES (9, 1)",
    "a key that is no row number": "CREATE TABLE t (a TEXT PRIMARY KEY, b); INSERT INTO t (rowid, a) VALUES (7, 'x')",
    "a descending key": "CREATE TABLE t (a INTEGER PRIMARY KEY DESC, b); INSERT INTO t (rowid, a) VALUES (7, 1)",
    "columns named like row numbers": "CREATE TABLE t (rowid, _rowid_, oid); INSERT INTO t VALUES (1, 2, 3), (4, 5, 6)",
    "no row numbers": "CREATE TABLE t (a TEXT, b, PRIMARY KEY (b, a)) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1)",
    "generated columns": "CREATE TABLE t (a, b AS (a * 2), c AS (a) STORED); INSERT INTO t (rowid, a) VALUES (4, 1)",
    "marks": "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (99); DELETE FROM t",
    "marks without a table": "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE t",
    "views and triggers": "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t; "
    "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 1; END; "
    "CREATE TRIGGER w INSTEAD OF INSERT ON v BEGIN SELECT 1; END; INSERT INTO t VALUES (2)",
    "full text": "CREATE VIRTUAL TABLE t USING fts5 (a); INSERT INTO t (rowid, a) VALUES (8, 'some words')",
    "older full text": "CREATE VIRTUAL TABLE t USING fts4 (a); INSERT INTO t (docid, a) VALUES (8, 'some words')",
    "boxes": "CREATE VIRTUAL TABLE t USING rtree (id, x, y); INSERT INTO t VALUES (3, 1, 2)",
    "numbers of the header": "CREATE TABLE t (a); PRAGMA user_version = 7; PRAGMA application_id = 1234",
    "UTF-16": "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a); INSERT INTO t VALUES ('ä€')",
    "text that is no UTF-8": "CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'61ff62' AS TEXT)), (x'61ff62')",
    "rows that a check refuses": "CREATE TABLE t (a CHECK (a > 0)); PRAGMA ignore_check_constraints = ON; "
    "INSERT INTO t VALUES (-1)",
    "odd names": 'CREATE TABLE "a ""b"" table" ("c d" TEXT); INSERT INTO "a ""b"" table" VALUES (\'x\'); '
    'CREATE UNIQUE INDEX "an index" ON "a ""b"" table" ("c d")',
    "partial and computed indexes": "CREATE TABLE t (a, b); CREATE INDEX i ON t (lower(a)) WHERE b; "
    "INSERT INTO t VALUES ('X', 1)",
    "a log": "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)",
    "statistics": "CREATE TABLE t (a); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1); ANALYZE",
    "nothing": "",
}

CHANGES = {
    "a value": "UPDATE t SET a = 'z' WHERE a = 'x'",
    "a type": "UPDATE t SET a = CAST('x' AS BLOB) WHERE a = 'x'",
    "another type": "UPDATE t SET b = 1.5 WHERE b = 1",
    "nothing for null": "UPDATE t SET b = '' WHERE b IS NULL",
    "a row number": "UPDATE t SET rowid = 9 WHERE rowid = 1",
    "one row more": "INSERT INTO t VALUES ('x', 1)",
    "one row less": "DELETE FROM t WHERE a = 'x'",
    "a definition": "CREATE INDEX i ON t (b)",
    "a view": "CREATE VIEW v AS SELECT 1",
    "the header": "PRAGMA user_version = 2",
    "a mark": "UPDATE sqlite_sequence SET seq = 77",
    "a table": "CREATE TABLE u (a)",
}
NO_CHANGES = {
    "a checkpoint": "PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint (TRUNCATE); PRAGMA journal_mode = DELETE",
    "the pages": "PRAGMA page_size = 1024; VACUUM",
    "an index made again": "REINDEX",
    "statistics": "ANALYZE",
}
BASE = (
    "CREATE TABLE t (a, b); INSERT INTO t VALUES ('x', 1), ('y', NULL); "
    "CREATE TABLE s (i INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO s VALUES (5)"
)
