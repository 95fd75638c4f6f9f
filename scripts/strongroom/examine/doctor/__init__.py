"""Examine this machine, and the databases in a directory, before they are relied upon.

Nothing is left behind; only a target folder is written to, in a scratch folder of its own.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from strongroom.core.engines import Engine
from strongroom.examine.doctor.at_rest import examine_at_rest
from strongroom.examine.doctor.certificates import examine_certificates
from strongroom.examine.doctor.finding import Finding, Level
from strongroom.examine.doctor.folders import examine_file_system, examine_promises, examine_space
from strongroom.examine.doctor.machine import examine_machine
from strongroom.examine.doctor.sources import examine_sources
from strongroom.examine.inventory import Expectation, Inventory, take_inventory
from strongroom.sqlite.bunch import NO_KEYS, Bunch

__all__ = ["Finding", "Level", "describe_findings", "examine", "has_errors"]


def examine(
    *,
    source: Path | None = None,
    target: Path | None = None,
    expected: Expectation | None = None,
    engine: Engine = Engine.SYSTEM,
    days: Mapping[str, int] | None = None,
    keys: Bunch = NO_KEYS,
) -> tuple[Finding, ...]:
    """Examine the machine; with ``source`` its databases too, with ``target`` what publishing needs there.

    ``days`` says for how many days each certificate of the stack holds; ``keys`` are tried on what is encrypted.
    Raises UnreachableError when there is no such source, and what asking for a key raises that was named.
    """
    inventory = None
    if source is not None:
        inventory = take_inventory(source, census=False, expected=expected, engine=engine, keys=keys)
    return (*_examine(source, inventory, target, expected, engine), *examine_certificates(days or {}))


def _examine(
    source: Path | None,
    inventory: Inventory | None,
    target: Path | None,
    expected: Expectation | None,
    engine: Engine,
) -> Iterator[Finding]:
    size = sum(database.size for database in inventory.databases) if inventory is not None else 0
    yield from examine_machine(sys.version_info[:3], engine)
    temporary = Path(tempfile.gettempdir())
    yield from examine_space("temporary", temporary)
    yield from examine_promises("temporary", temporary)
    if target is not None:
        yield from examine_space("target", target, size)
        yield from examine_file_system("target", target)
        yield examine_at_rest("target", target)
        yield from examine_promises("target", target)
    if source is not None and inventory is not None:
        yield from examine_file_system("source", source)
        yield examine_at_rest("source", source)
        yield from examine_sources(inventory, expected, engine)


def has_errors(findings: Sequence[Finding]) -> bool:
    """Tell whether something stands in the way."""
    return any(finding.level is Level.ERROR for finding in findings)


def describe_findings(findings: Sequence[Finding]) -> list[str]:
    """Write findings as aligned lines, with hints below, and a line that counts them."""
    width = max((len(finding.subject) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<7}  {finding.subject:<{width}}  {finding.fact}")
        if finding.hint:
            lines.append(f"{'':<7}  {'':<{width}}    hint: {finding.hint}")
    counts = {level: sum(finding.level is level for finding in findings) for level in reversed(Level)}
    return [*lines, ", ".join(_count(count, level) for level, count in counts.items())]


def _count(number: int, level: Level) -> str:
    return f"{number} {level}" if number == 1 or level is Level.OK else f"{number} {level}s"
