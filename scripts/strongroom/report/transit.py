"""What a look at the ways to servers found, on screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.errors import ExitCode
from strongroom.examine.tls.finding import Finding, Grade
from strongroom.report.screen import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitExamined:
    """What was found of each way to a server."""

    exit: ExitCode
    findings: tuple[Finding, ...]


RESULTS = {"tls.doctor": TransitExamined}
_WORDS = {
    Grade.SETTING: "set wrong",
    Grade.WRONG: "wrong",
    Grade.UNREACHABLE: "unreachable",
    Grade.SOON: "soon over",
    Grade.NOTE: "to note",
    Grade.OK: "fine",
}


def show_transit(findings: Sequence[Finding], code: ExitCode, *, as_json: bool) -> ExitCode:
    """Print a line for each finding, and how many there are of each grade; return the exit code."""
    screen = Screen(as_json=as_json)
    width = max(map(len, Grade))
    screen.lines([f"{finding.grade:<{width}}  {finding.line}" for finding in findings])
    counts = {word: sum(finding.grade is grade for finding in findings) for grade, word in _WORDS.items()}
    screen.conclude(", ".join(f"{count} {word}" for word, count in counts.items() if count))
    screen.end(TransitExamined(exit=code, findings=tuple(findings)))
    return code
