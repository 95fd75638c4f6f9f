"""SQL of SQLite as a tree; where the parser would change its meaning, nothing."""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from strongroom.load.draft.clauses import UnreadableError, part_words, word_of
from strongroom.load.draft.terms import UntranslatableError

_CONSTANT: tuple[type[exp.Expr], ...] = (
    exp.Add,
    exp.Boolean,
    exp.DPipe,
    exp.HexString,
    exp.Literal,
    exp.Mul,
    exp.Neg,
    exp.Null,
    exp.Paren,
    exp.Sub,
)
_WORD = re.compile(r"[A-Za-z_]\w*")
_OPERATORS = {"AND", "BETWEEN", "BY", "CASE", "DISTINCT", "ELSE", "ESCAPE", "GLOB", "HAVING", "IN", "IS", "LIKE", "NOT",
              "ON", "OR", "SELECT", "THEN", "WHEN", "WHERE"}  # fmt: skip


def is_constant(sql: str) -> bool:
    """Tell whether an expression is made of literals only; a bare word is a text, as a DEFAULT has it."""
    try:
        node = parse(sql)
    except UntranslatableError:
        return False
    if isinstance(node, exp.Column):
        return not node.table
    return all(isinstance(one, _CONSTANT) for one in node.walk())


def parse(sql: str) -> exp.Expr:
    """Parse an expression. Raises UntranslatableError."""
    refuse_lone_plus(sql)
    try:
        return sqlglot.parse_one(sql, read="sqlite", into=exp.Condition)
    except (SqlglotError, RecursionError) as error:
        raise UntranslatableError("cannot be parsed") from error


def refuse_lone_plus(sql: str) -> None:
    """Refuse a plus before a name: it takes a column's affinity away, and the parser drops it."""
    try:
        words = part_words(sql)
    except UnreadableError as error:
        raise UntranslatableError("cannot be parsed") from error
    before: Token | None = None
    for word, following in zip(words, [*words[1:], None], strict=True):
        is_lone = word.token_type is TokenType.PLUS and not (before is not None and _ends_operand(before))
        if is_lone and (following is None or following.token_type is not TokenType.NUMBER):
            raise UntranslatableError("has a plus before a name")
        before = word


def _ends_operand(word: Token) -> bool:
    kinds = {TokenType.NUMBER, TokenType.STRING, TokenType.IDENTIFIER, TokenType.R_PAREN}
    said = word_of(word)
    return word.token_type in kinds or (_WORD.fullmatch(said) is not None and said not in _OPERATORS)
