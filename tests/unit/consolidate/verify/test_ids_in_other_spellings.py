"""A parent's id that files spell, or type, in different ways: of all that a target may hold, one thing is proven.

Each case is made once for every value that could have been published, and once with the child waiting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.consolidate.verify import read_house
from strongroom.core.errors import GuardError
from tests.unit.consolidate.verify.hand_made import Entry, HandMade

pytestmark = pytest.mark.sample(3, whole=True)

TEXT, NOCASE, RTRIM = "TEXT", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM"
INTEGER, NUMERIC, REAL, NONE = "INT", "NUMERIC", "REAL", ""
ROWID = "INTEGER PRIMARY KEY"
WAITS = "it waits"
COLUMN, JSON, COMPOSITE = "a column", "in JSON", "a key of two columns"
FOLLOWED: Entry = (1, "inserted", "reference", 1, None, None)
WAITING: Entry = (1, "quarantined", "reference", None, None, None)
Files = Mapping[str, tuple[str, Sequence[str]]]
"""File to the type of its plans' ids, and the ids."""


def lay_plans(kind: str, form: str, *, with_rowid: bool) -> str:
    key = "area, id" if form == COMPOSITE else "id"
    area = "area TEXT, " if form == COMPOSITE else ""
    option = "" if with_rowid else " WITHOUT ROWID"
    said = "" if "KEY" in kind else f", PRIMARY KEY ({key})"
    return f"CREATE TABLE plans ({area}id {kind}{said}){option};"


def lay_subs(kind: str, form: str) -> str:
    if form == JSON:
        return "CREATE TABLE subs (doc TEXT);"
    area, more = ("area TEXT, ", "area, ") if form == COMPOSITE else ("", "")
    return f"CREATE TABLE subs ({area}plan {kind}, FOREIGN KEY ({more}plan) REFERENCES plans ({more}id));"


def fill_plans(ids: Sequence[str], form: str) -> str:
    area = "'north', " if form == COMPOSITE else ""
    return "".join(f"INSERT INTO plans VALUES ({area}{id_});" for id_ in ids)


def fill_subs(value: str, form: str) -> str:
    held = {JSON: f"json_object('plan', {value})", COMPOSITE: f"'north', {value}"}.get(form, value)
    return f"INSERT INTO subs VALUES ({held});"


def make(
    files: Files, target: str, child: str, value: str, published: str, *, form: str = COLUMN, with_rowid: bool = True
) -> HandMade:
    """Make files of plans and c's sub; files come first whose plans the target takes first."""
    subs = lay_subs(child, form)
    sources = {
        name: lay_plans(kind, form, with_rowid=with_rowid) + fill_plans(ids, form)
        for name, (kind, ids) in files.items()
    }
    sources["c"] = sources.get("c", "") + subs + fill_subs(value, form)
    rest = "references: [{column: m.subs.doc, json: $.plan}]" if form == JSON else ""
    offsets, reached = {}, 0
    for name, (_, ids) in files.items():
        offsets[f"{name}.plans"], reached = reached, reached + len(ids)
    entries = {} if published == value else {"c.subs": [WAITING if published == WAITS else FOLLOWED]}
    return HandMade(
        plan=f"sources: {{{', '.join(f'{name}: {{path: {name}.db}}' for name in sources)}}}\n"
        "targets: {m: {path: m.db, schema: m.sql}}\n"
        f"tables: [{{into: m.plans, from: [{', '.join(f'{name}.plans' for name in files)}], "
        f"on_conflict: {{rule: prefer}}, {rest}}}]\ncopy: {{m: [c.subs]}}\n",
        schema=lay_plans(target, form, with_rowid=with_rowid) + subs,
        sources=sources,
        built="".join(fill_plans(ids, form) for _, ids in files.values())
        + ("" if published == WAITS else fill_subs(published, form)),
        inputs={"plans": [f"{name}.plans" for name in files], "subs": ["c.subs"]},
        offsets=offsets,
        entries=entries,
    )


def list_proven(
    files: Files, target: str, child: str, value: str, *, form: str = COLUMN, with_rowid: bool = True
) -> list[str]:
    """Return what a target may hold, of all that it could, and be proven."""
    ids = [id_ for _, held in files.values() for id_ in held]
    written = [f"'{id_}'" for id_ in ids if "'" not in id_]
    found = []
    for published in dict.fromkeys([value, *ids, *written, WAITS]):
        if published in (value, WAITS) or store(child, published) != store(child, value):
            case = make(files, target, child, value, published, form=form, with_rowid=with_rowid)
            found += [] if case.prove() else [published]
    return found


def store(kind: str, value: str) -> object:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (c {kind})")
        connection.execute(f"INSERT INTO t VALUES ({value})")
        return connection.execute("SELECT typeof(c), c FROM t").fetchone()


# Letters and spaces ---------------------------------------------------------------------------------

ADMIN, UPPER, WIDE = "'admin'", "'Admin'", "'admin '"


@pytest.mark.parametrize("with_rowid", [True, False])
@pytest.mark.parametrize("form", [COLUMN, JSON, COMPOSITE])
@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        ((NOCASE, [ADMIN]), (TEXT, [UPPER]), UPPER),
        ((TEXT, [UPPER]), (NOCASE, [ADMIN]), UPPER),
        ((NOCASE, [ADMIN]), (NOCASE, [UPPER]), UPPER),
        ((RTRIM, [ADMIN]), (TEXT, [WIDE]), WIDE),
        ((RTRIM, [WIDE]), (TEXT, [ADMIN]), ADMIN),
        ((RTRIM, [WIDE]), (NOCASE, [UPPER]), UPPER),
    ],
    ids=["nocase, binary", "binary, nocase", "nocase twice", "rtrim, wide", "rtrim, narrow", "rtrim, nocase"],
)
def test_a_value_stays_where_each_file_kept_its_own_spelling(
    one: tuple[str, list[str]], other: tuple[str, list[str]], value: str, form: str, *, with_rowid: bool
) -> None:
    """The target compares byte by byte, and has both; the child's is one of them."""
    files = {"a": one, "b": other}
    assert list_proven(files, TEXT, "TEXT", value, form=form, with_rowid=with_rowid) == [value]


@pytest.mark.parametrize("form", [COLUMN, JSON, COMPOSITE])
def test_a_value_that_two_files_spell_and_the_target_does_not_find_waits(form: str) -> None:
    assert list_proven({"a": (NOCASE, [ADMIN]), "b": (NOCASE, [UPPER])}, TEXT, "TEXT", "'ADMIN'", form=form) == [WAITS]


@pytest.mark.parametrize("form", [COLUMN, JSON, COMPOSITE])
def test_a_value_that_one_file_spells_follows(form: str) -> None:
    files = {"a": (NOCASE, [ADMIN]), "b": (TEXT, [UPPER])}
    assert list_proven(files, TEXT, "TEXT", "'ADMIN'", form=form) == [ADMIN]


def test_a_child_of_its_own_file_means_that_files_row_in_either_spelling() -> None:
    files = {"c": (NOCASE, [ADMIN]), "b": (TEXT, [UPPER])}
    assert list_proven(files, TEXT, "TEXT", UPPER) == [ADMIN]
    assert list_proven(files, TEXT, "TEXT", ADMIN) == [ADMIN]


def test_a_key_that_tells_letters_apart_in_a_column_that_does_not_leaves_the_child_waiting() -> None:
    """Both rows of its file have the value."""
    exact = "TEXT COLLATE NOCASE, PRIMARY KEY (id COLLATE BINARY)"
    assert list_proven({"c": (exact, [ADMIN, UPPER])}, TEXT, "TEXT", ADMIN) == [WAITS]


# Numbers and texts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["c", "a"], ids=["in its own file", "in another file"])
@pytest.mark.parametrize(
    ("mine", "id_", "target", "child", "value", "right"),
    [
        (INTEGER, "1", INTEGER, TEXT, "'1'", "'1'"),
        (INTEGER, "1", INTEGER, NONE, "'01'", "'01'"),
        (INTEGER, "1", NONE, NONE, "1", "1"),
        (INTEGER, "1", NONE, NONE, "'1'", "1"),
        (INTEGER, "1", NONE, NONE, "'01'", "1"),
        (INTEGER, "1", NONE, TEXT, "'1'", WAITS),
        (INTEGER, "1", NONE, TEXT, "'01'", WAITS),
        (INTEGER, "1", NONE, NONE, "1.0", "1.0"),
        (ROWID, "1", ROWID, TEXT, "'01'", "'01'"),
        (ROWID, "1", ROWID, NONE, "1.0", "1.0"),
        (ROWID, "1", NONE, NONE, "'1'", "1"),
        (ROWID, "1", NONE, TEXT, "'1'", WAITS),
        (TEXT, "'1'", TEXT, NONE, "1", "1"),
        (TEXT, "'1'", NONE, NONE, "1", "'1'"),
        (TEXT, "'1'", NONE, NONE, "'1'", "'1'"),
        (TEXT, "'1'", NONE, INTEGER, "1", WAITS),
        (TEXT, "'1'", NONE, NONE, "'01'", "'01'"),
        (REAL, "1.5", NONE, NONE, "'1.50'", "1.5"),
        (REAL, "1.5", NUMERIC, TEXT, "'1.50'", "'1.50'"),
        (NONE, "x'31'", NONE, NONE, "'1'", "'1'"),
    ],
)
def test_ids_of_another_type(file: str, mine: str, id_: str, target: str, child: str, value: str, right: str) -> None:
    """A text means a number, and a number a text, where the parent's column in the file says so."""
    assert list_proven({file: (mine, [id_])}, target, child, value) == [right]


@pytest.mark.parametrize("number", [INTEGER, ROWID, NUMERIC])
@pytest.mark.parametrize("value", ["'1'", "1"])
def test_a_value_stays_where_one_file_has_it_as_a_number_and_one_as_a_text(number: str, value: str) -> None:
    assert list_proven({"a": (number, ["1"]), "b": (TEXT, ["'1'"])}, NONE, NONE, value) == [value]


@pytest.mark.parametrize("value", ["'01'", "'1.0'", "' 1'", "'1e0'", "'+1'"])
def test_a_text_that_is_also_a_number_waits_where_the_number_became_another(value: str) -> None:
    """a's plan 1 became plan 9 of b, which has a plan of the text's own, too."""
    case = HandMade(
        plan="sources: {a: {path: a.db}, b: {path: b.db}, c: {path: c.db}}\n"
        "targets: {m: {path: m.db, schema: m.sql}}\n"
        "tables: [{into: m.plans, from: [b.plans, a.plans], key: [name], on_conflict: {rule: prefer}, "
        "references: [m.subs.plan]}]\ncopy: {m: [c.subs]}\n",
        schema="CREATE TABLE plans (id PRIMARY KEY, name); CREATE TABLE subs (plan);",
        sources={
            "a": "CREATE TABLE plans (id INT PRIMARY KEY, name); INSERT INTO plans VALUES (1, 'gold')",
            "b": f"CREATE TABLE plans (id PRIMARY KEY, name); INSERT INTO plans VALUES (9, 'gold'), ({value}, 'tin')",
            "c": f"CREATE TABLE subs (plan); INSERT INTO subs VALUES ({value})",
        },
        built=f"INSERT INTO plans VALUES (9, 'gold'), ({value}, 'tin'); INSERT INTO subs VALUES ({value})",
        inputs={"plans": ["b.plans", "a.plans"], "subs": ["c.subs"]},
        offsets={"a.plans": 2},
        entries={"a.plans": [(1, "superseded", "prefer", 1, 1, 1)]},
    )
    said = "m.subs: 1 row of c.subs refers to a row that waits, and does not wait with it (row 1)"
    assert said in case.prove()


@pytest.mark.parametrize(
    ("kind", "id_", "value", "right"),
    [
        (TEXT, "'1'", "'01'", "'01'"),
        (TEXT, "'1'", "1", "1"),
        (NONE, "1", "'01'", "'01'"),
        (NONE, "1", "'1'", "'1'"),
        (NONE, "'01'", "1", "1"),
        (INTEGER, "1", "'01'", "'01'"),
    ],
)
def test_digits_in_json_mean_a_number_where_they_are_how_it_is_written(
    kind: str, id_: str, value: str, right: str
) -> None:
    """``"01"`` may be the id 1 of a column that takes it for one, and of no other."""
    assert list_proven({"c": (kind, [id_])}, kind, "TEXT", value, form=JSON) == [right]


@pytest.mark.parametrize(
    ("old", "new", "held", "right"),
    [
        ("5", "(7, 'g')", '"5"', '"7"'),
        ("5", "(7, 'g')", "5", "7"),
        ("'5'", "(7, 'g')", "5", "7"),
        ("'u'", "(7, 'g')", '"u"', '"7"'),
        ("'u'", "(7, 'g'), ('7', 'h')", '"u"', "7"),
        ("'u'", "(1.5, 'g')", '"u"', WAITS),
    ],
)
def test_an_id_in_json_is_written_as_the_target_finds_it(old: str, new: str, held: str, right: str) -> None:
    """c's plan became b's; where b has a 7 and a '7', only the number means the number."""
    plans, subs = "CREATE TABLE plans (id PRIMARY KEY, name);", "CREATE TABLE subs (doc TEXT);"
    said = {"7": "7", '"7"': '"7"', '"1.5"': '"1.5"', held: held, WAITS: None}
    found = []
    for published, written in said.items():
        entry = () if published == held else (WAITING if written is None else FOLLOWED,)
        case = HandMade(
            plan="sources: {b: {path: b.db}, c: {path: c.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
            "tables: [{into: m.plans, from: [b.plans, c.plans], key: [name], on_conflict: {rule: prefer}, "
            "references: [{column: m.subs.doc, json: $.p}]}]\ncopy: {m: [c.subs]}\n",
            schema=plans + subs,
            sources={
                "b": f"{plans} INSERT INTO plans VALUES {new}",
                "c": f"{plans} {subs} INSERT INTO plans VALUES ({old}, 'g'); "
                f"INSERT INTO subs VALUES ('{{\"p\":{held}}}')",
            },
            built=f"INSERT INTO plans VALUES {new};"
            + ("" if written is None else f"INSERT INTO subs VALUES ('{{\"p\":{written}}}')"),
            inputs={"plans": ["b.plans", "c.plans"], "subs": ["c.subs"]},
            offsets={"c.plans": 2},
            entries={"c.plans": [(1, "superseded", "prefer", 1, 1, 1)], "c.subs": entry},
        )
        found += [] if case.prove() else [published]
    assert found == [right]


def test_a_child_that_would_point_at_two_rows_of_the_target_waits() -> None:
    """Codes are unique in each file, and not in the target, which has two plans x."""
    plans, subs = "CREATE TABLE plans (code TEXT UNIQUE, id INTEGER PRIMARY KEY);", "CREATE TABLE subs (plan TEXT%s);"
    key = subs % " REFERENCES plans (code)"
    waiting = HandMade(
        plan="sources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
        "copy: {m: [a.plans, b.plans, b.subs]}\n",
        schema=plans.replace(" UNIQUE", "") + subs % "",
        sources={
            "a": f"{plans} INSERT INTO plans VALUES ('x', 1)",
            "b": f"{plans} {key} INSERT INTO plans VALUES ('x', 2), ('y', 3); INSERT INTO subs VALUES ('x'), ('y')",
        },
        built="INSERT INTO plans VALUES ('x', 1), ('x', 2), ('y', 3); INSERT INTO subs (rowid, plan) VALUES (2, 'y');",
        inputs={"plans": ["a.plans", "b.plans"], "subs": ["b.subs"]},
        entries={"b.subs": [WAITING]},
    )
    assert waiting.prove() == []
    published = waiting.built + "INSERT INTO subs (rowid, plan) VALUES (1, 'x')"
    assert replace(waiting, built=published, entries={}).prove()


# Collations that SQLite does not know ---------------------------------------------------------------


@pytest.mark.parametrize(
    "plans", ["id TEXT COLLATE mine, name", "id TEXT, name TEXT COLLATE mine CHECK (mine(name))"], ids=["id", "name"]
)
def test_a_collation_that_sqlite_does_not_know_is_said_in_one_line(tmp_path: Path, plans: str) -> None:
    case = make({"c": (TEXT, [ADMIN])}, TEXT, "TEXT", ADMIN, ADMIN)
    house, _ = case.write(tmp_path)
    with closing(sqlite3.connect(house.sources["c"].database.path)) as connection:
        connection.create_collation("mine", lambda one, other: (one > other) - (one < other))
        connection.create_function("mine", 1, lambda _: 1)
        connection.executescript(f"DROP TABLE plans; CREATE TABLE plans ({plans})")
    scratch = tmp_path / "again"
    scratch.mkdir()
    column = "id" if "id TEXT COLLATE" in plans else "name"
    with pytest.raises(GuardError) as caught:
        read_house(house.evidence, scratch)
    assert str(caught.value) == f"c.plans.{column}: compares by mine, which is no collation of SQLite"
    assert caught.value.hint
