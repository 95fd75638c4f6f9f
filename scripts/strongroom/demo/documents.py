"""JSON sources: documents whose objects have the members that the target table wants."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from strongroom.core.errors import ConfigurationError
from strongroom.core.plan import Plan, Source, TableRule
from strongroom.demo.content import Content
from strongroom.demo.tables import Column, Table, read_tables
from strongroom.demo.values import Value

_MOST = 20
_KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTable:
    """An array of objects in a document, shaped like the target table that it feeds."""

    name: str
    path: tuple[str, ...]
    table: Table
    members: Mapping[str, str]
    """Column of the target to the name of the member, where they differ."""


def read_document_tables(plan: Plan, source: Source) -> list[DocumentTable]:
    """Find what each of a JSON source's arrays feeds, in the schemas of the targets."""
    found = []
    for name, path in source.rows.items():
        parts = tuple(_split_path(path, source))
        rule = next((rule for rule in plan.tables if _feeds(rule, source, name)), None)
        table, members = _plain_table(source, name), {}
        if rule is not None:
            members = dict(next(entry.columns for entry in rule.inputs if entry.source == source.name))
            table = _read_target(plan, rule, source, name) or table
        found.append(DocumentTable(name=name, path=parts, table=table, members=members))
    return found


def write_document(file: Path, tables: Sequence[DocumentTable], content: Content, numbers: range) -> dict[str, int]:
    """Write one JSON source; returns the number of rows by table."""
    document: Any = {"version": 1, "note": 'naïve, "quoted", O\'Neill'}
    counts = {"document": 1}
    for entry in tables:
        objects = _make_objects(entry, content, numbers[:_MOST])
        counts[entry.name] = len(objects)
        keyed: Any = objects
        if _KEY in entry.members.values():
            keyed = {str(found.pop(_KEY)): found for found in objects}
        if not entry.path:
            document = keyed
            break
        place = document
        for part in entry.path[:-1]:
            place = place.setdefault(part, {})
        place[entry.path[-1]] = keyed
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return counts


def _make_objects(entry: DocumentTable, content: Content, numbers: range) -> list[dict[str, Any]]:
    names = {column.lower(): member for column, member in entry.members.items()}
    return [
        {
            names.get(column.name.lower(), column.name): _as_json(column, value)
            for column, value in zip(entry.table.columns, row, strict=True)
        }
        for row in content.make_rows(entry.table, numbers)
    ]


def _as_json(column: Column, value: Value) -> Any:
    return json.loads(value) if column.kind == "json" and isinstance(value, str) else value


def _feeds(rule: TableRule, source: Source, name: str) -> bool:
    return any(entry.source == source.name and entry.table in (name, "*") for entry in rule.inputs)


def _split_path(path: str, source: Source) -> list[str]:
    """Split ``$.a."b c"`` into its members; ``$`` is the whole document."""
    if not re.fullmatch(r'\$(\.(\w+|"[^"]+"))*', path):
        raise ConfigurationError(f"sources.{source.name}.rows", f"is no plain JSON path (got {path})")
    return [quoted or plain for plain, quoted in re.findall(r'\.(?:(\w+)|"([^"]+)")', path)]


def _read_target(plan: Plan, rule: TableRule, source: Source, name: str) -> Table | None:
    """Read the table that a rule fills from its target's schema, as one of the source's own."""
    schema = plan.targets[rule.target].schema
    if schema is None:
        return None
    with closing(sqlite3.connect(":memory:")) as connection:
        file = plan.path.parent / schema
        try:
            connection.executescript(file.read_text(encoding="utf-8"))
        except sqlite3.Error as error:
            raise ConfigurationError(file, str(error)) from error
        wanted = (name if rule.table == "*" else rule.table).lower()
        tables = read_tables(connection, source.name, source.path)
        found = next((table for table in tables if table.name.lower() == wanted), None)
    if found is None:
        return None
    epochs = {column.lower() for column, change in rule.transform.items() if change.name == "epoch"}
    columns = tuple(
        replace(column, kind="instant", affinity="REAL") if column.name.lower() in epochs else column
        for column in found.columns
        if column.affinity != "BLOB" and column.name != found.rowid_alias
    )
    return replace(found, columns=columns, rowid_alias=None, autoincrement=False, loose_key=None, references={}, rows=0)


def _plain_table(source: Source, name: str) -> Table:
    columns = (
        Column(name="name", affinity="TEXT", kind="name", nullable=False, has_default=False),
        Column(name="value", affinity="REAL", kind="measure", nullable=True, has_default=False),
    )
    return Table(
        source=source.name,
        path=source.path,
        name=name,
        columns=columns,
        rowid_alias=None,
        has_rowid=True,
        autoincrement=False,
        keys=(("name",),),
        loose_key=None,
        references={},
        checks=(),
        rows=0,
    )
