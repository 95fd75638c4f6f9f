"""The errors of keys: each with an exit code of the table, raised without what a library said."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from strongroom.core.errors import StrongroomError
from strongroom.keys import errors

TREE = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, StrongroomError) and found.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", TREE)
def test_an_error_says_in_its_docstring_what_is_the_case_and_has_its_exit_code(error: type[StrongroomError]) -> None:
    assert error.__name__.endswith("Error")
    assert (error.__doc__ or "").endswith(".")
    assert error.exit_code in (2, 5, 6, 12)


def test_there_are_as_many_as_there_are_things_to_do() -> None:
    assert 10 <= len(TREE) <= 15


def test_no_error_of_a_library_hangs_on_one_of_ours(repository: Path) -> None:
    """Their texts and attributes may hold tokens and keys; ``from error`` is for the file system only."""
    chained = [
        f"{path.name}:{node.lineno}"
        for path in sorted((repository / "scripts" / "strongroom" / "keys").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.cause, ast.Name)
        if "explain_os_error" not in ast.unparse(node)
    ]
    assert chained == []
