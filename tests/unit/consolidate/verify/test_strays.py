"""A parent's namesake that is dropped or goes elsewhere stands beside the tables of its file that feed the parent.

Each case is made twice: with the child waiting, and published; only one of the two may be proven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from tests.unit.consolidate.verify.hand_made import Entry, HandMade

SOURCES = "sources: {a: {path: a.db}, b: {path: b.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
ALONE = "sources: {b: {path: b.db}}\ntargets: {m: {path: m.db, schema: m.sql}}\n"
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);"
ARCHIVE = USERS.replace("users", "users_archive")
NOTES = "CREATE TABLE notes (u INTEGER REFERENCES users (id), t TEXT);"
LOOSE = "CREATE TABLE notes (u INTEGER, t TEXT);"
PLANNED = ", references: [m.notes.u]"
DROP = "drop: [{table: b.users, reason: old}]\n"
WAITING: Entry = (1, "quarantined", "reference", None, None, None)
LEFT_OUT: Entry = (1, "filtered", "where", None, None, None)
WAITS, GOES = "only where it waits", "only where it was published"
Make = Callable[[str | None], HandMade]
"""Makes a case with the child waiting (None), or published with a value."""


def proven(make: Make, value: str = "1") -> str:
    """Say which of a case's two targets is proven."""
    waiting, published = make(None).prove() == [], make(value).prove() == []
    return {(True, False): WAITS, (False, True): GOES}.get((waiting, published), f"{waiting}, {published}")


def archive(given: str, rows: str) -> str:
    return given.replace("TABLE users", 'TABLE "b.users"').replace("ON users", 'ON "b.users"') + (
        f'INSERT INTO "b.users" VALUES {rows};' if rows else ""
    )


def scene(
    users: str, note: str = "1", *, given: str = USERS, more: str = "", notes: str = NOTES, kept: str = ""
) -> Make:
    """Make b's old users, which feed the target, beside b's users, which are dropped; b has a note about one of them.

    The target has ann (of b, and of a) and a's eve.
    """

    def make(published: str | None) -> HandMade:
        return HandMade(
            plan=SOURCES + "tables: [{into: m.users, from: [b.users_archive, a.users], key: [name], "
            "identity: {column: id, strategy: keep}, on_conflict: {rule: prefer}"
            f"{more}}}]\ncopy: {{m: [a.notes, b.notes]}}\n{DROP}",
            schema=USERS + notes,
            sources={
                "a": USERS + notes + "INSERT INTO users VALUES (1, 'ann'), (5, 'eve');"
                "INSERT INTO notes VALUES (5, 'e')",
                "b": given + ARCHIVE + notes + "INSERT INTO users_archive VALUES (1, 'ann');"
                + (f"INSERT INTO users VALUES {users};" if users else "") + f"INSERT INTO notes VALUES ({note}, 'b')",
            },
            built="INSERT INTO users VALUES (1, 'ann'), (5, 'eve'); INSERT INTO notes VALUES (5, 'e');"
            + ("" if published is None else f"INSERT INTO notes VALUES ({published}, 'b')"),
            inputs={"users": ["b.users_archive", "a.users"], "notes": ["a.notes", "b.notes"]},
            offsets={"b.notes": 1},
            entries={"a.users": [(1, "merged_identical", "prefer", 1, 1, 1)],
                     "b.notes": [WAITING] if published is None else []},
            archive=kept or archive(given, users),
        )  # fmt: skip

    return make


def test_a_child_waits_whose_parent_may_be_one_that_was_dropped() -> None:
    """b's note points at b.users_archive's row in the target, although b's own user 1 was dropped."""
    make = scene("(1, 'bob')")
    assert make(None).prove() == []
    said = "m.notes: 1 row of b.notes refers to a row that waits, and does not wait with it (row 1)"
    assert said in make("1").prove()


@pytest.mark.parametrize("name", ["ann", "bob"])
def test_a_row_that_is_dropped_did_not_become_one_with_any(name: str) -> None:
    assert proven(scene(f"(1, '{name}')")) == WAITS


def test_a_reference_that_the_plan_declares_waits_too() -> None:
    assert proven(scene("(1, 'bob')", notes=LOOSE, more=PLANNED)) == WAITS
    assert proven(scene("(2, 'bob')", notes=LOOSE, more=PLANNED)) == GOES


def test_a_value_that_only_the_dropped_table_has_is_an_orphan() -> None:
    """Where the target holds it the child waits: a's eve must not adopt it."""
    assert proven(scene("(5, 'bob')", "5"), "5") == WAITS
    orphan = scene("(7, 'bob')", "7")
    assert proven(orphan, "7") == GOES
    (tally,) = [part.references["m.notes.u"] for part in orphan("7").verify() if part.references]
    assert (tally.orphans_before, tally.orphans_after, tally.waiting) == (1, 1, 0)


def test_a_value_that_only_the_feeding_table_has_leads_there() -> None:
    assert proven(scene("(2, 'bob')")) == GOES
    assert proven(scene("")) == GOES


@pytest.mark.parametrize("says", ["orphans: 'null'", "orphans: keep, reason: known"])
def test_what_the_plan_says_of_orphans_is_for_orphans_alone(says: str) -> None:
    more = f", references: [{{column: m.notes.u, {says}}}]"
    assert proven(scene("(1, 'bob')", notes=LOOSE, more=more)) == WAITS
    if "keep" in says:
        assert proven(scene("(5, 'bob')", "5", notes=LOOSE, more=more), "5") == GOES


def test_parents_that_the_plan_names_are_looked_for_nowhere_else() -> None:
    more = ", references: [{column: m.notes.u, parent: [b.users_archive, a.users]}]"
    assert proven(scene("(1, 'bob')", notes=LOOSE, more=more)) == GOES


COMPARED = {
    "by its affinity": ("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT);", "('1', 'bob')", WAITS),
    "without an affinity": ("CREATE TABLE users (id PRIMARY KEY, name TEXT);", "('1', 'bob')", GOES),
    "without an index": ("CREATE TABLE users (id INTEGER, name TEXT);", "(NULL, 'x'), (1, 'bob')", WAITS),
    "with several rows": ("CREATE TABLE users (id INTEGER, name TEXT);", "(1, 'x'), (1, 'bob')", WAITS),
    "without index and affinity": ("CREATE TABLE users (id, name TEXT);", "('1', 'bob')", GOES),
    "without a rowid": (USERS.replace(");", ") WITHOUT ROWID;"), "(1, 'bob')", WAITS),
    "with a partial index": (("CREATE TABLE users (id INTEGER, name TEXT);"
                              "CREATE UNIQUE INDEX one ON users (id) WHERE name = 'x';"), "(1, 'bob')", WAITS),
    "without the column": (USERS.replace("id", "no"), "(1, 'bob')", GOES),
}  # fmt: skip


@pytest.mark.parametrize(("given", "users", "right"), COMPARED.values(), ids=COMPARED.keys())
def test_a_dropped_table_compares_by_its_own_column(given: str, users: str, right: str) -> None:
    assert proven(scene(users, given=given)) == right


@pytest.mark.parametrize(
    ("given", "users"),
    [("CREATE TABLE users (id AS (length(name) - 2), name TEXT);", "('bob')"),
     ("CREATE VIRTUAL TABLE users USING fts5 (id, name);", "(1, 'bob')")],
    ids=["generated", "virtual"],
)  # fmt: skip
def test_a_dropped_table_may_be_of_another_kind(given: str, users: str) -> None:
    kept = archive("CREATE TABLE users (id, name TEXT);", "(1, 'bob')")
    assert proven(scene(users, given=given, kept=kept)) == WAITS


def alone(old: str, dropped: str, child: str, rows: Mapping[str, str]) -> Make:
    """Make one file in which ``old`` feeds m.users, ``dropped`` is called users, and ``child`` is notes."""

    def make(published: str | None) -> HandMade:
        return HandMade(
            plan=ALONE + f"tables: [{{into: m.users, from: [b.old]}}]\ncopy: {{m: [b.notes]}}\n{DROP}",
            schema=f"CREATE TABLE users ({old}); CREATE TABLE notes ({child});",
            sources={"b": f"CREATE TABLE old ({old}); CREATE TABLE users ({dropped}); CREATE TABLE notes ({child});"
                     + "".join(f"INSERT INTO {table} VALUES ({row});" for table, row in rows.items())},
            built=f"INSERT INTO users VALUES ({rows['old']});"
            + ("" if published is None else f"INSERT INTO notes VALUES ({rows['notes']})"),
            inputs={"users": ["b.old"], "notes": ["b.notes"]},
            entries={"b.notes": [WAITING] if published is None else []},
            archive=archive(f"CREATE TABLE users ({dropped});", f"({rows['users']})"),
        )  # fmt: skip

    return make


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""], ids=["indexed", "not indexed"])
@pytest.mark.parametrize("fed", ["COLLATE NOCASE", ""], ids=["fed by NOCASE", "fed by BINARY"])
def test_case_counts_as_the_dropped_tables_own_column_says(key: str, fed: str) -> None:
    child = "who TEXT REFERENCES users (login)"
    rows = {"old": "'root'", "users": "'Root'", "notes": "'root'"}
    for own, right in (("COLLATE NOCASE", WAITS), ("", GOES)):
        make = alone(f"login TEXT PRIMARY KEY {fed}", f"login TEXT {key} {own}", child, rows)
        assert proven(make) == right


@pytest.mark.parametrize("key", ["PRIMARY KEY (org, no)", "UNIQUE (name)"], ids=["indexed", "not indexed"])
def test_a_composite_key_is_met_as_one(key: str) -> None:
    own = "org TEXT, no INTEGER, name TEXT"
    child = "org TEXT, no INTEGER, FOREIGN KEY (org, no) REFERENCES users (org, no)"
    for dropped, right in (("'x', 1", WAITS), ("'x', 2", GOES), ("'y', 1", GOES), ("'x', NULL", GOES)):
        rows = {"old": "'x', 1, 'bolt'", "users": f"{dropped}, 'nut'", "notes": "'x', 1"}
        assert proven(alone(f"{own}, PRIMARY KEY (org, no)", f"{own}, {key}", child, rows)) == right


IN_JSON = {
    "a number": ("INTEGER PRIMARY KEY", "1", '{"u": 1}', WAITS),
    "a text": ("INTEGER PRIMARY KEY", "1", '{"u": "1"}', WAITS),
    "a text, and a number is dropped": ("", "1", '{"u": "1"}', WAITS),
    "a number, and a text is dropped": ("", "'1'", '{"u": 1}', WAITS),
    "another": ("INTEGER PRIMARY KEY", "2", '{"u": 1}', GOES),
}


@pytest.mark.parametrize(("key", "user", "text", "right"), IN_JSON.values(), ids=IN_JSON.keys())
def test_a_reference_in_json_waits_too(key: str, user: str, text: str, right: str) -> None:
    more = ', references: [{column: m.notes.u, json: "$.u"}]'
    given, notes = f"CREATE TABLE users (id {key}, name TEXT);", LOOSE.replace("u INTEGER", "u TEXT")
    assert proven(scene(f"({user}, 'bob')", f"'{text}'", given=given, notes=notes, more=more), f"'{text}'") == right


@pytest.mark.parametrize(("users", "right"), [("(1, 9, 'bob')", WAITS), ("(9, 1, 'bob')", GOES)])
def test_a_dropped_table_names_its_columns_as_the_first_input_of_its_name(users: str, right: str) -> None:
    """a's users call their id no, and so do b's; what b's call id is something else."""
    given = "CREATE TABLE users (no INTEGER PRIMARY KEY, id INTEGER, name TEXT);"

    def make(published: str | None) -> HandMade:
        made = scene(users, given=given, notes=LOOSE, more=PLANNED)(published)
        return replace(
            made,
            plan=made.plan.replace("a.users]", "{table: a.users, columns: {id: no}}]"),
            sources={**made.sources, "a": made.sources["a"].replace("users (id", "users (no")},
        )

    assert proven(make) == right


@pytest.mark.parametrize(("name", "right"), [("id", WAITS), ("no", GOES)])
def test_a_dropped_table_names_its_columns_as_the_target_where_no_input_has_its_name(name: str, right: str) -> None:
    feeds = "{table: b.users_archive, columns: {id: no}}, {table: a.people, columns: {id: no}}"

    def make(published: str | None) -> HandMade:
        made = scene("(1, 'bob')", given=USERS.replace("id", name), notes=LOOSE, more=PLANNED)(published)
        return replace(
            made,
            plan=made.plan.replace("b.users_archive, a.users", feeds),
            sources={"a": made.sources["a"].replace("users", "people").replace("people (id", "people (no"),
                     "b": made.sources["b"].replace("users_archive (id", "users_archive (no")},
            inputs={**made.inputs, "users": ["b.users_archive", "a.people"]},
            entries={"a.people": made.entries["a.users"], "b.notes": made.entries["b.notes"]},
        )  # fmt: skip

    assert proven(make) == right


@pytest.mark.parametrize(
    "where", ["", ", where: {sql: id <> 1, reason: old}"], ids=["all of it", "but what is left out"]
)
@pytest.mark.parametrize(("users", "right"), [("(1, 'bob')", WAITS), ("(2, 'bob')", GOES)])
def test_a_namesake_that_goes_to_another_target_stands_beside_too(users: str, right: str, where: str) -> None:
    is_left_out = bool(where) and right == WAITS

    def make(published: str | None) -> HandMade:
        made = scene(users)(published)
        plan = made.plan.replace(DROP, "").replace("m.sql}}", "m.sql}, n: {path: n.db, schema: n.sql}}")
        return replace(
            made,
            plan=plan.replace("tables: [", f"tables: [{{into: n.users, from: [b.users]{where}}}, "),
            archive=None,
            more={"n": (USERS, "" if is_left_out else f"INSERT INTO users VALUES {users}")},
            inputs={**made.inputs, "n.users": ["b.users"]},
            entries={**made.entries, "b.users": [LEFT_OUT] if is_left_out else []},
        )

    assert proven(make) == right


@pytest.mark.parametrize(("note", "right"), [("5", WAITS), ("7", GOES)])
def test_a_file_that_has_the_dropped_table_alone_has_orphans(note: str, right: str) -> None:
    def make(published: str | None) -> HandMade:
        made = scene(f"({note}, 'bob')", note)(published)
        b = made.sources["b"].replace(ARCHIVE, "").replace("INSERT INTO users_archive VALUES (1, 'ann');", "")
        return replace(
            made,
            plan=made.plan.replace("b.users_archive, ", ""),
            sources={**made.sources, "b": b},
            inputs={**made.inputs, "users": ["a.users"]},
            entries={"b.notes": made.entries["b.notes"]},
        )

    assert proven(make, note) == right


@pytest.mark.parametrize(("note", "right"), [("5", WAITS), ("1", GOES)])
def test_of_two_rows_that_were_both_left_out_an_orphan_remains(note: str, right: str) -> None:
    """The target has eve alone, whose number is 5."""

    def make(published: str | None) -> HandMade:
        made = scene(f"({note}, 'bob')", note, more=", where: {sql: name <> 'ann', reason: old}")(published)
        b = made.sources["b"].replace("users_archive VALUES (1", f"users_archive VALUES ({note}")
        return replace(
            made,
            sources={**made.sources, "b": b},
            built=made.built.replace("(1, 'ann'), ", ""),
            entries={**made.entries, "a.users": [LEFT_OUT], "b.users_archive": [(int(note), *LEFT_OUT[1:])]},
        )

    assert proven(make, note) == right


def test_a_child_of_a_row_that_waits_waits_beside_a_dropped_one_too() -> None:
    def make(published: str | None) -> HandMade:
        made = scene("(1, 'bob')")(published)
        refused: Entry = (1, "quarantined", "constraint", None, None, None)
        return replace(
            made,
            schema=made.schema.replace("name TEXT", "name TEXT CHECK (name <> 'ann')"),
            built=made.built.replace("(1, 'ann'), ", ""),
            entries={**made.entries, "b.users_archive": [refused],
                     "a.users": [(1, "quarantined", "prefer", None, 1, 1)]},
        )  # fmt: skip

    assert proven(make) == WAITS


def moved(users: str) -> Make:
    """Make a's ann user 1, and b's old bob user 2 in place of 1; b's notes are about him and about its old user 3."""

    def make(published: str | None) -> HandMade:
        return HandMade(
            plan=SOURCES + "tables: [{into: m.users, from: [a.users, b.users_archive], key: [name], "
            "identity: {column: id, strategy: renumber}, on_conflict: {rule: prefer}}]\n"
            f"copy: {{m: [b.notes]}}\n{DROP}",
            schema=USERS + NOTES,
            sources={
                "a": USERS + "INSERT INTO users VALUES (1, 'ann')",
                "b": USERS + ARCHIVE + NOTES + "INSERT INTO users_archive VALUES (1, 'bob'), (3, 'eve');"
                f"INSERT INTO users VALUES {users}; INSERT INTO notes VALUES (3, 'e'), (1, 'b');",
            },
            built="INSERT INTO users VALUES (1, 'ann'), (2, 'bob'), (3, 'eve'); INSERT INTO notes VALUES (3, 'e');"
            + ("" if published is None else f"INSERT INTO notes VALUES ({published}, 'b')"),
            inputs={"users": ["a.users", "b.users_archive"], "notes": ["b.notes"]},
            offsets={"b.users_archive": 1},
            entries={
                "b.users_archive": [(1, "inserted", "identity", 2, None, None)],
                "b.notes": [(2, *WAITING[1:]) if published is None else (2, "inserted", "reference", 2, None, None)],
            },
            archive=archive(USERS, users),
        )  # fmt: skip

    return make


@pytest.mark.parametrize(
    ("users", "right"), [("(1, 'old')", WAITS), ("(1, 'old'), (2, 'older')", WAITS), ("(4, 'old')", GOES)]
)
def test_nothing_follows_where_the_dropped_table_has_the_value(users: str, right: str) -> None:
    assert proven(moved(users), "2") == right


def test_what_follows_beside_a_dropped_table_is_counted() -> None:
    (tally,) = [part.references["m.notes.u"] for part in moved("(4, 'old')")("2").verify() if part.references]
    assert (tally.followed, tally.waiting, tally.orphans_before) == (1, 0, 0)


@pytest.mark.parametrize(("users", "right"), [("(1, 'old')", WAITS), ("(4, 'old')", GOES)])
def test_a_child_under_another_id_waits_too(users: str, right: str) -> None:
    """b's note 1 is note 2 in the target, since a has a note 1; its user stays 1."""
    notes = "CREATE TABLE notes (id INTEGER PRIMARY KEY, u INTEGER REFERENCES users (id), t TEXT);"

    def make(published: str | None) -> HandMade:
        made = scene(users, "1, 1", notes=notes)(published)
        again = ", {into: m.notes, from: [a.notes, b.notes], identity: {column: id, strategy: renumber}, "
        return replace(
            made,
            plan=made.plan.replace("}]\n", f"}}{again}on_conflict: {{rule: keep_both}}}}]\n", 1).replace(
                "copy: {m: [a.notes, b.notes]}\n", ""
            ),
            sources={**made.sources, "a": made.sources["a"].replace("notes VALUES (5,", "notes VALUES (1, 5,")},
            built=made.built.replace("notes VALUES (5,", "notes VALUES (1, 5,"),
            offsets={},
            entries={**made.entries, "b.notes": [WAITING] if published is None else
                     [(1, "inserted", "identity", 2, None, None)]},
        )  # fmt: skip

    assert proven(make, "2, 1") == right


@pytest.mark.parametrize(("users", "right"), [("('x', 1)", WAITS), ("('x', 2)", GOES), ("('x', 2), ('y', 2)", WAITS)])
def test_a_table_beside_one_parent_may_be_another_one_itself(users: str, right: str) -> None:
    """b's note has user 1 of m, and a user of n, where b's users go: there may be two."""
    coded = "CREATE TABLE users (code TEXT PRIMARY KEY, id INTEGER) WITHOUT ROWID;"
    given = "CREATE TABLE users (code TEXT, id INTEGER);"
    notes = "CREATE TABLE notes (u INTEGER, v INTEGER REFERENCES users (id), t TEXT);"
    note = f"1, {users[-2]}"

    def make(published: str | None) -> HandMade:
        made = scene(users, note, given=given, notes=notes, more=PLANNED)(published)
        plan = made.plan.replace(DROP, "").replace("m.sql}}", "m.sql}, n: {path: n.db, schema: n.sql}}")
        return replace(
            made,
            schema=USERS + notes.replace(" REFERENCES users (id)", ""),
            plan=plan.replace("tables: [", "tables: [{into: n.users, from: [b.users]}, "),
            sources={**made.sources, "a": made.sources["a"].replace("VALUES (5, 'e')", "VALUES (5, NULL, 'e')")},
            built=made.built.replace("VALUES (5, 'e')", "VALUES (5, NULL, 'e')"),
            archive=None,
            more={"n": (coded, f"INSERT INTO users VALUES {users}")},
            inputs={**made.inputs, "n.users": ["b.users"]},
        )

    assert proven(make, note) == right
