"""An expression on its way from SQLite to PostgreSQL: its text there, and what kind of value it has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from strongroom.core.quoting import literal, quote
from strongroom.load.draft.model import Chosen

_LARGEST = 2**63 - 1
NUMBERS = {"int", "real", "numeric"}
_KINDS = {
    "bigint": "int",
    "boolean": "boolean",
    "bytea": "bytes",
    "date": "date",
    "double precision": "real",
    "enum": "text",
    "integer": "int",
    "jsonb": "json",
    "numeric": "numeric",
    "real": "real",
    "smallint": "int",
    "text": "text",
    "timestamptz": "time",
    "varchar": "text",
}
_CLASS_OF = {"boolean": "integer", "bytes": "blob", "int": "integer", "real": "real", "text": "text"}
"""What a value of a kind is in SQLite, where it is always the same."""


class UntranslatableError(Exception):
    """An SQL of SQLite has no counterpart that means the same; says what stands in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One expression."""

    sql: str
    """PostgreSQL's, which can stand in any place without parentheses around it."""
    kind: str
    """int, real, numeric, text, boolean, date, time, bytes, json, null, other."""
    constant: str | int | None = None
    """The value of a literal; of a real one its digits."""
    collation: str | None = None
    """A column's, or the one that is said."""
    is_said: bool = False
    """Whether COLLATE says it."""
    affinity: str | None = None
    """A column's."""
    cast: str = ""
    """What stands behind a column's name to make it that kind."""
    alone: str | None = None
    """The storage class of all its values, where there is only one: what ``typeof`` says."""


class Scope(Protocol):
    """Where an expression stands: which columns it sees."""

    def find_column(self, table: str, name: str) -> Term | None:
        """Return a column by its name, after that of its table where one is said."""


def term_of(chosen: Chosen, collation: str, prefix: str = "") -> Term:
    """Return the expression that a column is."""
    name = prefix + quote(chosen.column.name)
    plain = chosen.type.partition("(")[0]
    kind = _KINDS.get(plain, "other")
    alone = _CLASS_OF.get(kind)
    cast = "::text" if plain == "enum" else ""
    return Term(
        sql=f"{name}{cast}",
        cast=cast,
        kind="other" if not _is_alike(kind, chosen.holds) else kind,
        collation=collation,
        affinity=chosen.column.affinity,
        alone=alone if chosen.holds <= {alone} else None,
    )


def _is_alike(kind: str, holds: frozenset[str]) -> bool:
    """Tell whether SQLite compares a column's values as PostgreSQL does: TEXT that became a number it does not."""
    return "text" not in holds if kind in {"boolean", "numeric"} else True


def constant_text(value: str) -> Term:
    """Return a text that is a literal."""
    return Term(sql=literal(value), kind="text", constant=value, alone="text")


def constant_number(written: str) -> Term:
    """Return a number that is a literal, of its digits. Raises UntranslatableError."""
    if not re.fullmatch(r"-?[0-9]+", written):
        return Term(sql=f"({written})", kind="real", alone="real")
    value = int(written)
    if abs(value) > _LARGEST:
        raise UntranslatableError("has a number beyond 64 bits")
    return Term(sql=f"({value})" if value < 0 else str(value), kind="int", constant=value, alone="integer")


def condition(sql: str) -> Term:
    """Return an expression that is true, false or NULL."""
    return Term(sql=f"({sql})", kind="boolean", alone="integer")


def write_condition(term: Term) -> str:
    """Return an expression whose truth counts: of a number that it is not 0. Raises UntranslatableError."""
    if term.kind == "boolean":
        return term.sql
    if term.kind in NUMBERS:
        return f"({term.sql} <> 0)"
    if term.kind == "null":
        return "NULL::boolean"
    raise UntranslatableError("takes what is no number for true or false")


def write_number(term: Term) -> Term:
    """Return a number; what is true or false is 1 or 0. Raises UntranslatableError."""
    if term.kind == "boolean":
        return Term(sql=f"{term.sql}::integer", kind="int", alone="integer")
    if term.kind not in NUMBERS:
        raise UntranslatableError("reckons with what is no number")
    return term


def unify(terms: Sequence[Term]) -> list[Term]:
    """Return the branches of a CASE as one kind, the first the one whose kind all have. Raises UntranslatableError."""
    kinds = {term.kind for term in terms} - {"null"}
    if kinds == {"boolean", "int"}:
        terms = [_as_truth(term) for term in terms]
        kinds = {term.kind for term in terms} - {"null"}
    if kinds == {"boolean", "int"}:
        terms = [write_number(term) if term.kind == "boolean" else term for term in terms]
        kinds = {"int"}
    if len(kinds) != 1 or kinds == {"other"}:
        raise UntranslatableError("has values of several kinds")
    (kind,) = kinds
    return [replace(term, kind=kind) for term in terms]


def _as_truth(term: Term) -> Term:
    if term.kind == "int" and term.constant in (0, 1):
        return replace(term, sql="true" if term.constant else "false", kind="boolean")
    return term
