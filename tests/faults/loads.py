"""A small shop that goes into PostgreSQL: its databases, the command line on them, and what stands where afterwards.

Shares no code with what it watches: schemas are read with plain SQL, ledgers with plain sqlite3.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.vault import open_vault
from tests.faults.load_server import LoadServer
from tests.faults.scene import read_rows

RANGE_BYTES = 25_000
"""So that the larger tables come in several ranges."""
NAMES = ("core", "memory", "audit")
_SYSTEM = "version: 1\nname: shop\ntitle: For a test\npostgres: {variables: [SHOP_DSN]}\n"
_PLAN: dict[str, Any] = {
    "version": 1,
    "defaults": {"time_zone": "UTC", "quarantine_budget": 100},
    "sources": {"old": {"path": "old.db"}},
}
_TYPES = {
    "core": {"tags.ref": "uuid", "users.name": "text", "notes.line": "text"},
    "audit": {"log.line": "text"},
}
_COUNTED = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) INSERT INTO "
_CORE = f"""
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, mail TEXT NOT NULL UNIQUE, name TEXT, active BOOLEAN);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users, total REAL, note TEXT, at DATETIME);
CREATE INDEX by_user ON orders (user);
CREATE TABLE notes (user INTEGER REFERENCES users, line TEXT);
CREATE TABLE tags (id INTEGER PRIMARY KEY, ref UUID UNIQUE, word TEXT);
{_COUNTED.format(rows=40)}users SELECT i, 'user' || i || '@example.org', 'user ' || i, i % 2 FROM n;
UPDATE users SET name = 'nul' || char(0) || 'inside' WHERE id IN (7, 8);
UPDATE sqlite_sequence SET seq = 900 WHERE name = 'users';
{_COUNTED.format(rows=600)}orders SELECT i, 1 + i % 41, i / 4.0, 'a note of order ' || i, '2024-05-01 10:00:00' FROM n;
{_COUNTED.format(rows=900)}notes SELECT 1 + i % 40, 'a line that stands here in vain ' || i % 50 FROM n;
UPDATE notes SET line = line || char(0) WHERE rowid IN (3, 700);
{_COUNTED.format(rows=400)}tags SELECT i, printf('%08x-0000-4000-8000-000000000000', i), 'a tag that is ' || i FROM n;
INSERT INTO tags VALUES (401, '000000AA-0000-4000-8000-000000000000', 'again'), (402, '0000000B' || '-0000-4000-8000-'
  || '000000000000', 'again');
"""
_MEMORY = f"""
CREATE TABLE scores (agent TEXT, debate TEXT, wins INTEGER NOT NULL, PRIMARY KEY (agent, debate)) WITHOUT ROWID;
CREATE TABLE "odd "" name" ("order" INTEGER PRIMARY KEY, "user" BLOB, "a b" TEXT);
CREATE TABLE empty (id INTEGER PRIMARY KEY);
{_COUNTED.format(rows=300)}scores SELECT 'agent ' || i % 20, 'debate ' || i, i FROM n;
{_COUNTED.format(rows=50)}"odd "" name" SELECT i * 1000, zeroblob(i * 20), 'é' || i FROM n;
"""
_AUDIT = f"""
CREATE TABLE log (at DATETIME, line TEXT, weight REAL);
{_COUNTED.format(rows=3000)}log SELECT '2024-05-01 10:00:00', 'somebody did something ' || i % 700, i / 8.0 FROM n;
"""
_LATER = {
    "core": "INSERT INTO users VALUES (950, 'late@example.org', 'late', 1);"
    "INSERT INTO orders VALUES (700, 950, 1.5, 'late', '2024-06-01 10:00:00');",
    "memory": "INSERT INTO scores VALUES ('late', 'late', 1);",
    "audit": "INSERT INTO log VALUES ('2024-06-01 10:00:00', 'late', 0.5);",
}
AGAIN = {"core": ("tags", "orders", "notes")}
"""Tables that are loaded once more anyway: keys are doubled once they are converted, and parents wait."""


@dataclass(frozen=True, kw_only=True)
class Loads:
    """The shop's folders, and its server."""

    server: LoadServer
    root: Path
    key: str | None = field(default=None, repr=False)
    """Under which the databases lie, and so all that is kept of them."""

    @property
    def staged(self) -> list[str]:
        return [f"{name}_staged" for name in NAMES]

    @property
    def system(self) -> Path:
        return self.root / "shop"

    @property
    def target(self) -> Path:
        return self.root / "data"

    def argv(self, task: str, *flags: str, target: Path | None = None) -> list[str]:
        places = ["--system", str(self.system), "--target", str(target or self.target)]
        return ["inv", f"postgres.{task}", *places, *flags]

    def where(self, **more: Any) -> dict[str, Any]:
        """Say to the driver where the server is, and how small ranges are."""
        keys = {} if self.key is None else {"keys": {"vault": self.key}}
        return {"environment": self.server.environment, "range_bytes": RANGE_BYTES, "jobs": 1, **keys, **more}

    def find_leftovers(self) -> list[str]:
        """Say what of killed loads still takes space: half files, and snapshots that nothing needs."""
        home = self.target / ".strongroom"
        found = [str(path) for path in home.rglob("*") if path.name.endswith((".part", "-journal", "-wal"))]
        needed = {folder for folder in self.list_loads() if _read_state(folder) not in (None, "given up")}
        return found + [str(folder) for folder in self.list_loads() if folder not in needed and _holds_copies(folder)]

    def list_loads(self) -> list[Path]:
        place = self.target / ".strongroom" / "loads"
        return sorted(place.iterdir()) if place.is_dir() else []

    def read_state(self) -> str | None:
        """Return what the latest load says that it is."""
        states = [state for folder in self.list_loads() if (state := _read_state(folder)) is not None]
        return states[-1] if states else None

    def change_sources(self) -> None:
        """Let every database have more rows than it had."""
        self.write(_LATER)

    def write(self, scripts: Mapping[str, str]) -> None:
        """Run a script on each database, by its name."""
        for name, sql in scripts.items():
            with closing(open_vault(self.target / f"{name}.db", self.key)) as connection:
                connection.executescript(sql)

    def keep(self, name: str) -> None:
        """Keep the databases, what was loaded of them, and the server as they are."""
        shutil.copytree(self.target, self.root / name, symlinks=True)
        self.server.keep(name)

    def set_stage(self, name: str) -> None:
        """Let all be as it was when it was kept."""
        shutil.rmtree(self.target)
        shutil.copytree(self.root / name, self.target, symlinks=True)
        self.server.set_anew(name)

    def read_ledgers(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows that wait, by the table in which they do."""
        found = {}
        for ledger in sorted((self.list_loads()[-1] / "ledger").glob("*.db")):
            for name, columns in read_rows(ledger, "SELECT kept_table, columns FROM inputs", self.key):
                kept = name[1].decode()
                asked = f'SELECT * FROM "{kept.replace(chr(34), chr(34) * 2)}"'
                found[kept] = [columns, *read_rows(ledger, asked, self.key)]
        return found


def _read_state(folder: Path) -> str | None:
    document = folder / "load.json"
    return str(json.loads(document.read_text())["state"]) if document.is_file() else None


def _holds_copies(folder: Path) -> bool:
    return any(path.is_file() for path in (folder / "snapshots").rglob("*"))


def build_loads(
    root: Path, server: LoadServer, *, key: str | None = None, files: Mapping[str, str] | None = None
) -> Loads:
    """Build the shop; under a ``key``, or with schema ``files`` by their paths, which say the types."""
    loads = Loads(server=server, root=root, key=key)
    loads.target.mkdir(parents=True)
    types = {} if files else _TYPES
    targets = [{"path": f"{name}.db", "types": types.get(name, {})} for name in NAMES]
    encrypted = [target | ({} if key is None else {"encrypt": "vault"}) for target in targets]
    plan = _PLAN | {"targets": dict(zip(NAMES, encrypted, strict=True))}
    texts = {"system.yaml": _SYSTEM, "plan.yaml": json.dumps(plan), **(files or {})}
    for name, text in texts.items():
        path = loads.system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    loads.write({"core": _CORE, "memory": _MEMORY, "audit": _AUDIT})
    return loads


_TABLES = """
    SELECT n.nspname || '.' || c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
        c.relowner::regrole::text, c.relacl::text, (
            SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                a.attidentity, pg_get_expr(d.adbin, d.adrelid)), ', ' ORDER BY a.attnum) FROM pg_attribute a
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = c.oid AND a.attnum > 0)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = ANY (%s)"""
_STRUCTURE = """
    SELECT n.nspname || '.' || o.conname, pg_get_constraintdef(o.oid) FROM pg_constraint o
    JOIN pg_namespace n ON n.oid = o.connamespace WHERE n.nspname = ANY (%(schemas)s)
    UNION ALL SELECT schemaname || '.' || indexname, indexdef FROM pg_indexes WHERE schemaname = ANY (%(schemas)s)
    UNION ALL SELECT n.nspname || '.' || g.tgname, pg_get_triggerdef(g.oid) || g.tgenabled::text FROM pg_trigger g
    JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s) AND NOT g.tgisinternal
    UNION ALL SELECT schemaname || '.' || sequencename, coalesce(last_value, -1)::text FROM pg_sequences
    WHERE schemaname = ANY (%(schemas)s)"""
_ROWS = """SELECT count(*), coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE "C")), '') FROM {} t"""


def read_schemas(server: LoadServer, schemas: Iterable[str]) -> dict[str, Any]:
    """Return everything that stands in schemas: tables, a hash of their rows, keys, indexes, sequences, rights."""
    named = list(schemas)
    with server.connect() as connection:
        found: dict[str, Any] = {}
        for name, quoted, *more in connection.execute(_TABLES.encode(), (named,)).fetchall():
            found[name] = (*more, *connection.execute(_ROWS.format(quoted).encode()).fetchall())
        structure = connection.execute(_STRUCTURE.encode(), {"schemas": named}).fetchall()
    return found | {"structure": sorted(structure)}


def read_everything(loads: Loads) -> dict[str, Any]:
    """Return all that a command can have changed: schemas, live or not, what waits, and what the load says it is."""
    named = [name + suffix for name in NAMES for suffix in ("", "_staged", "_previous")]
    ledgers = {name: sorted(rows, key=repr) for name, rows in loads.read_ledgers().items()}
    return read_schemas(loads.server, named) | {"ledgers": ledgers, "state": loads.read_state()}


Writers = dict[str, dict[str, int]]


def read_writers(server: LoadServer, schemas: Iterable[str]) -> Writers:
    """Return which transactions wrote the rows that stand in tables, and how many each."""
    found: Writers = {}
    with server.connect() as connection:
        for name, quoted, *_ in connection.execute(_TABLES.encode(), (list(schemas),)).fetchall():
            asked = f"SELECT xmin::text, count(*) FROM {quoted} GROUP BY xmin"
            found[name] = dict(connection.execute(asked.encode()).fetchall())
    return found


def is_book_there(server: LoadServer) -> bool:
    return server.read("SELECT to_regclass('strongroom_shop_load.loads') IS NOT NULL") == [(True,)]


def find_loaded_twice(before: Writers, after: Writers) -> list[str]:
    """Return the tables of which rows that stood there are others now, though nothing called for that."""
    spared = {f"{name}_staged.{table}" for name, tables in AGAIN.items() for table in tables}
    return [
        f"{table}: {count} rows of transaction {writer} are {after.get(table, {}).get(writer, 0)} now"
        for table, writers in before.items()
        if table not in spared
        for writer, count in writers.items()
        if after.get(table, {}).get(writer) != count
    ]
