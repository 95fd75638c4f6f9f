"""The benchmark's system folder: what a third party would write to consolidate these files.

JSON is YAML: the files are written with the standard library.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.bench.dataset import DataSet, SourceFile
from tests.bench.kinds import KINDS

Value = dict[str, object]


def write_system(dataset: DataSet, folder: Path) -> Path:
    """Write the system folder of a data set afresh and return it."""
    shutil.rmtree(folder, ignore_errors=True)
    schemas = folder / "sqlite"
    schemas.mkdir(parents=True)
    title = f"Benchmark data, {dataset.variant}"
    write_yaml(folder / "system.yaml", {"version": 1, "name": "bench", "title": title})
    write_yaml(folder / "plan.yaml", draw_plan(dataset))
    for target in sorted({file.target for file in dataset.files}):
        path = schemas / f"{target}.sql"
        path.write_text(describe_schema(target, dataset.files), encoding="utf-8")
    return folder


def write_yaml(path: Path, content: Value) -> None:
    """Write one file of the system."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def draw_plan(dataset: DataSet) -> Value:
    """Plan a variant: copies when tables stand alone, column rules when two files hold them."""
    plan: Value = {
        "version": 1,
        "sources": {file.name: {"path": f"{file.name}.db"} for file in dataset.files},
        "targets": {
            file.target: {"path": f"{file.target}.db", "schema": f"sqlite/{file.target}.sql"} for file in dataset.files
        },
    }
    if dataset.variant == "plain":
        copies: dict[str, list[str]] = {}
        for file in dataset.files:
            copies.setdefault(file.target, []).append(f"{file.name}.*")
        return plan | {"copy": copies}
    first_files = [file for file in dataset.files if not file.second]
    return plan | {"tables": [entry for file in first_files for entry in plan_merges(file)]}


def plan_merges(file: SourceFile) -> list[Value]:
    """Plan the tables that a file shares with its partner."""
    return [
        {
            "into": f"{file.target}.{table.name}",
            "from": [f"{file.name}.{table.name}", f"{file.partner}.{table.name}"],
            "key": list(KINDS[table.kind].key),
            "on_conflict": {
                "rule": "merge",
                "order": [file.name, file.partner],
                "columns": KINDS[table.kind].column_rules(),
            },
        }
        for table in file.tables
    ]


def describe_schema(target: str, files: tuple[SourceFile, ...]) -> str:
    """Return the schema of a target: the tables and indexes of its sources, each once."""
    kinds = {table.name: KINDS[table.kind] for file in files if file.target == target for table in file.tables}
    statements = [
        statement for name, kind in kinds.items() for statement in (kind.table_sql(name), *kind.index_sql(name))
    ]
    return f"-- The {target} database of the benchmark.\n" + ";\n".join(statements) + ";\n"
