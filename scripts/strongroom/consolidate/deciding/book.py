"""What was decided in a target directory, kept in one file for the runs to come: ``.strongroom/decisions.yaml``."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from strongroom.consolidate.deciding.groups import Group, GroupKey, name_group
from strongroom.consolidate.deciding.wording import write_decision
from strongroom.consolidate.masking import MASK
from strongroom.core.errors import LockedError, PlanError
from strongroom.core.files import locked, write_text
from strongroom.core.plan.decisions import ALL, DecisionModel, DecisionsModel, RowModel, check_decisions
from strongroom.core.quoting import fold
from strongroom.core.yaml_text.plain import read_plain_model
from strongroom.runs.home import Home

Take = int | str | Mapping[str, int]
Taken = int | Literal["all"] | tuple[tuple[str, int], ...]
"""What is taken of a group, by the numbers of its rows: the same for the same choice, however it was written."""
_HEAD = (
    "# What people decided about rows that no rule of the plan decides: the next consolidate.run reads it.",
    "# Written by consolidate.decide. To take a decision back, take its paragraph out.",
    "version: 1",
    "decisions:",
)


class Book:
    """The decisions that are kept, by group; what is written is durable at once, whole or not at all."""

    def __init__(self, path: Path, decided: Iterable[DecisionModel] = (), *, is_kept: bool = True) -> None:
        """Begin with what is known."""
        self.path, self._is_kept = path, is_kept
        self._models: dict[GroupKey, DecisionModel] = {name_model(model): model for model in decided}
        self._texts: dict[GroupKey, str] = {}
        self._by_row = {(table, row): (table, rows) for table, rows in self._models for row in rows}

    def __len__(self) -> int:
        """Count the decisions."""
        return len(self._models)

    def __iter__(self) -> Iterator[DecisionModel]:
        """Yield the decisions, in the order in which they were made."""
        return iter(self._models.values())

    def items(self) -> Iterable[tuple[GroupKey, DecisionModel]]:
        """Return the decisions, each with what its group is known by."""
        return self._models.items()

    def find(self, group: Group) -> DecisionModel | None:
        """Return what is decided of a group; None for nothing."""
        return self._models.get(group.name)

    def put(self, model: DecisionModel) -> None:
        """Decide a group, in the place of what was decided of its rows."""
        name = name_model(model)
        for row in name[1]:
            other = self._by_row.get((name[0], row))
            if other is not None:
                self.drop(other)
        self._models[name] = model
        self._by_row.update({(name[0], row): name for row in name[1]})

    def drop(self, name: GroupKey) -> None:
        """Take a decision back."""
        self._models.pop(name, None)
        self._texts.pop(name, None)
        for row in name[1]:
            self._by_row.pop((name[0], row), None)

    def save(self) -> None:
        """Write the file anew, readable by its owner only."""
        if not self._is_kept:
            return
        for name, model in self._models.items():
            if name not in self._texts:
                self._texts[name] = write_decision(model)
        texts = [self._texts[name] for name in self._models]
        write_text(self.path, "\n".join([*_HEAD, "", *texts]) if texts else "version: 1\n")


def name_model(model: DecisionModel) -> GroupKey:
    """Return by what the group of a decision is known."""
    return name_group(model.table, [row.sha256 for row in model.rows])


@contextmanager
def open_book(home: Home, *, dry_run: bool = False) -> Iterator[Book]:
    """Open the decisions of a target directory, for this process alone; a dry run keeps nothing, and waits for nobody.

    Raises LockedError where another one decides there, PlanError for a file that somebody broke, GuardError.
    """
    if dry_run:
        yield read_book(home.decisions, is_kept=False)
        return
    home.refuse_links()
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(home.root / "decisions.lock"))
        except LockedError as error:
            who = error.fact.rpartition("(")[2].rstrip(")")
            fact = f"somebody decides here already ({who})"
            raise LockedError(home.target, fact, "wait until they have ended, then the same command") from None
        yield read_book(home.decisions)


def read_book(path: Path, *, is_kept: bool = True) -> Book:
    """Read the decisions of a file, if it is there. Raises PlanError for one that somebody broke. Read-only."""
    if not path.is_file():
        return Book(path, is_kept=is_kept)
    model = read_plain_model(path, DecisionsModel, PlanError)
    check_decisions(path, model)
    taken = [one for one in model.decisions if one.take is not None]
    fill = {"by": model.by, "why": model.why}
    return Book(
        path,
        [one.model_copy(update={name: getattr(one, name) or said for name, said in fill.items()}) for one in taken],
        is_kept=is_kept,
    )


def describe_take(take: Take, hashes: Sequence[str], group: Group) -> Taken:
    """Return what is taken by the numbers of the group's own rows; ``hashes`` are the rows that a decision lists."""
    places = {row.sha256: row.number for row in reversed(group.rows)}
    if isinstance(take, str):
        return ALL
    if isinstance(take, int):
        return places[hashes[take - 1]]
    names = {fold(name): name for name in group.columns}
    found = {names.get(fold(name), name): places[hashes[number - 1]] for name, number in take.items()}
    return tuple(sorted(found.items()))


def record(group: Group, taken: Taken, *, by: str, at: datetime, why: str) -> DecisionModel:
    """Return the decision about a group, as it is kept: without its values.

    The key, by which people know it, is left out where it is secret, or the target is encrypted.
    """
    key = {} if group.is_secret or MASK in group.key.values() else dict(group.key)
    rows = [RowModel(source=row.source, sha256=row.sha256, row=row.rowid) for row in group.rows]
    take: int | Literal["all"] | dict[str, int] = dict(taken) if isinstance(taken, tuple) else taken
    return DecisionModel(table=group.table, key=key, rows=rows, take=take, by=by, at=at, why=why or None)


def name_user() -> str:
    """Return the login name, or the number of a user who has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}"
