"""What sources hold, though nobody expects it: scripts that build one database each."""

# ruff: noqa: E501  rows are easier to compare on one line

from __future__ import annotations

VALUES = {
    "invalid UTF-8 and NUL in text": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
        INSERT INTO t VALUES (1, CAST(x'ff00fe61' AS TEXT)), (2, CAST(x'6100' AS TEXT)), (3, CAST(x'61' AS TEXT)), (4, CAST(x'' AS TEXT)),
            (5, CAST(x'c328' AS TEXT)), (6, CAST(x'eda080' AS TEXT)), (7, x'61'), (8, char(0)), (9, CAST(x'efbbbf61' AS TEXT));""",
    "the same text as a key": """
        CREATE TABLE t (k TEXT PRIMARY KEY, v);
        INSERT INTO t VALUES (CAST(x'ff' AS TEXT), 1), (CAST(x'ff00' AS TEXT), 2), (CAST(x'6100' AS TEXT), 3), ('a', 4), (x'61', 5);""",
    "odd values in a real column": """
        CREATE TABLE t (v REAL);
        INSERT INTO t VALUES ('text'), (9e999), (-9e999), (x'00ff'), (NULL), (''), (1), (0.1), (-0.0), (1e308), (5e-324), ('1.50'), (9007199254740993);""",
    "the edges of integers": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w NUMERIC, x);
        INSERT INTO t VALUES (9223372036854775807, 9223372036854775807, 9223372036854775807, 9223372036854775807),
            (-9223372036854775808, -9223372036854775808, 9223372036854775808, 9223372036854775808.0), (0, 'text', '1e5', 1e5), (1, 1.5, 1.0, x'');""",
    "NULL and '' in a text primary key": """
        CREATE TABLE t (k TEXT PRIMARY KEY, v);
        INSERT INTO t VALUES (NULL, 1), (NULL, 2), (NULL, 2), ('', 3), ('a', 4);""",
    "NULL in a composite key": """
        CREATE TABLE t (a TEXT, b INTEGER, v, PRIMARY KEY (a, b));
        INSERT INTO t VALUES (NULL, 1, 1), (NULL, 1, 1), ('a', NULL, 2), (NULL, NULL, 3), ('a', 1, 4);""",
    "names with quotes, spaces, reserved words": '''
        CREATE TABLE "my ""table""" ("a b" TEXT, "select" INTEGER, "it's" REAL, "Ünï" BLOB, [x y], "" TEXT);
        CREATE INDEX "ix of ""mine""" ON "my ""table""" ("select", "a b" DESC);
        CREATE TABLE "order" ("group" INTEGER PRIMARY KEY, "table" TEXT DEFAULT 'a ''b'' c', "%s" TEXT, ":x" TEXT, "?1");
        CREATE TABLE "日本" ("名" TEXT PRIMARY KEY, "é" TEXT, "É" TEXT);
        CREATE TABLE "a.b" (c);
        CREATE TABLE "-- no comment" ("/*" TEXT);
        INSERT INTO "my ""table""" VALUES ('1', 2, 3.5, x'04', 5, '6');
        INSERT INTO "order" VALUES (1, 'x', 'y', 'z', NULL);
        INSERT INTO "日本" VALUES ('a', 'small', 'LARGE');
        INSERT INTO "a.b" VALUES (1);
        INSERT INTO "-- no comment" VALUES ('*/');''',
    "duplicates in a keyless table, with gaps": """
        CREATE TABLE t (a, b);
        INSERT INTO t (rowid, a, b) VALUES (1, 'x', 1), (2, 'x', 1), (7, 'x', 1.0), (100, 'x', '1'), (-5, 'x', 1), (9223372036854775807, NULL, NULL), (8, NULL, NULL);
        CREATE TABLE u (a TEXT);
        CREATE INDEX ix_u ON u (a);
        INSERT INTO u (rowid, a) VALUES (3, 'same'), (9, 'same'), (12, 'same'), (13, 'Same');""",
    "orphans": """
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE, other REFERENCES nowhere);
        INSERT INTO child VALUES (1, 404, NULL), (2, 405, 'x');""",
    "a table without rowids": """
        CREATE TABLE t (b TEXT, a INTEGER, v, PRIMARY KEY (a DESC, b)) WITHOUT ROWID;
        CREATE INDEX ix_v ON t (v);
        INSERT INTO t VALUES ('z', 1, NULL), ('a', 1, x'00'), ('', -1, -0.0), ('a', 2, 1);
        CREATE TABLE u (k BLOB PRIMARY KEY) WITHOUT ROWID;
        INSERT INTO u VALUES (1), ('1'), (x'31'), (1.5);""",
    "columns named like the rowid": """
        CREATE TABLE one (rowid TEXT, v);
        CREATE TABLE two (rowid TEXT, oid REAL, v);
        CREATE TABLE all_of_them (rowid, _rowid_ TEXT, oid INTEGER, v);
        INSERT INTO one VALUES ('a', 1), (NULL, 2), ('a', 1);
        INSERT INTO two VALUES ('a', 1, 2), ('a', 1, 2);
        INSERT INTO all_of_them VALUES (1, 'a', 3, 4), (1, 'a', 3, 4), (NULL, NULL, NULL, NULL);""",
    "generated columns": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, twice REAL AS (a * 2), text TEXT GENERATED ALWAYS AS ('n' || a) STORED, z);
        CREATE UNIQUE INDEX ix_twice ON t (twice);
        INSERT INTO t (id, a, z) VALUES (1, 1, 'z'), (3, 2.5, NULL);
        CREATE TABLE u (a, b AS (a + 1) STORED);
        INSERT INTO u (a) VALUES (1), (1), ('x');""",
    "values that only a type keeps apart": """
        CREATE TABLE t (v);
        INSERT INTO t VALUES (1), (1.0), ('1'), (x'31'), (0), (0.0), (-0.0), (''), (x''), (NULL), ('1.0'), (1e0);
        CREATE TABLE k (v PRIMARY KEY, w);
        INSERT INTO k VALUES (1, 'i'), ('1', 't'), (x'31', 'b'), (-0.0, 'z'), (NULL, 'n');
        CREATE TABLE b (v BLOB, n NUMERIC, x TEXT, c TEXT COLLATE NOCASE PRIMARY KEY);
        INSERT INTO b VALUES (-0.0, '1', 1, 'a '), ('-0.0', '1.0', 1.0, 'A'), (1, 'x', x'01', 'a  ');""",
    "strict tables": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, i INT, r REAL, x TEXT, b BLOB, a ANY) STRICT;
        INSERT INTO t VALUES (1, 1, 1, '1', x'31', 1), (2, NULL, NULL, NULL, NULL, '1'), (3, 3, -0.0, '', x'', -0.0);
        CREATE TABLE u (k TEXT PRIMARY KEY, a ANY) STRICT, WITHOUT ROWID;
        INSERT INTO u VALUES ('1', 1.0), ('2', '1.0');""",
    "primary keys that look like integers and are none": """
        CREATE TABLE t (id INT PRIMARY KEY, v);
        INSERT INTO t VALUES (5, 1), (NULL, 2), ('x', 3), (NULL, 2);
        CREATE TABLE u (id INTEGER, v, PRIMARY KEY (id));
        INSERT INTO u VALUES (9, 1), (-3, 2);
        CREATE TABLE w (id INTEGER PRIMARY KEY DESC, v);
        INSERT INTO w VALUES (9, 1), (NULL, 2);""",
    "constraints of every kind": """
        CREATE TABLE t (a TEXT NOT NULL DEFAULT (lower('X')), b INTEGER CHECK (b > 0), c UNIQUE ON CONFLICT REPLACE, d DEFAULT CURRENT_TIMESTAMP,
            UNIQUE (a, b), CHECK (length(a) < 5));
        INSERT INTO t VALUES ('a', 1, 1, NULL), ('a', 2, NULL, 'd'), ('b', NULL, NULL, 'd');""",
    "an empty database": "CREATE TABLE t (a); DROP TABLE t;",
    "empty tables": "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b); CREATE TABLE u (c TEXT PRIMARY KEY) WITHOUT ROWID;",
    "another page size": """
        PRAGMA page_size = 512;
        CREATE TABLE t (a, b);
        INSERT INTO t VALUES (1, randomblob(20000)), (2, x'00');""",
    "rows that overflow their page": """
        CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT);
        CREATE INDEX ix_v ON t (v);
        INSERT INTO t SELECT 'k' || value, hex(zeroblob(9000 + value)) FROM json_each('[1,2,3,4,5,6,7,8,9]');""",
}
