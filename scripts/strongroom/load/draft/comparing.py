"""Comparisons as SQLite makes them: by collation, and after its conversions by affinity (datatype3.html, 4.2)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

from strongroom.core.quoting import literal
from strongroom.load.draft.terms import NUMBERS, Term, UntranslatableError, condition

_NUMERIC = {"INTEGER", "NUMERIC", "REAL"}
_ORDERS = {"<", "<=", ">", ">="}
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def compare(left: Term, operator: str, right: Term) -> Term:
    """Return a comparison. Raises UntranslatableError."""
    if "null" in {left.kind, right.kind}:
        return _compare_null(left, operator, right)
    one, two = pair(left, right, is_ordered=operator in _ORDERS)
    return condition(f"{one} {operator} {two}")


def pair(left: Term, right: Term, *, is_ordered: bool) -> tuple[str, str]:
    """Return two operands in the form in which PostgreSQL compares them as SQLite does. Raises UntranslatableError."""
    one, two = _convert(left, right)
    two, one = _convert(two, one)
    if one.kind in NUMBERS and two.kind in NUMBERS:
        return one.sql, two.sql
    if one.kind != two.kind or one.kind not in {"text", "boolean", "bytes", "date"}:
        raise UntranslatableError(f"compares {_name(one)} with {_name(two)}")
    if one.kind == "text":
        return _pair_texts(one, two, is_ordered=is_ordered)
    return one.sql, two.sql


def collate(sql: str, collation: str, *, is_ordered: bool) -> str:
    """Return a text in the form in which equality, or order, is that of SQLite's collation."""
    if collation == "NOCASE":
        return f'lower({sql} COLLATE "C")'
    trimmed = f"rtrim({sql}, ' ')" if collation == "RTRIM" else sql
    if collation not in {"BINARY", "RTRIM"}:
        raise UntranslatableError(f"uses the collation {collation}")
    return f'({trimmed} COLLATE "C")' if is_ordered else trimmed


def choose_collation(left: Term, right: Term) -> str:
    """Return the collation of a comparison: one that is said, else the left column's, else the right one's."""
    said = [one.collation for one in (left, right) if one.is_said] + [left.collation, right.collation]
    return next((one for one in said if one is not None), "BINARY")


def _compare_null(left: Term, operator: str, right: Term) -> Term:
    other = right if left.kind == "null" else left
    if operator == "IS NOT DISTINCT FROM":
        return condition(f"{other.sql} IS NULL")
    if operator == "IS DISTINCT FROM":
        return condition(f"{other.sql} IS NOT NULL")
    return condition("NULL::boolean")


def _convert(one: Term, other: Term) -> tuple[Term, Term]:
    """Return both, the second as it compares with the first: literals follow a column, conditions are 0 and 1."""
    if one.kind in NUMBERS and other.kind == "boolean":
        return one, replace(other, sql=f"{other.sql}::integer", kind="int")
    return one, other if other.constant is None else _convert_literal(one, other, str(other.constant))


def _convert_literal(one: Term, other: Term, written: str) -> Term:
    if one.kind == "boolean" and other.kind == "int" and written in {"0", "1"}:
        return replace(other, sql="true" if written == "1" else "false", kind="boolean")
    if one.kind in NUMBERS and one.affinity in _NUMERIC and other.kind == "text" and _NUMBER.fullmatch(written):
        return replace(other, sql=written, kind="numeric")
    if one.kind == "text" and one.affinity == "TEXT" and other.kind == "int":
        return replace(other, sql=literal(written), kind="text")
    if one.kind == "date" and other.kind == "text" and _is_day(written):
        return replace(other, sql=f"{literal(written)}::date", kind="date")
    return other


def _is_day(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _pair_texts(one: Term, two: Term, *, is_ordered: bool) -> tuple[str, str]:
    if (one.affinity in _NUMERIC) != (two.affinity in _NUMERIC):
        other = two if one.affinity in _NUMERIC else one
        if is_ordered if other.constant is None else _looks_numeric(str(other.constant)):
            raise UntranslatableError("compares a text with what SQLite takes for a number")
    collation = choose_collation(one, two)
    left, right = (collate(term.sql, collation, is_ordered=is_ordered) for term in (one, two))
    return left, right


def _looks_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _name(term: Term) -> str:
    names = {
        "boolean": "a boolean",
        "bytes": "bytes",
        "date": "a date",
        "json": "JSON",
        "text": "a text",
        "time": "a time",
    }
    return "a number" if term.kind in NUMBERS else names.get(term.kind, "a value of another type")
