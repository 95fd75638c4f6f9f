"""Schemas change names in one transaction: applications wait for a moment, and nothing is lost either way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from strongroom.core.errors import (
    DecisionNeededError,
    DifferencesError,
    GuardError,
    LockedError,
    RollbackFailedError,
    SourceChangedError,
)
from strongroom.load.documents import LoadState
from strongroom.load.switch import cutovers
from tests.integration.containers.cutover_site import GOODS, OWNER, ROWS, Shop, open_shop
from tests.integration.containers.schema_site import PASSWORD, Site

pytestmark = pytest.mark.sample(2, whole=True)

MORE = "INSERT INTO goods VALUES (21, 'only here')"
RULE = (
    "CREATE VIEW other.one AS SELECT 1 AS id; "
    "CREATE RULE put AS ON INSERT TO other.one DO INSTEAD INSERT INTO core.goods VALUES (NEW.id, 'x')"
)


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> Shop:
    return open_shop(site, tmp_path)


def count(shop: Shop, table: str) -> int:
    return int(shop.site.read(f"SELECT count(*) FROM {table}")[0][0])


def schemas(shop: Shop) -> set[str]:
    asked = "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public|strongroom)'"
    return {name for (name,) in shop.site.read(asked)}


def test_a_first_load_goes_live_and_steps_back(shop: Shop) -> None:
    load = shop.stage()
    done = load.cut_over()
    assert (done.tables, done.previous, done.is_done_before) == ({"core": {"goods": 20}}, (), False)
    assert (count(shop, "core.goods"), schemas(shop), load.state) == (20, {"core"}, "live")
    back = load.roll_back()
    assert (back.live, back.gone, back.staged) == ((), ("core",), ("core_staged",))
    assert (schemas(shop), load.state) == ({"core_staged"}, "rolled back")
    assert load.cut_over().tables == {"core": {"goods": 20}}


def test_what_was_live_steps_aside_and_comes_back(shop: Shop) -> None:
    shop.make("core", GOODS, "INSERT INTO goods SELECT n, 'thing ' || n, n / 4.0, jsonb_build_object('n', n) "
              "FROM generate_series(1, 5) n")  # fmt: skip
    load = shop.stage()
    assert load.cut_over().previous == ("core_previous",)
    assert (count(shop, "core.goods"), count(shop, "core_previous.goods")) == (20, 5)
    assert load.roll_back().live == ("core",)
    assert (count(shop, "core.goods"), count(shop, "core_staged.goods")) == (5, 20)
    assert schemas(shop) == {"core", "core_staged"}


def test_all_targets_change_together_or_none(shop: Shop) -> None:
    load = shop.stage(names=("core", "memory", "agents"))
    shop.make("agents", GOODS, MORE)
    with pytest.raises(GuardError, match=r"1 rows in agents\.goods"):
        load.cut_over()
    assert schemas(shop) == {"core_staged", "memory_staged", "agents_staged", "agents"}
    done = load.cut_over(replace=True)
    assert schemas(shop) == {"core", "memory", "agents", "agents_previous"}
    assert {table: rows.rows for table, rows in done.replaced.items()} == {"agents.goods": 1}
    load.roll_back()
    assert schemas(shop) == {"core_staged", "memory_staged", "agents_staged", "agents"}
    assert count(shop, "agents.goods") == 1


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (MORE, "1 rows in core.goods$"),
        (f"ALTER TABLE goods ALTER id TYPE numeric; {MORE}", "1 rows in core.goods$"),
        ("INSERT INTO goods VALUES (1, 'thing 1', 0.25, '{\"n\": 2}')", r"1 rows \(1 of them with other values"),
        ("INSERT INTO goods VALUES (1, 'thing 1', '-0', '{\"n\": 1}')", r"1 rows \(1 of them"),
        ("INSERT INTO goods VALUES (1, 'thing 1 ', 0.25, '{\"n\": 1}')", r"1 rows \(1 of them"),
        ("INSERT INTO goods VALUES (1, 'thing 1', NULL, '{\"n\": 1}')", r"1 rows \(1 of them"),
        ("INSERT INTO goods VALUES (1, 'Thing 1', 0.25, '{\"n\": 1}')", r"1 rows \(1 of them"),
        ("CREATE TABLE notes AS SELECT 1 AS n FROM generate_series(1, 3)", "3 rows in core.notes"),
        ("ALTER TABLE goods ADD COLUMN extra text; INSERT INTO goods VALUES (1, 'thing 1', 0.25, '{\"n\": 1}', 'x')",
         r"1 rows \(1 of them"),
        ("CREATE VIEW cheap AS SELECT * FROM goods", "core: view cheap"),
        ("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'", "core: function one"),
    ],
)  # fmt: skip
def test_what_only_the_live_schema_holds_is_refused_or_kept(shop: Shop, live: str, said: str) -> None:
    shop.make("core", GOODS, *live.split("; "))
    load = shop.stage()
    with pytest.raises(GuardError, match=said):
        load.cut_over()
    assert (schemas(shop), load.state) == ({"core", "core_staged"}, "staged")
    done = load.cut_over(replace=True)
    assert done.replaced or done.left
    assert schemas(shop) == {"core", "core_previous"}


@pytest.mark.parametrize(
    "live",
    [
        ROWS,
        "INSERT INTO goods VALUES (1, 'thing 1', 0.25, '{\"n\": 1.0}')",
        "CREATE TABLE empty (n int)",
        "ALTER TABLE goods ADD COLUMN extra text; INSERT INTO goods VALUES (1, 'thing 1', 0.25, '{\"n\": 1}')",
        "ALTER TABLE goods ALTER id TYPE numeric; INSERT INTO goods VALUES (1, 'thing 1', 0.25, '{\"n\": 1}')",
        "ALTER TABLE goods DROP COLUMN more; INSERT INTO goods VALUES (1, 'thing 1', 0.25)",
        "ALTER TABLE goods DROP CONSTRAINT goods_pkey; INSERT INTO goods VALUES (1, 'thing 1', 0.25, '{\"n\": 1}')",
    ],
)
def test_what_the_load_holds_too_is_no_reason_to_refuse(shop: Shop, live: str) -> None:
    shop.make("core", GOODS, *live.split("; "))
    done = shop.stage().cut_over()
    assert (done.replaced, done.left) == ({}, ())


THINGS = (
    "CREATE TABLE makers (id int PRIMARY KEY, good bigint UNIQUE REFERENCES goods)",
    "CREATE INDEX by_good ON makers (good)",
    "CREATE TABLE days (day date) PARTITION BY RANGE (day)",
    "CREATE INDEX by_day ON days (day)",
    "CREATE VIEW cheap AS SELECT * FROM goods",
    "CREATE MATERIALIZED VIEW dear AS SELECT * FROM goods",
    "CREATE SEQUENCE numbers",
    "CREATE TYPE pair AS (one int, two int)",
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER touched BEFORE UPDATE ON goods FOR EACH ROW EXECUTE FUNCTION touch()",
    "CREATE RULE keep AS ON DELETE TO makers DO INSTEAD NOTHING",
    "CREATE POLICY own ON makers USING (true)",
)
ABROAD = (
    "CREATE FOREIGN DATA WRAPPER nowhere",
    "CREATE SERVER abroad FOREIGN DATA WRAPPER nowhere",
    f"GRANT USAGE ON FOREIGN SERVER abroad TO {OWNER}",
)


def test_whatever_else_only_the_live_schema_holds_is_told_by_its_kind(shop: Shop) -> None:
    shop.site.do(*ABROAD)
    things = (*THINGS, "CREATE FOREIGN TABLE far (n int) SERVER abroad")
    shop.make("core", GOODS, *things)
    said = (
        "foreign table far", "function touch", "index by_day", "index by_good", "materialized view dear",
        "policy own of makers", "rule keep of makers", "sequence numbers", "trigger touched of goods", "view cheap",
    )  # fmt: skip
    load = shop.stage()
    with pytest.raises(GuardError, match="core: foreign table far; core: function touch; core: materialized view dear"):
        load.cut_over()
    assert load.cut_over(replace=True).left == tuple(f"core: {thing}" for thing in said)
    assert shop.stage(GOODS, *things).cut_over(replace=True).left == ()


def test_rows_without_a_key_count_as_often_as_they_are_there(shop: Shop) -> None:
    table = "CREATE TABLE log (line text, at timestamptz, score double precision)"
    rows = "INSERT INTO log SELECT 'a', NULL, 'NaN' FROM generate_series(1, {})"
    shop.make("core", table, rows.format(3))
    load = shop.stage(table, rows.format(2))
    with pytest.raises(GuardError, match=r"1 rows in core\.log"):
        load.cut_over()
    assert shop.stage(table, rows.format(3)).cut_over().tables == {"core": {"log": 3}}


def test_rows_that_files_made_are_no_reason_to_refuse(shop: Shop) -> None:
    seed = "INSERT INTO versions VALUES ('core', 1, now()), ('core', 2, '2020-01-01');"
    table = "CREATE TABLE versions (module text, version int, at timestamptz, PRIMARY KEY (module, version))"
    shop.site.write("core/001_versions.sql", f"{table};\n{seed}")
    assert shop.site.run("apply")[0] == 0
    shop.site.do("UPDATE core.versions SET at = '2021-02-03 04:05:06' WHERE version = 1")
    load = shop.stage(table, "INSERT INTO versions VALUES ('core', 3, now())")
    assert not load.cut_over().replaced
    load.roll_back()
    shop.site.do("UPDATE core.versions SET at = '2021-02-03 04:05:06' WHERE version = 2")
    with pytest.raises(GuardError, match=r"1 rows in core\.versions"):
        load.cut_over()


def test_records_of_applied_files_follow(shop: Shop) -> None:
    first = f"{GOODS};\n"
    second = "COMMENT ON TABLE goods IS 'what is sold';\nALTER TABLE goods ADD COLUMN colour text;\n"
    shop.site.write("core/001_goods.sql", first)
    assert shop.site.run("apply")[0] == 0
    shop.site.write("core/002_more.sql", second)
    assert shop.site.run("status")[0] == 7
    load = shop.stage(first, second.partition(";")[0], second.partition(";")[2], ROWS)
    load.cut_over()
    code, said, _ = shop.site.run("status")
    assert code == 0, said
    load.roll_back()
    code, said, _ = shop.site.run("status")
    assert (code, "002_more.sql" in said) == (7, True), said
    assert shop.site.run("apply")[0] == 0
    assert shop.site.run("status")[0] == 0


def test_a_first_load_of_files_is_what_status_expects(shop: Shop) -> None:
    shop.site.write("core/001_goods.sql", f"{GOODS};\n")
    load = shop.stage()
    load.cut_over()
    code, said, _ = shop.site.run("status")
    assert code == 0, said
    load.roll_back()
    assert shop.site.run("status")[0] == 7
    assert shop.site.run("apply")[0] == 0
    assert shop.site.run("status")[0] == 0


def test_a_load_older_than_the_files_is_refused(shop: Shop) -> None:
    shop.site.write("core/001_goods.sql", f"{GOODS};\nALTER TABLE goods ADD COLUMN colour text;")
    with pytest.raises(GuardError, match="was loaded before its files made table goods column colour"):
        shop.stage().cut_over()
    assert schemas(shop) == {"core_staged"}


def test_rights_and_comments_given_by_hand_come_along(shop: Shop) -> None:
    reader, app = shop.site.make_role(""), shop.site.make_role("")
    shop.make("core", GOODS)
    shop.site.do(
        f"GRANT USAGE ON SCHEMA core TO {reader}",
        f"GRANT SELECT ON core.goods TO {reader} WITH GRANT OPTION",
        f"GRANT UPDATE (price) ON core.goods TO {app}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA core GRANT SELECT ON TABLES TO {reader}",
        "COMMENT ON COLUMN core.goods.price IS 'in {} it''s euros'",
        f"ALTER ROLE {reader} SET search_path = core",
    )
    load = shop.stage()
    load.cut_over()
    with shop.site.connect(reader) as connection:
        assert connection.execute("SELECT count(*) FROM goods").fetchone() == (20,)
    rights = "SELECT has_column_privilege(%s, 'core.goods', 'price', 'UPDATE')".replace("%s", f"'{app}'")
    assert shop.site.read(rights) == [(True,)]
    comment = "SELECT col_description('core.goods'::regclass, 3)"
    assert shop.site.read(comment) == [("in {} it's euros",)]
    shop.as_owner("core", "CREATE TABLE later (n int)")
    with shop.site.connect(reader) as connection:
        connection.execute("SELECT * FROM later")
    shop.site.do(f"REVOKE SELECT ON core_previous.goods FROM {reader}")
    shop.as_owner("core", "DROP TABLE later")
    load.roll_back()
    with shop.site.connect(reader) as connection:
        assert connection.execute("SELECT count(*) FROM goods").fetchone() == (0,)


def test_rights_on_functions_and_sequences_come_along(shop: Shop) -> None:
    reader = shop.site.make_role("")
    things = (
        "CREATE SEQUENCE numbers",
        "CREATE FUNCTION \"add it\"(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT n + 1'",
        'REVOKE EXECUTE ON FUNCTION "add it"(bigint) FROM PUBLIC',
    )
    shop.make("core", GOODS, *things)
    given = f'GRANT EXECUTE ON FUNCTION core."add it"(bigint) TO {reader}'
    shop.site.do(f"GRANT USAGE ON SCHEMA core TO {reader}", given, f"GRANT USAGE ON SEQUENCE core.numbers TO {reader}")
    shop.stage(GOODS, *things).cut_over()
    with shop.site.connect(reader) as connection:
        assert connection.execute("SELECT core.\"add it\"(nextval('core.numbers'))").fetchone() == (2,)


def test_rights_and_comments_of_what_the_load_lacks_stay_where_they_are(shop: Shop) -> None:
    reader = shop.site.make_role("")
    shop.make("core", GOODS, "ALTER TABLE goods ADD COLUMN extra text", "CREATE TABLE kinds (n int)")
    shop.site.do(
        f"GRANT SELECT (extra) ON core.goods TO {reader}",
        f"GRANT DELETE ON core.kinds TO {reader}",
        "COMMENT ON COLUMN core.goods.extra IS 'more'",
        "COMMENT ON TABLE core.kinds IS 'of goods'",
    )
    assert shop.stage().cut_over().tables == {"core": {"goods": 20}}
    rights = f"has_column_privilege('{reader}', 'core_previous.goods', 'extra', 'SELECT')"
    more = f"has_table_privilege('{reader}', 'core_previous.kinds', 'DELETE')"
    assert shop.site.read(f"SELECT {rights}, {more}") == [(True, True)]


def test_rights_that_only_the_load_gives_are_told(shop: Shop) -> None:
    reader = shop.site.make_role("")
    shop.make("core", GOODS)
    load = shop.stage(GOODS, f"GRANT SELECT ON goods TO {reader}")
    assert load.cut_over().more_rights == (f"core: SELECT on table goods to {reader}",)


def test_hidden_rows_are_not_shown(shop: Shop) -> None:
    shop.make("core", GOODS, "ALTER TABLE goods ENABLE ROW LEVEL SECURITY")
    with pytest.raises(GuardError, match="goods hides rows"):
        shop.stage().cut_over(replace=True)


def test_views_elsewhere_show_what_is_live(shop: Shop) -> None:
    shop.make("core", GOODS)
    shop.make("other")
    view = "CREATE VIEW other.dear WITH (security_barrier = true) AS SELECT name FROM core.goods WHERE price > 4"
    total = "CREATE FUNCTION other.total() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM core.goods'"
    dearest = "CREATE VIEW other.dearest AS SELECT max(name) AS name FROM other.dear"
    shop.as_owner("other", view, dearest, "GRANT SELECT ON other.dear TO PUBLIC", total)
    load = shop.stage()
    asked = "SELECT (SELECT count(*) FROM other.dear), (SELECT count(name) FROM other.dearest), other.total()"
    assert shop.site.read(asked) == [(0, 0, 0)]
    load.cut_over()
    assert shop.site.read(asked) == [(4, 1, 20)]
    about = "SELECT reloptions, relacl::text ~ '[{,]=r/' FROM pg_class WHERE relname = 'dear'"
    assert shop.site.read(about) == [(["security_barrier=true"], True)]
    load.roll_back()
    assert shop.site.read(asked) == [(0, 0, 0)]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("CREATE TABLE other.orders (id int, good bigint REFERENCES core.goods)", "foreign|constraint"),
        ("CREATE MATERIALIZED VIEW other.dear AS SELECT * FROM core.goods", "other.dear"),
        ("CREATE PUBLICATION news FOR TABLE core.goods", "publication"),
        ("CREATE PUBLICATION news FOR TABLES IN SCHEMA core", "publication"),
        ("CREATE VIEW other.dear AS SELECT * FROM core.goods", "view other.dear of postgres"),
        ("CREATE FUNCTION other.f(g core.goods) RETURNS int LANGUAGE sql AS 'SELECT 1'", "other.f"),
        (RULE, "rule"),
    ],
)
def test_what_else_means_live_tables_from_elsewhere_is_refused(shop: Shop, what: str, said: str) -> None:
    shop.make("core", GOODS)
    shop.site.do("CREATE SCHEMA other")
    if "TABLES IN SCHEMA" in what and shop.site.version < 15:
        with pytest.raises(psycopg.errors.SyntaxError):
            shop.site.do(what)
        return
    shop.site.do(*what.split("; "))
    with pytest.raises(GuardError, match=f"is meant from elsewhere.*({said})"):
        shop.stage().cut_over()
    assert schemas(shop) == {"core", "core_staged", "other"}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("ALTER SCHEMA core OWNER TO postgres", "belongs to postgres"),
        ("ALTER TABLE core.goods OWNER TO postgres", "holds goods of postgres"),
        ("ALTER SCHEMA core_staged OWNER TO postgres", "belongs to postgres"),
    ],
)
def test_what_is_not_ours_is_refused(shop: Shop, what: str, said: str) -> None:
    shop.make("core", GOODS)
    load = shop.stage()
    shop.site.do(what)
    with pytest.raises(GuardError, match=said):
        load.cut_over()


def test_only_a_proven_load_goes_live(shop: Shop) -> None:
    load = shop.stage()
    for state, error in ((LoadState.DIFFERENT, DifferencesError), (LoadState.FAILED, GuardError)):
        load.become(state)
        with pytest.raises(error):
            load.cut_over()
    load.become(LoadState.WAITING)
    for budget in (None, 2):
        with pytest.raises(DecisionNeededError, match="has 3 rows in quarantine"):
            load.cut_over(waiting=3, quarantine_budget=budget)
    assert load.cut_over(waiting=3, quarantine_budget=3).tables


def test_a_load_that_was_staged_to_go_another_way_is_refused(shop: Shop) -> None:
    with pytest.raises(GuardError, match="was staged to go into-live"):
        shop.stage(way="into-live").cut_over()


def test_a_load_whose_role_is_not_in_the_server_is_refused(shop: Shop) -> None:
    load = shop.stage()
    load.folder.write(replace(load.document, role="nobody_there"))
    for run in (load.cut_over, load.roll_back):
        with pytest.raises(GuardError, match="role nobody_there: is not in this server"):
            run()


def test_a_staged_schema_that_is_gone_is_told(shop: Shop) -> None:
    load = shop.stage()
    shop.site.do("DROP SCHEMA core_staged CASCADE")
    with pytest.raises(GuardError, match="schema core_staged: is not there"):
        load.cut_over()


def test_a_schema_that_took_the_place_of_another_after_the_look_is_refused(shop: Shop) -> None:
    shop.make("core", GOODS)
    load = shop.stage()

    def take_its_place(step: str) -> None:
        if step == "cutover.seen":
            shop.site.do("ALTER SCHEMA core RENAME TO aside")
            shop.make("core", GOODS)

    with pytest.raises(GuardError, match="schema core: is another one than a moment ago"):
        load.cut_over({"checkpoint": take_its_place})
    assert (schemas(shop), load.state) == ({"core", "core_staged", "aside"}, "staged")


def test_a_table_that_is_dropped_meanwhile_is_told_as_such(shop: Shop) -> None:
    load = shop.stage()

    def look_for_it() -> None:
        raise psycopg.errors.UndefinedTable

    with pytest.raises(GuardError, match="system shop: somebody dropped or renamed what was looked at"):
        load.cut_over({"refuse_changed_sources": look_for_it})


def test_another_cutover_that_does_not_end_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutovers, "_PATIENCE", "100ms")
    load = shop.stage()
    load.cut_over()
    with shop.site.connect() as other, other.transaction():
        other.execute("SET LOCAL idle_in_transaction_session_timeout = '9s'")  # who would wait does not for ever
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('strongroom_shop_load', 0))")
        for run in (load.cut_over, load.roll_back):
            with pytest.raises(LockedError, match="system shop: another cutover is at work"):
                run()
    assert load.roll_back().gone == ("core",)


def test_a_source_that_changed_stops_it(shop: Shop) -> None:
    load, asked = shop.stage(), []

    def refuse() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise SourceChangedError("core.db", "was written to")

    with pytest.raises(SourceChangedError):
        load.cut_over({"refuse_changed_sources": refuse})
    assert (schemas(shop), load.state) == ({"core_staged"}, "staged")


def test_what_is_written_to_a_staged_table_after_the_look_is_refused(shop: Shop) -> None:
    load = shop.stage()

    def write(step: str) -> None:
        if step == "cutover.seen":
            shop.as_owner("core_staged", "UPDATE goods SET name = 'another' WHERE id = 1")

    with pytest.raises(GuardError, match=r"is not what was proven: core_staged\.goods: 1 rows new or changed, 1 gone"):
        load.cut_over({"checkpoint": write})
    assert (schemas(shop), load.state) == ({"core_staged"}, "staged")


def test_an_index_that_only_the_live_schema_has_is_told(shop: Shop) -> None:
    shop.make("core", GOODS, "CREATE INDEX by_name ON goods (name)")
    assert shop.stage().cut_over().left == ("core: index by_name",)


def test_a_view_of_another_role_goes_on_as_that_roles(shop: Shop) -> None:
    shop.make("core", GOODS)
    other = shop.site.make_role("")
    shop.site.do(f"CREATE SCHEMA other AUTHORIZATION {other}", f"GRANT {other} TO {shop.role}",
                 f"GRANT USAGE ON SCHEMA core TO {other}", f"GRANT SELECT ON core.goods TO {other}",
                 f"SET ROLE {other}; CREATE VIEW other.names AS SELECT name FROM core.goods")  # fmt: skip
    shop.stage().cut_over()
    assert shop.site.read("SELECT count(*) FROM other.names") == [(20,)]
    assert shop.site.read("SELECT viewowner FROM pg_views WHERE viewname = 'names'") == [(other,)]


def test_a_view_elsewhere_whose_columns_would_be_others_stops_it(shop: Shop) -> None:
    shop.make("core", GOODS.replace("price double precision", "price real"))
    shop.make("other")
    shop.as_owner("other", "CREATE VIEW prices AS SELECT price FROM core.goods")
    with pytest.raises(GuardError, match=r"view other\.prices: cannot change data type of view column") as raised:
        shop.stage().cut_over()
    assert "\n" not in raised.value.fact
    assert schemas(shop) == {"core", "core_staged", "other"}


@pytest.mark.parametrize("when", ["before", "after the look"])
def test_a_way_back_that_is_shown_elsewhere_is_not_dropped(shop: Shop, when: str) -> None:
    shop.make("core", GOODS)
    shop.make("other")
    shop.stage().cut_over()
    load = shop.stage()

    def show() -> None:
        shop.as_owner("other", "CREATE VIEW old AS SELECT name FROM core_previous.goods")

    if when == "before":
        show()
    with pytest.raises(GuardError, match=r"core_previous: is meant from elsewhere.*view other\.old"):
        load.cut_over({"checkpoint": lambda step: show() if step == "cutover.seen" and when != "before" else None})
    assert shop.site.read("SELECT count(*) FROM other.old") == [(0,)]
    assert "core_previous" in schemas(shop)


def test_a_load_whose_place_another_took_is_refused(shop: Shop) -> None:
    first = shop.stage()
    second = shop.stage()
    with pytest.raises(GuardError, match="is not the one that is staged there"):
        first.cut_over()
    second.cut_over()
    with pytest.raises(GuardError, match="is not the one that is staged there"):
        first.cut_over()


def test_a_backup_is_taken_only_where_rows_are_live(shop: Shop) -> None:
    taken = []

    def take() -> str:
        taken.append(schemas(shop))
        return "set 7"

    assert shop.stage().cut_over({"take_backup": take}).backup is None
    done = shop.stage().cut_over({"take_backup": take})
    assert (done.backup, taken) == ("set 7", [{"core", "core_staged"}])


def test_an_earlier_way_back_is_dropped_only_where_nothing_is_lost(shop: Shop) -> None:
    shop.make("core", GOODS, "INSERT INTO goods VALUES (1, 'thing 1', 0.25, '{\"n\": 1}')")
    first = shop.stage()
    first.cut_over()
    second = shop.stage(GOODS, ROWS)
    assert second.cut_over().dropped == ("core_previous",)
    shop.as_owner("core_previous", MORE)
    third = shop.stage()
    with pytest.raises(GuardError, match="way back of an earlier cutover, and holds what core lacks: 1 rows in goods"):
        third.cut_over()
    assert third.cut_over(replace_previous=True).dropped == ("core_previous",)
    third.roll_back()
    shop.site.do("DROP SCHEMA core_staged CASCADE")
    with pytest.raises(RollbackFailedError, match="core_previous: is gone"):
        second.roll_back()
    assert count(shop, "core.goods") == 20


def test_what_was_never_live_cannot_step_back(shop: Shop) -> None:
    with pytest.raises(GuardError, match="was never live"):
        shop.stage().roll_back()


def drop_staged(shop: Shop) -> None:
    shop.site.do("DROP SCHEMA core_staged CASCADE")


@pytest.mark.parametrize("end", [drop_staged, Shop.stage])
def test_what_stepped_back_and_is_gone_cannot_step_back_again(shop: Shop, end: Callable[[Shop], object]) -> None:
    load = shop.stage()
    load.cut_over()
    load.roll_back()
    assert load.roll_back().is_done_before
    end(shop)
    with pytest.raises(GuardError, match="is not live, nor staged: core_staged is another one, or gone"):
        load.roll_back()


def test_the_load_before_the_last_cannot_step_back(shop: Shop) -> None:
    first = shop.stage()
    first.cut_over()
    second = shop.stage()
    second.cut_over()
    with pytest.raises(GuardError, match="core is core_previous now"):
        first.roll_back()
    second.roll_back()
    with pytest.raises(GuardError, match="core_staged: holds another load"):
        first.roll_back()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("INSERT INTO core.goods VALUES (30, 'new')", r"core\.goods: 1 rows new or changed, 0 gone"),
        ("UPDATE core.goods SET name = name WHERE id < 4", r"core\.goods: 3 rows new or changed, 3 gone"),
        ("DELETE FROM core.goods WHERE id = 4", r"core\.goods: 0 rows new or changed, 1 gone"),
        ("TRUNCATE core.goods", r"core\.goods: 0 rows new or changed, 20 gone"),
        ("DROP TABLE core.goods", r"core\.goods: is gone"),
        ("ALTER TABLE core.goods ADD COLUMN extra int", r"core\.goods: has other columns"),
        ("SET ROLE shop_owner; CREATE TABLE core.new AS SELECT 1 AS n", r"core\.new: was made since, with 1 rows"),
        ("CREATE TABLE core.new AS SELECT 1 AS n", r"core\.new: is a table of postgres, which we may not read"),
        ("DELETE FROM core.goods WHERE id = 4; INSERT INTO core.goods SELECT * FROM core_previous.goods LIMIT 1",
         r"core\.goods: 1 rows new or changed, 1 gone"),
    ],
)  # fmt: skip
def test_a_rollback_that_would_lose_writes_is_refused(shop: Shop, what: str, said: str) -> None:
    shop.make("core", GOODS, "INSERT INTO goods VALUES (4, 'thing 4', 1, '{\"n\": 4}')")
    load = shop.stage()
    load.cut_over()
    shop.site.do(*what.split("; "))
    with pytest.raises(GuardError, match=f"would lose what was written since the cutover: {said}"):
        load.roll_back()
    assert (schemas(shop), load.state) == ({"core", "core_previous"}, "live")
    done = load.roll_back(discard_changes=True)
    assert (count(shop, "core.goods"), len(done.written)) == (1, 1)
    with pytest.raises(GuardError, match=r"is not what was proven|holds new of postgres"):
        load.cut_over(replace=True)


def test_neither_vacuum_nor_reading_nor_what_was_taken_back_counts_as_written(shop: Shop) -> None:
    load = shop.stage()
    load.cut_over()
    shop.site.do(
        "VACUUM (FREEZE, FULL) core.goods",
        "ANALYZE core.goods",
        "DO $$ BEGIN PERFORM FROM core.goods FOR UPDATE; END $$",
    )
    with shop.site.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("DELETE FROM core.goods")
    assert load.roll_back().written == ()


def test_a_transaction_older_than_the_cutover_counts_as_written(shop: Shop) -> None:
    load = shop.stage()
    with shop.site.connect() as old, old.transaction(), old.transaction():
        old.execute("CREATE TABLE public.elsewhere (n int)")  # it has its number, and so has its savepoint
        load.cut_over()
        old.execute("INSERT INTO core.goods VALUES (31, 'late')")
    with pytest.raises(GuardError, match="1 rows new or changed"):
        load.roll_back()


def test_the_documents_follow_what_the_server_says(shop: Shop) -> None:
    load = shop.stage()
    load.cut_over()
    load.become(LoadState.STAGED)
    assert load.cut_over().is_done_before
    assert load.state == "live"
    load.roll_back()
    load.become(LoadState.LIVE)
    assert load.roll_back().is_done_before
    assert load.state == "rolled back"


def test_dry_runs_change_nothing(shop: Shop) -> None:
    shop.make("core", GOODS, MORE)
    load = shop.stage()
    foreseen = load.cut_over(dry_run=True, replace=True)
    assert (set(foreseen.replaced), foreseen.previous) == ({"core.goods"}, ("core_previous",))
    assert (schemas(shop), load.state) == ({"core", "core_staged"}, "staged")
    load.cut_over(replace=True)
    live = load.document
    again = load.cut_over(dry_run=True, replace=True)
    assert (again.is_done_before, again.dry_run, load.document) == (True, True, live)
    shop.site.do("DELETE FROM core.goods WHERE id = 1")
    assert load.roll_back(dry_run=True).written == ("core.goods: 0 rows new or changed, 1 gone or changed",)
    assert (schemas(shop), load.state) == ({"core", "core_previous"}, "live")


def test_odd_names_are_quoted(shop: Shop) -> None:
    name = '"100% {of} it\'s ""all"""'
    table = f'CREATE TABLE {name} ("select" text PRIMARY KEY, "%s" jsonb, "A b" double precision[])'
    row = f"INSERT INTO {name} VALUES ('%', '{{}}', '{{-0}}')"
    shop.make("core", table, row)
    load = shop.stage(table, row)
    assert not load.cut_over().replaced
    shop.as_owner("core", f"UPDATE {name} SET \"A b\" = '{{0}}'")
    with pytest.raises(GuardError, match="1 rows new or changed"):
        load.roll_back()
    assert PASSWORD not in str(shop.access)


@pytest.mark.parametrize(
    ("late", "said"),
    [
        ("INSERT INTO core.goods VALUES (22, 'late')", r"1 rows in core\.goods"),
        (
            "UPDATE core.goods SET name = 'late' WHERE id = 1",
            r"1 rows \(1 of them with other values there\) in core\.goods",
        ),
        ("INSERT INTO core.log VALUES ('late')", r"1 rows in core\.log"),
        ("CREATE TABLE core.late AS SELECT 1 AS n", "holds late of postgres"),
        ("UPDATE core.goods SET name = name", None),
        ("DELETE FROM core.goods", None),
    ],
)
def test_what_is_written_during_a_cutover_is_seen(shop: Shop, late: str, said: str | None) -> None:
    log = "CREATE TABLE log (line text)"
    shop.make("core", GOODS, ROWS, log)
    load = shop.stage(GOODS, ROWS, log)

    def write(step: str) -> None:
        if step == "cutover.seen":
            shop.site.do(late)

    if said is None:
        assert not load.cut_over({"checkpoint": write}).replaced
        return
    with pytest.raises(GuardError, match=said):
        load.cut_over({"checkpoint": write})
    assert (schemas(shop), load.state) == ({"core", "core_staged"}, "staged")


def test_a_limit_for_statements_is_no_limit_for_a_cutover(shop: Shop) -> None:
    many = ROWS.replace("20", "100000")
    shop.make("core", GOODS, many)
    load = shop.stage(GOODS, many)
    shop.site.do(f"ALTER ROLE {shop.role} SET statement_timeout = 60")
    with shop.site.connect(shop.role) as connection:
        connection.execute(f"SET ROLE {OWNER}".encode())
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT count(*) FROM core.goods a JOIN core_staged.goods b USING (id, name, more)")
    assert load.cut_over().tables
    assert load.roll_back().live == ("core",)
