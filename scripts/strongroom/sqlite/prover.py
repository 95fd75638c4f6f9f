"""The seam through which the copy of a source is proven, by whoever takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from strongroom.core.errors import DifferencesError, SourceChangedError
from strongroom.core.results import FileStates
from strongroom.sqlite.connection import Connection
from strongroom.sqlite.database import Database, state_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Prover:
    """How a copy is proven to be its source: by other code than the code that copied.

    What ``prove`` and ``prove_document`` return says in what it is not; ``prove`` is asked while the source cannot
    change, or where it might have, whether what changed is the source.
    """

    begin: Callable[[Database], Any]
    prove: Callable[[Database, Database, Any, BinaryIO, Connection], tuple[str, ...]]
    prove_document: Callable[[Path, Database], tuple[str, ...]]


def refuse_other(original: Database, before: FileStates | None, wrong: tuple[str, ...]) -> None:
    """Refuse a copy that is not its source; where that could be written to since (``before``), as changed.

    Raises DifferencesError, SourceChangedError.
    """
    if wrong and before is not None and dict(before) != dict(state_of(original)):
        raise SourceChangedError(
            original.path, "changed while it was copied", "stop the application that writes to it, then run again"
        )
    if wrong:
        fact = wrong[0].removeprefix(f"{original.path.name}: ")
        raise DifferencesError(original.path, fact, "see to the disk, then run the same command again")
