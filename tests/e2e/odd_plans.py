"""Small systems whose files spell and type one table's ids in different ways, drawn by a seed."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.e2e.reference_scene import System

IDS = {
    "TEXT": ("'a'", "'A'", "'a '", "'1'", "'01'", "'B'"),
    "TEXT COLLATE NOCASE": ("'a'", "'B'", "'a '", "'1'", "'01'"),
    "TEXT COLLATE RTRIM": ("'a'", "'A'", "'B '", "'1'", "'01'"),
    "INTEGER": ("1", "2", "3"),
    "NUMERIC": ("1", "2", "1.5", "'a'"),
    "REAL": ("1.0", "2.0", "1.5"),
    "": ("1", "'1'", "'a'", "'A'", "2", "1.5", "'01'"),
}
POINTERS = {
    "TEXT": ("'a'", "'A'", "'a '", "'1'", "'01'", "'2'", "'b'", "'1.50'", "'none'", "NULL"),
    "INTEGER": ("1", "2", "3", "9", "NULL"),
    "": ("'a'", "'A'", "1", "'1'", "'01'", "1.0", "2", "'1.50'", "9", "'none'", "NULL"),
}
RULES = ("prefer", "quarantine", "merge")
KEPT = {"rule": "keep_both"}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What all files of a system have in common."""

    kind: str
    """Of the target's ids."""
    pointer: str
    """Of the children's column."""
    area: str
    """What stands before an id, where keys have two columns."""
    said: str
    """Where the reference is said: in the source, the target, the plan, in JSON."""
    option: str

    def lay_plans(self, name: str, kind: str, *, is_keyed: bool = True) -> str:
        key = f", PRIMARY KEY ({self.area}id)" if is_keyed else ""
        columns = f"{self.area}id {kind}, mark TEXT, name TEXT{key}"
        return f"CREATE TABLE {name} ({columns}){self.option if is_keyed else ''};\n"

    def lay_subs(self, parent: str | None) -> str:
        names = f"({self.area}plan) REFERENCES {parent} ({self.area}id)"
        key = f", FOREIGN KEY {names}" if parent else ""
        return f"CREATE TABLE subs (id INTEGER PRIMARY KEY, mark TEXT, {self.area}plan {self.pointer}{key});\n"

    def write(self, value: str) -> str:
        if self.said == "json" and value != "NULL":
            value = f"json_object('plan', {value})"
        return f"'north', {value}" if self.area else value


def draw_shape(random: Random) -> Shape:
    area = "area, " if random.random() < 0.2 else ""
    said = random.choice(("source", "target", "both") if area else ("source", "target", "both", "plan", "json"))
    return Shape(
        kind=random.choice([*IDS]),
        pointer="TEXT" if said == "json" else random.choice([*POINTERS]),
        area=area,
        said=said,
        option=random.choice(("", "", "", " WITHOUT ROWID")),
    )


def draw_rows(random: Random, shape: Shape, name: str, kind: str, file: str) -> str:
    """Return a table of plans and those rows that it takes."""
    sql = shape.lay_plans(name, kind, is_keyed=random.random() < 0.9)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(sql)
        for number, id_ in enumerate(random.sample(IDS[kind], random.randint(1, 3))):
            called = random.choice(("x", "y", "z", "gone", "w"))
            key = f"'north', {id_}" if shape.area else id_
            row = f"INSERT INTO {name} VALUES ({key}, '{file} {name} {number}', '{called}');\n"
            with suppress(sqlite3.IntegrityError):
                connection.execute(row)
                sql += row
    return sql


def draw_kind(random: Random, shape: Shape) -> str:
    """Return the type of a file's ids, such that the target's column mostly takes them as they are."""
    is_text = shape.kind.startswith("TEXT")
    alike = [kind for kind in IDS if not shape.kind or kind.startswith("TEXT") == is_text]
    return random.choice((shape.kind, random.choice(alike)))


def draw_system(seed: int) -> System:
    """Draw a system: plans of up to three files, some dropped, and subs of these and of one without plans."""
    random = Random(seed)
    shape, table = draw_shape(random), random.choice(("plans", "plans", "things"))
    files: dict[str, str] = {}
    fed: list[str] = []
    dropped: list[str] = []
    children: list[str] = []
    for file in "abc"[: random.choice((1, 2, 2, 3))]:
        names = ["plans", "old_plans"] if random.random() < 0.25 else ["plans"]
        for name in names:
            files[file] = files.get(file, "") + draw_rows(random, shape, name, draw_kind(random, shape), file)
            (dropped if fed and random.random() < 0.2 else fed).append(f"{file}.{name}")
        if random.random() < 0.7:
            files[file] += draw_subs(random, shape, random.choice(names), file)
            children.append(f"{file}.subs")
    if not children or random.random() < 0.5:
        files["d"] = draw_subs(random, shape, "plans", "d")
        children.append("d.subs")
    declared = table if shape.said in ("target", "both") else None
    plans = {"into": f"house.{table}", "from": fed, **draw_rule(random, shape, fed)}
    subs = {"into": "house.subs", "from": children, "on_conflict": KEPT}
    drop = [{"table": name, "reason": "old"} for name in dropped]
    schema = shape.lay_plans(table, shape.kind) + shape.lay_subs(declared)
    return System(files=files, schemas={"house": schema}, rest={"tables": [plans, subs], "drop": drop})


def draw_subs(random: Random, shape: Shape, parent: str, file: str) -> str:
    sql = shape.lay_subs(parent if shape.said in ("source", "both") else None)
    for number in range(1, random.randint(3, 6)):
        value = shape.write(random.choice(POINTERS[shape.pointer]))
        sql += f"INSERT INTO subs VALUES ({number}, '{file}s{number}', {value});\n"
    return sql


def draw_rule(random: Random, shape: Shape, fed: list[str]) -> dict[str, Any]:
    """Return what the plan says of plans: keys, ids, what is left out, where parents are."""
    rule: dict[str, Any] = {"on_conflict": {"rule": random.choice(RULES)}}
    if random.random() < 0.5:
        rule["key"] = ["name"]
        way = {"INTEGER": random.choice(("renumber", "offset")), "TEXT": "uuid5"}.get(shape.kind)
        if way and not shape.area and random.random() < 0.6:
            rule["identity"] = {"column": "id", "strategy": way}
    if random.random() < 0.25:
        rule["where"] = {"sql": "name <> 'gone'", "reason": "they left"}
    if shape.said in ("plan", "json"):
        said: dict[str, Any] = {"column": "house.subs.plan"} | ({"json": "$.plan"} if shape.said == "json" else {})
        if random.random() < 0.2:
            said["parent"] = random.sample(fed, random.randint(1, len(fed)))
        elif random.random() < 0.15:
            said |= {"orphans": random.choice((None, "keep", "quarantine")), "reason": "long gone"}
        rule["references"] = [said]
    return rule
