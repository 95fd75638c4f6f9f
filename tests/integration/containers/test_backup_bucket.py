"""A store in a bucket of SeaweedFS, under TLS: by restic and by us."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.backup.documents import StoreDocument
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.lease import held
from strongroom.backup.stores.restic import ResticStore
from strongroom.backup.stores.restic_making import make_restic, open_bucket, open_restic
from strongroom.containers.images import Built
from strongroom.containers.stack import Folder
from strongroom.core import backup_entry
from strongroom.core.errors import GuardError, KeyMissingError, UnreachableError
from strongroom.core.key_entries import Place
from strongroom.core.secret import Secret
from tests.restic import provide_restic
from tests.servers import S3, Running, make_folder, running

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ABOUT = StoreDocument(id="5" * 32, system="shop", engine="restic", made=NOW)
PASSWORD = Secret("canary-of-the-working-password")
FILES = {"manifest.json": b"{}", "data/shop.db": bytes(range(256)) * 4096}


@pytest.fixture(scope="module")
def server(images: dict[str, Built], folder: Folder) -> Iterator[Running]:
    provide_restic()
    with running(S3, folder) as started:
        yield started


def entry_at(server: Running, authority: Path | None = None) -> backup_entry.ResticStore:
    bucket = backup_entry.Bucket(
        endpoint=f"https://localhost:{server.port}",
        bucket="backups",
        prefix="shop/prod",
        access_key=Place(variable="SHOP_ACCESS"),
        secret_key=Place(variable="SHOP_SECRET"),
        ca_file=server.authority if authority is None else str(authority),
    )
    return backup_entry.ResticStore(kind="restic", bucket=bucket, password="backup")


def surroundings(server: Running, access_key: str = "strongroom") -> Surroundings:
    secrets = {"SHOP_ACCESS": access_key, "SHOP_SECRET": server.password("s3-secret-key")}
    return Surroundings(now=lambda: NOW, environment={"PATH": os.environ["PATH"], **secrets})


def open_at(entry: backup_entry.ResticStore, stage: Path, around: Surroundings) -> ResticStore:
    assert entry.bucket is not None
    objects = open_bucket(entry.bucket, around)
    return open_restic(entry, objects=objects, about=ABOUT, password=PASSWORD, stage=stage, around=around)


def test_a_store_in_a_bucket_keeps_sets_and_is_one_tasks_at_a_time(server: Running, tmp_path: Path) -> None:
    entry, stage = entry_at(server), tmp_path / "stage"
    assert entry.bucket is not None
    objects = open_bucket(entry.bucket, surroundings(server))
    objects._client.create_bucket(Bucket="backups")
    words = {"objects": objects, "about": ABOUT, "password": PASSWORD, "stage": stage, "around": surroundings(server)}
    store, escrow = make_restic(entry, **words)  # type: ignore[arg-type]
    with held(objects, NOW, task="backup.create"):
        staged = store.stage("20261127_120000")
        for name, content in FILES.items():
            (staged / name).parent.mkdir(exist_ok=True)
            (staged / name).write_bytes(content)
        locator = store.put("20261127_120000", staged)
    with pytest.raises(GuardError, match="holds something already"):
        make_restic(entry, **words)  # type: ignore[arg-type]
    by_escrow = open_restic(entry, **words | {"password": escrow})  # type: ignore[arg-type]
    by_escrow.fetch(locator, tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in FILES} == FILES
    assert store.examine([locator]) == ()
    with held(objects, NOW, task="backup.prune"):
        store.remove([locator])
        store.sweep()
    assert (store.list_content(), objects.list("restic/data/")) == ((), [])


def test_of_many_who_create_an_object_one_succeeds(server: Running) -> None:
    entry = entry_at(server)
    assert entry.bucket is not None
    many = [open_bucket(entry.bucket, surroundings(server)) for _ in range(4)]
    with ThreadPoolExecutor(len(many)) as pool:
        for number in range(10):
            name = f"race/{number}.json"
            made = list(pool.map(lambda one, name=name: one.create(name, b"x"), many))  # type: ignore[misc]
            assert made.count(True) == 1


def test_strangers_and_another_authority_are_refused(server: Running, tmp_path: Path) -> None:
    with pytest.raises(KeyMissingError, match="does not accept the credentials"):
        open_at(entry_at(server), tmp_path / "stage", surroundings(server, "another")).list_content()
    other = make_folder(tmp_path / "other").tls / "ca.crt"
    with pytest.raises(UnreachableError, match="certificate that we do not trust"):
        open_at(entry_at(server, other), tmp_path / "stage", surroundings(server)).list_content()
