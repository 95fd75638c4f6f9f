"""Sets in a restic repository: always encrypted, in a folder or a bucket; each set is a snapshot.

What changes the repository does so under the store's lease, whose holder is the only one: locks of restic that are
left then are those of programs that died, and are taken away. What only reads needs no lock, and can read from a
place where it may not write.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from strongroom.backup.documents import StoreDocument
from strongroom.backup.request import Surroundings
from strongroom.backup.stores.lease import find_holder, held
from strongroom.backup.stores.model import Kept
from strongroom.backup.stores.objects import Objects
from strongroom.backup.stores.restic_damage import find_damage, is_index_damaged, may_index_help, mend
from strongroom.backup.stores.restic_program import (
    FOLDER,
    LOCKS,
    LONG,
    SHORT,
    SNAPSHOTS,
    Repository,
    ask_restic,
    explain,
    read_messages,
    require_done,
)
from strongroom.core.errors import DifferencesError, LockedError
from strongroom.core.files import explain_os_error, make_private_folder
from strongroom.core.programs import ProgramResult

_SET, _SYSTEM = "set=", "system="
_NO_FILE = -1
_UNFINISHED = "-tmp-"
"""In the name of a file that a restic which was killed was about to write."""
_AT_ONCE = 200
"""So many paths fit well into one command line."""
_SPECIAL = str.maketrans({letter: f"\\{letter}" for letter in "\\*?["})
_ANOTHER = "take another set: backup.list shows them, backup.verify says which are sound"


class ResticStore:
    """Keeps the content of sets in a repository."""

    def __init__(
        self, repository: Repository, about: StoreDocument, stage: Path, around: Surroundings, *, heals: bool = False
    ) -> None:
        """Open the store; ``stage`` is a folder of its own, the same each time.

        With ``heals`` a damaged index is made anew also where something is only read.
        """
        self.about, self._repository, self._stage, self._around = about, repository, stage, around
        self._heals = heals

    @property
    def objects(self) -> Objects:
        """Where its documents lie."""
        return self._repository.objects

    @property
    def place(self) -> str:
        """The repository, and that it is one."""
        return self._repository.place

    def find_files(self, locator: str) -> Path | None:  # noqa: ARG002  # as of every store
        """Return None: what is in a repository is packed."""
        return None

    def restoring(self) -> ResticStore:
        """Return the store as a restore reads it: not even a damaged index keeps back what is there."""
        return ResticStore(self._repository, self.about, self._stage, self._around, heals=True)

    def stage(self, set_id: str) -> Path:  # noqa: ARG002  # as of every store
        """Return an empty folder (0700), whose path is always the same."""
        folder = self._stage / "set"
        try:
            if folder.exists():
                shutil.rmtree(folder)
            make_private_folder(folder)
        except OSError as error:
            raise explain_os_error(folder, error) from error
        return folder

    def put(self, set_id: str, staged: Path) -> str:
        """Keep a staged set as a snapshot, and compare what it lists with what was staged."""
        words = ["backup", "--json", "--force", "--no-scan", "--host", self.about.system]
        words += ["--tag", f"{_SET}{set_id}", "--tag", f"{_SYSTEM}{self.about.system}", "."]
        listing = _list_files(staged)
        ended = self._change(words, directory=staged)
        made = [str(one["snapshot_id"]) for one in read_messages(ended.stdout) if one.get("message_type") == "summary"]
        wrong = "says not what it kept" if not made else self._compare(made[0], listing)
        if not ended.is_success or wrong:
            if made:  # it would pass for a whole set
                self._change(["forget", made[0]])
            if not ended.is_success:
                raise explain(self._repository, ended)
            raise DifferencesError(
                self.place, f"restic {wrong}", "see to the store's disk or server, then run it again"
            )
        self._around.reach("restic.kept")
        try:
            shutil.rmtree(staged)
        except OSError as error:
            raise explain_os_error(staged, error) from error
        return made[0]

    def list_content(self) -> tuple[Kept, ...]:
        """Return the snapshots of this system; one whose own file is damaged is passed over."""
        words = ["snapshots", "--json", "--no-lock", "--tag", f"{_SYSTEM}{self.about.system}"]
        said = self._read(words, SHORT).stdout
        found = []
        for one in json.loads(said) or ():
            names = [tag.removeprefix(_SET) for tag in one.get("tags") or () if tag.startswith(_SET)]
            found += [Kept(locator=str(one["id"]), set=name) for name in names]
        return tuple(sorted(found, key=lambda kept: (kept.set, kept.locator)))

    def fetch(self, locator: str, into: Path, paths: Sequence[str] | None = None) -> None:
        """Restore a snapshot's files, owner and mode included, into an empty folder."""
        words: list[str | Path] = ["restore", "--json", "--no-lock", locator, "--target", into]
        if paths is None:
            self._read(words)
            return
        left = iter(paths)
        while some := list(islice(left, _AT_ONCE)):
            self._read([*words, *(word for path in some for word in ("--include", f"/{path.translate(_SPECIAL)}"))])
        gone = next((path for path in paths if not (into / path).is_file()), None)
        if gone is not None:
            raise DifferencesError(f"{self.place}: {locator[:8]}", f"holds no {gone}", _ANOTHER)

    def read_file(self, locator: str, path: str) -> bytes:
        """Return a small file of a set."""
        return self._read(["dump", "--no-lock", locator, f"/{path}"], SHORT).stdout

    def examine(
        self,
        locators: Sequence[str],  # noqa: ARG002  # as of every store: restic checks all of them
        part: tuple[int, int] | None = None,
    ) -> tuple[str, ...]:
        """Let restic check the repository's structure and read all its data, or a part of it."""
        return find_damage(self._repository, part)

    def mend(self) -> tuple[str, ...]:
        """Give up what is damaged, so that the next set brings it anew; return what was done, in a line each.

        Sets that need what is gone stay listed, and are whole again once the next set holds the same. To be called
        under the lease.
        """
        self._make_way()
        return mend(self._repository, self._stage)

    def remove(self, locators: Sequence[str]) -> None:
        """Forget snapshots; their data goes with ``sweep``."""
        left = iter(locators)
        while some := list(islice(left, _AT_ONCE)):
            require_done(self._repository, self._change(["forget", *some]))
        for name in {f"{SNAPSHOTS}{locator}" for locator in locators} & set(self.objects.list(SNAPSHOTS)):
            self.objects.delete(name)  # restic passes over one that is damaged

    def sweep(self) -> None:
        """Remove the data that no snapshot needs. Raises DifferencesError where data is missing: nothing is removed."""
        require_done(self._repository, self._change(["prune"]))
        if self._repository.bucket is None:  # there an object is whole or not there
            for name in self.objects.list(f"{FOLDER}/"):
                if _UNFINISHED in name:
                    self.objects.delete(name)

    def _read(self, words: Sequence[str | Path], timeout: float = LONG) -> ProgramResult:
        """Run what only reads. Data that goes while we read is not damaged: whoever holds the lease removes it."""
        ended = ask_restic(self._repository, words, timeout=timeout)
        if self._heals and may_index_help(ended):
            with held(self.objects, self._around.now(), task="backup.restore"):
                self._make_way()
                self._make_index()
            ended = ask_restic(self._repository, words, timeout=timeout)
        if ended.is_success:
            return ended
        error = explain(self._repository, ended)
        if isinstance(error, DifferencesError):
            holder = find_holder(self.objects)
            if holder is not None and not holder[1]:
                hint = "wait until it has ended, then the same command"
                raise LockedError(self.place, f"{holder[0]} changes it while it is read", hint)
        raise error

    def _change(self, words: Sequence[str | Path], directory: Path | None = None) -> ProgramResult:
        """Run what changes the repository; where its index is damaged, make that anew from the packs first."""
        self._make_way()
        ended = ask_restic(self._repository, words, timeout=LONG, directory=directory)
        if ended.is_success or not is_index_damaged(ended):
            return ended
        self._make_index()
        return ask_restic(self._repository, words, timeout=LONG, directory=directory)

    def _make_index(self) -> None:
        self._around.say(self.place, "its index is damaged: it is made anew from the packs")
        require_done(self._repository, ask_restic(self._repository, ["repair", "index"], timeout=LONG))

    def _make_way(self) -> None:
        """Take away the locks of programs that died. Raises LockedError where another task holds the lease."""
        holder = find_holder(self.objects)
        if holder is not None and not holder[1]:
            raise LockedError(self.place, f"{holder[0]} holds it", "wait until it has ended, then the same command")
        if holder is not None and any(_UNFINISHED not in name for name in self.objects.list(LOCKS)):
            words = ["unlock", "--remove-all"]
            require_done(self._repository, ask_restic(self._repository, words, timeout=SHORT))

    def _compare(self, locator: str, staged: Mapping[str, int]) -> str | None:
        """Return how a snapshot differs from what was staged, by the paths and sizes that it lists."""
        said = self._read(["ls", "--json", "--no-lock", locator]).stdout
        listed = {
            str(one["path"]).removeprefix("/"): int(one.get("size", 0)) if one["type"] == "file" else _NO_FILE
            for one in read_messages(said)
            if one.get("struct_type") == "node" and one["type"] != "dir"
        }
        differing = sorted(name for name in listed.keys() | staged.keys() if listed.get(name) != staged.get(name))
        return f"keeps {differing[0]} otherwise than it was staged" if differing else None


def _list_files(staged: Path) -> dict[str, int]:
    """Return the size of each file by its path."""
    paths = (Path(folder) / name for folder, _, names in os.walk(staged) for name in names)
    return {path.relative_to(staged).as_posix(): path.stat().st_size for path in paths}
