"""A store, whatever engine is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from strongroom.backup.documents import StoreDocument
from strongroom.backup.stores.objects import Objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The content of one set, as the engine lists it."""

    locator: str
    set: str


class Store(Protocol):
    """Keeps the content of sets, each a folder of members and their manifest.

    It is open: its documents were read, its password is known. Every call raises UnreachableError where it cannot be
    reached, KeyMissingError where it refuses us, NoSpaceError.
    """

    @property
    def about(self) -> StoreDocument:
        """What ``store.json`` says."""

    @property
    def objects(self) -> Objects:
        """Where its documents lie."""

    @property
    def place(self) -> str:
        """Where it is, for people; without secrets."""

    def find_files(self, locator: str) -> Path | None:
        """Return the folder in which the files of a set lie as they are; None where they are packed."""

    def restoring(self) -> Store:
        """Return the store as a restore reads it: what can be made anew of what is there is made anew on the way."""

    def stage(self, set_id: str) -> Path:
        """Return an empty folder (0700) in which a set is put together; what lay there of an earlier one is gone."""

    def put(self, set_id: str, staged: Path) -> str:
        """Keep a staged set durably and return its locator; the stage is gone then.

        Raises DifferencesError where the engine lists anything else than what was staged.
        """

    def list_content(self) -> tuple[Kept, ...]:
        """Return what is kept of this system, whether the catalog lists it or not."""

    def fetch(self, locator: str, into: Path, paths: Sequence[str] | None = None) -> None:
        """Bring a set's files (all, or those of these paths in it) into an empty folder, as ``into / path``.

        What comes is to be trusted only once its hash fits. Raises DifferencesError where the engine says that it is
        damaged or incomplete.
        """

    def read_file(self, locator: str, path: str) -> bytes:
        """Return a small file of a set, such as its manifest. Raises DifferencesError where it cannot be had whole."""

    def examine(self, locators: Sequence[str], part: tuple[int, int] | None = None) -> tuple[str, ...]:
        """Read all that is kept, or one part of so many of it (from 1), and return what the engine finds wrong.

        A folder finds nothing by itself: it is the hashes of the manifest that tell.
        """

    def mend(self) -> tuple[str, ...]:
        """Give up what the engine finds damaged, so that no set to come is built on it; say what was done, in lines.

        A repository keeps each piece of content once: a damaged piece would be part of the next set as well. Brought
        anew by that, it also makes earlier sets whole again.
        """

    def remove(self, locators: Sequence[str]) -> None:
        """Forget the content of sets; nothing to do for what is not there."""

    def sweep(self) -> None:
        """Give free what no set needs any more; it may be interrupted at any moment."""
