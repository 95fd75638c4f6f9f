"""Expressions of SQLite in PostgreSQL's SQL, as far as they mean the same there; nothing else is let through.

The parser is sqlglot's; what is written comes from here, since its own translation keeps words and not meanings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlglot import exp

from strongroom.load.draft.calls import CALLS, call_by_name
from strongroom.load.draft.comparing import compare, pair
from strongroom.load.draft.parsing import parse
from strongroom.load.draft.patterns import match_glob, match_like
from strongroom.load.draft.terms import (
    Scope,
    Term,
    UntranslatableError,
    condition,
    constant_number,
    constant_text,
    unify,
    write_condition,
    write_number,
)

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
_BITS: dict[type[exp.Expr], str] = {exp.BitwiseAnd: "&", exp.BitwiseOr: "|"}
_SUMS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_RANGES: tuple[type[exp.Expr], ...] = (
    *_COMPARISONS,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Like,
    exp.Glob,
    exp.Escape,
    exp.Not,
    exp.And,
    exp.Or,
)
_SIMPLE: tuple[type[exp.Expr], ...] = (exp.Literal, exp.Column, exp.Paren, exp.Func, exp.Cast, exp.HexString)
_READ = {"this", "expression", "expressions"}
_ALSO_READ: dict[type[exp.Expr], set[str]] = {
    exp.Between: {"low", "high"},
    exp.Case: {"ifs", "default"},
    exp.Cast: {"to"},
    exp.Column: {"table"},
    exp.Div: {"safe", "typed"},
    exp.DPipe: {"safe"},
    exp.If: {"true", "false"},
    exp.Like: {"negate"},
    exp.Literal: {"is_string"},
    exp.Replace: {"replacement"},
    exp.StrPosition: {"substr"},
    exp.Substring: {"start", "length"},
    exp.Trim: {"position"},
}
"""What the parser may say of a node besides: whatever else it says is not understood, and nothing is dropped."""


def translate(sql: str, scope: Scope) -> Term:
    """Translate an expression. Raises UntranslatableError."""
    return Translator(scope).translate(parse(sql))


def translate_condition(sql: str, scope: Scope) -> str:
    """Translate an expression whose truth counts: a CHECK, or the WHERE of an index. Raises UntranslatableError."""
    return write_condition(translate(sql, scope))


class Translator:
    """Translates within a scope; every rule of it says what SQLite does, and writes what does the same."""

    def __init__(self, scope: Scope) -> None:
        """Look columns up in ``scope``."""
        self._scope = scope

    def translate(self, node: exp.Expr) -> Term:
        """Return what an expression is in PostgreSQL. Raises UntranslatableError."""
        rule = self.find_rule(node)
        if rule is None:
            raise UntranslatableError(f"uses {name_node(node)}")
        refuse_unread(node, _READ | _ALSO_READ.get(type(node), set()))
        return rule(node)

    def find_rule(self, node: exp.Expr) -> Callable[[Any], Term] | None:
        """Return what translates a node, if anything does."""
        found = next((rule for kinds, rule in self._rules() if isinstance(node, kinds)), None)
        call = CALLS.get(type(node), call_by_name if isinstance(node, exp.Anonymous) else None)
        return found if found is not None or call is None else partial(call, self.translate)

    def _rules(self) -> Sequence[tuple[Any, Callable[[Any], Term]]]:
        return (
            (exp.Column, self._column),
            (exp.Literal, lambda node: constant_text(node.name) if node.is_string else constant_number(node.name)),
            (exp.Boolean, lambda node: constant_number(str(int(node.this)))),
            (exp.Null, lambda _: Term(sql="NULL", kind="null", alone="null")),
            (exp.HexString, lambda node: Term(sql=f"'\\x{node.name}'::bytea", kind="bytes", alone="blob")),
            (exp.Paren, lambda node: self.translate(node.this)),
            (exp.Neg, self._negative),
            (exp.And, lambda node: self._logic(node, "AND")),
            (exp.Or, lambda node: self._logic(node, "OR")),
            (exp.Not, lambda node: condition(f"NOT {write_condition(self.translate(node.this))}")),
            (exp.Is, self._is),
            (exp.In, self._in),
            (exp.Between, self._between),
            (exp.Like, self._like),
            (exp.Glob, lambda node: match_glob(*self._operands(node, _RANGES))),
            (exp.Escape, self._escape),
            (exp.Collate, self._collate),
            (exp.DPipe, self._concatenate),
            (exp.Case, self._case),
            (exp.If, self._if),
            (exp.Div, self._divide),
            (exp.Mod, self._divide),
            (tuple(_COMPARISONS), self._compare),
            (tuple(_SUMS), self._reckon),
            (tuple(_BITS), self._bits),
        )

    def _column(self, node: exp.Column) -> Term:
        found = self._scope.find_column(node.table, node.name)
        if found is not None:
            return found
        if node.this.args.get("quoted") and not node.table:
            return constant_text(node.name)  # a name that is none is a text (https://sqlite.org/quirks.html, 8)
        raise UntranslatableError(f"reads {node.name}, which is no column")

    def _operands(self, node: exp.Expr, apart: Sequence[type[exp.Expr]]) -> tuple[Term, Term]:
        """Translate both sides; where the two languages bind differently, only what stands in parentheses is taken."""
        for side in (node.this, node.expression):
            if isinstance(side, tuple(apart)):
                raise UntranslatableError("depends on what binds first: put it in parentheses")
        return self.translate(node.this), self.translate(node.expression)

    def _compare(self, node: exp.Expr) -> Term:
        left, right = self._operands(node, _RANGES)
        return self.compare(left, _COMPARISONS[type(node)], right)

    def compare(self, left: Term, operator: str, right: Term) -> Term:
        """Return a comparison. Raises UntranslatableError."""
        return compare(left, operator, right)

    def _logic(self, node: exp.Expr, word: str) -> Term:
        sides = (write_condition(self.translate(side)) for side in (node.this, node.expression))
        return condition(f" {word} ".join(sides))

    def _negative(self, node: exp.Neg) -> Term:
        if not isinstance(node.this, _SIMPLE):
            raise UntranslatableError("depends on what binds first: put it in parentheses")
        if isinstance(node.this, exp.Literal) and not node.this.is_string:
            return constant_number(f"-{node.this.name}")
        term = write_number(self.translate(node.this))
        return Term(sql=f"(- {term.sql})", kind=term.kind, alone=term.alone)

    def _is(self, node: exp.Is) -> Term:
        if isinstance(node.this, _RANGES):
            raise UntranslatableError("depends on what binds first: put it in parentheses")
        term = self.translate(node.this)
        if isinstance(node.expression, exp.Null):
            return condition(f"{term.sql} IS NULL")
        if isinstance(node.expression, exp.Boolean):
            return condition(f"{write_condition(term)} IS {'TRUE' if node.expression.this else 'FALSE'}")
        raise UntranslatableError("uses IS")

    def _in(self, node: exp.In) -> Term:
        if not node.expressions:
            raise UntranslatableError("looks in an empty list")
        if isinstance(node.this, _RANGES):
            raise UntranslatableError("depends on what binds first: put it in parentheses")
        term = self.translate(node.this)
        if term.kind == "null":
            raise UntranslatableError("looks for NULL in a list")
        # On the right of IN, columns have neither affinity nor collation (https://sqlite.org/lang_expr.html, 10).
        listed = [replace(self.translate(one), affinity=None, collation=None) for one in node.expressions]
        pairs = [(term.sql, "NULL") if one.kind == "null" else pair(term, one, is_ordered=False) for one in listed]
        if len({left for left, _ in pairs}) > 1:
            raise UntranslatableError("compares one value with several kinds")
        return condition(f"{pairs[0][0]} IN ({', '.join(right for _, right in pairs)})")

    def _between(self, node: exp.Between) -> Term:
        if isinstance(node.this, _RANGES):
            raise UntranslatableError("depends on what binds first: put it in parentheses")
        term, low, high = (self.translate(one) for one in (node.this, node.args["low"], node.args["high"]))
        return condition(f"{self.compare(term, '>=', low).sql} AND {self.compare(term, '<=', high).sql}")

    def _like(self, node: exp.Like) -> Term:
        return self._match(node, "")

    def _escape(self, node: exp.Escape) -> Term:
        if not isinstance(node.this, exp.Like) or not node.expression.is_string:
            raise UntranslatableError("uses ESCAPE")
        return self._match(node.this, node.expression.name)

    def _match(self, node: exp.Like, escape: str) -> Term:
        refuse_unread(node, {*_READ, "negate"})
        found = match_like(*self._operands(node, _RANGES), escape=escape)
        return condition(f"NOT {found.sql}") if node.args.get("negate") else found

    def _collate(self, node: exp.Collate) -> Term:
        if not isinstance(node.this, _SIMPLE):
            raise UntranslatableError("depends on what binds first: put it in parentheses")
        return replace(self.translate(node.this), collation=node.expression.name.upper(), is_said=True)

    def _concatenate(self, node: exp.DPipe) -> Term:
        apart: tuple[type[exp.Expr], ...] = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, *_BITS, *_RANGES, exp.Collate)
        terms = self._operands(node, apart)
        for term in terms:
            if term.kind not in {"text", "int"}:
                raise UntranslatableError("joins what is no text")
        written = (term.sql if term.kind == "text" else f"{term.sql}::text" for term in terms)
        return Term(sql=f"({' || '.join(written)})", kind="text", alone="text")

    def _reckon(self, node: exp.Expr) -> Term:
        left, right = (write_number(term) for term in self._operands(node, (*_RANGES, exp.DPipe, *_BITS)))
        return _reckon(left, _SUMS[type(node)], right)

    def _divide(self, node: exp.Expr) -> Term:
        left, right = (write_number(term) for term in self._operands(node, (*_RANGES, exp.DPipe, *_BITS)))
        sign = "/" if isinstance(node, exp.Div) else "%"
        if sign == "%" and {left.kind, right.kind} != {"int"}:
            raise UntranslatableError("takes the rest of what is no whole number")
        return _reckon(left, sign, replace(right, sql=f"NULLIF({right.sql}, 0)"))

    def _bits(self, node: exp.Expr) -> Term:
        apart = (*_RANGES, exp.DPipe, *(kind for kind in _BITS if kind is not type(node)), exp.Collate)
        left, right = (write_number(term) for term in self._operands(node, apart))
        if {left.kind, right.kind} != {"int"}:
            raise UntranslatableError("takes the bits of what is no whole number")
        return Term(sql=f"({left.sql} {_BITS[type(node)]} {right.sql})", kind="int", alone="integer")

    def _case(self, node: exp.Case) -> Term:
        base = self.translate(node.this) if node.this is not None else None
        whens, thens = [], []
        for one in node.args["ifs"]:
            asked = self.translate(one.this)
            whens.append(write_condition(asked) if base is None else self.compare(base, "=", asked).sql)
            thens.append(self.translate(one.args["true"]))
        default = node.args.get("default")
        otherwise = [self.translate(default)] if default is not None else []
        return _write_case(whens, unify([*thens, *otherwise]))

    def _if(self, node: exp.If) -> Term:
        default = node.args.get("false")
        terms = [self.translate(node.args["true"]), *([self.translate(default)] if default is not None else [])]
        return _write_case([write_condition(self.translate(node.this))], unify(terms))


def refuse_unread(node: exp.Expr, known: set[str]) -> None:
    """Raise UntranslatableError where the parser says more of a node than is ``known``."""
    said = {name for name, value in node.args.items() if value not in (None, False, [])}
    if said - known:
        raise UntranslatableError(f"uses {name_node(node)} in another form ({', '.join(sorted(said - known))})")


def _write_case(whens: Sequence[str], terms: Sequence[Term]) -> Term:
    written = " ".join(f"WHEN {when} THEN {term.sql}" for when, term in zip(whens, terms, strict=False))
    otherwise = f" ELSE {terms[-1].sql}" if len(terms) > len(whens) else ""
    return Term(sql=f"(CASE {written}{otherwise} END)", kind=terms[0].kind, alone=terms[0].alone)


def _reckon(left: Term, sign: str, right: Term) -> Term:
    kind = "real" if "real" in {left.kind, right.kind} else "int"
    if "numeric" in {left.kind, right.kind}:
        raise UntranslatableError("reckons with decimals, which SQLite rounds to doubles")
    one, two = (f"{term.sql}::{'double precision' if kind == 'real' else 'bigint'}" for term in (left, right))
    return Term(sql=f"({one} {sign} {two})", kind=kind, alone="real" if kind == "real" else "integer")


def name_node(node: exp.Expr) -> str:
    """Return what people call an operator or a function."""
    if isinstance(node, exp.JSONExtract | exp.JSONExtractScalar):
        return "json_extract()"
    return f"{node.sql_name().lower()}()" if isinstance(node, exp.Func) else node.key.upper()
