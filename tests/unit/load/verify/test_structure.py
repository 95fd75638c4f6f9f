"""What goes with the rows, as both sides declare it: the tables of the server are written out by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest

from strongroom.load.verify.kinds import Kind
from strongroom.load.verify.pairing import Cell, Pair
from strongroom.load.verify.parts import Both
from strongroom.load.verify.server import ServerColumn, ServerIndex, ServerTable
from strongroom.load.verify.source import has_null_in_key, read_source
from strongroom.load.verify.structure import Structure

KEY = "t: the primary key (a, b)"
NOT_UNIQUE = f"core.{KEY}, which holds NULL in the source, is not there as UNIQUE"
TEXT = Kind(name="text", shown="text")
PAIRS = "CREATE TABLE t (a TEXT, b TEXT, PRIMARY KEY (a, b)); INSERT INTO t VALUES ('x', 'y')"
WITH_NULL = f"{PAIRS}, ('x', NULL)"


def index(*columns: str | None, **more: Any) -> ServerIndex:
    known = {"is_unique": True, "is_primary": False, "is_partial": False, "knows_null": False, **more}
    names = {"name": "i", "columns": columns, "folded": ("",) * len(columns), "collations": ("",) * len(columns)}
    return ServerIndex(**{**names, **known})


def compare(
    script: str, indexes: Sequence[ServerIndex], *, shares: bool = False, reported: frozenset[str] = frozenset()
) -> list[str]:
    """Return what the proof says of a table ``t`` of texts, whose indexes in the server are these."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        source = read_source(connection)
        names = [column.name for column in source["t"].columns]
        pair = Pair(target="core", source="t", rowid="rowid", is_virtual=False, order=(), schema="s", table="t",
                    cells=tuple(Cell(source=name, affinity="TEXT", into=name, kind=TEXT, is_nullable=True, zone=None,
                                     unit=None) for name in names),
                    alias=None, key=(), is_ordered=False, kept=None)  # fmt: skip
        columns = tuple(
            ServerColumn(name=name, number=number, kind=TEXT, is_not_null=False, is_generated=False, default=None,
                         sequence=None) for number, name in enumerate(names, 1))  # fmt: skip
        table = ServerTable(name="t", oid=1, is_logged=True, is_ruled=False, columns=columns, indexes=list(indexes))
        both = Both(source=source, server={"t": table}, pairs=(pair,))
        found = Structure(connection, both, pair, reported, shares)
        found.compare()
        return found.differences


PRIMARY = index("a", "b", is_primary=True)


def test_a_key_without_null_is_a_primary_key() -> None:
    assert compare(PAIRS, [PRIMARY]) == []
    assert compare(PAIRS, []) == [f"core.{KEY} is not there"]
    assert compare(PAIRS, [index("a", "b")]) == [f"core.{KEY} is not there"]


@pytest.mark.parametrize("columns", [("a", "b"), ("b", "a")])
def test_a_key_with_null_is_unique(columns: tuple[str, str]) -> None:
    assert compare(WITH_NULL, [index("a"), index(*columns)]) == []


@pytest.mark.parametrize(
    "other",
    [
        index("a", "b", is_unique=False),
        index("a", "b", is_partial=True),
        index("a", "b", knows_null=True),
        index("a"),
        index("b"),
        index("a", None),
        PRIMARY,
    ],
)
def test_what_is_less_or_more_than_unique_is_told(other: ServerIndex) -> None:
    assert compare(WITH_NULL, [other]) == [NOT_UNIQUE]
    assert compare(WITH_NULL, [other, index("a", "b")]) == []


def test_no_index_at_all_is_told() -> None:
    assert compare(WITH_NULL, []) == [NOT_UNIQUE]


@pytest.mark.parametrize("other", [PRIMARY, index("a", "b", knows_null=True)])
def test_a_live_table_may_have_a_stricter_key_of_its_own(other: ServerIndex) -> None:
    assert compare(WITH_NULL, [other], shares=True) == []
    assert compare(WITH_NULL, [], shares=True) == [NOT_UNIQUE]


@pytest.mark.parametrize("held", [[], [PRIMARY], [index("a", "b")]])
def test_what_schema_files_made_of_a_key_is_not_compared_here(held: list[ServerIndex]) -> None:
    assert compare(WITH_NULL, held, reported=frozenset({"t.primary key"})) == []


def test_a_key_that_folds_is_unique_by_what_it_folds() -> None:
    script = "CREATE TABLE t (a TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO t VALUES (NULL), (NULL)"
    assert compare(script, [index(None, folded=("lower a",))]) == []
    assert compare(script, []) == [
        "core.t: the primary key (a), which holds NULL in the source, is not there as UNIQUE"
    ]


@pytest.mark.parametrize(
    ("script", "holds"),
    [
        ("CREATE TABLE t (a TEXT PRIMARY KEY); INSERT INTO t VALUES ('x')", False),
        ("CREATE TABLE t (a TEXT PRIMARY KEY)", False),
        ("CREATE TABLE t (a TEXT PRIMARY KEY); INSERT INTO t VALUES ('x'), (NULL)", True),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY DESC); INSERT INTO t VALUES (1), (NULL)", True),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (NULL), (NULL)", False),
        (PAIRS, False),
        (WITH_NULL, True),
        (f"{PAIRS}, (NULL, 'y')", True),
        (f"{PAIRS}, (NULL, NULL)", True),
        ("CREATE TABLE t (a TEXT NOT NULL, b TEXT, PRIMARY KEY (a, b)); INSERT INTO t VALUES ('x', NULL)", True),
        ("CREATE TABLE t (a TEXT PRIMARY KEY, b TEXT UNIQUE); INSERT INTO t VALUES ('x', NULL)", False),
        ("CREATE TABLE t (a TEXT, b TEXT); INSERT INTO t VALUES (NULL, NULL)", False),
        ("CREATE TABLE t (a TEXT, b, PRIMARY KEY (b, a)) WITHOUT ROWID; INSERT INTO t VALUES ('x', 1)", False),
        ("CREATE TABLE t (a TEXT PRIMARY KEY) STRICT; INSERT INTO t VALUES ('x')", False),
        ('CREATE TABLE t ("a\'""b" TEXT PRIMARY KEY); INSERT INTO t VALUES (NULL)', True),
    ],
)
def test_null_is_looked_for_in_the_key_alone(script: str, holds: bool) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        assert has_null_in_key(connection, read_source(connection)["t"]) is holds
