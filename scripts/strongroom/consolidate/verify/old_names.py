"""Where old names must lead: a source's path, below the targets' directory, is the target that its tables feed.

Read from the plan's text (``.github/PLAN.md``, section 1); what is carried without being named shows in the proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from strongroom.core.plan.models import PlanModel
from strongroom.core.results import TableTally

_ARCHIVE = "archive.db"
"""What dropped tables go into, in a tally."""


def name_links(model: PlanModel, tables: Mapping[str, TableTally]) -> dict[str, str]:
    """Return the paths that must be links, each with the name of the target to which it leads.

    ``tables`` are the source tables that the proof went through; of a source that is not there the text says what it
    feeds. One that feeds several targets has a link only where the plan says to which.
    """
    own = {PurePosixPath(target.path) for target in model.targets.values()}
    written, proven = _read_written(model), _read_proven(tables)
    found = {}
    for name, source in model.sources.items():
        fed = proven.get(name) or written.get(name, set())
        goals = ({source.alias_of} if source.alias_of is not None else fed) & model.targets.keys()
        path = PurePosixPath(source.path)
        if source.format == "sqlite" and path not in own and len(goals) == 1:
            found[path.as_posix()] = goals.pop()
    return found


def _read_written(model: PlanModel) -> dict[str, set[str]]:
    """Return the targets of each source's tables, as ``tables`` and ``copy`` name them."""
    found: dict[str, set[str]] = {}
    for rule in model.tables:
        inputs = (entry if isinstance(entry, str) else entry.table for entry in rule.from_)
        _note(found, rule.into.partition(".")[0], inputs)
    for target, tables in model.copy_.items():
        _note(found, target, tables)
    return found


def _note(found: dict[str, set[str]], target: str, inputs: Iterable[str]) -> None:
    for text in inputs:
        found.setdefault(text.partition(".")[0], set()).add(target)


def _read_proven(tables: Mapping[str, TableTally]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, tally in tables.items():
        if tally.into != _ARCHIVE:
            _note(found, tally.into.partition(".")[0], [name])
    return found
