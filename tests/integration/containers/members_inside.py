"""Run in our images: take a server of the stack as a member, rehearse it, restore it, and say as JSON how it went."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strongroom.backup.members.postgres import PostgresSource, name_database
from strongroom.backup.members.postgres_rehearsing import rehearse_postgres
from strongroom.backup.members.postgres_restoring import restore_postgres
from strongroom.backup.members.postgres_swap import swap_postgres, undo_swap
from strongroom.backup.members.redis import RedisSource
from strongroom.backup.members.redis_rehearsing import rehearse_redis
from strongroom.backup.members.redis_restoring import restore_redis, undo_redis
from strongroom.backup.request import Surroundings
from strongroom.core.backup_entry import BackupCheck
from strongroom.core.errors import StrongroomError
from strongroom.core.secret import Secret
from strongroom.postgres.connection import open_postgres
from strongroom.postgres.dsn import read_access
from strongroom.redis.address import read_address
from strongroom.redis.client import open_client
from strongroom.redis.tunnel import open_tunnel

SECRETS = Path("/run/secrets")
ENVIRONMENT = {"PATH": os.environ["PATH"]}
AROUND = Surroundings(
    now=lambda: datetime.now(UTC),
    environment=ENVIRONMENT,
    list_keys_in_database=lambda connection: tuple(
        key for (key,) in connection.execute("SELECT 'encryption@' || count(*) FROM public.users")
    ),
)


def make(name: str) -> Path:
    path = Path("/tmp") / name  # of a container of its own
    path.mkdir(mode=0o700)
    return path


def work_on_postgres() -> dict[str, Any]:
    dsn = f"postgresql://postgres@localhost/strongroom?sslrootcert={SECRETS}/ca.crt"
    password = (SECRETS / "postgres-password").read_text()
    access = read_access(dsn, "DATABASE_URL", {"PGPASSWORD": password})
    with open_postgres(access) as connection:
        connection.execute("DROP DATABASE IF EXISTS shop")
        connection.execute("CREATE DATABASE shop TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
        for role in ("shop_owner", "shop_reader"):
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchall():
                connection.execute(f"CREATE ROLE {role}".encode())
    with open_postgres(name_database(access, "shop")) as connection:
        connection.execute(Path("/every_kind.sql").read_bytes())
        connection.execute("CREATE TABLE public.users (id bigserial PRIMARY KEY, name text)")
        connection.execute("INSERT INTO public.users (name) SELECT 'user ' || i FROM generate_series(1, 500) i")
    folder = make("set")
    member = PostgresSource(database="shop", access=access, environment=ENVIRONMENT).take(folder, AROUND)
    check = BackupCheck(member=member.name, sql="SELECT count(*) FROM public.users", expect=500)
    said: dict[str, Any] = {"rows": member.tables["public.users"].rows, "versions": dict(member.versions)}
    said["column_keys"] = member.column_keys
    said["rehearsed"] = say(lambda: rehearse_postgres(member, folder, make("scratch"), [check], AROUND))
    with open_postgres(name_database(access, "shop")) as connection:
        connection.execute("DROP TABLE public.users")
    restore_postgres(member, folder, access, "shop_new", environment=ENVIRONMENT)
    swapped = swap_postgres(access, "shop", "shop_new", "1")
    with open_postgres(name_database(access, "shop")) as connection:
        said["restored"] = connection.execute("SELECT count(*) FROM public.users").fetchone()
    undo_swap(access, swapped, "1")
    with open_postgres(access) as connection:
        for name in ("shop", "shop_restored_1"):
            connection.execute(f"DROP DATABASE {name}".encode())
    return said


def work_on_redis() -> dict[str, Any]:
    known: dict[str, Any] = {"ca_file": SECRETS / "ca.crt"}
    mine, keeper = (
        read_address(
            f"rediss://{user}@localhost", "REDIS_URL", {}, password=Secret((SECRETS / file).read_text()), **known
        )
        for user, file in (("strongroom", "redis-password"), ("strongroom_backup", "redis-backup-password"))
    )
    with open_tunnel(mine, make("tunnel")) as path, open_client(
        path, place="it", user=mine.user, password=mine.password
    ) as client:  # fmt: skip
        client.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0)  # others who might want a copy are not waited for
        client.ask("FLUSHALL")
        client.ask_all([("SET", f"key {number}", number) for number in range(500)])
    folder = make("set")
    member = RedisSource(address=keeper, environment=ENVIRONMENT).take(folder, AROUND)
    check = BackupCheck(member="redis", sql="DBSIZE", expect=500)
    said: dict[str, Any] = {"rows": member.tables["db0"].rows, "versions": dict(member.versions)}
    said["rehearsed"] = say(lambda: rehearse_redis(member, folder, make("scratch"), [check], AROUND))
    with open_tunnel(mine, Path("/tmp/tunnel")) as path, open_client(
        path, place="it", user=mine.user, password=mine.password
    ) as client:  # fmt: skip
        client.ask("FLUSHALL")
    run = make("run")
    said["restored"] = restore_redis(member, folder, mine, run, AROUND).keys
    said["undone"] = undo_redis(mine, run, AROUND).keys
    return said


def say(act: Callable[[], tuple[str, ...]]) -> list[Any]:
    try:
        return list(act())
    except StrongroomError as error:
        return [int(error.exit_code), f"{error}", error.hint]


if __name__ == "__main__":
    done = {"postgres": work_on_postgres, "redis": work_on_redis}[sys.argv[1]]()
    print(json.dumps({**done, "user": os.geteuid(), "left": sorted(os.listdir("/tmp"))}))  # noqa: PTH208
