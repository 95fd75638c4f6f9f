"""Faults in SQL: each is a text in which one token, clause or argument is another.

Works on a text by itself: house style writes keywords in capitals and functions in small letters, so that no
grammar is needed. What stands in quotes is left alone, but for one-word literals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORDS = (
    "SELECT INSERT UPDATE DELETE CREATE DROP PRAGMA FROM WHERE JOIN HAVING CASE WHEN THEN ELSE EXISTS UNION EXCEPT "
    "AND OR NOT IS IN NULL COLLATE BEGIN ATTACH CAST DISTINCT LIMIT VALUES ORDER GROUP ASC DESC"
)
_LOOKS_LIKE_SQL = re.compile(rf"\b(?:{'|'.join(_WORDS.split())})\b|\b(?:coalesce|nullif|typeof|quote|hex|json_\w+)\(")
_COMPARES = re.compile(r"\S+ (?:=|<>|<|>|<=|>=) \S+\Z")
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_ONE_WORD = re.compile(r"'(\w+)'")
_ENDS = re.compile(
    r"\b(?:AND|OR|ORDER BY|GROUP BY|HAVING|LIMIT|WHEN|THEN|ELSE|END|UNION|EXCEPT|(?:LEFT |CROSS )?JOIN|WHERE|AS)\b|,"
)
_PREDICATES = r"AND|OR(?! IGNORE| REPLACE)|WHERE|HAVING|ON|WHEN"

# Operator, what is there, what it becomes.
_TOKENS = (
    ("comparison", r"(?<![<>=!|]) = ", " <> "),
    ("comparison", r" <> ", " = "),
    ("boundary", r" < ", " <= "),
    ("comparison", r" < ", " > "),
    ("boundary", r" <= ", " < "),
    ("boundary", r" > ", " >= "),
    ("comparison", r" > ", " < "),
    ("boundary", r" >= ", " > "),
    ("AND/OR", r"\bAND\b", "OR"),
    ("AND/OR", r"\bOR\b(?! IGNORE| REPLACE)", "AND"),
    ("IS/IS NOT", r"\bIS NOT\b", "IS"),
    ("IS/IS NOT", r"\bIS\b(?! NOT)", "IS NOT"),
    ("dropped predicate", r"\bNOT (?=EXISTS|IN\b|\()", ""),
    ("dropped predicate", r"(?<!NOT )\bEXISTS \(", "NOT EXISTS ("),
    ("MIN/MAX", r"\bmin\(", "max("),
    ("MIN/MAX", r"\bmax\(", "min("),
    ("ASC/DESC", r"\bASC\b", "DESC"),
    ("ASC/DESC", r"\bDESC\b", "ASC"),
    ("ASC/DESC", r" NULLS LAST\b", ""),
    ("UNION [ALL]", r"\bUNION ALL\b", "UNION"),
    ("UNION [ALL]", r"\bUNION\b(?! ALL)", "UNION ALL"),
    ("UNION [ALL]", r"\bSELECT DISTINCT\b", "SELECT"),
    ("OR IGNORE/REPLACE", r" OR IGNORE\b", ""),
    ("OR IGNORE/REPLACE", r" OR IGNORE\b", " OR REPLACE"),
    ("OR IGNORE/REPLACE", r" OR REPLACE\b", " OR IGNORE"),
    ("join kind", r"\bLEFT JOIN\b", "JOIN"),
    ("join kind", r"\bCROSS JOIN\b", "LEFT JOIN"),
    ("join kind", r"(?<!LEFT )(?<!CROSS )\bJOIN\b", "LEFT JOIN"),
    ("collation", r" COLLATE \w+", ""),
    ("arithmetic", r" \+ ", " - "),
    ("arithmetic", r"(?<!PRAGMA cache_size =) - ", " + "),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One fault in a text: the operator, the whole new text, and the spot in words."""

    operator: str
    text: str
    before: str
    after: str


def looks_like_sql(text: str) -> bool:
    return bool(_LOOKS_LIKE_SQL.search(text) or _COMPARES.match(text))


def change_sql(text: str) -> Iterator[Change]:
    """Yield every fault that the operators can make of a text."""
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    yield from _change_tokens(text, quoted)
    yield from _change_constants(text, quoted)
    yield from _drop_clauses(text, quoted)
    yield from _swap_arguments(text, quoted)


def _is_inside(place: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def _change_tokens(text: str, quoted: list[tuple[int, int]]) -> Iterator[Change]:
    for operator, pattern, new in _TOKENS:
        for match in re.finditer(pattern, text):
            if not _is_inside(match.start(), quoted):
                yield _cut_in(operator, text, match.start(), match.end(), new)


def _change_constants(text: str, quoted: list[tuple[int, int]]) -> Iterator[Change]:
    for match in re.finditer(r"(?<![\w.{])\d+(?![\w.}])", text):
        if not _is_inside(match.start(), quoted):
            yield _cut_in("constant", text, match.start(), match.end(), str(int(match[0]) + 1))
    for match in _ONE_WORD.finditer(text):
        if match.span() in quoted:
            yield _cut_in("constant", text, match.start(), match.end(), f"'{match[1]}~'")


def _drop_clauses(text: str, quoted: list[tuple[int, int]]) -> Iterator[Change]:
    """Drop one predicate of several, or the only one with its keyword; or a whole ORDER BY, PARTITION BY or LIMIT."""
    for match in re.finditer(rf" ?\b(?:{_PREDICATES}|ORDER BY|PARTITION BY|LIMIT)\b ", text):
        if _is_inside(match.start() + 1, quoted):
            continue
        word = match[0].strip()
        is_predicate = re.fullmatch(_PREDICATES, word) is not None
        start, end = match.start(), _find_end(text, match.end(), quoted, lists=not is_predicate)
        if word not in ("AND", "OR") and (other := re.match(r" (?:AND|OR) ", text[end:])):
            start, end = match.end(), end + other.end()
        elif word in ("ON", "WHEN"):
            continue
        if text[match.end() : end].strip():
            yield _cut_in("dropped predicate" if is_predicate else "dropped clause", text, start, end, "")


def _find_end(text: str, start: int, quoted: list[tuple[int, int]], *, lists: bool) -> int:
    """Return where the expression that begins at ``start`` ends: at its closing bracket, or at the next keyword."""
    depth, place = 0, start
    while place < len(text):
        if not _is_inside(place, quoted):
            if text[place] == "(":
                depth += 1
            elif text[place] == ")":
                depth -= 1
                if depth < 0:
                    return place
            found = _ENDS.match(text, place) if not depth and place > start else None
            if found and not (lists and found[0] == ","):
                return place - (text[place - 1] == " ")
        place += 1
    return place


def _swap_arguments(text: str, quoted: list[tuple[int, int]]) -> Iterator[Change]:
    """Swap the first two arguments of functions in which their order matters, and what THEN and ELSE give."""
    for match in re.finditer(r"\b(?:coalesce|nullif|strongroom_\w+)\(", text):
        first = _find_end(text, match.end(), quoted, lists=False)
        if _is_inside(match.start(), quoted) or text[first : first + 2] != ", ":
            continue
        second = _find_end(text, first + 2, quoted, lists=False)
        one, two = text[match.end() : first], text[first + 2 : second]
        if one != two:
            yield _cut_in("swapped argument", text, match.end(), second, f"{two}, {one}")
    for match in re.finditer(r"\bTHEN (\S+) ELSE (\S+) END\b", text):
        if match[1] != match[2] and not _is_inside(match.start(), quoted):
            yield _cut_in("swapped argument", text, match.start(), match.end(), f"THEN {match[2]} ELSE {match[1]} END")


def _cut_in(operator: str, text: str, start: int, end: int, new: str) -> Change:
    """Put ``new`` in place of a part, and name the spot with a word or two of what stands around it."""
    before, after = text[:start].split(" ")[-2:], text[end:].split(" ")[:2]
    left, right = " ".join(before)[-24:], " ".join(after)[:24]
    return Change(operator, text[:start] + new + text[end:], f"{left}{text[start:end]}{right}", f"{left}{new}{right}")
