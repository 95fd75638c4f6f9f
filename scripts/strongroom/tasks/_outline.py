"""What every task is called and does, read from the sources: the list imports none of what the tasks need."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from strongroom.tasks.namespace import MODULES

_HERE = Path(__file__).parent
_PACKAGE = "strongroom.tasks."


def read_outline() -> Mapping[str, str]:
    """Return the first line of each task's text by its dotted name, in the order of the list. Read-only."""
    found = {}
    for module in MODULES:
        for function in _list_tasks(module):
            place, text = _find(module, function)
            name = _name(place)
            found[f"{module}.{name}" if function != module else name] = text.partition("\n")[0]
    return found


@cache
def _read(module: str) -> ast.Module:
    return ast.parse((_HERE / f"{module}.py").read_text("utf-8"))


def _list_tasks(module: str) -> Iterator[str]:
    """Yield the functions of a module's namespace; without one the function of its name."""
    for node in _read(module).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _is_named(node, "namespace"):
            yield from (argument.id for argument in node.value.args if isinstance(argument, ast.Name))
            return
    yield module


def _is_named(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _find(module: str, function: str) -> tuple[ast.FunctionDef, str]:
    """Return a task and its text, wherever a module has it from."""
    for node in _read(module).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return node, ast.get_docstring(node) or ""
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
            for alias in node.names:
                if (alias.asname or alias.name) == function:
                    return _find(str(node.module).removeprefix(_PACKAGE), alias.name)
    raise LookupError(f"{module}.{function}")


def _name(function: ast.FunctionDef) -> str:
    """Return what a task is typed as: what its decorator says, else its function's name."""
    for decorator in function.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return function.name.replace("_", "-")
