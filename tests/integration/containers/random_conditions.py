"""Random expressions of SQLite over a table that has a column of every kind, and rows that tell meanings apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

# Column: declaration in SQLite, and what it holds.
COLUMNS: dict[str, tuple[str, Sequence[Any]]] = {
    "i": ("INTEGER", (None, 0, 1, -1, 2, 5, 10, 2**53, -(2**40))),
    "k": ("INTEGER", (None, 0, 1, 5, 2147483647)),
    "r": ("REAL", (None, 0.0, 1.0, -1.5, 2.5, 0.1, 1e10, 5.0)),
    "t": (
        "TEXT",
        (None, "", "a", "A", "ab", "aB", "abc ", "ABC", "5", "05", "1.0", "ä", "Ä", "a_b", "a%b", "-", "x]y"),
    ),
    "u": ("TEXT", (None, "", "a", "a-z", "^a", "b\n", "é", "\\", "0", "10", "it's", "AB")),
    "c": ("TEXT COLLATE NOCASE", (None, "", "a", "A", "aB", "Ab ", "Ä")),
    "e": ("TEXT COLLATE RTRIM", (None, "", " ", "a", "a ", "A", "abc ")),
    "f": ("BOOLEAN", (None, 0, 1)),
    "d": ("DATE", (None, "2024-01-01", "2023-12-31", "1999-02-28")),
    "b": ("BLOB", (None, b"", b"a", b"\x00", b"\xff")),
    "n": ("DECIMAL", (None, 0, 1, 2.5, -3, 0.1)),
    "z": ("", (None, 0, 1, 5, -7)),
    "y": ("", (None, "", "a", "5", "A", "1.0")),
    "s": ("DATETIME", ("2024-01-01", "abc", "2024-01-01 10:00:00", "")),
}
TABLE = f"CREATE TABLE x (id INTEGER PRIMARY KEY, {', '.join(f'{name} {said}' for name, (said, _) in COLUMNS.items())})"
_LITERALS = ("0", "1", "2", "-1", "5", "0.1", "2.5", "10", "NULL", "TRUE", "FALSE", "'a'", "'A'", "'ab'", "''", "'5'",
             "'1.0'", "'2024-01-01'", "'Ä'", "' a'")  # fmt: skip
_TEXTS = ("t", "u", "c", "e", "s", "lower(t)", "i")
_LIKE = ("a%", "%b", "_", "A_", "%", "", "a!%%", "ä%", "a\\%", "%-%")
_GLOB = ("a*", "*b", "?", "[a-z]*", "*[^a-z]*", "[^a]*", "[]a]*", "[a-]*", "[^]]*", "*\\*", "[0-9]", "a[_%]b", "[^-a]?",
         "[a-c-e]*", "*.*", "*")  # fmt: skip


def make_rows(chance: Random, count: int) -> Iterator[tuple[Any, ...]]:
    """Yield rows for all columns but the key."""
    for _ in range(count):
        yield tuple(chance.choice(values) for _, values in COLUMNS.values())


def make_expression(chance: Random, depth: int) -> str:
    """Return an expression; operators stand with and without parentheses, to see what binds first."""
    if depth <= 0:
        return _make_leaf(chance)
    return chance.choice(_MAKERS)(chance, depth - 1)


def _make_leaf(chance: Random) -> str:
    return chance.choice(tuple(COLUMNS)) if chance.random() < 0.6 else chance.choice(_LITERALS)


def _part(chance: Random, depth: int) -> str:
    made = make_expression(chance, depth)
    return f"({made})" if chance.random() < 0.5 else made


def _binary(*operators: str) -> Callable[[Random, int], str]:
    return lambda chance, depth: f"{_part(chance, depth)} {chance.choice(operators)} {_part(chance, depth)}"


def _suffix(*words: str) -> Callable[[Random, int], str]:
    return lambda chance, depth: f"{_part(chance, depth)} {chance.choice(words)}"


def _call(*names: str) -> Callable[[Random, int], str]:
    return lambda chance, depth: f"{chance.choice(names)}({make_expression(chance, depth)})"


def _make_list(chance: Random, depth: int) -> str:
    listed = ", ".join(_make_leaf(chance) for _ in range(chance.randint(1, 3)))
    return f"{_part(chance, depth)} {chance.choice(('IN', 'NOT IN'))} ({listed})"


def _make_between(chance: Random, depth: int) -> str:
    word = chance.choice(("BETWEEN", "NOT BETWEEN"))
    return f"{_part(chance, depth)} {word} {_make_leaf(chance)} AND {_make_leaf(chance)}"


def _make_like(chance: Random, _: int) -> str:
    escape = chance.choice(("", "", " ESCAPE '!'"))
    return f"{chance.choice(_TEXTS)} {chance.choice(('LIKE', 'NOT LIKE'))} '{chance.choice(_LIKE)}'{escape}"


def _make_glob(chance: Random, _: int) -> str:
    return f"{chance.choice(_TEXTS)} {chance.choice(('GLOB', 'NOT GLOB'))} '{chance.choice(_GLOB)}'"


def _make_part(chance: Random, depth: int) -> str:
    start, length = chance.choice(("1", "2", "3", "0", "-1")), chance.choice(("", ", 1", ", 2", ", 0"))
    return f"substr({make_expression(chance, depth)}, {start}{length})"


def _make_choice(chance: Random, depth: int) -> str:
    name = chance.choice(("coalesce", "ifnull"))
    return chance.choice(
        (
            f"{name}({make_expression(chance, depth)}, {_make_leaf(chance)})",
            f"CASE WHEN {make_expression(chance, depth)} THEN {_make_leaf(chance)} ELSE {_make_leaf(chance)} END",
            f"CASE {_make_leaf(chance)} WHEN {_make_leaf(chance)} THEN 1 ELSE 0 END",
            f"iif({make_expression(chance, depth)}, {_make_leaf(chance)}, {_make_leaf(chance)})",
        )
    )


def _make_odd(chance: Random, depth: int) -> str:
    one, two = chance.choice(("t", "u", "c", "e")), chance.choice(("t", "u", "c", "e"))
    collated = f"{one} COLLATE {chance.choice(('NOCASE', 'RTRIM', 'BINARY'))} {chance.choice('=<')} {two}"
    cast = f"CAST({make_expression(chance, depth)} AS {chance.choice(('TEXT', 'INTEGER', 'REAL'))})"
    others = (f"instr({one}, {two})", f"replace({one}, {two}, c)", f"replace({one}, 'a', {two})", "-i", "-r")
    return chance.choice((collated, cast, f"trim({one}, {two})", *others))


_COMPARE = _binary("=", "==", "<>", "!=", "<", "<=", ">", ">=", "IS", "IS NOT")
_MAKERS: tuple[Callable[[Random, int], str], ...] = (
    _COMPARE,
    _COMPARE,
    _COMPARE,
    _binary("AND", "OR"),
    _binary("AND", "OR"),
    _binary("+", "-", "*", "/", "%", "||", "&", "|"),
    lambda chance, depth: f"NOT {_part(chance, depth)}",
    _suffix("IS NULL", "IS NOT NULL", "ISNULL", "NOTNULL", "IS TRUE", "IS NOT FALSE", "NOT NULL"),
    _call("lower", "upper", "length", "trim", "ltrim", "rtrim", "abs", "typeof"),
    _make_list,
    _make_between,
    _make_like,
    _make_glob,
    _make_part,
    _make_choice,
    _make_odd,
)
