"""Our own directory under a target: which run is live, which others there are, and a folder for each."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import GuardError, StaleError, UnreachableError, UsageError
from strongroom.core.files import BACKUP_FOLDER, OWN_FOLDER, make_private_folder
from strongroom.core.plan.decisions import DECISIONS
from strongroom.runs.documents import read_document, read_owner, write_document
from strongroom.runs.folder import RUN_DOCUMENT, RunFolder, mark_run
from strongroom.runs.journal import lies_under
from strongroom.runs.naming import choose_name
from strongroom.runs.records import CurrentDocument, KeyRotationDocument, RunDocument, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Our own directory under the target that was typed."""

    target: Path
    engine: Engine = Engine.SYSTEM
    """The library that works on plain databases."""

    @property
    def root(self) -> Path:
        """Return the directory itself."""
        return self.target / OWN_FOLDER

    @property
    def lock(self) -> Path:
        """The file that a mutating run locks."""
        return self.root / "lock"

    @property
    def current_file(self) -> Path:
        """Which run is live, and the order of all."""
        return self.root / "current.json"

    @property
    def decisions(self) -> Path:
        """What people decided in this directory, for the runs to come; it is not there where nobody did."""
        return self.root / DECISIONS

    @property
    def plan_lock(self) -> Path:
        """What a preview saw."""
        return self.root / "plan.lock.json"

    @property
    def key_rotation(self) -> Path:
        """Which key is being rotated; it is not there where none is."""
        return self.root / "key-rotation.json"

    @property
    def runs(self) -> Path:
        """All runs."""
        return self.root / "runs"

    @property
    def id(self) -> str:
        """Return what marks the documents of this target directory; a new one where none was written yet."""
        return read_owner(self.current_file) or uuid.uuid4().hex

    def refuse_links(self) -> None:
        """Make sure that what is ours lies in the target itself: in a copy of the tree a link leads to another's.

        Raises GuardError.
        """
        for place in (self.root, self.runs, self.target / BACKUP_FOLDER):
            if lies_under(self.target, place) is None:
                raise GuardError(place, "leads out of the target", "mount the other disk there instead of a link")

    def provide(self) -> None:
        """Make the directory, and give it its id. Raises UnreachableError."""
        make_private_folder(self.root)
        if not self.current_file.exists():
            self.write_current(CurrentDocument(run=None, runs=()))

    def read_current(self) -> CurrentDocument:
        """Return which run is live. Raises VersionError, GuardError."""
        return read_document(self.current_file, CurrentDocument) or CurrentDocument(run=None, runs=())

    def write_current(self, document: CurrentDocument) -> None:
        """Say which run is live."""
        write_document(self.current_file, document, self.id)

    def read_key_rotation(self) -> KeyRotationDocument | None:
        """Return the rotation of a key that was begun and not finished. Raises VersionError, GuardError."""
        return read_document(self.key_rotation, KeyRotationDocument, self.id)

    def write_key_rotation(self, document: KeyRotationDocument) -> None:
        """Say which key is being rotated, durably."""
        write_document(self.key_rotation, document, self.id)

    def refuse_open_rotation(self) -> None:
        """Make sure that no rotation of a key was interrupted: which of two keys opens what is open then.

        Raises StaleError naming the command that finishes it.
        """
        found = self.read_key_rotation()
        if found is not None:
            way = f"./inv keys.rotate --key {found.key} --target {self.target} finishes it"
            raise StaleError(self.target, f"is in the middle of a rotation of key {found.key}", way)

    def set_current(self, run: str | None) -> None:
        """Say that a run is live, or none."""
        self.write_current(CurrentDocument(run=run, runs=self.read_current().runs))

    def open_run(self, name: str) -> RunFolder:
        """Return the folder of a run, wherever it keeps its snapshots. Raises VersionError, GuardError."""
        return _open(self, name, self.id)

    def open_current(self) -> tuple[RunFolder, RunDocument] | None:
        """Return the run that is live. Raises VersionError, StaleError, and GuardError when its folder is gone."""
        self.refuse_open_rotation()
        name = self.read_current().run
        if name is None:
            return None
        folder = self.open_run(name)
        about = folder.read(RunDocument)
        if about is None:
            fact = f"says that run {name} is live, and its folder is not there"
            raise GuardError(self.current_file, fact, f"put {folder.root} back")
        if about.state not in (RunState.PUBLISHED, RunState.RUNNING):
            fact = f"says that run {name} is live, and that run is {about.state}"
            raise GuardError(self.current_file, fact, "put it back as it was")
        return folder, about

    def begin_run(self, now: datetime, *, backup: bool) -> RunFolder:
        """Make the folder of a new run, and note that it is the latest. Raises UnreachableError, StaleError."""
        self.refuse_open_rotation()
        current = self.read_current()
        name = choose_name(now, (self.runs, self.target / BACKUP_FOLDER))
        self.write_current(CurrentDocument(run=current.run, runs=(*current.runs, name)))
        root = self.runs / name
        make_private_folder(root)
        snapshots = self.target / BACKUP_FOLDER / name if backup else root / "snapshots"
        return RunFolder(root=root, snapshots=snapshots, home=self.id, engine=self.engine)

    def all_runs(self) -> tuple[str, ...]:
        """Return the ids of all runs, in the order in which they began. Raises VersionError, GuardError."""
        return self.read_current().runs

    def name_open_keys(self) -> set[str | None]:
        """Return the names of the keys that it takes to finish what was interrupted. Raises VersionError, GuardError.

        Read-only.
        """
        names: set[str | None] = set()
        for name in self.all_runs():
            journal = self.open_run(name).place(self.target).read_journal()
            if journal is not None and journal.is_open:
                names |= journal.name_keys()
        return names

    def find_run(self, name: str | None) -> tuple[RunFolder, RunDocument]:
        """Return a run by its id; without one the run that is live, else the latest that has a ledger. Read-only.

        Raises UnreachableError when there is none, UsageError for an unknown id, VersionError, GuardError.
        """
        self.refuse_open_rotation()
        known = self.read_current()
        if name is not None and name not in known.runs:
            raise UsageError("--run", f"there is no run {name}", f"one of: {', '.join(known.runs[-5:]) or 'none yet'}")
        live = self.open_current() if name is None else None
        if live is not None:
            return live
        for wanted in (name,) if name is not None else reversed(known.runs):
            folder = self.open_run(wanted)
            about = folder.read(RunDocument)
            if about is not None and (name is not None or folder.ledger.is_dir()):
                return folder, about
        raise UnreachableError(
            self.target, "holds no run of ours", "say --target DIRECTORY, or run consolidate.run first"
        )


def _open(home: Home, name: str, marked: str) -> RunFolder:
    root = home.runs / name
    about = read_document(root / RUN_DOCUMENT, RunDocument, mark_run(marked, name))
    backup = home.target / BACKUP_FOLDER / name
    has_backup = backup.is_dir() if about is None else about.has_backup
    snapshots = backup if has_backup else root / "snapshots"
    return RunFolder(root=root, snapshots=snapshots, home=marked, engine=home.engine)
