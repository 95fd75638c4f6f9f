"""Which column goes where, and how it is read: as the plan says, else as its values show, else not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from strongroom.core.errors import PlanError
from strongroom.core.plan.form import ColumnType
from strongroom.load.convert import Reading
from strongroom.load.rows.jobs import TableJob
from strongroom.load.stage.columns import ServerColumn, ServerType
from strongroom.load.stage.mapping import Side, find_column, find_table, find_type, map_table
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import read_schema
from tests.unit.load.draft.drafts import make_defaults, make_target

LATE = 2_000_000_000_000
"""Milliseconds of 2033; as seconds they lie far beyond every year."""
BOTH = 1_000_000_000
"""Seconds of 2001; as milliseconds they are of 1970."""


def column(name: str, kind: str, *, is_generated: bool = False) -> ServerColumn:
    return ServerColumn(
        name=name,
        declared=kind,
        type=ServerType(name=kind),
        not_null=False,
        is_generated=is_generated,
        has_sequence=False,
    )


def make_side(
    folder: Path,
    columns: Mapping[str, tuple[ServerColumn, ...]],
    types: Mapping[str, ColumnType] | None = None,
    zone: str | None = "UTC",
) -> Side:
    plan = cast("Any", SimpleNamespace(defaults=make_defaults(zone)))
    snapshot, ledger = Database(folder / "core.db"), Database(folder / "ledger.db")
    return Side(
        plan=plan, target=make_target(types), schema="core_staged", snapshot=snapshot, ledger=ledger, columns=columns
    )


def map_visits(folder: Path, script: str, side: Side, into: str = "visits") -> TableJob:
    with closing(sqlite3.connect(folder / "core.db")) as connection:
        connection.executescript(script)
    with open_snapshot(side.snapshot) as connection:
        return map_table(connection, side, read_schema(connection).tables["visits"], into)


def read_at(
    folder: Path, values: str, types: Mapping[str, ColumnType] | None = None, zone: str | None = "UTC"
) -> Reading:
    side = make_side(folder, {"visits": (column("at", "timestamptz"),)}, types, zone)
    job = map_visits(folder, f"CREATE TABLE visits (at DATETIME); INSERT INTO visits VALUES {values}", side)
    return job.columns[0].reading


@pytest.mark.parametrize(
    ("values", "said", "expected"),
    [
        (f"({BOTH})", ColumnType(epoch="ms"), Reading(zone="UTC", epoch="ms")),
        (f"({BOTH})", ColumnType(time_zone="Europe/Vienna"), Reading(zone="Europe/Vienna", epoch="s")),
        (f"({LATE}), (NULL)", None, Reading(zone="UTC", epoch="ms")),
        ("('2024-01-01')", None, Reading(zone="UTC")),
    ],
)
def test_times_are_read_as_the_plan_says_else_as_the_numbers_show(
    tmp_path: Path, values: str, said: ColumnType | None, expected: Reading
) -> None:
    types = {"Visits.AT": said} if said is not None else {}
    assert read_at(tmp_path, values, {"visits.other": ColumnType(epoch="us"), **types}) == expected


@pytest.mark.parametrize(
    ("values", "zone", "said"),
    [
        (
            f"({BOTH}), ({LATE})",
            "UTC",
            "holds numbers of no one unit (numbers between 1980 and 2100: 1 as seconds, 1 as",
        ),
        ("('2024-01-01')", None, "holds times without a zone"),
    ],
)
def test_what_nobody_says_is_refused(tmp_path: Path, values: str, zone: str | None, said: str) -> None:
    with pytest.raises(PlanError) as raised:
        read_at(tmp_path, values, zone=zone)
    assert raised.value.subject == "core.visits.at"
    assert said in raised.value.fact


def test_numbers_are_text_where_the_plan_says_so(tmp_path: Path) -> None:
    side = make_side(
        tmp_path, {"visits": (column("a", "text"), column("b", "text"))}, {"visits.a": ColumnType(type="text")}
    )
    job = map_visits(tmp_path, "CREATE TABLE visits (a, b)", side)
    assert [one.reading for one in job.columns] == [Reading(as_text=True), Reading()]


def test_a_type_that_takes_nothing_is_refused(tmp_path: Path) -> None:
    side = make_side(tmp_path, {"visits": (column("a", "money"),)})
    with pytest.raises(PlanError, match=r"core\.visits\.a: becomes money, which nothing is loaded into"):
        map_visits(tmp_path, "CREATE TABLE visits (a)", side)


def test_names_lead_to_their_own_else_to_the_only_one_that_is_alike(tmp_path: Path) -> None:
    columns = (
        column("a", "text"),
        column("A", "text"),
        column("Bee", "text"),
        column("x", "text"),
        column("X", "text"),
    )
    side = make_side(tmp_path, {"visits": columns, "Goods": (), "t": (), "T": ()})
    found = [find_table(side, name) for name in ("visits", "VISITS", "goods", "T", "none")]
    assert found == ["visits", "visits", "Goods", "T", None]
    names = [one and one.name for one in (find_column(side, "visits", name) for name in ("A", "bee", "x", "none"))]
    assert names == ["A", "Bee", "x", None]
    assert find_table(make_side(tmp_path, {"aB": (), "Ab": ()}), "ab") is None


def test_a_table_is_loaded_without_what_the_server_computes_or_lacks(tmp_path: Path) -> None:
    side = make_side(
        tmp_path, {"Visits": (column("twice", "int8", is_generated=True), column("N", "int8"), column("more", "text"))}
    )
    script = "CREATE TABLE visits (n INTEGER PRIMARY KEY, twice INT, gone TEXT); INSERT INTO visits VALUES (5, 10, 'x')"
    job = map_visits(tmp_path, script, side, "Visits")
    assert [(one.source, one.into) for one in job.columns] == [("n", "N")]
    assert (job.kept, job.key, job.name, job.into) == (("n", "twice", "gone"), (), "core.visits", "Visits")
    assert job.address is not None


def test_a_table_without_rowids_is_known_by_its_key(tmp_path: Path) -> None:
    side = make_side(tmp_path, {"visits": (column("a", "text"), column("b", "text"))})
    job = map_visits(tmp_path, "CREATE TABLE visits (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID", side)
    assert (job.address, job.key, job.order) == (None, ("b", "a"), 'ORDER BY "b", "a"')


def test_a_type_is_said_of_one_column_in_any_case(tmp_path: Path) -> None:
    said = ColumnType(type="uuid")
    target = make_target({"Visits.Id": said})
    assert find_type(target, "visits", "ID") is said
    assert find_type(target, "visits", "other") is None
    assert find_type(target, "others", "id") is None
