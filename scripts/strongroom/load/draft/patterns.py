"""LIKE and GLOB of SQLite as PostgreSQL matches the same texts."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.core.quoting import fold, literal
from strongroom.load.draft.terms import Term, UntranslatableError, condition

_PLAIN = " -_@/:,;=%&"
"""What means itself in a regular expression outside of brackets, letters and digits aside."""


def match_like(value: Term, pattern: Term, escape: str = "") -> Term:
    """Return a LIKE: of A to Z the case does not count. Raises UntranslatableError."""
    text = _read_pattern(value, pattern)
    if escape and (len(escape) != 1 or escape.isalnum() or escape in "%_"):
        raise UntranslatableError("escapes with a letter")
    if escape and (text.replace(escape * 2, "").endswith(escape)):
        raise UntranslatableError("has a pattern that ends with what escapes")
    # The empty ESCAPE: without one nothing escapes in SQLite, and a backslash does in PostgreSQL.
    return condition(f'lower({value.sql} COLLATE "C") LIKE {literal(fold(text))} ESCAPE {literal(escape)}')


def match_glob(value: Term, pattern: Term) -> Term:
    """Return a GLOB as a regular expression. Raises UntranslatableError."""
    written = "".join(_write_pieces(_read_pattern(value, pattern)))
    return condition(f"""({value.sql} COLLATE "C") ~ {literal(f"^{written}$")}""")


def _read_pattern(value: Term, pattern: Term) -> str:
    if value.kind != "text" or pattern.kind != "text":
        raise UntranslatableError("matches what is no text")
    if not isinstance(pattern.constant, str):
        raise UntranslatableError("matches a pattern that is no literal")
    return pattern.constant


def _write_pieces(pattern: str) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "[":
            piece, at = _write_class(pattern, at + 1)
            yield piece
            continue
        at += 1
        yield {"*": ".*", "?": "."}.get(letter) or (letter if letter in _PLAIN else _escape(letter))


def _write_class(pattern: str, at: int) -> tuple[str, int]:
    """Return a class of letters, which begins at ``at``, and the place after it (SQLite's ``patternCompare``)."""
    is_inverted = pattern[at : at + 1] == "^"
    at += is_inverted
    items = []
    if pattern[at : at + 1] == "]":
        items.append(_escape("]"))
        at += 1
    before = ""
    while pattern[at : at + 1] not in {"]", ""}:
        letter = pattern[at]
        if letter == "-" and before and pattern[at + 1 : at + 2] not in {"]", ""}:
            last = pattern[at + 1]
            if last < before:
                raise UntranslatableError("has a range of letters that is empty")
            items[-1] = f"{_escape(before)}-{_escape(last)}"
            before, at = "", at + 2
        else:
            items.append(_escape(letter))
            before, at = letter, at + 1
    if at >= len(pattern) or not items:
        raise UntranslatableError("has a pattern with an open bracket")
    return f"[{'^' if is_inverted else ''}{''.join(items)}]", at + 1


def _escape(letter: str) -> str:
    """Return a letter that means itself in a regular expression of PostgreSQL, in brackets and outside."""
    if letter.isascii() and letter.isalnum():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"  # noqa: PLR2004  # four digits
