"""Where a person sits down to decide: one run, its groups, and what is decided already."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.consolidate.deciding.book import Book, Taken, describe_take, open_book, read_book, record
from strongroom.consolidate.deciding.groups import Group, GroupKey, read_groups
from strongroom.consolidate.kept_plan import read_kept_plan
from strongroom.consolidate.outcome import read_report
from strongroom.consolidate.request import NO_KEYS
from strongroom.core.errors import DecisionNeededError, UnreachableError, UsageError
from strongroom.core.plan import Plan
from strongroom.core.plan.decisions import ALL, DecisionModel
from strongroom.core.secret import Secret
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.runs.records import PlanDocument, RunDocument, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who decides, and why."""

    by: str
    why: str
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One run that is decided about."""

    home: Home
    folder: RunFolder
    about: RunDocument
    plan: Plan
    book: Book
    """What is kept for the runs to come."""
    used: Book
    """What the run itself knew."""
    author: Author
    is_live: bool
    """Whether the run's targets are the live ones."""
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    redecide: bool = False
    """Whether what is decided may be decided again."""
    dry_run: bool = False

    def read(self, table: str | None = None) -> Generator[Group, None, None]:
        """Yield the groups that no rule decided, decided ones too."""
        return read_groups(self.home, self.folder, self.keys, table, with_decided=True)

    def read_open(self, table: str | None = None) -> Generator[Group, None, None]:
        """Yield the groups that are to be decided: with ``redecide`` those too that wait for the next run."""
        with closing(self.read(table)) as groups:
            yield from filter(self.is_offered, groups)

    def is_offered(self, group: Group) -> bool:
        """Tell whether a group is to be decided now."""
        return self.is_open(group) or (self.redecide and not (group.is_decided and self.is_live))

    def is_open(self, group: Group) -> bool:
        """Tell whether nobody decided a group."""
        return not group.is_decided and self.book.find(group) is None

    def find_taken(self, group: Group) -> Taken | None:
        """Return what is decided of a group; None for nothing."""
        known = self.find(group)
        if known is None or known.take is None:
            return None
        return describe_take(known.take, [row.sha256 for row in known.rows], group)

    def find(self, group: Group) -> DecisionModel | None:
        """Return the decision about a group."""
        return self.book.find(group) or self.used.find(group)

    def list_tables(self) -> tuple[str, ...]:
        """Return the run's tables (``target.table``)."""
        known = self.folder.read(PlanDocument)
        return () if known is None else tuple(known.tables)

    def read_inputs(self, table: str) -> tuple[str, ...]:
        """Return the source tables (``source.table``) that went into a table."""
        known = self.folder.read(PlanDocument)
        return () if known is None else known.tables[table]

    def record(self, group: Group, taken: Taken, said: DecisionModel | None = None) -> DecisionModel:
        """Return a decision as it is kept: of the author and now, as far as nothing else was ``said``."""
        by, at, why = (None, None, None) if said is None else (said.by, said.at, said.why)
        author = self.author
        return record(
            group,
            taken,
            by=by or author.by,
            at=at or author.now().replace(microsecond=0),
            why=author.why if why is None else why,
        )


@dataclass(slots=True)
class Survey:
    """Counts the groups of a run as they pass by."""

    desk: Desk
    open: int = 0
    known: int = 0
    """Decided, and still to be carried out by a run."""
    rows: int = 0
    """Rows that wait beside the one that is shown."""
    open_rows: int = 0
    """Those of open groups."""
    fitting: set[GroupKey] = field(default_factory=set)

    def see(self, group: Group) -> None:
        """Count a group."""
        is_kept = self.desk.book.find(group) is not None
        self.open += self.desk.is_open(group)
        self.known += is_kept and not group.is_decided
        self.rows += 0 if group.is_decided else len(group.rows) - 1
        self.open_rows += len(group.rows) - 1 if self.desk.is_open(group) else 0
        if is_kept:
            self.fitting.add(group.name)

    @property
    def stale(self) -> list[str]:
        """Name the kept decisions that fit no group of the run."""
        return [label_of(model) for name, model in self.desk.book.items() if name not in self.fitting]

    def count_others(self) -> int:
        """Count the rows of the run that wait for other reasons than a decision."""
        report = read_report(self.desk.folder)
        return 0 if report is None else max(report.quarantined - self.rows, 0)


def survey(desk: Desk) -> Survey:
    """Count the groups of a run."""
    found = Survey(desk)
    with closing(desk.read()) as groups:
        for group in groups:
            found.see(group)
    return found


@contextmanager
def open_desk(
    home: Home,
    run: str | None,
    author: Author,
    *,
    keys: Mapping[str, Secret] = NO_KEYS,
    redecide: bool = False,
    dry_run: bool = False,
) -> Iterator[Desk]:
    """Open a run for decisions, the live one or the latest by default.

    Raises UnreachableError where there is none, or it goes on, UsageError, LockedError, PlanError, GuardError.
    """
    folder, about = home.find_run(run)
    if about.state not in (RunState.STAGED, RunState.PUBLISHED, RunState.ROLLED_BACK):
        fact = f"run {folder.name} is {about.state}: there is nothing to decide about it"
        raise UnreachableError(home.target, fact, "consolidate.status lists the runs; name one with --run")
    with open_book(home, dry_run=dry_run) as book:
        yield Desk(
            home=home,
            folder=folder,
            about=about,
            plan=read_kept_plan(folder),
            book=book,
            used=read_book(folder.decisions),
            author=author,
            is_live=home.read_current().run == folder.name,
            keys=keys,
            redecide=redecide,
            dry_run=dry_run,
        )


def say_taken(taken: Taken, group: Group) -> str:
    """Say in a few words what is taken."""
    if taken == ALL:
        return "all rows"
    if isinstance(taken, int):
        return f"row {taken} ({group.rows[taken - 1].label})"
    return ", ".join(f"{name} of row {number}" for name, number in taken)


def label_of(model: DecisionModel) -> str:
    """Return what a person knows a decided group by."""
    return f"{model.table} {', '.join(model.key.values())}".strip()


def refuse_take(group: Group, taken: Taken, subject: object) -> None:
    """Make sure that a choice can be carried out.

    Raises UsageError for what the table does not allow, DecisionNeededError for a row that waits itself.
    """
    if taken == ALL:
        if group.form.why_not_all:
            fact = f"{group.label}: all rows cannot stay in {group.table}: {group.form.why_not_all}"
            raise UsageError(subject, fact, "take one of the rows")
        return
    for name, number in taken if isinstance(taken, tuple) else (("", int(taken)),):
        row = group.rows[number - 1]
        if name and name not in group.columns:
            known = ", ".join(group.columns)
            raise UsageError(subject, f"{group.label}: {group.table} has no column {name}", f"one of: {known}")
        if name and group.form.stays(name):
            fact = f"{group.label}: {name} is part of the key or the id, which stay the shown row's"
            raise UsageError(subject, fact, "leave it out")
        if row.waits:
            fact = f"{group.label}: row {number} ({row.label}) waits itself for a row that it refers to"
            raise DecisionNeededError(subject, fact, "take another row; decide first about the row that it waits for")
