"""What a column's name says about where it refers to."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache


class Hint(IntEnum):
    """How much a column's name says that it holds a table's ids."""

    AGAINST = 0
    """It measures or dates something, or is the id of its own row."""
    NOTHING = 1
    REFERS = 2
    """It refers to some row: ``author``, ``created_by``, ``parent_id``."""
    MENTIONS = 3
    """The table's name is part of it: ``owner_user`` for ``users``."""
    NAMES = 4
    """It is the table's name and a link: ``user_id``."""


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman"}
_OWN = frozenset({("id",), ("uid",)})
_LINKS = frozenset({("id",), ("uid",), ("ref",), ("fk",), ("by",), ("key",)})
_PEOPLE = frozenset({"user", "account", "person", "member", "customer", "client", "employee", "contact", "staff"})
_ROLE_WORDS = """
actor agent approver assignee author boss buyer client contact creator customer driver editor employee follower friend
holder invitee inviter leader lead manager member modifier operator owner payer person poster recipient referrer
reporter requester reviewer seller sender submitter supervisor teacher updater uploader user writer
"""
_TREE_WORDS = """
ancestor boss child lead leader manager next origin original parent predecessor previous reply root source successor
supervisor target
"""
_MEASURE_WORDS = """
active age amount at balance byte capacity chapter cost count date day depth distance duration enabled flag grade
height hour index is kind latitude length level limit line longitude max min minute mode month no nr number offset page
percent percentage point port position price priority progress qty quantity rank rate rating retry revision score
second seq sequence size sort stage state status step stock sum temperature time timestamp total type value version
volume weight width year
"""
_ROLES, _TREE = frozenset(_ROLE_WORDS.split()), frozenset(_TREE_WORDS.split())
_MEASURES = frozenset(_MEASURE_WORDS.split())


def read_hint(column: str, table: str, *, is_own: bool = False) -> Hint:
    """Tell what a column's name says about a table's ids; ``is_own`` for a column of that table itself."""
    words = split(column)
    is_linked = words[-1:] in _LINKS or "".join(words) == "".join(split(table)) + "id"
    if words in _OWN or (not is_linked and not _MEASURES.isdisjoint(words)):
        return Hint.AGAINST
    if is_linked and ends_in_table(column, table):
        return Hint.NAMES
    if mentions_table(column, table) and not is_own:
        return Hint.MENTIONS
    told = set(words) - set(split(table) if is_own else ())
    return Hint.REFERS if is_linked or told & (_ROLES | _TREE) else Hint.NOTHING


def rank_parent(column: str, table: str, *, is_own: bool) -> int:
    """Say how likely a column refers to this table rather than to others that it fits as well; the smallest first."""
    words = split(column)
    is_tree = is_own and not _TREE.isdisjoint(words)
    is_role = not is_own and not _ROLES.isdisjoint(words) and not _PEOPLE.isdisjoint(split(table))
    is_exact = _drop_link(words) == split(table)
    return 0 if is_tree or is_role or is_exact else 1 + is_own


def mentions_table(column: str, table: str) -> bool:
    """Tell whether a table's name is part of a column's."""
    words, wanted = split(column), split(table)
    if not wanted:
        return False
    whole = any(words[start : start + len(wanted)] == wanted for start in range(len(words)))
    return whole or ends_in_table(column, table)


def ends_in_table(column: str, table: str) -> bool:
    """Tell whether what a column's name comes down to is a table: ``parent_order_id`` to ``orders``."""
    words, wanted = split(column), split(table)
    return bool(wanted) and (_drop_link(words)[-1:] == wanted[-1:] or "".join(words) == "".join(wanted) + "id")


def _drop_link(words: tuple[str, ...]) -> tuple[str, ...]:
    return words[:-1] if words[-1:] in _LINKS else words


@cache
def split(name: str) -> tuple[str, ...]:
    """Return the words of a name, small and in the singular: ``ownerUsers`` is owner, user."""
    return tuple(_make_singular(word.lower()) for word in _WORD.findall(_CAMEL.sub("_", name)))


def _make_singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > len("ties"):
        return word.removesuffix("ies") + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word.removesuffix("es")
    return word if word.endswith(("ss", "us", "is")) else word.removesuffix("s")
