"""What was decided, what is left, and what to type next."""

from __future__ import annotations

from pathlib import Path

from strongroom.consolidate.deciding.decided import Decided
from strongroom.report.outcome import WRITTEN, say, write_markdown
from strongroom.report.screen import Screen, count

RESULTS = {"consolidate.decide": Decided}
_SHOWN = 3


def show_decided(result: Decided, *, as_json: bool, color: bool, folder: Path | None = None) -> int:
    """Print what was decided about a run, and how the change of live targets ended; return the exit code."""
    screen = Screen(as_json=as_json, color=color)
    if result.applied is not None:
        if folder is not None:
            write_markdown(result.applied, folder)
        screen.list(WRITTEN, result.applied.written, style="yellow")
        screen.conclude(say(result.applied), word=result.applied.verdict.value, style="bold")
        screen.end(result)
        return result.applied.exit
    screen.conclude(_say(result))
    screen.list("left open by the rule", [f"{_groups(many)}: {why}" for why, many in result.left.items()])
    for line in _list_notes(result):
        screen.say(line)
    screen.end(result)
    return 0


def _say(result: Decided) -> str:
    """Say in one sentence what was done and what is left."""
    run = f"(run {result.run})"
    if result.draft is not None and result.drafted:
        verb = "would write" if result.dry_run else "wrote"
        return f"{verb} {_groups(result.drafted)} to {result.draft} {run}; {_say_left(result)}"
    if not (result.decided or result.known or result.open):
        return f"nothing to decide: no group is undecided {run}"
    verb = "would decide" if result.dry_run else "decided"
    where = f", kept in {result.file}" if result.decided and not result.dry_run else ""
    return f"{verb} {_groups(result.decided)} {run}{where}; {_say_left(result)}"


def _say_left(result: Decided) -> str:
    known = f"{_groups(result.known)} decided in all, " if result.known else ""
    return f"{known}{count(result.open)} open"


def _list_notes(result: Decided) -> list[str]:
    notes = []
    if result.stale:
        more = f" and {len(result.stale) - _SHOWN} more" if len(result.stale) > _SHOWN else ""
        notes.append(
            f"{len(result.stale)} kept decisions fit no group of this run, and a run would refuse them "
            f"({', '.join(result.stale[:_SHOWN])}{more}): take them out of {result.file}"
        )
    if result.waiting:
        verb = "row waits" if result.waiting == 1 else "rows wait"
        notes.append(
            f"{count(result.waiting)} {verb} for other reasons, which no decision settles: "
            "consolidate.quarantine shows them"
        )
    if result.next is not None and not result.dry_run:
        notes.append(f"{_say_why_next(result)}: {result.next}")
    if result.staged_again:
        notes.append(
            f"{count(result.staged_again)} rows will still wait then: it stays staged, unless you add "
            f"--quarantine-budget {result.staged_again}"
        )
    return notes


def _say_why_next(result: Decided) -> str:
    if result.draft is not None:
        return "filled in, it is taken by"
    if not result.known:
        return "to decide"
    return "to change the live targets" if result.is_live else "to carry it out"


def _groups(many: int) -> str:
    return "1 group" if many == 1 else f"{count(many)} groups"
