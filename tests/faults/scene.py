"""Small systems with their source files, the command line on them, and what is there afterwards.

Shares no code with what it watches: targets are read with plain sqlite3.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import stat
from collections.abc import Callable, Container, Mapping
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from sqlcipher3 import dbapi2 as sqlcipher

from strongroom.tasks import _loading, backup, consolidate, decide, restore
from strongroom.tasks import sqlcipher as sqlcipher_tasks
from strongroom.tasks._program import OpsProgram

OURS = (".strongroom", "backup")
Content = dict[str, Any]
Photograph = dict[str, tuple[int, str]]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A system's folder, a directory of sources and a directory of targets."""

    system: Path
    source: Path
    target: Path

    @property
    def home(self) -> Path:
        return self.target / ".strongroom"

    def runs(self) -> list[str]:
        folder = self.home / "runs"
        return sorted(run.name for run in folder.iterdir()) if folder.is_dir() else []

    def argv(self, task: str = "run", *flags: str) -> list[str]:
        places = {"system": self.system, "source": self.source, "target": self.target}
        named = list(places) if task in ("run", "preview") else ["target"]
        named += ["source"] if task in ("rollback", "finalize") else []
        given = [word for name in named for word in (f"--{name}", str(places[name]))]
        return ["inv", f"consolidate.{task}", *given, *flags]

    def copy_to(self, root: Path) -> Scene:
        """Copy sources and targets, permissions and links included; the system stays where it is."""
        root.mkdir(parents=True)
        for folder in dict.fromkeys((self.source, self.target)):
            if folder.exists():
                shutil.copytree(folder, root / folder.name, symlinks=True)
        return replace(self, source=root / self.source.name, target=root / self.target.name)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found

    @property
    def error(self) -> str:
        """Return the one line that says what is wrong; more or less than one is a failure."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


def write_system(folder: Path, plan: str, schemas: Mapping[str, str] | None = None) -> Path:
    (folder / "sqlite").mkdir(parents=True, exist_ok=True)
    (folder / "system.yaml").write_text(f"version: 1\nname: {folder.name}\ntitle: For a test\n")
    (folder / "plan.yaml").write_text(plan)
    for name, sql in (schemas or {}).items():
        (folder / "sqlite" / f"{name}.sql").write_text(sql)
    return folder


def write_database(file: Path, sql: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(sql)
    return file


def build_copying(root: Path, sql: str, *, schema: str | None = None, copy: str = "'old.*'") -> Scene:
    """Build a system that copies one source into one target: of its own design, or under a schema."""
    declared = "{path: new.db, schema: sqlite/new.sql}" if schema is not None else "{path: new.db}"
    plan = f"version: 1\nsources: {{old: {{path: old.db}}}}\ntargets: {{new: {declared}}}\ncopy: {{new: [{copy}]}}\n"
    system = write_system(root / "copying", plan, {} if schema is None else {"new": schema})
    write_database(root / "source" / "old.db", sql)
    return Scene(system=system, source=root / "source", target=root / "target")


def run(argv: list[str]) -> Ended:
    """Run a command line in this process, through our Program."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = OpsProgram(Collection(consolidate.namespace, sqlcipher_tasks.namespace)).main(argv)
    return Ended(code=code, out=out.getvalue(), err=err.getvalue())


def run_with(patch: Any, checkpoint: Callable[[str], None], argv: list[str]) -> Ended:
    """Run a command line that calls ``checkpoint`` at every named step."""
    with patch.context() as inner:
        inject(inner.setattr, checkpoint)
        return run(argv)


def inject(setattr_: Callable[..., None], checkpoint: Callable[[str], None]) -> None:
    """Make every command of this process call ``checkpoint``."""
    for module in (consolidate, decide, sqlcipher_tasks):
        plain = module.surroundings

        def surroundings(*arguments: Any, _plain: Callable[..., Any] = plain, **options: Any) -> Any:
            return replace(_plain(*arguments, **options), checkpoint=checkpoint)

        setattr_(module, "surroundings", surroundings)
    find = backup.find_backups

    def find_backups(*arguments: Any, **options: Any) -> Any:
        found = find(*arguments, **options)
        return replace(found, around=replace(found.around, checkpoint=checkpoint))

    for module in (backup, restore):
        setattr_(module, "find_backups", find_backups)
    for name in ("surround", "surround_switch", "surround_arrival"):
        method = getattr(_loading.Loads, name)

        def surround(*arguments: Any, _plain: Callable[..., Any] = method, **options: Any) -> Any:
            return replace(_plain(*arguments, **options), checkpoint=checkpoint)

        setattr_(_loading.Loads, name, surround)


def connect(file: Path, key: str | None = None) -> Any:
    """Open a file read-only; TEXT comes as ('text', bytes), so that nothing is decoded or mixed up."""
    library = sqlite3 if key is None else sqlcipher
    connection: Any = library.connect(f"file:{file}?mode=ro", uri=True)
    if key is not None:
        connection.execute(f"PRAGMA key = \"x'{key}'\"")
    connection.text_factory = lambda content: ("text", content)
    return connection


def read_rows(file: Path, query: str, key: str | None = None) -> list[tuple[Any, ...]]:
    """Return rows as written, every value with its type: 1, 1.0 and -0.0 differ, and TEXT from BLOB."""
    with closing(connect(file, key)) as connection:
        return [tuple(_typed(value) for value in row) for row in connection.execute(query)]


def _typed(value: Any) -> Any:
    return ("real", value.hex()) if isinstance(value, float) else value


def read_content(file: Path) -> Content:
    """Return everything that a database says: schema, header numbers, and the typed rows of every table."""
    with closing(connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == (("text", b"ok"),)
        schema = sorted(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall(), key=repr)
        tables = [row[1][1].decode() for row in schema if row[0] == ("text", b"table")]
        pragmas = ("user_version", "application_id", "encoding")
        content: Content = {name: connection.execute(f"PRAGMA {name}").fetchone() for name in pragmas}
        content["schema"] = schema
        for table in tables:
            rows = connection.execute('SELECT * FROM "{}"'.format(table.replace('"', '""')))
            digest = hashlib.sha256()
            for line in sorted(repr(tuple(map(_typed, row))) for row in rows):
                digest.update(line.encode() + b"\n")
            content[f"table {table}"] = digest.hexdigest()
    return content


def read_targets(scene: Scene) -> dict[str, Content]:
    return {file.name: read_content(file) for file in sorted(scene.target.glob("*.db")) if not file.is_symlink()}


def photograph(folder: Path) -> Photograph:
    """Return mode and bytes (or goal) of everything in a folder, without what is ours."""
    if not folder.exists():
        return {}
    return {
        path.relative_to(folder).as_posix(): (stat.S_IMODE(path.lstat().st_mode), _bytes_of(path))
        for path in sorted(folder.rglob("*"))
        if path.relative_to(folder).parts[0] not in OURS
    }


def _bytes_of(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"


def read_bytes_kept(folder: Path) -> dict[str, str]:
    """Hash what a source must keep: databases and write-ahead logs that are not empty."""
    return {
        path.relative_to(folder).as_posix(): _bytes_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm") and path.stat().st_size
    }


def find_leftovers(scene: Scene, *, there: Container[str] = ()) -> list[str]:
    """Say what an interruption left behind: open journals, half files, stages, backups that are none.

    What was ``there`` in the target before is no leftover.
    """
    found = [
        f"{path.relative_to(scene.target)} in the target"
        for path in sorted(scene.target.glob("*"))
        if path.name not in OURS and path.name not in there and path.suffix != ".db" and not holds_links_only(path)
    ]
    for path in sorted(scene.home.rglob("*")):
        name = path.relative_to(scene.home).as_posix()
        is_passing = name.startswith(("preview-", "scratch")) or path.parent.name == "stage"
        if path.is_file() and (is_passing or path.name.endswith((".part", ".scratch", "-journal"))):
            found.append(name)
    for run_name in scene.runs():
        root = scene.home / "runs" / run_name
        about, journal = _read(root / "run.json"), _read(root / "publish.json")
        if about.get("state") not in ("published", "interrupted", "rolled back", "failed", "given up"):
            found.append(f"{run_name} is {about.get('state')}")
        if journal.get("state", "closed") not in ("closed", "undone"):
            found.append(f"{run_name}: journal is {journal['state']}")
        if about.get("state") in ("interrupted", "failed", "given up"):
            kept = ("run.json", "plan", *(path.name for path in root.glob("*.json")), "report.md")
            found += [f"{run_name}: {path.name}" for path in root.iterdir() if path.name not in kept]
    backups = scene.target / "backup"
    incomplete = [folder.name for folder in backups.glob("*") if not (folder / "manifest.json").is_file()]
    return found + [f"backup {name} has no manifest" for name in incomplete]


def holds_links_only(folder: Path) -> bool:
    """Tell whether a folder is there for old names that lead to targets."""
    return folder.is_dir() and all(path.is_symlink() or path.is_dir() for path in folder.rglob("*"))


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text()) if file.is_file() else {}
