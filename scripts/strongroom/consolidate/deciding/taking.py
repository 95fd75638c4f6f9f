"""Take decisions from a file: each is tried against the groups of the run, then all are kept, or none is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from strongroom.consolidate.deciding.book import Taken, describe_take, name_model
from strongroom.consolidate.deciding.desk import Desk, label_of, refuse_take, say_taken
from strongroom.consolidate.deciding.groups import Group, GroupKey, find_table
from strongroom.consolidate.masking import MASK
from strongroom.core.errors import DecisionNeededError, PlanError, UnreachableError, UsageError
from strongroom.core.plan.decisions import DecisionModel, DecisionsModel, RowModel, check_decisions
from strongroom.core.quoting import fold
from strongroom.core.yaml_text.plain import read_plain_model

_REDECIDE = "leave it out, or say --redecide to decide it again"


def take_file(desk: Desk, path: Path, *, by: str | None, why: str | None) -> int:
    """Keep what a file decides; return how many groups it decides that were open before.

    ``by`` and ``why`` hold where the file says neither. Nothing is kept unless all of it can be. Raises
    UnreachableError, PlanError and UsageError for a file that is none, or not of this run, or asks for what its tables
    do not allow, and for what is decided otherwise already; DecisionNeededError for rows that changed since, or wait.
    """
    if not path.is_file():
        raise UnreachableError(path, "there is no such file", "consolidate.decide --draft FILE writes one")
    model = _fill(read_plain_model(path, DecisionsModel, PlanError), by, why)
    check_decisions(path, model)
    wanted = {name_model(one): one for one in model.decisions if one.take is not None}
    _refuse_foreign_tables(desk, path, wanted)
    found = _Matches(desk=desk, path=path, wanted=wanted)
    with closing(desk.read()) as groups:
        for group in groups:
            found.see(group)
    found.refuse_rest(model.run)
    for kept in found.kept:
        desk.book.put(kept)
    if found.kept:
        desk.book.save()
    return found.decided


def _fill(model: DecisionsModel, by: str | None, why: str | None) -> DecisionsModel:
    """Let each decision say who made it and why, as the file or the command line do for all."""
    by, why = model.by or by, model.why or why
    decisions = [one.model_copy(update={"by": one.by or by, "why": one.why or why}) for one in model.decisions]
    return model.model_copy(update={"decisions": decisions})


def _refuse_foreign_tables(desk: Desk, path: Path, wanted: Mapping[GroupKey, DecisionModel]) -> None:
    for table in {one.table for one in wanted.values()}:
        try:
            find_table(desk.folder, table)
        except UsageError as error:
            near = get_close_matches(table, desk.list_tables(), n=1)
            hint = f"did you mean {near[0]}?" if near else error.hint
            raise PlanError(path, error.fact, hint) from None


@dataclass(slots=True, kw_only=True)
class _Matches:
    """Which group each decision is about, as the groups pass by."""

    desk: Desk
    path: Path
    wanted: Mapping[GroupKey, DecisionModel]
    kept: list[DecisionModel] = field(default_factory=list)
    decided: int = 0
    _fitting: set[GroupKey] = field(default_factory=set)
    _changed: dict[GroupKey, str] = field(default_factory=dict)
    """What became of the rows of a decision that fits no more."""
    _by_row: dict[tuple[str, str], GroupKey] = field(init=False)
    _by_key: dict[tuple[str, tuple[str, ...]], GroupKey] = field(init=False)

    def __post_init__(self) -> None:
        self._by_row = {(table, row): (table, rows) for table, rows in self.wanted for row in rows}
        self._by_key = {
            (name[0], tuple(one.key.values())): name
            for name, one in self.wanted.items()
            if one.key and MASK not in one.key.values()
        }

    def see(self, group: Group) -> None:
        """Take what is decided about a group, or notice that its rows are others now."""
        model = self.wanted.get(group.name)
        if model is not None:
            self._fitting.add(group.name)
            self._take(group, model)
            return
        table = fold(group.table)
        by_row = (self._by_row.get((table, row.sha256)) for row in group.rows)
        meant = next(filter(None, by_row), self._by_key.get((table, tuple(group.key.values()))))
        if meant is not None:
            self._changed.setdefault(meant, _say_changed(self.wanted[meant], group))

    def _take(self, group: Group, model: DecisionModel) -> None:
        taken = describe_take(model.take or 1, [row.sha256 for row in model.rows], group)
        refuse_take(group, taken, self.path)
        known = self.desk.find_taken(group)
        if known is None:
            self.decided += 1
        elif known == taken:
            if self.desk.book.find(group) is not None:
                return
        else:
            self._refuse_otherwise(group, known)
            self.decided += 1
        self.kept.append(self.desk.record(group, taken, model))

    def _refuse_otherwise(self, group: Group, known: Taken) -> None:
        """Refuse another choice than what is decided already, unless it may be decided again."""
        fact = f"{group.label} is decided already: {_say_who(self.desk.find(group))} took {say_taken(known, group)}"
        if group.is_decided and self.desk.is_live:
            way = "to decide it again, roll back first (consolidate.rollback); or leave it out"
            raise UsageError(self.path, f"{fact}, and that is live", way)
        if not self.desk.redecide:
            raise UsageError(self.path, fact, _REDECIDE)

    def refuse_rest(self, made_from: str | None) -> None:
        """Make sure that every decision fits a group."""
        rest = [name for name in self.wanted if name not in self._fitting]
        if not rest:
            return
        if not self._fitting and not self._changed:
            origin = f"was made from run {made_from}" if made_from else "does not say from which run it was made"
            fact = f"fits nothing of run {self.desk.folder.name}: it {origin}"
            raise UsageError(self.path, fact, "name its run with --run, or make a new one with --draft FILE")
        first = next((name for name in rest if name in self._changed), rest[0])
        label, more = label_of(self.wanted[first]), f" (and {len(rest) - 1} more)" if len(rest) > 1 else ""
        said = self._changed.get(first, "no rule left its rows undecided in this run, or all of them changed")
        way = "nothing was kept: --draft FILE shows the rows as they are now; or take it out of the file"
        raise DecisionNeededError(self.path, f"{label}: {said}{more}", way)


def _say_changed(model: DecisionModel, group: Group) -> str:
    """Say which row is another one than when it was decided about."""
    now, then = {row.sha256: row for row in group.rows}, {row.sha256 for row in model.rows}
    gone = [row for row in model.rows if row.sha256 not in now]
    new = [row for row in group.rows if row.sha256 not in then]
    names = list(_name_rows(gone))
    if names:
        return f"{' and '.join(names)} changed since it was decided about"
    return f"{new[0].label} has come to it since it was decided about"


def _name_rows(rows: list[RowModel]) -> Iterator[str]:
    for row in rows:
        yield row.source if row.row is None else f"{row.source} row {row.row}"


def _say_who(model: DecisionModel | None) -> str:
    if model is None:
        return "somebody"
    when = "" if model.at is None else f" on {model.at:%Y-%m-%d}"
    return f"{model.by}{when}"
