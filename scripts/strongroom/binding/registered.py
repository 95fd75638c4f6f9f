"""Keep values of encrypted columns where they open: table, column and primary key are bound into each of them.

What ``columns:`` of ``system.yaml`` registers may move as it is; plans that rename, renumber or change it are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from strongroom.binding.model import BoundInput, Rewrite, TableJob, TargetJob, Work
from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import PlanError
from strongroom.core.plan import Plan, Target
from strongroom.core.quoting import fold

Judgement = tuple[str, str]
"""What is wrong, and what helps."""
_DECRYPT = "columns.decrypt it first, and columns.encrypt it where it lies then"
_ALIKE = ({"INTEGER", "NUMERIC"},)
"""Affinities under which a whole number stays what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """A registered column of an input, and where it goes."""

    target: TargetJob
    job: TableJob
    entry: BoundInput
    registered: ColumnEntry

    @property
    def into(self) -> Mapping[str, str]:
        """Return the target's columns by those of the source, folded."""
        return {fold(source): name for name, source in self.entry.columns.items()}

    @property
    def column(self) -> str:
        """Return the column that it becomes."""
        return self.into[fold(self.registered.column)]

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns that its primary key becomes."""
        return tuple(self.into[fold(name)] for name in self.registered.primary_key)


def refuse_unopened(plan: Plan, work: Work, entries: Sequence[ColumnEntry]) -> None:
    """Refuse a plan by which values of registered columns would lie where they do not open. Asks no key. Read-only.

    Raises PlanError naming the line of the table's rule.
    """
    for move in _list_moves(plan, work, entries):
        for fact, hint in _judge(plan, move, entries):
            where = f"{move.entry.name}.{move.registered.column} is an encrypted column"
            raise PlanError(_find_origin(plan, move.job, move.entry), f"{where}: {fact}", hint)


def is_in_file(entry: ColumnEntry, path: str) -> bool:
    """Tell whether a registered column stands in a SQLite file of the data directory."""
    return entry.sqlite is not None and PurePosixPath(entry.sqlite) == PurePosixPath(path)


def find_there(entries: Sequence[ColumnEntry], target: Target, table: str, column: str) -> ColumnEntry | None:
    """Return what is registered for a column of a target, in its file or in PostgreSQL."""
    for one in entries:
        is_place = is_in_file(one, target.path) or (one.postgres is not None and one.postgres == target.live_schema)
        if is_place and (fold(one.table), fold(one.column)) == (fold(table), fold(column)):
            return one
    return None


def judge_names(
    registered: ColumnEntry, there: ColumnEntry | None, table: str, column: str, key: Sequence[str]
) -> Iterator[Judgement]:
    """Yield what keeps values from opening where they go; ``there`` is what is registered for that place."""
    if there is None:
        if (fold(table), fold(column)) != (fold(registered.table), fold(registered.column)):
            hint = f"keep its name, or register the column that it becomes with was: [{registered.name}]"
            yield f"it becomes {table}.{column}, where no value of it opens", hint
        return
    unknown = [name for name in (registered.name, *registered.was) if name not in (there.name, *there.was)]
    if unknown:
        fact = f"it becomes {there.name} of {there.place}, which does not know it by its name of now"
        yield fact, f"say was: [{', '.join(unknown)}] there"
    if there.key != registered.key:
        fact = f"it becomes {there.name} of {there.place}, which is under {there.key}, and it is under {registered.key}"
        yield fact, "name one key in both"
    if list(map(fold, there.primary_key)) != list(map(fold, key)):
        fact = f"it becomes {there.name} of {there.place}, whose primary_key: is [{', '.join(there.primary_key)}]"
        yield f"{fact}, and its own becomes [{', '.join(key)}]", "name the same columns in the same order"


def _list_moves(plan: Plan, work: Work, entries: Sequence[ColumnEntry]) -> Iterator[_Move]:
    for target in work.targets:
        for job in target.tables:
            for entry in job.inputs:
                for one in _list_registered(plan, entry, entries):
                    yield _Move(target=target, job=job, entry=entry, registered=one)


def _list_registered(plan: Plan, entry: BoundInput, entries: Sequence[ColumnEntry]) -> list[ColumnEntry]:
    """Return the registered columns that an input brings along."""
    source = plan.sources.get(entry.source)
    if source is None:
        return []
    in_table = [one for one in entries if is_in_file(one, source.path) and fold(one.table) == fold(entry.table.name)]
    brought = set(map(fold, entry.columns.values()))
    return [one for one in in_table if fold(one.column) in brought]


def _judge(plan: Plan, move: _Move, entries: Sequence[ColumnEntry]) -> Iterator[Judgement]:
    missing = [name for name in move.registered.primary_key if fold(name) not in move.into]
    if missing:
        yield f"its primary key {', '.join(missing)} does not come along", "name the columns that tell its rows apart"
        return
    there = find_there(entries, plan.targets[move.target.name], move.job.table.name, move.column)
    yield from judge_names(move.registered, there, move.job.table.name, move.column, move.key)
    yield from _judge_value(move)
    for name in move.key:
        yield from _judge_key(move, name)
    yield from _judge_merge(move.job, move.column, move.key)


def _judge_value(move: _Move) -> Iterator[Judgement]:
    if move.column in move.job.transform:
        yield "it is transformed, and ciphertext is no value", _DECRYPT
    if move.column in move.job.key:
        yield "it is in the key, and equal values are different ciphertexts", "match rows by other columns"
    if any(move.column in rewrite.columns for rewrite in move.job.references_of(move.entry)):
        yield "it is followed as a reference, and ciphertext is no id", _DECRYPT


def _judge_key(move: _Move, name: str) -> Iterator[Judgement]:
    job, entry = move.job, move.entry
    if name in job.transform:
        yield f"its primary key {name} is transformed", _DECRYPT
    if name == job.identity and job.strategy != "keep":
        yield f"its primary key {name} is given anew ({job.strategy})", f"keep the ids, or {_DECRYPT}"
    jobs = {fold(one.table.name): one for one in move.target.tables}
    for rewrite in job.references_of(entry):
        if name in rewrite.columns and _may_change(jobs, rewrite, name, frozenset()):
            fact = f"its primary key {name} follows the ids of {rewrite.parent}, which may become others"
            yield fact, f"keep the ids there, or {_DECRYPT}"
    mine, source = job.table.by_name[fold(name)], entry.table.by_name[fold(entry.columns[name])]
    if mine.affinity != source.affinity and not any({mine.affinity, source.affinity} <= alike for alike in _ALIKE):
        fact = f"its primary key {name} is {source.affinity}, and becomes {mine.affinity}: 7 is another row than '7'"
        yield fact, "declare it with the type that its source has"


def _judge_merge(job: TableJob, column: str, key: Sequence[str]) -> Iterator[Judgement]:
    """Yield what lets a value come into another row: where rows match that have different primary keys."""
    if not job.key or (set(key) <= set(job.key) and not _is_loose(job, key)):
        return
    rules = {fold(name): rule.rule for name, rule in job.conflict.columns.items()}
    if job.conflict.rule == "merge" and rules.get(fold(column)) != "prefer":
        way = f"say {column}: {{rule: prefer}} under columns: of on_conflict, or match by {', '.join(key)}"
        yield "merge fills it from rows with other primary keys", way
    chosen = [name for name in key if name not in job.key and rules.get(fold(name), "prefer") != "prefer"]
    if chosen:
        yield f"merge chooses its primary key {', '.join(chosen)} apart from it", "leave it to the row that stays"
    if job.decisions:
        yield "a decision takes it from a row with another primary key", f"match by {', '.join(key)}"


def _is_loose(job: TableJob, key: Sequence[str]) -> bool:
    """Tell whether rows match though their primary keys are not the same, byte for byte."""
    collations = {
        name: collation
        for index in job.table.indexes
        if index.origin == "pk"
        for name, _, collation in index.parts
        if name is not None
    }
    return any(name in job.normalize or collations.get(name, "BINARY") != "BINARY" for name in key)


def _may_change(jobs: Mapping[str, TableJob], rewrite: Rewrite, name: str, seen: frozenset[tuple[str, str]]) -> bool:
    """Tell whether what a column holds may be another id in the target than in its source."""
    parent = jobs[fold(rewrite.parent)]
    held = rewrite.parent_columns[rewrite.columns.index(name)]
    if (parent.table.name, held) in seen:
        return False
    is_given_anew = parent.strategy != "keep" and parent.identity == held
    is_merged = bool(parent.key) and not set(rewrite.parent_columns) <= set(parent.key)
    if rewrite.orphans == "null" or is_given_anew or is_merged or _is_loose(parent, rewrite.parent_columns):
        return True
    known = seen | {(parent.table.name, held)}
    further = [one for one in parent.rewrites if held in one.columns]
    return held in parent.transform or any(_may_change(jobs, one, held, known) for one in further)


def _find_origin(plan: Plan, job: TableJob, entry: BoundInput) -> str:
    """Return the line of the plan by which an input goes where it goes."""
    rules = [rule for rule in plan.tables if rule.target == job.target]
    named = [rule for rule in rules if fold(rule.table) == fold(job.table.name)]
    swept = [rule for rule in rules if any(one.source == entry.source and one.table == "*" for one in rule.inputs)]
    return next((rule.origin for rule in (*named, *swept)), str(plan.path))
