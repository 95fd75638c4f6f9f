"""Ids change, references follow: every row still reaches the row that it reached before."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.binding import TargetJob, bind
from strongroom.consolidate.merge import build_target
from strongroom.consolidate.verify import Evidence, read_house, verify_content, verify_soundness
from strongroom.core.engines import Engine
from strongroom.core.errors import PlanError
from strongroom.core.plan import read_plan
from strongroom.core.results import Verification
from strongroom.sqlite.database import Database
from strongroom.sqlite.snapshot import Snapshot

SAMPLE = settings(
    max_examples=min(settings.default.max_examples, 30) if settings.get_current_profile_name() != "nightly" else 2000
)
"""Each example is a run: CI tries some."""

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, mail TEXT);
CREATE TABLE people (id INTEGER PRIMARY KEY, label TEXT, boss INTEGER, boss_label TEXT,
                     owner INTEGER REFERENCES users (id), owner_name TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people (id), label TEXT,
                    about TEXT, about_name TEXT, loose, loose_name TEXT);
"""
PLAN = """
version: 1
sources: {sources}
targets: {{house: {{path: house.db, schema: house.sql}}}}
tables:
  - into: house.notes
    from: {notes}
    on_conflict: {{rule: keep_both}}
  - into: house.people
    from: {people}
    on_conflict: {{rule: keep_both}}
    references: [house.people.boss]
  - into: house.users
    from: {users}
    key: [username]
    identity: {{column: id, strategy: renumber}}
    on_conflict: {{rule: {rule}}}
    references: [house.notes.loose, {{column: house.notes.about, json: $.who.id}}]
"""
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    users: tuple[Row, ...]
    people: tuple[Row, ...]
    notes: tuple[Row, ...]


@st.composite
def files(draw: st.DrawFn, number: int) -> File:
    """Draw a file whose rows say, beside every reference, whom they mean."""
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=4))
    ids = draw(st.lists(st.integers(1, 6), unique=True, min_size=len(names), max_size=len(names)))
    users = dict(zip(ids, names, strict=True))
    labels = {key: f"person {number}.{key}" for key in draw(st.lists(st.integers(1, 5), unique=True, max_size=4))}
    user = st.sampled_from([None, *users])
    person = st.sampled_from([None, *labels])
    people, notes = [], []
    for key, label in labels.items():
        boss, owner = draw(person), draw(user)
        people.append((key, label, boss, labels.get(boss or 0), owner, users.get(owner or 0)))
    for key in draw(st.lists(st.integers(1, 5), unique=True, max_size=4)):
        held, about, loose = draw(person), draw(user), draw(user)
        as_text = draw(st.booleans())
        text = (
            json.dumps({"who": {"id": str(about) if as_text else about}, "n": f"{number}.{key}"})
            if about
            else f"note {number}.{key}"
        )
        written = loose if loose is None or draw(st.booleans()) else str(loose)
        notes.append((key, held, labels.get(held or 0), text, users.get(about or 0), written, users.get(loose or 0)))
    return File(
        users=tuple((key, name, f"{name}{number}") for key, name in users.items()),
        people=tuple(people), notes=tuple(notes),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    job: TargetJob
    stage: Database
    ledger: Database

    def verify(self) -> list[Verification]:
        """Prove what was built from the plan's text and the files."""
        folder = self.stage.path.parent
        files = [file for file in folder.glob("*.db") if file not in (self.stage.path, self.ledger.path)]
        with tempfile.TemporaryDirectory() as scratch:
            evidence = Evidence(
                plan=folder / "plan.yaml",
                snapshots={file.name: Database(file) for file in files},
                targets={"house": self.stage},
                ledgers={"house": self.ledger},
                archive=None,
            )
            house = read_house(evidence, Path(scratch))
            tables = [table.table.name for table in house.targets["house"].tables]
            return [verify_content(house, "house", tables), verify_soundness(house, "house")]

    def read(self, sql: str) -> list[Row]:
        with closing(sqlite3.connect(self.stage.path)) as connection:
            return connection.execute(sql).fetchall()


def build(folder: Path, names: Sequence[str], plan: str, rule: str, tables: Sequence[str]) -> Built:
    """Bind the plan to the files that lie in the folder, and build the target."""
    fed = {table: json.dumps([f"{name}.{table}" for name in names]) for table in tables}
    sources = json.dumps({name: {"path": f"{name}.db"} for name in names})
    (folder / "plan.yaml").write_text(plan.format(sources=sources, rule=rule, **fed))
    snapshots = {
        name: Snapshot(source=name, path=f"{name}.db", copy=Database(folder / f"{name}.db"), original="",
                       sha256="", source_sha256="", size=0, schema_sha256="", state={})
        for name in names
    }  # fmt: skip
    work = bind(read_plan(folder / "plan.yaml"), snapshots, folder / "templates", Engine.SYSTEM)
    result = Built(job=work.targets[0], stage=Database(folder / "stage.db"), ledger=Database(folder / "ledger.db"))
    build_target(result.job, result.stage, result.ledger)
    return result


@contextmanager
def built(given_files: Sequence[File], rule: str = "prefer", plan: str = PLAN) -> Iterator[Built]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        folder = Path(scratch)
        names = [f"s{number}" for number, _ in enumerate(given_files)]
        (folder / "house.sql").write_text(SCHEMA)
        for name, file in zip(names, given_files, strict=True):
            with closing(sqlite3.connect(folder / f"{name}.db")) as connection, connection:
                connection.executescript(SCHEMA)
                for table, rows in (("users", file.users), ("people", file.people), ("notes", file.notes)):
                    if rows:
                        connection.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
        yield build(folder, names, plan, rule, ("users", "people", "notes"))


ASTRAY = {
    "a boss": "SELECT p.label, p.boss_label, b.label FROM people p LEFT JOIN people b ON b.id = p.boss "
    "WHERE b.label IS NOT p.boss_label",
    "an owner": "SELECT p.label, p.owner_name, u.username FROM people p LEFT JOIN users u ON u.id = p.owner "
    "WHERE u.username IS NOT p.owner_name",
    "a person": "SELECT n.label, p.label FROM notes n LEFT JOIN people p ON p.id = n.person "
    "WHERE p.label IS NOT n.label",
    "one without a declared key": "SELECT n.loose, n.loose_name, u.username FROM notes n "
    "LEFT JOIN users u ON u.id = CAST(n.loose AS INTEGER) WHERE u.username IS NOT n.loose_name",
    "one in JSON": "SELECT n.about, n.about_name, u.username FROM notes n LEFT JOIN users u "
    "ON u.id = CASE WHEN json_valid(n.about) THEN CAST(json_extract(n.about, '$.who.id') AS INTEGER) END "
    "WHERE u.username IS NOT n.about_name",
}


@SAMPLE
@given(st.lists(st.integers(0, 3), min_size=1, max_size=4).flatmap(
    lambda numbers: st.tuples(*[files(number) for number, _ in enumerate(numbers)])
), st.sampled_from(["prefer", "merge"]))  # fmt: skip
def test_every_row_still_reaches_the_same_row(drawn: tuple[File, ...], rule: str) -> None:
    with built(drawn, rule) as result:
        for what, sql in ASTRAY.items():
            assert result.read(sql) == [], what
        assert result.read("SELECT count(*) FROM notes") == [(sum(len(file.notes) for file in drawn),)]
        assert result.read("SELECT count(*) FROM people") == [(sum(len(file.people) for file in drawn),)]
        names = {row[1] for file in drawn for row in file.users}
        assert {row[0] for row in result.read("SELECT username FROM users")} == names
        for part in result.verify():
            assert part.differences == ()
            assert not [name for name, tally in part.tables.items() if tally.unexplained]


TWO = (
    File(users=((1, "ann", "a0"), (2, "bob", "b0")), people=((1, "p0", None, None, 2, "bob"),), notes=()),
    File(users=((1, "bob", "b1"), (2, "cid", "c1")), people=((1, "p1", 1, "p1", 1, "bob"),),
         notes=((1, 1, "p1", '{"who": {"id": "1"}}', "bob", 2, "cid"),)),
)  # fmt: skip


def test_a_rewritten_row_says_what_it_was() -> None:
    with built(TWO) as result, closing(sqlite3.connect(result.ledger.path)) as connection:
        assert result.read("SELECT id, username FROM users ORDER BY id") == [(1, "ann"), (2, "bob"), (3, "cid")]
        assert result.read("SELECT person, about, loose FROM notes") == [(2, '{"who":{"id":"2"}}', 3)]
        said = connection.execute('SELECT _disposition, _reason FROM "s1.notes"').fetchall()
        assert len(said) == 1
        assert said[0][0] == "inserted"
        assert all(word in said[0][1] for word in ("person 1 is now 2", "loose 2 is now 3", "about"))
        tally = result.verify()[0].tables["s1.notes"]
        assert (tally.inserted, tally.rewritten) == (1, 1)


def test_the_verifier_sees_a_reference_that_leads_elsewhere() -> None:
    for sql in (
        "UPDATE notes SET loose = 2",
        "UPDATE notes SET person = 1",
        """UPDATE notes SET about = '{"who":{"id":"1"}}'""",
        "UPDATE people SET boss = 1 WHERE label = 'p1'",
        "UPDATE people SET owner = 1 WHERE label = 'p1'",
    ):
        with built(TWO) as result:
            with closing(sqlite3.connect(result.stage.path)) as connection, connection:
                assert connection.execute(sql).rowcount == 1
            found = result.verify()[0]
            assert found.differences or any(tally.unexplained for tally in found.tables.values()), sql


def test_a_row_that_refers_to_one_that_nothing_decides_points_at_the_version_that_is_shown() -> None:
    with built(TWO, "quarantine") as result:
        assert result.read("SELECT username, mail FROM users ORDER BY 1") == [
            ("ann", "a0"),
            ("bob", "b0"),
            ("cid", "c1"),
        ]
        for what, sql in ASTRAY.items():
            assert result.read(sql) == [], what
        assert [result.read(f"SELECT count(*) FROM {table}") for table in ("notes", "people")] == [[(1,)], [(2,)]]
        found = result.verify()
        assert [difference for part in found for difference in part.differences] == []
        assert found[0].tables["s1.users"].quarantined == 1
        assert found[0].tables["s1.notes"].quarantined == 0


def test_a_row_that_refers_to_one_in_quarantine_waits_with_it() -> None:
    first = File(users=((1, "Ann", "a0"), (2, "ann", "a1"), (3, "bob", None)), people=(), notes=())
    people: tuple[Row, ...] = ((1, "p1", None, None, 4, "ann"), (2, "p2", None, None, None, None))
    second = File(users=((4, "ann", None),), people=people, notes=((1, 1, "p1", None, None, None, None),))
    with built((first, second), "quarantine", NORMALIZED) as result:
        assert result.read("SELECT username FROM users ORDER BY 1") == [("bob",)]
        assert result.read("SELECT label FROM people") == [("p2",)]
        assert result.read("SELECT count(*) FROM notes") == [(0,)]
        found = result.verify()
        assert [difference for part in found for difference in part.differences] == []
        assert found[0].tables["s1.notes"].quarantined == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("house.nothing.id", "no such table"),
        ("house.notes.nothing", "no column"),
        ("notes.loose", "no column of target"),
        ("{column: house.notes.about, json: '$.a[*]'}", "references"),
    ],
)
def test_a_reference_to_what_is_not_there_is_refused(wrong: str, said: str) -> None:
    plan = PLAN.replace(
        "references: [house.people.boss]", "references: [" + wrong.replace("{", "{{").replace("}", "}}") + "]"
    )
    with pytest.raises(PlanError, match=said), built(TWO, plan=plan):
        pass


NORMALIZED = """
version: 1
sources: {sources}
targets: {{house: {{path: house.db, schema: house.sql}}}}
tables:
  - into: house.users
    from: {users}
    key: [username]
    normalize: {{username: [trim, casefold]}}
    identity: {{column: id, strategy: renumber}}
    on_conflict: {{rule: {rule}}}
  - into: house.people
    from: {people}
    on_conflict: {{rule: keep_both}}
  - into: house.notes
    from: {notes}
    on_conflict: {{rule: keep_both}}
"""


@pytest.mark.parametrize("rule", ["prefer", "merge"])
def test_names_that_differ_in_spaces_and_case_are_one_user_and_keep_their_spelling(rule: str) -> None:
    drawn = (
        File(users=((1, "Ann", None), (2, "bob", "b0")), people=((1, "p0", None, None, 1, "Ann"),), notes=()),
        File(users=((1, " ann ", "a1"), (3, "BOB", "b1")), people=((1, "p1", None, None, 3, "bob"),), notes=()),
    )
    with built(drawn, rule, NORMALIZED) as result:
        mails = [None, "b0"] if rule == "prefer" else ["a1", "b0"]
        assert result.read("SELECT id, username, mail FROM users") == [(1, "Ann", mails[0]), (2, "bob", mails[1])]
        assert result.read("SELECT label, owner FROM people ORDER BY 1") == [("p0", 1), ("p1", 2)]
        assert [part.differences for part in result.verify()] == [(), ()]


def test_keys_that_are_nothing_or_ambiguous_once_normalized_are_not_matched() -> None:
    drawn = (
        File(users=((1, "  ", None), (2, "Bob", None), (3, "bob ", None)), people=(), notes=()),
        File(users=((1, "", None), (2, "BOB", None), (4, "cid", None)), people=((1, "p1", None, None, 2, "BOB"),),
             notes=()),
    )  # fmt: skip
    with built(drawn, "prefer", NORMALIZED) as result:
        assert result.read("SELECT username FROM users ORDER BY 1") == [("",), ("  ",), ("cid",)]
        assert result.read("SELECT count(*) FROM people") == [(0,)]
        found = result.verify()
        assert [part.differences for part in found] == [(), ()]
        assert sum(tally.quarantined for tally in found[0].tables.values()) == 4


def test_only_key_columns_are_normalized() -> None:
    plan = NORMALIZED.replace("{{username: [trim", "{{mail: [trim")
    with pytest.raises(PlanError, match="not in the key"), built(TWO, plan=plan):
        pass


TEXT_IDS = """
version: 1
sources: {sources}
targets: {{house: {{path: house.db, schema: house.sql}}}}
tables:
  - into: house.accounts
    from: {accounts}
    key: [name]
    normalize: {{name: [trim, casefold]}}
    identity: {{column: id, strategy: uuid5}}
    on_conflict: {{rule: {rule}}}
  - into: house.sessions
    from: {sessions}
    identity: {{column: id, strategy: offset}}
    on_conflict: {{rule: keep_both}}
"""
TEXT_SCHEMA = """
CREATE TABLE accounts (id TEXT PRIMARY KEY, name TEXT NOT NULL, mail TEXT);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, account TEXT REFERENCES accounts (id), name TEXT);
"""
Texts = tuple[list[Row], list[Row]]


@contextmanager
def built_with_text_ids(files: Sequence[Texts], rule: str) -> Iterator[Built]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "house.sql").write_text(TEXT_SCHEMA)
        names = [f"s{number}" for number, _ in enumerate(files)]
        for name, (accounts, sessions) in zip(names, files, strict=True):
            with closing(sqlite3.connect(folder / f"{name}.db")) as connection, connection:
                connection.executescript(TEXT_SCHEMA)
                connection.executemany("INSERT INTO accounts VALUES (?, ?, ?)", accounts)
                connection.executemany("INSERT INTO sessions VALUES (?, ?, ?)", sessions)
        yield build(folder, names, TEXT_IDS, rule, ("accounts", "sessions"))


@st.composite
def accounts_and_sessions(draw: st.DrawFn, number: int) -> Texts:
    names = draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=4))
    ids = draw(st.lists(st.sampled_from(["u1", "u2", "u3", "u4", "\u00e9"]), unique=True, min_size=4, max_size=4))
    held = dict(zip(ids, names, strict=False))
    spelled = {key: draw(st.sampled_from([name, name.upper(), f" {name}"])) for key, name in held.items()}
    chosen = draw(st.lists(st.sampled_from([None, *held]), max_size=5))
    sessions: list[Row] = [
        (place, key, f"{held[key]}{number}" if key else None) for place, key in enumerate(chosen, start=1)
    ]
    return [(key, name, f"{number}") for key, name in spelled.items()], sessions


@SAMPLE
@given(st.tuples(*[accounts_and_sessions(number) for number in range(3)]), st.sampled_from(["prefer", "merge"]))
def test_ids_that_are_text_and_ids_that_move_up_keep_their_meaning(drawn: tuple[Texts, ...], rule: str) -> None:
    with built_with_text_ids(drawn, rule) as result:
        astray = result.read(
            "SELECT s.id, s.name, a.name FROM sessions s LEFT JOIN accounts a ON a.id = s.account "
            "WHERE lower(trim(a.name)) IS NOT substr(s.name, 1, 1)"
        )
        assert astray == []
        names = {str(row[1]).strip().lower() for accounts, _ in drawn for row in accounts}
        assert {str(row[0]).strip().lower() for row in result.read("SELECT name FROM accounts")} == names
        assert len(result.read("SELECT id FROM accounts")) == len(names)
        for part in result.verify():
            assert part.differences == ()


@pytest.mark.parametrize("table", ["accounts", "sessions"])
def test_the_verifier_sees_an_id_that_the_strategy_would_not_give(table: str) -> None:
    files: list[Texts] = [([("u1", "ann", "")], [(1, None, "x")]), ([("u1", "bob", "")], [(1, None, "y")])]
    with built_with_text_ids(files, "prefer") as result:
        assert [part.differences for part in result.verify()] == [(), ()]
        wrong = {"accounts": "UPDATE accounts SET id = 'u9' WHERE name = 'bob'",
                 "sessions": "UPDATE sessions SET id = 9 WHERE name = 'y'"}  # fmt: skip
        with closing(sqlite3.connect(result.stage.path)) as connection, connection:
            assert connection.execute(wrong[table]).rowcount == 1
        with closing(sqlite3.connect(result.ledger.path)) as connection, connection:  # a ledger that lies as well
            connection.execute('UPDATE "s1.sessions" SET _target_rowid = 9 WHERE _target_rowid <> 0')
        found = result.verify()[0]
        assert found.differences or any(tally.unexplained for tally in found.tables.values())


def test_an_id_beyond_the_largest_waits() -> None:
    largest = 2**63 - 1
    files: list[Texts] = [([], [(5, None, "x")]), ([], [(largest, None, "y"), (1, None, "z")])]
    with built_with_text_ids(files, "prefer") as result:
        assert result.read("SELECT * FROM sessions ORDER BY id") == [(5, None, "x"), (6, None, "z")]
        found = result.verify()
        assert [part.differences for part in found] == [(), ()]
        assert found[0].tables["s1.sessions"].quarantined == 1


CIRCLE = """
CREATE TABLE teams (id INTEGER PRIMARY KEY, label TEXT, lead INTEGER REFERENCES people (id), lead_label TEXT);
CREATE TABLE people (id INTEGER PRIMARY KEY, label TEXT, team INTEGER REFERENCES teams (id), team_label TEXT,
                     boss INTEGER REFERENCES people (id), boss_label TEXT);
"""
CIRCLE_PLAN = """
version: 1
sources: {sources}
targets: {{house: {{path: house.db, schema: house.sql}}}}
tables:
  - {{into: house.teams, from: {teams}, on_conflict: {{rule: {rule}}}}}
  - {{into: house.people, from: {people}, on_conflict: {{rule: {rule}}}}}
"""
BY_LABEL = CIRCLE_PLAN.replace("on_conflict", "key: [label], identity: {{column: id, strategy: renumber}}, on_conflict")


@contextmanager
def built_in_a_circle(
    files: Sequence[Texts], rule: str = "keep_both", plan: str = CIRCLE_PLAN, schema: str = CIRCLE
) -> Iterator[Built]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "house.sql").write_text(schema)
        names = [f"s{number}" for number, _ in enumerate(files)]
        for name, (teams, people) in zip(names, files, strict=True):
            with closing(sqlite3.connect(folder / f"{name}.db")) as connection, connection:
                connection.executescript(CIRCLE)
                connection.executemany("INSERT INTO teams VALUES (?, ?, ?, ?)", teams)
                connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)", people)
        yield build(folder, names, plan, rule, ("teams", "people"))


@st.composite
def circles(draw: st.DrawFn, number: int, labels: st.SearchStrategy[str] | None = None) -> Texts:
    """Draw teams and people who name each other, by id and by label; labels are the file's own, or drawn."""

    def label_rows(kind: str) -> dict[int, str]:
        keys = draw(st.lists(st.integers(1, 4), unique=True, max_size=4))
        own = [f"{kind} {number}.{key}" for key in keys]
        drawn = own if labels is None else draw(st.lists(labels, unique=True, min_size=len(keys), max_size=len(keys)))
        return dict(zip(keys, drawn, strict=True))

    def refer(held: dict[int, str]) -> Row:
        key = draw(st.sampled_from([None, *held]))
        return key, held.get(key or 0)

    teams, people = label_rows("team"), label_rows("person")
    return (
        [(key, label, *refer(people)) for key, label in teams.items()],
        [(key, label, *refer(teams), *refer(people)) for key, label in people.items()],
    )


LOST_IN_A_CIRCLE = (
    "SELECT t.label FROM teams t LEFT JOIN people p ON p.id = t.lead WHERE p.label IS NOT t.lead_label",
    "SELECT p.label FROM people p LEFT JOIN teams t ON t.id = p.team WHERE t.label IS NOT p.team_label",
    "SELECT p.label FROM people p LEFT JOIN people b ON b.id = p.boss WHERE b.label IS NOT p.boss_label",
)


def assert_circle_holds(result: Built) -> None:
    for sql in LOST_IN_A_CIRCLE:
        assert result.read(sql) == [], sql
    for part in result.verify():
        assert part.differences == ()
        assert not [name for name, tally in part.tables.items() if tally.unexplained]


@SAMPLE
@given(st.tuples(*[circles(number) for number in range(3)]))
def test_two_tables_that_refer_to_each_other_still_do(drawn: tuple[Texts, ...]) -> None:
    with built_in_a_circle(drawn) as result:
        assert_circle_holds(result)
        assert result.read("SELECT count(*) FROM people") == [(sum(len(people) for _, people in drawn),)]


@SAMPLE
@given(
    st.tuples(*[circles(number, st.sampled_from("abcde")) for number in range(3)]),
    st.sampled_from(["prefer", "quarantine", "merge"]),
)
def test_rows_in_a_circle_are_compared_by_what_they_refer_to(drawn: tuple[Texts, ...], rule: str) -> None:
    with built_in_a_circle(drawn, rule, BY_LABEL) as result:
        assert_circle_holds(result)
        if rule in ("prefer", "merge"):
            names = {row[1] for _, people in drawn for row in people}
            assert {row[0] for row in result.read("SELECT label FROM people")} == names


def test_equal_numbers_that_mean_different_rows_are_not_the_same() -> None:
    one: Texts = ([], [(1, "ann", None, None, 1, "ann")])
    two: Texts = ([], [(1, "bob", None, None, None, None), (2, "ann", None, None, 1, "bob")])
    with built_in_a_circle([one, two], "quarantine", BY_LABEL) as result:
        assert result.read("SELECT label, boss_label FROM people ORDER BY 1") == [("ann", "ann"), ("bob", None)]
        assert_circle_holds(result)
        assert result.verify()[0].tables["s1.people"].quarantined == 1


NO_ORPHANS = BY_LABEL.replace(
    "from: {people}", "from: {people}, references: [{{column: house.people.boss, orphans: quarantine}}]"
)


def test_a_row_in_a_circle_waits_with_the_one_it_refers_to() -> None:
    one: Texts = ([(1, "t0", 1, "ann")], [(1, "ann", 1, "t0", 9, "nobody")])
    two: Texts = ([(1, "t1", 1, "ann")], [(1, "ann", 1, "t1", None, None), (6, "eve", 1, "t1", None, None)])
    with built_in_a_circle([one, two], "quarantine", NO_ORPHANS) as result:
        assert [result.read(f"SELECT count(*) FROM {table}") for table in ("teams", "people")] == [[(0,)], [(0,)]]
        assert_circle_holds(result)


def test_a_long_thread_waits_with_its_first_row() -> None:
    thread: list[Row] = [(n, f"p{n}", 1, "other", n - 1, f"p{n - 1}") for n in range(2, 300)]
    two: Texts = ([], [(1, "p1", 1, "other", 999, "nobody"), *thread, (400, "free", None, None, None, None)])
    with built_in_a_circle([([], []), two], "quarantine", NO_ORPHANS) as result:
        assert result.read("SELECT label FROM people") == [("free",)]
        assert_circle_holds(result)


def test_a_reference_in_a_circle_that_its_column_refuses_waits() -> None:
    schema = CIRCLE.replace("lead INTEGER", "lead INTEGER UNIQUE")
    one: Texts = ([(1, "t0", 1, "ann")], [(1, "ann", None, None, None, None)])
    two: Texts = ([(1, "t1", 2, "ann")], [(2, "ann", None, None, None, None)])
    with built_in_a_circle([one, two], "prefer", BY_LABEL, schema) as result:
        assert result.read("SELECT label FROM teams") == [("t0",)]
        assert_circle_holds(result)
