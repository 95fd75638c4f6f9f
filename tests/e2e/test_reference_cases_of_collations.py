"""Keys that a source compares in another way than its target: children stay with their row, or wait; ids are theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.reference_scene import BY_NAME, EVERY_NOTE, PREFER, end

# References -----------------------------------------------------------------------------------------

BINARY = "CREATE TABLE plans (id TEXT PRIMARY KEY, mark TEXT);\n"
NOCASE = BINARY.replace("id TEXT", "id TEXT COLLATE NOCASE")
RTRIM = BINARY.replace("id TEXT", "id TEXT COLLATE RTRIM")
SUBS = "CREATE TABLE subs (id INTEGER PRIMARY KEY, mark TEXT, plan TEXT REFERENCES plans (id));\n"
PLANS = {"into": "house.plans", "from": ["a.plans"], "on_conflict": PREFER}
EVERY_SUB = {"into": "house.subs", "from": ["a.subs"], "on_conflict": {"rule": "keep_both"}}
ROWS = (
    "INSERT INTO plans VALUES ('admin', 'ap1'), ('Basic', 'ap2');"
    "INSERT INTO subs VALUES (1, 'as1', 'Admin'), (2, 'as2', 'admin'), (3, 'as3', 'Basic'), (4, 'as4', 'none');"
)
"""Sub 1 means the plan admin where letters' case does not count, and nothing where it does."""
THEIRS = (
    "INSERT INTO plans VALUES ('ADMIN', 'bp1'), ('Basic', 'bp2');"
    "INSERT INTO subs VALUES (1, 'bs1', 'Admin'), (2, 'bs2', 'admin'), (3, 'bs3', 'Basic'), (4, 'bs4', 'ADMIN');"
)
HELD = "SELECT mark, plan FROM subs ORDER BY mark"


def lay(table: str, *, with_rowid: bool) -> str:
    return table if with_rowid else table.replace(");\n", ") WITHOUT ROWID;\n")


@pytest.mark.parametrize("with_rowid", [True, False])
@pytest.mark.parametrize(
    ("mine", "theirs", "held"),
    [
        (NOCASE, BINARY, {"as1": "admin", "as2": "admin", "as3": "Basic", "as4": "none"}),
        (BINARY, NOCASE, {"as2": "admin", "as3": "Basic", "as4": "none"}),
        (NOCASE, NOCASE, {"as1": "Admin", "as2": "admin", "as3": "Basic", "as4": "none"}),
        (NOCASE, RTRIM, {"as1": "admin", "as2": "admin", "as3": "Basic", "as4": "none"}),
    ],
    ids=["nocase to binary", "binary to nocase", "nocase to nocase", "nocase to rtrim"],
)
def test_a_child_that_only_one_side_takes_for_its_parents(
    tmp_path: Path, mine: str, theirs: str, held: dict[str, str], *, with_rowid: bool
) -> None:
    files = {"a": lay(mine, with_rowid=with_rowid) + SUBS + ROWS}
    ended = end(tmp_path, files, lay(theirs, with_rowid=with_rowid) + SUBS, PLANS, EVERY_SUB)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 4 - len(held)), ended.said
    assert dict(ended.read(HELD)) == held


@pytest.mark.parametrize("house", [BINARY, NOCASE], ids=["binary", "nocase"])
@pytest.mark.parametrize("b", [BINARY, NOCASE], ids=["b binary", "b nocase"])
@pytest.mark.parametrize("a", [BINARY, NOCASE], ids=["a binary", "a nocase"])
def test_two_files_each_with_its_own_way_of_comparing(tmp_path: Path, a: str, b: str, house: str) -> None:
    files = {"a": a + SUBS + ROWS, "b": b + SUBS + THEIRS}
    plans, subs = (
        {**rule, "from": [rule["from"][0], rule["from"][0].replace("a", "b", 1)]} for rule in (PLANS, EVERY_SUB)
    )
    ended = end(tmp_path, files, house + SUBS, plans, subs)
    assert (ended.code, ended.problems) == (0, ()), ended.said
    held = dict(ended.read(HELD))
    assert held["as2"] == "admin"
    if house == BINARY:  # both plans are there
        assert (held["as1"], held["bs4"]) == ("admin" if a == NOCASE else "Admin", "ADMIN")
        assert ended.quarantined == (b == BINARY)  # the orphan bs2, whom a's plan would adopt
        assert held.get("bs2") == ("ADMIN" if b == NOCASE else None)
    else:  # b's ADMIN is refused, and its subs wait with it, or would be adopted
        assert {"bs1", "bs2", "bs4"}.isdisjoint(held)
        assert ("as1" in held) == (a == NOCASE)


@pytest.mark.parametrize("with_rowid", [True, False])
def test_a_child_in_a_file_without_parents_and_in_json(tmp_path: Path, *, with_rowid: bool) -> None:
    loose = SUBS.replace(" REFERENCES plans (id)", ", doc TEXT")
    subs = (
        "INSERT INTO subs VALUES (1, 'bs1', 'Admin', NULL), (2, 'bs2', NULL, '{\"plan\": \"BASIC\"}'),"
        "(3, 'bs3', 'Basic', '{\"plan\": \"none\"}');"
    )
    files = {"a": lay(NOCASE, with_rowid=with_rowid) + ROWS.partition("INSERT INTO subs")[0], "b": loose + subs}
    said = [{"column": "house.subs.plan"}, {"column": "house.subs.doc", "json": "$.plan"}]
    plans, every = {**PLANS, "references": said}, {**EVERY_SUB, "from": ["b.subs"]}
    ended = end(tmp_path, files, lay(BINARY, with_rowid=with_rowid) + loose, plans, every)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read("SELECT plan, json_extract(doc, '$.plan') FROM subs ORDER BY mark") == [
        ("admin", None), (None, "Basic"), ("Basic", "none")
    ]  # fmt: skip


@pytest.mark.parametrize("with_rowid", [True, False])
@pytest.mark.parametrize(
    ("mine", "theirs", "held"),
    [
        (NOCASE, BINARY, {"p1": None, "p2": "admin", "p3": "Basic", "p4": "none"}),
        (BINARY, NOCASE, {"p1": None, "p3": "BASIC", "p4": "none"}),
    ],
    ids=["nocase to binary", "binary to nocase"],
)
def test_plans_that_refer_to_plans(
    tmp_path: Path, mine: str, theirs: str, held: dict[str, str | None], *, with_rowid: bool
) -> None:
    """Where p2 waits, p3's BASIC is nobody any more."""
    source, target = (
        lay(table.replace("mark TEXT", "mark TEXT, above TEXT REFERENCES plans (id)"), with_rowid=with_rowid)
        for table in (mine, theirs)
    )
    rows = "('admin', 'p1', NULL), ('Basic', 'p2', 'Admin'), ('c', 'p3', 'BASIC'), ('d', 'p4', 'none')"
    ended = end(tmp_path, {"a": f"{source}INSERT INTO plans VALUES {rows};"}, target, PLANS)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 4 - len(held)), ended.said
    assert dict(ended.read("SELECT mark, above FROM plans")) == held


def test_plans_that_refer_to_plans_of_which_none_is_nobody(tmp_path: Path) -> None:
    """Nothing in the circle changes an id, and nothing waits: it is tried all the same."""
    source, target = (
        one.replace("mark TEXT", "mark TEXT, above TEXT REFERENCES plans (id)") for one in (NOCASE, BINARY)
    )
    rows = "INSERT INTO plans VALUES ('admin', 'p1', NULL), ('Basic', 'p2', 'Admin');"
    ended = end(tmp_path, {"a": source + rows}, target, PLANS)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert dict(ended.read("SELECT mark, above FROM plans")) == {"p1": None, "p2": "admin"}


def test_a_composite_key_of_which_one_column_compares_otherwise(tmp_path: Path) -> None:
    source = "CREATE TABLE plans (area TEXT COLLATE NOCASE, id TEXT, mark TEXT, PRIMARY KEY (area, id));\n"
    subs = (
        "CREATE TABLE subs (id INTEGER PRIMARY KEY, mark TEXT, area TEXT, plan TEXT, "
        "FOREIGN KEY (area, plan) REFERENCES plans (area, id));\n"
    )
    rows = (
        "INSERT INTO plans VALUES ('north', 'one', 'p1'), ('south', 'One', 'p2');"
        "INSERT INTO subs VALUES (1, 's1', 'North', 'one'), (2, 's2', 'SOUTH', 'One'), (3, 's3', 'SOUTH', 'one');"
    )
    ended = end(tmp_path, {"a": source + subs + rows}, source.replace(" COLLATE NOCASE", "") + subs, PLANS, EVERY_SUB)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    held = {"s1": ("north", "one"), "s2": ("south", "One"), "s3": ("SOUTH", "one")}
    assert {mark: tuple(values) for mark, *values in ended.read("SELECT mark, area, plan FROM subs")} == held


# Ids that are taken ---------------------------------------------------------------------------------

BINARY_USERS = "CREATE TABLE users (id TEXT PRIMARY KEY, mark TEXT, name TEXT);\n"
NOCASE_USERS = BINARY_USERS.replace("id TEXT", "id TEXT COLLATE NOCASE")
NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, mark TEXT, user_id TEXT REFERENCES users (id));\n"
UUIDS = {**BY_NAME, "identity": {"column": "id", "strategy": "uuid5"}}
NAMES = "SELECT notes.mark, name FROM notes LEFT JOIN users ON users.id = user_id ORDER BY 1"


def loosen(table: str) -> str:
    """Let a source hold an id twice, as far as it is concerned."""
    return table.replace(" PRIMARY KEY", "", 1)


@pytest.mark.parametrize("mine", [BINARY_USERS, loosen(BINARY_USERS)], ids=["a key", "no key"])
def test_an_id_that_only_the_target_takes_for_another_gets_a_new_one(tmp_path: Path, mine: str) -> None:
    files = {
        "a": mine + NOTES + "INSERT INTO users VALUES ('u1', 'au1', 'ann'), ('U1', 'au2', 'amy');"
        "INSERT INTO notes VALUES (1, 'an1', 'u1'), (2, 'an2', 'U1');",
        "b": mine + NOTES + "INSERT INTO users VALUES ('U1', 'bu1', 'bob'), ('u2', 'bu2', 'ann');"
        "INSERT INTO notes VALUES (1, 'bn1', 'U1'), (2, 'bn2', 'u2');",
    }
    ended = end(tmp_path, files, NOCASE_USERS + NOTES, UUIDS, EVERY_NOTE)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read(NAMES) == [("an1", "ann"), ("an2", "amy"), ("bn1", "bob"), ("bn2", "ann")]
    assert [len(id_) for (id_,) in ended.read("SELECT id FROM users ORDER BY mark")] == [2, 36, 36]


def test_an_id_that_only_the_source_takes_for_another_stays(tmp_path: Path) -> None:
    """The notes of a may mean either of its users."""
    files = {
        "a": loosen(NOCASE_USERS) + NOTES + "INSERT INTO users VALUES ('u1', 'au1', 'ann'), ('U1', 'au2', 'amy');"
        "INSERT INTO notes VALUES (1, 'an1', 'u1'), (2, 'an2', 'U1');",
        "b": NOCASE_USERS + NOTES + "INSERT INTO users VALUES ('U1', 'bu1', 'bob'), ('u2', 'bu2', 'ann');"
        "INSERT INTO notes VALUES (1, 'bn1', 'u1'), (2, 'bn2', 'U2');",
    }
    ended = end(tmp_path, files, BINARY_USERS + NOTES, UUIDS, EVERY_NOTE)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 2), ended.said
    assert ended.read(NAMES) == [("bn1", "bob"), ("bn2", "ann")]
    ids = dict(ended.read("SELECT mark, id FROM users"))
    assert (ids["au1"], ids["au2"], len(ids["bu1"])) == ("u1", "U1", 36)
