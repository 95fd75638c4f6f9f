"""A consolidation made by hand: a plan, files, a target and a ledger, each as right or wrong as a test wants it."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.consolidate.verify import Evidence, House, read_house, verify_content, verify_drops, verify_places
from strongroom.consolidate.verify import verify_soundness as verify_sound
from strongroom.core.results import Verification
from strongroom.sqlite.database import Database

Entry = tuple[int, str, str, int | None, int | None, int | None]
"""Row, disposition, rule, rowid in the target, input and row of the one that won."""


@dataclass(frozen=True, kw_only=True)
class HandMade:
    """What is proven; ``m`` is the only target, unless a test names others."""

    plan: str
    sources: Mapping[str, str]
    """Name to the statements that make ``name.db``."""
    built: str
    """The statements that fill the target, after the schema's."""
    inputs: Mapping[str, Sequence[str]]
    """``table`` to its inputs by rank; the schema's own rows are ``schema.table``."""
    schema: str = ""
    entries: Mapping[str, Sequence[Entry]] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    archive: str | None = None
    more: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Other targets: name to schema and statements."""

    def prove(self) -> list[str]:
        """Return everything that the proof finds wrong."""
        return [difference for part in self.verify() for difference in part.differences]

    def verify(self) -> list[Verification]:
        with tempfile.TemporaryDirectory() as scratch:
            house, folder = self.write(Path(scratch))
            found = [verify_drops(house), verify_places(house, folder / "sources", is_source=True)]
            for name, target in house.targets.items():
                if name in house.evidence.targets:
                    found.append(verify_content(house, name, [fed.table.name for fed in target.tables]))
                    found.append(verify_sound(house, name))
            return found

    def write(self, folder: Path) -> tuple[House, Path]:
        """Write everything into a folder, and read what must be there."""
        for name in ("sources", "built", "ledger", "scratch"):
            (folder / name).mkdir()
        (folder / "plan.yaml").write_text(f"version: 1\n{self.plan}")
        targets = {"m": (self.schema, self.built), **self.more}
        for name, (schema, built) in targets.items():
            (folder / f"{name}.sql").write_text(schema)
            execute(folder / "built" / f"{name}.db", schema + ";" + built)
            self._write_ledger(folder, name)
        for name, sql in self.sources.items():
            execute(folder / "sources" / f"{name}.db", sql)
        for name, text in self.documents.items():
            (folder / "sources" / name).write_text(text)
        if self.archive is not None:
            execute(folder / "archive.db", self.archive)
        evidence = Evidence(
            plan=folder / "plan.yaml",
            snapshots={file.name: Database(file) for file in (folder / "sources").iterdir()},
            targets={name: Database(folder / "built" / f"{name}.db") for name in targets},
            ledgers={name: Database(folder / "ledger" / f"{name}.db") for name in targets},
            archive=Database(folder / "archive.db"),
        )
        house = read_house(evidence, folder / "scratch")
        self._keep_cells(folder, house)
        return house, folder

    def _write_ledger(self, folder: Path, target: str) -> None:
        with closing(sqlite3.connect(folder / "ledger" / f"{target}.db")) as connection:
            connection.execute(
                "CREATE TABLE inputs (id INTEGER PRIMARY KEY, into_table TEXT, source TEXT, source_table TEXT, "
                "kept_table TEXT, columns TEXT, rowid_offset INTEGER, number INTEGER)"
            )
            connection.commit()

    def _keep_cells(self, folder: Path, house: House) -> None:
        """Write the ledgers' tables, each entry with the cells that its row has."""
        for into, names in self.inputs.items():
            target, _, table = into.rpartition(".") if "." in into else ("m", "", into)
            with closing(sqlite3.connect(folder / "ledger" / f"{target}.db", isolation_level=None)) as ledger:
                for number, name in enumerate(names, start=1):
                    source, _, given = name.partition(".")
                    is_seed = source == "schema"
                    database = house.targets[target].structure if is_seed else house.sources[source].database
                    columns = self._columns(database.path, given)
                    offset = self.offsets.get(name, 0)
                    values = (f"{target}.{table}", source, given, name, json.dumps(columns), offset, number)
                    ledger.execute("INSERT INTO inputs VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", values)
                    self._write_entries(ledger, database.path, name, given, len(columns))

    def _columns(self, file: Path, table: str) -> list[str]:
        with closing(sqlite3.connect(file)) as connection:
            return [
                row[0]
                for row in connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1", (table,))
            ]

    def _write_entries(self, ledger: sqlite3.Connection, file: Path, name: str, table: str, width: int) -> None:
        cells = "".join(f", c{place}" for place in range(width))
        ledger.execute(
            f'CREATE TABLE "{name}" (_rowid INTEGER PRIMARY KEY, _disposition TEXT, _reason TEXT, _rule TEXT, '
            f"_target_rowid INTEGER, _winner_input INTEGER, _winner_rowid INTEGER{cells})"
        )
        ledger.execute("ATTACH ? AS given", (str(file),))
        for row, disposition, rule, target_rowid, winner_input, winner_row in self.entries.get(name, ()):
            ledger.execute(
                f'INSERT INTO "{name}" SELECT ?, ?, ?, ?, ?, ?, ?, s.* FROM given."{table}" AS s WHERE s.rowid = ?',
                (row, disposition, "a reason", rule, target_rowid, winner_input, winner_row, row),
            )
        ledger.execute("DETACH given")


def execute(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(sql)
        connection.commit()
