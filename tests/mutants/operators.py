"""Faults in Python: every place of a module where an operator of ours can change its syntax tree.

Docstrings, annotations, decorators, imports and what errors say are left alone: nothing that is built depends
on them. Strings that look like SQL go to ``sql_operators``, parts of f-strings too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.mutants.sql_operators import change_sql, looks_like_sql

_HOLE = 0xE000
"""Stands, in Unicode's private area, for the first value that an f-string takes in; the next one for the second."""
_SHOWN = 60

_COMPARISONS: dict[type[ast.cmpop], tuple[tuple[str, type[ast.cmpop]], ...]] = {
    ast.Eq: (("comparison", ast.NotEq),),
    ast.NotEq: (("comparison", ast.Eq),),
    ast.Lt: (("boundary", ast.LtE), ("comparison", ast.Gt)),
    ast.LtE: (("boundary", ast.Lt), ("comparison", ast.GtE)),
    ast.Gt: (("boundary", ast.GtE), ("comparison", ast.Lt)),
    ast.GtE: (("boundary", ast.Gt), ("comparison", ast.LtE)),
    ast.Is: (("IS/IS NOT", ast.IsNot),),
    ast.IsNot: (("IS/IS NOT", ast.Is),),
    ast.In: (("comparison", ast.NotIn),),
    ast.NotIn: (("comparison", ast.In),),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Edit:
    """One fault that can be put into the tree in which it was found."""

    place: str
    """The function, with its class."""
    operator: str
    before: str
    after: str
    lines: tuple[int, int] | None
    """Of the statement: unless one of them is run, the fault changes nothing. None for what importing runs."""
    apply: Callable[[], None]


def list_edits(tree: ast.Module) -> list[Edit]:
    """Return every fault that can be put into a module, always in the same order."""
    finder = _Finder()
    finder.visit(tree)
    return finder.edits


class _Finder(ast.NodeVisitor):
    def __init__(self) -> None:
        self.edits: list[Edit] = []
        self._names: list[str] = []
        self._lines: tuple[int, int] | None = None

    def _add(self, operator: str, before: str, after: str, apply: Callable[[], None]) -> None:
        place = ".".join(self._names) or "module"
        self.edits.append(Edit(place, operator, _cut(before), _cut(after), self._lines, apply))

    def _set(self, operator: str, shown: ast.AST, node: ast.AST, field: str, new: object) -> None:
        """Note that ``field`` of ``node`` can become ``new``; show what that makes of ``shown``."""
        before, old = ast.unparse(shown), getattr(node, field)
        setattr(node, field, new)
        after = ast.unparse(ast.fix_missing_locations(shown))
        setattr(node, field, old)
        self._add(operator, before, after, lambda: setattr(node, field, new))

    # What holds statements.

    def visit_Module(self, node: ast.Module) -> None:
        self._visit_body(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._names.append(node.name)
        self._visit_body(node.body)
        self._names.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._names.append(node.name)
        outside = self._lines
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        self._lines = (0, 0)
        self._visit_body(node.body)
        self._lines = outside
        self._names.pop()

    def _visit_body(self, body: list[ast.stmt]) -> None:
        is_inside = self._lines is not None
        for place, statement in enumerate(body):
            self._lines = _find_lines(statement) if is_inside else None
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            if _can_be_dropped(statement):
                self._add("dropped statement", ast.unparse(statement), "", _setter(body, place, ast.Pass()))
            if not isinstance(statement, ast.Raise | ast.Import | ast.ImportFrom):
                self.visit(statement)

    def generic_visit(self, node: ast.AST) -> None:
        for field, value in ast.iter_fields(node):
            if field in ("body", "orelse", "finalbody") and isinstance(value, list):
                self._visit_body(value)
            elif field in ("annotation", "returns", "type", "format_spec"):
                continue
            else:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        self.visit(child)

    # Decisions.

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self._decide(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._decide(node)

    def _decide(self, node: ast.If | ast.IfExp) -> None:
        before = f"if {ast.unparse(node.test)}"
        for value in (True, False):
            if value or node.orelse:  # without the other branch, never is a dropped statement
                self._add("dropped predicate", before, f"if {value}", _attribute(node, "test", ast.Constant(value)))
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for place, test in enumerate(node.ifs):
            self._add("dropped predicate", f"if {ast.unparse(test)}", "", _setter(node.ifs, place, ast.Constant(True)))
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for place, operation in enumerate(node.ops):
            for operator, other in _COMPARISONS[type(operation)]:
                self._set(operator, node, node, "ops", [*node.ops[:place], other(), *node.ops[place + 1 :]])
        for constant in _list_words(node):
            self._set("constant", node, constant, "value", f"{constant.value!s}~")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        is_and = isinstance(node.op, ast.And)
        self._set("AND/OR", node, node, "op", ast.Or() if is_and else ast.And())
        for place in range(len(node.values)):
            rest = [*node.values[:place], ast.Constant(is_and), *node.values[place + 1 :]]
            self._set("dropped predicate", node, node, "values", rest)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._set("dropped predicate", node, node, "operand", ast.UnaryOp(ast.Not(), node.operand))
        elif isinstance(node.op, ast.USub):
            self._set("arithmetic", node, node, "op", ast.UAdd())
        self.generic_visit(node)

    # Values.

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "isinstance":
            return
        if name in _TWINS:
            self._set("MIN/MAX", node, node.func, "id", _TWINS[name])
        for place in range(len(node.args) - 1):
            one, two = node.args[place : place + 2]
            if _can_be_swapped(one, two):
                swapped = [*node.args[:place], two, one, *node.args[place + 2 :]]
                self._set("swapped argument", node, node, "args", swapped)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        other = _ARITHMETIC.get(type(node.op))
        if other is not None and not any(_is_text(side) for side in (node.left, node.right)):
            self._set("arithmetic", node, node, "op", other())
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._add("constant", repr(value), repr(not value), _attribute(node, "value", not value))
        elif isinstance(value, int):
            self._add("constant", repr(value), repr(value + 1), _attribute(node, "value", value + 1))
        elif isinstance(value, str) and looks_like_sql(value):
            for change in change_sql(value):
                self._add(change.operator, change.before, change.after, _attribute(node, "value", change.text))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        holes = [part for part in node.values if isinstance(part, ast.FormattedValue)]
        numbers = iter(range(_HOLE, _HOLE + len(holes)))
        text = "".join(
            str(part.value) if isinstance(part, ast.Constant) else chr(next(numbers)) for part in node.values
        )
        if looks_like_sql(text):
            for change in change_sql(text):
                before, after = (_show_holes(part, holes) for part in (change.before, change.after))
                self._add(change.operator, before, after, _attribute(node, "values", _fill(change.text, holes)))
        for hole in holes:
            self.visit(hole.value)


def _find_lines(statement: ast.stmt) -> tuple[int, int]:
    """Return the first and the last line of a statement, without those that stand in it."""
    inner = getattr(statement, "body", None)
    end = inner[0].lineno - 1 if isinstance(inner, list) and inner else statement.end_lineno or statement.lineno
    return statement.lineno, max(end, statement.lineno)


def _can_be_dropped(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call)
    if isinstance(statement, ast.Assign):
        return isinstance(statement.targets[0], ast.Subscript | ast.Attribute)
    if isinstance(statement, ast.If):
        return not statement.orelse
    return isinstance(statement, ast.AugAssign | ast.Raise | ast.Continue | ast.Delete | ast.For)


def _can_be_swapped(one: ast.expr, two: ast.expr) -> bool:
    """Leave out what always ends in a traceback."""
    if any(
        isinstance(side, ast.Starred) or (isinstance(side, ast.Name) and side.id == "connection") for side in (one, two)
    ):
        return False
    return ast.dump(one) != ast.dump(two)


def _list_words(node: ast.Compare) -> Iterator[ast.Constant]:
    """Return the texts that a comparison compares with, in a tuple too."""
    for side in (node.left, *node.comparators):
        for part in side.elts if isinstance(side, ast.Tuple) else (side,):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
                yield part


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _fill(text: str, holes: list[ast.FormattedValue]) -> list[ast.expr]:
    """Part a text with holes into the values of an f-string."""
    values: list[ast.expr] = []
    for character in text:
        number = ord(character) - _HOLE
        if 0 <= number < len(holes):
            values.append(holes[number])
        elif values and isinstance(values[-1], ast.Constant):
            values[-1] = ast.Constant(str(values[-1].value) + character)
        else:
            values.append(ast.Constant(character))
    return values


def _show_holes(text: str, holes: list[ast.FormattedValue]) -> str:
    for number, hole in enumerate(holes):
        text = text.replace(chr(_HOLE + number), f"{{{ast.unparse(hole.value)}}}")
    return text


def _attribute(node: ast.AST, field: str, new: object) -> Callable[[], None]:
    return lambda: setattr(node, field, new)


def _setter(items: list, place: int, new: ast.AST) -> Callable[[], None]:  # type: ignore[type-arg]
    return lambda: items.__setitem__(place, new)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
