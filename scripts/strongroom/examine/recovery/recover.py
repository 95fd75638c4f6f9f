"""Save a damaged database into a new file, and compare the two."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.core.errors import DamagedSourceError, TargetExistsError, UnreachableError
from strongroom.core.files import explain_os_error, sync_file, sync_folder
from strongroom.core.programs import run_program
from strongroom.examine.recovery.salvage import salvage
from strongroom.sqlite.connection import check_integrity, open_snapshot
from strongroom.sqlite.database import Database
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
    tables: Mapping[str, int]
    """Rows per table."""
    lost: tuple[str, ...]
    """What is missing, a line each; an empty one says no more than that nothing was seen to be missing."""
    nameless: int
    """Rows of which nobody knows the table; they are in ``lost_and_found``."""


def recover(damaged: Path, to: Path, *, environment: Mapping[str, str], engine: Engine = Engine.SYSTEM) -> Recovered:
    """Write what is left of ``damaged`` to ``to``, and say what is not.

    Raises UnreachableError without the file, TargetExistsError when ``to`` is there, DamagedSourceError when
    nothing could be saved.
    """
    if not damaged.is_file():
        raise UnreachableError(damaged, "there is no such file", "say --file FILE")
    if to.exists():
        raise TargetExistsError(to, "is there already", "name another file with --to")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="recover-", dir=to.parent) as folder:
            scratch = Path(folder)
            copy, made = scratch / "damaged.db", scratch / "recovered.db"
            for suffix in ("", "-wal"):
                part = damaged.with_name(damaged.name + suffix)
                if part.is_file():
                    shutil.copyfile(part, copy.with_name(copy.name + suffix))
            shell = _find_shell(environment)
            pair = Database(copy, engine), Database(made, engine)
            lost = salvage(*pair) if shell is None else _run_shell(shell, copy, made, environment)
            result = _look_over(damaged, pair[1], to, shell, lost)
            sync_file(made)
            made.rename(to)
            sync_folder(to.parent)
    except OSError as error:
        raise explain_os_error(to, error) from error
    return result


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


def _look_over(damaged: Path, made: Database, to: Path, shell: str | None, lost: tuple[str, ...]) -> Recovered:
    if not made.path.is_file() or not made.path.stat().st_size:
        raise DamagedSourceError(damaged, "holds nothing that could be recovered", _RESTORE)
    with open_snapshot(made) as connection:
        if check_integrity(connection):
            raise DamagedSourceError(damaged, "is so damaged that what was recovered is damaged too", _RESTORE)
        held = {name: count_rows(connection, name) for name in read_schema(connection).tables}
    return Recovered(
        file=str(to),
        way="read around the damage" if shell is None else "sqlite3 .recover",
        tables={name: rows for name, rows in held.items() if not name.startswith(_LEFT_OVER)},
        lost=lost,
        nameless=sum(rows for name, rows in held.items() if name.startswith(_LEFT_OVER)),
    )
