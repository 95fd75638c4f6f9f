"""Views, each after those that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from strongroom.core.quoting import fold, literal, quote, quote_all
from strongroom.load.draft.model import Drafted
from strongroom.load.draft.parsing import refuse_lone_plus
from strongroom.load.draft.queries import Named, QueryWriter
from strongroom.load.draft.tables import Shape
from strongroom.load.draft.terms import UntranslatableError
from strongroom.sqlite.connection import Connection


def create_views(
    connection: Connection, views: Mapping[str, str], shapes: Mapping[str, Shape], told: list[str]
) -> Iterator[Drafted]:
    """Yield views; ``told`` gains those that do not come along, and in what others differ.

    ``shapes`` are the tables by folded name.
    """
    desk = _ViewDesk(connection, views, shapes)
    for view in views:
        desk.draft(view)
    for name, drafted in desk.drafted.items():
        if isinstance(drafted, str):
            told.append(f"{desk.spelled[name]}: the view does not come along: it {drafted}")
    told.extend(desk.remarks)
    yield from desk.statements


class _ViewDesk:
    """Drafts views on demand: one that is read is drafted before its reader."""

    def __init__(self, connection: Connection, views: Mapping[str, str], shapes: Mapping[str, Shape]) -> None:
        self._connection = connection
        self._views = {fold(name): sql for name, sql in views.items()}
        self._shapes = shapes
        self.spelled = {fold(name): name for name in views}
        self.drafted: dict[str, tuple[Named, ...] | str] = {}
        """By folded name: the columns, or why a view does not come along."""
        self.remarks: list[str] = []
        self.statements: list[Drafted] = []

    def draft(self, view: str) -> tuple[Named, ...] | str:
        """Draft a view unless it is drafted, and return its columns, or what stands in the way."""
        name = fold(view)
        if name not in self.drafted:
            self.drafted[name] = "reads itself"
            try:
                self.drafted[name] = self._write(self.spelled[name])
            except UntranslatableError as error:
                self.drafted[name] = str(error)
        return self.drafted[name]

    def _write(self, view: str) -> tuple[Named, ...]:
        names = self._read_names(view)
        writer = QueryWriter(self._find_relation)
        query = writer.write(_parse_view(self._views[fold(view)]))
        if len(names) != len(query.columns):
            raise UntranslatableError("has other columns when it is translated")
        self.statements.append(
            Drafted(
                statement=f"CREATE VIEW {quote(view)} ({quote_all(names)}) AS {query.sql}",
                subject=f"view {view}",
                is_optional=True,
            )
        )
        self.remarks.extend(f"{view}: the view {remark}" for remark in sorted(writer.remarks))
        return tuple((name, term) for name, (_, term) in zip(names, query.columns, strict=True))

    def _read_names(self, view: str) -> list[str]:
        """Return the names that SQLite gives to a view's columns."""
        try:
            return [str(row[1]) for row in self._connection.execute(f"PRAGMA table_info({literal(view)})").fetchall()]
        except self._connection.Error as error:
            raise UntranslatableError(f"cannot be read in SQLite either: {error}") from error

    def _find_relation(self, name: str) -> tuple[Named, ...]:
        shape = self._shapes.get(fold(name))
        if shape is not None:
            columns = [(one.column.name, shape.find_column("", one.column.name)) for one in shape.chosen]
            return tuple((name, term) for name, term in columns if term is not None)
        if fold(name) not in self._views:
            raise UntranslatableError(f"reads {name}, which is not loaded")
        found = self.draft(name)
        if isinstance(found, str):
            raise UntranslatableError(f"reads the view {name}, which does not come along")
        return found


def _parse_view(sql: str) -> exp.Expr:
    refuse_lone_plus(sql)
    try:
        found = sqlglot.parse_one(sql, read="sqlite")
    except (SqlglotError, RecursionError) as error:
        raise UntranslatableError("cannot be parsed") from error
    if not isinstance(found, exp.Create) or not isinstance(found.expression, exp.Expr):
        raise UntranslatableError("cannot be parsed")
    return found.expression
