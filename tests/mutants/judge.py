"""What became of a fault: noticed, survived, or not to be counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from tests.mutants.fixtures import Fixture
from tests.mutants.observe import Observation
from tests.mutants.steps import End, Step, perform

Reference = dict[str, tuple[Step, ...]]
"""By fixture: what its steps end with when nothing is planted."""

_SHOWN = 140
_AROUND = 12
"""Of a row, so much is shown before what is another."""
_MERE_SQL = re.compile(
    r"syntax error|no such (?:column|table|function|module)|incomplete input|unrecognized token|wrong number of arg"
    r"|ambiguous column|columns but|values for|misuse of|no column named|number of result columns|already exists"
    r"|user-defined function raised|binding|ORDER BY term"
)
"""Of what SQLite says when a mutated text is no statement any more, or a mutated function a traceback."""
_EARLIER = "(and an earlier fixture was published with it)"
_INCOMPARABLE = "cannot be "
"""How a difference begins, behind its subject, that is an error of SQLite's."""


class Verdict(StrEnum):
    """What became of a fault."""

    NOTICED = "noticed"
    NOTICED_ERROR = "noticed (error)"
    """By an error of SQLite's, which the verification tells as a difference."""
    SURVIVED = "SURVIVED"
    """All was published as proven, and something is another."""
    SAME = "same"
    """Nothing is another: not counted."""
    CRASHED = "crashed"
    """A traceback: not counted."""
    HANGS = "hangs"
    """Not counted either."""

    @property
    def counts(self) -> bool:
        return self in (Verdict.NOTICED, Verdict.NOTICED_ERROR, Verdict.SURVIVED)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one fault, and what noticed it, or what is another and was not noticed."""

    verdict: Verdict
    said: str


def judge(
    fixtures: Sequence[Fixture], reference: Reference, prepared: Path, scratch: Path, *, is_strict: bool
) -> Judgement:
    """Go through the fixtures, in this process as it is now, until something notices.

    In each, the first step that does not end as it should says what became of the fault there. With
    ``is_strict`` all of them must notice.
    """
    survived: Judgement | None = None
    for fixture in fixtures:
        steps = perform(fixture, prepared / fixture.name, scratch / fixture.name)
        for step, wanted in zip(steps, reference[fixture.name], strict=False):
            found = judge_end(fixture.name, step, wanted)
            if found is None:
                continue
            if found.verdict is not Verdict.SURVIVED:
                return found if survived is None else replace(found, said=f"{found.said} {_EARLIER}")
            if is_strict:
                return found
            survived = survived or found
            break
    return survived or Judgement(Verdict.SAME, "")


def judge_end(fixture: str, step: Step, wanted: Step) -> Judgement | None:
    """Return None when a step ended as it should."""
    where = f"{fixture} {step.name}"
    if step.end is End.CRASHED:
        return Judgement(Verdict.CRASHED, _cut(f"{where}: {step.said}"))
    if step.end is End.REFUSED:
        return _judge_refusal(where, step)
    if step == wanted:
        return None
    return Judgement(Verdict.SURVIVED, _cut(f"{where}: {_find_first(wanted.seen, step.seen)}"))


def _judge_refusal(where: str, step: Step) -> Judgement:
    told = [line for line in step.differences if f": {_INCOMPARABLE}" not in line]
    errors = [line for line in step.differences if line not in told]
    said = f"{where}: {' '.join([step.said, *[*told, *errors][:1]])}"
    if told or not errors:
        is_mere = not step.differences and _MERE_SQL.search(step.said) is not None
        return Judgement(Verdict.CRASHED if is_mere else Verdict.NOTICED, _cut(said))
    is_mere = all(_MERE_SQL.search(line) for line in errors)
    return Judgement(Verdict.CRASHED if is_mere else Verdict.NOTICED_ERROR, _cut(said))


def _find_first(wanted: Observation, seen: Observation) -> str:
    """Say where two observations first differ."""
    for part in [*wanted, *(part for part in seen if part not in wanted)]:
        if part not in seen:
            return f"{part} is not there"
        if part not in wanted:
            return f"{part} should not be there"
        if wanted[part] != seen[part]:
            return f"{part}: {_find_lines(wanted[part], seen[part])}"
    return "the verdict"


def _find_lines(wanted: Sequence[str], seen: Sequence[str]) -> str:
    lost, new = sorted(set(wanted) - set(seen)), sorted(set(seen) - set(wanted))
    if not lost and not new:
        return f"{len(seen)} rows instead of {len(wanted)}"
    one, two = (new or ["nothing"])[0], (lost or ["nothing"])[0]
    alike = next((place for place, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]), 0)
    start = max(alike - _AROUND, 0) if alike > 2 * _AROUND else 0
    return f"{'…' * bool(start)}{one[start:]} instead of {'…' * bool(start)}{two[start:]}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
