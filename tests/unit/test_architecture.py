"""The map of the architecture is the territory: its picture, its packages, its files and its tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.unit.test_layers import find_imports, read_sources

LEFT_OUT = {"core", "report", "tasks"}
"""Whose arrows the picture does not draw, as its text says: from and to them."""


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / ".github" / "ARCHITECTURE.md").read_text("utf-8")


def read_picture(page: str) -> str:
    return page.split("```mermaid\n")[1].split("```", maxsplit=1)[0]


def test_the_arrows_are_the_imports(page: str, repository: Path) -> None:
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)$", read_picture(page), re.MULTILINE))
    found = set()
    for name, source in read_sources(repository / "scripts" / "strongroom").items():
        package = name.partition(".")[0]
        for imported in find_imports(name, source):
            other = imported.removeprefix("strongroom.").partition(".")[0]
            if imported.startswith("strongroom.") and other != package:
                found.add((package, other))
    packages = {path.parent.name for path in (repository / "scripts" / "strongroom").glob("*/__init__.py")}
    known = packages - LEFT_OUT
    assert sorted(drawn) == sorted((one, other) for one, other in found if one in known and other in known)


def test_every_package_is_drawn_and_told(page: str, repository: Path) -> None:
    packages = {path.parent.name for path in (repository / "scripts" / "strongroom").glob("*/__init__.py")}
    drawn = set(re.findall(r"^ {2,4}(\w+)$", read_picture(page), re.MULTILINE)) - {"end"}
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", page, re.MULTILINE)
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert (drawn, sorted(told)) == (packages, sorted(packages))


def list_promises(page: str) -> list[tuple[str, str, str, str]]:
    return re.findall(r"^\| ([^|`]+) \| `([\w/]+\.py)` \| `([\w/]+\.py)` `(test_\w+)` \|$", page, re.MULTILINE)


def test_every_promise_has_its_file_and_its_test(page: str, repository: Path) -> None:
    promises = list_promises(page)
    assert len(promises) == page.split("## Promises")[1].count("\n| ") - 1  # all but the head
    for promise, file, test_file, test in promises:
        assert (repository / "scripts" / "strongroom" / file).is_file(), promise
        tree = ast.parse((repository / test_file).read_text("utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, promise


def test_the_way_of_a_run_is_there(page: str, repository: Path) -> None:
    steps = page.split("## One run")[1].split("## Promises", maxsplit=1)[0]
    named = re.findall(r"`([\w/]+\.py)`(?: `([\w.]+)`)?", steps)
    assert len(named) >= 8
    for file, function in named:
        found = [
            root / file
            for root in (repository / "scripts" / "strongroom", repository / "scripts" / "strongroom" / "consolidate")
            if (root / file).is_file()
        ]
        assert found, file
        tree = ast.parse(found[0].read_text("utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert set(function.split(".")) - {""} <= defined, f"{file} {function}"


def test_an_arrow_too_many_is_found(page: str, repository: Path) -> None:
    wrong = page.replace("  keys --> sqlite\n", "  keys --> sqlite\n  keys --> postgres\n")
    with pytest.raises(AssertionError):
        test_the_arrows_are_the_imports(wrong, repository)
    with pytest.raises(AssertionError):
        test_the_arrows_are_the_imports(page.replace("  keys --> sqlite\n", ""), repository)
