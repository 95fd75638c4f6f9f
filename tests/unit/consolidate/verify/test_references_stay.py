"""References stay with their row: what was published as PROVEN once and must not be, beside what is right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.consolidate.verify.hand_made import HandMade

SOURCES = "sources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
NOTES = "CREATE TABLE notes (u INTEGER REFERENCES users (id), t TEXT);"
LOOSE = "CREATE TABLE notes (u INTEGER, t TEXT);"
BY_NAME = (
    "{into: m.users, from: [a.users, b.users], key: [name], identity: {column: id, strategy: renumber}, "
    "on_conflict: {rule: prefer}%s}"
)
MOVED = [(1, "inserted", "identity", 2, None, None)]  # b's user 1 is user 2 in the target
FOLLOWED = (1, "inserted", "reference", 2, None, None)
WAITING = (1, "quarantined", "reference", None, None, None)


def made(
    schema: str, given: str, rows: str, *, more: str = "", built: str = "", entries: object = None, b: str = ""
) -> HandMade:
    """Make two files, each with a user 1: a's ann stays, b's bob becomes 2; b's note refers to bob."""
    return HandMade(
        plan=SOURCES + f"tables: [{BY_NAME % more}]\ncopy: {{m: [a.notes, b.notes]}}\n",
        schema=schema,
        sources={
            "a": f"{given} INSERT INTO users VALUES (1, 'ann'); INSERT INTO notes VALUES (1, 'of ann');",
            "b": f"{given} INSERT INTO users VALUES (1, 'bob'); {b or rows}",
        },
        built="INSERT INTO users VALUES (1, 'ann'), (2, 'bob'); INSERT INTO notes VALUES (1, 'of ann');" + built,
        inputs={"users": ["a.users", "b.users"], "notes": ["a.notes", "b.notes"]},
        offsets={"b.users": 1, "b.notes": 1},
        entries={"b.users": MOVED, **(entries or {})},  # type: ignore[dict-item]
    )


BOBS_NOTE = "INSERT INTO notes VALUES (1, 'of bob');"
DECLARED = {"in the target": (USERS + NOTES, USERS + LOOSE, ""),
            "in the sources only": (USERS + LOOSE, USERS + NOTES, ""),
            "in the plan": (USERS + LOOSE, USERS + LOOSE, ", references: [m.notes.u]")}  # fmt: skip


@pytest.mark.parametrize(("schema", "given", "more"), DECLARED.values(), ids=DECLARED.keys())
def test_a_child_stays_with_its_parent_whoever_declares_it(schema: str, given: str, more: str) -> None:
    right = made(schema, given, BOBS_NOTE, more=more, built="INSERT INTO notes VALUES (2, 'of bob')",
                 entries={"b.notes": [FOLLOWED]})  # fmt: skip
    assert right.prove() == []
    (tally,) = [part.references["m.notes.u"] for part in right.verify() if part.references]
    assert (tally.parent, tally.followed, tally.orphans_before) == ("m.users", 1, 0)
    wrong = replace(right, built=right.built.replace("(2, 'of bob');", "").replace("(2, 'of bob')", "(1, 'of bob')"))
    assert wrong.prove()
    assert replace(wrong, entries={"b.users": MOVED}).prove()
    assert replace(right, entries={"b.users": MOVED}).prove()


def orphaned(*, more: str = "", built: str = "", entries: object = None, given: str = USERS + NOTES) -> HandMade:
    """Make a note of b's about nobody, whose number a's eve has."""
    made_so = made(given, given, "INSERT INTO notes VALUES (5, 'of nobody');", more=more, entries=entries,
                   built="INSERT INTO users VALUES (5, 'eve');" + built)  # fmt: skip
    return replace(
        made_so, sources={**made_so.sources, "a": made_so.sources["a"] + "INSERT INTO users VALUES (5, 'eve');"}
    )


def test_an_orphan_is_not_adopted() -> None:
    assert orphaned(built="INSERT INTO notes VALUES (5, 'of nobody')").prove()
    assert orphaned(entries={"b.notes": [WAITING]}).prove() == []
    free = made(USERS + NOTES, USERS + NOTES, "INSERT INTO notes VALUES (77, 'of nobody');")
    assert replace(free, built=free.built + "INSERT INTO notes VALUES (77, 'of nobody')").prove() == []
    assert replace(free, entries={**free.entries, "b.notes": [WAITING]}).prove()


@pytest.mark.parametrize("held", ["2", "'2'"])
@pytest.mark.parametrize("more", ["", ", references: [{column: m.notes.u, orphans: keep, reason: known}]"])
def test_no_row_gets_the_number_of_an_orphan(held: str, more: str) -> None:
    notes = f"INSERT INTO notes VALUES ({held}, 'of nobody')"
    loose = USERS + "CREATE TABLE notes (u, t TEXT);"
    more = more or ", references: [m.notes.u]"
    met = made(loose, loose, notes, more=more, entries={"b.notes": [WAITING]} if "keep" not in more else None,
               built="" if "keep" not in more else notes)  # fmt: skip
    assert any("an id that led to nobody in 1 rows was given to a row of m.users" in said for said in met.prove())
    clear = replace(
        met, entries={"b.users": [(1, "inserted", "identity", 3, None, None)]},
        built="INSERT INTO users VALUES (1, 'ann'), (3, 'bob'); INSERT INTO notes VALUES (1, 'of ann');" + notes,
    )  # fmt: skip
    assert clear.prove() == []


@pytest.mark.parametrize(
    ("says", "value", "entry"),
    [
        ("orphans: keep, reason: known", "5", None),
        ("orphans: null", "NULL", (1, "inserted", "reference", 2, None, None)),
        ("orphans: quarantine", None, WAITING),
    ],
)
def test_the_plan_may_say_what_becomes_of_orphans(says: str, value: str | None, entry: object) -> None:
    built = "" if value is None else f"INSERT INTO notes VALUES ({value}, 'of nobody')"
    entries = {} if entry is None else {"b.notes": [entry]}
    right = orphaned(more=f", references: [{{column: m.notes.u, {says}}}]", built=built, entries=entries,
                     given=USERS + LOOSE)  # fmt: skip
    assert right.prove() == []
    for other in ("INSERT INTO notes VALUES (3, 'of nobody')", "INSERT INTO notes VALUES (1, 'of nobody')"):
        assert replace(right, built=right.built.replace(built, "") + other if built else right.built + other).prove()


def test_a_composite_key_is_followed_as_one() -> None:
    parts = "CREATE TABLE parts (org TEXT, no INTEGER, label TEXT UNIQUE, id INTEGER PRIMARY KEY, UNIQUE (org, no));"
    uses = "CREATE TABLE uses (org TEXT, no INTEGER, t TEXT, FOREIGN KEY (org, no) REFERENCES parts (org, no));"
    plan = SOURCES + (
        "tables: [{into: m.parts, from: [a.parts, b.parts], key: [label], on_conflict: {rule: prefer}}]\n"
        "copy: {m: [a.uses, b.uses]}\n"
    )
    right = HandMade(
        plan=plan, schema=parts + uses,
        sources={
            "a": parts + uses + "INSERT INTO parts VALUES ('x', 1, 'bolt', 1);",
            "b": parts + uses + "INSERT INTO parts VALUES ('x', 7, 'bolt', 9); "
            "INSERT INTO uses VALUES ('x', 7, 'of bolt');",
        },
        built="INSERT INTO parts VALUES ('x', 1, 'bolt', 1); INSERT INTO uses VALUES ('x', 1, 'of bolt');",
        inputs={"parts": ["a.parts", "b.parts"], "uses": ["a.uses", "b.uses"]},
        entries={"b.parts": [(9, "superseded", "prefer", 1, 1, 1)],
                 "b.uses": [(1, "inserted", "reference", 1, None, None)]},
    )  # fmt: skip
    assert right.prove() == []
    stale = replace(right, built=right.built.replace("uses VALUES ('x', 1", "uses VALUES ('x', 7"))
    assert stale.prove()
    assert replace(stale, entries={"b.parts": right.entries["b.parts"]}).prove()


def test_a_key_that_ignores_case_is_followed_by_its_own_rules() -> None:
    accounts = "CREATE TABLE accounts (login TEXT PRIMARY KEY COLLATE NOCASE, mail TEXT UNIQUE);"
    logs = "CREATE TABLE logs (who TEXT REFERENCES accounts (login), t TEXT);"
    plan = SOURCES + (
        "tables: [{into: m.accounts, from: [a.accounts, b.accounts], key: [mail], on_conflict: {rule: prefer}}]\n"
        "copy: {m: [a.logs, b.logs]}\n"
    )
    right = HandMade(
        plan=plan, schema=accounts + logs,
        sources={
            "a": accounts + logs + "INSERT INTO accounts VALUES ('root', 'r@x');",
            "b": accounts + logs + "INSERT INTO accounts VALUES ('admin', 'r@x'); "
            "INSERT INTO logs VALUES ('Admin', 'x');",
        },
        built="INSERT INTO accounts VALUES ('root', 'r@x'); INSERT INTO logs VALUES ('root', 'x');",
        inputs={"accounts": ["a.accounts", "b.accounts"], "logs": ["a.logs", "b.logs"]},
        offsets={"b.accounts": 1},
        entries={"b.accounts": [(1, "superseded", "prefer", 1, 1, 1)],
                 "b.logs": [(1, "inserted", "reference", 1, None, None)]},
    )  # fmt: skip
    assert right.prove() == []
    stale = replace(right, built=right.built.replace("('root', 'x')", "('Admin', 'x')"))
    assert stale.prove()
    assert replace(stale, entries={"b.accounts": right.entries["b.accounts"]}).prove()


def test_a_parent_key_that_a_transform_changes_is_followed() -> None:
    tags = "CREATE TABLE tags (tag TEXT PRIMARY KEY);"
    uses = "CREATE TABLE uses (tag TEXT REFERENCES tags (tag), n INTEGER);"
    right = HandMade(
        plan="sources: {a: {path: a.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
        "tables: [{into: m.tags, from: [a.tags], transform: {tag: trim}}]\ncopy: {m: [a.uses]}\n",
        schema=tags + uses,
        sources={"a": tags + uses + "INSERT INTO tags VALUES (' red '); INSERT INTO uses VALUES (' red ', 1);"},
        built="INSERT INTO tags VALUES ('red'); INSERT INTO uses VALUES ('red', 1);",
        inputs={"tags": ["a.tags"], "uses": ["a.uses"]},
        entries={"a.uses": [(1, "inserted", "reference", 1, None, None)]},
    )
    assert right.prove() == []
    stale = replace(right, built=right.built.replace("('red', 1)", "(' red ', 1)"))
    assert stale.prove()
    assert replace(stale, entries={}).prove()


def test_two_tables_of_one_file_with_the_same_id_leave_the_child_waiting() -> None:
    archive = USERS.replace("users", "users_archive")
    given = USERS + archive + LOOSE
    right = HandMade(
        plan="sources: {a: {path: a.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
        "tables: [{into: m.users, from: [a.users, a.users_archive], key: [name], "
        "identity: {column: id, strategy: renumber}, on_conflict: {rule: prefer}, references: [m.notes.u]}]\n"
        "copy: {m: [a.notes]}\n",
        schema=USERS + LOOSE,
        sources={"a": given + "INSERT INTO users VALUES (1, 'ann'); INSERT INTO users_archive VALUES (1, 'bob'); "
                 "INSERT INTO notes VALUES (1, 'of whom?');"},
        built="INSERT INTO users VALUES (1, 'ann'), (2, 'bob');",
        inputs={"users": ["a.users", "a.users_archive"], "notes": ["a.notes"]},
        offsets={"a.users_archive": 1},
        entries={"a.users_archive": MOVED, "a.notes": [WAITING]},
    )  # fmt: skip
    assert right.prove() == []
    for guess in (1, 2):
        entries = {"a.users_archive": MOVED, "a.notes": [(*FOLLOWED[:3], 1, None, None)] if guess == 2 else []}
        built = right.built + f"INSERT INTO notes VALUES ({guess}, 'of whom?')"
        assert replace(right, built=built, entries=entries).prove()


def test_children_of_a_dropped_table_are_orphans_and_adopted_by_nobody() -> None:
    right = HandMade(
        plan=SOURCES + "copy: {m: [a.users, a.notes, b.notes]}\ndrop: [{table: b.users, reason: old}]\n",
        schema=USERS + NOTES,
        sources={
            "a": USERS + NOTES + "INSERT INTO users VALUES (1, 'ann'); INSERT INTO notes VALUES (1, 'of ann');",
            "b": USERS + NOTES + "INSERT INTO users VALUES (1, 'bob'); INSERT INTO notes VALUES (1, 'of bob');",
        },
        built="INSERT INTO users VALUES (1, 'ann'); INSERT INTO notes VALUES (1, 'of ann');",
        inputs={"users": ["a.users"], "notes": ["a.notes", "b.notes"]},
        offsets={"b.notes": 1},
        entries={"b.notes": [WAITING]},
        archive='CREATE TABLE "b.users" (id INTEGER, name TEXT); INSERT INTO "b.users" VALUES (1, \'bob\');',
    )
    assert right.prove() == []
    wrong = replace(right, built=right.built + "INSERT INTO notes VALUES (1, 'of bob')", entries={})
    assert wrong.prove()
    assert replace(right, archive=str(right.archive).replace("bob", "Bob")).prove()
    assert replace(right, archive=None).prove()


def test_a_child_waits_with_its_parent() -> None:
    """The target refuses the first of two users who are one, and both wait."""
    choosy = USERS.replace("UNIQUE", "UNIQUE CHECK (name <> 'ann')")
    right = made(choosy + NOTES, USERS + NOTES, BOBS_NOTE, entries={"b.notes": [WAITING]})
    right = replace(
        right,
        plan=right.plan.replace("rule: prefer", "rule: quarantine").replace("key: [name]", "key: [id]"),
        built="",
        entries={
            "a.users": [(1, "quarantined", "constraint", None, None, None)],
            "b.users": [(1, "quarantined", "quarantine", None, None, None)],
            "a.notes": [WAITING],
            "b.notes": [WAITING],
        },
    )
    right = replace(right, plan=right.plan.replace("identity: {column: id, strategy: renumber}, ", ""))
    assert right.prove() == []
    assert replace(
        right, entries={**right.entries, "b.notes": []}, built="INSERT INTO notes (rowid, u, t) VALUES (2, 1, 'of bob')"
    ).prove()


def test_a_column_that_refers_to_two_tables_waits_where_an_id_moved() -> None:
    orgs, audit = USERS.replace("users", "orgs"), "CREATE TABLE audit (object INTEGER, t TEXT);"
    right = HandMade(
        plan=SOURCES + f"tables: [{BY_NAME % ', references: [m.audit.object]'}, "
        "{into: m.orgs, from: [b.orgs], references: [m.audit.object]}]\ncopy: {m: [b.audit]}\n",
        schema=USERS + orgs + audit,
        sources={
            "a": USERS + "INSERT INTO users VALUES (1, 'ann')",
            "b": USERS + orgs + audit + "INSERT INTO users VALUES (1, 'bob'); INSERT INTO orgs VALUES (1, 'acme');"
            "INSERT INTO audit VALUES (1, 'who or what?')",
        },
        built="INSERT INTO users VALUES (1, 'ann'), (2, 'bob'); INSERT INTO orgs VALUES (1, 'acme');",
        inputs={"users": ["a.users", "b.users"], "orgs": ["b.orgs"], "audit": ["b.audit"]},
        offsets={"b.users": 1},
        entries={"b.users": MOVED, "b.audit": [WAITING]},
    )
    assert right.prove() == []
    for guess, entry in ((2, [(1, "inserted", "reference", 1, None, None)]), (1, [])):
        built = right.built + f"INSERT INTO audit VALUES ({guess}, 'who or what?')"
        assert replace(right, built=built, entries={"b.users": MOVED, "b.audit": entry}).prove()


def test_a_reference_leads_into_another_target() -> None:
    right = HandMade(
        plan="sources: {a: {path: a.db}, b: {path: b.db}}\n"
        "targets: {m: {path: m.db, schema: m.sql}, n: {path: n.db, schema: n.sql}}\n"
        f"tables: [{BY_NAME % ', references: [n.notes.u]'}]\ncopy: {{n: [a.notes, b.notes]}}\n",
        schema=USERS,
        sources={
            "a": USERS + LOOSE + "INSERT INTO users VALUES (1, 'ann'); INSERT INTO notes VALUES (1, 'of ann');",
            "b": USERS + LOOSE + "INSERT INTO users VALUES (1, 'bob'); INSERT INTO notes VALUES (1, 'of bob');",
        },
        built="INSERT INTO users VALUES (1, 'ann'), (2, 'bob');",
        more={"n": (LOOSE, "INSERT INTO notes VALUES (1, 'of ann'), (2, 'of bob')")},
        inputs={"users": ["a.users", "b.users"], "n.notes": ["a.notes", "b.notes"]},
        offsets={"b.users": 1, "b.notes": 1},
        entries={"b.users": MOVED, "b.notes": [FOLLOWED]},
    )
    assert right.prove() == []
    stale = replace(right, more={"n": (LOOSE, "INSERT INTO notes VALUES (1, 'of ann'), (1, 'of bob')")})
    assert stale.prove()
    assert replace(stale, entries={"b.users": MOVED}).prove()


def test_a_named_parent_is_looked_for_where_the_plan_says() -> None:
    more = ", references: [{column: m.notes.u, parent: [b.users]}]"
    right = HandMade(
        plan="sources: {a: {path: a.db}, b: {path: b.db}, c: {path: c.db}}\n"
        "targets: {m: {path: m.db, schema: m.sql}}\n" + f"tables: [{BY_NAME % more}]\ncopy: {{m: [c.notes]}}\n",
        schema=USERS + LOOSE,
        sources={
            "a": USERS + "INSERT INTO users VALUES (1, 'ann')",
            "b": USERS + "INSERT INTO users VALUES (1, 'bob')",
            "c": LOOSE + "INSERT INTO notes VALUES (1, 'of bob')",
        },
        built="INSERT INTO users VALUES (1, 'ann'), (2, 'bob'); INSERT INTO notes VALUES (2, 'of bob');",
        inputs={"users": ["a.users", "b.users"], "notes": ["c.notes"]},
        offsets={"b.users": 1},
        entries={"b.users": MOVED, "c.notes": [(1, "inserted", "reference", 1, None, None)]},
    )
    assert right.prove() == []
    without = replace(right, plan=right.plan.replace(", parent: [b.users]", ""))
    assert without.prove()  # two files have a user 1, and one of them is another now
    assert replace(without, built="INSERT INTO users VALUES (1, 'ann'), (2, 'bob')",
                   entries={"b.users": MOVED, "c.notes": [WAITING]}).prove() == []  # fmt: skip


def test_a_named_parent_in_the_childs_own_file_is_its_parent_even_if_it_is_left_out() -> None:
    """The own file's user 1 was filtered: its note is an orphan, and must not become one of the other file's user 1."""
    gone = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, gone INTEGER);"
    more = ", where: {sql: gone = 0, reason: gone}, references: [{column: m.notes.u, parent: [a.users, b.users]}]"
    right = HandMade(
        plan=SOURCES + f"tables: [{BY_NAME % more}]\ncopy: {{m: [a.notes]}}\n",
        schema=gone + LOOSE,
        sources={
            "a": gone + LOOSE + "INSERT INTO users VALUES (1, 'ann', 1); INSERT INTO notes VALUES (1, 'of ann');",
            "b": gone + "INSERT INTO users VALUES (1, 'bob', 0)",
        },
        built="INSERT INTO users VALUES (1, 'bob', 0)",
        inputs={"users": ["a.users", "b.users"], "notes": ["a.notes"]},
        offsets={"b.users": 1},
        entries={"a.users": [(1, "filtered", "where", None, None, None)], "a.notes": [WAITING]},
    )
    assert right.prove() == []
    adopted = replace(right, built=right.built + "; INSERT INTO notes VALUES (1, 'of ann')")
    assert replace(adopted, entries={"a.users": right.entries["a.users"]}).prove()
    elsewhere = {name: sql.replace("(1, 'bob'", "(2, 'bob'") for name, sql in right.sources.items()}
    orphan = replace(
        right,
        sources=elsewhere,
        entries={"a.users": right.entries["a.users"]},
        built="INSERT INTO users VALUES (2, 'bob', 0); INSERT INTO notes VALUES (1, 'of ann')",
    )
    assert orphan.prove() == []


KEYED = LOOSE.replace("u INTEGER", "u INTEGER REFERENCES users")


@pytest.mark.parametrize(
    ("schema", "people"),
    [
        (USERS, USERS),
        (USERS, "CREATE TABLE users (no INTEGER PRIMARY KEY, name TEXT UNIQUE);"),
        (USERS.replace("users", "people"), USERS),
    ],
    ids=["in another target", "by the input's names", "fed by a table of this name"],
)
def test_a_foreign_key_means_the_tables_of_its_parents_name_where_its_file_lacks_one(schema: str, people: str) -> None:
    """c's note is about b's user 2, bob, who is user 3 in the other target: his number was taken."""
    table = "people" if "people" in schema else "users"
    columns = ", columns: {id: no}" if "no INTEGER" in people else ""
    inputs = ", ".join(f"{{table: {name}.users{columns}}}" for name in "ab")
    by_name = BY_NAME.replace("m.users", f"m.{table}").replace("a.users, b.users", inputs) % ""
    right = HandMade(
        plan="sources: {a: {path: a.db}, b: {path: b.db}, c: {path: c.db}}\n"
        "targets: {m: {path: m.db, schema: m.sql}, n: {path: n.db, schema: n.sql}}\n"
        f"tables: [{by_name}]\ncopy: {{n: [c.notes]}}\n",
        schema=schema,
        sources={
            "a": people + "INSERT INTO users VALUES (1, 'ann'), (3, 'bob')",
            "b": people + "INSERT INTO users VALUES (2, 'bob')",
            "c": KEYED + "INSERT INTO notes VALUES (2, 'of bob')",
        },
        built=f"INSERT INTO {table} VALUES (1, 'ann'), (3, 'bob')",
        more={"n": (LOOSE, "INSERT INTO notes VALUES (3, 'of bob')")},
        inputs={table: ["a.users", "b.users"], "n.notes": ["c.notes"]},
        offsets={"b.users": 3},
        entries={"b.users": [(2, "merged_identical", "prefer", 3, 1, 3)],
                 "c.notes": [(1, "inserted", "reference", 1, None, None)]},
    )  # fmt: skip
    assert right.prove() == []
    stale = replace(right, more={"n": (LOOSE, "INSERT INTO notes VALUES (2, 'of bob')")})
    assert stale.prove()
    assert replace(stale, entries={"b.users": right.entries["b.users"]}).prove()


def test_a_foreign_key_whose_file_lacks_the_parent_means_its_own_target_first() -> None:
    """Both targets have users: the one beside the notes is meant, and its user 5 is nobody."""
    notes = "INSERT INTO notes VALUES (5, 'of nobody'), (1, 'of bob')"
    right = HandMade(
        plan="sources: {a: {path: a.db}, b: {path: b.db}, c: {path: c.db}}\n"
        "targets: {m: {path: m.db, schema: m.sql}, n: {path: n.db, schema: n.sql}}\n"
        "copy: {m: [a.users], n: [b.users, c.notes]}\n",
        schema=USERS,
        sources={
            "a": USERS + "INSERT INTO users VALUES (5, 'ann')",
            "b": USERS + "INSERT INTO users VALUES (1, 'bob')",
            "c": KEYED + notes,
        },
        built="INSERT INTO users VALUES (5, 'ann')",
        more={"n": (USERS + LOOSE, f"INSERT INTO users VALUES (1, 'bob'); {notes}")},
        inputs={"users": ["a.users"], "n.users": ["b.users"], "n.notes": ["c.notes"]},
    )  # fmt: skip
    assert right.prove() == []
    (tally,) = [part.references["n.notes.u"] for part in right.verify() if part.references]
    assert (tally.parent, tally.orphans_before) == ("n.users", 1)


def test_a_foreign_key_means_none_where_the_table_lacks_its_column() -> None:
    right = HandMade(
        plan="sources: {a: {path: a.db}, c: {path: c.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
        "copy: {m: [a.users, c.notes]}\n",
        schema=USERS + LOOSE,
        sources={
            "a": USERS + "INSERT INTO users VALUES (5, 'ann')",
            "c": LOOSE.replace("u INTEGER", "u INTEGER REFERENCES users (no)") + "INSERT INTO notes VALUES (5, 'x')",
        },
        built="INSERT INTO users VALUES (5, 'ann'); INSERT INTO notes VALUES (5, 'x')",
        inputs={"users": ["a.users"], "notes": ["c.notes"]},
    )
    assert right.prove() == []
    assert [part.references for part in right.verify() if part.references] == []


NO_INTEGERS = {"two signs": "--5", "a power": "²", "another script": "\u0661", "too high": "9" * 19,
               "too long": "9" * 20, "far too long": "9" * 5_000}  # fmt: skip


@pytest.mark.parametrize("text", NO_INTEGERS.values(), ids=NO_INTEGERS.keys())
def test_a_text_in_json_that_is_no_integer_means_itself(text: str) -> None:
    loose = LOOSE.replace("u INTEGER", "u TEXT").replace("notes", "logs")
    more, held = ', references: [{column: m.logs.u, json: "$.u"}]', f'\'{{"u": "{text}"}}\''
    made_so = made(USERS + LOOSE + loose, USERS + LOOSE + loose, f"INSERT INTO logs VALUES ({held}, 'of nobody')",
                   more=more, built=f"INSERT INTO logs VALUES ({held}, 'of nobody')")  # fmt: skip
    right = replace(
        made_so,
        plan=made_so.plan.replace("b.notes]", "b.notes, a.logs, b.logs]"),
        inputs={**made_so.inputs, "logs": ["a.logs", "b.logs"]},
    )
    assert right.prove() == []


def test_a_parent_without_rowid_whose_key_follows_a_reference_is_followed() -> None:
    """In b team 1 becomes 2: so does the seat that its member sits on, and a's seat of that name is another one."""
    teams = "CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
    seats = "CREATE TABLE seats (team INTEGER REFERENCES teams (id), n TEXT, PRIMARY KEY (team, n)) WITHOUT ROWID;"
    members = "CREATE TABLE members (team INTEGER, n TEXT, who TEXT, FOREIGN KEY (team, n) REFERENCES seats (team, n));"
    given = teams + seats.replace(" WITHOUT ROWID", "") + members  # the ledger's entries are written by rowid
    right = HandMade(
        plan=SOURCES + "tables: [{into: m.teams, from: [a.teams, b.teams], key: [name], "
        "identity: {column: id, strategy: renumber}}]\n"
        "copy: {m: [a.seats, b.seats, a.members, b.members]}\n",
        schema=teams + seats + members,
        sources={
            "a": given + "INSERT INTO teams VALUES (1, 'red'); INSERT INTO seats VALUES (1, 'left'); "
            "INSERT INTO members VALUES (1, 'left', 'ann');",
            "b": given + "INSERT INTO teams VALUES (1, 'blue'); INSERT INTO seats VALUES (1, 'left'), (1, 'right'); "
            "INSERT INTO members VALUES (1, 'left', 'bob'), (1, 'right', 'eve');",
        },
        built="INSERT INTO teams VALUES (1, 'red'), (2, 'blue'); "
        "INSERT INTO seats VALUES (1, 'left'), (2, 'left'), (2, 'right'); "
        "INSERT INTO members VALUES (1, 'left', 'ann'), (2, 'left', 'bob'), (2, 'right', 'eve');",
        inputs={name: [f"a.{name}", f"b.{name}"] for name in ("teams", "seats", "members")},
        offsets={"b.teams": 1, "b.members": 1},
        entries={
            "b.teams": MOVED,
            "b.seats": [(row, "inserted", "reference", None, None, None) for row in (1, 2)],
            "b.members": [(row, "inserted", "reference", row + 1, None, None) for row in (1, 2)],
        },
    )
    assert right.prove() == []
    stale = replace(right, built=right.built.replace("(2, 'left', 'bob')", "(1, 'left', 'bob')"))
    assert stale.prove()
    said = {**right.entries, "b.members": [(2, "inserted", "reference", 3, None, None)]}
    assert replace(stale, entries=said).prove()


def test_a_parent_without_rowid_whose_key_a_transform_changes_is_followed() -> None:
    """The second file's tag is the first one's: it is stood for by that."""
    tags = "CREATE TABLE tags (tag TEXT PRIMARY KEY) WITHOUT ROWID;"
    uses = "CREATE TABLE uses (tag TEXT REFERENCES tags (tag), n INTEGER);"
    given = tags.replace(" WITHOUT ROWID", "") + uses
    right = HandMade(
        plan=SOURCES + "tables: [{into: m.tags, from: [a.tags, b.tags], transform: {tag: trim}}]\n"
        "copy: {m: [a.uses, b.uses]}\n",
        schema=tags + uses,
        sources={
            "a": given + "INSERT INTO tags VALUES (' red '), ('blue'); "
            "INSERT INTO uses VALUES (' red ', 1), ('blue', 2);",
            "b": given + "INSERT INTO tags VALUES ('red'); INSERT INTO uses VALUES ('red', 3);",
        },
        built="INSERT INTO tags VALUES ('red'), ('blue'); INSERT INTO uses VALUES ('red', 1), ('blue', 2), ('red', 3);",
        inputs={"tags": ["a.tags", "b.tags"], "uses": ["a.uses", "b.uses"]},
        offsets={"b.uses": 2},
        entries={
            "b.tags": [(1, "merged_identical", "quarantine", None, 1, 1)],
            "a.uses": [(1, "inserted", "reference", 1, None, None)],
        },
    )
    assert right.prove() == []
    stale = replace(right, built=right.built.replace("uses VALUES ('red', 1)", "uses VALUES (' red ', 1)"))
    assert stale.prove()


def test_a_source_whose_foreign_key_sqlite_cannot_check_is_no_difference() -> None:
    """A key of a's means a column that is not unique there; in the target it is, and one note is an orphan."""
    loose = USERS.replace("id INTEGER PRIMARY KEY", "id INTEGER")
    rows = "INSERT INTO users VALUES (1, 'ann'); INSERT INTO notes VALUES (1, 'of ann'), (5, 'of nobody');"
    right = HandMade(
        plan="sources: {a: {path: a.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\ncopy: {m: [a.users, a.notes]}\n",
        schema=USERS + NOTES,
        sources={"a": loose + NOTES + rows},
        built=rows,
        inputs={"users": ["a.users"], "notes": ["a.notes"]},
    )
    assert right.prove() == []
    notes = [note for part in right.verify() for note in part.notes]
    assert notes == ["m.notes: 1 of 2 rows have no parent (at least 0 had none in the sources)"]
    unchecked = replace(right, schema=loose + NOTES)
    assert unchecked.prove() == []
    assert [note for part in unchecked.verify() for note in part.notes] == []
