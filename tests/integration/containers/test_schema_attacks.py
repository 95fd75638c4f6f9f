"""What others planted is refused, and never run: by whoever applies, looks, or asks what would be applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg import Connection, sql

from tests.integration.containers.schema_site import ONE, Site

HOME = "strongroom_shop"
COLUMNS = "database TEXT, file TEXT, sha256 TEXT, version TEXT, applied_at TIMESTAMPTZ"
TABLE = f"CREATE TABLE {HOME}.applied_files ({COLUMNS}, PRIMARY KEY (database, file))"
OBJECTS = f"CREATE TABLE {HOME}.expected_objects (database TEXT, object TEXT, definition TEXT)"
ROW = f"INSERT INTO {HOME}.applied_files VALUES ('core', 'x.sql', 'x', 'x', now())"
LOOK = f"SELECT file, sha256 FROM {HOME}.applied_files WHERE database = 'core'"
EVIL = """CREATE FUNCTION evil.{name} ({takes}) RETURNS {gives} LANGUAGE plpgsql AS $$ BEGIN
    BEGIN EXECUTE 'RESET ROLE'; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN EXECUTE 'ALTER ROLE {mallory} SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN {with}; END $$"""

PLANTS: dict[str, tuple[list[str], str]] = {
    "a trigger on the records": (
        [TABLE, f"CREATE TRIGGER t BEFORE INSERT ON {HOME}.applied_files FOR EACH ROW EXECUTE FUNCTION evil.fire()"],
        ROW,
    ),
    "a default of the records": (
        [TABLE.replace("version TEXT", "version TEXT DEFAULT evil.say()")],
        f"INSERT INTO {HOME}.applied_files (database, file) VALUES ('core', 'x')",
    ),
    "a check of the records": ([TABLE.replace("version TEXT", "version TEXT CHECK (evil.ask(version))")], ROW),
    "a view in the place of the records": (
        [f"CREATE VIEW {HOME}.applied_files AS SELECT 'core' AS database, 'x' AS file, evil.say() AS sha256"],
        LOOK,
    ),
    "a rule on the records": (
        [TABLE, f"CREATE RULE r AS ON INSERT TO {HOME}.applied_files DO ALSO SELECT evil.say()"],
        ROW,
    ),
    "an index over the records": (
        [TABLE, "CREATE FUNCTION evil.still (t TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS 'SELECT evil.say()'",
         f"CREATE INDEX i ON {HOME}.applied_files (evil.still(file))"],
        ROW,
    ),
    "a child of the records with a view's rule": (
        [TABLE, f"CREATE TABLE {HOME}.child () INHERITS ({HOME}.applied_files)", OBJECTS],
        "SELECT evil.say()",
    ),
    "a generated column of the records": (
        ["CREATE FUNCTION evil.still (t TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS 'SELECT evil.say()'",
         TABLE.replace("version TEXT", "version TEXT, more TEXT GENERATED ALWAYS AS (evil.still(file)) STORED")],
        f"INSERT INTO {HOME}.applied_files (database, file) VALUES ('core', 'x')",
    ),
}  # fmt: skip
"""What somebody with the right to make schemas plants, and a statement by which it would run."""


@contextmanager
def undone(site: Site) -> Iterator[Connection[Any]]:
    """Connect as the superuser, and take back what is done."""
    with site.connect() as connection, connection.transaction(force_rollback=True):
        yield connection


def rose(connection: Connection[Any], mallory: str) -> bool:
    found = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", (mallory,)).fetchone()
    return bool(found and found[0])


def plant(site: Site, *statements: str) -> str:
    """Let a role that may only make schemas make them, and return its name."""
    mallory = site.make_role("")
    with site.connect() as connection:
        connection.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(connection.info.dbname), sql.Identifier(mallory)
            )
        )
    evil = [
        EVIL.format(name="fire", takes="", gives="trigger", mallory=mallory, **{"with": "NEW"}),
        EVIL.format(name="say", takes="", gives="text", mallory=mallory, **{"with": "'x'"}),
        EVIL.format(name="ask", takes="t TEXT", gives="boolean", mallory=mallory, **{"with": "true"}),
    ]
    site.do("CREATE SCHEMA evil", *evil, "GRANT USAGE ON SCHEMA evil TO PUBLIC", *statements, role=mallory)
    return mallory


@pytest.mark.parametrize("kind", PLANTS)
def test_what_was_planted_in_the_records_is_refused_before_it_is_read(site: Site, kind: str) -> None:
    statements, would_run = PLANTS[kind]
    mallory = plant(site, f"CREATE SCHEMA {HOME}", *statements)
    with undone(site) as connection:
        connection.execute(would_run.encode())
        assert rose(connection, mallory), "the plant does nothing"
    site.write("core/001_goods.sql", ONE)
    for task, flags in (("status", ()), ("apply", ("--dry-run",)), ("apply", ())):
        code, _, error = site.run(task, *flags)
        assert (code, f"schema {HOME}: belongs to {mallory}" in error) == (6, True), error
    with site.connect() as connection:
        assert not rose(connection, mallory)
    assert site.read("SELECT nspname FROM pg_namespace WHERE nspname = 'core'") == []


ODDITIES = {
    "CREATE TRIGGER t BEFORE INSERT ON {home}.applied_files FOR EACH ROW EXECUTE FUNCTION evil.fire()": "has a trigger",
    "CREATE RULE r AS ON INSERT TO {home}.applied_files DO ALSO SELECT evil.say()": "has a rule, r",
    "ALTER TABLE {home}.applied_files ALTER COLUMN version SET DEFAULT evil.say()": "is another table than ours",
    "ALTER TABLE {home}.expected_objects ADD CHECK (evil.ask(object)) NOT VALID": "is another table than ours",
    "ALTER TABLE {home}.expected_objects ADD COLUMN more TEXT": "has other columns than ours",
    "CREATE TABLE public.child () INHERITS ({home}.applied_files)": "is another table than ours",
    "CREATE INDEX i ON {home}.applied_files (file)": "holds i, which is none of ours",
    "CREATE FUNCTION {home}.now () RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'": "function now",
    "GRANT CREATE ON SCHEMA {home} TO {mallory}": "{mallory} may create objects there",
    "ALTER TABLE {home}.applied_files OWNER TO {mallory}": "is another table than ours",
    "ALTER TABLE {home}.applied_files ENABLE ROW LEVEL SECURITY": "is another table than ours",
}


def test_records_that_were_changed_since_are_refused(site: Site) -> None:
    site.write("core/001_goods.sql", ONE)
    assert site.run("apply")[0] == 0
    mallory = plant(site)
    for change, said in ODDITIES.items():
        before, _, _ = site.run("status")
        assert before == 0
        site.do(f"GRANT USAGE, CREATE ON SCHEMA {HOME} TO shop_owner", change.format(home=HOME, mallory=mallory))
        for task in ("status", "apply"):
            code, _, error = site.run(task)
            assert (code, said.format(mallory=mallory) in error) == (6, True), (change, error)
        site.do(f"DROP SCHEMA {HOME} CASCADE", "DROP SCHEMA core CASCADE", "DROP TABLE IF EXISTS public.child")
        assert site.run("apply")[0] == 0
    with site.connect() as connection:
        assert not rose(connection, mallory)


def test_records_where_another_version_kept_them_are_refused(site: Site) -> None:
    site.write("core/001_goods.sql", ONE)
    plant(site, "CREATE SCHEMA strongroom", "CREATE TABLE strongroom.applied_files (file TEXT)")
    for task in ("status", "apply"):
        code, _, error = site.run(task)
        assert (code, "schema strongroom: holds applied_files, which this version neither" in error) == (6, True)


def test_a_schema_of_somebody_else_is_refused_and_nothing_goes_into_public(site: Site) -> None:
    site.write("core/001_goods.sql", ONE)
    mallory = plant(site, "CREATE SCHEMA core")
    site.do("GRANT ALL ON SCHEMA public TO PUBLIC")
    code, _, error = site.run("apply")
    assert (code, f"schema core: belongs to {mallory}" in error) == (6, True), error
    assert site.read("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []


def test_what_others_put_beside_the_tables_is_refused(site: Site) -> None:
    site.write("core/001_goods.sql", ONE)
    assert site.run("apply")[0] == 0
    mallory = plant(site)
    site.write("core/002_more.sql", "INSERT INTO goods VALUES (1, 'a');")
    site.do(f"GRANT USAGE, CREATE ON SCHEMA core TO {mallory}")
    assert f"{mallory} may create objects there" in refused(site)
    site.do("CREATE FUNCTION core.lower (v BIGINT) RETURNS TEXT LANGUAGE sql AS 'SELECT 1'", role=mallory)
    site.do(f"REVOKE CREATE ON SCHEMA core FROM {mallory}", f"GRANT TRIGGER ON core.goods TO {mallory}")
    assert f"holds the function lower of {mallory}" in refused(site)
    site.do("DROP FUNCTION core.lower (BIGINT)")
    fires = "CREATE TRIGGER t BEFORE INSERT ON core.goods FOR EACH ROW EXECUTE FUNCTION evil.fire()"
    site.do(fires, role=mallory)
    assert "goods has the trigger t" in refused(site)
    site.do("DROP TRIGGER t ON core.goods")
    assert site.run("apply")[0] == 0
    with site.connect() as connection:
        assert not rose(connection, mallory)


def refused(site: Site) -> str:
    code, _, error = site.run("apply")
    assert code == 6, error
    assert site.read("SELECT * FROM core.goods") == []
    return error


@pytest.mark.parametrize("right", ["LOGIN", "CREATEROLE", "BYPASSRLS", "SUPERUSER"])
def test_a_role_of_our_name_that_may_more_is_refused(site: Site, right: str) -> None:
    system = f"store{site.dsn.rpartition('/site')[2].partition('?')[0]}"
    (site.system / "system.yaml").write_text(
        f"version: 1\nname: {system}\ntitle: Store\npostgres: {{variables: [SHOP_DSN]}}\n"
    )
    site.write("core/001_goods.sql", ONE)
    site.do(f"CREATE ROLE {system}_writer {right}")
    code, _, error = site.run("apply")
    assert (code, f"role {system}_writer: may log in, or do more" in error) == (6, True), error
    assert site.read("SELECT nspname FROM pg_namespace WHERE nspname = 'core'") == []


def test_two_systems_with_one_database_name_do_not_share_it(site: Site) -> None:
    site.write("core/001_goods.sql", ONE)
    assert site.run("apply")[0] == 0
    (site.system / "system.yaml").write_text("version: 1\nname: till\ntitle: Till\npostgres: {variables: [SHOP_DSN]}\n")
    code, _, error = site.run("apply")
    assert (code, "schema core: holds goods, and no record of ours" in error) == (6, True), error
    assert site.run("status")[0] == 7
    (site.system / "postgres" / "core").rename(site.system / "postgres" / "tills")
    assert site.run("apply")[0] == 0
    assert site.run("status")[0] == 0


STRAYS = {
    "CREATE TABLE public.astray (id INT);": "its files make the table public.astray",
    "CREATE SCHEMA astray;": "its files make the schema astray",
    "CREATE FUNCTION public.f () RETURNS INT LANGUAGE sql AS 'SELECT 1';": "its files make the function public.f()",
    "SET search_path = public; CREATE TABLE astray (id INT);": "its files make the table public.astray",
    "DO $$ BEGIN EXECUTE 'RESET ROLE'; END $$;": "acts as another role than shop_owner afterwards",
    "SELECT set_config('role', 'none', true);": "acts as another role than shop_owner afterwards",
    "RESET ROLE;": "001_goods.sql:3:1: acts as another role",
    "SET SESSION AUTHORIZATION postgres;": "001_goods.sql:3:1: acts as another role",
    "set local role postgres;": "001_goods.sql:3:1: acts as another role",
    "PREPARE TRANSACTION 'x';": "001_goods.sql:3:1: begins or ends a transaction",
}


@pytest.mark.parametrize("statement", STRAYS)
def test_a_file_stays_in_its_schema_and_its_role(site: Site, statement: str) -> None:
    site.do("GRANT CREATE ON SCHEMA public TO PUBLIC")
    site.write("core/001_goods.sql", f"{ONE}{statement}\n")
    code, _, error = site.run("apply")
    assert (code in (2, 6), STRAYS[statement] in error) == (True, True), error
    assert site.read("SELECT nspname FROM pg_namespace WHERE nspname IN ('core', 'astray')") == []
    assert site.read("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []


def test_an_event_trigger_that_changes_what_files_make_is_noticed(site: Site) -> None:
    site.do(
        "CREATE SCHEMA watch",
        """CREATE FUNCTION watch.change () RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF to_regclass('watch.done') IS NULL AND to_regclass('core.goods') IS NOT NULL THEN
            CREATE TABLE watch.done (); ALTER TABLE core.goods ADD COLUMN more TEXT; END IF; END $$""",
        "GRANT ALL ON SCHEMA watch TO PUBLIC",
        "CREATE EVENT TRIGGER change ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION watch.change()",
    )
    site.write("core/001_goods.sql", ONE)
    code, _, error = site.run("apply")
    assert (code, "column more" in error or "watch.done" in error) in ((3, True), (6, True)), error
    assert site.read("SELECT nspname FROM pg_namespace WHERE nspname = 'core'") == []
