"""A cutover among applications that go on, others that cut over too, and ends that come at any statement."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strongroom.core.errors import StrongroomError, UnreachableError
from strongroom.load.switch import holding
from tests.integration.containers.cutover_site import GOODS, ROWS, Load, Shop, open_shop
from tests.integration.containers.schema_site import Site

pytestmark = pytest.mark.sample(2, whole=True)

Way = Callable[[psycopg.Connection[Any], int], object]
STATEMENTS = 370
"""No cutover of the two targets below takes more."""
INSIDE = 120
"""Nor does bringing in the rows of one."""


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> Shop:
    return open_shop(site, tmp_path)


def schemas(shop: Shop) -> set[str]:
    found = shop.site.read("SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^(core|memory)'")
    return {name for (name,) in found}


@contextmanager
def working(shop: Shop, *ways: Way) -> Iterator[tuple[list[int], list[float]]]:
    """Let applications write numbers, one after another; yield those that they were told are written, and the waits."""
    written: list[int] = []
    waits: list[float] = []
    errors: list[BaseException] = []
    numbers, ended = count(1000), threading.Event()

    def work(way: Way) -> None:
        try:
            with shop.site.connect() as connection:
                connection.execute("SET application_name = 'till'")
                while not ended.is_set():
                    begun, number = time.monotonic(), next(numbers)
                    way(connection, number)
                    written.append(number)
                    waits.append(time.monotonic() - begun)
        except BaseException as error:  # noqa: BLE001  # told below, in the thread that tests
            errors.append(error)

    with ThreadPoolExecutor(len(ways)) as pool:
        for way in ways:
            pool.submit(work, way)
        while len(written) < 10 and not errors:
            time.sleep(0.01)
        try:
            yield written, waits
            time.sleep(0.2)
        finally:
            ended.set()
    assert not errors, errors


def plainly(connection: psycopg.Connection[Any], number: int) -> None:
    connection.execute(f"INSERT INTO core.goods VALUES ({number}, 'plain')".encode())


def prepared(connection: psycopg.Connection[Any], number: int) -> None:
    connection.execute("INSERT INTO core.goods VALUES (%s, 'prepared')", (number,), prepare=True)


def by_search_path(connection: psycopg.Connection[Any], number: int) -> None:
    connection.execute("SET search_path = core")
    connection.execute("INSERT INTO goods VALUES (%s, 'by path')", (number,))


def in_longer_transactions(connection: psycopg.Connection[Any], number: int) -> None:
    with connection.transaction():
        connection.execute("SELECT max(id) FROM core.goods")
        time.sleep(0.02)
        with connection.transaction():
            connection.execute("INSERT INTO core.goods VALUES (%s, 'longer')", (number,))


def through_a_view(connection: psycopg.Connection[Any], number: int) -> None:
    connection.execute("INSERT INTO core.shelf VALUES (%s, 'view')", (number,))


def through_a_view_elsewhere(connection: psycopg.Connection[Any], number: int) -> None:
    connection.execute("INSERT INTO other.shelf VALUES (%s, 'view elsewhere')", (number,))


def through_a_function(connection: psycopg.Connection[Any], number: int) -> None:
    connection.execute("SELECT other.add(%s)", (number,))


def test_applications_wait_for_a_moment_and_nothing_is_lost(shop: Shop) -> None:
    shelf = "CREATE VIEW shelf AS SELECT id, name FROM goods"
    shop.make("core", GOODS, shelf)
    shop.make("other")
    function = (
        "CREATE FUNCTION other.add(n bigint) RETURNS void LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO core.goods VALUES (n, 'function'); END $$"
    )
    shop.as_owner("other", "CREATE VIEW other.shelf AS SELECT id, name FROM core.goods", function)
    load = shop.stage(GOODS, shelf)
    ways = (plainly, prepared, by_search_path, in_longer_transactions, through_a_view, through_a_view_elsewhere,
            through_a_function)  # fmt: skip
    with working(shop, *ways) as (written, waits):
        load.cut_over(replace=True)
        before = len(written)
        while len(written) < before + 50:
            time.sleep(0.01)
        load.roll_back(discard_changes=True)
    asked = "SELECT id, 'core' FROM core.goods UNION ALL SELECT id, 'staged' FROM core_staged.goods"
    found = shop.site.read(asked)
    assert sorted(number for number, _ in found) == sorted(written)
    assert {place for _, place in found} == {"core", "staged"}
    assert max(waits) < 1.5


def test_what_is_written_before_counts_and_what_is_written_after_is_live(shop: Shop) -> None:
    shop.make("core", GOODS)
    load = shop.stage()
    with working(shop, plainly, prepared) as (written, _):
        done = load.cut_over(replace=True)
        after = list(written)[-1]
        time.sleep(0.1)
    live = {number for (number,) in shop.site.read("SELECT id FROM core.goods WHERE id >= 1000")}
    aside = {number for (number,) in shop.site.read("SELECT id FROM core_previous.goods")}
    assert live | aside == set(written)
    assert done.replaced["core.goods"].rows >= len(aside)
    assert not any(number > after for number in aside)
    with pytest.raises(StrongroomError, match=f"{len(live)} rows new or changed"):
        load.roll_back()


def test_a_session_in_the_way_is_named_and_others_go_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "PATIENCE", 2.0)
    shop.make("core", GOODS)
    load = shop.stage()
    with shop.site.connect() as holder, holder.transaction(), working(shop, prepared) as (_, waits):
        holder.execute("SET application_name = 'report'")
        holder.execute("SELECT * FROM core.goods")
        pid = holder.info.backend_pid
        with pytest.raises(UnreachableError) as caught:
            load.cut_over(replace=True)
        assert caught.value.exit_code == 5
        assert f"pid {pid} (" in caught.value.fact
        assert schemas(shop) == {"core", "core_staged"}
    assert max(waits) < 1  # it stood in front of them for 0.3 s at a time
    assert any("waits, 2 s at most: " in line and f"pid {pid} (" in line for line in shop.events)
    assert load.cut_over(replace=True).tables


def test_a_monitor_is_told_who_and_for_how_long(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "PATIENCE", 1.0)
    shop.site.do(f"GRANT pg_read_all_stats TO {shop.role}")
    load = shop.stage()
    load.cut_over()
    with shop.site.connect() as holder, holder.transaction():
        holder.execute("SET application_name = 'report'")
        holder.execute("SELECT * FROM core.goods")
        with pytest.raises(
            UnreachableError, match=r"application report, for \d+ s in its transaction, holds core\.goods"
        ):
            load.roll_back()
    assert load.roll_back().gone == ("core",)


def test_who_renames_the_schema_meanwhile_is_not_waited_for(shop: Shop) -> None:
    load = shop.stage()
    load.cut_over()
    with shop.site.connect() as holder:
        transaction = holder.transaction()

        def rename(step: str) -> None:
            if step == "rollback.ready":
                holder.execute("SET idle_in_transaction_session_timeout = '5s'")  # who would wait does not for ever
                transaction.__enter__()
                holder.execute("ALTER SCHEMA core OWNER TO shop_owner; COMMENT ON SCHEMA core IS 'held'")
                holder.execute(
                    "GRANT USAGE ON SCHEMA core TO shop_reader; REVOKE USAGE ON SCHEMA core FROM shop_writer"
                )

        with pytest.raises(UnreachableError, match="lock timeout"):
            load.roll_back({"checkpoint": rename})
        transaction.__exit__(None, None, None)
    assert load.roll_back().gone == ("core",)


def test_two_who_cut_over_at_once_make_it_live_once(shop: Shop) -> None:
    shop.make("core", GOODS)
    load = shop.stage()
    loads = [load, load.copy(), load.copy()]
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(Load.cut_over, loads))
    assert sorted(one.is_done_before for one in done) == [False, True, True]
    assert schemas(shop) == {"core", "core_previous"}
    with ThreadPoolExecutor(3) as pool:
        back = list(pool.map(Load.roll_back, loads))
    assert sorted(one.is_done_before for one in back) == [False, True, True]
    assert schemas(shop) == {"core", "core_staged"}


@contextmanager
def ending_at(shop: Shop, monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[list[int]]:
    """End the session that runs the statement of a number, counted over all sessions, before it runs."""
    run, done = psycopg.Connection.execute, [0]

    def execute(connection: psycopg.Connection[Any], *args: Any, **kwargs: Any) -> Any:
        done[0] += 1
        if done[0] == number:
            shop.site.end_session(connection.info.backend_pid)
        return run(connection, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "execute", execute)
        yield done


@pytest.mark.sample(30)
@pytest.mark.parametrize("number", range(1, STATEMENTS + 1))
def test_an_end_at_any_statement_changes_all_or_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    shop.site.write("core/001_goods.sql", f"{GOODS};")
    assert shop.site.run("apply")[0] == 0
    load = shop.stage(names=("core", "memory"))
    old, new = {"core", "core_staged", "memory_staged"}, {"core", "core_previous", "memory"}
    for run, before, after in ((load.cut_over, old, new), (load.roll_back, new, old)):
        _end_and_repeat(shop, monkeypatch, run, number, before, after)
    assert shop.site.run("status")[0] == 0


def _end_and_repeat(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[[], object],
    number: int,
    before: set[str],
    after: set[str],
) -> None:
    assert schemas(shop) == before
    with ending_at(shop, monkeypatch, number) as done:
        try:
            run()
            assert done[0] < number
        except UnreachableError:
            assert schemas(shop) == before
    run()
    assert schemas(shop) == after


@pytest.mark.sample(20)
@pytest.mark.parametrize("number", range(1, INSIDE + 1))
def test_an_end_at_any_statement_brings_all_rows_or_none(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    load = stage_into_live(shop)
    for run, rows in ((load.go_into_live, 20), (load.roll_back, 5)):
        before = count_goods(shop)
        with ending_at(shop, monkeypatch, number) as done:
            try:
                run()
                assert done[0] < number
            except UnreachableError:
                assert count_goods(shop) in (before, rows)
        run()
        assert count_goods(shop) == rows


def stage_into_live(shop: Shop) -> Load:
    shop.make("core", GOODS, f"{ROWS} LIMIT 5")
    address = "ALTER TABLE goods ADD COLUMN _strongroom_address bigint"
    return shop.stage(GOODS, address, ROWS, "UPDATE goods SET _strongroom_address = id", way="into-live")


def count_goods(shop: Shop) -> int:
    return int(shop.site.read("SELECT count(*) FROM core.goods WHERE id < 1000")[0][0])


def test_applications_wait_while_rows_come_in_and_nothing_is_lost(shop: Shop) -> None:
    load = stage_into_live(shop)
    with working(shop, plainly, prepared, by_search_path) as (written, waits):
        load.go_into_live()
        load.roll_back()
    assert (count_goods(shop), max(waits) < 1.5) == (5, True)
    found = shop.site.read("SELECT id FROM core.goods WHERE id >= 1000")
    assert sorted(number for (number,) in found) == sorted(written)


def test_the_statements_that_are_ended_are_all_of_them(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.site.write("core/001_goods.sql", f"{GOODS};")
    assert shop.site.run("apply")[0] == 0
    assert STATEMENTS * 0.7 < count_statements(shop, monkeypatch, shop.stage(names=("core", "memory"))) <= STATEMENTS


def test_so_are_those_by_which_rows_come_in(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert INSIDE * 0.7 < count_statements(shop, monkeypatch, stage_into_live(shop)) <= INSIDE


def count_statements(shop: Shop, monkeypatch: pytest.MonkeyPatch, load: Load) -> int:
    """Return how many statements the longer of a command and its way back takes."""
    counts = []
    for run in (load.cut_over if load.document.way == "staged" else load.go_into_live, load.roll_back):
        with ending_at(shop, monkeypatch, 0) as done:
            run()
        counts.append(done[0])
    return max(counts)
