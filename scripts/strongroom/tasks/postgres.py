"""``postgres.*``: an application's schemas in PostgreSQL.

The flow is imported where it is used: its driver takes a tenth of a second, and few commands need it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.config import read_settings
from strongroom.core.system import choose_system, read_system
from strongroom.tasks._task import is_dry, is_json, task, wants_color
from strongroom.tasks.load import cutover, load, quarantine, rollback, verify
from strongroom.tasks.wiring import find_local_postgres

if TYPE_CHECKING:
    from strongroom.postgres.connection import Access
    from strongroom.schema import FileSet

SYSTEM = "Folder under sql/, or a path to one (default: STRONGROOM_SYSTEM)."
DATABASE = "Only this database."


def find(system: str | None, database: str | None, purpose: str) -> tuple[Access, str, tuple[FileSet, ...]]:
    """Return the server, the system's name and its schema files."""
    from strongroom.schema import find_access, for_schemas, read_file_sets

    settings = read_settings()
    folder = choose_system(system, settings)
    about = read_system(folder)
    sets = read_file_sets(folder, database)
    find_stack = partial(find_local_postgres, settings, purpose)
    access = find_access(about, settings.environment, find_stack, purpose=purpose)
    return for_schemas(access), about.name, sets


@task(help={"system": SYSTEM, "database": DATABASE, "dry_run": "Show which files would run; run none."})
def apply(c: Context, system: str | None = None, database: str | None = None, dry_run: bool = False) -> None:
    """Bring the schemas up to their files."""
    from strongroom.schema import apply_schemas

    access, name, sets = find(system, database, "deploy")
    done = apply_schemas(access, name, sets, dry_run=is_dry(c, dry_run), say=report.say_note)
    report.show_applied(done, access.place, as_json=is_json(c), color=wants_color(c))


@task(help={"system": SYSTEM, "database": DATABASE})
def status(c: Context, system: str | None = None, database: str | None = None) -> int:
    """Compare the schemas with their files; exit 7 on drift."""
    from strongroom.schema import compare_schemas

    access, name, sets = find(system, database, "monitor")
    return report.show_drift(compare_schemas(access, name, sets), access.place, as_json=is_json(c))


namespace = Collection("postgres", apply, status, load, quarantine, verify, cutover, rollback)
