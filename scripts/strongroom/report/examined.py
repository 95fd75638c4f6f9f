"""What is in a directory, and how fit the machine is, on screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.errors import ExitCode
from strongroom.examine.doctor import Finding, describe_findings, has_errors
from strongroom.examine.inventory import Inventory, describe_inventory
from strongroom.report.screen import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the doctor found."""

    exit: ExitCode
    findings: tuple[Finding, ...]


RESULTS = {"inventory.show": Inventory, "doctor.run": Examined}


def show_inventory(inventory: Inventory, *, as_json: bool) -> None:
    """Print what is in a directory."""
    screen = Screen(as_json=as_json)
    if screen.is_heard:
        screen.lines(describe_inventory(inventory))
    screen.end(inventory)


def show_findings(findings: Sequence[Finding], *, as_json: bool) -> ExitCode:
    """Print what was looked at; return 6 when something stands in the way."""
    code = ExitCode.REFUSED if has_errors(findings) else ExitCode.DONE
    screen = Screen(as_json=as_json)
    *lines, counts = describe_findings(findings)
    screen.lines(lines)
    screen.conclude(counts)
    screen.end(Examined(exit=code, findings=tuple(findings)))
    return code
