"""Columns in PostgreSQL: every kind of key and value, what is refused, and everything that others do meanwhile."""

from __future__ import annotations

import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from strongroom.rotate.columns import postgres_book, retrying
from strongroom.rotate.columns.postgres_naming import list_keys_in_database
from strongroom.rotate.request import Surroundings
from tests.column_system import ColumnSystem
from tests.integration.containers.schema_site import Site

ENTRY = {"postgres": "accounts", "table": "users", "primary_key": ["id"], "column": "api_key", "key": "encryption"}
USERS = "CREATE TABLE accounts.users (id bigint PRIMARY KEY, name text, api_key text)"
FILL = "INSERT INTO accounts.users SELECT n, 'n' || n, 'value ' || n FROM generate_series(1, {}) n"


@pytest.fixture
def shop(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ColumnSystem:
    monkeypatch.setattr(retrying, "PATIENCE", 1.0)
    site.do("CREATE SCHEMA accounts")
    about = {"postgres": {"variables": ["SHOP_DSN"]}}
    return ColumnSystem(
        folder=tmp_path / "system", capsys=capsys, monkeypatch=monkeypatch, columns=[ENTRY], about=about
    )


def read(site: Site, text: str = "SELECT id, api_key FROM accounts.users") -> dict[Any, Any]:
    return {row[0] if len(row) == 2 else row[:-1]: row[-1] for row in site.read(text)}


def values(count: int) -> dict[int, str]:
    return {n: f"value {n}" for n in range(1, count + 1)}


def when(monkeypatch: pytest.MonkeyPatch, step: str, do: Any, times: int = 1) -> None:
    """Let something happen when a step is reached, so often."""
    left = iter(range(times))

    def reach(_: Surroundings, reached: str) -> None:
        if reached == step and next(left, None) is not None:
            do()

    monkeypatch.setattr(Surroundings, "reach", reach)


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("columns", "key", "insert"),
    [
        ("k smallint PRIMARY KEY", ["k"], "n"),
        ("k bigint PRIMARY KEY", ["k"], "n * 10000000000"),
        ("k text PRIMARY KEY", ["k"], "chr(64 + n) || '%''\"é'"),
        ("k varchar(20) PRIMARY KEY", ["k"], "'k' || n"),
        ("k uuid PRIMARY KEY", ["k"], "md5(n::text)::uuid"),
        ("k bytea PRIMARY KEY", ["k"], "decode(lpad(to_hex(n), 4, '0'), 'hex')"),
        ('"k %s" int NOT NULL UNIQUE', ["k %s"], "n"),
        ("a int, k text, PRIMARY KEY (k, a)", ["a", "k"], "n % 3, 'k' || n"),
    ],
)
@pytest.mark.parametrize("kind", ["text", "varchar", "varchar(400)", "bytea"])
def test_rows_of_every_kind_come_under_the_key_and_back(
    shop: ColumnSystem, site: Site, columns: str, key: list[str], insert: str, kind: str
) -> None:
    shop.columns = [{**ENTRY, "table": 'us"er%s', "primary_key": key, "column": "api key%s"}]
    value = "'value ' || n" if kind != "bytea" else "decode(md5(n::text), 'hex')"
    table = 'accounts."us""er%s"'
    site.do(f'CREATE TABLE {table} ({columns}, "api key%s" {kind})')
    site.do(
        f"INSERT INTO {table} SELECT {insert}, CASE WHEN n = 3 THEN NULL ELSE {value} END FROM generate_series(1, 40) n"
    )
    names = ", ".join(f'"{name}"' for name in key)
    rows = f'SELECT {names}, "api key%s" FROM {table}'
    before = read(site, rows)
    assert shop.run("columns.encrypt", "--batch-size", "7")[0] == 0
    assert shop.open_all(read(site, rows)) == before
    shop.add_version()
    code, done, _ = shop.run("columns.rotate", "--batch-size", "7")
    assert (code, done["columns"][0]["changed"]) == (0, 39)
    assert shop.open_all(read(site, rows)) == before
    code, status, _ = shop.run("columns.status")
    assert (code, status["columns"][0]["keys"], status["columns"][0]["nulls"]) == (0, {shop.active: 39}, 1)
    assert shop.run("columns.decrypt", "--reason", "a test")[0] == 0
    assert read(site, rows) == before
    assert site.read("SELECT relname FROM pg_class WHERE relname LIKE 'strongroom%'") == []


def test_the_query_of_the_paper_counts_what_is_left(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS, FILL.format(10))
    assert shop.run("columns.encrypt")[0] == 0
    first = shop.active
    shop.add_version()
    site.do("DELETE FROM accounts.users WHERE id > 8")
    assert shop.run("columns.rotate")[0] == 0
    site.do("UPDATE accounts.users SET api_key = 'sr1:" + first + ":x' WHERE id = 1")
    found = read(site, "SELECT split_part(api_key, ':', 2) AS key, count(*) FROM accounts.users GROUP BY 1")
    assert found == {first: 1, shop.active: 7}


@pytest.mark.sample(2)
@pytest.mark.parametrize("size", [0, 1, 300, 3_000_000, 50_000_000])
def test_values_of_every_size_come_under_the_key(shop: ColumnSystem, site: Site, size: int) -> None:
    site.do(USERS, f"INSERT INTO accounts.users VALUES (1, 'a', repeat('é', {size // 2}) || repeat('x', {size % 2}))")
    assert shop.run("columns.encrypt")[0] == 0
    shop.add_version()
    assert shop.run("columns.rotate")[0] == 0
    assert shop.open(1, read(site)[1]) == "é" * (size // 2) + "x" * (size % 2)


REFUSED = {
    "no table": ("CREATE TABLE accounts.other (id int)", "no such table"),
    "no column": ("CREATE TABLE accounts.users (id bigint PRIMARY KEY)", "no column api_key"),
    "type": ("CREATE TABLE accounts.users (id bigint PRIMARY KEY, api_key jsonb)", "jsonb"),
    "domain": (("CREATE DOMAIN accounts.secret AS text; CREATE TABLE accounts.users "
               "(id bigint PRIMARY KEY, api_key accounts.secret)"), "secret"),
    "short": ("CREATE TABLE accounts.users (id bigint PRIMARY KEY, api_key varchar(30))", "shortest"),
    "a little short": (("CREATE TABLE accounts.users (id bigint PRIMARY KEY, api_key varchar(90)); "
                       "INSERT INTO accounts.users VALUES (1, 'x'), (2, repeat('x', 60))"), "22001"),
    "unique": ("CREATE TABLE accounts.users (id bigint PRIMARY KEY, api_key text UNIQUE)", "is unique"),
    "unique index": (USERS + "; CREATE UNIQUE INDEX i ON accounts.users (lower(api_key))", "is unique (i)"),
    "partly unique": (USERS + "; CREATE UNIQUE INDEX i ON accounts.users (name) WHERE api_key > ''", "is unique (i)"),
    "exclusion": (USERS + "; ALTER TABLE accounts.users ADD EXCLUDE (api_key WITH =)", "exclusion"),
    "primary key": ("CREATE TABLE accounts.users (id bigint UNIQUE NOT NULL, api_key text PRIMARY KEY)", "primary key"),
    "foreign key": (("CREATE TABLE accounts.k (k text PRIMARY KEY); CREATE TABLE accounts.users "
                    "(id bigint PRIMARY KEY, api_key text REFERENCES accounts.k)"), "foreign key"),
    "generated": (("CREATE TABLE accounts.users (id bigint PRIMARY KEY, n text, "
                  "api_key text GENERATED ALWAYS AS (n || 'x') STORED)"), "is generated"),
    "makes another": (("CREATE TABLE accounts.users (id bigint PRIMARY KEY, api_key text, "
                      "low text GENERATED ALWAYS AS (lower(api_key)) STORED)"), "generated column"),
    "check": (USERS + "; ALTER TABLE accounts.users ADD CONSTRAINT ck CHECK (length(api_key) < 20)", "ck"),
    "view": ("CREATE VIEW accounts.users AS SELECT 1::bigint AS id, ''::text AS api_key", "view"),
    "no key": ("CREATE TABLE accounts.users (id bigint NOT NULL, api_key text)", "unique"),
    "null key": ("CREATE TABLE accounts.users (id bigint UNIQUE, api_key text)", "NULL"),
    "part of a key": ("CREATE TABLE accounts.users (id bigint, n int, api_key text, PRIMARY KEY (id, n))", "unique"),
    "key's type": ("CREATE TABLE accounts.users (id date PRIMARY KEY, api_key text)", "date"),
    "inherited": (USERS + "; CREATE TABLE accounts.more () INHERITS (accounts.users)", "inherit"),
    "rule": (USERS + "; CREATE RULE r AS ON UPDATE TO accounts.users DO INSTEAD NOTHING", "rules"),
    "trigger that changes": (USERS + "; CREATE FUNCTION accounts.f() RETURNS trigger LANGUAGE plpgsql AS "
                             "$$BEGIN NEW.api_key := upper(NEW.api_key); RETURN NEW; END$$; CREATE TRIGGER t "
                             "BEFORE UPDATE ON accounts.users FOR EACH ROW EXECUTE FUNCTION accounts.f()", "changes"),
    "trigger that keeps": (USERS + "; CREATE FUNCTION accounts.f() RETURNS trigger LANGUAGE plpgsql AS "
                           "$$BEGIN RETURN NULL; END$$; CREATE TRIGGER t BEFORE UPDATE ON accounts.users "
                           "FOR EACH ROW EXECUTE FUNCTION accounts.f()", "keeps"),
    "trigger afterwards": (USERS + "; CREATE FUNCTION accounts.f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
                           "IF NEW.api_key NOT LIKE '%!' THEN UPDATE accounts.users SET api_key = NEW.api_key || '!' "
                           "WHERE id = NEW.id; END IF; RETURN NULL; END$$; CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON "
                           "accounts.users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION accounts.f()",
                           "changes"),
    "trigger that refuses": (USERS + "; CREATE FUNCTION accounts.f() RETURNS trigger LANGUAGE plpgsql AS "
                             "$$BEGIN RAISE EXCEPTION 'not %', OLD.api_key; END$$; CREATE TRIGGER t BEFORE UPDATE "
                             "ON accounts.users FOR EACH ROW EXECUTE FUNCTION accounts.f()", "P0001"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_what_stands_in_the_way_is_refused_before_anything_is_written(shop: ColumnSystem, site: Site, why: str) -> None:
    statements, fact = REFUSED[why]
    site.do(statements)
    if statements.startswith(USERS):
        site.do("INSERT INTO accounts.users VALUES (1, 'a', 'canary')")
    before = site.read("SELECT * FROM accounts.users") if why != "no table" else []
    code, _, said = shop.run("columns.encrypt")
    assert (code, fact in said, "canary" in said) == (6, True, False), said
    if why != "no table":
        assert site.read("SELECT * FROM accounts.users") == before


def test_triggers_that_only_note_are_no_obstacle(shop: ColumnSystem, site: Site) -> None:
    site.do(
        USERS, FILL.format(20), "CREATE TABLE accounts.noted (id bigint)",
        "CREATE FUNCTION accounts.f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
        "INSERT INTO accounts.noted VALUES (NEW.id); RETURN NULL; END$$",
        "CREATE TRIGGER t AFTER UPDATE ON accounts.users FOR EACH ROW EXECUTE FUNCTION accounts.f()",
    )  # fmt: skip
    assert shop.run("columns.encrypt")[0] == 0
    assert site.read("SELECT count(*), count(DISTINCT id) FROM accounts.noted") == [(20, 20)]


def test_partitions_are_reached_by_their_table(shop: ColumnSystem, site: Site) -> None:
    site.do(
        "CREATE TABLE accounts.users (id bigint PRIMARY KEY, api_key text) PARTITION BY RANGE (id)",
        "CREATE TABLE accounts.a PARTITION OF accounts.users FOR VALUES FROM (0) TO (30)",
        "CREATE TABLE accounts.b PARTITION OF accounts.users FOR VALUES FROM (30) TO (100)",
        "INSERT INTO accounts.users SELECT n, 'value ' || n FROM generate_series(1, 60) n",
    )
    assert shop.run("columns.encrypt", "--batch-size", "7")[0] == 0
    assert shop.open_all(read(site)) == values(60)


def test_a_role_without_rights_is_told_which(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS, FILL.format(5))
    role = site.make_role("")
    site.act_as(role)
    rights = [
        (f"GRANT USAGE ON SCHEMA accounts TO {role}", "may not read"),
        (f"GRANT SELECT ON accounts.users TO {role}", "may not write"),
        (f"GRANT UPDATE (api_key) ON accounts.users TO {role}", "may not make strongroom_column_progress"),
    ]
    for grant, missing in rights:
        site.do(grant)
        code, _, said = shop.run("columns.encrypt")
        assert (code, missing in said) == (6, True), said
    site.do(f"GRANT CREATE ON SCHEMA accounts TO {role}")
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.open_all(read(site)) == values(5)


def test_rows_that_are_hidden_from_a_role_are_not_taken_for_done(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS, FILL.format(5), "ALTER TABLE accounts.users ENABLE ROW LEVEL SECURITY")
    role = site.make_role("")
    site.do(f"GRANT ALL ON SCHEMA accounts TO {role}", f"GRANT ALL ON accounts.users TO {role}")
    site.act_as(role)
    code, _, said = shop.run("columns.encrypt")
    assert (code, "row security" in said) == (6, True)


def test_names_of_others_schemas_and_types_are_not_taken_for_the_servers(shop: ColumnSystem, site: Site) -> None:
    site.do(
        USERS, FILL.format(5),
        "CREATE FUNCTION public.substr(text, int, int) RETURNS text LANGUAGE sql AS $$SELECT 'sr1:'$$",
        "CREATE FUNCTION public.unnest(bigint[]) RETURNS SETOF bigint LANGUAGE sql AS $$SELECT 1::bigint$$",
        "CREATE FUNCTION public.octet_length(text) RETURNS int LANGUAGE sql AS $$SELECT 1 / 0$$",
        "ALTER ROLE postgres SET search_path = public, pg_catalog",
    )  # fmt: skip
    try:
        assert shop.run("columns.encrypt")[0] == 0
    finally:
        site.do("ALTER ROLE postgres RESET search_path")
    assert shop.open_all(read(site)) == values(5)


def test_a_row_that_is_locked_waits_for_a_later_walk(
    shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.do(USERS, FILL.format(20))
    monkeypatch.setattr(retrying, "PATIENCE", 20.0)
    with site.connect() as other:
        other.execute("BEGIN")
        other.execute("UPDATE accounts.users SET api_key = 'newer' WHERE id = 5")
        when(monkeypatch, "walked", lambda: other.execute("COMMIT"))
        assert shop.run("columns.encrypt")[0] == 0
    assert shop.open_all(read(site)) == {**values(20), 5: "newer"}


@pytest.mark.parametrize("lock", ["FOR UPDATE", "FOR SHARE", "two"])
def test_a_row_that_stays_locked_ends_5_and_names_who_holds_it(shop: ColumnSystem, site: Site, lock: str) -> None:
    site.do(USERS, FILL.format(20))
    with site.connect() as other, site.connect() as second:
        for connection in (other, second) if lock == "two" else (other,):
            connection.execute("BEGIN")
            connection.execute(
                f"SELECT FROM accounts.users WHERE id = 5 {'FOR SHARE' if lock == 'two' else lock}".encode()
            )
        code, _, said = shop.run("columns.encrypt")
        assert (code, f"{other.info.backend_pid}" in said) == (5, True), said
        if lock == "two":
            assert f"{second.info.backend_pid}" in said
        rows = read(site)
    assert [key for key, value in rows.items() if not value.startswith("sr1:")] == [5]
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.open_all(read(site)) == values(20)


def test_rows_that_refer_to_a_row_in_work_do_not_wait(
    shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.do(USERS, FILL.format(5), "CREATE TABLE accounts.orders (id bigint REFERENCES accounts.users)")

    def order() -> None:
        with site.connect() as other:
            other.execute("SET lock_timeout = '1s'")
            other.execute("INSERT INTO accounts.orders SELECT n FROM generate_series(1, 5) n")

    when(monkeypatch, "written", order)
    assert shop.run("columns.encrypt")[0] == 0


@pytest.mark.parametrize("step", ["locked", "begun", "sealed", "written", "committed", "walked", "looked"])
def test_a_connection_that_is_cut_costs_a_batch(
    shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    site.do(USERS, FILL.format(40))

    def cut() -> None:
        ours = "application_name = 'strongroom' AND datname = current_database()"
        for (pid,) in site.read(f"SELECT pid FROM pg_stat_activity WHERE {ours}"):
            site.end_session(pid)

    when(monkeypatch, step, cut, times=2)
    code, done, said = shop.run("columns.encrypt", "--batch-size", "10")
    assert code == 0, said
    assert done["columns"][0]["changed"] == 40
    assert shop.open_all(read(site)) == values(40)


def test_a_server_that_stays_away_ends_5(shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "TRIES", 2)
    site.do(USERS, FILL.format(40))
    role = site.make_role("SUPERUSER")
    site.act_as(role)

    def cut() -> None:
        site.do(f"ALTER ROLE {role} NOLOGIN")
        for (pid,) in site.read(f"SELECT pid FROM pg_stat_activity WHERE usename = '{role}'"):
            site.end_session(pid)

    when(monkeypatch, "committed", cut)
    code, _, said = shop.run("columns.encrypt", "--batch-size", "10")
    assert code == 5, said
    assert sum(value.startswith("sr1:") for value in read(site).values()) == 10
    site.do(f"ALTER ROLE {role} LOGIN")
    code, done, _ = shop.run("columns.encrypt")
    assert (code, done["columns"][0]["changed"], done["columns"][0]["went_on"]) == (0, 40, True)
    assert shop.open_all(read(site)) == values(40)


def test_a_deadlock_costs_a_batch(shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trigger of theirs wants a row that another session holds, and that one wants ours."""
    site.do(
        USERS, FILL.format(10), "CREATE TABLE accounts.sums (n bigint)", "INSERT INTO accounts.sums VALUES (0)",
        "CREATE FUNCTION accounts.f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
        "UPDATE accounts.sums SET n = n + 1; RETURN NEW; END$$",
        "CREATE TRIGGER t BEFORE UPDATE ON accounts.users FOR EACH ROW EXECUTE FUNCTION accounts.f()",
    )  # fmt: skip
    ended: list[str] = []
    waiting: list[threading.Thread] = []

    def collide() -> None:
        other = site.connect()
        other.execute("SET deadlock_timeout = '10s'")
        other.execute("BEGIN")
        other.execute("UPDATE accounts.sums SET n = n")

        def go_on() -> None:
            time.sleep(0.3)
            try:
                other.execute("UPDATE accounts.users SET name = 'other' WHERE id = 1")
                other.execute("COMMIT")
                ended.append("committed")
            finally:
                other.close()

        waiting.append(threading.Thread(target=go_on))
        waiting[0].start()

    when(monkeypatch, "sealed", collide)
    code, _, said = shop.run("columns.encrypt")
    waiting[0].join(timeout=20)
    assert (code, ended) == (0, ["committed"]), said
    assert shop.open_all(read(site)) == values(10)


def test_two_at_once_the_second_ends_11(shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.do(USERS, FILL.format(5))
    codes: list[int] = []
    when(monkeypatch, "sealed", lambda: codes.append(shop.run("columns.rotate")[0]))
    assert shop.run("columns.encrypt")[0] == 0
    assert codes == [11]


def test_a_column_that_is_widened_meanwhile_is_read_as_it_is_then(
    shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.do(USERS.replace("api_key text", "api_key varchar(200)"), FILL.format(40))

    def widen() -> None:
        site.do("ALTER TABLE accounts.users ALTER api_key TYPE text")

    when(monkeypatch, "committed", widen)
    code, _, said = shop.run("columns.encrypt", "--batch-size", "10")
    assert code == 0, said
    assert shop.open_all(read(site)) == values(40)


def test_a_key_that_changes_has_its_row_listed(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS, FILL.format(10))
    assert shop.run("columns.encrypt")[0] == 0
    site.do("UPDATE accounts.users SET id = 100 WHERE id = 3")
    shop.add_version()
    code, done, _ = shop.run("columns.rotate", "--show-keys")
    assert (code, [row["key"] for row in done["columns"][0]["rows"]]) == (4, ["[100]"])


def test_earlier_formats_are_taken_in(shop: ColumnSystem, site: Site) -> None:
    import base64  # noqa: PLC0415

    shop.more_keys = {"pgp": {"provider": "environment", "variable": "PGP_PASSWORD", "encoding": "passphrase"}}
    shop.monkeypatch.setenv("PGP_PASSWORD", "canary of a test, 4711")
    pgp, fernet = {"format": "pgcrypto", "key": "pgp"}, {"format": "fernet", "key": "encryption"}
    shop.columns = [
        {**ENTRY, "reads": [fernet, pgp]},
        {**ENTRY, "table": "cards", "column": "number", "reads": [pgp]},
    ]
    site.do(
        "CREATE EXTENSION pgcrypto", USERS, "CREATE TABLE accounts.cards (id bigint PRIMARY KEY, number bytea)",
        "INSERT INTO accounts.cards SELECT n, pgp_sym_encrypt('card ' || n, 'canary of a test, 4711') "
        "FROM generate_series(1, 5) n",
        "INSERT INTO accounts.users SELECT n, '', armor(pgp_sym_encrypt('value ' || n, 'canary of a test, 4711')) "
        "FROM generate_series(1, 3) n",
    )  # fmt: skip
    token = Fernet(base64.urlsafe_b64encode(shop.secrets[0])).encrypt(b"value 4").decode()
    site.do(f"INSERT INTO accounts.users VALUES (4, '', '{token}'), (5, '', 'value 5')")
    code, status, said = shop.run("columns.status")
    assert code == 7, said
    assert [one["formats"] for one in status["columns"]] == [{"fernet": 1, "pgcrypto": 3}, {"pgcrypto": 5}]
    assert shop.run("columns.encrypt")[0] == 0
    assert shop.open_all(read(site)) == values(5)
    cards = read(site, "SELECT id, number FROM accounts.cards")
    assert shop.open_all(cards, 1) == {n: f"card {n}" for n in range(1, 6)}
    assert shop.run("columns.status", "--scan")[0] == 0


def test_the_scan_finds_what_nobody_registered(shop: ColumnSystem, site: Site) -> None:
    site.do(
        USERS, "CREATE EXTENSION pgcrypto", "CREATE SCHEMA elsewhere", "CREATE DOMAIN elsewhere.word AS varchar(500)",
        'CREATE TABLE elsewhere."t%t" (a text, b bytea, c jsonb, d json, e elsewhere.word, f text[], g varchar(20))',
        "CREATE TABLE elsewhere.many AS SELECT 'gAAAAA' || n AS a, n FROM generate_series(1, 2000) n",
    )  # fmt: skip
    token = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    ours = str(shop.seal(1, "x"))
    with site.connect() as connection:
        put = 'INSERT INTO elsewhere."t%%t" ({}) VALUES ({})'
        connection.execute(put.format("a, e", "%s, %s"), (token, ours))
        connection.execute(put.format("b", "pgp_sym_encrypt('x', 'y')"), ())
        connection.execute(put.format("c, d", "%s, %s"), (f'{{"k": ["{token}"]}}', f'"{ours}"'))
        connection.execute(put.format("f", "%s"), (["plain", token],))
        connection.execute("INSERT INTO accounts.users VALUES (1, %s, NULL)", (ours,))
    code, status, said = shop.run("columns.status", "--scan")
    assert code == 7, said
    assert {(one["column"], one["format"], one["count"]) for one in status["found"]} == {
        ("t%t.a", "fernet", 1), ("t%t.b", "pgcrypto", 1), ("t%t.c", "fernet", 1), ("t%t.d", "strongroom", 1),
        ("t%t.e", "strongroom", 1), ("t%t.f", "fernet", 1), ("users.name", "strongroom", 1),
    }  # fmt: skip


def test_a_scan_says_what_it_may_not_read(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS, "CREATE TABLE accounts.closed (a text)")
    role = site.make_role("")
    site.do(f"GRANT USAGE ON SCHEMA accounts TO {role}", f"GRANT SELECT ON accounts.users TO {role}")
    site.act_as(role)
    code, status, _ = shop.run("columns.status", "--scan")
    assert (code, [one.rpartition(" ")[2] for one in status["unread"]]) == (7, ["accounts.closed.a"])


def test_a_batch_of_large_values_does_not_need_them_all(shop: ColumnSystem, site: Site) -> None:
    import tracemalloc  # noqa: PLC0415

    site.do(
        USERS, "INSERT INTO accounts.users SELECT n, '', repeat(md5(n::text), 31250) FROM generate_series(1, 100) n"
    )
    tracemalloc.start()
    try:
        assert shop.run("columns.encrypt")[0] == 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000


def test_another_server_is_named_by_its_variable(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS, FILL.format(5))
    shop.about = {}
    shop.columns = [{**ENTRY, "dsn": "ELSEWHERE_DSN"}]
    code, _, said = shop.run("columns.encrypt")
    assert (code, "ELSEWHERE_DSN" in said) == (2, True)
    shop.monkeypatch.setenv("ELSEWHERE_DSN", site.dsn)
    assert shop.run("columns.encrypt")[0] == 0


def test_what_cannot_be_read_of_uuids_is_a_uuid(shop: ColumnSystem, site: Site) -> None:
    site.do("CREATE TABLE accounts.users (id uuid PRIMARY KEY, api_key text)")
    key = uuid.uuid4()
    site.do(f"INSERT INTO accounts.users VALUES ('{key}', 'x')")
    assert shop.run("columns.encrypt")[0] == 0
    stored = read(site)[key]
    assert shop.open(key, stored) == shop.open(str(key), stored) == "x"


def test_a_row_that_changes_between_reading_and_writing_is_the_writers(
    shop: ColumnSystem, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.do(USERS, FILL.format(10))
    changes = ("UPDATE accounts.users SET api_key = 'newer' WHERE id = 3", "DELETE FROM accounts.users WHERE id = 4")
    when(monkeypatch, "sealed", lambda: site.do(*changes))
    assert shop.run("columns.encrypt")[0] == 0
    want = {**values(10), 3: "newer"}
    del want[4]
    assert shop.open_all(read(site)) == want


def test_two_columns_of_one_schema_may_begin_at_one_moment(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS, FILL.format(10))
    with site.connect() as other:
        other.execute("BEGIN")
        other.execute(f"CREATE TABLE accounts.strongroom_column_progress ({postgres_book._FORM})".encode())
        committing = threading.Timer(0.7, other.execute, ["COMMIT"])
        committing.start()
        code, _, said = shop.run("columns.encrypt")
        committing.join(timeout=10)
    assert code == 0, said
    assert shop.open_all(read(site)) == values(10)
    assert site.read("SELECT relname FROM pg_class WHERE relname LIKE 'strongroom%'") == []


def test_a_backup_is_told_which_versions_its_columns_are_under(shop: ColumnSystem, site: Site) -> None:
    site.do(USERS, FILL.format(10))
    shop.describe()
    with site.connect() as connection:
        assert list_keys_in_database([shop.entry()], connection) == ()
        assert shop.run("columns.encrypt")[0] == 0
        assert list_keys_in_database([shop.entry()], connection) == (shop.active,)
        first = shop.active
        shop.add_version()
        connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert list_keys_in_database([shop.entry()], connection) == (first,)
        assert shop.run("columns.rotate")[0] == 0
        assert list_keys_in_database([shop.entry()], connection) == (first,)
        connection.execute(b"COMMIT")
        assert list_keys_in_database([shop.entry()], connection) == (shop.active,)
