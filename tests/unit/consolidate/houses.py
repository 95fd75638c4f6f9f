"""Small houses for tests of merge: sources written as SQL, a plan as text; what was built is looked at directly."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.binding import TargetJob, Work, bind
from strongroom.consolidate.merge import build_target
from strongroom.core.engines import Engine
from strongroom.core.plan import read_plan
from strongroom.sqlite.database import Database
from strongroom.sqlite.snapshot import Snapshot

MEMORY = Path("/dev/shm")
Row = tuple[object, ...]
ENTRY = "_disposition, _rule, _target_rowid, _winner_input, _winner_rowid"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltHouse:
    """The one target of a plan, and its ledger."""

    folder: Path
    job: TargetJob

    @property
    def stage(self) -> Path:
        return self.folder / "stage.db"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    def read(self, sql: str) -> list[Row]:
        """Ask the target."""
        with closing(sqlite3.connect(self.stage)) as connection:
            return connection.execute(sql).fetchall()

    def entries(self, table: str) -> dict[int, Row]:
        """Return what the ledger says of a source's rows, without the words for people."""
        with closing(sqlite3.connect(self.ledger)) as connection:
            return {row: tuple(rest) for row, *rest in connection.execute(f'SELECT _rowid, {ENTRY} FROM "{table}"')}

    def reasons(self, table: str) -> dict[int, str]:
        """Return the words for people."""
        with closing(sqlite3.connect(self.ledger)) as connection:
            return dict(connection.execute(f'SELECT _rowid, _reason FROM "{table}"').fetchall())


def bind_house(folder: Path, schema: str, plan: str, sources: Mapping[str, str]) -> Work:
    """Write sources (name to SQL, after the schema's), schema and plan, and bind them; the target is ``house``."""
    (folder / "house.sql").write_text(schema)
    (folder / "plan.yaml").write_text(plan)
    for name, sql in sources.items():
        with closing(sqlite3.connect(folder / f"{name}.db")) as connection, connection:
            connection.executescript(sql)
    snapshots = {
        name: Snapshot(source=name, path=f"{name}.db", copy=Database(folder / f"{name}.db"), original="",
                       sha256="", source_sha256="", size=0, schema_sha256="", state={})
        for name in sources
    }  # fmt: skip
    return bind(read_plan(folder / "plan.yaml"), snapshots, folder / "templates", Engine.SYSTEM)


def head(*names: str, schema: bool = True, more: str = "") -> str:
    """Return the head of a plan whose sources are these."""
    sources = ", ".join(f"{name}: {{path: {name}.db}}" for name in names)
    held = ", schema: house.sql" if schema else ""
    return f"version: 1\n{more}sources: {{{sources}}}\ntargets: {{house: {{path: house.db{held}}}}}\n"


@contextmanager
def built_house(
    schema: str, plan: str, sources: Mapping[str, str], *, loose: str | None = None
) -> Iterator[BuiltHouse]:
    """Build a house of sources that have its schema, or a ``loose`` one."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        folder = Path(scratch)
        work = bind_house(folder, schema, plan, {name: (loose or schema) + sql for name, sql in sources.items()})
        house = BuiltHouse(folder=folder, job=work.targets[0])
        build_target(house.job, Database(house.stage), Database(house.ledger))
        yield house
