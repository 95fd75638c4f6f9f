"""Which lines of our code a fixture runs through: a fault elsewhere changes nothing, and needs no try."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from tests.mutants.areas import PACKAGE

Lines = frozenset[tuple[str, int]]
"""Files, relative to the package, with the numbers of their lines."""


def trace_into(folder: Path) -> None:
    """Note every line of the package that this process runs from now on, and its children until they leave."""
    folder.mkdir(parents=True)
    package = f"{PACKAGE}{os.sep}"
    lines: set[tuple[str, int]] = set()
    leave = os._exit

    def follow(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return follow

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return follow(frame, event, argument) if frame.f_code.co_filename.startswith(package) else None

    def write_and_leave(code: int) -> None:
        sys.settrace(None)
        found = sorted((os.path.relpath(file, PACKAGE), line) for file, line in lines)
        (folder / f"{os.getpid()}.json").write_text(json.dumps(found), encoding="utf-8")
        leave(code)

    os._exit = write_and_leave  # type: ignore[assignment]
    sys.settrace(enter)


def read_lines(folder: Path) -> Lines:
    """Return what the traced processes wrote."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return frozenset((file, line) for found in files for file, line in found)
