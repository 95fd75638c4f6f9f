"""The mutation audit: whatever is changed behind a load's back, the proof finds, and where nothing is it is silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.containers.audit_site import SCHEMA, Audit, Spoil, make_sound, open_audit
from tests.integration.containers.schema_site import name_server


@pytest.fixture(scope="module")
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """Return a database in which every test makes its schema anew."""
    return open_audit(name_server(request), "audits", tmp_path_factory.mktemp("audits"))


@pytest.fixture
def audit(room: Audit, tmp_path: Path) -> Audit:
    return make_sound(room, tmp_path)


def serve(*statements: str) -> Spoil:
    return lambda audit: audit.do(*(statement.format(s=SCHEMA) for statement in statements))


def keep(*statements: str) -> Spoil:
    return lambda audit: audit.change_ledger(*statements)


def both(*spoils: Spoil) -> Spoil:
    def spoil(audit: Audit) -> None:
        for one in spoils:
            one(audit)

    return spoil


def set_account(column: str, value: str, row: int = 1) -> Spoil:
    return serve(f"UPDATE {{s}}.accounts SET {column} = {value} WHERE id = {row}")


SPOILS: dict[str, tuple[Spoil, str]] = {
    "a row dropped": (serve("DELETE FROM {s}.accounts WHERE id = 3"), "accounts: row 3 stands in the source"),
    "a row dropped of a text key": (serve("DELETE FROM {s}.orders WHERE code = 'C-3'"), "orders: row 4 stands in"),
    "a row dropped of two keys": (serve("DELETE FROM {s}.scores WHERE wins = 4"), "scores: row 2 stands in"),
    "a row dropped of no key": (serve("DELETE FROM {s}.visits WHERE what IS NULL"), "visits: row 4 stands in"),
    "a row more": (serve("INSERT INTO {s}.accounts (id, mail) VALUES (5, 'new')"), "id = 5 stands in PostgreSQL only"),
    "a row more at the end": (serve("INSERT INTO {s}.accounts (id, mail) VALUES (29, 'new')"), "id = 29 stands in"),
    "a row more of a text key": (serve("INSERT INTO {s}.orders VALUES ('X-9')"), "stands in PostgreSQL only"),
    "a row more of no key": (serve("INSERT INTO {s}.visits VALUES (NULL, 'x')"), "visits: a row (hash"),
    "a row twice": (
        serve("INSERT INTO {s}.visits SELECT * FROM {s}.visits WHERE what IS NULL"), "once more than in the source"),
    "two down to one and one up to two": (
        serve("DELETE FROM {s}.visits WHERE ctid = (SELECT min(ctid) FROM {s}.visits WHERE who = 'ann')",
              "INSERT INTO {s}.visits SELECT * FROM {s}.visits WHERE what IS NULL"), "visits: row 1 stands in"),
    "two cells of no key swapped": (
        serve("UPDATE {s}.visits SET who = CASE who WHEN 'ann' THEN 'bob' ELSE 'ann' END"), "visits: row"),
    "two cells swapped": (
        serve("UPDATE {s}.accounts a SET name = b.name FROM {s}.accounts b WHERE (a.id, b.id) IN ((1, 4), (4, 1))"),
        "accounts: row 1: name is TEXT"),
    "two rows' keys swapped": (
        serve("UPDATE {s}.orders SET code = CASE code WHEN 'A-1' THEN 'tmp' ELSE code END",
              "UPDATE {s}.orders SET code = 'A-1' WHERE code = 'a-1'",
              "UPDATE {s}.orders SET code = 'a-1' WHERE code = 'tmp'"), "orders: row 1: account is INTEGER"),
    "another parent": (serve("UPDATE {s}.orders SET account = 2 WHERE code = 'A-1'"), "orders: row 1: account"),
    "the case of a letter": (set_account("name", "'ANN'"), "accounts: row 1: name"),
    "the case of a key": (serve("UPDATE {s}.orders SET code = 'c-3' WHERE code = 'C-3'"), "orders: row 4 stands in"),
    "a space at the end": (set_account("name", "'Ann '"), "accounts: row 1: name"),
    "spaces trimmed": (set_account("name", "trim(name)", 4), "accounts: row 4: name"),
    "another normal form": (serve("UPDATE {s}.orders SET note = 'é' WHERE code = 'Ü-4'"), "orders: row 5: note"),
    "NULL for an empty text": (set_account("name", "NULL", 2), "accounts: row 2: name"),
    "an empty text for NULL": (set_account("name", "''", 3), "accounts: row 3: name"),
    "NULL for a number": (set_account("ratio", "NULL"), "accounts: row 1: ratio"),
    "zero for NULL": (serve("UPDATE {s}.orders SET total = 0 WHERE code = 'C-3'"), "orders: row 4: total"),
    "false for NULL": (set_account("active", "false", 3), "accounts: row 3: active"),
    "true for false": (set_account("active", "true", 2), "accounts: row 2: active"),
    "1 for true in JSON": (set_account("prefs", "jsonb_set(prefs, '{{on}}', '1')"), "accounts: row 1: prefs"),
    "true for 1 in JSON of no key": (serve("UPDATE {s}.visits SET what = '{{\"n\": true}}' WHERE who = 'ann'"),
                                     "visits: row 1 stands in"),
    "the last digit of thirty in JSON": (
        set_account("prefs", "jsonb_set(prefs, '{{a}}', '123456789012345678901234567891')"), "accounts: row 1: prefs"),
    "a text for a number in JSON": (set_account("prefs", "jsonb_set(prefs, '{{list,0}}', '\"1\"')"), "prefs"),
    "a name gone from JSON": (set_account("prefs", "prefs - 'on'"), "accounts: row 1: prefs"),
    "an element of JSON moved": (set_account("prefs", "jsonb_set(prefs, '{{list}}', '[2.5, 1, null]')"), "prefs"),
    "JSON null for NULL": (set_account("prefs", "'null'", 3), "accounts: row 3: prefs"),
    "one letter of a long JSON": (
        set_account("prefs", "jsonb_set(prefs, '{{long}}', to_jsonb(replace(prefs->>'long', 'straße straße', "
                             "'straße strasse')))", 7), "accounts: row 7: prefs"),
    "one bit of a double": (set_account("ratio", "0.1 + 1.3877787807814457e-17"), "accounts: row 1: ratio"),
    "the sign of zero": (set_account("ratio", "0.0", 2), "accounts: row 2: ratio"),
    "the least double gone": (set_account("ratio", "0.0", 4), "accounts: row 4: ratio"),
    "infinity gone": (set_account("ratio", "1.7976931348623157e308", 7), "accounts: row 7: ratio"),
    "NaN": (set_account("ratio", "'NaN'"), "accounts: row 1: ratio"),
    "an hour": (set_account("joined", "joined - interval '1 hour'"), "accounts: row 1: joined"),
    "an hour of a declared zone": (set_account("born", "born + interval '1 hour'"), "accounts: row 1: born"),
    "a microsecond": (set_account("joined", "joined + interval '1 us'", 2), "accounts: row 2: joined"),
    "a millisecond cut off": (set_account("seen", "date_trunc('second', seen)"), "accounts: row 1: seen"),
    "infinity for an instant": (set_account("joined", "'infinity'", 3), "accounts: row 3: joined"),
    "the year before Christ": (set_account("joined", "'0001-01-01 BC'", 7), "accounts: row 7: joined"),
    "one byte": (set_account("photo", "set_byte(photo, 200, 0)"), "accounts: row 1: photo"),
    "one byte of many": (set_account("photo", "set_byte(photo, 69999, 0)", 7), "accounts: row 7: photo"),
    "bytes emptied": (set_account("photo", "''", 4), "accounts: row 4: photo"),
    "NULL for no bytes": (set_account("photo", "NULL", 2), "accounts: row 2: photo"),
    "another label": (set_account("state", "'closed'"), "accounts: row 1: state"),
    "the order of an array": (set_account("tags", "ARRAY['y,z', 'x', NULL]"), "accounts: row 1: tags"),
    "NULL for an empty array": (set_account("tags", "NULL", 2), "accounts: row 2: tags"),
    "an array that begins at 0": (set_account("tags", "'[0:0]={{1}}'", 4), "accounts: row 4: tags"),
    "a text for NULL in an array": (set_account("tags", "ARRAY['x', 'y,z', 'NULL']"), "accounts: row 1: tags"),
    "the last digit of a decimal": (set_account("balance", "12.51"), "accounts: row 1: balance"),
    "a digit far behind": (set_account("balance", "7.0000000000000000000001", 2), "accounts: row 2: balance"),
    "one bit of a UUID": (set_account("ref", "'0b5c4ea1-7f3d-4b12-9e0a-3d8c6f1a2b4d'"), "accounts: row 1: ref"),
    "a text cut in the middle": (set_account("name", "left(name, 1)"), "accounts: row 1: name"),
    "a long text cut": (set_account("name", "left(name, 20000)", 7), "accounts: row 7: name"),
    "a column of four bytes": (serve("ALTER TABLE {s}.accounts ALTER ratio TYPE real USING CASE WHEN id IN (1, 2) "
                                     "THEN ratio END"), "accounts: row 1: ratio is REAL"),
    "numbers for texts": (serve("ALTER TABLE {s}.scores ALTER wins TYPE text"), "scores: row 1: wins is INTEGER"),
    "a type that no load makes": (serve("ALTER TABLE {s}.orders ALTER total TYPE money USING total::numeric::money"),
                                  "has type money"),
    "a column dropped": (serve("ALTER TABLE {s}.orders DROP note"), "orders: column note is not in PostgreSQL"),
    "a column more": (serve("ALTER TABLE {s}.orders ADD more text", "UPDATE {s}.orders SET more = 'x'"),
                      "orders: column more is not the source's"),
    "another default": (serve("ALTER TABLE {s}.orders ADD more text DEFAULT 'a'",
                              "UPDATE {s}.orders SET more = 'b' WHERE code = 'C-3'"), "column more"),
    "a table dropped": (serve("DROP TABLE {s}.visits"), "visits: is not in PostgreSQL, with its 4 rows"),
    "a table emptied": (serve("TRUNCATE {s}.scores"), "scores: row 1 stands in the source"),
    "a foreign key dropped": (serve("ALTER TABLE {s}.orders DROP CONSTRAINT orders_account_fkey"),
                              "orders: foreign key (account) to accounts is not there"),
    "a foreign key not validated": (
        serve("ALTER TABLE {s}.scores ADD FOREIGN KEY (wins) REFERENCES {s}.accounts NOT VALID",
              "DELETE FROM {s}.scores WHERE wins = 0"), "NOT VALID, and no row is without its parent"),
    "an orphan more": (
        serve("ALTER TABLE {s}.orders DISABLE TRIGGER ALL", "UPDATE {s}.orders SET account = 98 WHERE code = 'C-3'",
              "ALTER TABLE {s}.orders ENABLE TRIGGER ALL"), "2 rows have no parent in PostgreSQL, and 1 of the source"),
    "a unique index dropped": (serve("ALTER TABLE {s}.accounts DROP CONSTRAINT accounts_mail_key"),
                               "accounts: uniqueness of (mail)"),
    "an index dropped": (serve("DROP INDEX {s}.by_account"), "orders: index by_account (account) is not there"),
    "a primary key dropped": (serve("ALTER TABLE {s}.scores DROP CONSTRAINT scores_pkey"), "scores: the primary key"),
    "NOT NULL dropped": (serve("ALTER TABLE {s}.accounts ALTER mail DROP NOT NULL"), "column mail is NOT NULL"),
    "a sequence behind the rows": (serve("SELECT setval('{s}.accounts_id_seq', 6)"), "the next id would be 7"),
    "a sequence behind AUTOINCREMENT": (
        serve("SELECT setval('{s}.accounts_id_seq', 30, false)"), "next id would be 30"),
    "a trigger off": (serve("ALTER TABLE {s}.visits DISABLE TRIGGER stamp"), "visits: trigger or foreign key stamp"),
    "a foreign key off": (serve("ALTER TABLE {s}.orders DISABLE TRIGGER ALL"), "orders_account_fkey is switched off"),
    "a table without a log": (serve("ALTER TABLE {s}.visits SET UNLOGGED"), "visits: is UNLOGGED"),
    "a row that waits and stands": (serve("INSERT INTO {s}.accounts (id, mail) VALUES (20, 'zed@example.org')"),
                                    "id = 20 stands in PostgreSQL only"),
    "a row waits that fits": (
        keep("INSERT INTO \"shop.scores\" VALUES (1, 'quarantined', 'x', 'wins', NULL, NULL, NULL, 'ann', 'd1', 3)"),
        "scores: row 1 waits, and its wins, INTEGER"),
    "a row forgotten by the ledger": (keep('DELETE FROM "shop.orders" WHERE _rowid = 7'), "orders: row 7 stands in"),
    "a whole table forgotten": (keep('DELETE FROM "shop.scores"'), "scores: row 4 stands in the source"),
    "a value changed in the ledger": (keep('UPDATE "shop.orders" SET c2 = 2.0 WHERE _rowid = 6'),
                                      "orders: row 6, which waits: total is REAL"),
    "a class changed in the ledger": (
        keep("UPDATE 'shop.orders' SET c4 = '1' WHERE _rowid = 6"), "row 6, which waits"),
    "a reason of another column": (keep("UPDATE \"shop.accounts\" SET _rule = 'mail' WHERE _rowid = 20"),
                                   "accounts: row 20 waits, and its mail"),
    "a parent that stands": (keep("UPDATE \"shop.orders\" SET _rule = 'reference' WHERE _rowid = 7"),
                             "orders: row 7 waits, and none of its parents does"),
    "a key that nobody has": (keep("UPDATE \"shop.orders\" SET _rule = 'key', _winner_rowid = 1 WHERE _rowid = 7"),
                              "has another"),
    "a refusal of nothing": (
        both(
            keep("INSERT INTO 'shop.scores' VALUES (1, 'quarantined', '', 'server', NULL, NULL, NULL, 'ann', 'd1', 3)"),
            serve("DELETE FROM {s}.scores WHERE agent = 'ann' AND debate = 'd1'")),
        "nothing for which the server could refuse it"),
    "a rule that is none": (keep("UPDATE \"shop.orders\" SET _rule = 'mood' WHERE _rowid = 7"), "a rule that is none"),
    "a row called superseded": (keep("UPDATE \"shop.orders\" SET _disposition = 'superseded' WHERE _rowid = 7"),
                                "is called superseded"),
    "a row that nobody had": (
        keep("INSERT INTO \"shop.scores\" VALUES (9, 'quarantined', 'x', 'wins', NULL, NULL, NULL, 'q', 'q', 'q')"),
        "scores: row 9 waits, and the source has no such row"),
    "columns of another table": (keep("UPDATE inputs SET columns = json_array('a') WHERE source_table = 'orders'"),
                                 "the ledger names other columns"),
    "a table of the ledger alone": (
        keep('CREATE TABLE "shop.more" (_rowid INTEGER PRIMARY KEY, _disposition TEXT)',
             "INSERT INTO 'shop.more' VALUES (1, 'quarantined')"), "the ledger's shop.more has 1 rows of no table"),
}  # fmt: skip


def test_a_sound_load_has_no_differences(audit: Audit) -> None:
    found = audit.prove()
    assert found.differences == ()
    assert found.notes == ()
    assert {name: (tally.read, tally.inserted, tally.quarantined) for name, tally in found.tables.items()} == {
        "shop.accounts": (9, 5, 4),
        "shop.orders": (8, 5, 3),
        "shop.scores": (4, 3, 1),
        "shop.visits": (4, 4, 0),
    }
    assert not any(tally.unexplained for tally in found.tables.values())
    reference = found.references["shop.orders.account"]
    assert (reference.orphans_before, reference.orphans_after, reference.waiting) == (1, 1, 1)


@pytest.mark.sample(4)
@pytest.mark.parametrize(("spoil", "said"), SPOILS.values(), ids=SPOILS)
def test_a_change_is_found(audit: Audit, spoil: Spoil, said: str) -> None:
    spoil(audit)
    found = audit.prove().differences
    assert any(said in line for line in found), found


def test_a_row_that_differs_is_named_by_its_key_too(audit: Audit) -> None:
    audit.do(f"UPDATE {SCHEMA}.orders SET account = account + 1 WHERE code = (SELECT min(code) FROM {SCHEMA}.orders)")
    (hidden,) = audit.prove_whole().differences
    (shown,) = audit.prove_whole(show_values=True).differences
    with audit.connect() as connection:
        (code,) = connection.execute(f"SELECT min(code) FROM {SCHEMA}.orders".encode()).fetchone() or ("",)
    assert f"(code = TEXT {code!r}): account is INTEGER" in shown
    assert code not in hidden
    assert "(code = TEXT " in hidden
