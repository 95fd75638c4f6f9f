"""Random schemas, rows, duplicates and rules: the engine does what a plain reference does, and can prove it.

Beside it: whatever single cell of a target is changed, the verifier sees it.
"""

from __future__ import annotations

import math
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st

from scripts.binding import TargetJob, bind
from scripts.databases.sqlite import RawText
from scripts.errors import DecisionNeededError
from scripts.merge import build_target
from scripts.plan import (
    ColumnRule,
    Conflict,
    Defaults,
    Filter,
    Identity,
    Input,
    Plan,
    Source,
    TableRule,
    Target,
    Transform,
)
from scripts.results import DISPOSITIONS, Snapshot, TableTally, Verification
from scripts.verify import verify_content, verify_soundness
from tests.unit.reference_merge import FRESH, Place, Row, Rules, Value, Values, merge, typed

MEMORY = Path("/dev/shm")
PLACE = MEMORY if MEMORY.is_dir() else None
TYPES = ("", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB")
DEFAULTS = ("", "DEFAULT 7", "DEFAULT 'x'", "DEFAULT CURRENT_TIMESTAMP")
KEYS = ("none", "text", "integer", "composite", "natural")
PLAIN_RULES = ("identical", "quarantine", "prefer", "newest", "oldest", "merge", "fail")
WHERES = ("{0} IS NOT NULL", "typeof({0}) <> 'text'", "{0} > 0", "length({0}) = 1")


def text(content: bytes | str) -> RawText:
    return RawText(content.encode() if isinstance(content, str) else content)


KEY_VALUES = st.sampled_from([None, 1, 1.0, 2, text("1"), text("a"), text("A"), text(""), b"a", b"", -0.0, 0])
INSTANTS = st.sampled_from(
    [None, text(""), text("2024-01-01"), text("2024-01-01T00:00:00Z"), text("2024-06-01 12:00"), 1704067200,
     1704067200000, 1717243200.5, text("soon"), 1e300, text(b"2024\xff"), b"2024-01-01"]
)  # fmt: skip
ODD_VALUES = st.sampled_from(
    [None, 0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 0.0, -0.0, 1.0, 0.1, 1e300, 9007199254740993.0, -(2.0**63),
     math.inf, -math.inf, math.nan, text(""), text("a"), text("A"), text("a "), text(" a"), text("1"), text("1.0"),
     text("1e3"), text("é"), text("a\0b"), text(b"\xff"), text("NULL"), b"", b"a", b"1", b"\xff\0"]
)  # fmt: skip
VALUES = st.one_of(
    ODD_VALUES,
    st.integers(-3, 3),
    st.floats(),
    st.binary(max_size=3).map(RawText),
    st.binary(max_size=3),
    st.integers(-(2**63), 2**63 - 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    declared: str
    default: str = ""

    @property
    def sql(self) -> str:
        return f'"{self.name}" {self.declared} {self.default}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One source: its table, and the rows that are to go in."""

    name: str
    trust: int
    columns: tuple[Column, ...]
    loose: bool  # without the target's constraints
    renamed: Mapping[str, str]
    rows: tuple[tuple[int | None, Values], ...]  # rowid, where one is chosen; values


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A target table, the plan's rule for it, and what feeds it."""

    columns: tuple[Column, ...]
    kind: str
    key: tuple[str, ...] | None
    primary: tuple[str, ...]
    without_rowid: bool
    unique: tuple[str, ...]
    conflict: Conflict
    renumber: bool
    where: str | None
    transform: Mapping[str, str]
    sources: tuple[Given, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def declare(self, columns: Sequence[Column], renamed: Mapping[str, str], *, loose: bool) -> str:
        parts = [Column(name=renamed.get(c.name, c.name), declared=c.declared, default=c.default).sql for c in columns]
        there = {column.name for column in columns}
        if not loose and self.primary and there >= set(self.primary):
            if self.kind in ("integer", "natural"):
                parts[0] += " PRIMARY KEY"
            else:
                listed = ", ".join(f'"{renamed.get(name, name)}"' for name in self.primary)
                parts.append(f"PRIMARY KEY ({listed})")
        if not loose and self.unique and there >= set(self.unique):
            parts.append("UNIQUE (" + ", ".join(f'"{renamed.get(name, name)}"' for name in self.unique) + ")")
        ending = " WITHOUT ROWID" if self.without_rowid and not loose else ""
        return f"CREATE TABLE t ({', '.join(parts)}){ending}"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from(KEYS))
    count = draw(st.integers({"composite": 2, "natural": 1}.get(kind, 1), 4))
    columns = [
        Column(name=f"c{n}", declared=draw(st.sampled_from(TYPES)), default=draw(st.sampled_from(DEFAULTS)))
        for n in range(count)
    ]
    if kind in ("integer", "natural"):
        columns.insert(0, Column(name="id", declared="INTEGER"))
    primary = {"none": (), "text": ("c0",), "composite": ("c1", "c0")}.get(kind, ("id",))
    key = {"none": None, "natural": ("c0",)}.get(kind, primary)
    conflict = draw(conflicts(kind, [column.name for column in columns]))
    others = [column.name for column in columns if column.name not in (key or ())]
    unique = (draw(st.sampled_from(others)),) if len(others) > 1 and draw(st.integers(0, 4)) == 0 else ()
    sources = draw(st.lists(st.nothing(), max_size=0))
    for number in range(draw(st.integers(1, 4))):
        sources.append(draw(givens(f"s{number}", columns, key or (), conflict)))
    return Case(
        columns=tuple(columns), kind=kind, key=key, primary=primary,
        without_rowid=kind in ("text", "composite") and draw(st.booleans()), unique=unique, conflict=conflict,
        renumber=conflict.rule == "keep_both" or (kind == "natural" and draw(st.booleans())),
        where=draw(st.none() | st.sampled_from(WHERES).map(lambda where: where.format('"c0"'))),
        transform=draw(st.just({}) | st.sampled_from(["trim", "casefold"]).map(lambda name: {"c0": name})),
        sources=tuple(sources),
    )  # fmt: skip


@st.composite
def conflicts(draw: st.DrawFn, kind: str, names: list[str]) -> Conflict:
    rule = draw(st.sampled_from((*PLAIN_RULES, "keep_both", "keep_both") if kind == "integer" else PLAIN_RULES))
    by = tuple(draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)))
    columns = {}
    if rule == "merge":
        for name in draw(st.lists(st.sampled_from(names), unique=True)):
            chosen = draw(st.sampled_from(["prefer", "first_non_null", "newest", "oldest", "max", "min"]))
            columns[name] = ColumnRule(rule=chosen, by=by[0] if chosen in ("newest", "oldest") else None)
    return Conflict(rule=rule, by=by if rule in ("newest", "oldest") else (), columns=columns)


@st.composite
def givens(draw: st.DrawFn, name: str, columns: list[Column], key: tuple[str, ...], conflict: Conflict) -> Given:
    needed = {"id", "c0", *key, *conflict.by, *(rule.by for rule in conflict.columns.values() if rule.by)}
    instants = needed - {"id", "c0", *key}
    loose = draw(st.integers(0, 3)) == 0
    held = []
    for column in columns:
        if column.name in needed or draw(st.integers(0, 5)):
            declared = draw(st.sampled_from(TYPES)) if loose else column.declared
            held.append(Column(name=column.name, declared=declared, default=column.default))
    strategies = [
        st.integers(-1, 4) if column.name == "id" and not loose
        else KEY_VALUES if column.name in key
        else INSTANTS if column.name in instants
        else VALUES
        for column in held
    ]  # fmt: skip
    rowids = st.none() if draw(st.integers(0, 4)) else st.none() | st.sampled_from([-3, 0, 5, 10**6])
    rows = draw(st.lists(st.tuples(rowids, st.tuples(*strategies)), max_size=6))
    rows += draw(st.lists(st.sampled_from(rows), max_size=2)) if rows else []
    renamed = {held[-1].name: "renamed"} if len(held) > 1 and draw(st.integers(0, 5)) == 0 else {}
    return Given(
        name=name, trust=draw(st.sampled_from([50, 50, 90])), columns=tuple(held), loose=loose, renamed=renamed,
        rows=tuple(rows),
    )  # fmt: skip
