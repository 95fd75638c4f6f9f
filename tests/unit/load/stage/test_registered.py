"""Encrypted columns are loaded where their values open: types, names and primary keys stay what they were."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import PlanError
from strongroom.core.plan import read_plan
from strongroom.load.convert import Reading
from strongroom.load.rows.jobs import ColumnJob, TableJob
from strongroom.load.stage.columns import ServerType
from strongroom.load.stage.registered import refuse_unopened
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database

PLAN = """\
version: 1
sources: {zoe: {path: zoe.db}, auth: {path: auth.db}}
targets: {core: {path: core.db, postgres: accounts}}
copy: {core: [zoe.*]}
tables:
  - into: core.people
    from: [{table: auth.users, columns: {secret: api_key, number: id}}]
"""
FORM = {"table": "users", "primary_key": ["id"], "column": "api_key", "key": "encryption"}
OF_TARGET, OF_SOURCE = {"sqlite": "core.db", **FORM}, {"sqlite": "zoe.db", **FORM}
OF_AUTH = {"sqlite": "auth.db", **FORM}
THERE = {"postgres": "accounts", **FORM, "was": ["people.secret"]}
UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


def judge(
    folder: Path,
    *registered: Mapping[str, Any],
    types: Sequence[str] = ("int8", "text"),
    row: tuple[object, object] = (7, "sr1:"),
    table: str = "users",
    names: Sequence[str] = ("id", "api_key"),
    into: Sequence[str] | None = None,
) -> str:
    """Return what is said of a table of a key and a value; nothing where all opens."""
    (folder / "plan.yaml").write_text(PLAN)
    snapshot = Database(folder / "core.db")
    with closing(sqlite3.connect(snapshot.path)) as connection, connection:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} ({', '.join(names)})")
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", [row, (None, None)])
    there, *columns = into or (table, *names)
    job = TableJob(
        target="core",
        table=table,
        into=there,
        schema="accounts_staged",
        columns=tuple(
            ColumnJob(source=name, into=new, type=_read_type(kind), reading=Reading(), not_null=False)
            for name, new, kind in zip(names, columns, types, strict=False)
        ),
        kept=tuple(names),
        address="rowid",
        key=(),
        snapshot=snapshot,
        ledger=snapshot,
        size=0,
        row_size=0,
    )
    plan = read_plan(folder / "plan.yaml")
    entries = [ColumnEntry.model_validate(one) for one in registered]
    with open_snapshot(snapshot) as source:
        try:
            refuse_unopened(source, plan, plan.targets["core"], job, entries)
        except PlanError as error:
            return f"{error} ({error.hint})"
    return ""


def _read_type(kind: str) -> ServerType:
    name, _, length = kind.partition("(")
    return ServerType(name=name, modifier=int(length.rstrip(")")) + 4 if length else -1)


@pytest.mark.parametrize("registered", [OF_TARGET, OF_SOURCE, THERE])
@pytest.mark.parametrize(
    ("types", "row"),
    [
        (("int8", "text"), (7, "sr1:")),
        (("int2", "varchar"), (7, "sr1:")),
        (("text", "bytea"), ("7", b"sr1:")),
        (("varchar(40)", "text"), ("7", "sr1:")),
        (("uuid", "text"), (UUID, "sr1:")),
        (("bytea", "text"), (b"7", "sr1:")),
    ],
)
def test_what_stays_what_it_is_passes(
    tmp_path: Path, registered: Mapping[str, Any], types: Sequence[str], row: tuple[object, object]
) -> None:
    assert judge(tmp_path, registered, types=types, row=row) == ""


@pytest.mark.parametrize("registered", [OF_TARGET, OF_SOURCE, THERE])
@pytest.mark.parametrize(
    ("types", "row", "expected"),
    [
        (("int8", "varchar(40)"), (7, "sr1:"), "it becomes varchar(40), which holds no ciphertext"),
        (("int8", "jsonb"), (7, "sr1:"), "it becomes jsonb, which holds no ciphertext"),
        (("int8", "bpchar(9)"), (7, "sr1:"), "it becomes bpchar, which holds no ciphertext"),
        (("int8", "bytea"), (7, "sr1:"), "it becomes bytea, and holds values of the other kind"),
        (("int8", "text"), (7, b"sr1:"), "it becomes text, and holds values of the other kind"),
        (("numeric", "text"), (7, "sr1:"), "its primary key id becomes numeric, to which no value is bound"),
        (("float8", "text"), (7, "sr1:"), "its primary key id becomes float8, to which no value is bound"),
        (("timestamptz", "text"), (7, "sr1:"), "its primary key id becomes timestamptz, to which no value is bound"),
        (("text", "text"), (7, "sr1:"), "its primary key id becomes text, and some rows are others then"),
        (("int8", "text"), ("7", "sr1:"), "its primary key id becomes bigint, and some rows are others then"),
        (("uuid", "text"), (UUID.upper(), "sr1:"), "its primary key id becomes uuid, and some rows are others then"),
        (("uuid", "text"), (f"{{{UUID}}}", "sr1:"), "its primary key id becomes uuid, and some rows are others then"),
        (("uuid", "text"), (UUID.replace("-", ""), "sr1:"), "some rows are others then"),
        (("uuid", "text"), (bytes(16), "sr1:"), "its primary key id becomes uuid, and some rows are others then"),
        (("bytea", "text"), ("7", "sr1:"), "its primary key id becomes bytea, and some rows are others then"),
    ],
)
def test_what_becomes_another_is_refused(
    tmp_path: Path, registered: Mapping[str, Any], types: Sequence[str], row: tuple[object, object], expected: str
) -> None:
    said = judge(tmp_path, registered, types=types, row=row)
    assert said.startswith("core.users.api_key: is an encrypted column: ")
    assert expected in said
    assert judge(tmp_path, types=types, row=row) == ""


def test_names_are_compared_letter_by_letter_in_the_server(tmp_path: Path) -> None:
    for into in (("Users", "id", "api_key"), ("users", "id", "Api_Key"), ("members", "id", "api_key")):
        expected = f"it becomes {into[0]}.{into[2]}, where no value of it opens"
        assert expected in judge(tmp_path, OF_TARGET, into=into)
    assert judge(tmp_path, OF_TARGET, into=("users", "number", "api_key")) == ""


def test_a_new_name_passes_where_the_server_s_column_is_registered_with_the_old_one(tmp_path: Path) -> None:
    there = {"postgres": "accounts", "table": "people", "primary_key": ["number"], "column": "secret"}
    there |= {"key": "encryption", "was": ["users.api_key"]}
    names = {"table": "people", "names": ("number", "secret")}
    assert "it becomes people.secret" in judge(tmp_path, OF_AUTH, **names)  # type: ignore[arg-type]
    assert judge(tmp_path, OF_AUTH, there, **names) == ""  # type: ignore[arg-type]
    for wrong in ({"was": []}, {"key": "other"}, {"primary_key": ["secret_id"]}):
        assert judge(tmp_path, OF_AUTH, there | wrong, **names) != ""  # type: ignore[arg-type]


def test_what_is_not_loaded_is_named(tmp_path: Path) -> None:
    assert "id is not loaded" in judge(tmp_path, OF_TARGET | {"primary_key": ["uid"]}).replace("uid", "id")
    assert "other is not loaded" in judge(tmp_path, OF_SOURCE | {"column": "other"})


def test_columns_of_other_tables_files_and_schemas_are_not_looked_at(tmp_path: Path) -> None:
    others = (
        OF_TARGET | {"sqlite": "other.db"},
        OF_TARGET | {"table": "tokens"},
        THERE | {"postgres": "billing"},
        OF_AUTH,
    )
    assert judge(tmp_path, *others, types=("numeric", "jsonb")) == ""
