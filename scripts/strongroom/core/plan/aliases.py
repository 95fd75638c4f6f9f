"""Where old names lead after publish: every source's path to the target that holds its tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from strongroom.core.errors import PlanError
from strongroom.core.plan.form import Plan, Source, Target

At = Callable[..., str]
"""Where keys of the plan stand in its file: ``at("sources", "zoe")``."""


def find_aliases(plan: Plan, at: At) -> dict[str, tuple[str, ...]]:
    """Return the aliases of every target: those that the plan gives it, and the paths of its sources.

    A path that is a target's own is that target, never an alias; a document, and a source that feeds nothing, has
    none. Raises PlanError for a source whose tables go to several targets while nothing says to which its name leads.
    """
    taken = {PurePosixPath(target.path) for target in plan.targets.values()}
    given = {PurePosixPath(alias): name for name, target in plan.targets.items() for alias in target.aliases}
    found = {name: list(target.aliases) for name, target in plan.targets.items()}
    for source in plan.sources.values():
        path = PurePosixPath(source.path)
        fed = plan.targets_of(source.name)
        if source.alias_of is not None:
            _refuse_strange(source, fed, given.get(path), at)
        if source.format != "sqlite" or path in taken or not fed:
            continue
        if path in given:
            _refuse_stray(source, fed, given[path], at)
            continue
        found[_choose(source, fed, at)].append(source.path)
    return {name: tuple(aliases) for name, aliases in found.items()}


def _refuse_stray(source: Source, fed: tuple[Target, ...], given: str, at: At) -> None:
    """Make sure that an alias which is a source's path is one of a target that the source feeds. Raises PlanError."""
    if given not in [target.name for target in fed]:
        fact = f"{source.path} is the path of {source.name}, of which no table goes to {given}"
        raise PlanError(at("targets", given, "aliases"), fact, "leave that alias out")


def _choose(source: Source, fed: tuple[Target, ...], at: At) -> str:
    if source.alias_of is not None:
        return source.alias_of
    if len(fed) > 1:
        names = " and ".join(target.name for target in fed)
        fact = f"tables of {source.name} go to {names}, and its old name ({source.path}) can lead to one of them only"
        raise PlanError(at("sources", source.name), fact, f"say alias_of: {fed[0].name} there, or another of them")
    return fed[0].name


def _refuse_strange(source: Source, fed: tuple[Target, ...], given: str | None, at: At) -> None:
    """Make sure that ``alias_of`` names a target that the source feeds. Raises PlanError."""
    names = [target.name for target in fed]
    where = at("sources", source.name, "alias_of")
    if source.alias_of not in names:
        fact = f"no table of {source.name} goes to {source.alias_of}"
        raise PlanError(where, fact, f"one of: {', '.join(names)}" if names else "leave it out")
    if given not in (None, source.alias_of):
        fact = f"{source.path} is an alias of {given} already"
        raise PlanError(where, fact, "leave one of the two out")
