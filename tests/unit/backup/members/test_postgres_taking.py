"""A database is taken in one snapshot, counted as it was dumped, and nothing about it is taken on trust."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.backup.members import postgres as taking
from strongroom.backup.members.postgres_figures import digest_tables, list_tables, lock_tables, read_figures
from strongroom.core.errors import ConfigurationError, DifferencesError, GuardError, SourceBusyError, VersionError
from strongroom.core.files import hash_file
from strongroom.core.programs import ProgramResult
from strongroom.postgres import clients
from strongroom.postgres.connection import Access, Connection, open_postgres
from tests.engines import make_surroundings
from tests.unit.backup.members.conftest import Shop, make_folder

ODD = '"Odd Schema"."T ""x"'


def test_a_member_says_what_each_table_held_and_where_each_sequence_stood(shop: Shop) -> None:
    member, folder = shop.take()
    rows = {name: table.rows for name, table in member.tables.items()}
    assert rows == {
        ODD: 3, "public.empty": 0, "public.parts_low": 120, "public.users": 200, "large objects": 1,
        "sequence public.lonely": 0, "sequence public.users_id_seq": 0,
    }  # fmt: skip
    assert member.tables["sequence public.users_id_seq"].digest == "200"
    assert member.tables["sequence public.lonely"].digest == "1 next"
    with open_postgres(shop.inside) as connection:
        assert read_figures(connection) == member.tables
    for file in member.files:
        assert file.sha256 == hash_file(folder / file.path)
        assert (folder / file.path).stat().st_mode & 0o077 == 0
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {file.path for file in member.files} == there
    assert {path.partition("/")[0] for path in there} == {"postgres"}
    assert member.name == f"postgres/{shop.name}"
    assert member.began <= member.ended


def test_no_password_of_a_role_is_taken(shop: Shop) -> None:
    shop.run("ALTER ROLE shop_owner PASSWORD 'canary-71a3'")
    _, folder = shop.take()
    for path in folder.rglob("*"):
        assert path.is_dir() or not {b"canary-71a3", b"SCRAM-SHA"} & set(path.read_bytes().split(b"'"))
    assert b"CREATE ROLE shop_owner" in next(folder.rglob("globals.sql")).read_bytes()
    assert b"PASSWORD" not in next(folder.rglob("globals.sql")).read_bytes()


def test_rows_written_while_it_is_taken_are_neither_dumped_nor_counted(shop: Shop) -> None:
    """Every row acknowledged before the snapshot is in, none that came later; dump and figures agree on it."""
    shop.run("CREATE TABLE public.log (n int)")
    stop = threading.Event()
    acknowledged: list[int] = []

    def write() -> None:
        with open_postgres(shop.inside) as connection:
            while not stop.is_set():
                connection.execute("INSERT INTO public.log VALUES (%s)", (len(acknowledged),))
                acknowledged.append(len(acknowledged))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(acknowledged) < 50:
            stop.wait(0.01)
        before = len(acknowledged)
        member, folder = shop.take()
        after = len(acknowledged)
    finally:
        stop.set()
        writer.join(60)
    counted = member.tables["public.log"].rows
    assert before <= counted < after
    dumped = [path.read_bytes() for path in folder.rglob("*.dat")]
    numbers = next(lines for lines in map(bytes.splitlines, dumped) if b"49" in lines[49:50])
    assert [int(line) for line in numbers if line.isdigit()] == list(range(counted))


def test_a_table_is_not_emptied_between_the_dump_and_the_count(shop: Shop) -> None:
    refused: list[str] = []

    def empty(step: str) -> None:
        if step == "take.dumped":
            with psycopg.connect(**shop.inside.parameters, autocommit=True) as connection:  # type: ignore[arg-type]
                connection.execute("SET lock_timeout = '100ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
                    connection.execute("TRUNCATE public.users")
                refused.append(str(caught.value))

    member = shop.source().take(make_folder(shop.folder / "set"), replace(shop.around, checkpoint=empty))
    assert len(refused) == 1
    assert member.tables["public.users"].rows == 200


@contextmanager
def holding(shop: Shop, statement: str) -> Iterator[None]:
    with psycopg.connect(**shop.inside.parameters) as connection:  # type: ignore[arg-type]
        connection.execute(statement)
        yield
        connection.rollback()


def test_a_table_that_is_held_is_said_to_be(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_LOCK_SECONDS", 0.2)
    held = holding(shop, "LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE")
    with held, pytest.raises(SourceBusyError, match="a table is held"):
        shop.take()


def test_a_table_that_is_dropped_before_it_is_held_is_no_error(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.run("CREATE TABLE public.short ()")
    tries: list[int] = []

    def drop_first(connection: Connection, tables: Any) -> None:
        if not tries:
            shop.run("DROP TABLE public.short")
        tries.append(len(tables))
        lock_tables(connection, tables)

    monkeypatch.setattr(taking, "lock_tables", drop_first)
    member, _ = shop.take()
    assert tries == [5, 4]
    assert "public.short" not in member.tables


def test_a_role_that_does_not_see_all_rows_takes_nothing(shop: Shop) -> None:
    shop.run(
        "ALTER TABLE public.users ENABLE ROW LEVEL SECURITY; GRANT SELECT ON ALL TABLES IN SCHEMA public TO shop_reader"
    )
    shop.run(f'GRANT USAGE ON SCHEMA "Odd Schema" TO shop_owner; GRANT SELECT ON {ODD} TO shop_owner')
    access = Access(parameters={**shop.access.parameters, "user": "shop_owner"}, origin="SHOP_URL")
    with pytest.raises(GuardError):
        shop.source(access=access).take(make_folder(shop.folder / "set"), shop.around)


def test_a_role_that_may_read_everything_and_change_nothing_takes_all_but_large_objects(shop: Shop) -> None:
    if not shop.run("SELECT FROM pg_roles WHERE rolname = 'shop_keeper'"):
        shop.run("CREATE ROLE shop_keeper LOGIN IN ROLE pg_read_all_data, pg_monitor")
    shop.run(f'GRANT CONNECT ON DATABASE "{shop.name}" TO shop_keeper')
    keeper = shop.source(access=Access(parameters={**shop.access.parameters, "user": "shop_keeper"}, origin="SHOP_URL"))
    with pytest.raises(GuardError):
        keeper.take(make_folder(shop.folder / "one"), shop.around)
    shop.run("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    taken = keeper.take(make_folder(shop.folder / "two"), shop.around)
    mine, _ = shop.take("three")
    assert (taken.tables, taken.schema_sha256) == (mine.tables, mine.schema_sha256)


def test_a_dump_that_lacks_a_table_is_none(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run = clients.Clients.run

    def leave_out(self: clients.Clients, program: str, arguments: Any, *rest: Any, **more: Any) -> Any:
        further = ["--exclude-table-data=public.users"] if program == "pg_dump" else []
        return run(self, program, [*further, *arguments], *rest, **more)

    monkeypatch.setattr(clients.Clients, "run", leave_out)
    with pytest.raises(DifferencesError, match=r"lacks table public\.users"):
        shop.take()


def test_settings_of_the_database_and_the_role_do_not_change_a_digest(shop: Shop) -> None:
    before, _ = shop.take("one")
    for setting in (
        "TimeZone = 'Asia/Kathmandu'", "DateStyle = 'German'", "bytea_output = 'escape'", "extra_float_digits = -3",
        "IntervalStyle = 'iso_8601'", "lc_monetary = 'C'", "search_path = 'Odd Schema'", "quote_all_identifiers = on",
    ):  # fmt: skip
        shop.run(f'ALTER DATABASE "{shop.name}" SET {setting}')
    after, _ = shop.take("two")
    assert after.tables == before.tables


CELL = st.sampled_from(
    ["NULL", "''", "'a'", "'A'", "'a '", "'NULL'", "'(a)'", "'\"'", "','", r"E'\\'", r"E'\n'", "'ä'", "'\U0001f600'"]
)
ROW = st.tuples(
    CELL, CELL, st.sampled_from(["NULL", "0", "'-0'", "1", "'NaN'", "1e-300", "0.1", "0.10000000000000002"])
)


@settings(max_examples=25)
@given(st.lists(ROW, max_size=6), st.data())
def test_a_digest_is_equal_for_any_order_and_other_for_any_change(
    postgres: Access, rows: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(rows))
    changed = [*rows[1:], data.draw(ROW)]
    with open_postgres(postgres) as connection:
        connection.execute('CREATE SCHEMA IF NOT EXISTS d; DROP TABLE IF EXISTS d."t"')
        connection.execute('CREATE TABLE d."t" (t text, u text, f float8)')
        found = [digest_rows(connection, each) for each in (rows, shuffled, changed)]
        connection.execute("DROP SCHEMA d CASCADE")
    assert found[0] == found[1]
    same = sorted(rows) == sorted(changed)
    assert (found[0] == found[2]) == same


def digest_rows(connection: Connection, rows: Any) -> Any:
    connection.execute('TRUNCATE d."t"')
    if rows:
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        connection.execute(f'INSERT INTO d."t" VALUES {values}'.encode())
    (table,) = [table for table in list_tables(connection) if table.schema == "d"]
    return digest_tables(connection, [table])["d.t"]


def make_program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_programs_that_are_older_than_the_server_are_refused_with_what_to_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_DEBIAN", tmp_path / "debian")
    with pytest.raises(ConfigurationError, match="is not there"):
        clients.find_clients({"PATH": str(tmp_path)}, 16)
    for version in ("13", "15"):
        make_program(
            tmp_path / "debian" / version / "bin", "pg_dump", f'echo "pg_dump (PostgreSQL) {version}.4 (Debian)"'
        )
    with pytest.raises(VersionError, match=r"is 15\.4, and the server is 16") as caught:
        clients.find_clients({"PATH": str(tmp_path)}, 16)
    assert caught.value.exit_code == 13
    assert "strongroom/ops" in caught.value.hint
    assert "postgresql-client-16" in caught.value.hint
    assert clients.find_clients({"PATH": ""}, 13).version == "13.4"
    assert clients.find_clients({"PATH": ""}, 14).version == "15.4"
    make_program(tmp_path / "bin", "pg_dump", 'echo "pg_dump (PostgreSQL) 17beta1"')
    assert clients.find_clients({"PATH": str(tmp_path / "bin")}, 16).major == 17


def test_a_password_is_in_no_argument_and_no_environment_and_on_no_disk(tmp_path: Path) -> None:
    make_program(
        tmp_path,
        "pg_dump",
        'cat "/proc/$$/cmdline" "/proc/$$/environ"; echo; cat "$PGPASSFILE"; readlink "$PGPASSFILE"',
    )

    class Told:
        password = "can:ary\\4711"

        @staticmethod
        def get_parameters() -> dict[str, str]:
            return {"host": "db.example", "user": "somebody", "sslmode": "verify-full", "sslrootcert": "system"}

    class Connected:
        info = Told()

    programs = clients.Clients(
        folder=tmp_path, version="15.4", environment={"PATH": "/usr/bin:/bin", "PGPASSWORD": "no"}
    )
    said = programs.run("pg_dump", ["--x"], Connected(), database="other")  # type: ignore[arg-type]
    shown, passfile, where = said.stdout.decode().splitlines()
    assert passfile == "*:*:*:*:can\\:ary\\\\4711"
    assert "ary" not in shown
    assert "PGPASSWORD" not in shown
    assert "dbname=other" in shown
    assert "sslrootcert=/etc/ssl/certs/ca-certificates.crt" in shown
    assert where.startswith("/memfd:")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('pg_restore: error: could not execute query: ERROR:  extension "postgis" is not available', 13),
        ("pg_dump: error: aborting because of server version mismatch", 13),
        ("pg_dump: error: could not write to file: No space left on device", 14),
        ("pg_restore: error: x\nDETAIL:  could not extend file: No space left on device", 14),
        ("pg_dump: error: query failed: ERROR:  permission denied for table users", 6),
        (
            'pg_dump: error: connection to server on socket "/run/x" failed: FATAL:  the system is starting up',
            5,
        ),
        ("killed", 5),
        ("", 5),
    ],
)
def test_what_a_program_complains_of_is_one_line_with_its_exit_code(said: str, code: int) -> None:
    detail = "\nDETAIL:  Key (name)=(canary-5c1d) already exists.\nCONTEXT:  COPY users, line 1: canary-5c1d"
    ended = ProgramResult(program="/x/pg_dump", exit_code=1, seconds=0, stdout=b"", stderr=f"{said}{detail}".encode())
    error = clients.explain_client(ended, "postgres/shop")
    assert error.exit_code == code
    assert "canary" not in f"{error} {error.hint}"
    assert "\n" not in str(error)


def test_the_name_of_a_database_is_no_path() -> None:
    assert taking.locate_folder("../a/b") == Path("postgres") / "..%2Fa%2Fb"
    for name in ("", ".", ".."):
        with pytest.raises(ConfigurationError):
            taking.locate_folder(name)


def test_surroundings_see_nothing_of_ours() -> None:
    assert set(make_surroundings().environment) == {"PATH"}
