"""The arithmetic of ``bench.postgres``, that a bound of it can break, and that every way is what its name says."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from strongroom.core.errors import StrongroomError
from strongroom.core.plan import read_plan
from strongroom.core.system import read_system
from tests.bench.apart import measure_apart
from tests.bench.bounds import find_broken
from tests.bench.outcome import Contender
from tests.bench.postgres import BOUNDS, ServedMeasurement, format_ways, summarize
from tests.bench.postgres_check import Losses, format_losses
from tests.bench.postgres_data import (
    NULL,
    Consolidated,
    describe_structure,
    describe_table,
    ensure_consolidated,
    write_load_system,
)
from tests.bench.postgres_odd import CASES, count_wrong, format_values, judge, make_odd
from tests.bench.postgres_ways import ABOUT, DSN, OURS, PACKAGES, Ground

LOSSES = {name: Losses() for name in ABOUT if name not in ("floor", "verify")}
LIVE = {"cutover_s": 0.2, "cutover_command_s": 0.8, "rollback_s": 0.1, "rollback_command_s": 0.7}
KEPT = {bound.figure: bound.limit for bound in BOUNDS} | {"free_cores": 2.0}


def contender(name: str, wall: float, *, peak_mb: float = 80, server: float = 5) -> Contender:
    run = ServedMeasurement(wall=wall, cpu=2 * wall, peak_mb=peak_mb, others=0, server=server)
    return Contender(name=name, variant="plain", about=ABOUT[name], runs=(run,))


CONTENDERS = {name: contender(name, 10) for name in ABOUT} | {
    "load": contender("load", 20, peak_mb=90, server=9),
    "verify": contender("verify", 8, peak_mb=120, server=3),
    "pgloader": contender("pgloader", 36, peak_mb=900),
}
TENTH = {name: contender(name, 1, peak_mb=80) for name in OURS}


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Consolidated:
    return ensure_consolidated(tmp_path_factory.mktemp("bench"), 0.0002)


@pytest.fixture
def ground(tmp_path: Path, data: Consolidated) -> Ground:
    server: Any = SimpleNamespace(dsn="host=there", uri="postgresql:///there", password="secret-9", socket=tmp_path)
    peers = {"pgloader": Path("/usr/bin/pgloader"), **{name: Path("/usr/bin/python3") for name in PACKAGES}}
    return Ground(root=tmp_path, data=data, server=server, peers=peers)


def test_the_load_is_what_is_left_without_its_proof_and_divided_by_the_floor() -> None:
    summary = summarize(CONTENDERS, TENTH, LIVE, LOSSES)
    assert (summary["load_vs_floor"], summary["cpu_load"]) == (1.2, 1.2)
    assert (summary["pgloader_vs_load"], summary["pgloader_vs_proven"]) == (3.0, 1.8)
    assert (summary["duckdb_vs_load"], summary["peak_mb"], summary["peak_vs_tenth"]) == (0.833, 120, 1.5)
    assert set(KEPT) - {"odd"} <= set(summary)


def test_a_way_that_is_not_to_be_had_has_no_figure() -> None:
    some = {name: one for name, one in CONTENDERS.items() if name not in ("pgloader", "adbc")}
    summary = summarize(some, {}, LIVE, LOSSES)
    assert {"pgloader_vs_load", "pgloader_vs_proven", "adbc_vs_load", "peak_vs_tenth"}.isdisjoint(summary)
    assert summary["duckdb_vs_load"] == 0.833


@pytest.mark.parametrize("loss", ["missing", "extra", "changed"])
def test_a_cell_that_our_load_loses_breaks_a_bound(loss: str) -> None:
    lossy = LOSSES | {"load": replace(Losses(), **{loss: 1})}
    assert "lost" in find_broken(summarize(CONTENDERS, TENTH, LIVE, lossy), BOUNDS)


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.figure)
def test_every_figure_can_break_its_bound(bound: Any) -> None:
    assert find_broken(KEPT, BOUNDS) == []
    worse = bound.limit - 0.01 if bound.at_least else bound.limit + 0.01
    assert find_broken(KEPT | {bound.figure: worse}, BOUNDS) == [bound.figure]


def test_every_way_is_a_command_and_stands_in_the_table(ground: Ground) -> None:
    assert ground.names == list(ABOUT)
    for name in ABOUT:
        words = ground.spell(name)
        assert ("strongroom" in words) == (name in OURS), name
        assert name in OURS or words[0] in ("/bin/bash", "/usr/bin/pgloader")
        assert not any("secret-9" in word for word in words)
    assert [line.split()[0] for line in format_ways(CONTENDERS)[1:]] == [*ABOUT, "load"]
    assert [line.split()[0] for line in format_losses(LOSSES)[1:]] == list(LOSSES)


def test_without_others_programs_only_the_floor_and_ours_are_measured(ground: Ground) -> None:
    assert replace(ground, peers={}).names == ["floor", "floor_single", *OURS]


def test_pgloader_is_told_the_type_of_every_column_in_a_file_that_others_cannot_read(ground: Ground) -> None:
    commands = [Path(word) for word in ground.spell("pgloader")[1:]]
    assert [command.stem for command in commands] == ground.data.targets
    assert {command.stat().st_mode & 0o777 for command in commands} == {0o600}
    told = next(command for command in commands if command.stem == "core").read_text()
    assert "column debates.artifact to jsonb" in told
    assert "column audit_events.updated_at to timestamptz" in told


def test_the_databases_and_the_csv_files_hold_every_row_of_the_legacy_files(data: Consolidated) -> None:
    counted = 0
    for table, rows in every_table(data):
        with data.csv_of(table).open(newline="", encoding="utf-8") as file:
            written = list(csv.reader(file))
        assert [[show(value) for value in row] for row in rows] == written
        counted += len(written)
    assert counted == data.rows
    assert sorted(path.stem for path in data.databases.iterdir()) == data.targets == sorted(set(data.targets))


def test_every_type_that_the_issue_names_is_among_the_columns(data: Consolidated) -> None:
    types = {type_ for table in data.tables for type_ in table.types.values()}
    assert types == {"text", "bigint", "double precision", "bytea", "boolean", "jsonb", "timestamptz"}


def test_a_table_of_the_floor_has_the_keys_and_indexes_of_the_source(data: Consolidated) -> None:
    table = next(table for table in data.tables if table.name == "ratings")
    assert '"is_final" boolean NOT NULL' in describe_table(table)
    assert describe_structure(table) == [
        'ALTER TABLE "analytics"."ratings" ADD PRIMARY KEY ("agent", "debate_id")',
        'CREATE INDEX "ix_ratings_updated_at" ON "analytics"."ratings" ("updated_at")',
        'ANALYZE "analytics"."ratings"',
    ]


def test_the_plan_names_every_target_and_every_type_that_no_declaration_says(
    tmp_path: Path, data: Consolidated
) -> None:
    folder = write_load_system(data, tmp_path / "system", DSN)
    plan = read_plan(folder / "plan.yaml")
    assert {name: target.postgres for name, target in plan.targets.items()} == {name: name for name in data.targets}
    assert plan.targets["core"].types["debates", "artifact"].type == "jsonb"
    assert plan.defaults.time_zone == "UTC"
    assert read_system(folder).postgres.variables == (DSN,)
    assert json.loads((folder / "plan.yaml").read_text())["copy"]["memory"] == ["semantic.*", "continuum.*"]


def test_what_a_child_holds_is_its_peak_and_not_what_we_hold(tmp_path: Path) -> None:
    held = b"x" * 200_000_000
    run = measure_apart([sys.executable, "-c", "'y' * 60_000_000"], tmp_path)
    assert 60 < run.peak_mb < 120 < len(held) / 1e6


def test_a_child_that_fails_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(StrongroomError) as failed:
        measure_apart([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path)
    assert "no such thing" in str(failed.value.hint)


def test_hard_values_are_judged_one_by_one_and_so_is_the_plain_one_beside_each(tmp_path: Path) -> None:
    odd = make_odd(tmp_path / "odd")
    fits, unfit = CASES[0], next(case for case in CASES if case.becomes is None)
    stands = {
        "right": {0: False, 1: True},
        "altered": {0: False, 1: False},
        "GONE": {0: False},
        "GONE, and the table": {},
    }
    for wanted, rows in stands.items():
        server: Any = SimpleNamespace(read=lambda _, rows=rows: list(rows.items()))
        assert judge(fits, odd.tables[0], server, "odd") == wanted
    assert judge(unfit, odd.tables[0], SimpleNamespace(read=lambda _: [(0, False)]), "odd") == "left out"  # type: ignore[arg-type]
    assert judge(unfit, odd.tables[0], SimpleNamespace(read=lambda _: [(0, False), (1, None)]), "odd") == "altered"  # type: ignore[arg-type]
    assert count_wrong((0, [*stands, "left out", "left out, and the table"])) == 4
    assert format_values({"load": (4, ["right"] * len(CASES))})[-1].split() == ["exit", "code", "4"]


def test_every_hard_value_is_in_its_database_as_it_was_meant(tmp_path: Path) -> None:
    odd = make_odd(tmp_path / "odd")
    with closing(sqlite3.connect(odd.databases / "odd.db")) as connection:
        connection.text_factory = bytes
        for table, case in zip(odd.tables, CASES, strict=True):
            column = next(name for name in table.kind.columns if name != "id")
            ((same,),) = connection.execute(f'SELECT "{column}" IS {case.value} FROM {table.name} WHERE id = 1')
            assert same, case


def every_table(data: Consolidated) -> Iterator[tuple[Any, list[tuple[Any, ...]]]]:
    for table in data.tables:
        with closing(sqlite3.connect(data.databases / f"{table.target}.db")) as connection:
            yield table, connection.execute(f'SELECT * FROM "{table.name}"').fetchall()


def show(value: object) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return NULL if value is None else str(value)
