"""What a merge should do, in plain Python, written from the plan's semantics and not from the engine.

Rows come in the plan's order: best source first, then by row. Their values are as the target stores them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Value = int | float | bytes | None
Values = tuple[Value, ...]
Place = tuple[str, int]  # source and row
FRESH = "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    place: Place
    values: Values
    wanted: bool  # the plan's `where` holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    rule: str
    key: tuple[int, ...]
    instant: Callable[[Value], float | None]  # None: unreadable; infinity: none at all, so never the best
    by: tuple[int, ...] = ()
    columns: Mapping[int, tuple[str, int]] = field(default_factory=dict)  # merge: column to rule and `by`
    rowid: int | None = None  # the column that is the row's integer id
    renumber: bool = False
    unique: tuple[tuple[int, ...], ...] = ()
    required: tuple[int, ...] = ()


def typed(values: Iterable[Value]) -> tuple[object, ...]:
    return tuple((type(v).__name__, struct.pack(">d", v) if isinstance(v, float) else v) for v in values)


def ranked(value: Value) -> tuple[int, Value]:
    return {"NoneType": -1, "RawText": 1, "bytes": 2}.get(type(value).__name__, 0), value


def merge(rows: Sequence[Row], rules: Rules) -> tuple[dict[Place, str], list[tuple[object, ...]]] | None:
    """Return each row's disposition and the target's rows; None when the rule is fail and rows differ."""
    fate = {row.place: "filtered" for row in rows}
    groups: dict[object, list[Row]] = {}
    for row in rows:
        keys = tuple(ranked(row.values[column]) for column in rules.key)
        if row.wanted:
            groups.setdefault(row.place if not keys or (-1, None) in keys else keys, []).append(row)
    kept = [survivor for group in groups.values() for survivor in decide(group, rules)]
    if any(row is None and rules.rule == "fail" for row, _, _ in kept):
        return None
    order = {row.place: number for number, row in enumerate(rows)}
    return fate, place_all(sorted(kept, key=lambda one: order[one[0].place] if one[0] else -1), rules, fate)


def content(values: Values, rules: Rules) -> tuple[object, ...]:
    return typed(v for column, v in enumerate(values) if not rules.renumber or column != rules.rowid)


Survivor = tuple[Row | None, Values, dict[Place, str]]  # the row that stays, what it became, and who stands behind it


def decide(group: list[Row], rules: Rules) -> list[Survivor]:
    variants: dict[object, list[Row]] = {}
    for row in group:
        variants.setdefault(content(row.values, rules), []).append(row)
    heads = [same[0] for same in variants.values()]
    made, behind = None, "superseded"
    if len(heads) == 1 or rules.rule == "prefer":
        made = heads[0].values
    elif rules.rule in ("newest", "oldest"):
        stamps = [tuple(rules.instant(row.values[column]) for column in rules.by) for row in heads]
        best = None if any(None in stamp for stamp in stamps) else (max if rules.rule == "newest" else min)(stamps)
        made = heads[stamps.index(best)].values if stamps.count(best) == 1 else None
    elif rules.rule == "merge":
        made, behind = tuple(choose(column, group, rules) for column in range(len(heads[0].values))), "merged_changed"
    elif rules.rule == "keep_both":
        return [survivor for same in variants.values() for survivor in decide(same, rules)]
    if made is None:
        return [(None, (), {row.place: "quarantined" for row in group})]
    equal = [row for row in group if content(row.values, rules) == content(made, rules)]
    stays = group[0] if rules.rule == "merge" else equal[0]
    others = {row.place: "merged_identical" if row in equal else behind for row in group if row is not stays}
    return [(stays, made, others)]


def choose(column: int, group: list[Row], rules: Rules) -> Value:
    rule, by = rules.columns.get(column, ("first_non_null", 0))
    if column in rules.key or (rules.renumber and column == rules.rowid) or rule == "prefer":
        return group[0].values[column]
    if rule in ("newest", "oldest"):
        stamps = [rules.instant(row.values[by]) for row in group]
        known = [stamp for stamp in stamps if stamp is not None and abs(stamp) != float("inf")]
        best = (max if rule == "newest" else min)(known) if known else stamps[0]
        return group[stamps.index(best)].values[column]
    held = [row.values[column] for row in group if row.values[column] is not None] or [None]
    return {"max": max, "min": min}.get(rule, lambda values, **_: values[0])(held, key=ranked)


def place_all(survivors: list[Survivor], rules: Rules, fate: dict[Place, str]) -> list[tuple[object, ...]]:
    """Put rows into the target in order; what a constraint refuses is quarantined with all who stand behind it."""
    taken: set[object] = set()
    target: list[tuple[object, ...]] = []
    for row, values, behind in survivors:
        fate.update(behind)
        if row is None:
            continue
        final, claims = typed(values), {(index, *(ranked(values[c]) for c in index)) for index in rules.unique}
        claims = {claim for claim in claims if (-1, None) not in claim}
        if rules.rowid is not None:
            claim = (rules.rowid, values[rules.rowid])
            bad = claim in taken or not isinstance(claim[1], int)
            if bad and rules.renumber:
                final = (*final[: rules.rowid], FRESH, *final[rules.rowid + 1 :])
            else:
                claims |= {claim} if not bad else {None}
        if None in claims or claims & taken or any(values[c] is None for c in rules.required):
            fate.update(dict.fromkeys([row.place, *behind], "quarantined"))
            continue
        fate[row.place] = "inserted"
        taken |= claims
        target.append(final)
    return target
