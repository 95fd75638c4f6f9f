"""Put a fault into a process that has imported everything: one module is replaced, and who imports it comes anew."""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType

from tests.mutants.areas import PACKAGE

_ROOT = "strongroom"


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs other code than the file's."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._planted = code

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  # the loader has one module
        return self._planted


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module before anybody else does."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name = name
        self._code = code

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # the name says all
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        file = list_modules()[fullname]
        folder = [str(file.parent)] if file.name == "__init__.py" else None
        loader = _Loader(fullname, str(file), self._code)
        return importlib.util.spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=folder)


def plant(name: str, code: CodeType) -> None:
    """Let a module, when it is imported next, be this code; whatever has seen the old one is forgotten."""
    sys.meta_path.insert(0, _Finder(name, code))
    for module in find_dependents(name):
        if sys.modules.pop(module, None) is not None:
            parent, _, child = module.rpartition(".")
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(child, None)


def find_dependents(name: str) -> set[str]:
    """Return a module and all that import it, however many others stand between."""
    found, waiting = {name}, [name]
    while waiting:
        one = waiting.pop()
        for module, imported in read_imports().items():
            if module not in found and (one in imported or module.startswith(f"{one}.")):
                found.add(module)
                waiting.append(module)
    return found


@cache
def list_modules() -> Mapping[str, Path]:
    """Return the modules of the package with their files."""
    paths = sorted(PACKAGE.rglob("*.py"))
    names = [".".join((_ROOT, *path.relative_to(PACKAGE).with_suffix("").parts)) for path in paths]
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


@cache
def read_imports() -> Mapping[str, frozenset[str]]:
    """Return what each module of the package imports of it, those inside functions too."""
    return {
        name: frozenset(_find_imports(ast.parse(path.read_text(encoding="utf-8"))) & list_modules().keys())
        for name, path in list_modules().items()
    }


def _find_imports(tree: ast.Module) -> set[str]:
    return {name for node in ast.walk(tree) for name in _name_imports(node)}


def _name_imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
