"""Save a damaged database into a new file, and compare the two."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import DamagedSourceError, TargetExistsError, UnreachableError
from strongroom.core.files import explain_os_error, sync_file, sync_folder
from strongroom.core.programs import run_program
from strongroom.examine.recovery.salvage import salvage
from strongroom.sqlite.bunch import NO_KEYS, Bunch, looks_like_chance
from strongroom.sqlite.connection import check_integrity, open_snapshot
from strongroom.sqlite.database import Database, has_plain_header
from strongroom.sqlite.schema import count_rows, read_schema

_SECONDS = 3600.0
_LEFT_OVER = "lost_and_found"
"""Where SQLite puts rows of which it cannot tell the table."""
_RESTORE = "restore the file from a backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What came out of a damaged database."""

    file: str
    way: str
    """``sqlite3 .recover`` or ``read around the damage``."""
    key: str | None
    """The name of the key that the damaged file has, and so the new one; None for plain ones."""
    tables: Mapping[str, int]
    """Rows per table."""
    lost: tuple[str, ...]
    """What is missing, a line each; an empty one says no more than that nothing was seen to be missing."""
    nameless: int
    """Rows of which nobody knows the table; they are in ``lost_and_found``."""


def recover(
    damaged: Path,
    to: Path,
    *,
    environment: Mapping[str, str],
    engine: Engine = Engine.SYSTEM,
    keys: Bunch = NO_KEYS,
) -> Recovered:
    """Write what is left of ``damaged`` to ``to``, and say what is not.

    An encrypted one is read with the first of ``keys`` that opens it, and nothing of it is ever written in plain.
    Raises UnreachableError without the file, TargetExistsError when ``to`` is there, DamagedSourceError when
    nothing could be saved, WrongKeyError for what looks encrypted and no key opens.
    """
    if not damaged.is_file():
        raise UnreachableError(damaged, "there is no such file", "say --file FILE")
    if to.exists():
        raise TargetExistsError(to, "is there already", "name another file with --to")
    try:
        database = _unlock(damaged, engine, keys)
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="recover-", dir=to.parent) as folder:
            scratch = Path(folder)
            copy = replace(database, path=scratch / "damaged.db")
            made = replace(database, path=scratch / "recovered.db")
            for suffix in ("", "-wal"):
                if database.beside(suffix).is_file():
                    shutil.copyfile(database.beside(suffix), copy.beside(suffix))
            shell = _find_shell(environment) if database.key is None else None
            try:
                lost = salvage(copy, made) if shell is None else _run_shell(shell, copy.path, made.path, environment)
            except DamagedSourceError as error:  # said of the copy
                raise DamagedSourceError(damaged, error.fact, _RESTORE) from error
            result = _look_over(database, made, to, shell, lost)
            sync_file(made.path)
            made.path.rename(to)
            sync_folder(to.parent)
    except OSError as error:
        raise explain_os_error(to, error) from error
    return result


def _unlock(damaged: Path, engine: Engine, keys: Bunch) -> Database:
    """Return the handle of a file: with the key that opens it, unless it is plain, or damaged in its first page."""
    plain = Database(damaged, engine)
    if has_plain_header(plain) or not damaged.stat().st_size:
        return plain
    database = keys.find(damaged)
    if database is None and keys.names and looks_like_chance(damaged):
        raise keys.refuse(damaged)
    return database or plain


def _find_shell(environment: Mapping[str, str]) -> str | None:
    """Return the sqlite3 shell when it can recover: many are built without what that takes."""
    shell = shutil.which("sqlite3", path=environment.get("PATH"))
    if shell is None:
        return None
    asked = "SELECT count(*) FROM pragma_module_list WHERE name = 'sqlite_dbpage'"
    answer = run_program([shell, "-batch", ":memory:", asked], environment=environment, timeout=_SECONDS)
    return shell if answer.stdout.strip() == b"1" else None


def _run_shell(shell: str, copy: Path, made: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    script = made.with_suffix(".sql")
    for arguments in ((copy, f".output {script}", ".recover"), (made, f".read {script}")):
        run_program([shell, "-batch", *map(str, arguments)], environment=environment, timeout=_SECONDS)
    return ("what a backup has and this file lacks: SQLite's recovery does not list it",)


def _look_over(damaged: Database, made: Database, to: Path, shell: str | None, lost: tuple[str, ...]) -> Recovered:
    if not made.path.is_file() or not made.path.stat().st_size:
        raise DamagedSourceError(damaged.path, "holds nothing that could be recovered", _RESTORE)
    with open_snapshot(made) as connection:
        if check_integrity(connection):
            raise DamagedSourceError(damaged.path, "is so damaged that what was recovered is damaged too", _RESTORE)
        held = {name: count_rows(connection, name) for name in read_schema(connection).tables}
    return Recovered(
        file=str(to),
        way="read around the damage" if shell is None else "sqlite3 .recover",
        key=damaged.key,
        tables={name: rows for name, rows in held.items() if not name.startswith(_LEFT_OVER)},
        lost=lost,
        nameless=sum(rows for name, rows in held.items() if name.startswith(_LEFT_OVER)),
    )
