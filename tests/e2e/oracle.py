"""An independent judge of a consolidation: plain Python and sqlite3, sharing no code with the project.

For every row of every source file, read from copies of the files and not from our snapshots, its typed
values must be found in the target or in the ledger, as often as they were there; and nothing else may be
in the target. ``check`` returns what is wrong, in words; an empty list is a pass.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import struct
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

Cell = tuple[str, Any] | None
Row = tuple[Cell, ...]
Change = Callable[[Cell], Cell]
DISPOSITIONS = ("inserted", "merged_identical", "merged_changed", "superseded", "quarantined", "filtered")
MOST_PROBLEMS = 20  # of one kind; the rest is counted
LITERAL = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?|'([^']|'')*'|null|true|false|x'[0-9a-f]*'", re.IGNORECASE)


def digest_tree(directory: Path) -> dict[str, str]:
    """Hash what a consolidation must not change: every file but ``-shm``, an empty ``-wal`` and our own."""
    return {
        file.relative_to(directory).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(directory.rglob("*"))
        if file.is_file()
        and file.relative_to(directory).parts[0] not in (".strongroom", "backup")
        and not file.name.endswith("-shm")
        and not (file.name.endswith("-wal") and not file.stat().st_size)
    }


def compare_digests(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Say which files changed, went or came."""
    gone = [f"{name}: is gone" for name in before.keys() - after.keys()]
    new = [f"{name}: is new" for name in after.keys() - before.keys()]
    kept = before.keys() & after.keys()
    return sorted(gone + new + [f"{name}: changed its bytes" for name in kept if before[name] != after[name]])


def check(
    source_dir: Path,
    target_dir: Path,
    run_json: Mapping[str, Any],
    plan_path: Path,
    before: Mapping[str, str] | None = None,
) -> list[str]:
    """Judge one run; ``before`` is ``digest_tree(source_dir)`` from before it."""
    problems = [] if before is None else compare_digests(before, digest_tree(source_dir))
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        judge = Judge(source_dir, target_dir, run_json, plan_path)
        judge.judge(Path(scratch), stack)
    return problems + judge.problems


# Values and tables ---------------------------------------------------------------------------------


class Text(bytes):
    """A TEXT value as its bytes: it is no BLOB, and may be any bytes."""

    __slots__ = ()


def tag(value: object) -> Cell:
    """Make a value comparable by type and bytes: 1, 1.0, '1' and x'31' all differ, and so do 0.0 and -0.0."""
    if value is None:
        return None
    if isinstance(value, Text):
        return "text", bytes(value)
    if isinstance(value, bytes):
        return "blob", value
    if isinstance(value, float):
        return "real", struct.pack(">d", value)
    return "integer", value


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def open_file(path: Path | None) -> sqlite3.Connection:
    """Open a file of our own, or a database in memory."""
    connection = sqlite3.connect(path or ":memory:", isolation_level=None)
    connection.text_factory = Text
    return connection


def open_unchanged(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.text_factory = Text
    return connection


def read_names(connection: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    connection.text_factory = str
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.text_factory = Text


def list_tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return name and kind of the tables that hold rows of their own, virtual ones included."""
    return [
        (row[1], row[2])
        for row in read_names(connection, "PRAGMA table_list")
        if row[0] == "main" and row[2] in ("table", "virtual") and not row[1].startswith("sqlite_")
    ]


@dataclass(kw_only=True)
class Table:
    """A table's shape, and its rows by row id (without rowids: by position in key order)."""

    columns: list[str]
    declared: list[str]
    defaults: list[str | None]
    key: list[str]
    alias: str | None
    row_id: str
    has_rowid: bool
    rows: dict[int, Row] = field(default_factory=dict)

    def find(self, column: str) -> int | None:
        return next((at for at, name in enumerate(self.columns) if name.lower() == column.lower()), None)


def read_table(connection: sqlite3.Connection, name: str) -> Table:
    """Read a table's shape and all its rows; generated columns are left out."""
    info = read_names(connection, f"PRAGMA table_xinfo({quote(name)})")
    listed = next(row for row in read_names(connection, "PRAGMA table_list") if row[:2] == ("main", name))
    without_rowid, is_strict = bool(listed[4]), bool(listed[5])
    key = [row[1] for row in sorted((row for row in info if row[5]), key=lambda row: int(row[5]))]
    types = {row[1]: row[2].upper() for row in info}
    alias = key[0] if len(key) == 1 and not without_rowid and types[key[0]] == "INTEGER" else None
    names = {column.lower() for column in types}
    stored = [row for row in info if row[6] == 0]
    words = [word for word in ("rowid", "_rowid_", "oid") if word not in names and not without_rowid]
    order = ", ".join(map(quote, key or [row[1] for row in stored]))
    row_id = quote(alias) if alias else words[0] if words else f"row_number() OVER (ORDER BY {order})"
    table = Table(
        columns=[row[1] for row in stored],
        # In a STRICT table ANY changes nothing; elsewhere it would be a numeric type.
        declared=["" if is_strict and row[2].upper() == "ANY" else row[2] for row in stored],
        defaults=[row[4] for row in stored],
        key=key,
        alias=alias,
        row_id=row_id,
        has_rowid=bool(alias or words),
    )
    listing = ", ".join(map(quote, table.columns))
    found = connection.execute(f"SELECT {row_id}, {listing} FROM {quote(name)}")
    table.rows = {row[0]: tuple(map(tag, row[1:])) for row in found}
    return table


def show(row: Row) -> str:
    text = ", ".join("NULL" if cell is None else f"{cell[0]} {cell[1]!r}"[:40] for cell in row)
    return text if len(text) < 200 else text[:200] + "…"


# The plan ------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Rule:
    """What the plan says about the values of one target table."""

    renames: dict[str, dict[str, str]] = field(default_factory=dict)
    """``source.table`` to {target column: source column}, all in lower case."""
    defaults: dict[str, Any] = field(default_factory=dict)
    transform: dict[str, Any] = field(default_factory=dict)
    where: str | None = None
    key: list[str] | None = None
    renumbered: str | None = None
    keeps_both: bool = False

    def surrogates(self, table: Table) -> set[int | None]:
        """Return the columns whose value a later row may have lost."""
        kept = table.find(table.alias) if self.keeps_both and table.alias else None
        return {kept, table.find(self.renumbered) if self.renumbered else None} - {None}


def read_rules(plan: Mapping[str, Any]) -> dict[str, Rule]:
    rules = {}
    for entry in plan.get("tables") or ():
        conflict = entry.get("on_conflict") or {}
        identity = entry.get("identity") or {}
        inputs: list[Any] = [{"table": item} if isinstance(item, str) else item for item in entry["from"]]
        rules[entry["into"].lower()] = Rule(
            renames={
                item["table"].lower(): {
                    into.lower(): column.lower() for into, column in (item.get("columns") or {}).items()
                }
                for item in inputs
            },
            defaults={column.lower(): value for column, value in (entry.get("defaults") or {}).items()},
            transform={column.lower(): value for column, value in (entry.get("transform") or {}).items()},
            where=(entry.get("where") or {}).get("sql"),
            key=entry.get("key"),
            renumbered=identity.get("column") if identity.get("strategy") == "renumber" else None,
            keeps_both=conflict.get("rule") == "keep_both",
        )
    return rules


def as_literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(int(value)) if isinstance(value, bool) else repr(value)


ISO_UTC = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000}


def written_instant(cell: Cell) -> Cell:
    """Read the text of an instant in UTC, in whatever precision it is written."""
    if cell is None or cell[0] != "text" or not ISO_UTC.fullmatch(cell[1]):
        return cell
    since = datetime.fromisoformat(cell[1].decode()) - datetime(1970, 1, 1, tzinfo=UTC)
    return "instant", since // timedelta(microseconds=1)


def expected_instant(unit: str) -> Change:
    """Turn a number of seconds, ms or us since 1970 into the instant that the plan wants written."""

    def change(cell: Cell) -> Cell:
        if cell is None or cell[0] not in ("integer", "real"):
            return written_instant(cell)
        number = cell[1] if cell[0] == "integer" else struct.unpack(">d", cell[1])[0]
        if number != number or abs(number) == float("inf"):  # noqa: PLR0124
            return cell
        size = abs(number)
        chosen = unit if unit != "auto" else "s" if size < 1e11 else "ms" if size < 1e14 else "us"
        return "instant", round(number * 1_000_000 / UNITS[chosen])

    return change


def changed_text(change: Callable[[str], str]) -> Change:
    def change_cell(cell: Cell) -> Cell:
        if cell is None or cell[0] != "text":
            return cell
        return "text", change(cell[1].decode()).encode()

    return change_cell


def parsed_json(cell: Cell) -> Cell:
    """Read a nested JSON value, whatever its spaces and the order of its members."""
    if cell is None or cell[0] != "text":
        return cell
    try:
        value = json.loads(cell[1])
    except ValueError:
        return cell
    return ("json", json.dumps(value, sort_keys=True)) if isinstance(value, list | dict) else cell


def read_document(original: Path, copy: Path, rows: Mapping[str, str]) -> dict[str, set[str]]:
    """Make a database of a JSON file as the plan describes it; return the columns with nested values."""
    content = original.read_bytes()
    nested: dict[str, set[str]] = {}
    with closing(open_file(copy)) as connection:
        connection.execute("CREATE TABLE document (name TEXT, content TEXT)")
        connection.execute("INSERT INTO document VALUES (?, CAST(? AS TEXT))", (original.name, content))
        for table, path in rows.items():
            found: Any = json.loads(content)
            for part in filter(None, path.removeprefix("$").split(".")):
                found = found.get(part.strip('"'), []) if isinstance(found, dict) else []
            if isinstance(found, dict):
                found = [{"key": key, **value} for key, value in found.items()]
            columns = list(dict.fromkeys(name for row in found for name in row))
            if not columns:
                continue
            connection.execute(f"CREATE TABLE {quote(table)} ({', '.join(map(quote, columns))})")
            nested[table] = {name for row in found for name in row if isinstance(row[name], list | dict)}
            for row in found:
                values = [
                    json.dumps(value) if isinstance(value, list | dict) else value for value in map(row.get, columns)
                ]
                holes = ", ".join("?" * len(columns))
                connection.execute(f"INSERT INTO {quote(table)} VALUES ({holes})", values)
    return nested


# One source table beside its target ----------------------------------------------------------------


@dataclass(kw_only=True)
class Source:
    """One table of one source file."""

    name: str
    table_name: str
    connection: sqlite3.Connection
    nested: set[str]


@dataclass(kw_only=True)
class Input:
    """What one source table must have become."""

    name: str
    source: Table
    mapped: list[int]
    """The target's columns that it feeds."""
    expected: dict[int, Row]
    """Row id to the whole row that the target should hold."""
    views: dict[int, Change]
    """How to look at some of the target's columns."""
    entries: dict[int, tuple[str, int | None]]
    """Row id to disposition and row id in the target, from the ledger."""

    def view(self, row: Row) -> Row:
        """Look at a target's row as this input's rows are expected."""
        if not self.views:
            return row
        return tuple(self.views[at](cell) if at in self.views else cell for at, cell in enumerate(row))

    def project(self, row: Row) -> Row:
        return tuple(row[at] for at in self.mapped)


def expect_rows(source: Source, table: Table, target: Table, rule: Rule) -> Input:
    """Say what each row must look like in the target: SQLite itself applies the target's column types."""
    renames = rule.renames.get(source.name.lower(), {})
    sources: dict[int, int | None] = {}
    for at, column in enumerate(target.columns):
        renamed = renames.get(column.lower())
        plain = None if column.lower() in renames.values() else column
        sources[at] = table.find(renamed or plain or "") if renamed or plain else None
    values, declared, views, changes = [], [], {}, {}
    for at, column in enumerate(target.columns):
        origin, transform = sources[at], rule.transform.get(column.lower())
        declared.append(f"n{at} {'' if transform else target.declared[at]}")
        if origin is not None:
            values.append(f"s.{quote(table.columns[origin])}")
        elif column.lower() in rule.defaults:
            values.append(as_literal(rule.defaults[column.lower()]))
        else:
            default = (target.defaults[at] or "").strip()
            values.append(default if LITERAL.fullmatch(default) else "NULL")
        if origin is not None and transform:
            changes[at], views[at] = read_transform(transform)
        elif origin is not None and table.columns[origin] in source.nested:
            changes[at] = views[at] = parsed_json
    connection = source.connection
    connection.execute(f"CREATE TEMP TABLE expected (row_id INTEGER PRIMARY KEY, {', '.join(declared)})")
    query = f"SELECT {table.row_id}, {', '.join(values)} FROM main.{quote(source.table_name)} AS s"
    connection.execute(f"INSERT INTO temp.expected {query}")
    expected = {}
    for row_id, *cells in connection.execute("SELECT * FROM temp.expected"):
        row = [tag(cell) for cell in cells]
        expected[row_id] = tuple(changes[at](cell) if at in changes else cell for at, cell in enumerate(row))
    connection.execute("DROP TABLE temp.expected")
    mapped = [at for at, origin in sources.items() if origin is not None]
    return Input(name=source.name, source=table, mapped=mapped, expected=expected, views=views, entries={})


def read_transform(transform: Any) -> tuple[Change, Change]:
    """Return how a source's value changes, and how to look at the target's."""
    if transform == "trim":
        return changed_text(str.strip), lambda cell: cell
    if transform == "casefold":
        return changed_text(str.casefold), lambda cell: cell
    return expected_instant(transform["epoch"]), written_instant


class Judge:
    """One judgement; ``problems`` holds what it found."""

    def __init__(self, source_dir: Path, target_dir: Path, run: Mapping[str, Any], plan: Path) -> None:
        self.source_dir, self.target_dir, self.run = Path(source_dir), Path(target_dir), run
        self.plan: dict[str, Any] = yaml.safe_load(Path(plan).read_text(encoding="utf-8"))
        self.plan_dir = Path(plan).parent
        self.rules = read_rules(self.plan)
        self.folder = self.target_dir / ".strongroom" / "runs" / str(run["run"])
        self.problems: list[str] = []
        self.counted: Counter[str] = Counter()

    def say(self, kind: str, problem: str) -> None:
        self.counted[kind] += 1
        if self.counted[kind] <= MOST_PROBLEMS:
            self.problems.append(problem)

    def judge(self, scratch: Path, stack: ExitStack) -> None:
        fed: dict[str, list[Source]] = defaultdict(list)
        unread = dict(self.run["tables"])
        for source in self.open_sources(scratch, stack):
            tally = unread.pop(source.name, None)
            if self.is_dropped(source.name):
                self.check_archive(source, tally)
            elif tally is None:
                self.say("tables", f"{source.name}: the result does not speak of this table")
            else:
                fed[str(tally["into"]).lower()].append(source)
        for name in (name for name, tally in unread.items() if tally["read"]):
            self.say("tables", f"{name}: the result counts rows of a table that is not there")
        for target, settings in self.plan["targets"].items():
            self.check_target(target, settings, fed)
        for into in fed:
            self.say("tables", f"{into}: there is no such table in the targets")
        self.check_sums()
        for kind, count in self.counted.items():
            if count > MOST_PROBLEMS:
                self.problems.append(f"{kind}: {count - MOST_PROBLEMS} more")

    def check_sums(self) -> None:
        for total, figure in (("rows_read", "read"), ("quarantined",) * 2, ("unexplained",) * 2):
            expected = sum(tally[figure] for tally in self.run["tables"].values())
            if self.run[total] != expected:
                self.say("sums", f"{total} is {self.run[total]}, and the tables say {expected}")

    def open_sources(self, scratch: Path, stack: ExitStack) -> Iterator[Source]:
        """Copy each source aside, ``-wal`` included, and open the copy; JSON becomes a database."""
        self.refuse_unknown_files()
        for number, (source, settings) in enumerate(self.plan["sources"].items()):
            original, copy = self.source_dir / settings["path"], scratch / f"{number}.db"
            if not original.is_file():
                continue
            nested: dict[str, set[str]] = {}
            if settings.get("format") == "json":
                nested = read_document(original, copy, settings.get("rows") or {})
            else:
                for suffix in ("", "-wal"):
                    if Path(f"{original}{suffix}").is_file():
                        shutil.copyfile(f"{original}{suffix}", f"{copy}{suffix}")
            connection = stack.enter_context(closing(open_file(copy)))
            for table, kind in list_tables(connection):
                name = f"{source}.{table}"
                if kind == "table" or name in self.run["tables"]:
                    inner = nested.get(table, set())
                    yield Source(name=name, table_name=table, connection=connection, nested=inner)

    def refuse_unknown_files(self) -> None:
        parts = (*self.plan["sources"].values(), *self.plan["targets"].values())
        known = {settings["path"] for settings in parts}
        if (self.plan.get("defaults") or {}).get("unmapped_file", "error") == "error":
            for file in self.source_dir.glob("*.db"):
                if file.name not in known and not file.is_symlink():
                    self.say("files", f"{file.name}: the plan does not name this file")

    def is_dropped(self, name: str) -> bool:
        patterns = {drop["table"].lower() for drop in self.plan.get("drop") or ()}
        placed = any(name.lower() in rule.renames for rule in self.rules.values())
        return name.lower() in patterns or (f"{name.partition('.')[0]}.*".lower() in patterns and not placed)

    def check_archive(self, source: Source, tally: Mapping[str, Any] | None) -> None:
        table = read_table(source.connection, source.table_name)
        if tally is not None and not tally["read"] == tally["filtered"] == len(table.rows):
            self.say("archive", f"{source.name}: {len(table.rows)} dropped rows are counted as {tally}")
        archive = self.folder / "archive.db"
        with closing(open_unchanged(archive) if archive.is_file() else open_file(None)) as connection:
            if (source.name, "table") not in list_tables(connection):
                self.say("archive", f"{source.name}: the archive lacks this dropped table")
                return
            kept = read_table(connection, source.name)
        places = [kept.find(column) for column in table.columns]
        found = Counter(tuple(row[at] for at in places if at is not None) for row in kept.rows.values())
        if found != Counter(table.rows.values()):
            self.say("archive", f"{source.name}: the archive does not hold the rows of this dropped table")

    def check_target(self, target: str, settings: Mapping[str, Any], fed: dict[str, list[Source]]) -> None:
        folder = self.target_dir if self.run["published"] else self.folder / "stage"
        file, ledger = folder / settings["path"], self.folder / "ledger" / f"{target}.db"
        for needed in (file, ledger):
            if not needed.is_file():
                self.say("targets", f"{target}: there is no file {needed}")
                return
        seeds = self.read_seeds(settings.get("schema"))
        with closing(open_unchanged(file)) as connection, closing(open_unchanged(ledger)) as kept:
            for name, kind in list_tables(connection):
                into = f"{target}.{name}"
                sources = fed.pop(into.lower(), [])
                if kind == "virtual" and not sources:
                    continue
                table = read_table(connection, name)
                figure = (self.run["targets"].get(into) or {}).get("rows", 0)
                if figure != len(table.rows) and (sources or figure):
                    self.say("targets", f"{into}: {len(table.rows)} rows are counted as {figure}")
                rule = self.rules.get(into.lower(), Rule())
                inputs = [self.read_input(source, into, table, rule, kept) for source in sources]
                Matching(self, into, table, rule, inputs).run(seeds.get(name.lower(), []))

    def read_seeds(self, schema: str | None) -> dict[str, list[dict[int, Cell]]]:
        """Return the rows that the schema file itself inserts, without columns that hold the time of day."""
        found: dict[str, list[dict[int, Cell]]] = {}
        if schema is None:
            return found
        with closing(open_file(None)) as connection:
            connection.executescript((self.plan_dir / schema).read_text(encoding="utf-8"))
            for name, kind in list_tables(connection):
                if kind == "table":
                    table = read_table(connection, name)
                    fixed = [at for at, text in enumerate(table.defaults) if "CURRENT_" not in (text or "").upper()]
                    found[name.lower()] = [{at: row[at] for at in fixed} for row in table.rows.values()]
        return found

    def read_input(self, source: Source, into: str, target: Table, rule: Rule, kept: sqlite3.Connection) -> Input:
        table = read_table(source.connection, source.table_name)
        entry = expect_rows(source, table, target, rule)
        renamed = rule.renames.get(source.name.lower(), {}).values()
        for column in table.columns:
            if target.find(column) is None and column.lower() not in renamed:
                self.say("columns", f"{source.name}: column {column} has no place in {into}")
        entry.entries = self.read_entries(source, table, into, kept)
        self.check_tally(entry)
        filtered = {row_id for row_id, (said, _) in entry.entries.items() if said == "filtered"}
        numbered = f"SELECT {table.row_id} AS _row, * FROM main.{quote(source.table_name)}"
        query = f"SELECT _row FROM ({numbered}) WHERE ({rule.where or 1}) IS NOT TRUE"
        wanted = {row_id for (row_id,) in source.connection.execute(query)}
        if filtered != wanted:
            self.say("filter", f"{source.name}: rows {filtered ^ wanted} are filtered, or should be")
        return entry

    def read_entries(
        self, source: Source, table: Table, into: str, kept: sqlite3.Connection
    ) -> dict[int, tuple[str, int | None]]:
        """Read what the ledger keeps of a source table; every value must be as it was."""
        owner, _, name = source.name.partition(".")
        listed = [
            (kept_table, json.loads(columns))
            for into_table, owned, named, kept_table, columns in read_names(
                kept, "SELECT into_table, source, source_table, kept_table, columns FROM inputs"
            )
            if (owned, named.lower()) == (owner, name.lower()) and into_table.lower() == into.lower()
        ]
        if len(listed) != 1:
            self.say("ledger", f"{source.name}: the ledger lists this table {len(listed)} times")
            return {}
        kept_table, columns = listed[0]
        if [column.lower() for column in columns] != [column.lower() for column in table.columns]:
            self.say("ledger", f"{source.name}: the ledger keeps the columns {columns}")
            return {}
        looks: list[Change] = [
            parsed_json if column in source.nested else (lambda cell: cell) for column in table.columns
        ]
        places = ", ".join(f"c{number}" for number in range(len(columns)))
        query = f"SELECT _rowid, _target_rowid, _disposition, {places} FROM {quote(kept_table)}"
        entries: dict[int, tuple[str, int | None]] = {}
        for row_id, target_id, disposition, *cells in kept.execute(query):
            said = bytes(disposition).decode()
            row = tuple(look(tag(cell)) for look, cell in zip(looks, cells, strict=True))
            original = table.rows.get(row_id)
            entries[row_id] = said, target_id
            if said not in DISPOSITIONS:
                self.say("ledger", f"{source.name} row {row_id}: unknown disposition {said}")
            if original is None:
                self.say("ledger", f"{source.name} row {row_id}: the ledger keeps a row that never was")
            elif tuple(look(cell) for look, cell in zip(looks, original, strict=True)) != row:
                self.say("ledger", f"{source.name} row {row_id}: the ledger keeps other values: {show(row)}")
        return entries

    def check_tally(self, entry: Input) -> None:
        tally = self.run["tables"][entry.name]
        found = Counter(disposition for disposition, _ in entry.entries.values())
        rest = len(entry.source.rows) - sum(found[name] for name in DISPOSITIONS[1:])
        real = {
            "read": len(entry.source.rows),
            **{name: found[name] for name in DISPOSITIONS},
            "inserted": rest,
        }
        real["unexplained"] = 0
        for name, figure in real.items():
            if tally[name] != figure:
                self.say("figures", f"{entry.name}: {name} is {tally[name]}, and should be {figure}")


class Matching:
    """Find for each row of a target table the one source row that it is."""

    def __init__(self, judge: Judge, into: str, table: Table, rule: Rule, inputs: list[Input]) -> None:
        self.judge, self.into, self.table, self.inputs = judge, into, table, inputs
        self.surrogates = rule.surrogates(table)
        self.key = [table.find(column) for column in rule.key or table.key]
        self.free = dict(table.rows)
        self.owners: dict[int, tuple[Input, int]] = {}
        self.givers: dict[int, list[tuple[Input, int]]] = defaultdict(list)

    def run(self, seeds: list[dict[int, Cell]]) -> None:
        for entry in self.inputs:
            self.follow_entries(entry)
        plain = {
            entry.name: [row_id for row_id in entry.expected if row_id not in entry.entries] for entry in self.inputs
        }
        # First whole rows, then those whose open columns other rows filled; the most demanding first.
        by_demand = sorted(self.inputs, key=lambda entry: -len(entry.mapped))
        for project in (False, True):
            for entry in by_demand:
                plain[entry.name] = self.match(entry, plain[entry.name], project=project)
        for entry in self.inputs:
            for row_id in plain[entry.name]:
                row = show(entry.source.rows[row_id])
                self.say("lost", f"{entry.name} row {row_id} is neither in {self.into} nor in the ledger: {row}")
        for row_id in self.owners:
            self.check_origin(row_id, seeds)
        self.explain_rest(seeds)

    def say(self, kind: str, problem: str) -> None:
        self.judge.say(f"{kind} in {self.into}", problem)

    def match(self, entry: Input, row_ids: list[int], *, project: bool) -> list[int]:
        """Give each row a free target row that equals it; return those for which there is none."""
        if not row_ids:
            return []
        narrow: Callable[[Row], Row] = entry.project if project else lambda row: row
        places: dict[Row, list[int]] = defaultdict(list)
        for target_id, row in self.free.items():
            places[narrow(entry.view(row))].append(target_id)
        left = []
        for row_id in row_ids:
            found = places.get(narrow(entry.expected[row_id]))
            if found:
                target_id = found.pop()
                del self.free[target_id]
                self.owners[target_id] = entry, row_id
            else:
                left.append(row_id)
        return left

    def follow_entries(self, entry: Input) -> None:
        rewritten = 0
        for row_id, (disposition, noted) in entry.entries.items():
            if disposition in ("quarantined", "filtered") or row_id not in entry.expected:
                continue
            target_id = self.locate(entry, row_id, noted)
            label = f"{entry.name} row {row_id} ({disposition})"
            if target_id is None:
                if disposition != "superseded" or noted is not None:
                    self.say("ledger", f"{label}: its row in {self.into} is not there")
            elif disposition == "inserted":
                if self.free.pop(target_id, None) is None:
                    self.say("ledger", f"{label}: another row has its place in {self.into}")
                    continue
                self.owners[target_id] = entry, row_id
                rewritten += any(
                    entry.expected[row_id][at] != self.table.rows[target_id][at]
                    for at in self.surrogates
                    if at is not None
                )
            elif disposition in ("merged_changed", "merged_identical"):
                self.givers[target_id].append((entry, row_id))
                if disposition == "merged_identical":
                    self.check_identical(entry, row_id, target_id, label)
        figure = self.judge.run["tables"][entry.name]["rewritten"]
        if figure != rewritten:
            self.say("figures", f"{entry.name}: rewritten is {figure}, and should be {rewritten}")

    def locate(self, entry: Input, row_id: int, noted: int | None) -> int | None:
        """Return the target's row of an entry; in a table without rowids it is found by its key."""
        if noted is not None:
            return noted if noted in self.table.rows else None
        if self.table.has_rowid or not self.key:
            return None
        wanted = entry.expected[row_id]
        return next(
            (
                target_id
                for target_id, row in self.table.rows.items()
                if all(at is not None and entry.view(row)[at] == wanted[at] for at in self.key)
            ),
            None,
        )

    def check_identical(self, entry: Input, row_id: int, target_id: int, label: str) -> None:
        seen, wanted = entry.view(self.table.rows[target_id]), entry.expected[row_id]
        compared = [at for at in entry.mapped if at not in self.surrogates]
        differing = ", ".join(self.table.columns[at] for at in compared if seen[at] != wanted[at])
        if differing:
            self.say("identical", f"{label}: differs from row {target_id} of {self.into} in {differing}")

    def check_origin(self, target_id: int, seeds: list[dict[int, Cell]]) -> None:
        """Every value of a target's row must be one that a row which became it had."""
        owner, owner_row = self.owners[target_id]
        is_noted = owner_row in owner.entries
        row = self.table.rows[target_id]
        own_view, own_row = owner.view(row), owner.expected[owner_row]
        odd = [at for at in range(len(row)) if own_view[at] != own_row[at] and not (is_noted and at in self.surrogates)]
        twins = [seed for seed in seeds if all(seed.get(at or 0) == row[at or 0] for at in self.key)]
        for at in odd:
            is_given = any(
                at in giver.mapped and giver.view(row)[at] == giver.expected[giver_row][at]
                for giver, giver_row in self.givers[target_id]
            )
            if not is_given and not any(seed.get(at, row[at]) == row[at] for seed in twins):
                value = f"{self.table.columns[at]} its value {show((row[at],))}"
                self.say("origin", f"{self.into} row {target_id}: no source row gives {value}")

    def explain_rest(self, seeds: list[dict[int, Cell]]) -> None:
        """What no source row is, the schema file must have written."""
        left = list(seeds)
        for target_id, row in self.free.items():
            equal = (seed for seed in left if all(row[at] == cell for at, cell in seed.items()))
            own = next(equal, None)
            if own is not None:
                left.remove(own)
            else:
                self.say("invented", f"{self.into} row {target_id} is no row of any source: {show(row)}")
