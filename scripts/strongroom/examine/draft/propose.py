"""Propose, for every table name, where its rows go and what decides when two files disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from strongroom.core.quoting import fold
from strongroom.examine.draft.survey import (
    Found,
    Sharing,
    Survey,
    compare,
    declared_parents,
    is_unique_by_census,
    share_of_references,
)
from strongroom.sqlite.schema import Table

Place = tuple[Found, Table]
_MOSTLY = 0.5
_SURELY = 0.95
_KEEP_BOTH = "{rule: keep_both}"
_INSTANTS = ("updated_at", "modified_at", "last_modified", "last_updated", "last_update", "modified", "updated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One target table, with the reasons for every line of it."""

    into: str
    inputs: tuple[str, ...]
    key: tuple[str, ...] = ()
    identity: str | None = None
    conflict: str = ""
    """As YAML in flow style; empty where the plan's default holds."""
    references: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    choose: str = ""
    """What a person has to decide; empty where the draft is sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A whole draft."""

    survey: Survey
    copies: tuple[str, ...]
    """Tables that one file has alone."""
    rules: tuple[Rule, ...]


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
            copies.append(f"{places[0][0].source}.{places[0][1].name}")
        elif _share_no_column(places):
            rules += _keep_apart(places)
        else:
            rules.append(_propose_rule(places))
    return Proposal(survey=survey, copies=tuple(copies), rules=tuple(_tell_apart(rules, groups)))


def _tell_apart(rules: list[Rule], groups: Mapping[str, Sequence[Place]]) -> list[Rule]:
    """Give fresh ids to rows that refer to renumbered ones: equal numbers in them do not mean the same."""
    while True:
        renumbered = {fold(rule.into) for rule in rules if rule.identity or rule.conflict == _KEEP_BOTH}
        changed = [
            _keep_both(rule, groups[fold(rule.into)]) if _follows(rule, rules, groups, renumbered) else rule
            for rule in rules
        ]
        if changed == rules:
            return rules
        rules = changed


def _follows(rule: Rule, rules: Sequence[Rule], groups: Mapping[str, Sequence[Place]], renumbered: set[str]) -> bool:
    """Tell whether a table has numbers of its own and refers to a table whose numbers change."""
    places = groups.get(fold(rule.into), ())
    is_numbered = len(places) > 1 and all(table.integer_key is not None for _, table in places)
    if fold(rule.into) in renumbered or not is_numbered or len(rule.inputs) < len(places):
        return False
    guessed = any(name.rpartition(".")[0] == rule.into for other in rules for name in other.references)
    return guessed or any(declared_parents(found, table) & renumbered for found, table in places)


def _keep_both(rule: Rule, places: Sequence[Place]) -> Rule:
    key = str(places[0][1].integer_key)
    why = (*rule.why, f"they refer to rows whose numbers change, so equal {key} are different rows")
    return Rule(into=rule.into, inputs=rule.inputs, conflict=_KEEP_BOTH, why=why,
                references=_guess_references(places, key))  # fmt: skip


def _share_no_column(places: Sequence[Place]) -> bool:
    return any(not set(one.by_name) & set(two.by_name) for (_, one), (_, two) in combinations(places, 2))


def _keep_apart(places: Sequence[Place]) -> Iterator[Rule]:
    """Give same-named tables of different shape names of their own, all but the first."""
    for number, (found, table) in enumerate(places):
        name = table.name if not number else f"{found.source}_{table.name}"
        why = (f"{len(places)} files have a table {table.name}, and they do not share their columns",)
        yield Rule(into=name, inputs=(f"{found.source}.{table.name}",), why=why)


def _propose_rule(places: Sequence[Place]) -> Rule:
    table = places[0][1]
    inputs = tuple(f"{found.source}.{held.name}" for found, held in places)
    if not table.primary_key or any(held.primary_key != table.primary_key for _, held in places):
        return _propose_without_key(places, inputs)
    key = table.primary_key
    sharing = _share(places, key)
    if sharing.shared == 0:
        return Rule(into=table.name, inputs=inputs, why=(f"no {', '.join(key)} stands in two files",))
    said = f"{sharing.shared} times a {', '.join(key)} stands in two files, {sharing.equal} times with the same row"
    if table.integer_key is None or sharing.equal >= _MOSTLY * sharing.shared:
        return _propose_same_rows(places, inputs, key, sharing, said)
    natural = _find_natural_key(places)
    if natural:
        why = (said, f"so {key[0]} is no more than a number; {', '.join(natural)} is unique in every file")
        conflict, choose = _decide(places)
        return Rule(into=table.name, inputs=inputs, key=natural, identity=key[0], conflict=conflict, why=why,
                    choose=choose, references=_guess_references(places, key[0]))  # fmt: skip
    why = (said, f"so equal {key[0]} are different rows: the later ones get fresh ids")
    return Rule(into=table.name, inputs=inputs, conflict=_KEEP_BOTH, why=why,
                references=_guess_references(places, key[0]))  # fmt: skip


def _propose_same_rows(
    places: Sequence[Place], inputs: tuple[str, ...], key: tuple[str, ...], sharing: Sharing, said: str
) -> Rule:
    name = places[0][1].name
    if sharing.equal == sharing.shared:
        return Rule(into=name, inputs=inputs, key=key, why=(said,))
    conflict, choose = _decide(places)
    return Rule(into=name, inputs=inputs, key=key, conflict=conflict, why=(said,), choose=choose)


def _propose_without_key(places: Sequence[Place], inputs: tuple[str, ...]) -> Rule:
    table = places[0][1]
    natural = _find_natural_key(places)
    if natural:
        conflict, choose = _decide(places)
        why = (f"without a common primary key; {', '.join(natural)} is unique in every file",)
        return Rule(into=table.name, inputs=inputs, key=natural, conflict=conflict, why=why, choose=choose)
    why = ("without a key: every row of every file is kept",)
    choose = "are these copies of one table? Then drop all but one" if _look_alike(places) else ""
    return Rule(into=table.name, inputs=inputs, why=why, choose=choose)


def _look_alike(places: Sequence[Place]) -> bool:
    (one, left), (two, right) = places[0], places[1]
    names = [column.name for column in left.stored if fold(column.name) in right.by_name]
    return bool(names) and compare(one, left, two, right, names).shared > 0


def _share(places: Sequence[Place], key: Sequence[str]) -> Sharing:
    shares = [compare(one, left, two, right, key) for (one, left), (two, right) in combinations(places, 2)]
    return Sharing(shared=sum(share.shared for share in shares), equal=sum(share.equal for share in shares))


def _find_natural_key(places: Sequence[Place]) -> tuple[str, ...]:
    """Return columns that a constraint of one file keeps unique, and the rows of all do."""
    for index in places[0][1].indexes:
        columns = tuple(index.columns)
        if not index.unique or index.partial or not columns or columns == places[0][1].primary_key:
            continue
        if all(fold(name) in table.by_name for _, table in places for name in columns) and all(
            is_unique_by_census(found, table, columns) for found, table in places
        ):
            return columns
    return ()


def _decide(places: Sequence[Place]) -> tuple[str, str]:
    """Return what decides between two versions of a row, and what a person has to say about it."""
    for name in _INSTANTS:
        if all(name in table.by_name for _, table in places):
            return f"{{rule: newest, by: {places[0][1].by_name[name].name}}}", ""
    newest_first = sorted(places, key=lambda place: -place[0].database.path.stat().st_mtime_ns)
    order = ", ".join(found.source for found, _ in newest_first)
    return f"{{rule: prefer, order: [{order}]}}", "which file is right? The one written last is named first"


def _guess_references(places: Sequence[Place], own: str) -> tuple[str, ...]:
    """Return columns, by table and name, that look like this table's ids and hold them; declared keys need no guess."""
    table = places[0][1]
    stem = fold(table.name)
    likely = {f"{stem}_{fold(own)}", f"{stem.removesuffix('s')}_{fold(own)}", f"{stem.removesuffix('s')}{fold(own)}"}
    found: dict[str, None] = {}
    for database, parent in places:
        for child in database.schema.tables.values():
            for column in child.stored:
                is_likely = fold(column.name) in likely and child.kind == "table"
                if is_likely and share_of_references(database, child, column.name, parent, own) >= _SURELY:
                    found[f"{child.name}.{column.name}"] = None
    return tuple(found)
