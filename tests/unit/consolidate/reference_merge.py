"""What a merge should do, in sixty lines of Python, written from the plan's semantics and not from the engine.

Rows come in the plan's order: best source first, then by row. Their values are as the target stores them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isinf

Value = int | float | bytes | None
Values = tuple[Value, ...]
Place = tuple[str, int]  # source and row
FRESH = "fresh"
NULL = (-1, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    place: Place
    values: Values
    wanted: bool  # the plan's `where` holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    rule: str
    key: tuple[int, ...]  # columns, by their numbers
    instant: Callable[[Value], float | None]  # None: unreadable; infinity: none at all, so never the best
    by: tuple[int, ...] = ()
    columns: Mapping[int, tuple[str, int | str]] = field(default_factory=dict)  # merge: to rule, and `by` or pattern
    has_id: bool = False  # column 0 is the row's integer id
    renumber: bool = False
    unique: tuple[tuple[int, ...], ...] = ()
    required: tuple[int, ...] = ()


Survivor = tuple[Row, Values, dict[Place, str]]  # the row that stays, what it becomes, and who stands behind it


def typed(values: Iterable[Value]) -> tuple[object, ...]:
    return tuple((type(v).__name__, struct.pack(">d", v) if isinstance(v, float) else v) for v in values)


def ranked(value: Value) -> tuple[int, Value]:
    return {"NoneType": -1, "RawText": 1, "bytes": 2}.get(type(value).__name__, 0), value


def merge(rows: Sequence[Row], rules: Rules) -> tuple[dict[Place, str], list[tuple[object, ...]]] | None:
    """Return each row's disposition and the target's rows; None when the rule is fail and rows differ."""
    fate = {row.place: "filtered" for row in rows}
    groups: dict[object, list[Row]] = {}
    for row in (row for row in rows if row.wanted):
        key = tuple(ranked(row.values[column]) for column in rules.key)
        groups.setdefault(row.place if not key or NULL in key else key, []).append(row)
    survivors = [survivor for group in groups.values() for survivor in decide(group, rules, fate)]
    failed = rules.rule == "fail" and "quarantined" in fate.values()
    return None if failed else (fate, settle(sorted(survivors, key=lambda one: rows.index(one[0])), rules, fate))


def decide(group: list[Row], rules: Rules, fate: dict[Place, str]) -> list[Survivor]:
    variants: dict[object, list[Row]] = {}
    for row in group:
        variants.setdefault(typed(row.values[rules.renumber :]), []).append(row)
    heads, made, loser = [same[0] for same in variants.values()], None, "superseded"
    if rules.rule == "keep_both" and len(heads) > 1:
        return [survivor for same in variants.values() for survivor in decide(same, rules, fate)]
    if len(heads) == 1 or rules.rule == "prefer":
        made = heads[0].values
    elif rules.rule in ("newest", "oldest"):
        made = find_best(heads, rules)
    elif rules.rule == "merge":
        made, loser = tuple(choose(column, group, rules) for column in range(len(heads[0].values))), "merged_changed"
    if made is None and rules.rule == "fail":
        fate.update((row.place, "quarantined") for row in group)
        return []
    if made is None:
        made, loser = heads[0].values, "quarantined"  # undecided: the first is shown, the others wait
    equal = variants.get(typed(made[rules.renumber :]), [])
    stays = group[0] if rules.rule == "merge" else equal[0]
    return [(stays, made, {r.place: "merged_identical" if r in equal else loser for r in group if r is not stays})]


def find_best(heads: list[Row], rules: Rules) -> Values | None:
    """Return the newest (oldest) row, by a later column where the earlier ones tie; None for a tie in all."""
    for column in rules.by:
        stamps = [rules.instant(row.values[column]) for row in heads]
        known = [stamp for stamp in stamps if stamp is not None]
        if len(known) < len(stamps):
            return None
        best = (max if rules.rule == "newest" else min)(known)
        heads = [row for row, stamp in zip(heads, stamps, strict=True) if stamp == best]
        if len(heads) == 1:
            return heads[0].values
    return None


def choose(column: int, group: list[Row], rules: Rules) -> Value:
    rule, by = rules.columns.get(column, ("first_non_null", 0))
    if column in rules.key or (rules.renumber and column == 0) or rule == "prefer":
        return group[0].values[column]
    if rule in ("newest", "oldest"):
        stamps = [rules.instant(row.values[int(by)]) for row in group]
        known = [stamp for stamp in stamps if stamp is not None and not isinf(stamp)]
        return group[stamps.index((max if rule == "newest" else min)(known)) if known else 0].values[column]
    held = [row.values[column] for row in group if row.values[column] is not None] or [None]
    if rule == "first_valid":
        return next((value for value in held if is_valid(value, str(by))), held[0])
    return held[0] if rule == "first_non_null" else (max if rule == "max" else min)(held, key=ranked)


def is_valid(value: Value, pattern: str) -> bool:
    """Tell whether a value is TEXT, in UTF-8, and fits as a whole."""
    try:
        return type(value).__name__ == "RawText" and re.fullmatch(pattern, bytes(value or b"").decode()) is not None
    except UnicodeDecodeError:
        return False


def settle(survivors: list[Survivor], rules: Rules, fate: dict[Place, str]) -> list[tuple[object, ...]]:
    """Put rows in, in order; what a constraint refuses is quarantined with all who stand behind it."""
    taken: set[object] = set()
    target: list[tuple[object, ...]] = []
    for row, values, behind in survivors:
        bad_id = rules.has_id and not isinstance(values[0], int)
        fresh = rules.renumber and (bad_id or ((0,), ranked(values[0])) in taken)
        claims = {(index, *(ranked(values[c]) for c in index)) for index in rules.unique if not fresh or index != (0,)}
        claims = {claim for claim in claims if NULL not in claim}
        lacks = any(values[column] is None for column in rules.required) or (bad_id and not fresh)
        if lacks or claims & taken:
            fate.update(dict.fromkeys([row.place, *behind], "quarantined"))
            continue
        fate.update({row.place: "inserted", **behind})
        taken |= claims
        target.append((FRESH, *typed(values[1:])) if fresh else typed(values))
    return target
