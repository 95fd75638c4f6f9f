"""What a column's name says about the table that it refers to."""

from __future__ import annotations

import pytest

from strongroom.examine.draft.naming import Hint, ends_in_table, rank_parent, read_hint


@pytest.mark.parametrize(
    ("column", "table", "hint"),
    [
        ("user_id", "users", Hint.NAMES),
        ("userId", "Users", Hint.NAMES),
        ("userid", "users", Hint.NAMES),
        ("owner_user", "users", Hint.MENTIONS),
        ("user", "users", Hint.MENTIONS),
        ("user_order_id", "users", Hint.MENTIONS),
        ("predictions", "calibration_predictions", Hint.MENTIONS),
        ("category_id", "categories", Hint.NAMES),
        ("address_id", "addresses", Hint.NAMES),
        ("person_id", "people", Hint.NAMES),
        ("account_id", "user_accounts", Hint.NAMES),
        ("größe_id", "größe", Hint.NAMES),
        ("author", "users", Hint.REFERS),
        ("created_by", "users", Hint.REFERS),
        ("external_id", "users", Hint.REFERS),
        ("parent", "users", Hint.REFERS),
        ("who", "users", Hint.NOTHING),
        ("body", "users", Hint.NOTHING),
        ("user_count", "users", Hint.AGAINST),
        ("age", "users", Hint.AGAINST),
        ("version", "users", Hint.AGAINST),
        ("_", "users", Hint.NOTHING),
    ],
)
def test_a_name_says_more_or_less(column: str, table: str, hint: Hint) -> None:
    assert read_hint(column, table) is hint


def test_a_columns_own_table_is_named_by_what_ends_in_id_only() -> None:
    assert read_hint("user_kin", "users", is_own=True) is Hint.NOTHING
    assert read_hint("parent_user_id", "users", is_own=True) is Hint.NAMES


def test_a_name_ends_in_one_table() -> None:
    assert ends_in_table("user_order_id", "orders")
    assert not ends_in_table("user_order_id", "users")


def test_a_role_is_one_of_people_and_a_tree_grows_in_its_own_table() -> None:
    people, others = (rank_parent("author", table, is_own=False) for table in ("users", "tags"))
    assert people < others < rank_parent("author", "notes", is_own=True)
    assert rank_parent("parent_id", "notes", is_own=True) < rank_parent("parent_id", "tags", is_own=False)
