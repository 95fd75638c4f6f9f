"""A database comes back equal or not at all; a rehearsal names each difference; a swap is one step, with a way back."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from strongroom.backup.documents import MemberRecord, TableRecord
from strongroom.backup.members import postgres_restoring as restoring
from strongroom.backup.members.postgres_rehearsing import rehearse_postgres
from strongroom.backup.members.postgres_restoring import name_aside, restore_postgres, restore_table
from strongroom.backup.members.postgres_swap import swap_postgres, undo_swap
from strongroom.core.backup_entry import BackupCheck
from strongroom.core.errors import (
    DifferencesError,
    LockedError,
    StaleError,
    StrongroomError,
    TargetBusyError,
    TargetExistsError,
    UsageError,
    VersionError,
)
from tests.processes import read_line, wait_until
from tests.unit.backup.members.conftest import Shop, make_folder

USERS = "public.users"


def rehearse(shop: Shop, member: MemberRecord, folder: Path, *checks: BackupCheck) -> tuple[str, ...]:
    scratch = shop.folder / "scratch"
    scratch.mkdir(mode=0o700, exist_ok=True)
    return rehearse_postgres(member, folder, scratch, checks, shop.around)


def check(sql: str, expect: int | str | None) -> BackupCheck:
    return BackupCheck(member="postgres/shop", sql=sql, expect=expect)


def test_a_sound_member_comes_back_equal_and_wrong_answers_are_named(shop: Shop) -> None:
    member, folder = shop.take()
    asked = [
        check("SELECT count(*) FROM public.users", 200), check("SELECT 'a'", "a"), check("SELECT NULL", None),
        check("SELECT 'canary-0a1b'", "b"), check("SELECT nothing", 1), check("DELETE FROM public.users", 1),
    ]  # fmt: skip
    facts = rehearse(shop, member, folder, *asked)
    assert [fact.partition(": ")[2] for fact in facts] == [
        "check \"SELECT 'canary-0a1b'\" is not answered as it should be",
        "check 'SELECT nothing' cannot be asked (column \"nothing\" does not exist)",
        "check 'DELETE FROM public.users' cannot be asked (cannot execute DELETE in a read-only transaction)",
    ]
    assert list((shop.folder / "scratch").iterdir()) == []


def test_whatever_can_be_declared_comes_back_equal(shop: Shop) -> None:
    """No sound backup is taken for a damaged one, not in a database that is read-only unless told otherwise either."""
    name = f"{shop.name} of every kind"
    shop.run(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'", "postgres")
    shop.run(Path(__file__).with_name("every_kind.sql").read_text(), name)
    for setting in ("default_transaction_read_only = on", "search_path = 'x y', public"):
        shop.run(f'ALTER DATABASE "{name}" SET {setting}', "postgres")
    shop.run(f'GRANT CREATE ON DATABASE "{name}" TO shop_owner WITH GRANT OPTION', "postgres")
    folder = make_folder(shop.folder / "set")
    member = shop.source(database=name).take(folder, shop.around)
    assert member.tables["sequence public.down"].digest == "5"
    assert rehearse(shop, member, folder) == ()
    restore_postgres(member, folder, shop.access, f"{name} back", environment=shop.around.environment)


def changed(shop: Shop, sql: str) -> tuple[MemberRecord, Path]:
    """Take a set, change the database, take another one, and give the first's record with the second's files."""
    before, _ = shop.take("before")
    shop.run(sql)
    _, folder = shop.take("after")
    return before, folder


def test_each_difference_is_one_line(shop: Shop) -> None:
    member, folder = changed(
        shop,
        "DELETE FROM public.users WHERE id = 7; UPDATE public.parts SET t = 'Part' WHERE ctid = (SELECT min(ctid) FROM "
        'public.parts_low); DROP TABLE "Odd Schema"."T ""x"; CREATE TABLE public.new (); DROP TABLE public.empty; '
        "SELECT nextval('public.lonely'); SELECT lo_unlink(oid) FROM pg_largeobject_metadata",
    )  # fmt: skip
    said = {fact.removeprefix(f"{member.name}: ") for fact in rehearse(shop, member, folder)}
    assert said == {
        '"Odd Schema"."T ""x" is gone (3 rows)',
        "public.empty is gone (0 rows)",
        "public.parts_low has other content than it had",
        "public.users has 199 rows, and had 200",
        "public.new was not there (0 rows)",
        "large objects is gone (1 rows)",
        "sequence public.lonely has other content than it had",
        "the dump declares other things than the manifest says",
    }


def test_what_is_declared_otherwise_is_seen(shop: Shop) -> None:
    seen = [shop.take("before")[0].schema_sha256]
    for number, sql in enumerate((
        "ALTER TABLE public.users ADD CHECK (id > 0)",
        "CREATE OR REPLACE FUNCTION public.one() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2; END'",
        "REVOKE SELECT ON public.users FROM shop_reader",
        "GRANT CONNECT ON DATABASE {name} TO shop_reader",
        "ALTER DATABASE {name} RESET work_mem",
        "DROP MATERIALIZED VIEW public.counted",
    )):  # fmt: skip
        shop.run(sql.format(name=f'"{shop.name}"'))
        seen.append(shop.take(f"after {number}")[0].schema_sha256)
    assert len(set(seen)) == 7


def test_the_name_of_the_database_is_no_difference(shop: Shop) -> None:
    before, folder = shop.take("before")
    other = f"{shop.name}; other"
    restore_postgres(before, folder, shop.access, other, environment=shop.around.environment)
    after = shop.source(database=other).take(make_folder(shop.folder / "other"), shop.around)
    assert after.schema_sha256 == before.schema_sha256
    assert after.tables == before.tables


def cut(folder: Path) -> None:
    file = max(folder.rglob("*.dat"), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[:-100])


def flip(folder: Path) -> None:
    (toc,) = folder.rglob("toc.dat")
    content = bytearray(toc.read_bytes())
    content[2] ^= 1
    toc.write_bytes(bytes(content))


def lose(folder: Path) -> None:
    max(folder.rglob("*.dat"), key=lambda path: path.stat().st_size).unlink()


@pytest.mark.parametrize("harm", [cut, flip, lose])
def test_a_damaged_dump_is_found_and_reaches_no_database(shop: Shop, harm: Callable[[Path], None]) -> None:
    member, folder = shop.take()
    harm(folder)
    if harm is cut:
        (fact,) = rehearse(shop, member, folder)
        assert "cannot be restored" in fact
        assert "\n" not in fact
    before = list_databases(shop)
    with pytest.raises(StrongroomError) as caught:
        restore_postgres(member, folder, shop.access, "shop new", environment=shop.around.environment)
    assert caught.value.exit_code in (3, 5)
    assert list_databases(shop) == before


def list_databases(shop: Shop) -> set[str]:
    return {str(name) for (name,) in shop.run("SELECT datname FROM pg_database", "postgres")}


def test_a_restore_that_lost_one_row_says_so_and_leaves_nothing(shop: Shop) -> None:
    member, folder = changed(shop, "DELETE FROM public.users WHERE id = 7")
    before = list_databases(shop)
    with pytest.raises(DifferencesError, match=r"public\.users has 199 rows, and had 200") as caught:
        restore_postgres(member, folder, shop.access, "shop new", environment=shop.around.environment)
    assert caught.value.exit_code == 3
    assert list_databases(shop) == before


def test_roles_that_a_server_lacks_are_made_without_passwords_and_others_stay(shop: Shop) -> None:
    shop.run("CREATE ROLE \"clerk 'x'\" LOGIN PASSWORD 'canary' IN ROLE shop_reader; ALTER ROLE shop_reader NOLOGIN")
    shop.run("ALTER TABLE public.empty OWNER TO \"clerk 'x'\"")
    member, folder = shop.take()
    shop.run("ALTER ROLE shop_reader CONNECTION LIMIT 3; DROP OWNED BY \"clerk 'x'\"; DROP ROLE \"clerk 'x'\"")
    name = f"{shop.name} back"
    made = restore_postgres(member, folder, shop.access, name, environment=shop.around.environment)
    assert made.roles == ("clerk 'x'",)
    roles = shop.run(
        "SELECT rolname, rolcanlogin, rolconnlimit, rolpassword FROM pg_authid "
        "WHERE rolname IN ('clerk ''x''', 'shop_reader')"
        " ORDER BY 1"
    )  # fmt: skip
    assert roles == [("clerk 'x'", True, -1, None), ("shop_reader", False, 3, None)]
    member_of = "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE rolname LIKE 'clerk%'"
    assert shop.run(member_of) == [(1,)]
    shop.run(f'DROP DATABASE "{name}"', "postgres")
    shop.run("DROP ROLE \"clerk 'x'\"")


def test_a_database_that_is_there_is_never_touched(shop: Shop) -> None:
    member, folder = shop.take()
    with pytest.raises(TargetExistsError) as caught:
        restore_postgres(member, folder, shop.access, shop.name, environment=shop.around.environment)
    assert caught.value.exit_code == 6
    assert shop.run("SELECT count(*) FROM public.users") == [(200,)]


def test_one_table_comes_back_alone_with_its_rows_and_keys(shop: Shop) -> None:
    member, folder = shop.take()
    name = f"{shop.name} table"
    made = restore_table(member, folder, shop.access, name, USERS, environment=shop.around.environment)
    assert (made.tables, made.rows) == (1, 200)
    assert shop.run("SELECT count(*), (SELECT count(*) FROM public.parts) FROM public.users", name) == [(200, 0)]
    assert shop.run("SELECT count(*) FROM pg_constraint WHERE conrelid = 'public.users'::regclass", name) == [(2,)]
    with pytest.raises(UsageError, match="is no table of"):
        restore_table(member, folder, shop.access, "x", "public.nothing", environment=shop.around.environment)
    wrong = replace(member, tables={**member.tables, USERS: TableRecord(rows=201)})
    with pytest.raises(DifferencesError):
        restore_table(wrong, folder, shop.access, "x", USERS, environment=shop.around.environment)
    assert "x" not in list_databases(shop)


def test_a_killed_restore_is_done_again_without_a_person(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its half-made database has a name of ours, and the next one clears it away; two at once exclude each other."""
    member, folder = shop.take()
    name = f"{shop.name} back"
    script = (
        "import os, pickle, signal, sys\n"
        "from pathlib import Path\n"
        "from strongroom.backup.members import postgres_restoring as restoring\n"
        "member, folder, access, name, environment = pickle.load(sys.stdin.buffer)\n"
        "def die(*_):\n    print('here', flush=True)\n    signal.pause()\n"
        "restoring._dress = die\n"
        "restoring.restore_postgres(member, folder, access, name, environment=environment)\n"
    )
    given = pickle.dumps((member, folder, shop.access, name, dict(shop.around.environment)))
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(given)
    child.stdin.close()
    assert read_line(child.stdout, 60) == "here"
    assert name_aside(name, "restoring", "part") in list_databases(shop)
    assert name not in list_databases(shop)
    with pytest.raises(LockedError):
        restore_postgres(member, folder, shop.access, name, environment=shop.around.environment)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(timeout=60)
    child.stdout.close()
    wait_until(lambda: shop.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)])
    restore_postgres(member, folder, shop.access, name, environment=shop.around.environment)
    assert name in list_databases(shop)
    assert name_aside(name, "restoring", "part") not in list_databases(shop)


def test_a_newer_member_is_not_restored_into_an_older_server(shop: Shop, major: int) -> None:
    member, folder = shop.take()
    newer = replace(member, versions={**member.versions, "server": f"{major + 1}.0"})
    with pytest.raises(VersionError, match=f"was taken from {major + 1}"):
        restore_postgres(newer, folder, shop.access, "x", environment=shop.around.environment)
    with pytest.raises(VersionError, match=r"is not here|is here|an older one"):
        rehearse(shop, newer, folder)


def test_a_swap_is_one_step_and_goes_back(shop: Shop) -> None:
    member, folder = shop.take()
    shop.run("DROP TABLE public.users CASCADE")
    new = f"{shop.name} new"
    restore_postgres(member, folder, shop.access, new, environment=shop.around.environment)
    swapped = swap_postgres(shop.access, shop.name, new, "20261127_101500")
    assert swapped.before == f"{shop.name}_before_20261127_101500"
    assert shop.run("SELECT count(*) FROM public.users") == [(200,)]
    assert swap_postgres(shop.access, shop.name, new, "20261127_101500") == swapped
    aside = undo_swap(shop.access, swapped, "20261127_101600")
    assert shop.run("SELECT to_regclass('public.users')") == [(None,)]
    assert shop.run("SELECT count(*) FROM public.users", aside) == [(200,)]
    assert undo_swap(shop.access, swapped, "20261127_101600") == aside
    with pytest.raises(StaleError):
        swap_postgres(shop.access, shop.name, new, "20261127_101700")


def test_a_database_that_was_lost_gets_its_name_back(shop: Shop) -> None:
    member, folder = shop.take()
    shop.run(f'DROP DATABASE "{shop.name}"', "postgres")
    new = f"{shop.name} new"
    restore_postgres(member, folder, shop.access, new, environment=shop.around.environment)
    swapped = swap_postgres(shop.access, shop.name, new, "20261127_101500")
    assert swapped.before is None
    assert shop.run("SELECT count(*) FROM public.users") == [(200,)]
    aside = undo_swap(shop.access, swapped, "20261127_101600")
    assert {shop.name, aside} & list_databases(shop) == {aside}


def test_nobody_is_cut_off_unasked(shop: Shop) -> None:
    member, folder = shop.take()
    new = f"{shop.name} new"
    restore_postgres(member, folder, shop.access, new, environment=shop.around.environment)
    with psycopg.connect(**shop.inside.parameters, autocommit=True) as connection:  # type: ignore[arg-type]
        with pytest.raises(TargetBusyError, match="1 other connections use") as caught:
            swap_postgres(shop.access, shop.name, new, "20261127_101500")
        assert caught.value.exit_code == 6
        assert connection.execute("SELECT current_database()").fetchone() == (shop.name,)
        assert new in list_databases(shop)
        swap_postgres(shop.access, shop.name, new, "20261127_101500", disconnect=True)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_a_name_that_makes_room_is_no_longer_than_names_may_be() -> None:
    aside = name_aside("ä" * 40, "before", "20261127_101500")
    assert len(aside.encode()) <= 63
    assert aside.endswith("_before_20261127_101500")
    assert name_aside("shop", "before", "1") == "shop_before_1"
    assert restoring.MAINTENANCE == "postgres"
