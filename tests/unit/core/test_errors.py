"""The error tree: exit codes are an API, so each stands in the README's table."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from strongroom.core import errors
from strongroom.core.errors import GuardError, StrongroomError, UsageError

TREE = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, StrongroomError)]


@pytest.fixture(scope="module")
def documented(repository: Path) -> set[int]:
    """The codes in the README's table: rows such as ``| 6 | …`` and ``| 130, 143 | …``."""
    rows = re.findall(r"^\| *`?([\d, ]+)`? *\|", (repository / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {int(code) for row in rows for code in row.split(",")}


@pytest.mark.parametrize("error", TREE)
def test_an_exit_code_stands_in_the_readme(error: type[StrongroomError], documented: set[int]) -> None:
    assert error.exit_code in documented


@pytest.mark.parametrize("error", TREE)
def test_an_error_says_in_its_docstring_what_is_the_case(error: type[StrongroomError]) -> None:
    assert error.__name__.endswith("Error")
    assert (error.__doc__ or "").partition("\n")[0].endswith("."), error


@pytest.mark.parametrize("error", TREE)
def test_an_error_names_a_subject_and_a_fact(error: type[StrongroomError]) -> None:
    raised = error(Path("core.db"), "is there already", "use --replace")
    assert (raised.subject, raised.fact, raised.hint) == ("core.db", "is there already", "use --replace")
    assert str(raised) == "core.db: is there already"


def test_a_leaf_keeps_the_exit_code_of_its_branch() -> None:
    assert {found.exit_code for found in TREE if issubclass(found, GuardError)} == {6}
    assert UsageError.exit_code == 2


def test_the_tree_grows_in_one_file_only(repository: Path) -> None:
    names = {found.__name__ for found in TREE}
    strays = [
        f"{path.name}: {node.name}"
        for path in sorted((repository / "scripts" / "strongroom").rglob("*.py"))
        if path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and names & {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in node.bases}
    ]
    assert strays == []
