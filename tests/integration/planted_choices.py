"""Planted changes of groups about which a person decided: in the target, in the ledger, in both alike."""

from __future__ import annotations

from tests.integration.planted_changes import Change, on_stage

SUPERSEDED = "_disposition = 'superseded'"
COPY_OF_D = "(SELECT _group FROM \"undecided:notes\" WHERE c1 = 'd')"
ENTRY = "INSERT INTO {} SELECT {}, 'inserted', 'a reason', 'decision', {}, NULL, NULL, {}"

ROWS = on_stage(
    {
        "wrong row taken": "UPDATE notes SET (text, stars) = ('live a', 1) WHERE id = 1",
        "decision ignored in a table without rowid": "UPDATE limits SET (v, w) = (1, 1) WHERE k = 'x'",
        "decision ignored in a table without a key of its own": "UPDATE loose SET (v, w) = (1, NULL) WHERE k = 'p'",
        "row taken in part": "UPDATE notes SET stars = 1 WHERE id = 1",
        "wrong column taken": "UPDATE notes SET (text, stars) = ('old b', 2) WHERE id = 2",
        "other column taken too": "UPDATE limits SET v = 5 WHERE k = 'y'",
        "column not taken": "UPDATE notes SET stars = 2 WHERE id = 2",
        "1 for 1.0": "UPDATE limits SET v = 1 WHERE k = 'x'",
        "text for a BLOB": "UPDATE loose SET w = CAST(w AS TEXT) WHERE k = 'p'",
        "key changed": "UPDATE notes SET name = 'A' WHERE id = 1",
        "key changed in a table without rowid": "UPDATE limits SET k = 'X' WHERE k = 'x'",
        "id changed": "UPDATE notes SET id = 12 WHERE id = 1; UPDATE lines SET note = 12 WHERE note = 1",
        "id of the row that was taken": "UPDATE cards SET id = 12 WHERE id = 2",
        "rowid changed": "UPDATE loose SET rowid = 9 WHERE k = 'p'",
        "shown row gone": "DELETE FROM limits WHERE k = 'y'",
        "row that was kept gone": "DELETE FROM notes WHERE id = 11",
        "row that was kept is another": "UPDATE notes SET text = 'third C' WHERE id = 11",
        "ids of rows that were kept swapped": "UPDATE notes SET id = -1 WHERE id = 10; UPDATE notes SET id = 10 WHERE "
        "id = 11; UPDATE notes SET id = 11 WHERE id = -1",
        "row that was kept under an id that a file uses": "UPDATE cards SET id = 3 + 5 WHERE id = 3; "
        "UPDATE cards SET id = 3 WHERE id = 4; UPDATE cards SET id = 4 WHERE id = 8",
        "identical row kept too": "INSERT INTO notes VALUES (12, 'c', 'old c', 1.0)",
        "row that lost published too": "INSERT INTO notes VALUES (12, 'a', 'live a', 1)",
        "undecided group decided": "UPDATE notes SET text = 'old d' WHERE id = 4",
        "child of a row that lost points elsewhere": "UPDATE lines SET note = 2 WHERE words = 'of old a'",
        "child of a row that lost points nowhere": "UPDATE lines SET note = NULL WHERE words = 'of third a'",
        "child of a row that was kept points at the shown one": "UPDATE lines SET note = 3 WHERE words = 'of third c'",
        "child of an identical row points at the shown one": "UPDATE lines SET note = 3 WHERE id = 9",
        "child of the shown row points at one that was kept": "UPDATE lines SET note = 10 WHERE words = 'of live c'",
    }
)  # fmt: skip
LEDGER = [
    Change(name=name, ledger=sql)
    for name, sql in {
        "row that lost not in the ledger": 'DELETE FROM "third.notes" WHERE _rowid = 1',
        "row that was taken not in the ledger": 'DELETE FROM "old.limits" WHERE _rowid = 1',
        "shown row not in the ledger": 'DELETE FROM "live.notes" WHERE _rowid = 1',
        "row that was kept not in the ledger": 'DELETE FROM "third.notes" WHERE _rowid = 2',
        "row that lost said to be identical": "UPDATE \"third.notes\" SET _disposition = 'merged_identical' "
        "WHERE _rowid = 1",
        "row that went in said to have lost": f'UPDATE "old.limits" SET {SUPERSEDED} WHERE _rowid = 2',
        "row that was taken said to have lost": f'UPDATE "old.notes" SET {SUPERSEDED} WHERE _rowid = 2',
        "row that lost said to wait": "UPDATE \"third.notes\" SET _disposition = 'quarantined' WHERE _rowid = 1",
        "another rule named for a row that lost": "UPDATE \"third.notes\" SET _rule = 'quarantine' WHERE _rowid = 1",
        "another rule named for the shown row": "UPDATE \"live.notes\" SET _rule = 'quarantine' WHERE _rowid = 1",
        "another rule named for a row that was kept": "UPDATE \"live.cards\" SET _rule = 'identity' WHERE _rowid = 1",
        "another winner named": 'UPDATE "third.notes" SET _winner_rowid = 2 WHERE _rowid = 1',
        "winner of an identical row named wrongly": 'UPDATE "third.notes" SET _winner_input = 1, _winner_rowid = 3, '
        "_target_rowid = 3 WHERE _rowid = 9",
        "another target row named": 'UPDATE "third.notes" SET _target_rowid = 2 WHERE _rowid = 1',
        "undecided row said to be decided": "UPDATE \"live.notes\" SET _rule = 'decision' WHERE _rowid = 4",
        "settled row said to be decided": "UPDATE \"old.notes\" SET _rule = 'decision' WHERE _rowid = 5",
        "line of a decided row missing": "DELETE FROM decided WHERE decision = 1 AND input = 3 AND row = 1",
        "lines of a decision missing": "DELETE FROM decided WHERE decision = 6",
        "all lines missing": "DELETE FROM decided",
        "table of lines missing": "DROP TABLE decided",
        "line of a row that nobody decided about": "INSERT INTO decided SELECT into_table, 1, 5, decision, took, "
        "'ops', at, why FROM decided WHERE decision = 1 AND input = 1",
        "line of an undecided row": "INSERT INTO decided SELECT into_table, 1, 4, decision, took, "
        "'ops', at, why FROM decided WHERE decision = 1 AND input = 1",
        "line of a table that is none": "INSERT INTO decided SELECT 'house.none', 1, 4, decision, took, "
        "'ops', at, why FROM decided WHERE decision = 1 AND input = 1",
        "somebody else decided": "UPDATE decided SET \"by\" = 'dev' WHERE decision = 2",
        "decided at another time": "UPDATE decided SET at = '2026-11-26T12:00:01Z' WHERE decision = 2",
        "decided for another reason": "UPDATE decided SET why = NULL WHERE decision = 2",
        "another decision named": "UPDATE decided SET decision = 3 - decision WHERE decision < 3",
        "copy of a row that waits with another value": "UPDATE \"undecided:notes\" SET c2 = 'OLD d' WHERE c2 = 'old d'",
        "copy of a row that waits of another type": f'UPDATE "undecided:notes" SET c3 = 4.0 WHERE _group = {COPY_OF_D}',
        "copy of the shown row as it was before": "UPDATE \"undecided:notes\" SET c2 = 'live a' WHERE _group = 1 "
        "AND _number = 1",
        "copy of the shown row with another id": 'UPDATE "undecided:notes" SET c0 = 40 WHERE c2 = \'live d\'',
        "copy missing": 'DELETE FROM "undecided:notes" WHERE c2 = \'old d\'',
        "copies of a group missing": f'DELETE FROM "undecided:notes" WHERE _group = {COPY_OF_D}',
        "copies swapped": 'UPDATE "undecided:notes" SET _number = -_number WHERE _group = 4; '
        'UPDATE "undecided:notes" SET _number = 3 + _number WHERE _group = 4',
        "copy of another row": "UPDATE \"undecided:notes\" SET _rowid = 5 WHERE c2 = 'old d'",
        "copy said to wait": "UPDATE \"undecided:notes\" SET _waits = 1 WHERE c2 = 'old d'",
        "copies of a settled group": 'INSERT INTO "undecided:notes" SELECT 9, _number, _input, 5, _waits, 5, \'e\', '
        "'same', 5 FROM \"undecided:notes\" WHERE _group = 4",
        "copies of a table unnamed": "DELETE FROM undecided WHERE into_table = 'house.limits'",
        "columns of copies swapped": "UPDATE undecided SET columns = '[\"id\", \"name\", \"stars\", \"text\"]' "
        "WHERE into_table = 'house.notes'",
    }.items()
]  # fmt: skip
BOTH = [
    Change(
        name="decision ignored in target and ledger",
        stage="UPDATE limits SET (v, w) = (1, 1) WHERE k = 'x'",
        ledger="UPDATE \"live.limits\" SET _rule = 'quarantine' WHERE _rowid = 1; UPDATE \"old.limits\" SET "
        "_disposition = 'quarantined', _rule = 'quarantine' WHERE _rowid = 1; DELETE FROM decided WHERE decision = 4; "
        'UPDATE "undecided:limits" SET c1 = 1, c2 = 1 WHERE _group = 1 AND _number = 1',
    ),
    Change(
        name="decision applied to a group that it does not fit",
        stage="UPDATE notes SET text = 'old d' WHERE id = 4",
        ledger="UPDATE \"live.notes\" SET _rule = 'decision' WHERE _rowid = 4; UPDATE \"old.notes\" SET "
        "_disposition = 'merged_identical', _rule = 'decision' WHERE _rowid = 4; INSERT INTO decided SELECT "
        "into_table, input, 4, decision, took, 'ops', at, why FROM decided WHERE decision = 2; "
        'UPDATE "undecided:notes" SET '
        "c2 = 'old d' WHERE c2 = 'live d'",
    ),
    Change(
        name="other row taken in target and ledger",
        stage="UPDATE notes SET (text, stars) = ('live a', 1) WHERE id = 1",
        ledger="UPDATE \"third.notes\" SET _disposition = 'merged_identical' WHERE _rowid = 1; "
        f'UPDATE "old.notes" SET {SUPERSEDED} WHERE _rowid = 2; '
        "UPDATE \"undecided:notes\" SET c2 = 'live a', c3 = 1 WHERE _group = 1 AND _number = 1",
    ),
    Change(
        name="shown row moved in target and ledger",
        stage="UPDATE loose SET rowid = 9 WHERE k = 'p'",
        ledger='UPDATE "live.loose" SET _target_rowid = 9 WHERE _rowid = 1; '
        'UPDATE "old.loose" SET _target_rowid = 9 WHERE _rowid = 1',
    ),
    Change(
        name="id of the shown row changed in target and ledger",
        stage="UPDATE cards SET id = 12 WHERE id = 2",
        ledger='UPDATE "live.cards" SET _target_rowid = 12 WHERE _rowid = 2; '
        'UPDATE "old.cards" SET _target_rowid = 12 WHERE _rowid = 2; '
        'UPDATE "undecided:cards" SET c0 = 12 WHERE _group = 2 AND _number = 1',
    ),
    Change(
        name="rows kept that nobody kept",
        stage="INSERT INTO notes VALUES (12, 'd', 'old d', 4)",
        ledger="UPDATE \"live.notes\" SET _rule = 'decision' WHERE _rowid = 4; UPDATE \"old.notes\" SET "
        "_disposition = 'inserted', _rule = 'identity', _target_rowid = 12, _winner_input = NULL, _winner_rowid = NULL "
        'WHERE _rowid = 4; DELETE FROM "undecided:notes" WHERE _group = 4',
    ),
    Change(
        name="identical row kept in target and ledger",
        stage="INSERT INTO notes VALUES (12, 'c', 'old c', 1.0); UPDATE lines SET note = 12 WHERE id = 9",
        ledger="UPDATE \"third.notes\" SET _disposition = 'inserted', _rule = 'identity', _target_rowid = 12, "
        "_winner_input = NULL, _winner_rowid = NULL WHERE _rowid = 9",
    ),
    Change(
        name="row that was kept put into quarantine",
        stage="DELETE FROM cards WHERE id = 4",
        ledger="UPDATE \"old.cards\" SET _disposition = 'quarantined', _rule = 'constraint', _target_rowid = NULL "
        "WHERE _rowid = 1",
    ),
    Change(
        name="group that was decided put into quarantine",
        stage="DELETE FROM cards WHERE id = 2",
        ledger="UPDATE \"live.cards\" SET _disposition = 'quarantined', _rule = 'constraint', _target_rowid = NULL "
        "WHERE _rowid = 2; UPDATE \"old.cards\" SET _disposition = 'quarantined', _target_rowid = NULL "
        "WHERE _rowid = 2",
    ),
]  # fmt: skip
CHANGES = [*ROWS, *LEDGER, *BOTH]

# What a wrong hand does to the files of a run that settles groups after publish: on what is to become live.
AFTER_PUBLISH = {
    "another row changed": "UPDATE notes SET stars = 6 WHERE name = 'z'",
    "another row of another type": "UPDATE limits SET v = 1.0 WHERE k = 'z'",
    "0.0 for -0.0": "UPDATE notes SET stars = 0.0 WHERE name = 'q'",
    "a row lost": "DELETE FROM lines WHERE id = 1",
    "a row lost of a table without rowid": "DELETE FROM limits WHERE k = 'z'",
    "a row lost of which others are equal": "CREATE TEMP TABLE x AS SELECT * FROM rowids LIMIT 1; DELETE FROM rowids; "
    "INSERT INTO rowids SELECT * FROM x",
    "a row changed that nothing names": "UPDATE rowids SET oid = '4'",
    "a row invented": "INSERT INTO lines VALUES (99, 1, 'x')",
    "a row invented of a table without rowid": "INSERT INTO limits VALUES ('new', 1, 1)",
    "what an application wrote undone": "DELETE FROM notes WHERE name = 'of an application'",
    "a child that follows": "UPDATE lines SET note = 11 WHERE words = 'of third c'",
    "structure changed": "CREATE INDEX more ON lines (words)",
    "an index lost": "DROP INDEX ix_notes_text",
    "a table of an application lost": "DROP TABLE app",
    "user_version changed": "PRAGMA user_version = 8",
    "application_id changed": "PRAGMA application_id = 8",
    "AUTOINCREMENT mark moved down": "UPDATE sqlite_sequence SET seq = 1",
    "AUTOINCREMENT mark moved up": "UPDATE sqlite_sequence SET seq = 1000",
    "rowid changed": "UPDATE loose SET rowid = 9 WHERE k = 'r'",
    "rowid of a decided row changed": "UPDATE loose SET rowid = 9 WHERE k = 'p'",
    "id of a decided row changed": "UPDATE notes SET id = 77 WHERE name = 'a'",
    "key of a decided row changed": "UPDATE limits SET k = 'X' WHERE k = 'x'",
    "decided row without what was taken": "UPDATE notes SET (text, stars) = ('live a', 1) WHERE name = 'a'",
    "decided row with another type": "UPDATE limits SET v = 1 WHERE k = 'x'",
    "decided row gone": "DELETE FROM limits WHERE k = 'x'",
    "undecided row decided": "UPDATE notes SET text = 'old d' WHERE name = 'd'",
    "row that was kept missing": "DELETE FROM notes WHERE text = 'third c'",
    "row that was kept changed": "UPDATE notes SET stars = NULL WHERE text = 'third c'",
    "document of a full-text table changed": "UPDATE search SET body = 'the quick dog' WHERE rowid = 1",
    "full-text index emptied": "DELETE FROM search_data WHERE id > 10; DELETE FROM search_idx",
}
