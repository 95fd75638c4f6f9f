"""Functions of SQLite whose counterpart in PostgreSQL means the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from strongroom.core.quoting import literal
from strongroom.load.draft.terms import NUMBERS, Term, UntranslatableError, unify, write_number

Translate = Callable[[Any], Term]
_INTEGERS = {"INT", "INTEGER", "BIGINT"}


def call_by_name(translate: Translate, node: exp.Anonymous) -> Term:
    """Translate a call of a function that the parser has no class for. Raises UntranslatableError."""
    name = str(node.this).lower()
    if name == "json_valid" and len(node.expressions) == 1:
        return _json_valid(translate(node.expressions[0]))
    raise UntranslatableError(f"uses {name}()")


def _text(translate: Translate, node: Any) -> Term:
    """Return a text; a whole number is one as SQLite writes it."""
    term = translate(node)
    if term.kind == "int":
        return Term(sql=f"({term.sql})::text", kind="text")
    if term.kind != "text":
        raise UntranslatableError("takes what is no text for one")
    return term


def _make_text(sql: str) -> Term:
    return Term(sql=sql, kind="text", alone="text")


def _make_integer(sql: str) -> Term:
    return Term(sql=sql, kind="int", alone="integer")


def _json_valid(term: Term) -> Term:
    if term.kind != "json":
        raise UntranslatableError("uses json_valid() of a column that is not jsonb")
    return Term(sql=f"(CASE WHEN {term.sql} IS NOT NULL THEN true END)", kind="boolean", alone="integer")


def _length(translate: Translate, node: exp.Length) -> Term:
    term = translate(node.this)
    if term.kind == "bytes":
        return _make_integer(f"length({term.sql})")
    return _make_integer(f"length({_text(translate, node.this).sql})")


def _letters(name: str) -> Callable[[Translate, Any], Term]:
    """Return the call that changes the case of A to Z alone, as SQLite's does."""
    return lambda translate, node: _make_text(f'{name}({_text(translate, node.this).sql} COLLATE "C")')


def _trim(translate: Translate, node: exp.Trim) -> Term:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "btrim")
    letters = node.expression
    told = "' '" if letters is None else _text(translate, letters).sql
    return _make_text(f"{name}({_text(translate, node.this).sql}, {told})")


def _substring(translate: Translate, node: exp.Substring) -> Term:
    start, length = (node.args.get(name) for name in ("start", "length"))
    places = [one for one in (start, length) if one is not None]
    if not all(isinstance(one, exp.Literal) and not one.is_string and one.name.isdigit() for one in places):
        raise UntranslatableError("takes a part of a text whose place is no literal")
    if start is None or int(start.name) < 1:
        raise UntranslatableError("takes a part of a text from before its first letter")
    return _make_text(f"substr({', '.join([_text(translate, node.this).sql, *(one.name for one in places)])})")


def _coalesce(translate: Translate, node: exp.Coalesce) -> Term:
    terms = unify([translate(one) for one in (node.this, *node.expressions)])
    return Term(sql=f"COALESCE({', '.join(term.sql for term in terms)})", kind=terms[0].kind, alone=terms[0].alone)


def _absolute(translate: Translate, node: exp.Abs) -> Term:
    term = translate(node.this)
    if term.kind not in NUMBERS:
        raise UntranslatableError("reckons with what is no number")
    return Term(sql=f"abs({term.sql})", kind=term.kind, alone=term.alone)


def _position(translate: Translate, node: exp.StrPosition) -> Term:
    if node.args.get("position") or node.args.get("occurrence"):
        raise UntranslatableError("uses instr() in another form")
    texts = (_text(translate, one).sql for one in (node.this, node.args["substr"]))
    return _make_integer(f"strpos({', '.join(texts)})")


def _replace(translate: Translate, node: exp.Replace) -> Term:
    parts = (node.this, node.expression, node.args.get("replacement"))
    if None in parts:
        raise UntranslatableError("uses replace() in another form")
    if translate(node.expression).constant in {None, ""}:  # of nothing SQLite replaces nothing, even by NULL
        raise UntranslatableError("replaces what is no literal")
    return _make_text(f"replace({', '.join(_text(translate, one).sql for one in parts)})")


def _typeof(translate: Translate, node: exp.Typeof) -> Term:
    term = translate(node.this)
    if term.alone is None:
        raise UntranslatableError("uses typeof() of a column whose values were of several types")
    return _make_text(f"(CASE WHEN {term.sql} IS NULL THEN 'null' ELSE {literal(term.alone)} END)")


def _cast(translate: Translate, node: exp.Cast) -> Term:
    term, kind = translate(node.this), str(node.to.this.name)
    if term.kind == "null":
        return term
    if kind in {"TEXT", "VARCHAR"} and term.kind in {"int", "text"}:
        return _text(translate, node.this)
    if kind in _INTEGERS and term.kind in {"int", "boolean"}:
        return _make_integer(f"{write_number(term).sql}::bigint")
    if kind in {"DOUBLE", "FLOAT", "REAL"} and term.kind in {"int", "real"}:
        return Term(sql=f"{term.sql}::double precision", kind="real", alone="real")
    raise UntranslatableError("uses CAST in a way that differs")


CALLS: Mapping[type, Callable[[Translate, Any], Term]] = {
    exp.Abs: _absolute,
    exp.Cast: _cast,
    exp.Coalesce: _coalesce,
    exp.Length: _length,
    exp.Lower: _letters("lower"),
    exp.Replace: _replace,
    exp.StrPosition: _position,
    exp.Substring: _substring,
    exp.Trim: _trim,
    exp.Typeof: _typeof,
    exp.Upper: _letters("upper"),
}
