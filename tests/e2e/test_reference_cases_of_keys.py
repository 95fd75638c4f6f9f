"""Keys that follow a reference or are transformed in tables without rowids: right, and so are their children."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.reference_scene import BY_NAME, PREFER, RENUMBER, USERS, end

# A key that follows a renumbered table --------------------------------------------------------------

SEATS = "CREATE TABLE seats (user_id INTEGER PRIMARY KEY REFERENCES users (id), mark TEXT, chair TEXT) WITHOUT ROWID;\n"
KEYS = "CREATE TABLE keys (id INTEGER PRIMARY KEY, mark TEXT, seat INTEGER REFERENCES seats (user_id));\n"
PLACES = USERS + SEATS + KEYS
WITH_ROWID = SEATS.replace(" WITHOUT ROWID", "")
SEATED = {
    "a": "INSERT INTO users VALUES (1, 'au1', 'ann'); INSERT INTO seats VALUES (1, 'as1', 'left');"
    "INSERT INTO keys VALUES (1, 'ak1', 1);",
    "b": "INSERT INTO users VALUES (1, 'bu1', 'bob'), (2, 'bu2', 'ann');"
    "INSERT INTO seats VALUES (1, 'bs1', 'right'), (2, 'bs2', 'front');"
    "INSERT INTO keys VALUES (1, 'bk1', 1), (2, 'bk2', 2);",
}
"""Both files have a user 1; ann, who is in both, has a seat in both."""
EVERY_SEAT = {"into": "house.seats", "from": ["a.seats", "b.seats"], "on_conflict": PREFER}
EVERY_KEY = {"into": "house.keys", "from": ["a.keys", "b.keys"], "on_conflict": {"rule": "keep_both"}}
WHOSE = (
    "SELECT keys.mark, chair, name FROM keys LEFT JOIN seats ON user_id = seat LEFT JOIN users ON users.id = user_id "
    "ORDER BY 1"
)


@pytest.mark.parametrize("with_rowid", ["", "a", "b", "ab"])
def test_children_of_a_key_that_follows_a_renumbered_table(tmp_path: Path, with_rowid: str) -> None:
    files = {
        name: (PLACES.replace(SEATS, WITH_ROWID) if name in with_rowid else PLACES) + rows
        for name, rows in SEATED.items()
    }
    ended = end(tmp_path, files, PLACES, BY_NAME, EVERY_SEAT, EVERY_KEY)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read(WHOSE) == [("ak1", "left", "ann"), ("bk1", "right", "bob"), ("bk2", "left", "ann")]


@pytest.mark.parametrize("seats", [SEATS, WITH_ROWID], ids=["without rowid", "with rowid"])
def test_children_of_a_key_that_follows_and_that_one_file_holds_alone(tmp_path: Path, seats: str) -> None:
    files = {"a": USERS + SEATED["a"].partition("INSERT INTO seats")[0], "b": USERS + seats + KEYS + SEATED["b"]}
    one_seat, one_key = ({**rule, "from": rule["from"][1:]} for rule in (EVERY_SEAT, EVERY_KEY))
    ended = end(tmp_path, files, PLACES, BY_NAME, one_seat, one_key)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read(WHOSE) == [("bk1", "right", "bob"), ("bk2", "front", "ann")]


@pytest.mark.parametrize("rule", ["merge", "quarantine"])
def test_children_of_a_key_that_follows_into_another_row(tmp_path: Path, rule: str) -> None:
    files = {name: PLACES + rows for name, rows in SEATED.items()}
    ended = end(tmp_path, files, PLACES, BY_NAME, {**EVERY_SEAT, "on_conflict": {"rule": rule}}, EVERY_KEY)
    assert (ended.code, ended.problems) == (0, ()), ended.said
    assert ended.quarantined == (rule == "quarantine")
    assert ended.read(WHOSE) == [("ak1", "left", "ann"), ("bk1", "right", "bob"), ("bk2", "left", "ann")]


def test_a_key_follows_a_key_that_follows(tmp_path: Path) -> None:
    locks = KEYS.replace("id INTEGER PRIMARY KEY, ", "").replace("seat INTEGER", "seat INTEGER PRIMARY KEY")
    tables = (
        USERS
        + SEATS
        + locks.replace(");\n", ") WITHOUT ROWID;\n")
        + ("CREATE TABLE tags (id INTEGER PRIMARY KEY, mark TEXT, key INTEGER REFERENCES keys (seat));\n")
    )
    files = {
        name: tables + rows.replace("VALUES (1, 'ak", "VALUES ('ak").replace("VALUES (1, 'bk", "VALUES ('bk")
        .replace(", (2, 'bk2', 2)", "") + f"INSERT INTO tags VALUES (1, '{name}t1', 1);"
        for name, rows in SEATED.items()
    }  # fmt: skip
    tags = {"into": "house.tags", "from": ["a.tags", "b.tags"], "on_conflict": {"rule": "keep_both"}}
    ended = end(tmp_path, files, tables, BY_NAME, EVERY_SEAT, {**EVERY_KEY, "on_conflict": PREFER}, tags)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    told = "SELECT tags.mark, name FROM tags JOIN users ON users.id = tags.key ORDER BY 1"
    assert ended.read(told) == [("at1", "ann"), ("bt1", "bob")]


def test_a_key_that_follows_and_refers_to_its_own_table(tmp_path: Path) -> None:
    ranks = SEATS.replace("chair TEXT", "chair TEXT, above INTEGER REFERENCES seats (user_id)")
    files = {
        "a": USERS + ranks + "INSERT INTO users VALUES (1, 'au1', 'ann'); INSERT INTO seats VALUES (1, 'as1', 'x', 1);",
        "b": USERS + ranks + "INSERT INTO users VALUES (1, 'bu1', 'bob'), (2, 'bu2', 'cid');"
        "INSERT INTO seats VALUES (1, 'bs1', 'x', NULL), (2, 'bs2', 'x', 1);",
    }  # fmt: skip
    ended = end(tmp_path, files, USERS + ranks, {**BY_NAME, "identity": RENUMBER}, EVERY_SEAT)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    told = "SELECT seats.mark, name FROM seats LEFT JOIN users ON users.id = above ORDER BY 1"
    assert ended.read(told) == [("as1", "ann"), ("bs1", None), ("bs2", "bob")]


# A key that is transformed --------------------------------------------------------------------------

TAGS = "CREATE TABLE tags (tag TEXT PRIMARY KEY, mark TEXT, hue TEXT) WITHOUT ROWID;\n"
USES = "CREATE TABLE uses (id INTEGER PRIMARY KEY, mark TEXT, tag TEXT REFERENCES tags (tag));\n"
TAGGED = {
    "a": "INSERT INTO tags VALUES ('Red', 'at1', 'r'), ('blue', 'at2', 'b'), ('GREEN', 'at3', 'g');"
    "INSERT INTO uses VALUES (1, 'au1', 'Red'), (2, 'au2', 'blue'), (3, 'au3', 'GREEN');",
    "b": "INSERT INTO tags VALUES ('RED', 'bt1', 's'), ('Pink', 'bt2', 'p');"
    "INSERT INTO uses VALUES (1, 'bu1', 'RED'), (2, 'bu2', 'Pink');",
}
FOLDED = {"into": "house.tags", "from": ["a.tags", "b.tags"], "transform": {"tag": "casefold"}, "on_conflict": PREFER}
EVERY_USE = {"into": "house.uses", "from": ["a.uses", "b.uses"], "on_conflict": {"rule": "keep_both"}}
WHICH = "SELECT uses.mark, hue FROM uses LEFT JOIN tags USING (tag) ORDER BY 1"


@pytest.mark.parametrize("with_rowid", ["", "a", "b", "ab"])
def test_children_of_a_key_that_is_transformed(tmp_path: Path, with_rowid: str) -> None:
    files = {
        name: (TAGS.replace(" WITHOUT ROWID", "") if name in with_rowid else TAGS) + USES + rows
        for name, rows in TAGGED.items()
    }
    ended = end(tmp_path, files, TAGS + USES, FOLDED, EVERY_USE)
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read(WHICH) == [("au1", "r"), ("au2", "b"), ("au3", "g"), ("bu1", "r"), ("bu2", "p")]


@pytest.mark.parametrize("where", [None, {"sql": "hue <> 'b'", "reason": "faded"}], ids=["all", "some"])
@pytest.mark.parametrize("tags", [TAGS, TAGS.replace(" WITHOUT ROWID", "")], ids=["without rowid", "with rowid"])
def test_children_of_a_transformed_key_that_one_file_holds_alone(
    tmp_path: Path, tags: str, where: dict[str, str] | None
) -> None:
    files = {"a": tags + USES + TAGGED["a"]}
    folded = {**FOLDED, "from": ["a.tags"], **({"where": where} if where else {})}
    ended = end(tmp_path, files, TAGS + USES, folded, {**EVERY_USE, "from": ["a.uses"]})
    assert (ended.code, ended.problems, ended.quarantined) == (0, (), 0), ended.said
    assert ended.read(WHICH) == [("au1", "r"), ("au2", None if where else "b"), ("au3", "g")]
