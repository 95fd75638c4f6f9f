"""What an exit code means, and what became of a run, for a tired reader."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap

from strongroom.consolidate.account import Account
from strongroom.core.errors import ExitCode
from strongroom.report.screen import Screen

_WIDTH = 96
_JOBS = {
    "": "is done",
    "retry": "tries again by itself: another attempt may well succeed",
    "fail": "fails, and stays so: the same command ends the same way until somebody acts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an exit code means here."""

    code: int
    meaning: str
    advice: str
    job: str
    """What a Kubernetes Job does about it: nothing, retry or fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """The answer to ``why``: of a code, of a run, or of both."""

    code: Meaning | None
    run: Account | None


RESULTS = {"why": Reason}


def show_reason(code: ExitCode | None, account: Account | None, *, as_json: bool, color: bool) -> None:
    """Print what a code means and what to do about it, after what happened to a run."""
    screen = Screen(as_json=as_json, color=color)
    known = code if account is None else account.exit
    if account is not None:
        _show_account(screen, account)
    if known is not None and (account is None or known is not ExitCode.DONE):
        _show_code(screen, known)
    meaning = None if known is None else _describe(known)
    screen.end(Reason(code=meaning, run=account))


def _show_account(screen: Screen, account: Account) -> None:
    live = ", live" if account.is_live else ""
    screen.conclude(f"{account.state}{live}", word=f"run {account.run}:", style="bold")
    screen.lines([f"  {line}" for line in account.happened])
    if account.papers:
        width = max(map(len, account.papers))
        screen.lines(["to read:"], style="bold")
        screen.lines([f"  {what:<{width}}  {place}" for what, place in account.papers.items()])
    if account.advice:
        screen.lines(["to do:"], style="bold")
        screen.lines([line for step in account.advice for line in (f"  {step.what}", f"      {step.command}")])


def _show_code(screen: Screen, code: ExitCode) -> None:
    meaning = _describe(code)
    screen.conclude(meaning.meaning, word=f"exit code {meaning.code}:", style="bold")
    screen.lines(wrap(meaning.advice, _WIDTH, initial_indent="  to do  ", subsequent_indent="         "))
    screen.lines([f"  a Job  {_JOBS[meaning.job]}"])


def _describe(code: ExitCode) -> Meaning:
    return Meaning(code=int(code), meaning=code.meaning, advice=code.advice, job=code.job)
