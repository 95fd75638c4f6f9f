"""Random decisions beside an oracle in plain Python: before publish and after it, what was decided is there and proven.

The oracle is written from the paper and shares no code with what it watches.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.scene import Scene, read_rows, run, write_database, write_system
from tests.unit.consolidate.verify.hand_made import hash_row

SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, v, w);
CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id), s TEXT);
"""
PLAN = """\
version: 1
sources: {s0: {path: s0.db}, s1: {path: s1.db}, s2: {path: s2.db}}
targets: {m: {path: m.db, schema: sqlite/m.sql}}
tables:
  - {into: m.t, from: [s0.t, s1.t, s2.t], key: [k], IDENTITYon_conflict: {rule: quarantine}}
  - {into: m.c, from: [s0.c, s1.c, s2.c], on_conflict: {rule: keep_both}}
"""
IDENTITY = "identity: {{column: id, strategy: {}}}, "
VALUES = ["1", "1.0", "'1'", "x'31'", "NULL", "''", "0.0", "-0.0", "CAST(x'ff' AS TEXT)"]
Take = int | str | dict[str, int]


@dataclass(frozen=True)
class Row:
    """A row of ``t``: its file, its id, and the SQL of its values."""

    file: int
    id: int
    k: str
    v: str
    w: str

    @property
    def values(self) -> tuple[str, str, str]:
        return self.k, self.v, self.w


@dataclass(frozen=True)
class Case:
    """Rows of three files, how ids are kept apart, and what is taken of which group."""

    rows: tuple[Row, ...]
    is_renumbered: bool
    takes: Mapping[str, Take]

    def group(self, k: str) -> list[Row]:
        return sorted((row for row in self.rows if row.k == k), key=lambda row: (row.file, row.id))

    def list_rows(self, k: str) -> list[Row]:
        """Return the shown row and those that differ from it: what a decision lists."""
        first, *others = self.group(k)
        return [first, *(row for row in others if not self._are_identical(row, first))]

    def _are_identical(self, one: Row, other: Row) -> bool:
        return one.values == other.values and (self.is_renumbered or one.id == other.id)

    def predict(self) -> dict[tuple[int, int], tuple[str, tuple[str, str, str]]]:
        """Return for each source row what stands for it: a name of that row, and its values."""
        found = {}
        for k in {row.k for row in self.rows}:
            take, listed, group = self.takes.get(k), self.list_rows(k), self.group(k)
            shown = listed[0]
            values = shown.values
            if isinstance(take, int):
                values = listed[take - 1].values
            elif isinstance(take, dict):
                values = (k, *(getattr(listed[take.get(name, 1) - 1], name) for name in ("v", "w")))
            for row in group:
                own = next(one for one in group if one.values == row.values) if take == "all" else shown
                found[row.file, row.id] = f"{own.file}.{own.id}", own.values if take == "all" else values
        return found


@st.composite
def cases(draw: st.DrawFn) -> Case:
    is_renumbered = draw(st.booleans())
    rows = []
    for file in range(3):
        for k in draw(st.lists(st.sampled_from(["x", "y", "z"]), unique=True, max_size=3)):
            free = [n for n in range(1, 6) if all((row.file, row.id % 10) != (file, n) for row in rows)]
            number = draw(st.sampled_from(free))
            values = (draw(st.sampled_from(VALUES)) for _ in range(2))
            rows.append(Row(file, number if is_renumbered else number + 10 * file, k, *values))
    case = Case(tuple(rows), is_renumbered, {})
    takes = {}
    for k in sorted({row.k for row in rows}):
        size = len(case.list_rows(k))
        if size > 1:
            number = st.integers(1, size)
            columns = st.dictionaries(st.sampled_from(["v", "w"]), number, min_size=1)
            take = draw(st.one_of(st.none(), number, columns, *([st.just("all")] if is_renumbered else [])))
            if take is not None:
                takes[k] = take
    return Case(case.rows, is_renumbered, takes)


def build(root: Path, case: Case) -> Scene:
    plan = PLAN.replace("IDENTITY", IDENTITY.format("renumber" if case.is_renumbered else "keep"))
    scene = Scene(system=write_system(root / "s", plan, {"m": SCHEMA}), source=root / "source", target=root / "target")
    for file in range(3):
        mine = [row for row in case.rows if row.file == file]
        sql = "".join(
            f"INSERT INTO t VALUES ({row.id}, '{row.k}', {row.v}, {row.w});"
            f"INSERT INTO c (t, s) VALUES ({row.id}, '{row.file}.{row.id}');"
            for row in mine
        )
        write_database(scene.source / f"s{file}.db", SCHEMA + sql)
    return scene


def write_decisions(scene: Scene, case: Case) -> Path:
    """Write what is taken; the file of a group lists its rows in their order, and its other groups are open."""
    decisions = []
    for k in sorted({row.k for row in case.rows}):
        listed = case.list_rows(k)
        if len(listed) > 1:
            rows = [
                {"source": f"s{row.file}.t", "sha256": hash_row(scene.source, f"s{row.file}.t", row.id)}
                for row in listed
            ]
            decisions.append({"table": "m.t", "key": {"k": k}, "rows": rows, "take": case.takes.get(k)})
    file = scene.system / "decisions.yaml"
    file.write_text(json.dumps({"version": 1, "by": "ops", "decisions": decisions}))
    return file


def check(scene: Scene, case: Case) -> None:
    """Hold the target against the oracle: each child stands below the row that stands for its own parent."""
    held = dict(_read(scene))
    wanted = {f"{file}.{number}": stands for (file, number), stands in case.predict().items()}
    assert held.keys() == wanted.keys()
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.text_factory = lambda content: ("text", content)
        for child, (name, values) in wanted.items():
            (typed,) = connection.execute(f"SELECT '{values[0]}', {values[1]}, {values[2]}")
            assert [_type(value) for value in held[child][1:]] == [_type(value) for value in typed], (child, name)
    places: dict[str, set[int]] = {}
    for child, (name, _) in wanted.items():
        places.setdefault(name, set()).add(held[child][0])
    assert all(len(place) == 1 for place in places.values())
    assert len({next(iter(place)) for place in places.values()}) == len(places)
    assert read_rows(scene.target / "m.db", "SELECT count(*) FROM t") == [(len(places),)]


def _read(scene: Scene) -> Iterator[tuple[str, Sequence[Any]]]:
    for child, *row in read_rows(scene.target / "m.db", "SELECT c.s, t.* FROM c LEFT JOIN t ON t.id = c.t"):
        yield child[1].decode(), row


def _type(value: Any) -> Any:
    return ("real", value.hex()) if isinstance(value, float) else value


def count_open(case: Case) -> int:
    return sum(len(case.list_rows(k)) > 1 and k not in case.takes for k in {row.k for row in case.rows})


def verify(scene: Scene) -> dict[str, Any]:
    return run(scene.argv("verify", "--json")).json


FEW = settings(
    max_examples=min(settings.default.max_examples, 400 if settings.get_current_profile_name() == "nightly" else 20)
)


@FEW
@given(cases())
def test_what_was_decided_before_publish_is_there_and_proven(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene = build(Path(folder), case)
        file = write_decisions(scene, case)
        ended = run(scene.argv("run", "--decisions", str(file), "--quarantine-budget", "99"))
        assert ended.code == 0, ended.out + ended.err
        check(scene, case)
        assert sum(verify(scene)["undecided"].values()) == count_open(case)


@FEW
@given(cases())
def test_what_was_decided_after_publish_is_there_and_proven(case: Case) -> None:
    """The ids of rows that are all kept are for a run to give."""
    case = Case(case.rows, case.is_renumbered, {k: take for k, take in case.takes.items() if take != "all"})
    with tempfile.TemporaryDirectory() as folder:
        scene = build(Path(folder), case)
        assert run(scene.argv("run", "--quarantine-budget", "99")).code == 0
        check(scene, Case(case.rows, case.is_renumbered, {}))
        with closing(sqlite3.connect(scene.target / "m.db")) as connection, connection:
            connection.execute("CREATE TABLE app (a)")
        ended = run(scene.argv("decide", "--decisions", str(write_decisions(scene, case)), "--apply"))
        assert ended.code == 0, ended.out + ended.err
        check(scene, case)


@FEW
@given(cases(), st.data())
def test_no_value_of_a_decided_row_can_be_another(case: Case, data: st.DataObject) -> None:
    rows = [row for row in case.rows if row.k in case.takes]
    if not rows:
        return
    row, column = data.draw(st.sampled_from(rows)), data.draw(st.sampled_from(["v", "w"]))
    held = case.predict()[row.file, row.id][1][1 if column == "v" else 2]
    other = data.draw(st.sampled_from([value for value in VALUES if value != held]))
    with tempfile.TemporaryDirectory() as folder:
        scene = build(Path(folder), case)
        file = write_decisions(scene, case)
        assert run(scene.argv("run", "--decisions", str(file), "--quarantine-budget", "99")).code == 0
        with closing(sqlite3.connect(scene.target / "m.db")) as connection, connection:
            child = f"SELECT t FROM c WHERE s = '{row.file}.{row.id}'"
            assert connection.execute(f"UPDATE t SET {column} = {other} WHERE id = ({child})").rowcount == 1
        assert verify(scene)["verdict"] == "DIFFERENT"


@pytest.mark.parametrize("take", [2, {"v": 2}, "all"])
def test_a_decision_is_proven_whatever_the_order_of_its_rows(tmp_path: Path, take: Take) -> None:
    rows = (Row(0, 1, "x", "1", "1"), Row(1, 1, "x", "2", "2"), Row(2, 1, "x", "3", "3"))
    case = Case(rows, is_renumbered=True, takes={"x": take})
    scene = build(tmp_path, case)
    file = write_decisions(scene, case)
    content = json.loads(file.read_text())
    first, second, third = content["decisions"][0]["rows"]
    content["decisions"][0]["rows"] = [third, second, first]
    file.write_text(json.dumps(content))
    assert run(scene.argv("run", "--decisions", str(file))).code == 0
    check(scene, case)
