"""Change what is live by what people decided since: copies of the targets are changed, proven, and take their place.

The live run stays what it was; a run of its own takes its place, whose plan, snapshots and ledger are that one's, with
the decisions. So a rollback leads back to what was live before, and nothing that applications wrote since is lost.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom import __version__
from strongroom.consolidate.deciding.change import find_new, open_changer
from strongroom.consolidate.deciding.groups import Group, GroupKey, read_groups
from strongroom.consolidate.deciding.inheriting import take_over
from strongroom.consolidate.deciding.kept import read_kept_decisions
from strongroom.consolidate.kept_plan import read_kept_plan
from strongroom.consolidate.live import look_at, look_early, prove_late, prove_seen
from strongroom.consolidate.outcome import REPORT, VERDICT, Outcome, judge, read_report, show_backup
from strongroom.consolidate.recording import recorded
from strongroom.consolidate.request import Request, Surroundings
from strongroom.consolidate.verify import count_left, prove_settled
from strongroom.consolidate.verify.evidence import identify
from strongroom.consolidate.verify.published import Look
from strongroom.consolidate.verify_published import open_house, prove
from strongroom.core.errors import (
    DecisionNeededError,
    DifferencesError,
    ExitCode,
    GuardError,
    TargetBusyError,
    UnreachableError,
)
from strongroom.core.files import hash_file, locked, make_private_folder, sync_file, write_text
from strongroom.core.plan.decisions import Decision, read_decisions
from strongroom.core.results import Verdict
from strongroom.runs import Swap, find_changes, publish, refuse_busy
from strongroom.runs.cleanup import end_run
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.interrupted import Became, recover_all, refuse_open
from strongroom.runs.records import (
    MergeDocument,
    RunDocument,
    RunState,
)
from strongroom.sqlite.connection import fold_log
from strongroom.sqlite.database import Database, read_mark, state_of, under_key
from strongroom.sqlite.keyring import hold_needed

_WAY = "report it; meanwhile consolidate.rollback, then consolidate.run, decides before publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A live target and its copy."""

    live: Database
    staged: Database
    ledger: Database
    path: str
    """Of the live one, relative to the target directory."""
    sha256: str
    """Of the copy before it was changed."""


def settle(home: Home, around: Surroundings) -> Outcome | None:
    """Apply what was decided in a target directory since its targets went live; None where that is nothing.

    All of it or nothing. Raises UnreachableError where nothing is live; DecisionNeededError for a decision that fits no
    undecided rows of the live run, or whose row was changed there since; TargetBusyError; GuardError; DifferencesError;
    KeyMissingError; LockedError.
    """
    if not home.root.is_dir():
        raise UnreachableError(home.target, "holds no run of ours", "say --target DIRECTORY")
    home.refuse_links()
    with locked(home.lock):
        _go_on(home, around)
        current = home.open_current()
        if current is None:
            raise UnreachableError(home.target, "holds no published run", "run consolidate.run first")
        folder, about = current
        kept = read_kept_decisions(folder)
        known = kept.decided if kept else ()
        wanted = read_decisions(home.decisions) if home.decisions.is_file() else None
        new = () if wanted is None else find_new(wanted.decided, known)
        if not new:
            return None
        with hold_needed(around.keys, folder.name_keys()):
            return _Settling(home, folder, about, around).apply(known, set(new))


def go_on(home: Home, around: Surroundings) -> Outcome | None:
    """Finish and prove what ``settle`` began before it was interrupted; None where there is nothing of it.

    Raises what ``settle`` raises.
    """
    if not home.root.is_dir():
        return None
    home.refuse_links()
    with locked(home.lock):
        current = home.open_current() if _go_on(home, around) else None
        return None if current is None else read_report(current[0])


def _go_on(home: Home, around: Surroundings) -> bool:
    """Finish and prove what this same command began; tell whether there was something. Raises GuardError for others."""
    names = home.all_runs()
    about = home.open_run(names[-1]).read(RunDocument) if names else None
    if not names or (about is not None and about.settles is None):
        refuse_open(home)
        return False
    with hold_needed(around.keys, home.name_open_keys()):
        recovered = recover_all(home, source=None, now=around.now())
    is_finished = Became.PUBLISHED in recovered.values()
    folder = home.open_run(names[-1])
    prove_late(home, _ask_again(home, folder), is_finished_now=is_finished)
    return is_finished


class _Settling:
    """One change of what is live."""

    def __init__(self, home: Home, before: RunFolder, about: RunDocument, around: Surroundings) -> None:
        self._home, self._before, self._about, self._around = home, before, about, around
        self._place = before.place(home.target)

    def apply(self, known: Sequence[Decision], groups: set[GroupKey]) -> Outcome:
        """Make the run, and let it take the place of the one that is live: that was ``known``, ``groups`` are new."""
        journal = self._place.read_journal()
        report = read_report(self._before)
        if journal is None or report is None:
            raise GuardError(self._before.root, "is live, and does not say what it published", "put its documents back")
        refuse_busy([self._place.database(swap) for swap in journal.swaps])
        now = self._around.now()
        folder = self._home.begin_run(now, backup=self._about.has_backup)
        about = replace(
            self._about,
            run=folder.name,
            state=RunState.RUNNING,
            tool=__version__,
            began=now,
            ended=None,
            error=None,
            finalized=None,
            before=self._about.run,
            settles=self._about.run,
        )
        with recorded(folder, about, self._home.target, self._around):
            self._around.checkpoint("settle.copy")
            take_over(self._before, folder, self._home)
            new = find_new(read_decisions(folder.decisions).decided, known)
            if new.keys() != groups:
                raise GuardError(self._home.decisions, "was edited while it was read", "run the same command again")
            # What an earlier run was told by a file of its own holds for the runs to come too.
            write_text(self._home.decisions, folder.decisions.read_text(encoding="utf-8"))
            copies = [self._copy(folder, swap) for swap in journal.swaps]
            self._change(copies, new)
            before = look_early(_ask_again(self._home, folder), folder)
            proven = self._prove(folder, copies, self._rename(report, folder))
            outcome = self._publish(folder, copies, proven, before)
            end_run(folder, about, RunState.PUBLISHED, self._around.now())
        return show_backup(outcome, self._home)

    def _rename(self, report: Outcome, folder: RunFolder) -> Outcome:
        """Return the report of the run before as that of this one."""
        backup = folder.snapshots.relative_to(self._home.target).as_posix() if self._about.has_backup else None
        return replace(report, run=folder.name, backup=backup, discarded=(), open_sources=())

    def _copy(self, folder: RunFolder, swap: Swap) -> _Copy:
        """Copy a live target, its log folded in, and its ledger. Raises TargetBusyError when it changes meanwhile."""
        live, name = self._place.database(swap), Path(swap.staged).stem
        if not live.path.is_file():
            raise UnreachableError(live.path, "is not there", "roll back or run again")
        staged = under_key(folder.stage / f"{name}.db", swap.key, self._home.engine)
        ledger = under_key(folder.ledger / f"{name}.db", swap.key, self._home.engine)
        make_private_folder(folder.stage)
        before = state_of(live)
        for suffix in ("", "-wal"):
            if live.beside(suffix).is_file():
                shutil.copyfile(live.beside(suffix), staged.beside(suffix))
                staged.beside(suffix).chmod(0o600)
        if state_of(live) != before:
            raise TargetBusyError(live.path, "changes under our hands", "stop what writes to it")
        fold_log(staged)
        digest = hash_file(staged.path)
        return _Copy(live=live, staged=staged, ledger=ledger, path=swap.live, sha256=digest)

    def _change(self, copies: Sequence[_Copy], new: Mapping[GroupKey, Decision]) -> None:
        """Change the copies; every decision has to fit. Raises DecisionNeededError."""
        left = dict(new)
        for copy in copies:
            wanted = {name: one for name, one in left.items() if one.table.partition(".")[0] == copy.staged.path.stem}
            if not wanted:
                continue
            with open_changer(copy.staged, copy.ledger) as changer:
                for group in self._read_groups(copy.staged.path.stem):
                    decision = left.pop(group.name, None)
                    if decision is not None:
                        changer.apply(group, decision)
            sync_file(copy.ledger.path)
            sync_file(copy.staged.path)
        if left:
            labels = [one.label for one in left.values()]
            fact = f"{len(labels)} of its decisions fit no undecided rows of run {self._before.name}: {labels[0]}"
            raise DecisionNeededError("decisions", fact, "consolidate.decide --draft shows what is open")

    def _read_groups(self, target: str) -> Iterator[Group]:
        for group in read_groups(self._home, self._before, self._around.keys):
            if group.table.partition(".")[0] == target:
                yield group

    def _prove(self, folder: RunFolder, copies: Sequence[_Copy], report: Outcome) -> Outcome:
        """Prove that the copies are what is live but for the decisions, and all of it where nobody wrote to it since.

        Raises DifferencesError.
        """
        merged = folder.read(MergeDocument)
        if merged is not None:
            marks = {copy.staged.path.stem: read_mark(copy.staged) for copy in copies}
            targets = {name: replace(one, mark=marks.get(name, one.mark)) for name, one in merged.targets.items()}
            folder.write(MergeDocument(targets=targets))
        folder.write(report, REPORT)
        earlier = self._before.decisions if self._before.decisions.is_file() else None
        with open_house(self._home, folder) as house:
            names = {copy.staged.path.stem: copy.live for copy in copies}
            found = [prove_settled(house, name, live, earlier) for name, live in names.items()]
        wrong = [line for one in found for line in one.wrong]
        if wrong:
            raise DifferencesError("decisions", f"{wrong[0]}; nothing changed", _WAY)
        # What was written before an earlier change of this kind is live too, and no run explains it.
        changes = tuple(dict.fromkeys((*report.written, *find_changes(self._place))))
        if changes:
            quarantined, undecided = count_left(found, report.quarantined, report.undecided)
            outcome = replace(
                report,
                verdict=judge((), 0, quarantined),
                exit=ExitCode.DONE,
                quarantined=quarantined,
                undecided=undecided,
                written=changes,
            )
        else:
            outcome = prove(self._home, folder).outcome
        if outcome.verdict is Verdict.DIFFERENT:
            said = outcome.differences[0] if outcome.differences else f"{outcome.unexplained} rows are not explained"
            raise DifferencesError("decisions", f"{said}; nothing changed", _WAY)
        return outcome

    def _publish(self, folder: RunFolder, copies: Sequence[_Copy], proven: Outcome, before: Look) -> Outcome:
        """Put the copies live. Raises TargetBusyError for a live target that changed since it was copied, or proven."""
        home, place = self._home, folder.place(self._home.target)
        identities = {copy.staged.path.stem: identify(copy.staged.path) for copy in copies}
        plan = read_kept_plan(folder)
        folder.write(proven, VERDICT)
        look = look_at(_ask_again(home, folder), folder, proven, identities, earlier=before)
        swaps = [
            Swap(
                staged=copy.staged.path.relative_to(folder.root).as_posix(),
                live=copy.path,
                mark=read_mark(copy.staged),
                aliases=plan.targets[copy.staged.path.stem].aliases,
                key=copy.staged.key,
                key_before=copy.live.key,
            )
            for copy in copies
        ]

        def recheck() -> None:
            for copy in copies:
                if hash_file(copy.live.path) != copy.sha256:
                    way = "stop what writes to it, then run the same command again"
                    raise TargetBusyError(copy.live.path, "was written to since it was copied", way)

        publish(place, swaps, (), self._around.checkpoint, recheck)
        home.set_current(folder.name)
        self._around.checkpoint("published")
        return prove_seen(folder, _ask_again(home, folder), look, proven)


def _ask_again(home: Home, folder: RunFolder) -> Request:
    """Return the request of a run that has no sources to read."""
    return Request(
        system=folder.plan.parent, plan=folder.plan, source=folder.scratch, target=home.target, engine=home.engine
    )
