"""The front door: the list of tasks, and the help of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import getdoc

from invoke.collection import Collection

from strongroom import __doc__ as purpose
from strongroom.tasks._switches import describe_switches
from strongroom.tasks._task import Flag


def show_tasks(tasks: Mapping[str, str], binary: str) -> None:
    """Print tasks with what they do, in their order; namespaces of one task share a block."""
    print(f"{purpose}")
    width = max(map(len, tasks), default=0)
    previous = None
    for name, text in tasks.items():
        block = _block_of(name, tasks)
        if block != previous:
            print()
        previous = block
        print(f"  {name:<{width}}   {text}".rstrip())
    print(f"\n{binary} <task> --help shows its flags; every task takes --json, --summary FILE and --log json.")


def show_tasks_as_json(collection: Collection, prefix: str) -> None:
    """Print tasks with their flags as JSON."""
    print(json.dumps([_task_as_json(name, found) for name, found in _walk(collection, prefix)]))


def list_first_lines(collection: Collection) -> Mapping[str, str]:
    """Return the first line of each task's text by its dotted name, in the collection's order."""
    return {name: _first_line(found) for name, found in _walk(collection, "")}


def show_task(name: str, found: object, binary: str) -> None:
    """Print what a task does and its flags, in the order of its signature."""
    flags = _flags_of(found)
    required = "".join(f" {flag.usage}" for flag in flags if flag.is_required)
    print(f"Usage: {binary} {name}{required}{' [--flags]' if flags else ''}\n\n{getdoc(found)}\n")
    if flags:
        print("Flags:")
        print_columns([(flag.usage, _describe(flag)) for flag in flags])
        print()
    print_global_flags()


def print_global_flags() -> None:
    """Print the flags that every task takes."""
    print("Every task takes:")
    print_columns(describe_switches())


def print_columns(rows: Sequence[tuple[str, str]]) -> None:
    """Print names and their meaning, the meanings below each other."""
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"  {name:<{width}}   {text}".rstrip())


def _walk(collection: Collection, prefix: str) -> Iterator[tuple[str, object]]:
    start = f"{prefix}." if prefix else ""
    for name, found in collection.tasks.items():
        yield start + name, found
    for name, inner in collection.collections.items():
        yield from _walk(inner, start + name)


def _block_of(name: str, names: Iterable[str]) -> str:
    """Return the namespace of a task; those which are alone in theirs stand together."""
    namespace, dot, _ = name.rpartition(".")
    is_alone = sum(other.startswith(f"{namespace}.") for other in names) == 1
    return "." if dot and is_alone else namespace


def _task_as_json(name: str, found: object) -> dict[str, object]:
    return {
        "name": name,
        "help": _first_line(found),
        "flags": {flag.text: flag.help for flag in _flags_of(found)},
    }


def _describe(flag: Flag) -> str:
    if flag.is_required:
        return f"{flag.help} Required."
    if flag.is_list:
        return f"{flag.help} May be repeated."
    if flag.is_switch or flag.default in {None, ""}:
        return flag.help
    return f"{flag.help} [{flag.default}]"


def _flags_of(found: object) -> tuple[Flag, ...]:
    flags: tuple[Flag, ...] = getattr(found, "flags", ())
    return flags


def _first_line(found: object) -> str:
    return (getdoc(found) or "").partition("\n")[0]
