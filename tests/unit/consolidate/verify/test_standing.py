"""No two rows stand in one place, and which places are one the target's key says: not what the sources declare."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.consolidate.verify.hand_made import Entry, HandMade

TYPES = ("", "TEXT", "INT", "REAL", "NUMERIC", "BLOB")
COLLATIONS = ("", " COLLATE NOCASE", " COLLATE RTRIM")
LOOK_ALIKES = ("1", "1.0", "'1'", "x'31'", "'1.0'", "1.5", "'1.5'", "'x'", "'X'", "'x '", "x'78'")
TWO = "sources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
FOR_A, FOR_B = "said to stand where rows of a.t stand", "m.t: 1 row of b.t is "
Key = tuple[str, ...]
"""The cells of a row's key, as SQL."""


@dataclass(frozen=True, kw_only=True)
class Tables:
    """How the key's columns are declared in the target, and in the sources."""

    target: Key
    sources: Mapping[str, Key]
    primary_key: str = ""
    more: str = ""
    """Of the plan's rule."""

    @property
    def names(self) -> list[str]:
        return [f"k{number}" for number, _ in enumerate(self.target)]

    @property
    def schema(self) -> str:
        primary_key = self.primary_key or ", ".join(self.names)
        return f"CREATE TABLE t ({_list(self.names, self.target)}, v, PRIMARY KEY ({primary_key})) WITHOUT ROWID"

    def prove(
        self, held: Mapping[str, Sequence[Key]], built: Sequence[Key], entries: Sequence[Entry] = ()
    ) -> list[str]:
        """Return what the proof finds wrong where the sources hold these keys, and the target those."""
        case = HandMade(
            plan=TWO + f"tables: [{{into: m.t, from: [a.t, b.t], on_conflict: {{rule: identical}}{self.more}}}]\n",
            schema=self.schema,
            sources={
                name: f"CREATE TABLE t ({_list(self.names, declared)}, v); {_fill(held[name])}"
                for name, declared in self.sources.items()
            },
            built=_fill(built),
            inputs={"t": ["a.t", "b.t"]},
            entries={"b.t": entries},
        )
        return case.prove()


def one_column(target: str, a: str, b: str, *, primary_key: str = "", more: str = "") -> Tables:
    return Tables(target=(target,), sources={"a": (a,), "b": (b,)}, primary_key=primary_key, more=more)


def _list(names: Sequence[str], declared: Key) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in zip(names, declared, strict=True))


def _fill(keys: Sequence[Key]) -> str:
    return "".join(f"INSERT INTO t VALUES ({', '.join(key)}, NULL);" for key in keys)


APART = {
    "a number and its digits": (one_column("", "", "TEXT"), "1", "'1'"),
    "its digits and a number": (one_column("", "TEXT", "INTEGER"), "'1'", "1"),
    "digits where the other source has numbers": (one_column("", "", "REAL"), "'1.5'", "1.5"),
    "digits where a BLOB's column has a number": (one_column("BLOB", "BLOB", "NUMERIC"), "'1'", "1"),
    "letters that a source does not tell apart": (one_column("TEXT", "TEXT", "TEXT COLLATE NOCASE"), "'x'", "'X'"),
    "letters that both do not": (one_column("", "TEXT COLLATE NOCASE", "TEXT COLLATE NOCASE"), "'x'", "'X'"),
    "a space that a source does not see": (one_column("TEXT", "TEXT", "TEXT COLLATE RTRIM"), "'x'", "'x '"),
    "a TEXT and its BLOB": (one_column("", "TEXT", "BLOB"), "'1'", "x'31'"),
    "letters that only the key tells apart": (
        one_column("TEXT COLLATE NOCASE", "TEXT COLLATE NOCASE", "TEXT", primary_key="k0 COLLATE BINARY"), "'x'", "'X'"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("tables", "a", "b"), APART.values(), ids=APART.keys())
def test_two_rows_that_the_target_tells_apart_stand_in_two_places(tables: Tables, a: str, b: str) -> None:
    assert tables.prove({"a": [(a,)], "b": [(b,)]}, [(a,), (b,)]) == []


TOGETHER = {
    "the same number": (one_column("", "", "INTEGER"), "1", "1"),
    "the same TEXT": (one_column("TEXT", "", "TEXT"), "'x'", "'x'"),
    "the same TEXT in sources that ignore case": (
        one_column("TEXT", "TEXT COLLATE NOCASE", "TEXT COLLATE NOCASE"), "'x'", "'x'"
    ),
    "the same BLOB": (one_column("REAL", "BLOB", "TEXT"), "x'31'", "x'31'"),
    "letters that the target does not tell apart": (
        one_column("TEXT COLLATE NOCASE", "TEXT", "", more=", transform: {k0: casefold}"), "'x'", "'X'"
    ),
    "letters that the target's key does not tell apart": (
        one_column("TEXT", "TEXT", "", primary_key="k0 COLLATE NOCASE", more=", transform: {k0: casefold}"),
        "'x'", "'X'",
    ),
    "a space that the target does not see": (
        one_column("TEXT COLLATE RTRIM", "TEXT", "TEXT", more=", transform: {k0: trim}"), "'x'", "'x '"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("tables", "a", "b"), TOGETHER.values(), ids=TOGETHER.keys())
def test_two_rows_that_are_said_to_stand_in_one_place_are_found(tables: Tables, a: str, b: str) -> None:
    """A row that is nobody's makes up for the one that is not there."""
    wrong = tables.prove({"a": [(a,)], "b": [(b,)]}, [(a,), ("'nobody''s'",)])
    assert wrong == [FOR_B + FOR_A]
    alone = tables.prove({"a": [(a,), (b,)], "b": []}, [(a,), ("'nobody''s'",)])
    assert alone == ["m.t: 1 row of a.t is said to stand where another row of it stands"]


def test_a_key_that_is_the_same_in_one_column_is_another_one() -> None:
    tables = Tables(target=("", "TEXT"), sources={"a": ("", ""), "b": ("TEXT", "TEXT COLLATE NOCASE")})
    held = {"a": [("1", "'x'"), ("2", "'y'")], "b": [("'1'", "'x'"), ("'2'", "'Y'"), ("'1'", "'y'")]}
    assert tables.prove(held, [*held["a"], *held["b"]]) == []
    both = {"a": held["a"], "b": [*held["b"], ("x'00'", "'x'")]}
    planted = [*both["a"], *both["b"]]
    assert tables.prove({"a": [*both["a"], ("x'00'", "'x'")], "b": both["b"]}, [*planted, ("0", "'z'")]) == [
        FOR_B + FOR_A
    ]


def _read(declared: Key, keys: Sequence[Key]) -> list[Key]:
    """Return what columns make of some keys, as SQL."""
    names = [f"k{number}" for number, _ in enumerate(declared)]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(f"CREATE TABLE t ({_list(names, declared)}, v); {_fill(keys)}")
        return connection.execute(f"SELECT {', '.join(f'quote({name})' for name in names)} FROM t").fetchall()


def _sort(tables: Tables, given: Mapping[str, Sequence[Key]]) -> tuple[dict[str, list[Key]], list[Key], list[Key]]:
    """Return the keys that the target takes as they are, by source and in all, and those of b that are there already.

    The target's own table says so.
    """
    kept: dict[str, list[Key]] = {name: [] for name in given}
    built: list[Key] = []
    taken: list[Key] = []
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(tables.schema)
        for name, keys in given.items():
            for key in _read(tables.sources[name], keys):
                if _read(tables.target, [key]) != [key]:
                    continue  # it would be changed, which is refused
                try:
                    connection.executescript(_fill([key]))
                except sqlite3.IntegrityError:
                    if name == "b" and key in kept["a"]:
                        taken.append(key)
                else:
                    kept[name].append(key)
                    built.append(key)
    return kept, built, taken


@st.composite
def tables_and_keys(draw: st.DrawFn) -> tuple[Tables, dict[str, list[Key]]]:
    declared = st.builds(str.__add__, st.sampled_from(TYPES), st.sampled_from(COLLATIONS))
    width = draw(st.integers(1, 2))
    columns = st.tuples(*[declared] * width)
    hows = [draw(st.sampled_from(("", "", *COLLATIONS, " COLLATE BINARY"))) for _ in range(width)]
    tables = Tables(
        target=draw(columns),
        sources={"a": draw(columns), "b": draw(columns)},
        primary_key=", ".join(f"k{number}{how}" for number, how in enumerate(hows)),
    )
    keys = st.lists(st.tuples(*[st.sampled_from(LOOK_ALIKES)] * width), max_size=4, unique=True)
    return tables, {"a": draw(keys), "b": draw(keys)}


@settings(max_examples=min(settings.default.max_examples, 500))
@given(tables_and_keys())
def test_what_the_target_takes_is_proven_and_what_it_would_not_take_is_found(
    drawn: tuple[Tables, dict[str, list[Key]]],
) -> None:
    tables, given = drawn
    kept, built, taken = _sort(tables, given)
    assert tables.prove(kept, built) == []
    if taken:
        nobodys = ("'nobody''s'",) * len(tables.target)
        wrong = tables.prove({"a": kept["a"], "b": [*kept["b"], taken[0]]}, [*built, nobodys])
        assert FOR_B + FOR_A in wrong


TRIMMED = one_column("TEXT", "TEXT", "TEXT", more=", key: [v], transform: {k0: trim}")
"""Rows without a value in v are none of any group."""


@pytest.mark.parametrize(
    ("a", "b", "wrong"),
    [
        ("' x'", "'x'", "m.t: 1 row of b.t is said to stand where a row stands that came to have their key"),
        ("' x'", "'x '", "m.t: 1 row of b.t is said to stand where another row stands (row 1)"),
    ],
)
def test_two_rows_that_came_to_have_one_key_are_found(a: str, b: str, wrong: str) -> None:
    assert TRIMMED.prove({"a": [(a,)], "b": [("'y'",)]}, [("'x'",), ("'y'",)]) == []
    assert wrong in TRIMMED.prove({"a": [(a,)], "b": [(b,)]}, [("'x'",), ("'nobody''s'",)])


def test_a_number_that_becomes_an_instant_does_not_stand_where_its_digits_stand() -> None:
    tables = one_column("TEXT", "", "TEXT", more=", transform: {k0: {epoch: s, to: iso8601_utc}}")
    assert tables.prove({"a": [("5",)], "b": [("'5'",)]}, [("'1970-01-01T00:00:05Z'",), ("'5'",)]) == []


def test_what_fills_a_column_is_a_part_of_the_key() -> None:
    """Neither source has both columns: what they have is not compared crosswise."""
    case = HandMade(
        plan=TWO + "tables: [{into: m.t, from: [a.t, b.t], key: [v], on_conflict: {rule: prefer}}]\n",
        schema="CREATE TABLE t (k DEFAULT 7, l DEFAULT 'é', v, PRIMARY KEY (k, l)) WITHOUT ROWID",
        sources={
            "a": "CREATE TABLE t (k, v); INSERT INTO t VALUES (1, 'a')",
            "b": "CREATE TABLE t (l, v); INSERT INTO t VALUES (1, 'b')",
        },
        built="INSERT INTO t VALUES (1, 'é', 'a'), (7, 1, 'b')",
        inputs={"t": ["a.t", "b.t"]},
    )
    assert case.prove() == []
    alike = {
        "a": "CREATE TABLE t (k, v); INSERT INTO t VALUES (7, NULL)",
        "b": "CREATE TABLE t (l, v); INSERT INTO t VALUES ('é', NULL)",
    }
    planted = replace(case, sources=alike, built="INSERT INTO t VALUES (7, 'é', NULL), (0, 0, NULL)")
    assert planted.prove() == [FOR_B + FOR_A]


PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
SHARES = "CREATE TABLE shares (who INTEGER REFERENCES people (id), what TEXT, PRIMARY KEY (who, what)) WITHOUT ROWID;"
GIVEN = PEOPLE + SHARES.replace(" WITHOUT ROWID", "")  # the ledger's entries are written by rowid


def test_a_row_whose_key_follows_a_reference_stands_where_it_came_to_stand() -> None:
    """In b person 1 becomes 2, and has a share of the name that a's person 1 has."""
    case = HandMade(
        plan=TWO + "tables:\n"
        "  - {into: m.people, from: [a.people, b.people], key: [name], identity: {column: id, strategy: renumber}}\n"
        "  - {into: m.shares, from: [a.shares, b.shares]}\n",
        schema=PEOPLE + SHARES,
        sources={
            "a": GIVEN + "INSERT INTO people VALUES (1, 'ann'); INSERT INTO shares VALUES (1, 'k')",
            "b": GIVEN + "INSERT INTO people VALUES (1, 'bob'); INSERT INTO shares VALUES (1, 'k')",
        },
        built="INSERT INTO people VALUES (1, 'ann'), (2, 'bob'); INSERT INTO shares VALUES (1, 'k'), (2, 'k')",
        inputs={"people": ["a.people", "b.people"], "shares": ["a.shares", "b.shares"]},
        entries={
            "b.people": [(1, "inserted", "identity", 2, None, None)],
            "b.shares": [(1, "inserted", "reference", None, None, None)],
        },
    )
    assert case.prove() == []
    (tally,) = [part.tables["b.shares"] for part in case.verify() if "b.shares" in part.tables]
    assert (tally.inserted, tally.rewritten) == (1, 1)
    unsaid = replace(case, entries={"b.people": case.entries["b.people"]})
    assert unsaid.prove() == ["m.shares: 1 row of b.shares changed on the way, and the ledger does not say so (row 1)"]
    for built in (case.built.replace("(2, 'k')", "(3, 'k')"), case.built.replace(", (2, 'k')", "")):
        assert replace(case, built=built).prove()


KEYED_BY_ID = "key: [id, k], identity: {column: id, strategy: renumber}"


@pytest.mark.parametrize(("a", "b"), [("'x'", "'X'"), ("'1'", "1")])
def test_keys_with_an_id_in_them_are_compared_byte_for_byte(a: str, b: str) -> None:
    """Under another id the second row stands beside the first: only if their keys differ."""
    case = HandMade(
        plan=TWO + f"tables: [{{into: m.t, from: [a.t, b.t], {KEYED_BY_ID}}}]\n",
        schema="CREATE TABLE t (id INTEGER PRIMARY KEY, k)",
        sources={
            "a": f"CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT COLLATE NOCASE); INSERT INTO t VALUES (1, {a})",
            "b": f"CREATE TABLE t (id INTEGER PRIMARY KEY, k COLLATE NOCASE); INSERT INTO t VALUES (1, {b})",
        },
        built=f"INSERT INTO t VALUES (1, {a}), (2, {b})",
        inputs={"t": ["a.t", "b.t"]},
        entries={"b.t": [(1, "inserted", "identity", 2, None, None)]},
    )
    assert case.prove() == []
    same = {"a": case.sources["a"], "b": case.sources["b"].replace(f"(1, {b})", f"(1, {a})")}
    planted = replace(case, sources=same, built=f"INSERT INTO t VALUES (1, {a}), (2, {a})")
    assert "m.t: 1 row of b.t stands beside rows of a.t with their key" in planted.prove()


@pytest.mark.parametrize("collation", ["BINARY", "NOCASE", "RTRIM"])
@pytest.mark.parametrize("given", ["", "TEXT", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM"])
def test_an_id_is_taken_where_the_target_says_so(collation: str, given: str) -> None:
    namespace = uuid.UUID("8f0c9d1e-6a43-5b0e-9d1c-5f2a7c3e4b10")
    for own, is_taken in (("x", True), ("X", collation == "NOCASE"), ("x ", collation == "RTRIM"), ("y", False)):
        new = uuid.uuid5(namespace, f"b.t/{own.encode().hex().upper()}")
        case = HandMade(
            plan=TWO + "tables: [{into: m.t, from: [a.t, b.t], key: [k], identity: {column: id, strategy: uuid5}}]\n",
            schema=f"CREATE TABLE t (id TEXT PRIMARY KEY COLLATE {collation}, k)",
            sources={
                "a": f"CREATE TABLE t (id {given}, k); INSERT INTO t VALUES ('x', 1)",
                "b": f"CREATE TABLE t (id {given}, k); INSERT INTO t VALUES ('{own}', 2)",
            },
            built=f"INSERT INTO t VALUES ('x', 1), ('{new}', 2)",
            inputs={"t": ["a.t", "b.t"]},
            offsets={"b.t": 1},
            entries={"b.t": [(1, "inserted", "identity", 2, None, None)]},
        )
        free = ["m.t: 1 row of b.t got another id, and theirs was free (row 1)"]
        assert case.prove() == ([] if is_taken else free)


def test_rows_of_the_schema_file_that_nothing_feeds_are_compared_byte_for_byte() -> None:
    case = HandMade(
        plan=TWO + "tables: [{into: m.t, from: [a.t, b.t]}]\n",
        schema="CREATE TABLE t (k); CREATE TABLE u (k TEXT COLLATE NOCASE); INSERT INTO u VALUES ('x'), ('x'), ('y')",
        sources={"a": "CREATE TABLE t (k)", "b": "CREATE TABLE t (k)"},
        built="",
        inputs={"t": ["a.t", "b.t"]},
    )
    assert case.prove() == []
    for change in ("UPDATE u SET k = 'X' WHERE k = 'y'", "UPDATE u SET k = 'Y' WHERE k = 'y'",
                   "UPDATE u SET k = 'y' WHERE rowid = 1"):  # fmt: skip
        assert replace(case, built=change).prove() == ["m.u: nothing feeds it, and its rows are not the schema's"]
