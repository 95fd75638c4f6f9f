"""``consolidate.decide``: a person's choice where no rule of the plan decides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from invoke.context import Context

from strongroom import report
from strongroom.consolidate.deciding.book import name_user
from strongroom.consolidate.deciding.decided import Decided, say_filling, tell
from strongroom.consolidate.deciding.desk import Author, Desk, open_desk, survey
from strongroom.consolidate.deciding.drafts import write_draft
from strongroom.consolidate.deciding.rules import take_by_rule
from strongroom.consolidate.deciding.session import Session
from strongroom.consolidate.deciding.settle import go_on, settle
from strongroom.consolidate.deciding.taking import take_file
from strongroom.consolidate.request import Surroundings
from strongroom.core.config import read_settings
from strongroom.core.errors import UsageError
from strongroom.runs.home import Home
from strongroom.tasks._around import read_clock, surround
from strongroom.tasks._keys import find_keys
from strongroom.tasks._request import TARGET, find_home
from strongroom.tasks._task import is_dry, is_json, task, wants_color


def surroundings(c: Context, home: Home) -> Surroundings:
    """Pass in the clock, the progress and the keys."""
    return surround(c, read_settings(), read_clock, find_keys(home=home))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What was asked for."""

    table: str | None
    draft: Path | None
    decisions: Path | None
    take: str | None
    by: str | None
    why: str | None
    apply: bool

    @property
    def is_by_hand(self) -> bool:
        """Tell whether a person is to be asked."""
        return not self.apply and self.draft is None and self.decisions is None and self.take is None


@task(
    help={
        "target": TARGET,
        "table": "Only the groups of one table (target.table).",
        "draft": "Write a file to fill in: every group that is open, nothing taken yet.",
        "decisions": "Take what such a file decides.",
        "take": "Decide a --table by a rule: shown, last, all, a source, newest:COLUMN or oldest:COLUMN.",
        "by": "Who decides (default: the login name).",
        "why": "Why; kept with each decision.",
        "redecide": "Decide again what is decided already.",
        "apply": "Change the live targets by what was decided after publish.",
        "run": "A run's id (default: the published one, else the latest).",
        "dry_run": "Show what would be decided; keep nothing.",
    }
)
def decide(
    c: Context,
    target: Path,
    table: str | None = None,
    draft: Path | None = None,
    decisions: Path | None = None,
    take: str | None = None,
    by: str | None = None,
    why: str | None = None,
    redecide: bool = False,
    apply: bool = False,
    run: str | None = None,
    dry_run: bool = False,
) -> int:
    """Decide what no rule can: at the terminal, or from a file."""
    wish = _Wish(table=table, draft=draft, decisions=decisions, take=take, by=by, why=why, apply=apply)
    _refuse_contradictions(wish, is_terminal=report.is_terminal() and not is_json(c))
    home, author = find_home(target), Author(by=by or name_user(), why=why or "", now=read_clock)
    is_dry_run = is_dry(c, dry_run)
    finished = go_on(home, surroundings(c, home)) if apply and not is_dry_run else None
    with open_desk(home, run, author, keys=find_keys(home=home), redecide=redecide, dry_run=is_dry_run) as desk:
        if apply:
            _refuse_to_apply(desk)
        result = _decide_by_hand(c, desk, table) if wish.is_by_hand else _decide(desk, wish)
    if apply and not is_dry_run:
        result = replace(result, applied=settle(home, surroundings(c, home)) or finished, next=None)
    code = report.show_decided(result, as_json=is_json(c), color=wants_color(c), folder=home.target)
    return _ask_to_apply(c, home, result) if wish.is_by_hand else code


def _refuse_contradictions(wish: _Wish, *, is_terminal: bool) -> None:
    given = {"--draft": wish.draft, "--decisions": wish.decisions, "--take": wish.take}
    ways = [flag for flag, value in given.items() if value is not None]
    if len(ways) > 1:
        raise UsageError(" and ".join(ways), "do not go together", "say one of them")
    if wish.take is not None and wish.table is None:
        raise UsageError("--take", "needs --table: a rule decides one table", "--table target.table")
    if wish.decisions is not None and wish.table is not None:
        raise UsageError("--table", "does not go with --decisions, which names its tables", "leave it out")
    if wish.draft is not None and wish.apply:
        raise UsageError("--apply", "does not go with --draft, which decides nothing", "leave it out")
    if wish.is_by_hand and not is_terminal:
        fact = "asks at a terminal, and there is none"
        hint = "--draft FILE writes what is open, --decisions FILE takes it filled in, --take RULE decides a --table"
        raise UsageError("consolidate.decide", fact, hint)


def _refuse_to_apply(desk: Desk) -> None:
    if not desk.is_live:
        fact = f"nothing of run {desk.folder.name} is live ({desk.about.state})"
        raise UsageError("--apply", fact, "leave it out: the next consolidate.run carries out what was decided")


def _decide(desk: Desk, wish: _Wish) -> Decided:
    """Decide by what was typed."""
    if wish.draft is not None:
        drafted = write_draft(desk, wish.draft, wish.table)
        result = tell(desk, drafted.counted)
        if not drafted.groups:
            return result
        following = say_filling(desk, wish.draft)
        return replace(result, draft=str(wish.draft), drafted=drafted.groups, next=following)
    if wish.decisions is not None:
        decided = take_file(desk, wish.decisions, by=wish.by, why=wish.why)
        return tell(desk, survey(desk), decided=decided)
    if wish.take is not None and wish.table is not None:
        ruled = take_by_rule(desk, wish.table, wish.take)
        return tell(desk, survey(desk), decided=ruled.decided, left=ruled.left)
    return tell(desk, survey(desk))


def _decide_by_hand(c: Context, desk: Desk, table: str | None) -> Decided:
    """Ask the person at the terminal; what they decided is told, however it ends."""
    total = sum(1 for _ in desk.read_open(table))
    if not total:
        return tell(desk, survey(desk))
    with report.open_keyboard() as keys:
        session = Session(desk=desk, person=report.Terminal(keys, color=wants_color(c)), total=total)
        try:
            session.run(table)
        except KeyboardInterrupt:
            result = tell(desk, survey(desk), decided=session.decided)
            report.show_decided(result, as_json=False, color=wants_color(c))
            raise
    return tell(desk, survey(desk), decided=session.decided)


def _ask_to_apply(c: Context, home: Home, result: Decided) -> int:
    """Change the live targets, where the person at the terminal says yes."""
    if not result.is_live or not result.known or result.dry_run:
        return 0
    if not report.is_confirmed(f"apply {result.known} decisions to the live targets now? [y/N] "):
        return 0
    applied = replace(result, decided=0, open=0, applied=settle(home, surroundings(c, home)), next=None)
    return report.show_decided(applied, as_json=False, color=wants_color(c), folder=home.target)
