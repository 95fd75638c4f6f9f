"""Find databases by their header or the key that opens them, JSON files, and what only looks like a database."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.files import COMPANIONS, DATABASE_SUFFIXES, is_ours
from strongroom.examine.inventory.headers import is_database, read_wal
from strongroom.examine.inventory.model import OtherFile
from strongroom.sqlite.bunch import Bunch, may_be_encrypted
from strongroom.sqlite.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Files under a directory, each kind in the order of their paths."""

    databases: tuple[Database, ...]
    documents: tuple[Path, ...]
    others: tuple[OtherFile, ...]


def find_files(directory: Path, engine: Engine, keys: Bunch) -> Findings:
    """Look through a directory and its folders, leaving out our own and symbolic links. Read-only.

    What calls itself a database and does not begin as one is tried with ``keys``, and what looks like an encrypted
    one under any other name.
    """
    search = _Search(directory, engine, keys)
    for folder, folders, names in os.walk(directory, onerror=search.note_folder):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not is_ours(here / name))
        for name in sorted(names):
            search.look_at(here / name)
    return Findings(
        databases=tuple(search.databases),
        documents=tuple(search.documents),
        others=tuple(sorted(search.others, key=lambda other: other.path)),
    )


class _Search:
    def __init__(self, directory: Path, engine: Engine, keys: Bunch) -> None:
        self._directory, self._engine, self._keys = directory, engine, keys
        self.databases: list[Database] = []
        self.documents: list[Path] = []
        self.others: list[OtherFile] = []

    def note_folder(self, error: OSError) -> None:
        self._note(Path(str(error.filename)), f"cannot be read ({error.strerror})")

    def look_at(self, path: Path) -> None:
        if path.is_symlink() or not path.is_file():
            return
        try:
            self._sort_in(path)
        except OSError as error:
            self._note(path, f"cannot be read ({error.strerror})")

    def _sort_in(self, path: Path) -> None:
        companion = next((suffix for suffix in COMPANIONS if path.name.endswith(suffix)), None)
        if companion is not None:
            self._look_at_companion(path, companion)
        elif is_database(path):
            self.databases.append(Database(path, self._engine))
        elif path.suffix == ".json":
            self.documents.append(path)
        elif path.name.endswith(DATABASE_SUFFIXES):
            self._look_inside(path)
        elif self._keys.names and may_be_encrypted(path) and (database := self._keys.find(path)) is not None:
            self.databases.append(database)

    def _look_inside(self, path: Path) -> None:
        if not path.stat().st_size:
            self._note(path, self._describe_empty(path))
        elif (database := self._keys.find(path)) is not None:
            self.databases.append(database)
        else:
            self._note(path, f"not a database, or encrypted{self._keys.describe()}")

    def _look_at_companion(self, path: Path, suffix: str) -> None:
        if suffix == "-wal" and path.stat().st_size and not path.with_name(path.name.removesuffix(suffix)).exists():
            self._note(path, "write-ahead log without its database")

    @staticmethod
    def _describe_empty(path: Path) -> str:
        log = read_wal(path.with_name(path.name + "-wal"))
        beside = f", with a -wal of {log.frames} frames beside it" if log is not None and log.frames else ""
        return f"empty, 0 bytes{beside}"

    def _note(self, path: Path, reason: str) -> None:
        size = _size_of(path.lstat) if path.exists() else 0
        self.others.append(OtherFile(path=name_in(self._directory, path), size=size, reason=reason))


def _size_of(stat: Callable[[], os.stat_result]) -> int:
    try:
        return stat().st_size
    except OSError:
        return 0


def name_in(directory: Path, path: Path) -> str:
    """Name a file by its path inside the directory, in characters that any terminal and JSON reader take."""
    raw = os.fsencode(path.relative_to(directory))
    return "".join(
        letter if letter.isprintable() else ascii(letter)[1:-1] for letter in raw.decode("utf-8", "backslashreplace")
    )
