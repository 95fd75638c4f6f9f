"""What only a table's SQL says: CHECKs, collations of columns, and which foreign keys are deferred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from strongroom.core.quoting import fold

_QUOTED = {TokenType.IDENTIFIER, TokenType.STRING}
_OF_TABLE = {"CONSTRAINT", "PRIMARY KEY", "UNIQUE", "CHECK", "FOREIGN KEY"}


class UnreadableError(Exception):
    """An SQL text is none that can be parted into its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One CHECK: its name, where it has one, and its condition in SQLite's SQL."""

    name: str
    condition: str


@dataclass(slots=True, kw_only=True)
class Clauses:
    """What a CREATE TABLE says beside what pragmas tell."""

    checks: list[Check] = field(default_factory=list)
    collations: dict[str, str] = field(default_factory=dict)
    """Of columns by folded name, where one is said."""
    deferrals: list[str] = field(default_factory=list)
    """Of each REFERENCES in its order, as PostgreSQL says it; empty where it is not deferrable."""
    resolutions: list[str] = field(default_factory=list)
    """What SQLite does about a conflict where a key or NOT NULL says it: REPLACE, IGNORE, FAIL, ROLLBACK."""


def read_clauses(sql: str) -> Clauses:
    """Read a CREATE TABLE. Raises UnreadableError."""
    tokens = part_words(sql)
    found = Clauses()
    for part in _split_parts(tokens):
        _read_part(part, sql, found)
    return found


def read_module(sql: str) -> tuple[str, str]:
    """Return the module of a CREATE VIRTUAL TABLE, folded, and the text of its arguments. Raises UnreadableError."""
    words = part_words(sql)
    at = next((at for at, word in enumerate(words) if word_of(word) == "USING"), None)
    if at is None or at + 1 == len(words):
        raise UnreadableError
    return fold(words[at + 1].text), sql[words[at + 1].end + 1 :]


def part_words(sql: str) -> Sequence[Token]:
    """Part SQL of SQLite into its words, without comments. Raises UnreadableError."""
    try:
        return sqlglot.tokenize(sql, read="sqlite")
    except SqlglotError as error:
        raise UnreadableError from error


def word_of(token: Token) -> str:
    """Return a keyword in capitals; nothing for a quoted name or a text."""
    return "" if token.token_type in _QUOTED else token.text.upper()


def _split_parts(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the words of each column and constraint between a table's parentheses."""
    depth, part = 0, list[Token]()
    for token in tokens:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        is_first = depth == 1 and token.token_type is TokenType.L_PAREN
        if depth == 0 and token.token_type is TokenType.R_PAREN:
            yield part
            return
        if depth == 1 and token.token_type is TokenType.COMMA:
            yield part
            part = []
        elif depth and not is_first:
            part.append(token)


def _read_part(part: Sequence[Token], sql: str, found: Clauses) -> None:
    words = _outside_parentheses(part)
    column = fold(part[0].text) if part and word_of(part[0]) not in _OF_TABLE else None
    name = ""
    for (at, word), (_, following) in pairwise([*words, (len(part), "")]):
        if word == "CONSTRAINT":
            name = part[at + 1].text
        elif word == "CHECK" and following == "(":
            found.checks.append(Check(name=name, condition=_text_inside(part, at + 1, sql)))
            name = ""
        elif word == "COLLATE" and column is not None:
            found.collations[column] = part[at + 1].text.upper()
        elif word == "REFERENCES":
            found.deferrals.append("")
        elif word == "ON" and following == "CONFLICT":
            found.resolutions.extend({word_of(part[at + 2])} - {"ABORT"})
        elif word == "DEFERRABLE" and word_of(part[at - 1]) != "NOT" and found.deferrals:
            is_late = [word_of(one) for one in part[at + 1 : at + 3]] == ["INITIALLY", "DEFERRED"]
            found.deferrals[-1] = "DEFERRABLE INITIALLY DEFERRED" if is_late else "DEFERRABLE"


def _outside_parentheses(part: Sequence[Token]) -> list[tuple[int, str]]:
    """Return the place and the word of each token that no parentheses enclose, the opening ones among them."""
    depth, found = 0, []
    for at, token in enumerate(part):
        depth -= token.token_type is TokenType.R_PAREN
        is_name = at == 0 and word_of(token) not in _OF_TABLE
        if depth == 0 and not is_name and token.token_type is not TokenType.R_PAREN:
            found.append((at, word_of(token)))
        depth += token.token_type is TokenType.L_PAREN
    return found


def _text_inside(part: Sequence[Token], opening: int, sql: str) -> str:
    """Return the text between a parenthesis and the one that closes it."""
    depth = 0
    for token in part[opening:]:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0:
            return sql[part[opening].end + 1 : token.start]
    raise UnreadableError
