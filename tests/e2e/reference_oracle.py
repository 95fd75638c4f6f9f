"""Does every published child point at the row that its parent became? A judge that imports nothing of ours.

It reads PLAN.md, section 5, once more in plain Python; SQLite compares values for it, as it does for foreign keys.
Every table of the tests has a column ``mark`` that no rule changes, unique over all files (rows that are identical but
for their id may share one): by it a source row is found in its target. The ledger is believed in one thing only: that
a row waits. Documents, and rows that a schema file inserts, are not looked at.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.e2e.reference_inputs import (
    Input,
    Reference,
    Row,
    Values,
    ask,
    list_columns,
    list_foreign_keys,
    list_inputs,
    list_key,
    list_tables,
    open_unchanged,
)

WAITS, GONE, NOWHERE = "it waits", "it was filtered", "it is nowhere"
"""What became of a source row without a row in the target; of another one, the target row's mark."""
NOTHING, ORPHAN, PARENT, WAITING = "nothing", "orphan", "parent", "waiting"
"""What a child refers to."""
LOSING = ("prefer", "newest", "oldest", "merge")
"""The rules by which a row may be lost to another one of its key."""
UNDECIDED = ("quarantine", "identical", "newest", "oldest")
"""The rules that may leave a group undecided: its first row is published, and the others, which wait, stand for it."""
CHANGES = {"trim": str.strip, "casefold": str.casefold}


def judge(plan: Mapping[str, Any], source: Path, target: Path) -> list[str]:
    """Return a sentence for every wrong pointer and every lost row of a published run; none is a pass. Read-only."""
    run = json.loads((target / ".strongroom" / "current.json").read_text())["run"]
    ledgers = target / ".strongroom" / "runs" / run / "ledger"
    with ExitStack() as stack:
        files = {
            **{f"source {name}": source / one["path"] for name, one in plan["sources"].items()},
            **{f"target {name}": target / one["path"] for name, one in plan["targets"].items()},
            **{f"ledger {name}": ledgers / f"{name}.db" for name in plan["targets"]},
        }
        opened = {
            name: stack.enter_context(closing(open_unchanged(path))) for name, path in files.items() if path.exists()
        }
        return list(dict.fromkeys(Judge(plan, opened).find()))


def is_same(one: Values, other: Values) -> bool:
    """Tell whether values are equal, and of equal types."""
    return [(type(value), value) for value in one] == [(type(value), value) for value in other]


def tells_where(fault: str) -> bool:
    """Sort the faults of a merged row: first the one that tells where it points."""
    return "points at" not in fault


class Judge:
    """One judgement: the inputs of a plan, what their rows became, and what they refer to."""

    def __init__(self, plan: Mapping[str, Any], files: Mapping[str, sqlite3.Connection]) -> None:
        self.files = files
        self.rules: dict[str, Mapping[str, Any]] = {rule["into"]: rule for rule in plan.get("tables", ())}
        self.inputs = list(list_inputs(plan, files))
        self.dropped = {one["table"] for one in plan.get("drop", ())}
        self.sources = {one: self.read_rows("source", one.name) for one in self.inputs}
        self.targets = {one.into: self.read_rows("target", one.into) for one in self.inputs}
        self.waiting = {one: self.read_waiting(one) for one in self.inputs}
        self.filtered = {one: self.read_filtered(one) for one in self.inputs}
        self.references = {(one.child, one.place): one for one in reversed([*self.find_references()])}
        self.find_fate, self.find_meant = cache(self._find_fate), cache(self._find_meant)

    def read_rows(self, kind: str, name: str) -> dict[str, Row]:
        file, table = name.split(".")
        return {row["mark"]: row for row in ask(self.files[f"{kind} {file}"], f'SELECT * FROM "{table}"')}

    def read_waiting(self, one: Input) -> set[str]:
        ledger = self.files[f"ledger {one.into.split('.')[0]}"]
        about = ask(ledger, "SELECT columns FROM inputs WHERE kept_table = ?", (one.name,))
        place = [name.lower() for name in json.loads(about[0]["columns"])].index("mark")
        kept = ask(ledger, f"SELECT c{place} AS mark FROM \"{one.name}\" WHERE _disposition = 'quarantined'")
        return {row["mark"] for row in kept}

    def read_filtered(self, one: Input) -> set[str]:
        where = self.rules.get(one.into, {}).get("where", {}).get("sql", "1")
        left = ask(self.files[f"source {one.source}"], f'SELECT mark FROM "{one.table}" WHERE {where}')
        return self.sources[one].keys() - {row["mark"] for row in left}

    # References: whoever says so, it holds for every input of the child's table.

    def find_references(self) -> Iterator[Reference]:
        planned = {}
        for into, rule in self.rules.items():
            for one in rule.get("references", ()):
                said = {"column": one} if isinstance(one, str) else one
                table, _, column = said["column"].rpartition(".")
                planned[table, (column,), said.get("json"), into] = said
        for child in self.inputs:
            for one in (*self.declared_in_source(child), *self.declared_in_target(child)):
                yield self.settle(one, planned.get((one.child.into, one.columns, None, one.parent), {}))
            for (table, columns, path, parent), said in planned.items():
                if table == child.into and columns[0] in child.columns:
                    keys = self.find_identity(parent)
                    one = Reference(child=child, columns=columns, path=path, parent=parent, keys=keys)
                    yield self.settle(one, said)

    def find_identity(self, into: str) -> tuple[str, ...]:
        identity = self.rules[into].get("identity")
        return (identity["column"],) if identity else self.find_key(into)

    def find_key(self, into: str) -> tuple[str, ...]:
        target, table = into.split(".")
        return list_key(self.files[f"target {target}"], table)

    def has_columns(self, into: str, columns: Sequence[str]) -> bool:
        target, table = into.split(".")
        return set(columns) <= set(list_columns(self.files[f"target {target}"], table))

    def declared_in_source(self, declaring: Input) -> Iterator[Reference]:
        """Yield what a source declares, for every input of the same table that has the columns."""
        file = self.files[f"source {declaring.source}"]
        for parent, mine, theirs in list_foreign_keys(file, declaring.table):
            columns = declaring.find(mine)
            for into, keys in self.find_named(declaring, parent, theirs) if columns else ():
                if keys and self.has_columns(into, keys):  # else nobody can say what its names mean in the target
                    for child in self.inputs:
                        if child.into == declaring.into and child.columns.keys() >= set(columns):
                            yield Reference(child=child, columns=columns, parent=into, keys=keys)

    def find_named(self, child: Input, parent: str, theirs: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the target tables that a source's key means by a name, each with its names of the key's columns."""
        home = next((one for one in self.inputs if one.name == f"{child.source}.{parent}"), None)
        if home:
            yield home.into, home.find(theirs)
            return
        named = {one.into for one in self.inputs if parent in (one.table, one.into.split(".")[1])}
        own = {into for into in named if into.split(".")[0] == child.into.split(".")[0]}
        for into in sorted(own or named):
            given = next((one for one in self.inputs if one.into == into and one.table == parent), None)
            told = theirs or (list_key(self.files[f"source {given.source}"], parent) if given else self.find_key(into))
            yield into, given.find(told) if given else tuple(told)

    def declared_in_target(self, child: Input) -> Iterator[Reference]:
        target, table = child.into.split(".")
        for parent, mine, theirs in list_foreign_keys(self.files[f"target {target}"], table):
            if child.columns.keys() >= set(mine) and f"{target}.{parent}" in self.targets:
                yield Reference(child=child, columns=tuple(mine), parent=f"{target}.{parent}", keys=tuple(theirs))

    def settle(self, one: Reference, said: Mapping[str, Any]) -> Reference:
        """Say where its parents are looked for, and what becomes of orphans."""
        one = replace(one, orphans=said.get("orphans", "wait"))
        every = tuple(home for home in self.inputs if home.into == one.parent and home.columns.keys() >= set(one.keys))
        if "parent" in said:
            return replace(one, is_named=True, homes=tuple(home for home in every if home.name in said["parent"]))
        file = list_tables(self.files[f"source {one.child.source}"])
        own = tuple(home for home in every if home.source == one.child.source)
        names = {one.parent.split(".")[1], *(home.table for home in every)}
        called = (names & file) - {home.table for home in own}
        beside = {table: self.name_beside(one, table) for table in sorted(called)} | dict(self.find_dropped(one))
        is_strange = not own and not beside
        homes = every if is_strange else own
        return replace(one, homes=homes, beside=tuple(beside.items()), is_strange=is_strange)

    def name_beside(self, one: Reference, table: str) -> tuple[str, ...]:
        """Return what a table calls a reference's columns: as the first input of its name, else as the target's."""
        given = next((home for home in self.inputs if home.into == one.parent and home.table == table), None)
        return tuple(given.columns.get(key, key) if given else key for key in one.keys)

    def find_dropped(self, one: Reference) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the dropped tables that keys of the same columns in the child's file name."""
        for child in self.inputs if one.path is None else ():
            if (child.into, child.source) == (one.child.into, one.child.source):
                file = self.files[f"source {child.source}"]
                for table, mine, theirs in list_foreign_keys(file, child.table):
                    if child.find(mine) == one.columns and f"{child.source}.{table}" in self.dropped:
                        yield table, tuple(theirs) or list_key(file, table)

    def has_beside(self, reference: Reference, values: Values) -> bool:
        """Tell whether a table of the child's file that is dropped or feeds another table has the values too."""
        file = self.files[f"source {reference.child.source}"]
        return any(
            set(list_columns(file, table)) >= set(columns)
            and self.find_parents("source", f"{reference.child.source}.{table}", columns, values)
            for table, columns in reference.beside
        )

    def read_values(self, row: Row, columns: Sequence[str], path: str | None) -> Values:
        values = tuple(row[column] for column in columns)
        if path is None or None in values:
            return values
        sql = "SELECT json_extract(?1, ?2) AS id WHERE json_valid(?1) AND json_type(?1, ?2) IN ('integer', 'text')"
        found = ask(next(iter(self.files.values())), sql, (*values, path))
        return (found[0]["id"] if found else None,)

    def find_parents(self, kind: str, name: str, columns: Sequence[str], values: Values) -> set[str]:
        file, table = name.split(".")
        match = " AND ".join(f'"{table}"."{column}" = ?' for column in columns)
        return {
            row["mark"]
            for row in ask(self.files[f"{kind} {file}"], f'SELECT mark FROM "{table}" WHERE {match}', values)
        }

    # What became of rows, and what they mean.

    def _find_fate(self, one: Input, mark: str) -> str:
        if mark in self.filtered[one]:
            return GONE
        if mark in self.waiting[one]:
            return WAITS
        return mark if mark in self.targets[one.into] else self.find_winner(one, mark) or NOWHERE

    def find_stand_in(self, one: Input, mark: str) -> str:
        """Return what a row became for those that refer to it: of an undecided group, the row that is shown."""
        fate = self.find_fate(one, mark)
        return self.find_winner(one, mark, UNDECIDED) or fate if fate == WAITS else fate

    def find_winner(self, one: Input, mark: str, rules: Sequence[str] = LOSING) -> str | None:
        """Return the mark of the target's row of a row's key, where the rule lets rows be lost."""
        rule = self.rules.get(one.into, {}).get("on_conflict", {}).get("rule", "quarantine")
        key = self.find_row_key(one, mark) if rule in rules else None
        published = (
            its for other in self.inputs if other.into == one.into for its in self.sources[other]
            if its in self.targets[one.into] and key == self.find_row_key(other, its)
        )  # fmt: skip
        return next(published, None) if key else None

    def find_row_key(self, one: Input, mark: str) -> Values | None:
        rule = self.rules.get(one.into, {})
        key = rule.get("key") or self.find_key(one.into)
        return self.make_key(rule, key, [self.follow(one, mark, column) for column in key])

    def make_key(self, rule: Mapping[str, Any], key: Sequence[str], values: Sequence[Any]) -> Values | None:
        made = [self.change(value, rule.get("normalize", {}).get(c, ())) for c, value in zip(key, values, strict=True)]
        nothing = any(
            value is None or (value == "" and rule.get("normalize", {}).get(c))
            for c, value in zip(key, made, strict=True)
        )
        return None if nothing else tuple(made)

    @staticmethod
    def change(value: Any, steps: Sequence[str]) -> Any:
        for step in steps if isinstance(value, str) else ():
            value = CHANGES[step](value)
        return value

    def follow(self, one: Input, mark: str, column: str) -> Any:
        """Return a column's value as it is to be stored."""
        for reference in self.references.values():
            if reference.child == one and column in reference.columns and reference.path is None:
                kind, marks = self.find_meant(reference.place, one, mark)
                if kind == PARENT:
                    return self.targets[reference.parent][min(marks)][reference.keys[reference.columns.index(column)]]
        value = self.sources[one][mark].get(one.columns.get(column, ""))
        step = self.rules.get(one.into, {}).get("transform", {}).get(column)
        return self.change(value, [step] if step else ())

    def _find_meant(self, place: tuple[Any, ...], one: Input, mark: str) -> tuple[str, frozenset[str]]:
        """Return what a source row refers to, and the marks of the target rows that may stand for it."""
        reference = self.references[one, place]
        values = self.read_values(self.sources[one][mark], [one.columns[c] for c in reference.columns], reference.path)
        if None in values:
            return NOTHING, frozenset()
        forms = [values, *self.find_other_form(reference, values)]
        rows = next(filter(None, (self.find_rows(reference.homes, reference.keys, form) for form in forms)), [])
        if reference.is_named:
            rows = [row for row in rows if row[0].source == one.source] or rows
        fates = {self.find_stand_in(*row) for row in rows}
        if fates <= {GONE}:
            return ORPHAN, frozenset()
        if reference.is_strange:
            return self.find_common(reference, rows, forms)
        if reference.is_named and rows[0][0].source != one.source:
            fates -= {GONE}
        elif any(self.has_beside(reference, form) for form in forms):
            fates.add(GONE)
        return self.make_clear(fates)

    @staticmethod
    def find_other_form(reference: Reference, values: Values) -> Iterator[Values]:
        """Yield what an id in JSON means as well: 5 where it is "5", "5" where it is 5."""
        for value in values if reference.path else ():
            if isinstance(value, int):
                yield (str(value),)
            elif value.removeprefix("-").isdecimal() and value.isascii() and str(int(value)) == value:
                yield (int(value),)

    def find_hits(self, reference: Reference, forms: Sequence[Values]) -> set[str]:
        found = (self.find_parents("target", reference.parent, reference.keys, form) for form in forms)
        return next(filter(None, found), set())

    def find_rows(self, homes: Sequence[Input], keys: Sequence[str], values: Values) -> list[tuple[Input, str]]:
        return [
            (home, mark)
            for home in homes
            for mark in sorted(self.find_parents("source", home.name, [home.columns[key] for key in keys], values))
        ]

    def find_common(
        self, reference: Reference, rows: Sequence[tuple[Input, str]], forms: Sequence[Values]
    ) -> tuple[str, frozenset[str]]:
        """Look at rows of all files, of which the child's is none: one may be followed, several must have stayed."""
        fates = [self.find_stand_in(*row) for row in rows]
        if len(rows) == 1:
            return self.make_clear(set(fates))
        held = self.targets[reference.parent]
        stayed = all(
            fate in held
            and is_same(
                tuple(held[fate][key] for key in reference.keys),
                tuple(self.sources[home][mark][home.columns[key]] for key in reference.keys),
            )
            for fate, (home, mark) in zip(fates, rows, strict=True)
        )
        hits = self.find_hits(reference, forms)
        return (PARENT, frozenset(hits)) if stayed and len(hits) == 1 and hits <= set(fates) else (WAITING, frozenset())

    @staticmethod
    def make_clear(fates: set[str]) -> tuple[str, frozenset[str]]:
        is_clear = len(fates) == 1 and fates.isdisjoint({WAITS, NOWHERE, GONE})
        return (PARENT, frozenset(fates)) if is_clear else (WAITING, frozenset())

    # What is wrong.

    def find(self) -> Iterator[str]:
        groups: dict[tuple[str, str], list[tuple[Input, str]]] = {}
        for one, rows in self.sources.items():
            for mark in rows:
                fate = self.find_fate(one, mark)
                groups.setdefault((one.into, fate), []).append((one, mark))
                if fate == NOWHERE:
                    yield f"{one.name} {mark}: is neither in {one.into}, nor waits, nor lost to another row by rule"
                elif fate in (WAITS, GONE) and mark in self.targets[one.into] and not self.is_anothers(one, mark):
                    yield f"{one.name} {mark}: is published, and {fate}"
        for into in self.targets:
            target, table = into.split(".")
            twice = f'SELECT mark FROM "{table}" GROUP BY mark HAVING count(*) > 1'
            yield from (f"{row['mark']}: is in {into} twice" for row in ask(self.files[f"target {target}"], twice))
        for (into, fate), members in groups.items():
            if fate in self.targets[into]:
                is_merged = self.rules.get(into, {}).get("on_conflict", {}).get("rule") == "merge"
                yield from self.find_wrong(into, fate, [one for one in members if is_merged or one[1] == fate])

    def is_anothers(self, one: Input, mark: str) -> bool:
        """Tell whether a row of another input has the same mark, and is published."""
        others = (other for other in self.inputs if other.into == one.into and other != one)
        return any(mark in self.sources[other] and mark not in self.waiting[other] for other in others)

    def find_wrong(self, into: str, fate: str, members: Sequence[tuple[Input, str]]) -> Iterator[str]:
        """Judge a row of the target by all rows that it stands for: one of them must have meant what it says."""
        for place in dict.fromkeys(place for _, place in self.references):
            said = [
                self.find_fault(self.references[one, place], mark, self.targets[into][fate])
                for one, mark in members
                if (one, place) in self.references
            ]
            waits = [fault for fault in said if fault and fault.endswith(WAITS)]
            yield from waits or (sorted(filter(None, said), key=tells_where)[:1] if all(said) else ())

    def find_fault(self, reference: Reference, mark: str, row: Row) -> str | None:
        one, columns = reference.child, reference.columns
        kind, marks = self.find_meant(reference.place, one, mark)
        meant = self.read_values({c: self.follow(one, mark, c) for c in columns}, columns, reference.path)
        holds = self.read_values(row, columns, reference.path)
        forms = [] if None in holds else [holds, *self.find_other_form(reference, holds)]
        hits = self.find_hits(reference, forms)
        says = f"{one.name} {mark}: {', '.join(columns)}{reference.path or ''} = {holds}"
        if kind == WAITING:
            return f"{says} is published, and no row of {reference.parent} is surely its parent: {WAITS}"
        if kind == PARENT:
            return None if hits == marks else f"{says} points at {sorted(hits)}, and its parent became {sorted(marks)}"
        if kind == ORPHAN and reference.orphans is None:
            return None if set(holds) == {None} else f"{says} is an orphan that should be NULL"
        if kind == ORPHAN and reference.orphans == "wait" and hits:
            return f"{says} is an orphan, and adopted by {sorted(hits)}"
        own = self.read_values(self.sources[one][mark], [one.columns[c] for c in columns], reference.path)
        if kind == ORPHAN and is_same(holds, own):
            return None  # another reference of the same column may have led to a row that is called alike: u1, U1
        return None if is_same(holds, meant) else f"{says} was {meant}, and nothing changes it"
