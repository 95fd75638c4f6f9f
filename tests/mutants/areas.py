"""The parts of our code in which faults are planted, and what belongs to each."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType

from tests.mutants.operators import list_edits

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "scripts" / "strongroom"
_ENTRIES = ("_write", "_write_first", "_write_second")
"""The functions of ``one_file`` and ``two_files`` that write the ledger's entries."""

_DECIDED = ("merge/decisions.py", "merge/groups.py")
"""What of merging is about people's decisions."""

_FILES: dict[str, tuple[str, ...]] = {
    "plan reading": ("core/plan/*.py", "core/yaml_text/loading.py"),
    "binding": ("binding/*.py",),
    "merge": ("consolidate/merge/*.py",),
    "decisions": (
        "consolidate/merge/decisions.py",
        "consolidate/merge/groups.py",
        "consolidate/deciding/change.py",
        "consolidate/deciding/handing.py",
        "consolidate/deciding/inheriting.py",
        "consolidate/deciding/kept.py",
        "consolidate/deciding/settle.py",
    ),
    "functions": ("sqlite/functions.py",),
    "instants": ("core/instants.py",),
    "snapshot": (
        "sqlite/snapshot.py",
        "sqlite/document.py",
        "sqlite/content.py",
        "sqlite/transfer.py",
        "sqlite/connection.py",
    ),
    "ledger": (
        "consolidate/merge/ledger.py",
        "consolidate/merge/one_file.py",
        "consolidate/merge/two_files.py",
    ),
    "publish": (
        "runs/publish.py",
        "runs/keeping.py",
        "runs/journal.py",
        "runs/legacy.py",
        "consolidate/publishing.py",
        "consolidate/old_names.py",
    ),
}
_LOADS: dict[str, tuple[str, ...]] = {
    "load convert": ("load/convert/*.py",),
    "load stage": ("load/stage/*.py",),
    "load rows": ("load/rows/*.py",),
    "load switch": ("load/switch/*.py",),
    "load into": ("load/into/*.py",),
    "load draft": ("load/draft/*.py",),
    "load verify": ("load/verify/*.py",),
    "load root": ("load/*.py",),
}
AREAS = tuple(_FILES)
"""Parts whose faults a run must notice."""
LOADS = tuple(_LOADS)
"""Parts whose faults their tests must notice: the proof of a load is one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One module with one fault."""

    name: str
    """Its id: stable as long as the function around the fault is."""
    area: str
    file: str
    """Relative to the package."""
    build: Callable[[], CodeType]
    lines: tuple[int, int] | None = None
    """Of the statement: a fixture that runs none of them does not meet it. None where every one may."""
    is_handmade: bool = False

    @property
    def module(self) -> str:
        """The name under which it is imported."""
        return ".".join(("strongroom", *Path(self.file).with_suffix("").parts)).removesuffix(".__init__")


def list_mutants(area: str) -> list[Mutant]:
    """Return every fault that the operators can plant in an area, in the order of the files."""
    found = []
    for pattern in (_FILES | _LOADS)[area]:
        for path in sorted(PACKAGE.glob(pattern)):
            file = path.relative_to(PACKAGE).as_posix()
            seen: dict[str, int] = {}
            for number, edit in enumerate(list_edits(ast.parse(path.read_text(encoding="utf-8")))):
                if _belongs(area, file, edit.place):
                    said = f"{file} {edit.place}: {edit.operator}: {edit.before} -> {edit.after or 'nothing'}"
                    seen[said] = seen.get(said, 0) + 1
                    name = said if seen[said] == 1 else f"{said} ({seen[said]})"
                    found.append(
                        Mutant(
                            name=name,
                            area=area,
                            file=file,
                            build=partial(compile_edited, path, number),
                            lines=edit.lines,
                        )
                    )
    return found


def compile_edited(path: Path, number: int) -> CodeType:
    """Compile a module with the edit of this number."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    list_edits(tree)[number].apply()
    return compile(ast.fix_missing_locations(tree), str(path), "exec")


def compile_replaced(path: Path, changes: tuple[tuple[str, str], ...]) -> CodeType:
    """Compile a module in which texts are replaced, each of which must stand in it once."""
    source = path.read_text(encoding="utf-8")
    for old, new in changes:
        if source.count(old) != 1:
            raise ValueError(f"{path.name}: stands there {source.count(old)} times: {old}")
        source = source.replace(old, new)
    return compile(source, str(path), "exec")


def _belongs(area: str, file: str, place: str) -> bool:
    function = place.partition(".")[0]
    if file.endswith("merge/ledger.py"):
        return area == "ledger"
    if file.endswith(("merge/one_file.py", "merge/two_files.py")):
        return (area == "ledger") == (function in _ENTRIES)
    if file.endswith(_DECIDED):
        return area == "decisions"
    if file.endswith("sqlite/connection.py"):
        return function == "copy_database"
    return True
