"""Loads into PostgreSQL on screen: what arrived, what is quarantined, what is different."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from strongroom.core.errors import DecisionNeededError, DifferencesError, ExitCode
from strongroom.core.results import TableTally, Verdict
from strongroom.report.log import say_error
from strongroom.report.screen import Screen, count, number

if TYPE_CHECKING:
    from strongroom.load.outcome import Outcome
    from strongroom.load.switch.cutover import CutoverResult
    from strongroom.load.switch.rollback import RollbackResult

_SHOWN = 10
_STYLES = {Verdict.PROVEN: "bold green", Verdict.PROVEN_WITH_QUARANTINE: "bold yellow"}
_COLUMNS = {
    "read": "read",
    "inserted": "in",
    "merged_identical": "same",
    "superseded": "beaten",
    "quarantined": "quarantined",
}


def describe_results(merged: type) -> dict[str, object]:
    """Return what ``--json`` prints, by task; imported late, as the driver is.

    ``merged`` is the result of a consolidation, where one came first and went no further.
    """
    from strongroom.load.outcome import Outcome  # noqa: PLC0415
    from strongroom.load.switch.cutover import CutoverResult  # noqa: PLC0415
    from strongroom.load.switch.rollback import RollbackResult  # noqa: PLC0415

    return {
        "postgres.load": Outcome | merged,
        "postgres.verify": Outcome,
        "postgres.cutover": CutoverResult,
        "postgres.rollback": RollbackResult,
    }


def show_load(outcome: Outcome, *, as_json: bool, color: bool, again: bool = False) -> int:
    """Print how a load, or ``again`` the proof of one, ended; return its exit code."""
    _say_error(outcome, again=again)
    screen = Screen(as_json=as_json, color=color)
    if not outcome.nothing_done:
        _show_tables(screen, outcome.tables)
        screen.list("carried along", outcome.carried, most=_SHOWN)
        screen.list("does not come along, or as something else", outcome.reported, most=_SHOWN)
        screen.list("orphans; their foreign keys stay NOT VALID", _list_orphans(outcome), most=_SHOWN)
        screen.list("notes", outcome.notes, most=_SHOWN)
        _list_quarantined(screen, outcome)
        screen.list("differences", outcome.differences, most=_SHOWN, style="red")
    style = _STYLES.get(outcome.verdict, "bold red")
    word = "" if outcome.dry_run else outcome.verdict.value  # there is nothing to be proven yet
    screen.conclude(_say(outcome, again=again), word=word, style=style)
    screen.end(outcome)
    return outcome.exit


def _list_quarantined(screen: Screen, outcome: Outcome) -> None:
    where = "--json" if outcome.dry_run else "postgres.quarantine"
    screen.list("quarantined", outcome.waiting, most=_SHOWN, style="yellow", of=outcome.quarantined, where=where)


def _list_orphans(outcome: Outcome) -> list[str]:
    return [
        f"{name}: {_count(tally.orphans_after, 'row')} without a parent in {tally.parent}"
        for name, tally in outcome.references.items()
        if tally.orphans_after
    ]


def _count(value: int, noun: str) -> str:
    return f"{count(value)} {noun}" if value == 1 else f"{count(value)} {noun}s"


def _say_error(outcome: Outcome, *, again: bool) -> None:
    if outcome.exit == ExitCode.DIFFERENCES:
        fact = f"found differences: {outcome.differences[0]}" if outcome.differences else "found unexplained rows"
        way = "--json lists all of them" if again else f"all of them are in the report of load {outcome.load}"
        say_error(DifferencesError("verification", fact, way))
    elif outcome.exit == ExitCode.DECISION:
        be = "would be" if outcome.dry_run else "is" if outcome.quarantined == 1 else "are"
        rows = f"{_count(outcome.quarantined, 'row')} {be} quarantined"
        fact = f"{rows}, and the budget is {outcome.budget}: not for cutover"
        ways = f"mend them and load again, or --quarantine-budget {outcome.quarantined}"
        hint = ways if outcome.dry_run else f"postgres.quarantine shows them; {ways}"
        say_error(DecisionNeededError("quarantine", fact, hint))


def _show_tables(screen: Screen, tables: Mapping[str, TableTally]) -> None:
    """Show the tables whose rows did not all arrive; the others in one line."""
    eventful = {name: tally for name, tally in tables.items() if tally.read != tally.inserted}
    if eventful:
        rows = [(name, *(number(getattr(tally, column)) for column in _COLUMNS)) for name, tally in eventful.items()]
        screen.table(("table", *_COLUMNS.values()), rows)
    plain = [tally for name, tally in tables.items() if name not in eventful]
    if plain:
        rows_read = _count(sum(tally.read for tally in plain), "row")
        screen.say(f"{'and ' if eventful else ''}{_count(len(plain), 'table')} with {rows_read}, all of which arrived")


def _say(outcome: Outcome, *, again: bool) -> str:
    where = ", ".join(sorted(outcome.schemas.values()))
    quarantined = f", {count(outcome.quarantined)} quarantined" if outcome.quarantined else ""
    if outcome.nothing_done:
        return f"load {outcome.load}: nothing to do, equal sources are in {where} at {outcome.server}{quarantined}"
    if outcome.dry_run:
        rows = f"{count(outcome.rows_read - outcome.quarantined)} of {_count(outcome.rows_read, 'row')}"
        went = f"would load {rows} into {where} at {outcome.server} in {outcome.seconds:.1f} s{quarantined}"
        return f"{went}; keys and checks of the server were not tried"
    what = "proof of load" if again else "load"
    rows = f"{_count(outcome.rows_read, 'row')} read, {outcome.unexplained} unexplained{quarantined}"
    return f"{what} {outcome.load}: {rows}, {where} at {outcome.server}, {outcome.seconds:.1f} s"


def show_cutover(result: CutoverResult, *, as_json: bool, color: bool) -> None:
    """Print what went live, or would."""
    screen = Screen(as_json=as_json, color=color)
    aside = [f"{one.rows} rows of {table}" for table, one in result.replaced.items()]
    screen.list("stepped aside, and stands nowhere else", aside, most=_SHOWN, style="yellow")
    screen.list("of the schema before, and not of this one", result.left, most=_SHOWN, style="yellow")
    screen.list("rights that are new", result.more_rights, most=_SHOWN)
    screen.conclude(_say_cutover(result))
    screen.end(result)


def _say_cutover(result: CutoverResult) -> str:
    if result.is_done_before:
        return f"load {result.load} is live already"
    tables = sum(map(len, result.tables.values()))
    rows = sum(sum(held.values()) for held in result.tables.values())
    what = f"load {result.load} would go live" if result.dry_run else f"load {result.load} is live"
    counted = "" if result.dry_run else f": {tables} tables, {count(rows)} rows, {result.seconds:.2f} s without writers"
    backup = f"backup {result.backup}" if result.backup else ""
    ways = ", ".join(filter(None, (*result.previous, backup))) or "nothing was live before"
    return f"{what}{counted}; way back: {ways}"


def show_rollback(result: RollbackResult, *, as_json: bool, color: bool) -> None:
    """Print what is live again, or would be."""
    screen = Screen(as_json=as_json, color=color)
    screen.list("written since the cutover, in the staged schemas only", result.written, most=_SHOWN, style="yellow")
    if result.is_done_before:
        screen.conclude(f"load {result.load} is not live: nothing to put back")
    else:
        verb = "would be" if result.dry_run else "is"
        live = f"{', '.join(result.live)} {verb} live again" if result.live else f"nothing {verb} live, as before"
        took = "" if result.dry_run else f", {result.seconds:.2f} s without writers"
        screen.conclude(f"{live}; load {result.load} {verb} staged in {', '.join(result.staged)}{took}")
    screen.end(result)
