"""``postgres.*``: an application's schemas in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from invoke.collection import Collection
from invoke.context import Context

from scripts import postgres, report
from scripts.config import read_settings
from scripts.databases.postgres import Access
from scripts.stack import local_postgres
from scripts.system import find_system, read_system
from scripts.tasks import stack
from scripts.tasks._task import is_dry, is_json, task, wants_color

SYSTEM = "Folder under sql/, or a path to such a folder."
DATABASE = "Only this database."


def find(system: str, database: str | None) -> tuple[Access, str, tuple[postgres.FileSet, ...]]:
    """Return the server, the system's name and its schema files."""
    settings = read_settings()
    folder = find_system(system, settings.root)
    about = read_system(folder)
    sets = postgres.read_file_sets(folder, database)
    local: Mapping[str, str] | None = local_postgres(stack.ask())
    return postgres.find_access(about, settings.environment, local), about.name, sets


@task(help={"system": SYSTEM, "database": DATABASE, "dry_run": "Show which files would run; run none."})
def apply(c: Context, system: str = "aragora", database: str | None = None, dry_run: bool = False) -> None:
    """Bring the schemas up to their files."""
    access, name, sets = find(system, database)
    done = postgres.apply_schemas(access, name, sets, dry_run=is_dry(c, dry_run))
    report.show_applied(done, access.place, as_json=is_json(c), color=wants_color(c))


@task(help={"system": SYSTEM, "database": DATABASE})
def status(c: Context, system: str = "aragora", database: str | None = None) -> int:
    """Compare the schemas with their files; exit 7 on drift."""
    access, _, sets = find(system, database)
    return report.show_drift(postgres.compare_schemas(access, sets), access.place, as_json=is_json(c))


namespace = Collection("postgres", apply, status)
