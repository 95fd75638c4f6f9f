"""A consolidation made by hand: a plan, files, a target and a ledger, each as right or wrong as a test wants it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
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

AT = "2026-11-26T12:00:00Z"
"""When everything was decided."""
Choice = tuple[str, Sequence[tuple[str, int]], object]
"""A table, the rows (``source.table``, rowid) of the group, and what is taken."""
Line = tuple[str, int, int, int, str, str, str | None, str | None]


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
    decisions: Sequence[Choice] = ()
    lines: Sequence[Line] | None = None
    """Of the ledger's table ``decided``; None: as the decisions say."""
    copies: Mapping[str, Sequence[Sequence[object]]] | None = None
    """Of the ledger's table ``undecided``, by table: what ``kept_table`` holds. None: a ledger without any."""

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
        if self.decisions:
            (folder / "decisions.yaml").write_text(self._write_decisions(folder / "sources"))
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

    def _write_decisions(self, sources: Path) -> str:
        decisions = [
            {
                "table": table,
                "rows": [{"source": name, "sha256": hash_row(sources, name, row)} for name, row in rows],
                "take": take,
                "at": AT,
            }
            for table, rows, take in self.decisions
        ]
        return json.dumps({"version": 1, "by": "ops", "why": "asked", "decisions": decisions})

    def _keep_decisions(self, ledger: sqlite3.Connection) -> None:
        ledger.execute(
            "CREATE TABLE decided (into_table TEXT, input INTEGER, row INTEGER, decision INTEGER, took TEXT, "
            '"by" TEXT, at TEXT, why TEXT)'
        )
        lines = self.lines
        if lines is None:
            ranks = {name: number for held in self.inputs.values() for number, name in enumerate(held, start=1)}
            lines = [
                (table, ranks[name], row, number, "something", "ops", AT, "asked")
                for number, (table, rows, _) in enumerate(self.decisions, start=1)
                for name, row in rows
            ]
        ledger.executemany("INSERT INTO decided VALUES (?, ?, ?, ?, ?, ?, ?, ?)", lines)

    def _keep_copies(self, ledger: sqlite3.Connection, house: House) -> None:
        ledger.execute("CREATE TABLE undecided (into_table TEXT, kept_table TEXT, columns TEXT)")
        for table, rows in (self.copies or {}).items():
            names = self._columns(house.targets["m"].structure.path, table)
            cells = "".join(f", c{place}" for place, _ in enumerate(names))
            ledger.execute("INSERT INTO undecided VALUES (?, ?, ?)", (f"m.{table}", f"kept {table}", json.dumps(names)))
            ledger.execute(
                f'CREATE TABLE "kept {table}" (_group INTEGER, _number INTEGER, _input INTEGER, _rowid INTEGER, '
                f"_waits INTEGER{cells}, PRIMARY KEY (_group, _number)) WITHOUT ROWID"
            )
            holes = ", ".join("?" * (5 + len(names)))
            ledger.executemany(f'INSERT INTO "kept {table}" VALUES ({holes})', rows)

    def _keep_cells(self, folder: Path, house: House) -> None:
        """Write the ledgers' tables, each entry with the cells that its row has."""
        if self.decisions or self.lines is not None:
            with closing(sqlite3.connect(folder / "ledger" / "m.db", isolation_level=None)) as ledger:
                self._keep_decisions(ledger)
        if self.copies is not None:
            with closing(sqlite3.connect(folder / "ledger" / "m.db", isolation_level=None)) as ledger:
                self._keep_copies(ledger, house)
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


def hash_row(sources: Path, name: str, row: int) -> str:
    """Return the hash of a source row as the paper says it."""
    source, _, table = name.partition(".")
    with closing(sqlite3.connect(sources / f"{source}.db")) as connection:
        connection.text_factory = lambda held: ("text", held)
        columns = [
            found[0][1].decode() for found in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))
        ]
        cells = connection.execute(f'SELECT * FROM "{table}" WHERE rowid = ?', (row,)).fetchone()
    written = [f"{name}\n", *(f"{column}={write_value(cell)}\n" for column, cell in zip(columns, cells, strict=True))]
    return hashlib.sha256("".join(written).encode()).hexdigest()


def write_value(cell: object) -> str:
    """Write a value for the hash; TEXT comes as a pair."""
    if cell is None:
        return "N"
    if isinstance(cell, int):
        return f"I{cell}"
    if isinstance(cell, float):
        return f"R{struct.pack('>d', cell).hex()}"
    return f"T{cell[1].hex()}" if isinstance(cell, tuple) else f"B{cell.hex()}"  # type: ignore[attr-defined]
