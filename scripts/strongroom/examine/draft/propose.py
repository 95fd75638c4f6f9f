"""Propose, for every table name, where its rows go and what decides when two files disagree.

A table whose equal ids hold different rows is marked for a person, whatever is guessed for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from strongroom.core.quoting import fold
from strongroom.examine.draft.compare import Sharing, count_equal_rows, is_unique_by_census, share
from strongroom.examine.draft.follow import tell_apart
from strongroom.examine.draft.model import KEEP_BOTH, Decision, Proposal, Rule
from strongroom.examine.draft.survey import Place, Survey
from strongroom.sqlite.schema import Table

_MOSTLY = 0.5
_INSTANTS = ("updated_at", "modified_at", "last_modified", "last_updated", "last_update", "modified", "updated")


def propose(survey: Survey) -> Proposal:
    """Give every table of every file a place. Read-only."""
    groups: dict[str, list[Place]] = {}
    for found in survey.found:
        for table in found.schema.tables.values():
            groups.setdefault(fold(table.name), []).append((found, table))
    copies: list[str] = []
    rules: list[Rule] = []
    for places in groups.values():
        if len(places) == 1:
            copies += _name_inputs(places)
        elif _share_no_column(places):
            rules += _keep_apart(places)
        else:
            rules.append(_propose_rule(places))
    return Proposal(survey=survey, copies=tuple(copies), rules=tuple(tell_apart(rules, groups, survey)))


def _name_inputs(places: Sequence[Place]) -> tuple[str, ...]:
    return tuple(f"{found.source}.{table.name}" for found, table in places)


def _share_no_column(places: Sequence[Place]) -> bool:
    return any(not set(one.by_name) & set(two.by_name) for (_, one), (_, two) in combinations(places, 2))


def _keep_apart(places: Sequence[Place]) -> Iterator[Rule]:
    """Give same-named tables of different shape names of their own, all but the first."""
    for number, (found, table) in enumerate(places):
        name = table.name if not number else f"{found.source}_{table.name}"
        why = (f"{len(places)} files have a table {table.name}, and they do not share their columns",)
        yield Rule(into=name, inputs=(f"{found.source}.{table.name}",), why=why)


def _propose_rule(places: Sequence[Place]) -> Rule:
    table, inputs = places[0][1], _name_inputs(places)
    key = table.primary_key
    if not key or not _all_have(places, key):
        return _propose_without_key(places)
    sharing = share(places, key)
    if sharing.shared == 0:
        return Rule(into=table.name, inputs=inputs, why=(f"no {', '.join(key)} stands in two files",))
    said = f"{sharing.shared} times one {', '.join(key)} stands in two files, {sharing.equal} times with the same row"
    if table.integer_key is None or sharing.equal >= _MOSTLY * sharing.shared:
        return _propose_same_rows(places, sharing, said)
    natural = _find_natural_key(places)
    if natural:
        why = (said, f"so {key[0]} is no more than a number; {', '.join(natural)} is unique in every file")
        guess = _decide(places)
        said = f"rows with one {', '.join(natural)} are {guess.describe()}; {key[0]} is renumbered"
        need = f"with key: [{key[0]}] and no identity: "
        return Rule(into=table.name, inputs=inputs, key=natural, identity=key[0], decision=guess, sharing=sharing,
                    why=why, choose=_mark(sharing, said), instead=_list_others(places, need=need))  # fmt: skip
    why = (said, f"so equal {key[0]} are different rows: the later ones get fresh ids")
    return Rule(into=table.name, inputs=inputs, decision=KEEP_BOTH, sharing=sharing, why=why,
                choose=_mark(sharing, KEEP_BOTH.describe()), instead=_list_others(places, KEEP_BOTH))  # fmt: skip


def _mark(sharing: Sharing, guess: str) -> str:
    """Say what a person has to decide; nothing where equal keys hold equal rows."""
    return f"{sharing.describe()}; guessed: {guess}" if sharing.different else ""


def _propose_same_rows(places: Sequence[Place], sharing: Sharing, said: str) -> Rule:
    guess = _decide(places) if sharing.different else None
    instead = _list_others(places, guess) if guess else ()
    return Rule(into=places[0][1].name, inputs=_name_inputs(places), key=sharing.key, decision=guess, sharing=sharing,
                why=(said,), choose=_mark(sharing, guess.describe()) if guess else "", instead=instead)  # fmt: skip


def _propose_without_key(places: Sequence[Place]) -> Rule:
    """Propose for a table that has no key in the target, or one that not all files have."""
    name, inputs = places[0][1].name, _name_inputs(places)
    likely = _find_likely_key(places)
    ids = share(places, likely) if likely else Sharing(key=(), meetings=())
    natural = _find_natural_key(places)
    if natural:
        why = f"without a common primary key; {', '.join(natural)} is unique in every file"
        rule = _propose_same_rows(places, share(places, natural), why)
        said = f"rows with one {', '.join(natural)} are one, all others are kept, {', '.join(likely)} as it is"
        return rule if rule.choose else replace(rule, choose=_mark(ids, said))
    why = "without a key: every row of every file is kept"
    if ids.different:
        choose = _mark(ids, "every row of every file is kept")
        instead = _list_others(places, need=f"key: [{', '.join(likely)}] and on_conflict: ")
        return Rule(into=name, inputs=inputs, why=(why,), choose=choose, instead=instead)
    equal = sum(count_equal_rows(one, two) for one, two in combinations(places, 2))
    said = f"{equal} times a row stands in two files: are these copies of one table? Then drop all but one"
    return Rule(into=name, inputs=inputs, why=(why,), choose=f"{said}; guessed: every row is kept" if equal else "")


def _all_have(places: Sequence[Place], names: Sequence[str]) -> bool:
    return all(fold(name) in table.by_name for _, table in places for name in names)


def _find_natural_key(places: Sequence[Place]) -> tuple[str, ...]:
    """Return columns that a constraint of one file keeps unique, and the rows of all do."""
    for columns in _list_unique(places[0][1]):
        is_primary = columns == places[0][1].primary_key
        if (
            not is_primary
            and _all_have(places, columns)
            and all(is_unique_by_census(*place, columns) for place in places)
        ):
            return columns
    return ()


def _list_unique(table: Table) -> Iterator[tuple[str, ...]]:
    yield from (index.columns for index in table.indexes if index.unique and not index.partial and index.columns)


def _find_likely_key(places: Sequence[Place]) -> tuple[str, ...]:
    """Return columns that all files have and that look like ids: one file says so, or their name does."""
    tables = [table for _, table in places]
    if any(table.kind != "table" for table in tables):
        return ()
    stem = fold(tables[0].name).removesuffix("s")
    declared = [key for table in tables for key in (table.primary_key, *_list_unique(table)) if key]
    named = [("id",), (f"{stem}_id",), (f"{stem}id",), ("uuid",), ("guid",)]
    return next((key for key in [*declared, *named] if _all_have(places, key)), ())


def _decide(places: Sequence[Place]) -> Decision:
    """Return what most likely decides between two versions of a row."""
    for name in _INSTANTS:
        if _all_have(places, (name,)):
            return Decision(rule="newest", by=places[0][1].by_name[name].name)
    return Decision(rule="prefer", order=_order_by_age(places))


def _order_by_age(places: Sequence[Place]) -> tuple[str, ...]:
    newest_first = sorted(places, key=lambda place: -place[0].database.path.stat().st_mtime_ns)
    return tuple(found.source for found, _ in newest_first)


def _list_others(places: Sequence[Place], guess: Decision | None = None, need: str = "") -> tuple[str, ...]:
    """Return what a person may sensibly write instead of the guess; ``need`` is what else that takes."""
    order = _order_by_age(places)
    sensible = [_decide(places), Decision(rule="prefer", order=order), Decision(rule="merge", order=order)]
    sensible += [KEEP_BOTH] if places[0][1].integer_key else []
    sensible += [Decision(rule="quarantine")]
    return tuple(f"{need}{other}" for other in dict.fromkeys(sensible) if other != guess)
