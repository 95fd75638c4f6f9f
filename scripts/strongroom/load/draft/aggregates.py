"""Expressions inside of queries: aggregates and subqueries, beside what every expression may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sqlglot import exp

from strongroom.load.draft.comparing import pair
from strongroom.load.draft.expressions import Translator, refuse_unread
from strongroom.load.draft.terms import NUMBERS, Scope, Term, UntranslatableError, condition, write_number

_TIMES = "compares times as such, where SQLite compares their texts"


class Columns(Protocol):
    """A query that was translated."""

    @property
    def sql(self) -> str:
        """Return its SQL."""

    @property
    def columns(self) -> tuple[tuple[str, Term], ...]:
        """Return the names and expressions that it gives."""


class QueryTranslator(Translator):
    """Translates expressions of a query; ``remarks`` gains what is worth telling."""

    def __init__(self, scope: Scope, write_query: Callable[[exp.Expr, Scope], Columns], remarks: set[str]) -> None:
        """Look columns up in ``scope``, and translate subqueries with ``write_query``."""
        super().__init__(scope)
        self._sources = scope
        self._write_query = write_query
        self._remarks = remarks

    def find_rule(self, node: exp.Expr) -> Callable[[Any], Term] | None:
        """Return what translates a node, if anything does."""
        rules: dict[type[exp.Expr], Callable[[Any], Term]] = {
            exp.Avg: self._average,
            exp.Count: self._count,
            exp.Exists: self._exists,
            exp.GroupConcat: self._join_texts,
            exp.Max: lambda one: self._extreme(one, "max"),
            exp.Min: lambda one: self._extreme(one, "min"),
            exp.Subquery: self._subquery,
            exp.Sum: self._sum,
        }
        if isinstance(node, exp.In) and node.args.get("query") is not None:
            return None
        if isinstance(node, exp.Anonymous) and str(node.this).lower() == "total":
            return self._total
        return rules.get(type(node)) or super().find_rule(node)

    def translate(self, node: exp.Expr) -> Term:
        """Return what an expression is in PostgreSQL. Raises UntranslatableError."""
        if isinstance(node, exp.In) and node.args.get("query") is not None:
            return self._in_query(node)
        if isinstance(node, exp.Count):
            refuse_unread(node, {"this", "expressions", "big_int"})
            return self._count(node)
        if isinstance(node, exp.GroupConcat):
            refuse_unread(node, {"this", "separator"})
            return self._join_texts(node)
        return super().translate(node)

    def compare(self, left: Term, operator: str, right: Term) -> Term:
        """Return a comparison; two times are compared as such."""
        if left.kind == right.kind == "time":
            self._remarks.add(_TIMES)
            return condition(f"{left.sql} {operator} {right.sql}")
        return super().compare(left, operator, right)

    def _argument(self, node: exp.Expr) -> tuple[str, Term]:
        """Return ``DISTINCT`` and what is aggregated."""
        if isinstance(node, exp.Distinct):
            if len(node.expressions) != 1:
                raise UntranslatableError("uses DISTINCT of several values")
            term = self.translate(node.expressions[0])
            refuse_collation(term)
            return "DISTINCT ", term
        return "", self.translate(node)

    def _count(self, node: exp.Count) -> Term:
        if isinstance(node.this, exp.Star):
            return Term(sql="count(*)", kind="int", alone="integer")
        distinct, term = self._argument(node.this)
        return Term(sql=f"count({distinct}{term.sql})", kind="int", alone="integer")

    def _number(self, node: exp.Expr) -> tuple[str, Term]:
        distinct, term = self._argument(node)
        return distinct, write_number(term)

    def _sum(self, node: exp.Sum) -> Term:
        distinct, term = self._number(node.this)
        cast = "::bigint" if term.kind == "int" else ""
        return Term(sql=f"sum({distinct}{term.sql}){cast}", kind=term.kind)

    def _average(self, node: exp.Avg) -> Term:
        distinct, term = self._number(node.this)
        return Term(sql=f"avg({distinct}{term.sql}::double precision)", kind="real", alone="real")

    def _total(self, node: exp.Anonymous) -> Term:
        if len(node.expressions) != 1:
            raise UntranslatableError("uses total() in another form")
        distinct, term = self._number(node.expressions[0])
        return Term(sql=f"COALESCE(sum({distinct}{term.sql}::double precision), 0)", kind="real", alone="real")

    def _extreme(self, node: exp.Expr, name: str) -> Term:
        term = self.translate(node.this)
        if term.kind == "boolean":
            term = write_number(term)
        if term.kind == "text":
            refuse_collation(term)
            return Term(sql=f'{name}({term.sql} COLLATE "C")', kind="text", alone="text")
        if term.kind == "time":
            self._remarks.add(_TIMES)
        elif term.kind not in {*NUMBERS, "date"}:
            raise UntranslatableError(f"uses {name}() of what has no such order")
        return Term(sql=f"{name}({term.sql})", kind=term.kind, alone=term.alone)

    def _join_texts(self, node: exp.GroupConcat) -> Term:
        distinct, term = self._argument(node.this)
        separator = node.args.get("separator")
        if term.kind not in {"text", "int"} or not (separator is None or (isinstance(separator, exp.Literal))):
            raise UntranslatableError("uses group_concat() of what is no text")
        between = self.translate(separator).sql if separator is not None else "','"
        return Term(sql=f"string_agg({distinct}{term.sql}::text, {between})", kind="text", alone="text")

    def _exists(self, node: exp.Exists) -> Term:
        return condition(f"EXISTS ({self._write_query(node.this, self._sources).sql})")

    def _subquery(self, node: exp.Subquery) -> Term:
        query = self._write_query(node.this, self._sources)
        if len(query.columns) != 1 or not _has_one_row(node.this):
            raise UntranslatableError("takes the first of several rows")
        ((_, term),) = query.columns
        return Term(sql=f"({query.sql})", kind=term.kind, alone=term.alone)

    def _in_query(self, node: exp.In) -> Term:
        query = self._write_query(node.args["query"].this, self._sources)
        if len(query.columns) != 1:
            raise UntranslatableError("looks for a value in several columns")
        ((_, listed),) = query.columns
        value = self.translate(node.this)
        for term in (value, listed):
            refuse_collation(term)
        left, right = pair(value, listed, is_ordered=False)
        if (left, right) != (value.sql, listed.sql):
            raise UntranslatableError("looks for a value among others of another kind")
        return condition(f"{value.sql} IN ({query.sql})")


def refuse_collation(term: Term) -> None:
    """Raise UntranslatableError for a text that SQLite compares by a collation of its own."""
    if term.kind == "text" and term.collation not in {None, "BINARY"}:
        raise UntranslatableError(f"compares by the collation {term.collation}")


def _has_one_row(query: exp.Expr) -> bool:
    """Tell whether a subquery has one row at most: an aggregate without groups, or LIMIT 1."""
    limit = query.args.get("limit")
    if limit is not None:
        return str(limit.expression) == "1"
    alone = isinstance(query, exp.Select) and query.args.get("group") is None and len(query.expressions) == 1
    return alone and query.expressions[0].unalias().find(exp.AggFunc) is not None
