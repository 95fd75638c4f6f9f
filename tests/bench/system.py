"""The benchmark's system folder: what a third party would write to consolidate these files.

JSON is YAML: the files are written with the standard library.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.bench.dataset import DataSet, SourceFile
from tests.bench.rewritten import EVERY_KIND, USERS

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
    """Plan a variant: copies when tables stand alone, column rules when two files hold them, else transforms."""
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
    if dataset.variant == "rewritten":
        return plan | {"tables": [*plan_users(dataset), *plan_transforms(dataset)]}
    first_files = [file for file in dataset.files if not file.second]
    return plan | {"tables": [entry for file in first_files for entry in plan_merges(file)]}


def plan_merges(file: SourceFile) -> list[Value]:
    """Plan the tables that a file shares with its partner."""
    return [
        {
            "into": f"{file.target}.{table.name}",
            "from": [f"{file.name}.{table.name}", f"{file.partner}.{table.name}"],
            "key": list(EVERY_KIND[table.kind].key),
            "on_conflict": {
                "rule": "merge",
                "order": [file.name, file.partner],
                "columns": EVERY_KIND[table.kind].column_rules(),
            },
        }
        for table in file.tables
    ]


def plan_users(dataset: DataSet) -> list[Value]:
    """Plan one set of users for each target whose files have some: by name, under new ids."""
    homes: dict[str, list[str]] = {}
    for file in dataset.files:
        if any(table.name == USERS for table in file.tables):
            homes.setdefault(file.target, []).append(file.name)
    return [
        {
            "into": f"{target}.{USERS}",
            "from": [f"{name}.{USERS}" for name in names],
            "key": list(EVERY_KIND["user"].key),
            "identity": {"column": "id", "strategy": "renumber"},
            "on_conflict": {"rule": "prefer", "order": names},
        }
        for target, names in homes.items()
    ]


def plan_transforms(dataset: DataSet) -> list[Value]:
    """Plan the tables of one file each; the references that they declare follow by themselves."""
    return [
        {
            "into": f"{file.target}.{table.name}",
            "from": [f"{file.name}.{table.name}"],
            "transform": EVERY_KIND[table.kind].transform,
        }
        for file in dataset.files
        for table in file.tables
        if table.name != USERS
    ]


def describe_schema(target: str, files: tuple[SourceFile, ...]) -> str:
    """Return the schema of a target: the tables and indexes of its sources, each once."""
    kinds = {table.name: EVERY_KIND[table.kind] for file in files if file.target == target for table in file.tables}
    statements = [
        statement for name, kind in kinds.items() for statement in (kind.table_sql(name), *kind.index_sql(name))
    ]
    return f"-- The {target} database of the benchmark.\n" + ";\n".join(statements) + ";\n"
