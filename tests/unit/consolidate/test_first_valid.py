"""``first_valid``: a merged column is the first TEXT that looks as it should, and what there is where none does."""

from __future__ import annotations

import pytest

from tests.unit.consolidate.houses import built_house, head

SCHEMA = "CREATE TABLE users (name TEXT PRIMARY KEY, hash);"
PATTERN = r"\$2b\$[0-9]{2}\$.{4}"
GOOD, OTHER = "'$2b$12$good'", "'$2b$12$also'"
CASES = {
    "the first one is good": ((GOOD, OTHER), "$2b$12$good"),
    "a placeholder comes first": (("''", GOOD), "$2b$12$good"),
    "NULL comes first": (("NULL", GOOD), "$2b$12$good"),
    "NULL comes last": ((GOOD, "NULL"), "$2b$12$good"),
    "a good one with more behind it": (("'$2b$12$good '", OTHER), "$2b$12$also"),
    "the same as a BLOB": ((f"CAST({GOOD} AS BLOB)", OTHER), "$2b$12$also"),
    "a text that is no UTF-8": (("CAST(X'24326224313224ff666f6f' AS TEXT)", OTHER), "$2b$12$also"),
    "two placeholders": (("''", "'set by admin'"), ""),
    "NULL and a placeholder": (("NULL", "'set by admin'"), "set by admin"),
    "two NULLs": (("NULL", "NULL"), None),
    "two placeholders, then a good one": (("''", "'set by admin'", GOOD), "$2b$12$good"),
    "a placeholder and two good ones": (("''", OTHER, GOOD), "$2b$12$also"),
}


@pytest.mark.parametrize("way", ["short", "long"])
@pytest.mark.parametrize(("values", "chosen"), CASES.values(), ids=CASES.keys())
def test_the_first_text_that_matches_is_taken(values: tuple[str, ...], chosen: str | None, way: str) -> None:
    sources = {f"s{number}": f"INSERT INTO users VALUES ('ann', {value})" for number, value in enumerate(values)}
    if way == "long":  # two files are merged without laying their rows aside
        sources["last"] = ""
    fed = ", ".join(f"{name}.users" for name in sources)
    rule = f"{{rule: merge, columns: {{hash: {{rule: first_valid, pattern: '{PATTERN}'}}}}}}"
    plan = f"{head(*sources)}tables: [{{into: house.users, from: [{fed}], on_conflict: {rule}}}]"
    with built_house(SCHEMA, plan, sources) as house:
        assert house.read("SELECT hash FROM users") == [(chosen,)]
