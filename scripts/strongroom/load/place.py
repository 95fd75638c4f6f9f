"""Where loads keep their things: a folder for each, below our own directory in the target's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.core.errors import UnreachableError, UsageError
from strongroom.core.files import make_private_folder
from strongroom.load.documents import LoadDocument, MadeDocument, SchemaRecord
from strongroom.load.outcome import Outcome
from strongroom.runs.documents import Document, Kind, read_document, write_document
from strongroom.runs.folder import mark_run
from strongroom.runs.home import Home
from strongroom.runs.naming import choose_name
from strongroom.sqlite.database import Database, under_key

_FILES: dict[type[Document], str] = {
    LoadDocument: "load.json",
    MadeDocument: "made.json",
    Outcome: "report.json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFolder:
    """The folder of one load; everything in it is the owner's only."""

    root: Path
    home: Home

    @property
    def name(self) -> str:
        """Return the load's id."""
        return self.root.name

    @property
    def owner(self) -> str:
        """Return what marks the documents of this load of this target directory, here and in the server."""
        return mark_run(self.home.id, self.name)

    @property
    def snapshots(self) -> Path:
        """Where the copies are from which it is loaded and proven."""
        return self.root / "snapshots"

    @property
    def plan(self) -> Path:
        """The text of the plan."""
        return self.root / "plan" / "plan.yaml"

    def find_snapshot(self, record: SchemaRecord) -> Database:
        """Return the copy of a target that was loaded."""
        return under_key(self.snapshots / record.snapshot.file, record.snapshot.key, self.home.engine)

    def find_ledger(self, target: str, key: str | None) -> Database:
        """Return the ledger of a target, under its key."""
        return under_key(self.root / "ledger" / f"{target}.db", key, self.home.engine)

    def read(self) -> LoadDocument | None:
        """Read what the load is; None where it never said. Raises VersionError, GuardError."""
        return self.read_as(LoadDocument)

    def read_as(self, kind: type[Kind]) -> Kind | None:
        """Read one of the load's documents; None where it is not there. Raises VersionError, GuardError."""
        return read_document(self.root / _FILES[kind], kind, self.owner)

    def write(self, document: Document) -> None:
        """Write one of the load's documents, durably."""
        write_document(self.root / _FILES[type(document)], document, self.owner)


def begin_load(home: Home, now: datetime) -> LoadFolder:
    """Make the folder of a new load. Raises UnreachableError."""
    place = home.root / "loads"
    make_private_folder(place)
    root = place / choose_name(now, (place,))
    for folder in (root, root / "snapshots", root / "ledger", root / "plan"):
        make_private_folder(folder)
    return LoadFolder(root=root, home=home)


def list_loads(home: Home) -> Iterator[tuple[LoadFolder, LoadDocument]]:
    """Yield the loads of a target directory that say what they are, the latest first. Read-only.

    Raises VersionError, GuardError.
    """
    place = home.root / "loads"
    roots = [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
    found = [(folder, folder.read()) for folder in (LoadFolder(root=root, home=home) for root in roots)]
    known = [(folder, about) for folder, about in found if about is not None]
    yield from sorted(known, key=lambda pair: (pair[1].began, pair[0].name), reverse=True)


def list_unfinished(home: Home) -> list[LoadFolder]:
    """Return the folders of loads that were killed before they said what they are. Read-only."""
    place = home.root / "loads"
    roots = [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
    return [LoadFolder(root=root, home=home) for root in roots if not (root / _FILES[LoadDocument]).is_file()]


def find_load(home: Home, name: str | None) -> tuple[LoadFolder, LoadDocument]:
    """Return a load by its id; without one the latest. Read-only.

    Raises UnreachableError where there is none, UsageError for an unknown id, VersionError, GuardError.
    """
    known = list(list_loads(home))
    if not known:
        raise UnreachableError(home.target, "holds no load", "say --target DIRECTORY, or run postgres.load first")
    for folder, about in known:
        if name in (None, folder.name):
            return folder, about
    names = ", ".join(folder.name for folder, _ in known[:5])
    raise UsageError("--load", f"there is no load {name}", f"one of: {names}")
