"""Propose, for every table name, where its rows go and what decides when two files disagree.

A table whose equal ids hold different rows is marked for a person, whatever is guessed for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from strongroom.core.quoting import fold
from strongroom.examine.draft.compare import (
    Sharing,
    count_equal_rows,
    has_ties,
    is_split,
    is_unique_by_census,
    keeps_unique,
    share,
)
from strongroom.examine.draft.follow import tell_apart
from strongroom.examine.draft.model import KEEP_BOTH, Decision, Proposal, Rule
from strongroom.examine.draft.shapes import list_unique, name_of, tell_apart_by_shape
from strongroom.examine.draft.survey import Place, Survey

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
    apart, named = tell_apart_by_shape(groups.values()), dict(groups)
    for places in groups.values():
        if len(places) == 1:
            copies += _name_inputs(places)
            continue
        rules.append(_propose_shared([place for place in places if name_of(place) not in apart], len(places)))
        for place in places:
            if name_of(place) in apart:
                rules.append(_propose_apart(place, apart[name_of(place)], named))
                named[fold(rules[-1].into)] = [place]
        named[fold(places[0][1].name)] = [place for place in places if name_of(place) not in apart]
    return Proposal(survey=survey, copies=tuple(copies), rules=tuple(tell_apart(rules, named, survey)))


def _propose_shared(places: Sequence[Place], count: int) -> Rule:
    """Propose for those tables of one name that can be one."""
    if len(places) > 1:
        return _propose_rule(places)
    name = places[0][1].name
    why = f"{count} files have a table {name}, and no other one fits this one"
    return Rule(into=name, inputs=_name_inputs(places), why=(why,))


def _propose_apart(place: Place, reason: str, taken: Collection[str]) -> Rule:
    """Propose a name of its own for a table that does not fit the others of its name."""
    found, table = place
    name = _find_free_name(f"{found.source}_{table.name}", taken)
    why = f"{found.source} has a table {table.name} of its own: {reason}"
    return Rule(into=name, inputs=_name_inputs([place]), why=(why,))


def _find_free_name(name: str, taken: Collection[str]) -> str:
    free, number = name, 1
    while fold(free) in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _name_inputs(places: Sequence[Place]) -> tuple[str, ...]:
    return tuple(f"{found.source}.{table.name}" for found, table in places)


def _propose_rule(places: Sequence[Place]) -> Rule:
    table, inputs = places[0][1], _name_inputs(places)
    key = table.primary_key
    if not key or not _all_have(places, key):
        return _propose_without_key(places)
    sharing = share(places, key)
    split = _find_split(places, key)
    if split:
        return _propose_by_name(places, sharing, split, f"one {', '.join(split)} stands under two {', '.join(key)}")
    if sharing.shared == 0:
        return Rule(into=table.name, inputs=inputs, why=(f"no {', '.join(key)} stands in two files",))
    said = f"{sharing.shared} times one {', '.join(key)} stands in two files, {sharing.equal} times with the same row"
    if table.integer_key is None or sharing.equal >= _MOSTLY * sharing.shared:
        return _propose_same_rows(places, sharing, said)
    natural = _find_natural_key(places) or _find_met_key(places)
    if natural:
        return _propose_by_name(places, sharing, natural, said)
    why = (said, f"so equal {key[0]} are different rows: the later ones get fresh ids")
    return Rule(into=table.name, inputs=inputs, decision=KEEP_BOTH, sharing=sharing, why=why,
                choose=_mark(sharing, KEEP_BOTH.describe()), instead=_list_others(places, key, KEEP_BOTH))  # fmt: skip


def _propose_by_name(places: Sequence[Place], sharing: Sharing, natural: tuple[str, ...], said: str) -> Rule:
    """Propose to match rows by what else is unique; where ids are numbers, the later ones get fresh ones."""
    table, meeting = places[0][1], share(places, natural)
    key, number = table.primary_key, table.integer_key
    more = f"{key[0]} is no more than a number; " if number else ""
    why = (said, f"so {more}{', '.join(natural)} is unique in every file")
    guess = _decide(places, natural)
    told = f"rows with one {', '.join(natural)} are {guess.describe()}"
    told += f"; {number} is renumbered" if number else ""
    need = f"with key: [{', '.join(key)}] and no identity: " if number else f"with key: [{', '.join(key)}]: "
    return Rule(into=table.name, inputs=_name_inputs(places), key=natural, identity=number, decision=guess,
                sharing=sharing, why=why, choose=_mark(sharing, told) or _mark(meeting, told),
                instead=_list_others(places, natural, need=need))  # fmt: skip


def _mark(sharing: Sharing, guess: str) -> str:
    """Say what a person has to decide; nothing where equal keys hold equal rows."""
    return f"{sharing.describe()}; guessed: {guess}" if sharing.different else ""


def _propose_same_rows(places: Sequence[Place], sharing: Sharing, said: str) -> Rule:
    guess = _decide(places, sharing.key) if sharing.different else None
    instead = _list_others(places, sharing.key, guess) if guess else ()
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
        instead = _list_others(places, likely, need=f"key: [{', '.join(likely)}] and on_conflict: ")
        return Rule(into=name, inputs=inputs, why=(why,), choose=choose, instead=instead)
    equal = sum(count_equal_rows(one, two) for one, two in combinations(places, 2))
    said = f"{equal} times a row stands in two files: are these copies of one table? Then drop all but one"
    return Rule(into=name, inputs=inputs, why=(why,), choose=f"{said}; guessed: every row is kept" if equal else "")


def _all_have(places: Sequence[Place], names: Sequence[str]) -> bool:
    return all(fold(name) in table.by_name for _, table in places for name in names)


def _find_natural_key(places: Sequence[Place]) -> tuple[str, ...]:
    """Return columns that a constraint of one file keeps unique, and the rows of all do."""
    return next((one for one in _list_kept(places) if all(is_unique_by_census(*place, one) for place in places)), ())


def _find_met_key(places: Sequence[Place]) -> tuple[str, ...]:
    """Return columns that are to be unique, where two files have the same values: both could not be kept."""
    return next((one for one in _list_kept(places) if share(places, one).shared), ())


def _find_split(places: Sequence[Place], key: Sequence[str]) -> tuple[str, ...]:
    """Return columns that are to be unique, and stand under different keys in two files."""
    return next((one for one in _list_kept(places) if is_split(places, key, one)), ())


def _list_kept(places: Sequence[Place]) -> Iterator[tuple[str, ...]]:
    """Yield the columns that a constraint of the first file keeps unique, if the rows of every file do so."""
    for columns in list_unique(places[0][1]):
        if _all_have(places, columns) and all(keeps_unique(*place, columns) for place in places):
            yield columns


def _find_likely_key(places: Sequence[Place]) -> tuple[str, ...]:
    """Return columns that all files have and that look like ids: one file says so, or their name does."""
    tables = [table for _, table in places]
    if any(table.kind != "table" for table in tables):
        return ()
    stem = fold(tables[0].name).removesuffix("s")
    declared = [key for table in tables for key in (table.primary_key, *list_unique(table)) if key]
    named = [("id",), (f"{stem}_id",), (f"{stem}id",), ("uuid",), ("guid",)]
    return next((key for key in [*declared, *named] if _all_have(places, key)), ())


def _decide(places: Sequence[Place], key: Sequence[str]) -> Decision:
    """Return what most likely decides between two versions of a row, and leaves none open."""
    for name in _INSTANTS:
        if _all_have(places, (name,)):
            column = places[0][1].by_name[name].name
            if not has_ties(places, key, column):
                return Decision(rule="newest", by=column)
    return Decision(rule="prefer", order=_order_by_age(places))


def _order_by_age(places: Sequence[Place]) -> tuple[str, ...]:
    newest_first = sorted(places, key=lambda place: -place[0].database.path.stat().st_mtime_ns)
    return tuple(found.source for found, _ in newest_first)


def _list_others(
    places: Sequence[Place], key: Sequence[str], guess: Decision | None = None, need: str = ""
) -> tuple[str, ...]:
    """Return what a person may sensibly write instead of the guess; ``need`` is what else that takes."""
    order = _order_by_age(places)
    sensible = [_decide(places, key), Decision(rule="prefer", order=order), Decision(rule="merge", order=order)]
    sensible += [KEEP_BOTH] if places[0][1].integer_key else []
    sensible += [Decision(rule="quarantine")]
    return tuple(f"{need}{other}" for other in dict.fromkeys(sensible) if other != guess)
