"""More of the audit's planted changes: wrong decisions that target and ledger agree on, references, documents."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from strongroom.sqlite.database import Database
from tests.integration.planted_changes import Change, Ground, on_stage

WAITS = "_disposition = 'quarantined', _target_rowid = NULL, _winner_input = NULL, _winner_rowid = NULL"

# Children that no longer reach the row that they reached, and what stands around an id in JSON.
ON_STAGE = on_stage(
    {
        "followed reference undone": "UPDATE members SET team = 1 WHERE person = 'cid'",
        "followed reference to a third row": "UPDATE members SET team = 78 WHERE person = 'cid'",
        "followed reference lost": "UPDATE members SET team = NULL WHERE person = 'dan'",
        "reference that had no reason to change": "UPDATE members SET team = 2 WHERE person = 'ann'",
        "orphan adopted": "UPDATE members SET team = 78 WHERE person = 'nobody'",
        "orphan made NULL": "UPDATE members SET team = NULL WHERE person = 'nobody'",
        "NULL made a reference": "UPDATE members SET team = 1 WHERE person = 'fay'",
        "references of two rows swapped": "UPDATE members SET team = 80 - team WHERE person IN ('cid', 'dan')",
        "reference in JSON undone": """UPDATE members SET info = '{"team":1,"n":1}' WHERE person = 'cid'""",
        "reference in JSON to a third row": """UPDATE members SET info = '{"team":78,"n":1}' WHERE person = 'cid'""",
        "reference in JSON of another type": """UPDATE members SET info = '{"team":"2","n":1}' WHERE person = 'cid'""",
        "JSON around a reference changed": """UPDATE members SET info = '{"team":2,"n":2}' WHERE person = 'cid'""",
        "JSON around a reference lost": """UPDATE members SET info = '{"team":2}' WHERE person = 'cid'""",
        "JSON rewritten without need": """UPDATE members SET info = '{"team":1}' WHERE person = 'ann'""",
        "text beside references changed": "UPDATE members SET info = 'None' WHERE person = 'fay'",
        "names of two parents swapped": "UPDATE teams SET name = '~' WHERE id = 1; "
        "UPDATE teams SET name = 'red' WHERE id = 78; UPDATE teams SET name = 'green' WHERE id = 1",
        "parent and its children moved together": "UPDATE teams SET id = 79 WHERE id = 78; "
        "UPDATE members SET team = 79 WHERE team = 78",
    }
)
REFERENCES = [
    *ON_STAGE,
    Change(
        name="parent moved to the value of an orphan",
        stage="UPDATE teams SET id = 77 WHERE id = 78; UPDATE members SET team = 77 WHERE team = 78",
        ledger='UPDATE "beta.teams" SET _target_rowid = 77 WHERE _rowid = 2',
    ),
    Change(
        name="parent moved to an id that a file uses",
        stage="DELETE FROM teams WHERE id = 2; UPDATE teams SET id = 2, name = 'green' WHERE id = 78; "
        "UPDATE members SET team = 2 WHERE team = 78; INSERT INTO teams VALUES (79, 'blue')",
        ledger='UPDATE "beta.teams" SET _target_rowid = 2 WHERE _rowid = 2; '
        'UPDATE "beta.teams" SET _target_rowid = 79 WHERE _rowid = 1; '
        "INSERT INTO \"alpha.teams\" VALUES (2, 'inserted', 'moved', 'identity', 79, NULL, NULL, 2, 'blue')",
    ),
    Change(name="followed reference removed from the ledger", ledger='DELETE FROM "beta.members" WHERE _rowid = 2'),
    Change(
        name="followed child put into quarantine",
        stage="DELETE FROM members WHERE person = 'dan'",
        ledger=f'UPDATE "beta.members" SET {WAITS} WHERE _rowid = 2',
    ),
    Change(
        name="orphan put into quarantine",
        stage="DELETE FROM members WHERE person = 'nobody'",
        ledger='INSERT INTO "alpha.members" VALUES '
        "(3, 'quarantined', 'waits', 'reference', NULL, NULL, NULL, 77, 'nobody', NULL)",
    ),
]  # fmt: skip

# Rules applied wrongly, with a ledger that goes along.
DECISIONS = [
    Change(
        name="zone offset ignored (newest)",
        stage="DELETE FROM people WHERE email = 'zoe@x'; INSERT INTO people (rowid, email, name, score, handle, "
        "updated_at) VALUES (5, 'zoe@x', 'Zoe', 1, 'zoe', '2024-06-01T12:00:00+02:00')",
        ledger='DELETE FROM "alpha.people" WHERE _rowid = 5; '
        "INSERT INTO \"beta.people\" VALUES (4, 'superseded', 'newest', 'newest', 5, 1, 5, "
        "'zoe@x', 'Zoey', 2.0, 'zoey', '2024-06-01T11:30:00Z')",
    ),
    Change(
        name="conflict that the rule decides put into quarantine",
        stage="DELETE FROM settings WHERE name = 'theme'",
        ledger=f'UPDATE "alpha.settings" SET {WAITS} WHERE _rowid = 1; INSERT INTO "beta.settings" VALUES '
        "(1, 'quarantined', 'waits', 'prefer', NULL, NULL, NULL, 'theme', 'light')",
    ),
    Change(
        name="identical rows put into quarantine",
        stage="DELETE FROM orders WHERE number = 'o2'",
        ledger=f'UPDATE "beta.orders" SET {WAITS} WHERE _rowid = 2; INSERT INTO "alpha.orders" VALUES '
        "(2, 'quarantined', 'waits', 'quarantine', NULL, NULL, NULL, 'o2', 20, 'new')",
    ),
    Change(
        name="row that nothing contradicts put into quarantine",
        stage="DELETE FROM orders WHERE number = 'o4'",
        ledger='INSERT INTO "beta.orders" VALUES '
        "(3, 'quarantined', 'waits', 'quarantine', NULL, NULL, NULL, 'o4', 40, 'new')",
    ),
    Change(
        name="row put into quarantine for an id that is free",
        stage="DELETE FROM accounts WHERE id = 5",
        ledger='INSERT INTO "beta.accounts" VALUES '
        "(5, 'quarantined', 'waits', 'identity', NULL, NULL, NULL, 5, 'dan', 'd@x')",
    ),
    Change(
        name="merge undone: the first row alone is published",
        stage="UPDATE visits SET (count, last, remark) = (3, '2024-01-01', NULL) WHERE place = 'oslo'",
        ledger='DELETE FROM "alpha.visits" WHERE _rowid = 1',
    ),
    Change(
        name="loser of prefer said to be merged",
        ledger="UPDATE \"alpha.settings\" SET _disposition = 'merged_changed' WHERE _rowid = 1",
    ),
    Change(name="another winner named", ledger='UPDATE "alpha.settings" SET _winner_rowid = 2 WHERE _rowid = 1'),
    Change(name="another input named", ledger='UPDATE "gamma.people" SET _winner_input = 3 WHERE _rowid = 2'),
    Change(name="another rule named", ledger="UPDATE \"alpha.messages\" SET _rule = 'prefer'"),
    Change(
        name="waiting row that names another row", ledger='UPDATE "beta.orders" SET _target_rowid = 2 WHERE _rowid = 1'
    ),
    Change(
        name="waiting row that names no row", ledger='UPDATE "beta.orders" SET _target_rowid = NULL WHERE _rowid = 1'
    ),
    Change(name="the other version is shown", stage="UPDATE orders SET amount = 11 WHERE number = 'o1'"),
    Change(name="neither version is shown", stage="DELETE FROM orders WHERE number = 'o1'"),
    Change(
        name="row that is shown called settled",
        ledger="UPDATE \"alpha.orders\" SET _rule = 'identity' WHERE _rowid = 1",
    ),
    Change(name="row that is shown without an entry", ledger='DELETE FROM "alpha.orders" WHERE _rowid = 1'),
    Change(
        name="plain row with an entry",
        ledger="INSERT INTO \"beta.orders\" VALUES (3, 'inserted', 'x', 'identity', 5, NULL, NULL, 'o4', 40, 'new')",
    ),
    Change(name="ranks swapped", ledger="UPDATE inputs SET number = 3 - number WHERE into_table = 'house.settings'"),
    Change(
        name="offset of rowids changed",
        ledger="UPDATE inputs SET rowid_offset = rowid_offset + 1 WHERE kept_table = 'beta.events'",
    ),
    Change(
        name="transform written otherwise",
        stage="UPDATE messages SET sent_at = '2023-11-14T22:13:20+00:00' WHERE id = 1",
    ),
]  # fmt: skip

# Rows that come from a document.
DOCUMENTS = on_stage(
    {
        "last row of a document lost": "DELETE FROM personas WHERE name = 'cid'",
        "fraction in a document lost": "UPDATE personas SET age = 31 WHERE name = 'bob'",
        "true in a document written out": "UPDATE personas SET age = 'true' WHERE name = 'cid'",
        "list in a document written otherwise": "UPDATE personas SET traits = '[\"calm\" ]' WHERE name = 'ann'",
        "missing member of a document made empty": "UPDATE personas SET traits = '' WHERE name = 'bob'",
        "row of a document invented": "INSERT INTO personas VALUES ('dot', 1, NULL)",
    }
)


def in_archive(sql: str) -> Change:
    def damage(ground: Ground) -> None:
        with closing(sqlite3.connect(ground.folder / "archive.db")) as connection:
            connection.executescript(sql)

    return Change(name=f"archive: {sql}", damage=damage)


def lose_archive(ground: Ground) -> None:
    (ground.folder / "archive.db").unlink()


def change_document(ground: Ground) -> None:
    """Change a number in the copy of a document; the rows that were made of it stay."""
    snapshot = ground.snapshots["people_json"]
    copy = ground.folder / snapshot.copy.path.name
    copy.write_bytes(snapshot.copy.path.read_bytes())
    changed = replace(snapshot, copy=Database(copy))
    changed.raw.write_bytes(snapshot.raw.read_bytes().replace(b"30", b"31"))
    ground.snapshots["people_json"] = changed


ARCHIVE = [
    in_archive('DELETE FROM "gamma.old" WHERE v IS NULL'),
    in_archive('DELETE FROM "gamma.old" WHERE rowid = 1'),
    in_archive("UPDATE \"gamma.old\" SET n = '1' WHERE rowid = 1"),
    in_archive("UPDATE \"gamma.old\" SET v = '' WHERE v IS NULL"),
    in_archive('DROP TABLE "gamma.old"'),
    in_archive("CREATE TABLE invented (a)"),
    Change(name="archive lost", damage=lose_archive),
    Change(name="copy of a document changed", damage=change_document),
]

CHANGES = [*REFERENCES, *DECISIONS, *DOCUMENTS, *ARCHIVE]
