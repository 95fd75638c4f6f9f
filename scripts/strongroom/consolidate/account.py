"""The account of one run for whoever is woken by it: what happened, where its papers are, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from strongroom.consolidate.outcome import REPORT, VERDICT, Outcome, read_report
from strongroom.consolidate.status import RunStatus, describe_run
from strongroom.core import errors
from strongroom.core.errors import ExitCode, StrongroomError, UsageError
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.records import RunDocument, RunState

_ENDS = {
    RunState.STAGED: ExitCode.DECISION,
    RunState.DIFFERENT: ExitCode.DIFFERENCES,
    RunState.INTERRUPTED: ExitCode.INTERRUPTED,
}
_BY_NAME = {
    found.__name__: found.exit_code
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, StrongroomError)
} | {"KeyboardInterrupt": ExitCode.INTERRUPTED, "SystemExit": ExitCode.TERMINATED}
_SIGNALS = {"KeyboardInterrupt": "Ctrl-C (SIGINT)", "SystemExit": "SIGTERM"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do."""

    what: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of one run."""

    run: str
    state: str
    """As ``consolidate.status`` says it."""
    is_live: bool
    exit: ExitCode | None
    """With which code it ended; None while it goes on, where it was killed, and for an error that has none."""
    happened: tuple[str, ...]
    papers: Mapping[str, str]
    """What there is to read, and where."""
    advice: tuple[Step, ...]
    """What most people want comes first."""


def tell_run(home: Home, name: str | None) -> Account:
    """Tell what happened to a run; without a name to the latest one. Read-only.

    Raises UsageError where there is no such run, VersionError, GuardError.
    """
    known = home.read_current().runs
    if name not in known and (name is not None or not known):
        fact = f"there is no run {name} in {home.target}" if name else f"there is no run in {home.target} yet"
        hint = (
            f"one of: {', '.join(known[-5:])}" if known else "say --target DIRECTORY: runs are kept below their target"
        )
        raise UsageError("--run", fact, hint)
    folder = home.open_run(name or known[-1])
    about, report, status = folder.read(RunDocument), read_report(folder), describe_run(home, folder.name)
    return Account(
        run=folder.name,
        state=status.state,
        is_live=status.is_current,
        exit=_find_exit(status, about),
        happened=tuple(_tell(about, report)),
        papers=_find_papers(folder),
        advice=tuple(_advise(home, folder, status, about, report)),
    )


def _find_exit(status: RunStatus, about: RunDocument | None) -> ExitCode | None:
    if about is None or status.is_open:
        return ExitCode.DIFFERENCES if "proven" in status.state else None
    if about.error is not None:
        return _BY_NAME.get(about.error)
    return _ENDS.get(about.state, ExitCode.DONE if about.state is RunState.PUBLISHED else None)


def _tell(about: RunDocument | None, report: Outcome | None) -> Iterator[str]:
    if about is not None:
        ended = f", ended {_write(about.ended)}" if about.ended else ""
        yield f"system {about.system}, from {about.source}, by {about.plan}"
        yield f"began {_write(about.began)}{ended} (strongroom {about.tool})"
    if about is not None and about.error is not None:
        what = _SIGNALS.get(about.error, f"{about.error}: its own line stands in the log of the command")
        yield f"stopped by {what}"
    if report is not None:
        yield (
            f"verdict {report.verdict}: {report.rows_read:,} rows read, {report.unexplained} unexplained, "
            f"{report.quarantined} quarantined (budget {report.budget}), {len(report.differences)} differences"
        )
        yield from (f"difference: {line}" for line in report.differences[:3])
    if about is not None and about.finalized is not None:
        yield f"its legacy files were removed by consolidate.finalize from {_write(about.finalized)} on"


def _find_papers(folder: RunFolder) -> dict[str, str]:
    places: dict[str, Path] = {
        "report": folder.root / "report.md",
        "all of it as JSON": folder.root / REPORT,
        "verdict": folder.root / VERDICT,
        "the plan as it was": folder.plan,
        "every row that did not arrive plainly": folder.ledger,
        "backup of the sources": folder.snapshots,
    }
    return {what: str(place) for what, place in places.items() if place.exists()}


def _advise(
    home: Home, folder: RunFolder, status: RunStatus, about: RunDocument | None, report: Outcome | None
) -> Iterator[Step]:
    there = f"--target {shlex.quote(str(home.target))}"
    back = Step(what="put back what was there before", command=f"./inv consolidate.rollback {there}")
    prove = Step(what="prove once more what is live", command=f"./inv consolidate.verify {there}")
    look = Step(what="see which runs there are, and what is live", command=f"./inv consolidate.status {there}")
    if status.is_open and "proven" in status.state:
        yield from (back, prove)
    elif status.is_open and "interrupted" not in status.state:
        yield look
    elif about is None:
        yield from (look, back)
    elif status.is_open or about.state in (RunState.FAILED, RunState.INTERRUPTED):
        yield Step(what="go on, or begin again", command=write_run(about, there))
        yield from [replace(back, what="or take back what was begun")] if status.is_open else ()
    elif about.state is RunState.STAGED:
        budget = 0 if report is None else report.quarantined
        if report is not None and report.undecided:
            choose = f"./inv consolidate.decide {there} --run {folder.name}"
            yield Step(what="decide what no rule could, side by side; the next run does it", command=choose)
        rows = f"./inv consolidate.quarantine {there} --run {folder.name}"
        yield Step(what="see the rows that wait, with their reasons", command=rows)
        yield Step(
            what="publish all the same; the rows stay readable",
            command=f"{write_run(about, there)} --quarantine-budget {budget}",
        )
    elif about.state is RunState.DIFFERENT:
        yield Step(what="run again, once the plan says what is meant", command=write_run(about, there))
    elif status.is_current:
        source = shlex.quote(about.source)
        yield prove
        yield Step(what="see every value that lost", command=f"./inv consolidate.explain {there}")
        yield replace(back, command=f"{back.command} --source {source}")
    else:
        yield look


def write_run(about: RunDocument, there: str) -> str:
    """Return the command that repeats a run; ``there`` is its target as it is typed."""
    plan, source = shlex.quote(about.plan), shlex.quote(about.source)
    return f"./inv consolidate.run --plan {plan} --source {source} {there}"


def _write(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
