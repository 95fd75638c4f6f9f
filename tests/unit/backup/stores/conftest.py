"""A repository that is made once and copied for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from strongroom.backup.documents import StoreDocument
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.lease import Lease, held
from strongroom.backup.stores.objects import FolderObjects
from strongroom.backup.stores.restic import ResticStore
from strongroom.backup.stores.restic_making import make_restic, open_restic
from strongroom.core import backup_entry
from strongroom.core.secret import Secret
from tests.integration.keys.servers import running_moto
from tests.restic import lighten, provide_restic, run_restic
from tests.unit.backup.stores.s3 import objects_at

PASSWORD, ESCROW = "canary-of-the-working-password", "canary-of-the-escrow-password"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ABOUT = StoreDocument(id="5" * 32, system="shop", engine="restic", made=NOW)
FILES = {"manifest.json": b"{}", "data/shop.db": Random(5).randbytes(50_000), "data/a b/[1]*?$x\\y.json": b"odd"}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A store, where it lies, and what it told."""

    store: ResticStore
    root: Path
    said: list[tuple[str, str]]

    @property
    def repository(self) -> Path:
        return self.root / "restic"

    def find(self, kind: str) -> list[Path]:
        """Return the repository's files of a kind, the largest first."""
        files = [path for path in (self.repository / kind).rglob("*") if path.is_file()]
        return sorted(files, key=lambda path: (-path.stat().st_size, path))

    @contextmanager
    def leased(self) -> Iterator[Lease]:
        with held(self.store.objects, NOW, task="backup.create") as lease:
            yield lease

    def keep(self, set_id: str, files: dict[str, bytes] | None = None) -> str:
        """Put a set as a task does, and return its locator."""
        with self.leased():
            return self.store.put(set_id, stage(self.store, set_id, FILES if files is None else files))

    def run(self, *words: str | Path) -> bytes:
        ended = run_restic(self.repository, PASSWORD, *words)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


def stage(store: ResticStore, set_id: str, files: dict[str, bytes]) -> Path:
    staged = store.stage(set_id)
    for name, content in files.items():
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).write_bytes(content)
    return staged


def surroundings(said: list[tuple[str, str]] | None = None, **environment: str) -> Surroundings:
    given = {"PATH": os.environ["PATH"]} | environment
    say = (lambda subject, fact: said.append((subject, fact))) if said is not None else (lambda *_: None)
    return Surroundings(now=lambda: NOW, environment=given, say=say)


def entry_of(root: Path) -> backup_entry.ResticStore:
    return backup_entry.ResticStore(kind="restic", path=str(root), password="backup")


def open_at(root: Path, stage_at: Path, password: str = PASSWORD, around: Surroundings | None = None) -> ResticStore:
    return open_restic(
        entry_of(root),
        objects=FolderObjects(root),
        about=ABOUT,
        password=Secret(password),
        stage=stage_at,
        around=around or surroundings(),
    )


def make_at(root: Path, stage_at: Path, password: str = PASSWORD) -> tuple[ResticStore, str]:
    root.mkdir(parents=True, exist_ok=True)
    store, escrow = make_restic(
        entry_of(root),
        objects=FolderObjects(root),
        about=ABOUT,
        password=Secret(password),
        stage=stage_at,
        around=surroundings(),
    )
    return store, escrow.reveal()


@pytest.fixture(scope="session", autouse=True)
def _restic() -> None:
    provide_restic()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store that holds nothing yet, and opens at once."""
    root = tmp_path_factory.mktemp("empty")
    assert run_restic(root / "restic", PASSWORD, "init").returncode == 0
    lighten(root / "restic", PASSWORD, ESCROW)
    return root


@pytest.fixture
def made(empty: Path, tmp_path: Path) -> Made:
    root, said = tmp_path / "store", list[tuple[str, str]]()
    shutil.copytree(empty, root)
    return Made(store=open_at(root, tmp_path / "stage", around=surroundings(said)), root=root, said=said)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_moto(tmp_path_factory.mktemp("moto")) as address:
        objects_at(address)._client.create_bucket(Bucket="backups")
        yield address
