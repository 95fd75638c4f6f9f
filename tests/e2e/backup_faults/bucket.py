"""A repository in a bucket, and a server that fails, is slow, is away, or refuses to delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from strongroom.backup.request import Surroundings
from strongroom.backup.stores import restic_making
from strongroom.backup.stores.bucket import BucketObjects
from strongroom.backup.stores.passwords import read_credentials
from strongroom.core import backup_entry
from tests.e2e.backup_faults.fault import Fault, Row, befalling, judge, says_how
from tests.e2e.backup_faults.shop import PASSWORD, Shop, lay_out
from tests.integration.keys.servers import find_port
from tests.restic import make_light
from tests.unit.backup.stores.s3 import ACCESS, SECRET, Asked, Said, answering, objects_at, passing_on, refuse

VARIABLES = {"SHOP_ACCESS": ACCESS, "SHOP_SECRET": SECRET}
PREFIX = "shop/faults"
SECONDS = 0.3
"""That a server has here for an answer."""
TASKS = ("list", "status", "create", "prune")
Serve = Callable[[str], AbstractContextManager[str]]
"""Yields the address of a server between us and the one at an address."""


@contextmanager
def _failing(_: str) -> Iterator[str]:
    with answering(lambda _: refuse(500, "InternalError")) as (address, _asked):
        yield address


@contextmanager
def _slow(_: str) -> Iterator[str]:
    with answering(lambda _: Said(seconds=4 * SECONDS)) as (address, _asked):
        yield address


@contextmanager
def _away(_: str) -> Iterator[str]:
    yield f"http://localhost:{find_port()}"


@contextmanager
def _keeping(behind: str) -> Iterator[str]:
    def refuse_to_delete(asked: Asked) -> Said | None:
        return refuse(403, "AccessDenied") if asked.method == "DELETE" else None

    with answering(passing_on(behind, refuse_to_delete)) as (address, _asked):
        yield address


SERVERS: Mapping[str, Serve] = {
    "the server fails (500)": _failing,
    "the server answers too late": _slow,
    "the server is away": _away,
    "the server refuses to delete (403)": _keeping,
}


def list_bucket_faults() -> list[Fault]:
    """Return what befalls a store in a bucket: only the commands are measured that meet the server in another way."""
    plain = {"engine": "restic in S3", "befall": befalling(lambda _: None), "tasks": frozenset(TASKS)}
    return [
        Fault(
            name=name,
            notice=frozenset({"create", "prune"}) if serve is _keeping else frozenset(TASKS),
            person="allow it" if serve is _keeping else None,
            **plain,  # type: ignore[arg-type]
        )
        for name, serve in SERVERS.items()
    ]


@dataclass(frozen=True, kw_only=True)
class InBucket:
    """A shop whose store lies in a bucket of the server at ``address``."""

    shop: Shop
    address: str

    def name_server(self, address: str) -> None:
        """Let ``system.yaml`` name a server."""
        places = "access_key: {variable: SHOP_ACCESS}, secret_key: {variable: SHOP_SECRET}"
        bucket = f"{{endpoint: '{address}', bucket: backups, prefix: {PREFIX}, {places}}}"
        self.shop.write_system(f"{{kind: restic, bucket: {bucket}, password: backup}}")

    def measure(self, fault: Fault) -> Row:
        """Let the commands meet a server, and then go on without it."""
        wrong: list[str] = []
        codes: dict[str, str] = {}
        before = self._list_sets()
        with (
            SERVERS[fault.name](self.address) as between,
            patch.object(restic_making, "open_bucket", _open_impatiently),
        ):
            self.name_server(between)
            for task in TASKS:
                ended = self.shop.run(task)
                codes[task] = str(ended.code)
                wrong += judge(fault, task, ended, says=False)
                if ended.code and not says_how(ended):
                    wrong.append(f"{task} does not say what to do: {ended.err}")
        self.name_server(self.address)
        taken, drilled = self.shop.run("create"), self.shop.run("drill")
        if taken.code or drilled.code:
            wrong.append(f"afterwards: {taken.err} {drilled.err}")
        for name in before:
            if self.shop.run("drill", "--at", name).code:
                wrong.append(f"set {name} does not come back")
        if not set(before) < set(self._list_sets()):
            wrong.append(f"of {before} are left {self._list_sets()}")
        onwards = f"create {taken.code}, drill {drilled.code}"
        return Row(fault=fault, codes=codes, restic="", onwards=onwards, wrong=wrong)

    def _list_sets(self) -> list[str]:
        return [one["set"] for one in self.shop.must("list", "--json").json["sets"]]


def _open_impatiently(bucket: backup_entry.Bucket, around: Surroundings) -> BucketObjects:
    return BucketObjects(bucket, read_credentials(bucket, around.environment), seconds=SECONDS)


def begin_in_bucket(root: Path, address: str, set_variable: Callable[[str, str], None]) -> InBucket:
    """Make a store in a bucket, with two sets in it."""
    for name, value in VARIABLES.items():
        set_variable(name, value)
    objects = objects_at(address, prefix=PREFIX)
    objects._client.create_bucket(Bucket="backups")
    found = InBucket(shop=lay_out(root, "restic"), address=address)
    found.name_server(address)
    make_light(found.shop.repository, PASSWORD)
    begun = {
        f"restic/{path.relative_to(found.shop.repository)}": path
        for path in found.shop.repository.rglob("*")
        if path.is_file()
    }
    for name, path in begun.items():
        objects.write(name, path.read_bytes())
    found.shop.must("init", "--without-escrow", "a test", "--output", root)
    for name in set(objects.list("restic/keys/")) - set(begun):
        objects.delete(name)  # the second password, which takes restic long
    for _ in range(2):
        found.shop.must("create")
        found.shop.clock.at += timedelta(hours=1)
    found.shop.must("drill")
    return found
