"""Let what refers to renumbered rows follow them: columns by a guessed reference, tables by fresh ids of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from strongroom.core.quoting import fold
from strongroom.examine.draft.model import KEEP_BOTH, GuessedReference, Rule
from strongroom.examine.draft.naming import Hint
from strongroom.examine.draft.references import ReferenceSearch, Suspect, assign
from strongroom.examine.draft.survey import Place, Survey

Groups = Mapping[str, Sequence[Place]]
"""Folded name to the tables of that name."""


def tell_apart(rules: Sequence[Rule], groups: Groups, survey: Survey) -> list[Rule]:
    """Give fresh ids to rows that refer to renumbered ones: equal numbers in them do not mean the same.

    Every undeclared column that seems to hold ids which change becomes a guessed reference.
    """
    search = ReferenceSearch(survey=survey, homes=_find_homes(rules, survey))
    current = list(rules)
    while True:
        suspects = _find_suspects(current, groups, search)
        followers = _find_followers(current, survey, search) | {
            suspect.table for suspect in suspects if suspect.hint > Hint.NOTHING
        }
        changed = [
            _keep_both(rule, groups[fold(rule.into)]) if rule.into in followers and _may_follow(rule, groups) else rule
            for rule in current
        ]
        if changed == current:
            return _refer(current, suspects)
        current = changed


def _find_homes(rules: Sequence[Rule], survey: Survey) -> Mapping[tuple[str, str], str]:
    """Return, by source and folded table, the name that each table has in the target."""
    moved = {name: rule.into for rule in rules for name in rule.inputs}
    return {
        (found.source, fold(table.name)): moved.get(f"{found.source}.{table.name}", table.name)
        for found in survey.found
        for table in found.schema.tables.values()
    }


def _find_suspects(rules: Sequence[Rule], groups: Groups, search: ReferenceSearch) -> list[Suspect]:
    found: list[Suspect] = []
    for rule in rules:
        places = groups.get(fold(rule.into), ())
        own = rule.identity or (places[0][1].integer_key if places else None)
        if rule.renumbers and own is not None:
            found += search.find(rule.into, places, own)
    return found


def _find_followers(rules: Sequence[Rule], survey: Survey, search: ReferenceSearch) -> set[str]:
    """Return the tables that declare a reference to a renumbered one."""
    renumbered = {rule.into for rule in rules if rule.renumbers}
    return {
        search.homes[found.source, key.table]
        for found in survey.found
        for key in found.foreign_keys
        if search.homes.get((found.source, key.parent)) in renumbered
    }


def _may_follow(rule: Rule, groups: Groups) -> bool:
    """Tell whether a table has numbers of its own, some of them twice, that do not change yet."""
    places = groups.get(fold(rule.into), ())
    is_numbered = len(places) > 1 and all(table.integer_key is not None for _, table in places)
    is_whole = len(rule.inputs) == len(places)
    return is_numbered and is_whole and not rule.renumbers and rule.sharing is not None and rule.sharing.shared > 0


def _keep_both(rule: Rule, places: Sequence[Place]) -> Rule:
    key = str(places[0][1].integer_key)
    why = (*rule.why, f"they refer to rows whose numbers change, so equal {key} are different rows")
    ids = "ids" if key == "id" else f"values of {key}"
    shared = rule.sharing.shared if rule.sharing else 0
    said = (rule.sharing.describe() if rule.sharing else "") or f"{shared} {ids} stand in two files"
    choose = f"{said}, and refer to rows whose numbers change; guessed: {KEEP_BOTH.describe()}"
    others = tuple(other for other in map(str, filter(None, [rule.decision])))
    instead = (*others, *(other for other in rule.instead if other not in (*others, str(KEEP_BOTH))))
    return Rule(into=rule.into, inputs=rule.inputs, decision=KEEP_BOTH, sharing=rule.sharing, why=why, choose=choose,
                instead=instead or ("none, where the rows that they refer to keep their numbers",))  # fmt: skip


def _refer(rules: Sequence[Rule], suspects: Sequence[Suspect]) -> list[Rule]:
    assigned = assign(suspects)
    return [replace(rule, references=tuple(_guess(*one) for one in assigned.get(rule.into, ()))) for rule in rules]


def _guess(suspect: Suspect, also: Sequence[str]) -> GuessedReference:
    said = f"{suspect.ids} of {suspect.values} values in {suspect.source} are ids of {suspect.parent}"
    rivals = f" (and may be those of {', '.join(also)})" if also else ""
    guess = f"guessed: {suspect.name} refers to {suspect.parent}, and follows its new ids"
    return GuessedReference(
        column=suspect.name, choose=f"{said}{rivals}, and no foreign key says what they mean; {guess}"
    )
