"""What happens to rows, connections and other commands while a column is in work: the writer wins, nothing is lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest

from tests.faults.child import Driver, open_driver
from tests.faults.column_oracle import name_key
from tests.faults.scene import Ended
from tests.integration.containers.column_site import FILE_USERS, USERS, ColumnSite, open_column_site
from tests.integration.containers.schema_site import Site
from tests.processes import wait_until

pytestmark = pytest.mark.sample(4, whole=True)
ROWS = {number: f"the secret of {number}" for number in range(1, 41)}
LATER = "what somebody wrote meanwhile"
HOLDS = ("begun", "sealed", "written", "committed", "walked")
IN_TRANSACTION = ("sealed", "written")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with open_driver(tmp_path_factory.mktemp("driver")) as found:
        yield found


@pytest.fixture
def columns(site: Site, tmp_path: Path) -> ColumnSite:
    found = open_column_site(site, tmp_path)
    found.make_users((number, found.seal(value, number)) for number, value in ROWS.items())
    found.register(USERS)
    return found


class Held:
    """A command that stands at a step until it is let go."""

    def __init__(self, driver: Driver, hold: Path) -> None:
        self._driver, self._hold = driver, hold

    def let_go(self) -> Ended:
        self._hold.touch()
        return self._driver.finish()


@contextmanager
def held(columns: ColumnSite, driver: Driver, step: str, task: str = "columns.rotate") -> Iterator[Held]:
    """Hold a command at a step for the length of a block."""
    hold = columns.root / "hold"
    words = ["inv", task, "--system", str(columns.site.system), "--batch-size", "25"]
    driver.start(words, columns=True, environment=environment_of(columns), checkpoint=step, hold=str(hold))
    wait_until(lambda: hold.with_suffix(".reached").exists(), 60.0)
    found = Held(driver, hold)
    try:
        yield found
    finally:
        if not hold.exists():
            found.let_go()


def environment_of(columns: ColumnSite) -> dict[str, str]:
    return {"SHOP_DSN": columns.site.dsn, "PGPASSWORD": columns.site.password}


@contextmanager
def beside(do: Callable[[], object]) -> Iterator[None]:
    """Do something that may have to wait for what a block does; it has been done when the block is left."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001  # it is raised where somebody looks
            failed.append(error)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=90)
    assert not thread.is_alive()
    assert failed == []


def check(columns: ColumnSite, ended: Ended, expected: dict[int, str]) -> None:
    assert ended.code == 0, ended.err
    assert columns.open_users() == expected
    assert {name_key(str(one)) for one in columns.read_users().values()} == {columns.new}
    assert columns.run("columns.status").code == 0


@pytest.mark.parametrize("step", HOLDS)
def test_a_row_that_is_updated_meanwhile_is_as_its_writer_left_it(
    columns: ColumnSite, driver: Driver, step: str
) -> None:
    sealed = columns.library.encrypt("users", "api_key", 5, LATER)
    asked = f"UPDATE accounts.users SET api_key = '{sealed}' WHERE id = 5"
    with held(columns, driver, step) as command, beside(lambda: columns.site.do(asked)):
        time.sleep(0.2)
        ended = command.let_go()
    check(columns, ended, {**ROWS, 5: LATER})


@pytest.mark.parametrize("step", HOLDS)
def test_a_row_that_is_deleted_or_moved_meanwhile_is_gone_or_where_it_was_moved_to(
    columns: ColumnSite, driver: Driver, step: str
) -> None:
    moved = columns.library.encrypt("users", "api_key", 900, ROWS[6])
    asked = f"UPDATE accounts.users SET id = 900, api_key = '{moved}' WHERE id = 6"
    with (
        held(columns, driver, step) as command,
        beside(lambda: columns.site.do("DELETE FROM accounts.users WHERE id IN (5, 39)", asked)),
    ):
        time.sleep(0.2)
        ended = command.let_go()
    check(columns, ended, {key: value for key, value in ROWS.items() if key not in {5, 6, 39}} | {900: ROWS[6]})


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_row_that_somebody_holds_is_waited_for(columns: ColumnSite, driver: Driver, end: str) -> None:
    sealed = columns.library.encrypt("users", "api_key", 5, LATER)
    with columns.site.connect() as connection:
        connection.execute(b"BEGIN")
        connection.execute("UPDATE accounts.users SET api_key = %s WHERE id = 5", (sealed,))
        words = ["inv", "columns.rotate", "--system", str(columns.site.system)]
        driver.start(words, columns=True, environment=environment_of(columns))
        time.sleep(2.5)
        connection.execute(end.upper().encode())
    check(columns, driver.finish(), {**ROWS, 5: LATER} if end == "commit" else ROWS)


def test_the_key_of_a_row_that_is_changed_and_nothing_else_is_listed(columns: ColumnSite) -> None:
    columns.site.do("UPDATE accounts.users SET id = 500 WHERE id = 5")
    ended = columns.run("columns.rotate", "--json")
    assert (ended.code, ended.json["columns"][0]["left"]) == (4, 1), ended.error
    columns.site.do("UPDATE accounts.users SET id = 5 WHERE id = 500")
    assert columns.run("columns.rotate").code == 0
    assert columns.open_users() == ROWS


@pytest.mark.parametrize("second", ["columns.rotate", "columns.encrypt", "columns.decrypt"])
def test_of_two_commands_on_one_column_the_second_ends(columns: ColumnSite, driver: Driver, second: str) -> None:
    flags = ["--reason", "a test"] if second == "columns.decrypt" else []
    with held(columns, driver, "committed") as command:
        before = columns.read_users()
        columns.run(second, *flags).refuse(11)
        assert columns.run("columns.status").code == 7
        assert columns.read_users() == before
        ended = command.let_go()
    check(columns, ended, ROWS)


def cut(columns: ColumnSite) -> int:
    """End every session of the database but our own; return how many that were."""
    asked = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
    return int(columns.site.read(f"{asked} AND pid <> pg_backend_pid() AND backend_type = 'client backend'")[0][0])


@pytest.mark.parametrize("step", HOLDS)
def test_a_connection_that_is_cut_loses_nothing_and_is_tried_again(
    columns: ColumnSite, driver: Driver, step: str
) -> None:
    with held(columns, driver, step) as command:
        assert cut(columns) >= 1
        ended = command.let_go()
    assert ended.code in (0, 5), ended.err
    again = columns.run("columns.rotate")
    assert again.code == 0, again.error
    assert columns.open_users() == ROWS
    if step in IN_TRANSACTION:
        assert ended.code == 0, ended.err


def test_a_deadlock_has_the_batch_tried_again(columns: ColumnSite, driver: Driver) -> None:
    columns.site.do(
        "CREATE TABLE accounts.counts (id int PRIMARY KEY, n int)",
        "INSERT INTO accounts.counts VALUES (1, 0)",
        "CREATE FUNCTION accounts.t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE accounts.counts SET n = n + 1; RETURN NULL; END $$",
        "CREATE TRIGGER t AFTER UPDATE ON accounts.users FOR EACH ROW EXECUTE FUNCTION accounts.t()",
    )
    sealed = columns.library.encrypt("users", "api_key", 5, LATER)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with columns.site.connect() as connection:
        connection.execute(b"SET deadlock_timeout = '60s'")  # so that it is not this one which gives in
        connection.execute(b"BEGIN")
        connection.execute(b"UPDATE accounts.counts SET n = n + 1")
        words = ["inv", "columns.rotate", "--system", str(columns.site.system)]
        driver.start(words, columns=True, environment=environment_of(columns))
        wait_until(lambda: columns.site.read(waiting) == [(1,)])
        connection.execute("UPDATE accounts.users SET api_key = %s WHERE id = 5", (sealed,))
        connection.execute(b"COMMIT")
    check(columns, driver.finish(), {**ROWS, 5: LATER})


def test_a_server_that_does_not_answer_is_said(columns: ColumnSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DSN", "postgresql://postgres@localhost:1/nothing?sslmode=verify-full&sslrootcert=system")
    for task in ("columns.rotate", "columns.status", "columns.encrypt"):
        columns.run(task).refuse(5, "PostgreSQL at")


def make_file(columns: ColumnSite) -> None:
    columns.write_file("PRAGMA journal_mode = DELETE; CREATE TABLE people (id INTEGER PRIMARY KEY, secret TEXT)")
    sealed = [
        (number, columns.oracle.seal(value, columns.old, "people", "secret", (number,), as_bytes=False))
        for number, value in ROWS.items()
    ]
    columns.write_file(("INSERT INTO people VALUES (?, ?)", sealed))
    columns.register(FILE_USERS)


def open_file(columns: ColumnSite) -> dict[int, object]:
    rows = columns.read_file("SELECT id, secret FROM people")
    return {key: columns.oracle.open(stored, "people", "secret", (key,)) for key, stored in rows}


@pytest.mark.parametrize("step", HOLDS)
def test_in_a_file_too_the_writer_wins(columns: ColumnSite, driver: Driver, step: str) -> None:
    make_file(columns)
    sealed = columns.library.encrypt("people", "secret", 5, LATER)

    def write() -> None:
        with closing(sqlite3.connect(columns.file, timeout=60)) as connection, connection:
            connection.execute("UPDATE people SET secret = ? WHERE id = 5", (sealed,))
            connection.execute("DELETE FROM people WHERE id = 39")

    with held(columns, driver, step) as command, beside(write):
        time.sleep(0.2)
        ended = command.let_go()
    assert ended.code == 0, ended.err
    assert open_file(columns) == {**{key: value for key, value in ROWS.items() if key != 39}, 5: LATER}
    assert columns.run("columns.status").code == 0


def test_in_a_file_too_the_second_command_ends(columns: ColumnSite, driver: Driver) -> None:
    make_file(columns)
    with held(columns, driver, "committed") as command:
        columns.run("columns.encrypt").refuse(11)
        assert command.let_go().code == 0
    assert open_file(columns) == ROWS


def test_a_file_that_somebody_writes_to_for_a_while_is_waited_for(columns: ColumnSite, driver: Driver) -> None:
    make_file(columns)
    with closing(sqlite3.connect(columns.file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        words = ["inv", "columns.rotate", "--system", str(columns.site.system)]
        driver.start(words, columns=True, environment={})
        time.sleep(2.0)
        connection.execute("COMMIT")
    ended = driver.finish()
    assert ended.code == 0, ended.err
    assert open_file(columns) == ROWS


def test_a_file_that_is_not_there_is_not_made(columns: ColumnSite) -> None:
    columns.register(FILE_USERS)
    for task in ("columns.status", "columns.encrypt", "columns.rotate"):
        ended = columns.run(task)
        assert ended.code in (2, 5, 6), ended.error
        assert str(columns.file) in ended.error
    assert list(columns.file.parent.iterdir()) == []
