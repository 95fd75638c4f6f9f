"""Random merges for Hypothesis: a target table, a rule, and up to four sources that feed it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from strongroom.core.plan import ColumnRule, Conflict
from strongroom.sqlite.connection import RawText
from tests.unit.consolidate.reference_merge import Value, Values

TYPES = ("", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB")
DEFAULTS = ("", "", "DEFAULT 7", "DEFAULT 'x'", "DEFAULT CURRENT_TIMESTAMP")
KINDS = ("none", "text", "integer", "composite", "natural")
RULES = ("identical", "quarantine", "prefer", "prefer", "newest", "newest", "oldest", "merge", "merge", "merge", "fail")
COLUMN_RULES = ("prefer", "first_non_null", "first_valid", "newest", "oldest", "max", "min")
PATTERNS = ("a", "(?i:a.?)", "[0-9.]+", ".*", "a\\Z", "\\S*")
CONDITIONS = ("c0 IS NOT NULL", "typeof(c0) <> 'text'", "c0 > 0", "length(c0) = 1")


def text(content: bytes | str) -> RawText:
    return RawText(content.encode() if isinstance(content, str) else content)


# A case draws its keys and its values from few families, so that rows meet and look alike.
KEYS = st.sampled_from(
    [(1, 2), (1, 2, None), (1, 1.0, text("1"), b"1"), (text("a"), text("A"), b"a", None), (0, -0.0, text(""), None)]
)  # fmt: skip
FAMILIES = st.sampled_from(
    [(1, 1.0, text("1"), b"1", text("1.0")), (0, 0.0, -0.0, text("0"), None), (None, text(""), b"", text("NULL")),
     (text("a"), text("A"), text("a "), text(" a"), b"a"), (text("a\0b"), text("a"), b"a\0b"),
     (2**63 - 1, 2.0**63, -(2**63), -(2.0**63), text(str(2**63 - 1))), (2**53 + 1, 2**53, 2.0**53, 1e300),
     (math.inf, -math.inf, math.nan, 0.1, math.nextafter(0.1, 1)), (text(b"\xff"), b"\xff", text("\ufffd"), text("é"))]
)  # fmt: skip
LOOSE_IDS = st.sampled_from([None, -1, 1, 2, 3, 2.0, 1.5, text("2"), text("x"), b"1"])
INSTANTS = st.sampled_from(
    [None, text(""), text("2024-01-01"), text("2024-01-01T00:00:00Z"), text("2024-06-01 12:00"), 1704067200,
     1704067200000, 1717243200.5, text("soon"), 1e300, text(b"2024\xff"), b"2024-01-01"]
)  # fmt: skip
ODD = st.sampled_from(
    [None, 0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 0.0, -0.0, 1.0, 0.1, 1e300, 2.0**53, -(2.0**63), math.inf,
     -math.inf, math.nan, text(""), text("a"), text("A"), text("a "), text(" a"), text("1"), text("1.0"), text("1e3"),
     text("é"), text("a\0b"), text(b"\xff"), text("NULL"), b"", b"a", b"1", b"\xff\0"]
)  # fmt: skip
RANDOM = st.integers(-(2**63), 2**63 - 1) | st.floats() | st.binary(max_size=3).map(RawText) | st.binary(max_size=3)
VALUES = st.one_of(ODD, ODD, st.integers(-3, 3), RANDOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    declared: str
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One source's table, and the rows that are to go in; those that its constraints refuse stay out."""

    name: str
    trust: int
    columns: tuple[Column, ...]
    is_loose: bool  # without the target's constraints, and with types of its own
    renamed: Mapping[str, str]
    rows: tuple[tuple[int | None, Values], ...]  # a rowid, where one is chosen, and the values

    def name_of(self, column: str) -> str:
        return self.renamed.get(column, column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A target table, the plan's rule for it, and what feeds it."""

    columns: tuple[Column, ...]
    kind: str
    without_rowid: bool
    unique: str | None
    conflict: Conflict
    renumber: bool
    where: str | None
    transform: Mapping[str, str]
    sources: tuple[Given, ...]
    is_strict: bool = False
    more: str = ""  # of the target's schema file

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def has_id(self) -> bool:
        return self.kind in ("integer", "natural")

    @property
    def primary(self) -> tuple[str, ...]:
        return {"none": (), "text": ("c0",), "composite": ("c1", "c0")}.get(self.kind, ("id",))

    @property
    def key(self) -> tuple[str, ...]:
        return ("c0",) if self.kind == "natural" else self.primary

    def declare(self, given: Given | None = None) -> str:
        """Write the table of the target, or of a source."""
        columns = given.columns if given else self.columns
        named = {column.name: f'"{given.name_of(column.name) if given else column.name}"' for column in columns}
        parts = [f"{named[column.name]} {column.declared} {column.default}" for column in columns]
        if given and given.is_loose:
            return f"CREATE TABLE t ({', '.join(parts)})"
        if self.primary:
            parts.append(f"PRIMARY KEY ({', '.join(named[name] for name in self.primary)})")
        if self.unique in named:
            parts.append(f"UNIQUE ({named[str(self.unique)]})")
        options = [" WITHOUT ROWID"] * self.without_rowid + [" STRICT"] * self.is_strict
        return f"CREATE TABLE t ({', '.join(parts)}){','.join(options)}"


@st.composite
def cases(draw: st.DrawFn, *, pairs: bool = False) -> Case:
    """Draw a case; with ``pairs``, one of two sources alike whose rows are merged by a key."""
    kind = draw(st.sampled_from(("text", "integer", "composite") if pairs else KINDS))
    columns = [
        Column(name=f"c{n}", declared=draw(st.sampled_from(TYPES)), default=draw(st.sampled_from(DEFAULTS)))
        for n in range(draw(st.integers(2 if kind == "composite" else 1, 4)))
    ]
    if kind == "text" and columns[0].declared == "INTEGER":
        columns[0] = Column(name="c0", declared="INT")  # no name for the rowid
    free = [column.name for column in columns[1:] if kind != "composite" or column.name != "c1"]
    if kind in ("integer", "natural"):
        columns.insert(0, Column(name="id", declared="INTEGER"))
    conflict = draw(conflicts(kind, [column.name for column in columns], rules=("merge",) if pairs else RULES))
    renumber = conflict.rule == "keep_both" or (kind == "natural" and draw(st.booleans()))
    # Which of two rows a constraint refuses is settled by the plan's order only where rows go in as they are.
    may_refuse = free and conflict.rule != "merge" and not renumber
    unique = draw(st.sampled_from(free)) if may_refuse and draw(st.integers(0, 3)) == 0 else None
    keys = st.sampled_from(draw(KEYS))
    family = st.sampled_from(draw(FAMILIES))
    values = st.one_of(family, family, VALUES)
    # Their names are in no order: the place in `from` counts before them.
    called = draw(st.permutations([f"s{number}" for number in range(4)]))
    sources = [
        draw(givens(name, columns, kind, conflict, keys, values, may_be_loose=not pairs))
        for name in called[: 2 if pairs else draw(st.sampled_from([1, 2, 2, 3, 3, 4]))]
    ]
    names = draw(st.permutations([given.name for given in sources]))
    order = names[: draw(st.integers(0, len(names)))]
    return Case(
        columns=tuple(columns),
        kind=kind,
        without_rowid=not pairs and kind in ("text", "composite") and draw(st.booleans()),
        unique=unique,
        conflict=Conflict(rule=conflict.rule, by=conflict.by, columns=conflict.columns, order=tuple(order)),
        renumber=renumber,
        where=None if pairs else draw(st.none() | st.none() | st.sampled_from(CONDITIONS)),
        transform={} if pairs else draw(st.sampled_from([{}, {}, {}, {"c0": "trim"}, {"c0": "casefold"}])),
        sources=tuple(sources),
    )


@st.composite
def conflicts(draw: st.DrawFn, kind: str, names: Sequence[str], rules: tuple[str, ...]) -> Conflict:
    may_keep_both = kind == "integer" and len(rules) > 1
    rule = draw(st.sampled_from((*rules, "keep_both", "keep_both") if may_keep_both else rules))
    by = tuple(draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)))
    columns = {}
    free = [name for name in names if name != "id" and draw(st.integers(0, 4))]
    for name in free if rule == "merge" else ():
        chosen = draw(st.sampled_from(COLUMN_RULES))
        pattern = draw(st.sampled_from(PATTERNS)) if chosen == "first_valid" else None
        instant = by[0] if chosen in ("newest", "oldest") else None
        columns[name] = ColumnRule(rule=chosen, by=instant, pattern=pattern)
    return Conflict(rule=rule, by=by if rule in ("newest", "oldest") else (), columns=columns)


@st.composite
def givens(
    draw: st.DrawFn,
    name: str,
    columns: Sequence[Column],
    kind: str,
    conflict: Conflict,
    keys: st.SearchStrategy[Value],
    values: st.SearchStrategy[Value],
    *,
    may_be_loose: bool,
) -> Given:
    fixed = {"id", "c0"} | ({"c1"} if kind == "composite" else set())
    instants = {*conflict.by, *(rule.by for rule in conflict.columns.values() if rule.by)} - fixed
    is_loose = may_be_loose and draw(st.integers(0, 3)) == 0
    held, cells = [], []
    for column in columns:
        if column.name in fixed | instants or draw(st.integers(0, 5)):
            declared = draw(st.sampled_from(TYPES)) if is_loose else column.declared
            held.append(Column(name=column.name, declared=declared, default=column.default))
            ids = LOOSE_IDS if is_loose else st.integers(-1, 4)
            cells.append(ids if column.name == "id" else keys if column.name in fixed else
                         INSTANTS if column.name in instants else values)  # fmt: skip
    rowids = st.none() if draw(st.integers(0, 4)) else st.sampled_from([None, -3, 0, 5, 10**6])
    rows = draw(st.lists(st.tuples(rowids, st.tuples(*cells)), min_size=draw(st.sampled_from([0, 3, 5])), max_size=6))
    rows += draw(st.lists(st.sampled_from(rows), max_size=2)) if rows else []
    last = held[-1].name
    renamed = {last: "renamed"} if last not in fixed and draw(st.integers(0, 5)) == 0 else {}
    trust = draw(st.sampled_from([50, 50, 90]))
    return Given(name=name, trust=trust, columns=tuple(held), is_loose=is_loose, renamed=renamed, rows=tuple(rows))
