"""Databases of one's own that are loaded by the tasks themselves, and what is then in the server and in the ledger."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.containers.schema_site import Site

PLAN = """\
version: 1
defaults: {%(defaults)s}
sources: {legacy: {path: legacy.db}}
targets:
  core: {path: core.db, postgres: core%(more)s}
copy: {core: [legacy.*]}
"""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a task ended."""

    code: int
    out: str
    error: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    def refuse(self, code: int, *words: str) -> None:
        """Make sure that it was refused with one clear line, and maybe a hint."""
        lines = [line for line in self.error.strip().splitlines() if not line.endswith("…")]  # of the progress
        assert self.code == code, self.error
        assert lines[0].startswith("error: "), self.error
        assert len(lines) <= 2, self.error
        assert "Traceback" not in self.error
        for word in words:
            assert word in self.error, self.error


@dataclass(frozen=True, kw_only=True)
class LoadSite:
    """One consolidated database, ``core.db``, and a database in the server."""

    site: Site
    target: Path
    flags: tuple[str, ...] = ()
    """Of every load."""

    @property
    def database(self) -> Path:
        return self.target / "core.db"

    def write(self, *statements: str | tuple[str, Iterable[Any]]) -> None:
        """Run statements on the source, each a script or one statement with its rows."""
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            for one in statements:
                if isinstance(one, str):
                    connection.executescript(one)
                else:
                    connection.executemany(*one)

    def plan(self, *, defaults: str = "time_zone: UTC", types: str = "", more: str = "") -> None:
        text = PLAN % {"defaults": defaults, "more": more + (f", types: {{{types}}}" if types else "")}
        (self.site.system / "plan.yaml").write_text(text)

    def load(self, *flags: str) -> Ended:
        return self.run("load", *self.flags, *flags)

    def verify(self, *flags: str) -> Ended:
        return self.run("verify", *flags)

    def run(self, task: str, *flags: str) -> Ended:
        code, out, error = self.site.run(task, "--target", str(self.target), *flags)
        return Ended(code=code, out=out, error=error)

    def prove(self, code: int = 0) -> dict[str, Any]:
        """Load; the load and a proof of its own end with the code that is expected, and agree. Return the outcome."""
        ended = self.load("--json")
        assert ended.code == code, ended.error + ended.out
        again = self.verify("--json")
        assert again.code == 0, again.error + again.out
        for name in ("rows_read", "unexplained", "quarantined", "tables", "differences"):
            assert ended.json[name] == again.json[name], name
        return ended.json

    def read(self, table: str, columns: str = "*", order: str = "1") -> list[tuple[Any, ...]]:
        return self.site.read(f"SELECT {columns} FROM core_staged.{table} ORDER BY {order}")

    def waiting(self) -> dict[tuple[str, int], str]:
        """Return the rule by which each row waits, by the source's table and the row's address."""
        found = {}
        for ledger in sorted(self.target.glob(".strongroom/loads/*/ledger/core.db"))[-1:]:
            with closing(sqlite3.connect(ledger)) as connection:
                for table, kept in connection.execute("SELECT source_table, kept_table FROM inputs").fetchall():
                    quoted = '"' + kept.replace('"', '""') + '"'
                    rows = connection.execute(f"SELECT _rowid, _rule FROM {quoted} WHERE _disposition = 'quarantined'")
                    found |= {(table, address): rule for address, rule in rows}
        return found


def open_load_site(site: Site, folder: Path, *flags: str) -> LoadSite:
    """Give a site a plan and a place for its database."""
    target = folder / "data"
    target.mkdir()
    site.monkeypatch.setenv("STRONGROOM_JOBS", "1")
    opened = LoadSite(site=site, target=target, flags=flags)
    opened.plan()
    return opened
