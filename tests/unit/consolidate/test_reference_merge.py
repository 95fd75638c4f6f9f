"""Random schemas, rows, duplicates and rules: the engine does what a plain reference does, and can prove it.

Beside it: whatever single cell of a target is changed, the verifier sees it.
"""

from __future__ import annotations

import json
import math
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from hypothesis import assume, event, given, note
from hypothesis import strategies as st

from strongroom.binding import TargetJob, bind
from strongroom.consolidate.merge import build_target
from strongroom.consolidate.merge.two_files import can_merge_pairs
from strongroom.consolidate.verify import Evidence, read_house, verify_content, verify_soundness
from strongroom.core.engines import Engine
from strongroom.core.errors import DecisionNeededError
from strongroom.core.instants import read_instant
from strongroom.core.plan import ColumnRule, Conflict, Plan, read_plan
from strongroom.core.results import DISPOSITIONS, Verification
from strongroom.sqlite.connection import RawText
from strongroom.sqlite.database import Database
from strongroom.sqlite.snapshot import Snapshot
from tests.unit.consolidate.merge_cases import VALUES, Case, Column, Given, cases, text
from tests.unit.consolidate.reference_merge import FRESH, Place, Row, Rules, Value, Values, merge, typed

MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A case on disk: its sources written, its plan bound."""

    case: Case
    job: TargetJob
    stage: Database
    ledger: Database
    sources: dict[str, Path]

    def verify(self) -> list[Verification]:
        """Prove what was built from the plan's text, which is all that the proof shares with the engine."""
        with tempfile.TemporaryDirectory(dir=self.stage.path.parent) as scratch:
            evidence = Evidence(
                plan=self.stage.path.parent / "plan.yaml",
                snapshots={file.name: Database(file) for file in self.sources.values()},
                targets={"house": self.stage},
                ledgers={"house": self.ledger},
                archive=None,
            )
            house = read_house(evidence, Path(scratch))
            return [verify_content(house, "house", ["t"]), verify_soundness(house, "house")]


@contextmanager
def prepared(case: Case) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        folder = Path(scratch)
        (folder / "house.sql").write_text(f"{case.declare()}; {case.more}")
        sources = {}
        for source in case.sources:
            sources[source.name] = folder / f"{source.name}.db"
            write_source(case, source, sources[source.name])
        snapshots = {
            name: Snapshot(source=name, path=file.name, copy=Database(file), original=str(file), sha256="",
                           source_sha256="", size=0, schema_sha256="", state={})
            for name, file in sources.items()
        }  # fmt: skip
        work = bind(plan_of(case, folder), snapshots, folder / "templates", Engine.SYSTEM)
        yield Bench(
            case=case,
            job=work.targets[0],
            stage=Database(folder / "stage.db"),
            ledger=Database(folder / "ledger.db"),
            sources=sources,
        )


def plan_of(case: Case, folder: Path) -> Plan:
    """Write the plan as text, for the proof too, and read it."""
    conflict: dict[str, object] = {"rule": case.conflict.rule, "order": list(case.conflict.order)}
    if case.conflict.by:
        conflict["by"] = list(case.conflict.by)
    if case.conflict.rule == "merge":
        conflict["columns"] = {
            name: {what: said for what, said in asdict(chosen).items() if said is not None}
            for name, chosen in case.conflict.columns.items()
        }
    rule: dict[str, object] = {
        "into": "house.t",
        "from": [{"table": f"{source.name}.t", "columns": dict(source.renamed)} for source in case.sources],
        "on_conflict": conflict,
        "transform": dict(case.transform),
    }
    if case.key:
        rule["key"] = list(case.key)
    if case.renumber:
        rule["identity"] = {"column": "id", "strategy": "renumber"}
    if case.where:
        rule["where"] = {"sql": case.where, "reason": "left out"}
    plan = {
        "version": 1,
        "sources": {source.name: {"path": f"{source.name}.db", "trust": source.trust} for source in case.sources},
        "targets": {"house": {"path": "house.db", "schema": "house.sql"}},
        "tables": [rule],
    }
    (folder / "plan.yaml").write_text(json.dumps(plan))
    return read_plan(folder / "plan.yaml")


def insert(connection: sqlite3.Connection, table: str, names: Sequence[str], values: Values) -> None:
    """Insert one row if the table takes it; TEXT goes in as its bytes."""
    holes = ", ".join("CAST(? AS TEXT)" if isinstance(value, RawText) else "?" for value in values)
    listed = ", ".join(f'"{name}"' for name in names)
    plain = [bytes(value) if isinstance(value, bytes) else value for value in values]
    connection.execute(f"INSERT OR IGNORE INTO {table} ({listed}) VALUES ({holes})", plain)


def write_source(case: Case, source: Given, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(case.declare(source))
        names = [source.name_of(column.name) for column in source.columns]
        may_choose = source.is_loose or not (case.has_id or case.without_rowid)
        for rowid, values in source.rows:
            chosen = rowid is not None and may_choose
            insert(connection, "t", ["rowid", *names] if chosen else names, (rowid, *values) if chosen else values)
        connection.execute("COMMIT")


def read_source(case: Case, source: Given, file: Path) -> list[tuple[int, bool, dict[str, Value]]]:
    """Read number, whether `where` holds, and values by the target's names; rows without rowids count in key order."""
    number = "rowid"
    if case.without_rowid and not source.is_loose:
        number = f"row_number() OVER (ORDER BY {', '.join(case.primary)})"
    listed = ", ".join(f'"{source.name_of(column.name)}"' for column in source.columns)
    with closing(sqlite3.connect(file)) as connection:
        connection.text_factory = RawText
        rows = connection.execute(
            f"SELECT {number}, ({case.where or 1}) IS TRUE, {listed} FROM t ORDER BY 1"
        ).fetchall()
    names = [column.name for column in source.columns]
    return [(row[0], bool(row[1]), dict(zip(names, row[2:], strict=True))) for row in rows]


def transformed(way: str | None, value: Value) -> Value:
    if way is None or not isinstance(value, RawText):
        return value
    try:
        plain = value.decode()
    except UnicodeDecodeError:
        return value
    return RawText((plain.strip() if way == "trim" else plain.casefold()).encode())


def reference_rows(case: Case, bench: Bench) -> list[Row]:
    """Read the sources in the plan's order; SQLite itself says how the target's columns store their values."""
    return [row for row, _ in stored_rows(case, bench)]


def has_misfit(case: Case, bench: Bench) -> bool:
    """Tell whether a column would change a value that a source brings: then the proof refuses the result."""
    return any(is_changed and row.wanted for row, is_changed in stored_rows(case, bench))


def stored_rows(case: Case, bench: Bench) -> list[tuple[Row, bool]]:
    """Read the sources in the plan's order, as they are stored, and whether that changed a value of theirs."""
    defaults = {"DEFAULT 7": 7, "DEFAULT 'x'": RawText(b"x")}
    ranked = sorted(case.sources, key=lambda source: (_rank(case, source), -source.trust))  # then by the place in from
    rows: list[tuple[Row, bool]] = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as shelf:
        shelf.text_factory = RawText
        listed = ", ".join(f"{column.name} {column.declared}" for column in case.columns)
        shelf.execute(f"CREATE TABLE t ({listed}){' STRICT' if case.is_strict else ''}")
        for source in ranked:
            for number, wanted, held in read_source(case, source, bench.sources[source.name]):
                values = [
                    transformed(case.transform.get(column.name), held[column.name])
                    if column.name in held
                    else defaults.get(column.default)
                    for column in case.columns
                ]
                insert(shelf, "t", case.names, tuple(values))
                stored = shelf.execute("SELECT * FROM t").fetchone()
                shelf.execute("DELETE FROM t")
                is_changed = any(
                    typed([value]) != typed([kept]) and column.name in held
                    for column, value, kept in zip(case.columns, values, stored, strict=True)
                )
                rows.append((Row(place=(source.name, number), values=stored, wanted=wanted), is_changed))
    return rows


def _rank(case: Case, source: Given) -> int:
    order = case.conflict.order
    return order.index(source.name) if source.name in order else len(order)


def rules_of(case: Case) -> Rules:
    place = case.names.index
    never = math.inf if case.conflict.rule == "oldest" else -math.inf
    unique = [(place(case.unique),)] if case.unique else []
    if case.primary:
        unique.append(tuple(place(name) for name in case.primary))
    return Rules(
        rule=case.conflict.rule,
        key=tuple(place(name) for name in case.key),
        instant=lambda value: never if value in (None, b"") and type(value) is not bytes else read_instant(value),
        by=tuple(place(name) for name in case.conflict.by),
        columns={place(name): (rule.rule, place(rule.by) if rule.by else rule.pattern or 0)
                 for name, rule in case.conflict.columns.items()},
        has_id=case.has_id,
        renumber=case.renumber,
        unique=tuple(unique),
        required=tuple(place(name) for name in case.primary) if case.without_rowid else (),
    )  # fmt: skip


def read_target(bench: Bench, highest: int) -> Counter[tuple[object, ...]]:
    """Count the target's rows; ids beyond all that were ever in use are fresh."""
    with closing(sqlite3.connect(bench.stage.path)) as connection:
        connection.text_factory = RawText
        rows = connection.execute("SELECT * FROM t").fetchall()
    if not bench.case.renumber:
        return Counter(map(typed, rows))
    return Counter((FRESH if row[0] > highest else typed(row[:1])[0], *typed(row[1:])) for row in rows)


def read_ledger(bench: Bench) -> dict[Place, tuple[str, tuple[object, ...]]]:
    """Read disposition and kept values of every row that has an entry."""
    entries = {}
    with closing(sqlite3.connect(bench.ledger.path)) as connection:
        connection.text_factory = RawText
        for source in bench.case.sources:
            kept = ", ".join(f"c{number}" for number in range(len(source.columns)))
            query = f'SELECT _rowid, _disposition, _reason, {kept} FROM "{source.name}.t"'
            for rowid, disposition, reason, *values in connection.execute(query):
                assert reason or disposition == "inserted"
                entries[source.name, rowid] = (disposition.decode(), typed(values))
    return entries


def check_against_reference(case: Case) -> set[str]:
    """Compare everything that a build leaves with the reference; return the dispositions that came up."""
    with prepared(case) as bench:
        rows = reference_rows(case, bench)
        expected = merge(rows, rules_of(case))
        if expected is None:
            with pytest.raises(DecisionNeededError):
                build_target(bench.job, bench.stage, bench.ledger)
            return {"failed"}
        fate, target = expected
        build_target(bench.job, bench.stage, bench.ledger)
        entries = read_ledger(bench)
        found = {row.place: entries[row.place][0] if row.place in entries else "inserted" for row in rows}
        assert found == fate, sorted((k, found[k], fate[k]) for k in fate if found[k] != fate[k])
        ids = [row.values[0] for row in rows if case.has_id and isinstance(row.values[0], int)]
        assert read_target(bench, max(ids, default=0)) == Counter(target)
        check_losers(case, bench, entries)
        if has_misfit(case, bench):
            assert any(part.differences for part in bench.verify())
            return {"refused"}
        check_proof(case, bench.verify(), fate)
        return set(fate.values())


def check_losers(case: Case, bench: Bench, entries: dict[Place, tuple[str, tuple[object, ...]]]) -> None:
    """What did not arrive plainly is kept with the source's own values."""
    for source in case.sources:
        for number, _, held in read_source(case, source, bench.sources[source.name]):
            if (source.name, number) in entries:
                assert entries[source.name, number][1] == typed(held.values())


def check_proof(case: Case, proof: list[Verification], fate: dict[Place, str]) -> None:
    """The verifier explains every row, and finds the same dispositions on its own."""
    wrong = [difference for part in proof for difference in part.differences]
    assert not wrong, wrong
    for source in case.sources:
        tally = asdict(proof[0].tables[f"{source.name}.t"])
        counted = Counter(disposition for (name, _), disposition in fate.items() if name == source.name)
        assert {name: tally[name] for name in DISPOSITIONS} == {name: counted[name] for name in DISPOSITIONS}
        assert tally["unexplained"] == 0
        assert tally["read"] == sum(counted.values())


def case_of(kind: str, columns: str, *sources: Given, rule: str = "quarantine", **more: object) -> Case:
    """Write a case shortly: columns as ``id INTEGER, c0``."""
    settled: dict[str, object] = {
        "without_rowid": False, "unique": None, "renumber": rule == "keep_both", "where": None, "transform": {},
        "conflict": Conflict(rule=rule), **more,
    }  # fmt: skip
    return Case(kind=kind, columns=columns_of(columns), sources=sources, **settled)  # type: ignore[arg-type]


def columns_of(listed: str) -> tuple[Column, ...]:
    split = [part.strip().partition(" ") for part in listed.split(",")]
    return tuple(Column(name=name, declared=declared) for name, _, declared in split)


def loose(name: str, columns: str, *rows: Values, rowids: Sequence[int | None] = ()) -> Given:
    """Give rows of a source without constraints."""
    placed = tuple(zip([*rowids, *[None] * len(rows)], rows, strict=False))
    return Given(name=name, trust=50, columns=columns_of(columns), is_loose=True, renamed={}, rows=placed)


def strict(name: str, columns: str, *rows: Values) -> Given:
    """Give rows of a source with the target's own definition."""
    return replace(loose(name, columns, *rows), is_loose=False)


MERGE_C1 = Conflict(rule="merge", columns={"c1": ColumnRule(rule="newest", by="c1")})
LOOK_ALIKES = (("a", 1), ("b", text("1")), ("c", 1.0))
KNOWN = {
    "a new id in place of one that the column would change": case_of(
        "integer", "id INTEGER, c0", loose("s0", "id, c0", (2, 1), (2.0, 2)), rule="keep_both"
    ),
    "look-alikes in an ANY column": case_of(
        "text", "c0 TEXT, c1 ANY", strict("s0", "c0 TEXT, c1 ANY", *((text(key), value) for key, value in LOOK_ALIKES)),
        strict("s1", "c0 TEXT, c1 ANY", (text("a"), text("1")), (text("b"), 1), (text("c"), 1)), rule="prefer",
        is_strict=True,
    ),
    "a keyless row with rowid 0": case_of(
        "none", "c0", loose("s0", "c0", (1,)), loose("s1", "c0", (2,), (3,), rowids=[0, -5])
    ),
    "an integer into a TEXT key without rowid": case_of(
        "text", "c0 TEXT, c1", loose("s0", "c0, c1", (1, 1)), without_rowid=True
    ),
    "an integer into a TEXT key that others claim": case_of(
        "text", "c0 TEXT, c1", loose("s0", "c0, c1", (1, 1)), loose("s1", "c0 TEXT, c1", (1, 1), (text("1"), 2)),
        rule="prefer",
    ),
    "an id that becomes an integer in the target": case_of(
        "integer", "id INTEGER, c0", loose("s0", "id, c0", (2.0, 1), (text("3"), 2), (text("x"), 3))
    ),
    "two rows of one source with one id": case_of(
        "integer", "id INTEGER, c0", loose("s0", "id INTEGER, c0", (1, 1), (1, 2)), rule="keep_both"
    ),
    "two rows of one source with one id and different keys": case_of(
        "natural", "id INTEGER, c0, c1", loose("s0", "id INTEGER, c0, c1", (1, 1, 1), (1, 2, 2))
    ),
    "two merged rows with one id": case_of(
        "natural", "id INTEGER, c0, c1", loose("s0", "id INTEGER, c0, c1", (1, 1, None), (2, 1, 5)),
        loose("s1", "id INTEGER, c0, c1", (1, 2, None), (2, 2, 7)), rule="merge",
    ),
    "a merged instant that the target stores as text": case_of(
        "text", "c0, c1 TEXT", loose("s0", "c0, c1", (1, 1704067200)), loose("s1", "c0, c1", (1, 1704067300)),
        conflict=MERGE_C1,
    ),
    "merged rows without rowid whose key the target stores as text": case_of(
        "composite", "c0, c1 TEXT, c2", loose("s0", "c0, c1, c2", (1.0, 1.0, None), (1.0, 1.0, 5)), rule="merge",
        without_rowid=True,
    ),
    "merged rows without rowid whose keys are 1 and 1.0": case_of(
        "composite", "c0, c1, c2", loose("s0", "c0, c1, c2", (1, 1.0, None), (1.0, 1, 5)), rule="merge",
        without_rowid=True,
    ),
    "merged rows without rowid whose keys differ after a NUL": case_of(
        "composite", "c0, c1, c2",
        loose("s0", "c0, c1, c2", *[(1, text(key), value) for key in ("a\0b", "a\0c") for value in (None, 5, 6)]),
        rule="merge", without_rowid=True,
    ),
    "a merged row that has its id from another": case_of(
        "natural", "id INTEGER, c0, c1", loose("s0", "id INTEGER, c0, c1", (None, 1, 1), (2, 1, 2)), rule="merge"
    ),
    "a BLOB where ids are numbers, which is none": case_of(
        "natural", "id INTEGER, c0", loose("s0", "id, c0", (b"1", 1), (2, 2)), rule="identical"
    ),
    "a refused row beside one whose type changes": case_of(
        "text", "c0, c1 TEXT", loose("s0", "c0, c1", (None, 1), (1, 2)), without_rowid=True
    ),
    "the largest integer into a REAL column": case_of(
        "text", "c0, c1 REAL", loose("s0", "c0, c1", (1, 2**63 - 1)),
        loose("s1", "c0, c1", (2, text("9223372036854775807"))),
    ),
    "an instant that is no UTF-8": case_of(
        "text", "c0, c1", loose("s0", "c0, c1", (1, text(b"2024\xff"))), loose("s1", "c0, c1", (1, text("2024-01-01"))),
        conflict=Conflict(rule="newest", by=("c1",)),
    ),
    "a transformed text that is no UTF-8": case_of(
        "text", "c0, c1", loose("s0", "c0, c1", (text(b" \xff "), 1), (text(" a "), 2)), transform={"c0": "trim"}
    ),
    "a number as the default of a TEXT column": replace(
        case_of("text", "c0, c1 TEXT", strict("s0", "c0", (1,)), strict("s1", "c0", (1,)), rule="merge"),
        columns=(Column(name="c0", declared=""), Column(name="c1", declared="TEXT", default="DEFAULT 7")),
    ),
    "an instant beyond all": case_of(
        "text", "c0, c1", loose("s0", "c0, c1", (1, 1e300)), loose("s1", "c0, c1", (1, 5)),
        conflict=Conflict(rule="newest", by=("c1",)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KNOWN.values(), ids=KNOWN.keys())
def test_a_case_that_once_went_wrong_goes_well(case: Case) -> None:
    check_against_reference(case)


REFUSING = {
    "a partial unique index": ("c0, c1 INTEGER", "CREATE UNIQUE INDEX u ON t (c1) WHERE c1 > 1"),
    "a unique index on an expression": ("c0, c1 INTEGER", "CREATE UNIQUE INDEX u ON t (abs(c1))"),
    "a unique index of two columns": ("c0, c1 INTEGER", "CREATE UNIQUE INDEX u ON t (c1, c1)"),
    "a unique index that ignores case": (
        "c0, c1 INTEGER",
        "CREATE UNIQUE INDEX u ON t (CAST(c1 AS TEXT) COLLATE NOCASE)",
    ),
    "a check": ("c0, c1 INTEGER CHECK (c1 <> 2 OR c0 = 1)", ""),
    "a key": ("c0, c1 INTEGER UNIQUE", ""),
}


@pytest.mark.parametrize(("columns", "more"), REFUSING.values(), ids=REFUSING.keys())
@pytest.mark.parametrize("kind", ["none", "text"])
def test_a_row_that_a_constraint_refuses_waits_and_the_proof_agrees(columns: str, more: str, kind: str) -> None:
    sources = loose("s0", "c0, c1 INTEGER", (1, 2), (2, 2), (3, 1)), loose("s1", "c0, c1 INTEGER", (4, 0))
    case = case_of(kind, columns, *sources, more=more)
    with prepared(case) as bench:
        build_target(bench.job, bench.stage, bench.ledger)
        entries = read_ledger(bench)
        assert {place: disposition for place, (disposition, _) in entries.items()} == {("s0", 2): "quarantined"}
        check_proof(case, bench.verify(), {("s0", 1): "inserted", ("s0", 2): "quarantined", ("s0", 3): "inserted",
                                           ("s1", 1): "inserted"})  # fmt: skip


def test_a_fresh_id_beyond_the_largest_is_not_made_up() -> None:
    largest = 2**63 - 1
    sources = [strict(name, "id INTEGER, c0", (largest, number)) for number, name in enumerate(("s0", "s1"))]
    case = case_of("integer", "id INTEGER, c0", *sources, rule="keep_both")
    with prepared(case) as bench:
        build_target(bench.job, bench.stage, bench.ledger)
        assert {place: entry[0] for place, entry in read_ledger(bench).items()} in (
            {("s1", largest): "quarantined"},
            {("s1", largest): "inserted"},
        )
        assert not [difference for part in bench.verify() for difference in part.differences]


@given(cases())
def test_the_engine_does_what_the_reference_does(case: Case) -> None:
    note(case.declare())
    for disposition in check_against_reference(case):
        event(f"{case.conflict.rule}: {disposition}")


@given(cases(pairs=True))
def test_two_files_merge_the_short_way_as_the_reference_does(case: Case) -> None:
    note(case.declare())
    with prepared(case) as bench:
        assert can_merge_pairs(bench.job.tables[0])
    for disposition in check_against_reference(case):
        event(disposition)


@pytest.mark.parametrize("refuses", ["CREATE UNIQUE INDEX u ON t (c1)", "c1 TEXT CHECK (c1 <> 'new')"])
def test_a_merge_that_a_constraint_refuses_goes_the_long_way(refuses: str) -> None:
    more, columns = (refuses, "c0 TEXT, c1 TEXT") if refuses.startswith("CREATE") else ("", f"c0 TEXT, {refuses}")
    rows = [(text("a"), text("old")), (text("b"), text("new"))], [(text("a"), text("new")), (text("c"), None)]
    sources = [strict(f"s{number}", "c0 TEXT, c1 TEXT", *held) for number, held in enumerate(rows)]
    conflict = Conflict(rule="merge", columns={"c1": ColumnRule(rule="min", by=None)})
    case = case_of("text", columns, *sources, conflict=conflict, more=more)
    with prepared(case) as bench:
        assert can_merge_pairs(bench.job.tables[0])
        build_target(bench.job, bench.stage, bench.ledger)
        refused = {place for place, (disposition, _) in read_ledger(bench).items() if disposition == "quarantined"}
        assert refused
        assert not [difference for part in bench.verify() for difference in part.differences]


@given(cases(), st.data())
def test_the_verifier_sees_any_changed_cell(case: Case, data: st.DataObject) -> None:
    with prepared(case) as bench:
        try:
            build_target(bench.job, bench.stage, bench.ledger)
        except DecisionNeededError:
            assume(False)
        change_cell(bench, data)
        proof = bench.verify()
        unexplained = sum(tally.unexplained for part in proof for tally in part.tables.values())
        assert unexplained or any(part.differences for part in proof)


def change_cell(bench: Bench, data: st.DataObject) -> None:
    """Give one cell of the target another value, one that the table takes."""
    primary = ", ".join(bench.case.primary) if bench.case.without_rowid else "rowid"
    with closing(sqlite3.connect(bench.stage.path, isolation_level=None)) as connection:
        connection.text_factory = RawText
        before = connection.execute("SELECT * FROM t").fetchall()
        assume(before)
        row = data.draw(st.integers(0, len(before) - 1))
        place = data.draw(st.integers(0, len(before[row]) - 1))
        value = data.draw(st.sampled_from(look_alikes(before[row][place])) | VALUES)
        hole = "CAST(? AS TEXT)" if isinstance(value, RawText) else "?"
        try:
            connection.execute(
                f"UPDATE OR IGNORE t SET {bench.case.names[place]} = {hole} "
                f"WHERE ({primary}) = (SELECT {primary} FROM t LIMIT 1 OFFSET ?)",
                (bytes(value) if isinstance(value, bytes) else value, row),
            )
        except sqlite3.IntegrityError:
            assume(False)  # an id must be an integer
        after = connection.execute("SELECT * FROM t").fetchall()
        assume(Counter(map(typed, before)) != Counter(map(typed, after)))
    event(f"{type(before[row][place]).__name__} to {type(value).__name__}")


def look_alikes(value: Value) -> list[Value]:
    """Return values that a careless comparison takes for the same."""
    if value is None:
        return [text(""), 0, b"", text("NULL")]
    if isinstance(value, bytes):
        other: type[bytes] = bytes if isinstance(value, RawText) else RawText
        return [None, other(value), RawText(value + b" "), RawText(value.swapcase()), RawText(value[:-1])]
    if isinstance(value, float):
        whole = int(value) if value.is_integer() and abs(value) < 2.0**63 else 0
        return [whole, -value, math.nextafter(value, math.inf), text(repr(value)), None]
    return [float(value), -value if value > -(2**63) else 0, value ^ 1, text(str(value)), None]
