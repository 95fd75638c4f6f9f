"""Queries of SQLite in PostgreSQL's SQL, as far as they mean the same there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from strongroom.core.quoting import dotted, fold, quote
from strongroom.load.draft.aggregates import QueryTranslator, refuse_collation
from strongroom.load.draft.expressions import refuse_unread
from strongroom.load.draft.terms import Scope, Term, UntranslatableError, write_condition, write_number

Named = tuple[str, Term]
_UNNAMED = "?column?"
"""How columns begin that SQLite names by their text."""
_SELECT = {"expressions", "distinct", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "with_"}
_SET_WORDS: dict[type[exp.Expr], str] = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query that was translated."""

    sql: str
    columns: tuple[Named, ...]
    """What it gives: names, and expressions without their tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Something in FROM under a name."""

    alias: str
    columns: tuple[Named, ...]
    joined: frozenset[str] = frozenset()
    """Columns (folded) that USING made one with those of the left side."""

    def find(self, name: str) -> Term | None:
        """Return a column."""
        return next((term for known, term in self.columns if fold(known) == fold(name)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a query's expressions see (``Scope``)."""

    relations: tuple[Relation, ...]
    outer: Scope | None = None
    aliases: Mapping[str, Term] = field(default_factory=dict)
    """The query's own columns by folded name, which ORDER BY looks at first, and others last."""

    def find_column(self, table: str, name: str) -> Term | None:
        """Return a column. Raises UntranslatableError where several have the name."""
        seen = [one for one in self.relations if not table or fold(one.alias) == fold(table)]
        found = [one.find(name) for one in seen if table or fold(name) not in one.joined]
        terms = [term for term in found if term is not None]
        if len(terms) > 1:
            raise UntranslatableError(f"reads {name}, which several tables have")
        if terms:
            return terms[0]
        if not table and fold(name) in self.aliases:
            return self.aliases[fold(name)]
        if any(known.startswith(_UNNAMED) for one in self.relations for known, _ in one.columns):
            raise UntranslatableError(f"reads {name}, which may be the text of an expression")
        return self.outer.find_column(table, name) if self.outer is not None else None


class QueryWriter:
    """Translates queries over the relations that ``find_relation`` knows."""

    def __init__(self, find_relation: Callable[[str], tuple[Named, ...]]) -> None:
        """Ask ``find_relation`` for the columns of a table or view; it raises UntranslatableError."""
        self._find_relation = find_relation
        self._common: dict[str, tuple[Named, ...]] = {}
        self.remarks: set[str] = set()

    def write(self, node: exp.Expr, outer: Scope | None = None) -> Query:
        """Translate a query. Raises UntranslatableError."""
        before = dict(self._common)
        try:
            common = self._write_common(node.args.get("with_"))
            query = self._write_set(node, outer) if type(node) in _SET_WORDS else self._write_select(node, outer)
        finally:
            self._common = before
        return replace(query, sql=f"{common}{query.sql}")

    def _write_common(self, node: exp.Expr | None) -> str:
        if node is None:
            return ""
        refuse_unread(node, {"expressions"})
        written = []
        for one in node.expressions:
            refuse_unread(one, {"this", "alias"})
            query = self.write(one.this)
            columns = _rename(query.columns, one.args["alias"])
            self._common[fold(one.alias)] = columns
            written.append(f"{quote(one.alias)} ({', '.join(quote(name) for name, _ in columns)}) AS ({query.sql})")
        return f"WITH {', '.join(written)} "

    def _write_set(self, node: exp.Expr, outer: Scope | None) -> Query:
        refuse_unread(node, {"this", "expression", "distinct", "order", "limit", "offset", "with_"})
        left, right = (self.write(one, outer) for one in (node.this, node.expression))
        if len(left.columns) != len(right.columns):
            raise UntranslatableError("joins queries of different columns")
        for (_, one), (_, two) in zip(left.columns, right.columns, strict=True):
            if one.kind != two.kind and "null" not in {one.kind, two.kind}:
                raise UntranslatableError("joins columns of several kinds")
            refuse_collation(one)
            refuse_collation(two)
        word = f"{_SET_WORDS[type(node)]}{'' if node.args.get('distinct') else ' ALL'}"
        columns = {fold(name): replace(term, sql=quote(name)) for name, term in left.columns}
        scope = Sources(relations=(), aliases=columns)
        tail = self._write_tail(node, scope, len(left.columns))
        sql = f"{_inner(left, node.this)} {word} {_inner(right, node.expression)}{tail}"
        pairs = zip(left.columns, right.columns, strict=True)
        return Query(
            sql=sql, columns=tuple((name, two if one.kind == "null" else one) for (name, one), (_, two) in pairs)
        )

    def _write_select(self, node: exp.Expr, outer: Scope | None) -> Query:
        if not isinstance(node, exp.Select):
            raise UntranslatableError(f"uses {node.key.upper()}")
        refuse_unread(node, _SELECT)
        written, scope = self._write_from(node, outer)
        columns = self._write_columns(node, scope)
        aliases = {fold(name): term for name, term in columns}
        scope = replace(scope, aliases=aliases)
        where = self._write_truth(node.args.get("where"), "WHERE", scope)
        group = self._write_group(node.args.get("group"), scope, columns)
        having = self._write_truth(node.args.get("having"), "HAVING", scope)
        tail = self._write_tail(node, scope, len(columns))
        listed = ", ".join(f"{term.sql} AS {quote(name)}" for name, term in columns)
        distinct = self._write_distinct(node, columns)
        sql = f"SELECT {distinct}{listed}{written}{where}{group}{having}{tail}"
        return Query(sql=sql, columns=tuple((name, replace(term, cast="")) for name, term in columns))

    def _translator(self, scope: Scope) -> QueryTranslator:
        return QueryTranslator(scope, self.write, self.remarks)

    def _write_distinct(self, node: exp.Expr, columns: Sequence[Named]) -> str:
        if node.args.get("distinct") is None:
            return ""
        for _, term in columns:
            refuse_collation(term)
        return "DISTINCT "

    def _write_columns(self, node: exp.Expr, scope: Sources) -> list[Named]:
        found: list[Named] = []
        for number, one in enumerate(node.expressions, start=1):
            if isinstance(one, exp.Star) or (isinstance(one, exp.Column) and isinstance(one.this, exp.Star)):
                found += _expand_star(one, scope)
                continue
            term = self._translator(scope).translate(one.unalias())
            if term.kind == "boolean" and term.affinity is None:
                term = write_number(term)
            name = one.alias or (one.name if isinstance(one, exp.Column) else f"{_UNNAMED}{number}")
            found.append((name, term))
        return found

    def _write_truth(self, node: exp.Expr | None, word: str, scope: Sources) -> str:
        if node is None:
            return ""
        return f" {word} {write_condition(self._translator(scope).translate(node.this))}"

    def _write_group(self, node: exp.Expr | None, scope: Sources, columns: Sequence[Named]) -> str:
        if node is None:
            return ""
        refuse_unread(node, {"expressions"})
        terms = [self._find_place(one, columns) or self._translator(scope).translate(one) for one in node.expressions]
        for term in terms:
            refuse_collation(term)
        return f" GROUP BY {', '.join(term.sql for term in terms)}"

    def _find_place(self, node: exp.Expr, columns: Sequence[Named]) -> Term | None:
        """Return the column that a number means."""
        if not isinstance(node, exp.Literal) or node.is_string or not 0 < int(node.name) <= len(columns):
            return None
        return columns[int(node.name) - 1][1]

    def _write_tail(self, node: exp.Expr, scope: Sources, width: int) -> str:
        parts = []
        order = node.args.get("order")
        if order is not None:
            parts.append(f" ORDER BY {', '.join(self._write_order(one, scope, width) for one in order.expressions)}")
        for name in ("limit", "offset"):
            said = node.args.get(name)
            if said is not None:
                parts.append(f" {name.upper()} {_read_count(said)}")
        return "".join(parts)

    def _write_order(self, node: exp.Expr, scope: Sources, width: int) -> str:
        refuse_unread(node, {"this", "desc", "nulls_first"})
        nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
        where = f"{' DESC' if node.args.get('desc') else ''} NULLS {nulls}"
        if isinstance(node.this, exp.Literal) and not node.this.is_string and 0 < int(node.this.name) <= width:
            return f"{node.this.name}{where}"
        alias = node.this.name if isinstance(node.this, exp.Column) and not node.this.table else ""
        term = scope.aliases.get(fold(alias)) or self._translator(scope).translate(node.this)
        refuse_collation(term)
        if term.kind == "time":
            self.remarks.add("orders times as such, where SQLite orders their texts")
        collation = ' COLLATE "C"' if term.kind == "text" else ""
        return f"{term.sql}{collation}{where}"

    def _write_from(self, node: exp.Expr, outer: Scope | None) -> tuple[str, Sources]:
        first = node.args.get("from_")
        if first is None:
            return "", Sources(relations=(), outer=outer)
        written, relation = self._write_relation(first.this, outer)
        scope = Sources(relations=(relation,), outer=outer)
        for join in node.args.get("joins") or ():
            more, scope = self._write_join(join, scope, outer)
            written += more
        return f" FROM {written}", scope

    def _write_join(self, join: exp.Expr, scope: Sources, outer: Scope | None) -> tuple[str, Sources]:
        refuse_unread(join, {"this", "on", "using", "side", "kind"})
        written, relation = self._write_relation(join.this, outer)
        shared = [fold(one.name) for one in join.args.get("using") or ()]
        both = replace(scope, relations=(*scope.relations, replace(relation, joined=frozenset(shared))))
        conditions = [self._join_column(name, scope, relation) for name in shared]
        if join.args.get("on") is not None:
            conditions.append(write_condition(self._translator(both).translate(join.args["on"])))
        side = str(join.args.get("side") or "").upper()
        if side not in {"", "LEFT"}:
            raise UntranslatableError(f"joins {side}")
        if not conditions:
            return (f" LEFT JOIN {written} ON true" if side else f" CROSS JOIN {written}"), both
        return f" {side or 'INNER'} JOIN {written} ON {' AND '.join(conditions)}", both

    def _join_column(self, name: str, scope: Sources, relation: Relation) -> str:
        left, right = scope.find_column("", name), relation.find(name)
        if left is None or right is None:
            raise UntranslatableError(f"joins by {name}, which a side has not")
        return self._translator(scope).compare(left, "=", right).sql

    def _write_relation(self, node: exp.Expr, outer: Scope | None) -> tuple[str, Relation]:
        if isinstance(node, exp.Subquery):
            refuse_unread(node, {"this", "alias"})
            query = self.write(node.this, outer)
            alias = node.alias or f"q{id(node) % 10_000}"
            return f"({query.sql}) AS {quote(alias)}", _relate(alias, _rename(query.columns, node.args.get("alias")))
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise UntranslatableError("reads what is no table")
        refuse_unread(node, {"this", "alias", "db"})
        if node.db and fold(node.db) != "main":
            raise UntranslatableError(f"reads another database, {node.db}")
        columns = self._common.get(fold(node.name)) or self._find_relation(node.name)
        alias = node.alias or node.name
        return f"{quote(node.name)} AS {quote(alias)}", _relate(alias, columns)


def _relate(alias: str, columns: Sequence[Named]) -> Relation:
    seen = tuple((name, replace(term, sql=f"{dotted(alias, name)}{term.cast}")) for name, term in columns)
    return Relation(alias=alias, columns=seen)


def _rename(columns: tuple[Named, ...], alias: exp.Expr | None) -> tuple[Named, ...]:
    """Return columns under the names that an alias gives them."""
    names = [one.name for one in alias.args.get("columns") or ()] if alias is not None else []
    if not names:
        return columns
    if len(names) != len(columns):
        raise UntranslatableError("names not all of its columns")
    return tuple((name, term) for name, (_, term) in zip(names, columns, strict=True))


def _expand_star(node: exp.Expr, scope: Sources) -> list[Named]:
    table = node.table if isinstance(node, exp.Column) else ""
    seen = [one for one in scope.relations if not table or fold(one.alias) == fold(table)]
    return [(name, term) for one in seen for name, term in one.columns if table or fold(name) not in one.joined]


def _read_count(node: exp.Expr) -> str:
    refuse_unread(node, {"expression"})
    if not isinstance(node.expression, exp.Literal) or node.expression.is_string:
        raise UntranslatableError("limits by what is no literal")
    return str(node.expression.name)


def _inner(query: Query, node: exp.Expr) -> str:
    """Return a part of a compound query; SQLite reads these from the left."""
    return f"({query.sql})" if type(node) in _SET_WORDS else query.sql
