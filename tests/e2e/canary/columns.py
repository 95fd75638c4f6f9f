"""A house with encrypted columns in a server that logs all that it can, and everything that is typed there."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.fernet import Fernet

from tests.e2e.canary.house import KEYS, House
from tests.e2e.canary.needles import Needles
from tests.e2e.vault import open_vault
from tests.faults.load_server import LoadServer
from tests.faults.scene import Scene

TALKATIVE = (
    "log_statement=all",
    "log_min_duration_statement=0",
    "log_min_error_statement=debug5",
    "log_parameter_max_length=-1",
    "log_parameter_max_length_on_error=-1",
    "log_error_verbosity=verbose",
    "track_activity_query_size=65536",
    "shared_preload_libraries=pg_stat_statements",
    "pg_stat_statements.track=all",
)
SILENT = (
    "SET log_statement = none",
    "SET log_min_duration_statement = -1",
    "SET log_min_error_statement = panic",
    "SET pg_stat_statements.track = none",
)
"""For who sets the scene."""
PLAIN = {name: f"planted/{name}/plain-value-of-a-column-{name[::-1]}" for name in ("text", "bytes", "file", "read")}
PLAIN |= {"fernet": "planted/fernet/a-token-of-the-seeds", "pgp": "planted/pgp/a-message-of-pgcrypto"}
PASSPHRASE = "passphrase/of-the-canary columns 4711"
COLUMN_KEYS = {name: KEYS[name] for name in ("first", "second", "vault", "other")}
"""first: active; second: before it; vault: the file's; other: of Fernet tokens."""
NEEDLES = Needles(COLUMN_KEYS, {**{f"plain {name}": one for name, one in PLAIN.items()}, "passphrase": PASSPHRASE})
ONLY_KEYS = Needles(COLUMN_KEYS, {"passphrase": PASSPHRASE})
ROWS = 30
POLL_SECONDS = 0.01
LOG_SECONDS = 20.0
APPLICATION = """
import os, psycopg
from strongroom.persistence.columns import Columns
columns = Columns.of_system(os.environ["STRONGROOM_SYSTEM"])
with psycopg.connect(os.environ["SHOP_DSN"]) as connection:
    for number in range(1, 10):
        ((stored,),) = connection.execute("SELECT api_key FROM accounts.users WHERE id = %s", (number,)).fetchall()
        value = columns.decrypt("users", "api_key", number, stored)
        sealed = columns.encrypt("users", "api_key", number, value)
        connection.execute("UPDATE accounts.users SET api_key = %s WHERE id = %s", (sealed, number))
        connection.execute("INSERT INTO accounts.users VALUES (%s, %s)", (number + 1000, columns.encrypt(
            "users", "api_key", number + 1000, value)))
for wrong in (("users", "api_key", 2, stored), ("users", "api_key", 9, stored[:-3] + "abc")):
    try:
        columns.decrypt(*wrong)
    except Exception as error:
        print(error)
    else:
        raise SystemExit("it opened")
print(columns, repr(columns))
"""


@dataclass(kw_only=True)
class ColumnHouse(House):
    """The operator's folder, and the server that his columns are in."""

    server: LoadServer
    columns: tuple[dict[str, Any], ...]
    marks: int = 0
    logged: int = 0
    """How much was logged before its scene was set."""

    def describe(self, **entries: dict[str, Any]) -> None:
        """Write ``system.yaml``."""
        about = {"version": 1, "name": "columns", "title": "For a test", "audit_log": str(self.audit)}
        about |= {"postgres": {"variables": ["SHOP_DSN"]}, "data_dir": {"default": str(self.root / "data")}}
        about |= {"keys": {**self.entries, **entries}, "columns": list(self.columns)}
        self.scene.system.mkdir(exist_ok=True)
        plain = json.loads(json.dumps(about))  # each value written out
        (self.scene.system / "system.yaml").write_text(yaml.safe_dump(plain))

    def environment(self) -> dict[str, str]:
        return super().environment() | self.server.environment

    @property
    def file(self) -> Path:
        return self.root / "data" / "users.db"

    def read_log(self) -> bytes:
        """Return all that the server has logged by now."""
        self.marks += 1
        mark = f"mark {self.root} {self.marks}"
        self.server.do(f"SELECT '{mark}'")
        deadline = time.monotonic() + LOG_SECONDS
        while mark.encode() not in (said := b"".join(self.server.running.container.get_logs())):
            assert time.monotonic() < deadline, "the server logs nothing"
        return said

    def forget_log(self) -> None:
        """Leave out what was logged until now."""
        self.logged = len(self.read_log())
        self.server.do("SELECT pg_stat_statements_reset()")

    def find_in_server(self, needles: Needles = NEEDLES) -> list[str]:
        """Return what stands in the server's log, and in its statistics."""
        told = repr(self.server.read("SELECT query FROM pg_stat_statements")).encode()
        found = {"log": self.read_log()[self.logged :], "pg_stat_statements": told}
        return [f"{place}: {one}" for place, content in found.items() for one in needles.find(content)]

    def find_in_dump(self, needles: Needles = NEEDLES) -> list[str]:
        password = f"PGPASSWORD={self.server.environment['PGPASSWORD']}"
        words = ["env", password, "pg_dump", "--username", "postgres", "--dbname", "shop"]
        ended = self.server.running.container.exec(words)
        assert ended.exit_code == 0, ended.output
        assert b"COPY accounts.users" in ended.output
        return [f"dump: {one}" for one in needles.find(ended.output)]

    @contextmanager
    def polling(self, needles: Needles = NEEDLES) -> Iterator[set[str]]:
        """Look again and again at what the server's sessions are doing; give what was found."""
        found: set[str] = set()
        is_over = threading.Event()

        def poll() -> None:
            with self.server.connect() as connection:
                be_silent(connection)
                asked = b"SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                while not is_over.is_set():
                    said = repr(connection.execute(asked).fetchall()).encode()
                    found.update(f"pg_stat_activity: {one}" for one in needles.find(said))
                    is_over.wait(POLL_SECONDS)

        thread = threading.Thread(target=poll)
        thread.start()
        try:
            yield found
        finally:
            is_over.set()
            thread.join(timeout=60)


def be_silent(connection: Any) -> None:
    """Let the server log nothing of a session."""
    for statement in SILENT:
        connection.execute(statement.encode())


def build_column_house(root: Path, server: LoadServer) -> ColumnHouse:
    """Build it: its keys are in files and variables; some columns have formats of before."""
    for name in ("keys", "home", "temporary", "data"):
        (root / name).mkdir()
    place = {name: str(root / "keys" / name) for name in ("first", "vault", "pgp")}
    entries = {
        "encryption": {"provider": "environment", "variable": "FIRST", "previous": ["SECOND"], "encoding": "base64"},
        "file": {"provider": "file", "path": place["vault"], "encoding": "raw"},
        "tokens": {"provider": "environment", "variable": "TOKENS", "encoding": "base64"},
        "pgp": {"provider": "file", "path": place["pgp"], "encoding": "passphrase"},
    }
    named = {"FIRST": "first", "SECOND": "second", "TOKENS": "other"}
    given = {variable: base64.b64encode(bytes.fromhex(KEYS[name])).decode() for variable, name in named.items()}
    users = {"postgres": "accounts", "table": "users", "primary_key": ["id"], "key": "encryption"}
    reads = {"reads": [{"format": "fernet", "key": "tokens"}]}
    messages = {"reads": [{"format": "pgcrypto", "key": "pgp"}]}
    file = {"sqlite": "users.db", "encrypted_by": "file", "table": "people", "primary_key": ["id"], "column": "secret"}
    columns = (
        {**users, "column": "api_key", **reads},
        {**users, "column": "content"},
        {**users, "column": "message", **messages},
        file | {"key": "encryption"},
    )
    scene = Scene(system=root / "columns", source=root / "data", target=root / "data")
    house = ColumnHouse(
        root=root, scene=scene, entries=entries, given=given, server=server, columns=columns, needles=NEEDLES
    )
    house.write_key("vault", bytes.fromhex(KEYS["vault"]))
    house.write_key("pgp", PASSPHRASE)
    house.describe()
    return house


def set_scene(house: ColumnHouse) -> None:
    """Let all columns hold what is to be encrypted; the server is told to say nothing about that."""
    token = Fernet(base64.urlsafe_b64encode(bytes.fromhex(KEYS["other"])))
    with house.server.connect() as connection:
        be_silent(connection)
        connection.execute(b"DROP SCHEMA IF EXISTS accounts CASCADE; CREATE SCHEMA accounts")
        connection.execute(
            b"CREATE TABLE accounts.users (id int PRIMARY KEY, api_key text, content bytea, message bytea)"
        )
        for number in range(ROWS):
            key = f"{PLAIN['text']} {number}" if number % 2 else token.encrypt(PLAIN["fernet"].encode()).decode()
            asked = b"INSERT INTO accounts.users VALUES (%s, %s, %s, pgp_sym_encrypt(%s, %s))"
            connection.execute(asked, (number, key, PLAIN["bytes"].encode(), PLAIN["pgp"], PASSPHRASE))
    house.file.unlink(missing_ok=True)
    with open_vault(house.file, KEYS["vault"]) as connection:
        connection.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, secret TEXT)")
        connection.executemany("INSERT INTO people VALUES (?, ?)", [(one, PLAIN["file"]) for one in range(ROWS)])
    connection.close()
    house.forget_log()


def exchange_keys(house: ColumnHouse) -> None:
    """Let the key of before be the active one."""
    house.given["FIRST"], house.given["SECOND"] = house.given["SECOND"], house.given["FIRST"]


def plan_breaks() -> Sequence[tuple[str, str]]:
    """Return what makes the server refuse a batch, each with what undoes it."""
    raising = (
        "CREATE FUNCTION accounts.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; "
    )
    trigger = "CREATE TRIGGER no BEFORE UPDATE ON accounts.users FOR EACH ROW EXECUTE FUNCTION accounts.no()"
    short = "ALTER TABLE accounts.users ADD CONSTRAINT short CHECK (length(api_key) < 9) NOT VALID"
    return (
        (raising + trigger, "DROP FUNCTION accounts.no CASCADE"),
        (short, "ALTER TABLE accounts.users DROP CONSTRAINT short"),
    )
