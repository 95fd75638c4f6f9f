"""Random small systems: who refers to whom, who says so, what their plans do with ids and keys, and a few rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.e2e.reference_scene import System

EVERYWHERE, SOURCES, TARGET, PLAN = "everywhere", "sources", "target", "plan"
"""Where a reference is said."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A reference that a system may have."""

    child: str
    columns: tuple[str, ...]
    parent: str
    keys: tuple[str, ...] = ("id",)
    path: str | None = None
    said: tuple[str, ...] = (EVERYWHERE, SOURCES, TARGET, PLAN)


BY_KEY = (EVERYWHERE, SOURCES, TARGET)
LINKS = (
    Link(child="notes", columns=("user_id",), parent="users"),
    Link(child="notes", columns=("x", "y"), parent="tiles", keys=("x", "y"), said=BY_KEY),
    Link(child="notes", columns=("about",), parent="users", path="$.who", said=(PLAN,)),
    Link(child="notes", columns=("about",), parent="orgs", path="$.where.id", said=(PLAN,)),
    Link(child="notes", columns=("code",), parent="users", keys=("code",), said=BY_KEY),
    Link(child="users", columns=("org_id",), parent="orgs"),
    Link(child="users", columns=("boss",), parent="users"),
    Link(child="audit", columns=("object_id",), parent="users", said=(PLAN,)),
    Link(child="audit", columns=("object_id",), parent="orgs", said=(PLAN,)),
)
NAMED = ("orgs", "users", "tiles")
"""The tables whose rows have names; the others' stand alone."""
WAYS = {"INTEGER": ("keep", "renumber", "renumber", "offset", None), "TEXT": ("uuid5", "uuid5", None)}
NUMBERS, TEXTS = [(number,) for number in (1, 2, 3)], [(f"u{number}",) for number in (1, 2, 3)]
PAIRS = [(1, 1), (1, 2), (2, 1), (2, 2)]
MISSING = {("x", "y"): (3, 1), ("code",): ("c9",), "INTEGER": (4,), "TEXT": ("u4",)}
PEOPLE = [(name, f"2025-01-0{day}") for day in (1, 2, 3) for name in ("ann", "bob", "cid", "dan", "Ann", "bob ")]
Row = dict[str, Any]


def seldom(draw: st.DrawFn, one_in: int = 6) -> bool:
    return draw(st.sampled_from([*[False] * (one_in - 1), True]))


@dataclass(frozen=True, kw_only=True)
class Shape:
    """All of a system but its rows."""

    links: Mapping[Link, str]
    """And where each is said."""
    types: Mapping[str, str]
    """Of the ids of users and orgs."""
    collation: str
    """Of text ids."""
    homes: Mapping[str, str]
    """Table to target."""
    inputs: Mapping[str, Sequence[str]]
    """Table to its inputs, as ``source.table``."""
    rules: Mapping[str, Mapping[str, Any]]
    """Table to what the plan says beside ``into`` and ``from``."""
    dropped: Sequence[str]
    renamed: str
    """The file in which the ids of users have another name."""

    def list_columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table with their types."""
        ids = {"id": f"{self.types.get(table, 'INTEGER')}{self.collation if self.types.get(table) == 'TEXT' else ''}"}
        found = {"x": "INTEGER", "y": "INTEGER"} if table == "tiles" else ids
        found |= {"mark": "TEXT"} | ({"at": "TEXT", "name": "TEXT"} if table in NAMED else {})
        for link in self.links:
            if link.parent == table and link.keys == ("code",):
                found["code"] = "TEXT"
            if link.child == table:
                is_id = link.keys == ("id",) and link.path is None
                plain = "INTEGER" if link.keys == ("x", "y") else "TEXT"
                found |= dict.fromkeys(link.columns, self.types[link.parent] if is_id else plain)
        return found

    def write_table(self, table: str, name: str, places: Sequence[str], file: str = "") -> str:
        """Write a table's definition; ``places``: where a link must be said to be declared here."""
        columns = self.list_columns(table)
        names = {"id": "uid"} if file == self.renamed else {}
        own = names if table == "users" else {}
        lines = [f"{own.get(column, column)} {kind}" for column, kind in columns.items()]
        lines.append(f"PRIMARY KEY ({'x, y' if table == 'tiles' else own.get('id', 'id')})")
        lines += ["UNIQUE (code)"] if table == "users" and "code" in columns else []
        for link, said in self.links.items():
            is_one_file = TARGET not in places or self.homes[link.parent] == self.homes[table]
            if link.child == table and said in places and is_one_file:
                theirs = [names.get(key, key) if link.parent == "users" else key for key in link.keys]
                keys = f"FOREIGN KEY ({', '.join(link.columns)}) REFERENCES {link.parent} ({', '.join(theirs)})"
                lines.append(keys)
        return f"CREATE TABLE {name} ({', '.join(lines)});\n"

    def name_input(self, name: str) -> Any:
        """Return an input as the plan names it."""
        file, table = name.split(".")
        is_renamed = file == self.renamed and table.startswith("users")
        return {"table": name, "columns": {"id": "uid"}} if is_renamed else name


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    links = draw(st.lists(st.sampled_from(LINKS), min_size=1, max_size=3, unique=True))
    said = {link: draw(st.sampled_from(link.said)) for link in links}
    named = {link.child for link in links} | {link.parent for link in links}
    tables = [table for table in (*NAMED, "notes", "audit") if table in named]
    types = {table: draw(st.sampled_from(["INTEGER", "INTEGER", "TEXT"])) for table in ("users", "orgs")}
    is_split = seldom(draw, 5)
    homes = {table: "attic" if is_split and table not in NAMED else "house" for table in tables}
    files = "abc"[: draw(st.sampled_from([2, 2, 3]))]
    inputs: dict[str, list[str]] = {}
    for table in tables:
        present = [file for file in files if not seldom(draw, 4)] or ["a"]
        inputs[table] = [f"{file}.{table}" for file in present]
        if table == "users" and seldom(draw, 5):
            inputs[table].insert(draw(st.integers(0, len(present))), f"{draw(st.sampled_from(present))}.users_archive")
    dropped = [inputs["users"].pop()] if len(inputs.get("users", ())) > 1 and seldom(draw, 8) else []
    return Shape(
        links=said,
        types=types,
        collation=" COLLATE NOCASE" if seldom(draw, 4) else "",
        homes=homes,
        inputs=inputs,
        rules={table: draw(rules(table, types.get(table, "INTEGER"))) for table in tables},
        dropped=dropped,
        renamed=draw(st.sampled_from(inputs["users"]))[0] if "users" in inputs and seldom(draw, 5) else "none",
    )


@st.composite
def rules(draw: st.DrawFn, table: str, kind: str) -> Mapping[str, Any]:
    """Draw what the plan says about a table: rows of one key and how their ids change."""
    if table not in NAMED:
        if seldom(draw):
            return {}
        offset = {"identity": {"column": "id", "strategy": "offset"}} if draw(st.booleans()) else {}
        return {"on_conflict": {"rule": "keep_both"}, **offset}
    newest = {"rule": "newest", "by": "at"}
    conflict = draw(st.sampled_from([{"rule": "prefer"}, newest, {"rule": "merge"}, {"rule": "quarantine"}]))
    if table != "tiles" and kind == "INTEGER" and seldom(draw, 5):
        return {"on_conflict": {"rule": "keep_both"}}
    rule: dict[str, Any] = {"on_conflict": conflict}
    if not seldom(draw, 4):
        rule["key"] = ["name"]
        if seldom(draw, 3):
            rule["normalize"] = {"name": ["trim", "casefold"]}
        elif seldom(draw):
            rule["transform"] = {"name": "casefold"}
    way = None if table == "tiles" else draw(st.sampled_from(WAYS[kind]))
    if way:
        rule["identity"] = {"column": "id", "strategy": way}
    if seldom(draw, 8):
        rule["where"] = {"sql": "name <> 'cid'", "reason": "left"}
    return rule


@st.composite
def rows(draw: st.DrawFn, shape: Shape, table: str, name: str, drawn: Mapping[str, list[Row]]) -> list[Row]:
    """Draw the rows of a source table; ``drawn`` holds those of the tables before it."""
    columns = shape.list_columns(table)
    keys = PAIRS if table == "tiles" else TEXTS if shape.types.get(table) == "TEXT" else NUMBERS
    is_shared = table == "orgs" and shape.rules[table].get("key") == ["name"]
    written: list[Row] = []
    for place, key in enumerate(draw(st.lists(st.sampled_from(keys), unique=True, min_size=1, max_size=3))):
        row: Row = dict(zip(("x", "y") if table == "tiles" else ("id",), key, strict=True))
        row["mark"] = f"{name} {' '.join(map(str, key))}"
        if table in NAMED:
            row |= dict(zip(("name", "at"), draw(st.sampled_from(PEOPLE)), strict=True))
        if is_shared:  # rows that are identical but for their ids
            row["mark"] = f"{row['name']} {row['at']}"
        row |= dict.fromkeys(columns.keys() - row.keys())
        if "code" in columns and table == "users":
            row["code"] = f"{name} {place}"
        if row["mark"] not in [other["mark"] for other in written]:
            written.append(row)
    for row in written:
        for link in shape.links:
            if link.child == table:
                row.update(draw(pointers(shape, link, row, {**drawn, name: written})))
    return written


@st.composite
def pointers(draw: st.DrawFn, shape: Shape, link: Link, row: Row, drawn: Mapping[str, list[Row]]) -> Row:
    """Draw what a row refers to: mostly a row of its own file, or of another one where its own has none."""
    file = row["mark"].partition(".")[0]
    names = [name for name in drawn if name.partition(".")[2].removesuffix("_archive") == link.parent]
    own = [name for name in names if name.startswith(f"{file}.")]
    held = [tuple(other[key] for key in link.keys) for name in own or names for other in drawn[name]]
    nothing = [(None,) * len(link.keys), MISSING[link.keys if link.keys != ("id",) else shape.types[link.parent]]]
    value = draw(st.sampled_from([*held, *held, *nothing]))
    if shape.collation and isinstance(value[0], str) and seldom(draw, 3):
        value = (value[0].upper(),)
    if link.path is None:
        return dict(zip(link.columns, value, strict=True))
    document = json.loads(row["about"] or "{}")
    written = str(value[0]) if value[0] is not None and draw(st.booleans()) else value[0]
    document |= {"who": written} if link.path == "$.who" else {"where": {"id": written}}
    return {"about": json.dumps(document)}


def write_rows(name: str, columns: Sequence[str], written: Sequence[Row]) -> str:
    lines = [", ".join(quote(row[column]) for column in columns) for row in written]
    return "".join(f"INSERT INTO {name} VALUES ({line});\n" for line in lines)


def quote(value: object) -> str:
    return "NULL" if value is None else repr(value) if isinstance(value, int) else f"'{value}'"


@st.composite
def systems(draw: st.DrawFn) -> System:
    """Draw a whole system."""
    shape = draw(shapes())
    files = dict.fromkeys("abc", "")
    drawn: dict[str, list[Row]] = {}
    for table, inputs in shape.inputs.items():
        for name in [*inputs, *(shape.dropped if table == "users" else ())]:
            file, its_name = name.split(".")
            drawn[name] = draw(rows(shape, table, name, drawn))
            files[file] += shape.write_table(table, its_name, (EVERYWHERE, SOURCES), file)
            files[file] += write_rows(its_name, shape.list_columns(table), drawn[name])
    schemas: dict[str, str] = {}
    for table, target in shape.homes.items():
        schemas[target] = schemas.get(target, "") + shape.write_table(table, table, (EVERYWHERE, TARGET))
    entries, copied = [], {}
    for table, inputs in shape.inputs.items():
        # The plan's own stay inside one target (exit 2 says so), and seldom try not to.
        near = [link for link in shape.links if shape.homes[link.child] == shape.homes[table] or seldom(draw, 6)]
        said = [one for link in near if link.parent == table and (one := draw(references(shape, link)))]
        named, target = [*map(shape.name_input, inputs)], shape.homes[table]
        if shape.rules[table]:
            rule = {"into": f"{target}.{table}", "from": named, **shape.rules[table]}
            entries.append(rule | ({"references": said} if said else {}))
        else:
            copied.setdefault(target, []).extend(named)
    return System(
        files={name: sql for name, sql in files.items() if sql},
        schemas=schemas,
        rest={"tables": entries, "copy": copied, "drop": [{"table": name, "reason": "old"} for name in shape.dropped]},
    )


@st.composite
def references(draw: st.DrawFn, shape: Shape, link: Link) -> Mapping[str, Any] | str | None:
    """Draw what the plan says of a link, if anything."""
    column = f"{shape.homes[link.child]}.{link.child}.{link.columns[0]}"
    is_more = link.keys == ("id",) and seldom(draw, 8)
    if shape.links[link] != PLAN and not is_more:
        return None
    said: dict[str, Any] = {"column": column} | ({"json": link.path} if link.path else {})
    if is_more:
        named = st.sampled_from(shape.inputs[link.parent])
        homes = {"parent": draw(st.lists(named, min_size=1, max_size=3, unique=True))}
        orphans = {"orphans": draw(st.sampled_from([None, "keep"])), "reason": "long gone"}
        said |= draw(st.sampled_from([homes, orphans]))
    return said if said.keys() > {"column"} else column
