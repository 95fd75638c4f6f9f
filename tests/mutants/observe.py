"""What a run left behind, read with plain sqlite3 and the standard library: none of our code is asked."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Collection
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2  # type: ignore[import-untyped]

Observation = dict[str, list[str]]
"""What was looked at, and the lines that it says; equal for equal typed content, whatever the order."""

_HOME, _BACKUP = ".strongroom", "backup"
_ENTRY = ("_disposition", "_reason", "_rule", "_target_rowid", "_winner_input", "_winner_rowid")
_DECIDED = ("into_table", "input", "row", "decision", "took", "by", "at", "why")


def observe_tree(folder: Path, targets: tuple[str, ...], keys: Collection[str]) -> Observation:
    """Look at a directory of sources or targets: names, modes, links, bytes, and of databases the content.

    ``targets`` and backups are compared by their content, other files by their bytes; ``keys`` open what is encrypted.
    """
    seen: Observation = {}
    live = f"{_BACKUP}/{_read_live(folder)}"
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.partition("/")[0] == _HOME or name.endswith("-shm"):
            continue
        if name.startswith(f"{_BACKUP}/"):
            if not name.startswith(f"{live}/"):
                continue
            name = _BACKUP + name.removeprefix(live)
        said = seen[name] = [f"mode {stat.S_IMODE(path.lstat().st_mode):o}"]
        if path.is_symlink():
            said.append(f"-> {path.readlink()}")
        elif path.is_file():
            if name in targets or (name.startswith(f"{_BACKUP}/") and path.suffix == ".db"):
                seen.update({f"{name} {part}": lines for part, lines in read_database(path, keys).items()})
            elif path.name != "manifest.json" and name.removesuffix("-wal") not in targets:
                said.append(_hash(path))
    return seen


def observe_home(target: Path, keys: Collection[str], *, is_raw: bool) -> Observation:
    """Look at what the run that is live keeps: its states, ledgers, archive, and the files that were live before.

    These by their bytes (``is_raw``) or, where runs of ours made them, by their content. What the run is called does
    not matter, nor what is left of others, but for a journal that is open.
    """
    home = target / _HOME
    live = _read_live(target)
    seen: Observation = {"journals": []}
    for folder in sorted((home / "runs").glob("*")):
        journal = str(_read_json(folder / "publish.json").get("state"))
        if folder.name != live:
            seen["journals"] += [journal] * (journal not in ("None", "closed", "undone"))
            continue
        seen["live run"] = [str(_read_json(folder / "run.json").get("state")), journal]
        seen["live run holds"] = sorted(path.name for path in folder.iterdir())
        decisions = folder / "plan" / "decisions.yaml"
        seen["decisions"] = [_hash(decisions) if decisions.is_file() else "none"]
        for path in sorted((folder / "previous").rglob("*")):
            seen[f"previous {path.name}"] = [_hash(path) if is_raw and path.is_file() else path.suffix]
            if not is_raw and path.suffix == ".db":
                held = read_database(path, keys)
                seen.update({f"previous {path.name} {part}": lines for part, lines in held.items()})
        for path in [*sorted((folder / "ledger").glob("*")), *folder.glob("archive.db")]:
            place = "archive" if path.parent == folder else f"ledger {path.name}"
            seen.update({f"{place} {part}": lines for part, lines in read_database(path, keys).items()})
    return seen


def _read_live(target: Path) -> str:
    return str(_read_json(target / _HOME / "current.json").get("run"))


def read_database(path: Path, keys: Collection[str] = ()) -> Observation:
    """Return what a database says: structure, numbers, and the typed rows of every table."""
    if keys and not _is_database(path):
        for number, key in enumerate(keys):
            with closing(dbapi2.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
                connection.text_factory = _as_text
                connection.execute(f"""PRAGMA key = "x'{key}'\"""")
                with suppress(dbapi2.DatabaseError):
                    return {**_read(connection), "key": [str(number)]}
    log = path.with_name(f"{path.name}-wal")
    if not (log.is_file() and log.stat().st_size):
        return _read_file(path, "mode=ro&immutable=1")
    with tempfile.TemporaryDirectory() as scratch:  # opening it where it is would change it
        copy = Path(scratch) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(log, copy.with_name(log.name))
        return _read_file(copy, "mode=rw")


def _read_file(path: Path, how: str) -> Observation:
    with closing(sqlite3.connect(f"file:{path}?{how}", uri=True)) as connection:
        connection.text_factory = _as_text
        try:
            return _read(connection)
        except sqlite3.DatabaseError as error:
            return {"content": [str(error), _hash(path)]}


def _read(connection: sqlite3.Connection) -> Observation:
    seen: Observation = {"numbers": [], "structure": []}
    for pragma in ("user_version", "application_id", "encoding"):
        seen["numbers"].append(f"{pragma} {connection.execute(f'PRAGMA {pragma}').fetchone()}")
    objects = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    seen["structure"] = sorted(repr(row) for row in objects)
    kinds = dict(connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'").fetchall())
    for kind, table, _, _ in objects:
        if kind == "table" and kinds.get(table) != "shadow":
            seen[f"table {table}"] = _read_rows(connection, table)
    return seen


def _read_rows(connection: sqlite3.Connection, table: str) -> list[str]:
    cursor = connection.execute('SELECT * FROM "{}"'.format(table.replace('"', '""')))
    names = [column[0] for column in cursor.description]
    place = _find_words(names)
    lines = []
    for row in cursor:
        values = list(row)
        if place is not None:  # what is said to people may be worded in any way, but must be there
            values[place] = "said" if row[place] else "not said"
        lines.append(repr(values))
    return sorted(lines)


def _find_words(names: list[str]) -> int | None:
    """Return the place of what a ledger's table says to people."""
    if tuple(names[1:7]) == _ENTRY:
        return names.index("_reason")
    return names.index("took") if tuple(names) == _DECIDED else None


def _as_text(content: bytes) -> str:
    """Return TEXT as what no BLOB and no other TEXT is, UTF-8 or not; 1, 1.0 and -0.0 differ as they are written."""
    return content.decode(errors="surrogateescape")


def _is_database(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(16) == b"SQLite format 3\0"


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
