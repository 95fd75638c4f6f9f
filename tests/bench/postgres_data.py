"""The data of ``bench.postgres``: consolidated SQLite files, what each becomes in PostgreSQL, ready-made CSV files.

The rows are those of the plain variant, with a column of truth values besides: a file for each target, as the
consolidation leaves them.
"""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.core.quoting import dotted, quote
from tests.bench.dataset import DataSet, ensure_dataset
from tests.bench.kinds import KINDS, Kind

DATA_VERSION = 1
"""Of what is made of the rows: another one is made anew."""
NULL = "\\N"
"""In the CSV files, unquoted."""
TYPED = {"artifact": "jsonb", "updated_at": "timestamptz"}
"""Column -> its type in PostgreSQL, where the declaration does not say it."""
DECLARED = {
    "TEXT": "text",
    "INTEGER": "bigint",
    "REAL": "double precision",
    "BLOB": "bytea",
    "BOOLEAN": "boolean",
}
_TRUTHS = {
    "document": {"consensus": ("BOOLEAN", "CASE WHEN rounds % 3 THEN rounds % 2 END")},
    "score": {"is_final": ("BOOLEAN NOT NULL", "wins % 2")},
}
"""Kind -> a column more: its declaration, and its value by those that are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTable:
    """A table of a target."""

    target: str
    name: str
    kind: Kind
    said: tuple[str, ...]
    """Columns whose type the plan says."""
    added: Mapping[str, str]
    """Column that the legacy file lacks -> its value by those that are there."""
    source: Path
    """The legacy file."""

    @property
    def types(self) -> dict[str, str]:
        """Return the type of each column in PostgreSQL."""
        return {
            column: TYPED.get(column, DECLARED[declared.split()[0]])
            for column, (declared, _) in self.kind.columns.items()
        }

    @property
    def dotted(self) -> str:
        """Return its name with its schema, quoted."""
        return dotted(self.target, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidated:
    """What is to be loaded."""

    root: Path
    tables: tuple[LoadedTable, ...]
    rows: int

    @property
    def databases(self) -> Path:
        """The folder of a file for each target."""
        return self.root / "databases"

    @property
    def targets(self) -> list[str]:
        """Return the names of the files, without ``.db``, and of the schemas."""
        return sorted({table.target for table in self.tables})

    @property
    def size(self) -> int:
        """Return the bytes of all databases."""
        return sum(path.stat().st_size for path in self.databases.glob("*.db"))

    def csv_of(self, table: LoadedTable) -> Path:
        """Return where a table's rows lie as CSV."""
        return self.root / "csv" / f"{table.target}.{table.name}.csv"

    def largest_first(self) -> list[LoadedTable]:
        """Return the tables by the size of their CSV: so two workers end together."""
        return sorted(self.tables, key=lambda table: -self.csv_of(table).stat().st_size)


def ensure_consolidated(directory: Path, scale: float) -> Consolidated:
    """Make the databases and CSV files under ``directory``, or find them there."""
    dataset = ensure_dataset(directory, "plain", scale)
    tables = tuple(list_tables(dataset))
    made = Consolidated(root=directory / f"postgres-{DATA_VERSION}-{scale:g}", tables=tables, rows=dataset.rows)
    if not made.root.is_dir():
        part = replace(made, root=made.root.with_name(f"{made.root.name}.part"))
        shutil.rmtree(part.root, ignore_errors=True)
        part.databases.mkdir(parents=True)
        (part.root / "csv").mkdir()
        for table in tables:
            add_table(table, part.databases / f"{table.target}.db")
            write_csv(table, part.databases / f"{table.target}.db", part.csv_of(table))
        part.root.rename(made.root)
    return made


def list_tables(dataset: DataSet) -> Iterator[LoadedTable]:
    """List the tables of all targets."""
    for file in dataset.files:
        for table in file.tables:
            added = _TRUTHS.get(table.kind, {})
            columns = KINDS[table.kind].columns | added
            yield LoadedTable(
                target=file.target,
                name=table.name,
                kind=replace(KINDS[table.kind], columns=columns),
                said=tuple(column for column in columns if column in TYPED),
                added={column: expression for column, (_, expression) in added.items()},
                source=dataset.sources / f"{file.name}.db",
            )


def add_table(table: LoadedTable, database: Path) -> None:
    """Copy a table of a legacy file into the target's."""
    values = [table.added.get(column) or quote(column) for column in table.kind.columns]
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("ATTACH ? AS source", (str(table.source),))
        connection.execute("BEGIN")
        connection.execute(table.kind.table_sql(table.name))
        connection.execute(
            f"INSERT INTO {dotted('main', table.name)} SELECT {', '.join(values)} FROM {dotted('source', table.name)}"
        )
        for index in table.kind.index_sql(table.name):
            connection.execute(index)
        connection.execute("COMMIT")


def write_csv(table: LoadedTable, database: Path, path: Path) -> None:
    """Write a table as ``\\copy`` takes it: nothing is left to be converted."""
    blobs = [number for number, type_ in enumerate(table.types.values()) if type_ == "bytea"]
    with closing(sqlite3.connect(database)) as connection, path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in connection.execute(f"SELECT * FROM {quote(table.name)}"):
            cells = [NULL if value is None else value for value in row]
            for number in blobs:
                cells[number] = f"\\x{row[number].hex()}"
            writer.writerow(cells)


def describe_table(table: LoadedTable) -> str:
    """Return the statement that makes a table in PostgreSQL, without its keys and indexes."""
    lines = []
    for column, type_ in table.types.items():
        declared = table.kind.columns[column][0]
        words = f"  {quote(column)} {type_}"
        if "AUTOINCREMENT" in declared:
            words += " GENERATED BY DEFAULT AS IDENTITY"
        words += " NOT NULL" if "NOT NULL" in declared else ""
        words += f" DEFAULT {declared.partition('DEFAULT ')[2]}" if "DEFAULT" in declared else ""
        lines.append(words)
    return f"CREATE TABLE {table.dotted} (\n" + ",\n".join(lines) + "\n)"


def describe_structure(table: LoadedTable) -> list[str]:
    """Return the statements that make a table's key and indexes in PostgreSQL, and count its values."""
    key = ", ".join(map(quote, table.kind.key))
    indexes = (
        f"CREATE INDEX {quote('_'.join(('ix', table.name, *columns)))}"
        f" ON {table.dotted} ({', '.join(map(quote, columns))})"
        for columns in table.kind.indexes
    )
    return [f"ALTER TABLE {table.dotted} ADD PRIMARY KEY ({key})", *indexes, f"ANALYZE {table.dotted}"]


def write_load_system(data: Consolidated, folder: Path, variable: str) -> Path:
    """Write the system folder with which ours loads the data into the server that ``variable`` names; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"version": 1, "name": "bench", "title": "A benchmark", "postgres": {"variables": [variable]}}
    targets = {
        target: {
            "path": f"{target}.db",
            "postgres": target,
            "types": {
                f"{table.name}.{column}": table.types[column]
                for table in data.tables
                if table.target == target
                for column in table.said
            },
        }
        for target in data.targets
    }
    files = {table.source.stem: table.target for table in data.tables}
    plan = {
        "version": 1,
        "defaults": {"time_zone": "UTC"},
        "sources": {name: {"path": f"{name}.db"} for name in files},
        "targets": targets,
        "copy": {target: [f"{name}.*" for name in files if files[name] == target] for target in data.targets},
    }
    for name, content in (("system.yaml", about), ("plan.yaml", plan)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return folder
