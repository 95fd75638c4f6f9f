"""The tasks of ``./inv``, in the order in which the list shows them; a command line imports those that it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from invoke.collection import Collection

if TYPE_CHECKING:
    namespace: Collection
    """All tasks; what asks for it imports all of them."""

MODULES = (
    "demo",
    "test",
    "why",
    "inventory",
    "paths",
    "consolidate",
    "backup",
    "keys",
    "postgres",
    "sqlcipher",
    "columns",
    "fleet",
    "k8s",
    "guard",
    "engine",
    "image",
    "stack",
    "tls",
    "doctor",
    "bench",
    "check",
)
"""Each has a namespace of its name, or one task."""
_ASKS_FOR_ALL = {"--complete", "--json"}
"""What, with no task named, wants the flags of every task."""


def gather(modules: Iterable[str] = MODULES) -> Collection:
    """Import the tasks of some modules, and return them as a collection."""
    wanted = set(modules)
    found = {name: import_module(f"strongroom.tasks.{name}") for name in MODULES if name in wanted}
    return Collection(*(getattr(module, "namespace", None) or getattr(module, name) for name, module in found.items()))


def find_named(words: Sequence[str]) -> tuple[str, ...]:
    """Return the modules of which a command line names a task; all of them where it asks for the flags of all."""
    named = {word.partition(".")[0] for word in words}
    found = tuple(name for name in MODULES if name in named)
    return found or (MODULES if _ASKS_FOR_ALL & set(words) else ())


def __getattr__(name: str) -> Collection:
    if name == "namespace":
        return gather()
    raise AttributeError(name)
