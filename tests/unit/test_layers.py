"""Who may import whom: the layers of the package, and where each library may be met.

A new folder belongs into LAYERS; a new library into LIBRARIES, with the few modules that may know it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, pairwise
from pathlib import Path

import pytest

# From the bottom up; a module may import its own folder and the layers below it.
LAYERS = {
    "core": {"core"},
    "databases": {"postgres", "redis", "sqlite"},
    "foundations": {"binding", "engine", "keys", "runs"},
    "subjects": {
        "backup",
        "consolidate",
        "containers",
        "demo",
        "examine",
        "kubernetes",
        "load",
        "persistence",
        "rotate",
        "schema",
    },
    "fleet": {"fleet"},
    "report": {"report"},
    "tasks": {"__main__", "memory_migrator", "tasks"},
}
SUBJECTS = LAYERS["subjects"]
WIRING = "tasks.wiring"
"""The only module that imports several subjects: it hands one what it needs of another, as a function."""

# Parts that must not know each other, in either direction.
STRANGERS = [
    *({one, two} for one, two in combinations(sorted(SUBJECTS), 2)),
    *({one, two} for one, two in combinations(sorted(LAYERS["databases"]), 2)),
    {"consolidate.merge", "consolidate.verify"},  # the proof is a second code path (promise 1)
    *(
        {f"consolidate.verify.{part}", other}
        for part in ("looking", "published", "legacy")
        for other in ("binding", "runs")
    ),
]

# A proof shares no code with what it proves (promise 2): all that it may import, and all that these import in turn.
# Python runs the packages above them too (core.plan reads plans); a proof names nothing of theirs.
_EVERY_PROOF = {
    "core.engines",
    "core.errors",
    "core.exit_codes",
    "core.files",
    "core.plan.models",
    "core.progress",
    "core.quoting",
    "core.results",
    "core.secret",
    "core.yaml_text",
    "core.yaml_text.explaining",
    "core.yaml_text.loading",
    "core.yaml_text.plain",
    "sqlite.connection",
    "sqlite.database",
    "sqlite.keyring",
    "sqlite.libraries",
    "sqlite.messages",
}
PROOFS = {
    "consolidate.verify": _EVERY_PROOF | {"core.plan.decisions"},
    "load.verify": _EVERY_PROOF | {"postgres.connection"},
}
NOT_NAMED = {
    "core.files", "core.secret", "core.yaml_text.explaining", "core.yaml_text.loading",
    "sqlite.messages",
}  # fmt: skip
"""What only the imports of a proof need."""

# Where a library, or a part of the standard library, may be met; every library must stand here.
LIBRARIES = {
    "boto3": {"keys.aws"},
    "botocore": {"backup.stores.bucket", "keys.aws"},
    "cryptography": {"containers.certificates", "containers.tokens", "examine.tls", "keys.columns"},
    "docker": {"engine"},
    "hvac": {"keys.vault"},
    "invoke": {"tasks"},
    "jsonschema": {"kubernetes.checking.schemas"},
    "lazy_loader": {"report"},
    "os.environ": {"core.config"},
    "os.getenv": {"core.config"},
    "prometheus_client": {"backup.metrics"},
    "psycopg": {"postgres"},
    "pydantic": {
        "core.backup_entry",
        "core.column_entries",
        "core.json_schema",
        "core.key_entries",
        "core.plan",
        "core.system",
        "core.yaml_text",
        "runs.documents",
    },
    "pyrage": {"keys.escrow"},
    "pysequoia": {"keys.columns"},
    "referencing": {"kubernetes.checking.schemas"},
    "requests": {"backup.ping", "engine", "keys.vault"},
    "rich": {"report"},
    "sqlglot": {"load.draft"},
    "sqlparse": {"schema"},
    "sqlcipher3": {"sqlite.libraries"},
    "sqlite3": {"demo", "sqlite"},
    "subprocess": {"core.programs"},
    "tenacity": {
        "backup.members.postgres_swap",
        "containers.stack",
        "keys.retrying",
        "load.switch.holding",
        "rotate.columns.retrying",
        "schema",
    },
    "tests.bench": {"tasks"},  # bench.consolidate; measured code is in the package, the measuring is not
    "yaml": {"core.yaml_text"},
}

RANKS = {module: rank for rank, modules in enumerate(LAYERS.values()) for module in modules}


def read_sources(folder: Path) -> dict[str, str]:
    """Read a package as {dotted name inside it: source}; ``runs/journal.py`` is ``runs.journal``."""
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): path.read_text("utf-8")
        for path in sorted(folder.rglob("*.py"))
        if path != folder / "__init__.py"
    }


def find_imports(name: str, source: str) -> Iterator[str]:
    """Yield every dotted name that a module imports, those under TYPE_CHECKING and in functions too."""
    package = ["strongroom", *name.split(".")][:-1]
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
        if name.partition(".")[0] not in RANKS:
            found.append(f"{name}: stands in no layer")
            continue
        imports = list(find_imports(name, source))
        ours = [rest for root, _, rest in (one.partition(".") for one in imports) if root == "strongroom"]
        for other in ours:
            graph.setdefault(name, set()).update(module_of(other, sources))
            found.extend(judge_module(name, other))
        found.extend(judge_subjects(name, ours))
        found.extend(judge_proof(name, ours, sources))
        for imported in imports:
            if not imported.startswith("strongroom"):
                found.extend(judge_library(name, imported))
    return list(dict.fromkeys(found)) + find_reached(graph) + find_cycle(graph)


def judge_proof(name: str, ours: Iterable[str], sources: Mapping[str, str]) -> list[str]:
    """A proof names what it may know, and its own modules."""
    named = sorted({module for other in ours for module in module_of(other, sources)})
    return [
        f"{name}: imports {other}, which the proof may not know"
        for proof, known in PROOFS.items()
        if lies_in(name, proof)
        for other in named
        if other not in known - NOT_NAMED and not lies_in(other, proof)
    ]


def find_reached(graph: Mapping[str, set[str]]) -> list[str]:
    """Whatever the proof's imports import, it knows too."""
    return [
        f"{proof}: reaches {name}, which the proof may not know"
        for proof, known in PROOFS.items()
        for name in sorted(list_reached(graph, proof))
        if name not in known and not lies_in(name, proof)
    ]


def list_reached(graph: Mapping[str, set[str]], proof: str) -> set[str]:
    reached, left = set[str](), [name for name in graph if lies_in(name, proof)]
    while left:
        for other in graph.get(left.pop(), set()) - reached:
            reached.add(other)
            left.append(other)
    return reached


def module_of(imported: str, sources: Mapping[str, str]) -> set[str]:
    """Return the module that an imported name is, or that holds it."""
    return {next((name for name in (imported, imported.rpartition(".")[0]) if name in sources), imported)}


def lies_in(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def judge_module(name: str, imported: str) -> list[str]:
    module, other = name.partition(".")[0], imported.partition(".")[0]
    if other not in RANKS or other == "__main__":
        return []
    if RANKS[other] > RANKS[module]:
        return [f"{name}: imports {other}, which stands above it"]
    for one, two in map(sorted, STRANGERS):
        for mine, theirs in ((one, two), (two, one)):
            if lies_in(name, mine) and lies_in(imported, theirs):
                return [f"{name}: imports {theirs}, which must stay a stranger"]
    return []


def judge_subjects(name: str, ours: Iterable[str]) -> list[str]:
    """A task is about one subject; what it needs of another comes through the wiring."""
    subjects = sorted({other.partition(".")[0] for other in ours} & SUBJECTS)
    if len(subjects) < 2 or name == WIRING:
        return []
    return [f"{name}: imports {' and '.join(subjects)}; only {WIRING} may know several subjects"]


def judge_library(name: str, imported: str) -> list[str]:
    words = imported.split(".")
    known = next((key for key in (".".join(words[:2]), words[0]) if key in LIBRARIES), None)
    if known is not None:
        may = any(lies_in(name, place) for place in LIBRARIES[known])
        return [] if may else [f"{name}: imports {known}, which is not for it"]
    return [] if words[0] in sys.stdlib_module_names else [f"{name}: imports {words[0]}, which stands in no table"]


def find_cycle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter({name: others - {name} for name, others in graph.items()}).prepare()
    except CycleError as error:
        return [f"{' -> '.join(error.args[1])}: a cycle"]
    return []


def test_every_import_points_down_and_every_library_stays_in_its_place(repository: Path) -> None:
    violations = find_violations(read_sources(repository / "scripts" / "strongroom"))
    assert not violations, "\n".join(violations)


def test_the_layers_share_no_folder() -> None:
    assert sum(map(len, LAYERS.values())) == len(RANKS)


def test_the_imports_that_are_there_are_seen(repository: Path) -> None:
    seen = {
        key
        for name, source in read_sources(repository / "scripts" / "strongroom").items()
        for imported in find_imports(name, source)
        for key in LIBRARIES
        if f"{imported}.".startswith(f"{key}.")
    }
    assert seen == LIBRARIES.keys() - {"os.getenv"}


def test_whatever_stands_directly_under_the_package_is_in_a_layer(repository: Path) -> None:
    folder = repository / "scripts" / "strongroom"
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert there - {"__init__"} <= RANKS.keys()


@pytest.mark.parametrize(
    ("name", "source", "sentence"),
    [
        (
            "core.plan.reader",
            "from strongroom.sqlite.reading import ask",
            "core.plan.reader: imports sqlite, which stands above it",
        ),
        ("runs", "import strongroom.consolidate", "runs: imports consolidate, which stands above it"),
        (
            "core.files",
            "def f():\n    from strongroom import report",
            "core.files: imports report, which stands above it",
        ),
        ("core.plan.models", "from ...runs import lock", "core.plan.models: imports runs, which stands above it"),
        ("demo", "from strongroom import consolidate", "demo: imports consolidate, which must stay a stranger"),
        (
            "consolidate.merge.rows",
            "from strongroom.consolidate import verify",
            "consolidate.merge.rows: imports consolidate.verify, which must stay a stranger",
        ),
        (
            "sqlite.copy",
            "from strongroom.postgres import x",
            "sqlite.copy: imports postgres, which must stay a stranger",
        ),
        (
            "tasks.demo",
            "from strongroom import consolidate\nfrom strongroom.demo import x",
            "tasks.demo: imports consolidate and demo; only tasks.wiring may know several subjects",
        ),
        ("runs", "if TYPE_CHECKING:\n    import sqlite3", "runs: imports sqlite3, which is not for it"),
        ("core.paths", "from rich.table import Table", "core.paths: imports rich, which is not for it"),
        ("core.files", "import os\nos.environ['HOME']", "core.files: imports os.environ, which is not for it"),
        ("core.files", "from os import environ", "core.files: imports os.environ, which is not for it"),
        ("core.files", "import os\nos.getenv('HOME')", "core.files: imports os.getenv, which is not for it"),
        ("core.files", "from subprocess import run", "core.files: imports subprocess, which is not for it"),
        ("core.files", "import numpy", "core.files: imports numpy, which stands in no table"),
        ("utils", "", "utils: stands in no layer"),
    ],
)
def test_a_broken_rule_is_found(name: str, source: str, sentence: str) -> None:
    assert find_violations({name: source}) == [sentence]


@pytest.mark.parametrize(
    "source",
    [
        "from strongroom.binding import bind",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from strongroom.sqlite.snapshot import Snapshot",
        "def f():\n    from strongroom.core.plan import Plan",
        "from strongroom.core import instants",
        "from strongroom.sqlite.schema import read_schema",
        "from strongroom.consolidate.merge.rows import x",
        "from strongroom.consolidate.snapshots import x",
        "import strongroom.runs.folder",
        "from strongroom.load.convert import x",
        "from strongroom.load.documents import LoadDocument",
    ],
)
@pytest.mark.parametrize("proof", PROOFS)
def test_the_proof_names_nothing_of_what_it_proves(proof: str, source: str) -> None:
    found = find_violations({f"{proof}.rows": source})
    assert [line for line in found if line.endswith("which the proof may not know")]


def test_the_proof_reaches_nothing_of_what_it_proves() -> None:
    sources = {
        "consolidate.verify.rows": "from strongroom.sqlite.connection import x",
        "sqlite.connection": "from strongroom.sqlite.messages import y",
        "sqlite.messages": "if TYPE_CHECKING:\n    from strongroom.sqlite.fingerprint import z",
        "sqlite.fingerprint": "",
    }
    assert find_violations(sources) == ["consolidate.verify: reaches sqlite.fingerprint, which the proof may not know"]


def test_all_that_the_proof_may_know_is_known(repository: Path) -> None:
    sources = read_sources(repository / "scripts" / "strongroom")
    assert sources.keys() >= set().union(*PROOFS.values())


def test_a_cycle_inside_a_folder_is_found() -> None:
    ways = (["core.errors", "core.quoting", "core.errors"], ["core.quoting", "core.errors", "core.quoting"])
    assert find_violations(
        {
            "core.errors": "import strongroom.core.quoting",
            "core.quoting": "from strongroom.core.errors import UsageError",
        }
    ) in ([f"{' -> '.join(way)}: a cycle"] for way in ways)


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(LAYERS)))
def test_a_layer_may_use_the_one_below(lower: str, higher: str) -> None:
    used, user = max(LAYERS[lower]), max(LAYERS[higher])
    assert find_violations({user: f"import strongroom.{used}", used: "import json\nfrom os import path"}) == []


def test_a_folder_may_import_itself() -> None:
    sources = {"runs.undo": "from .journal import x", "runs.publish": "import strongroom.runs.journal"}
    assert find_violations(sources) == []


def test_the_wiring_may_know_several_subjects() -> None:
    assert find_violations({WIRING: "from strongroom import consolidate, demo"}) == []
