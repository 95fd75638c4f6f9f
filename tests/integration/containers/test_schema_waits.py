"""An apply never stands in front of readers for long, and ends when it waits in vain."""

from __future__ import annotations

import secrets
import threading
import time

import pytest

from strongroom.schema import apply as applying
from strongroom.schema.roles import provide_roles
from tests.integration.containers.schema_site import ONE, Site
from tests.processes import wait_until

MORE = "ALTER TABLE goods ADD COLUMN more TEXT;"


def test_readers_go_on_while_a_table_is_in_use_and_the_apply_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("core/001_goods.sql", ONE)
    assert site.run("apply")[0] == 0
    site.write("core/002_more.sql", MORE)
    monkeypatch.setattr(applying, "PATIENCE", 2.0)
    waits: list[float] = []
    ended = threading.Event()

    def read() -> None:
        with site.connect() as connection:
            while not ended.is_set():
                begun = time.monotonic()
                connection.execute("SELECT count(*) FROM core.goods")
                waits.append(time.monotonic() - begun)
                time.sleep(0.01)

    with site.connect() as user, user.transaction():
        user.execute("SELECT * FROM core.goods")  # and its transaction stays open
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        code, _, error = site.run("apply")
        ended.set()
        reader.join(timeout=10)
    assert code == 11
    assert "waits, 2 s at most: a table is in use" in error
    assert "a table is in use, for 2 s; nothing was applied" in error
    assert len(waits) > 20
    assert max(waits) < 1  # it stood in front of them for 0.3 s at a time
    assert site.run("status")[0] == 7
    assert site.run("apply")[0] == 0


def test_what_is_in_use_for_a_moment_is_waited_for(site: Site) -> None:
    site.write("core/001_goods.sql", ONE)
    assert site.run("apply")[0] == 0
    site.write("core/002_more.sql", MORE)
    with site.connect() as user:
        user.execute("BEGIN")
        user.execute("SELECT * FROM core.goods")
        closes = threading.Timer(1.5, user.close)
        closes.start()
        code, _, error = site.run("apply")
        closes.join(timeout=10)
    assert (code, error.count("waits")) == (0, 1), error


def test_another_apply_that_does_not_end_is_not_waited_for_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write("core/001_goods.sql", ONE)
    monkeypatch.setattr(applying, "PATIENCE", 1.0)
    with site.connect() as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s)", (applying.LOCK,))
        code, _, error = site.run("apply")
    assert (code, "another apply is at work, for 1 s; nothing was applied" in error) == (11, True), error


def test_extensions_on_the_list_stand_in_a_schema_of_their_own(site: Site) -> None:
    site.write("core/001_goods.sql", 'CREATE EXTENSION IF NOT EXISTS "citext";\nCREATE TABLE goods (name CITEXT);\n')
    site.write("more/001_goods.sql", "CREATE EXTENSION citext WITH SCHEMA extensions; CREATE TABLE goods (v citext);")
    code, _, error = site.run("apply")
    assert code == 0, error
    asked = "SELECT extname::text, nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace"
    assert ("citext", "extensions") in site.read(asked)
    assert site.run("status")[0] == 0
    site.do("INSERT INTO core.goods VALUES ('Ann')")
    assert site.read("SELECT extensions.citext 'ANN' OPERATOR(extensions.=) name FROM core.goods") == [(True,)]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("CREATE EXTENSION dblink;", 2, "001_goods.sql:1:1: extension dblink is not allowed"),
        ("CREATE EXTENSION plpython3u;", 2, "extension plpython3u is not allowed"),
        ("CREATE EXTENSION citext SCHEMA public;", 2, "they all go into the schema extensions"),
        ("CREATE EXTENSION vector;", 6, "extension vector: "),
    ],
)
def test_other_extensions_are_refused(site: Site, text: str, code: int, said: str) -> None:
    site.write("core/001_goods.sql", text)
    ended, _, error = site.run("apply")
    assert (ended, said in error) == (code, True), error


def test_an_extension_where_others_may_put_objects_is_refused(site: Site) -> None:
    site.do("GRANT CREATE ON SCHEMA public TO PUBLIC", "CREATE EXTENSION citext SCHEMA public")
    site.write("core/001_goods.sql", "CREATE EXTENSION citext; CREATE TABLE goods (name CITEXT);")
    code, _, error = site.run("apply")
    assert (code, "schema public: everybody may create objects there" in error) == (6, True), error
    site.do("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    assert site.run("apply")[0] == 0
    assert site.run("status")[0] == 0


def test_a_file_that_an_editor_began_with_a_mark_is_read(site: Site) -> None:
    path = site.write("core/001_goods.sql", "")
    path.write_bytes(b"\xef\xbb\xbf" + ONE.encode() + b"SELECT nothing();")
    code, _, error = site.run("apply")
    assert (code, "001_goods.sql:3:8: function nothing() does not exist" in error) == (2, True), error
    path.write_bytes(b"\xef\xbb\xbf" + ONE.encode())
    assert site.run("apply")[0] == 0
    assert site.run("status")[0] == 0


@pytest.mark.parametrize("rights", ["SUPERUSER", "CREATEROLE"])
def test_two_databases_may_make_the_roles_of_one_system_at_once(site: Site, rights: str) -> None:
    system, role = f"shop{secrets.token_hex(4)}", site.make_role(rights)
    failed: list[Exception] = []

    def provide_too() -> None:
        try:
            provide_roles(second, system)
        except Exception as error:  # noqa: BLE001  # told below, where it fails the test
            failed.append(error)

    with site.connect(role) as first, site.connect(role) as second:
        with first.transaction():
            provide_roles(first, system)
            waiting = threading.Thread(target=provide_too, daemon=True)
            waiting.start()
            asked = f"SELECT FROM pg_stat_activity WHERE pid = {second.info.backend_pid} AND wait_event_type = 'Lock'"
            wait_until(lambda: len(site.read(asked)) == 1)
        waiting.join(timeout=10)
    assert failed == []
    assert not waiting.is_alive()
    made = site.read(f"SELECT rolname FROM pg_roles WHERE rolname LIKE '{system}%' ORDER BY 1")
    assert made == [(f"{system}_{kind}",) for kind in ("owner", "reader", "writer")]
