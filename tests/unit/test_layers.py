"""Who may import whom: the layers of scripts/, and where each library may be met.

A new module belongs into LAYERS; a new library into LIBRARIES, with the few modules that may know it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

# From the bottom up; a module may import its own layer and those below it.
LAYERS = {
    "core": {
        "config",
        "errors",
        "fingerprint",
        "instants",
        "plan",
        "progress",
        "quoting",
        "results",
        "system",
        "yaml_text",
    },
    "edges": {
        "certificates",
        "compose",
        "databases",
        "engine",
        "files",
        "images",
        "openers",
        "programs",
        "workers",
    },
    "steps": {
        "binding",
        "export",
        "functions",
        "inventory",
        "ledger",
        "legacy_tree",
        "merge",
        "publish",
        "snapshot",
        "verify",
    },
    "flows": {"consolidate", "demo", "doctor", "draft", "guard", "paths", "postgres", "recovery", "stack"},
    "presentation": {"__main__", "migrate_databases", "report", "tasks"},
}

# Modules of one layer that must not know each other, in either direction.
STRANGERS = [
    LAYERS["flows"],  # a flow that needs another's work calls a step that both share
    {"merge", "verify"},  # the proof is a second code path (promise 1)
]

# Where a library, or a part of the standard library, may be met; every library must stand here.
LIBRARIES = {
    "cryptography": {"certificates"},
    "docker": {"engine"},
    "invoke": {"tasks"},
    "os.environ": {"config", "migrate_databases"},  # the old door runs outside .venv, without the package
    "os.getenv": {"config"},
    "psycopg": {"databases"},
    "pydantic": {"config", "plan", "system", "yaml_text"},
    "pydantic_core": {"plan", "yaml_text"},
    "rich": {"report"},
    "sqlparse": {"postgres"},
    "sqlite3": {"databases", "legacy_tree", "tasks"},
    "subprocess": {"programs"},
    "tests.bench": {"tasks"},  # bench.consolidate; measured code is in scripts, the measuring is not
    "yaml": {"yaml_text"},
}

RANKS = {module: rank for rank, modules in enumerate(LAYERS.values()) for module in modules}


def read_sources(folder: Path) -> dict[str, str]:
    """Read a package as {dotted name inside it: source}; ``merge/rows.py`` is ``merge.rows``."""
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
    }


def find_imports(name: str, source: str) -> Iterator[str]:
    """Yield every dotted name that a module imports, those under TYPE_CHECKING and in functions too."""
    package = ["scripts", *name.split(".")][:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*start, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            yield f"os.{node.attr}"


def find_violations(sources: Mapping[str, str]) -> list[str]:
    """Return a sentence for every import that breaks a table above."""
    found = []
    graph: dict[str, set[str]] = {}
    for name, source in sources.items():
        module = name.split(".", maxsplit=1)[0]
        if module == "__init__":
            continue
        if module not in RANKS:
            found.append(f"{name}: stands in no layer")
            continue
        for imported in find_imports(name, source):
            root, _, rest = imported.partition(".")
            if root == "scripts":
                other = rest.split(".", maxsplit=1)[0]
                if other in RANKS and other != module:
                    graph.setdefault(module, set()).add(other)
                    found.extend(judge_module(name, module, other))
            else:
                found.extend(judge_library(name, module, imported))
    return found + find_cycle(graph)


def judge_module(name: str, module: str, other: str) -> list[str]:
    if RANKS[other] > RANKS[module]:
        return [f"{name}: imports {other}, which stands above it"]
    if any({module, other} <= strangers for strangers in STRANGERS):
        return [f"{name}: imports {other}, which must stay a stranger"]
    return []


def judge_library(name: str, module: str, imported: str) -> list[str]:
    words = imported.split(".")
    known = next((key for key in (".".join(words[:2]), words[0]) if key in LIBRARIES), None)
    if known is not None:
        return [] if module in LIBRARIES[known] else [f"{name}: imports {known}, which is not for it"]
    return [] if words[0] in sys.stdlib_module_names else [f"{name}: imports {words[0]}, which stands in no table"]


def find_cycle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"{' -> '.join(error.args[1])}: a cycle"]
    return []


def test_every_import_points_down_and_every_library_stays_in_its_place(repository: Path) -> None:
    violations = find_violations(read_sources(repository / "scripts"))
    assert not violations, "\n".join(violations)


def test_the_layers_share_no_module() -> None:
    assert sum(map(len, LAYERS.values())) == len(RANKS)


def test_the_imports_that_are_there_are_seen(repository: Path) -> None:
    seen = {
        key
        for name, source in read_sources(repository / "scripts").items()
        for imported in find_imports(name, source)
        for key in LIBRARIES
        if f"{imported}.".startswith(f"{key}.")
    }
    assert seen >= {
        "invoke",
        "os.environ",
        "pydantic",
        "rich",
        "sqlite3",
        "subprocess",
        "yaml",
    }


@pytest.mark.parametrize(
    ("name", "source", "sentence"),
    [
        (
            "plan.reader",
            "from scripts.files import read_file",
            "plan.reader: imports files, which stands above it",
        ),
        ("merge", "import scripts.consolidate", "merge: imports consolidate, which stands above it"),
        ("files", "def f():\n    from scripts import report", "files: imports report, which stands above it"),
        ("plan.models", "from ..merge import rows", "plan.models: imports merge, which stands above it"),
        ("demo", "from scripts import consolidate", "demo: imports consolidate, which must stay a stranger"),
        (
            "verify.rows",
            "from scripts.merge.rows import x",
            "verify.rows: imports merge, which must stay a stranger",
        ),
        ("merge", "if TYPE_CHECKING:\n    import sqlite3", "merge: imports sqlite3, which is not for it"),
        ("paths", "from rich.table import Table", "paths: imports rich, which is not for it"),
        ("files", "import os\nos.environ['HOME']", "files: imports os.environ, which is not for it"),
        ("files", "from os import environ", "files: imports os.environ, which is not for it"),
        ("files", "import os\nos.getenv('HOME')", "files: imports os.getenv, which is not for it"),
        ("files", "from subprocess import run", "files: imports subprocess, which is not for it"),
        ("files", "import requests", "files: imports requests, which stands in no table"),
        ("utils", "", "utils: stands in no layer"),
    ],
)
def test_a_broken_rule_is_found(name: str, source: str, sentence: str) -> None:
    assert find_violations({name: source}) == [sentence]


def test_a_cycle_inside_a_layer_is_found() -> None:
    assert find_violations(
        {"errors": "import scripts.quoting", "quoting": "from scripts.errors import UsageError"}
    ) in (
        [f"{' -> '.join(way)}: a cycle"] for way in (["errors", "quoting", "errors"], ["quoting", "errors", "quoting"])
    )


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(LAYERS)))
def test_a_layer_may_use_the_one_below(lower: str, higher: str) -> None:
    used, user = min(LAYERS[lower]), min(LAYERS[higher])
    assert find_violations({user: f"import scripts.{used}", used: "import json\nfrom os import path"}) == []


def test_a_package_may_import_itself() -> None:
    assert (
        find_violations({"merge.rows": "from .decide import x", "merge.decide": "import scripts.merge.entries"}) == []
    )
