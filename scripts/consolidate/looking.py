"""Look at what runs left: their state, the rows that wait for a person, and every losing value. Read-only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.consolidate.request import Home, RunFolder
from scripts.databases.sqlite import Connection, RawText, open_snapshot
from scripts.errors import UnreachableError, UsageError
from scripts.files import read_json
from scripts.instants import Stored
from scripts.quoting import dotted, quote

_CUT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """One row that did not arrive plainly, with its values and those of the row that stands for it."""

    into: str
    source: str
    rowid: int
    disposition: str
    reason: str
    values: dict[str, str]
    """Column to value, written as SQL would: text in quotes, NULL, x'…'."""
    target: dict[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """One run, as its directory tells."""

    run: str
    state: str
    verdict: str | None
    rows_read: int | None
    quarantined: int | None
    is_current: bool


def find_run(target: Path, name: str | None) -> tuple[Home, RunFolder]:
    """Return a run by its id; without one the published run, else the latest that has a ledger.

    Raises UnreachableError when there is none, UsageError for an unknown id.
    """
    home = Home(target=target)
    names = home.all_runs()
    if name is not None:
        if name not in names:
            raise UsageError("--run", f"there is no run {name}", f"one of: {', '.join(names[-5:]) or 'none yet'}")
        return home, home.open_run(name)
    current = read_json(home.current)
    if current is not None:
        return home, home.open_run(str(current["run"]))
    for known in reversed(names):
        if home.open_run(known).ledger.is_dir():
            return home, home.open_run(known)
    raise UnreachableError(target, "holds no run of ours", "say --target DIRECTORY, or run consolidate.run first")


def list_runs(target: Path) -> list[RunState]:
    """List all runs, oldest first."""
    home = Home(target=target)
    if not home.root.is_dir():
        raise UnreachableError(target, "holds no run of ours", "say --target DIRECTORY")
    current = read_json(home.current) or {}
    states = []
    for name in home.all_runs():
        root = home.open_run(name).root
        about, report = read_json(root / "run.json") or {}, read_json(root / "report.json") or {}
        state = str(about.get("state", "begun"))
        journal = read_json(root / "publish.json")
        if journal is not None and journal.get("state") != "closed":
            state = "publishing (interrupted: run the same command again)"
        states.append(
            RunState(
                run=name,
                state="interrupted" if state == "running" else state,
                verdict=_text(report.get("verdict")),
                rows_read=_number(report.get("rows_read")),
                quarantined=_number(report.get("quarantined")),
                is_current=current.get("run") == name,
            )
        )
    return states


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def explain(
    target: Path, *, run: str | None, table: str | None, dispositions: tuple[str, ...], key: str | None = None
) -> Iterator[KeptRow]:
    """Yield kept rows: of one target or source table, of some dispositions, holding one value; all by default."""
    home, folder = find_run(target, run)
    if not folder.ledger.is_dir():
        raise UnreachableError(folder.root, "has no ledger any more", "name another --run")
    matched = False
    for ledger in sorted(folder.ledger.glob("*.db")):
        name = ledger.stem
        live = _find_target(home, folder, name)
        with open_snapshot(ledger) as connection:
            connection.text_factory = RawText
            inputs = connection.execute(
                "SELECT into_table, source, source_table, kept_table, columns FROM inputs"
            ).fetchall()
            for row in inputs:
                into, source, source_table, kept, columns = (bytes(value).decode() for value in row)
                if table is not None and table not in (into, f"{source}.{source_table}"):
                    continue
                matched = True
                yield from _read_kept(connection, live, (into, kept, json.loads(columns)), dispositions, key)
    if table is not None and not matched:
        raise UsageError("--table", f"{table} is no table of this run", "write target.table or source.table")


def _find_target(home: Home, folder: RunFolder, name: str) -> Path | None:
    staged = folder.stage / f"{name}.db"
    if staged.is_file():
        return staged
    journal = read_json(folder.place(home.target).journal) or {}
    swaps = journal.get("swaps")
    for swap in swaps if isinstance(swaps, list) else []:
        live = home.target / str(swap["live"])
        if Path(swap["staged"]).stem == name and live.is_file():
            return live
    return None


def _read_kept(
    connection: Connection,
    live: Path | None,
    place: tuple[str, str, list[str]],
    dispositions: tuple[str, ...],
    key: str | None,
) -> Iterator[KeptRow]:
    into, kept, columns = place
    holes = ", ".join("?" * len(dispositions))
    where = f"_disposition IN ({holes})"
    parameters: list[str] = list(dispositions)
    if key is not None:
        where += " AND (" + " OR ".join(f"CAST(c{number} AS TEXT) = ?" for number in range(len(columns))) + ")"
        parameters += [key] * len(columns)
    rows = connection.execute(f"SELECT * FROM {dotted('main', kept)} WHERE {where} ORDER BY _rowid", parameters)
    for row in rows:
        rowid, disposition, reason, _, target_rowid = row[:5]
        values = {name: write_value(value) for name, value in zip(columns, row[7:], strict=True)}
        yield KeptRow(
            into=into,
            source=kept,
            rowid=rowid,
            disposition=disposition.decode(),
            reason=bytes(reason or b"").decode(),
            values=values,
            target=_read_target(live, into, target_rowid),
        )


def _read_target(live: Path | None, into: str, rowid: int | None) -> dict[str, str] | None:
    if live is None or rowid is None:
        return None
    table = into.partition(".")[2]
    with open_snapshot(live) as connection:
        connection.text_factory = RawText
        cursor = connection.execute(f"SELECT * FROM main.{quote(table)} WHERE rowid = ?", (rowid,))
        row = cursor.fetchone()
        names = [column[0] for column in cursor.description]
    return {name: write_value(value) for name, value in zip(names, row, strict=True)} if row else None


def write_value(value: Stored) -> str:
    """Write a stored value as SQL would, cut where it is long; bytes that are no UTF-8 stay visible."""
    if value is None:
        return "NULL"
    if isinstance(value, RawText):
        text = bytes(value).decode(errors="backslashreplace").replace("\x00", "\\x00")
        return "'" + (text if len(text) <= _CUT else f"{text[:_CUT]}… ({len(value)} bytes)") + "'"
    if isinstance(value, bytes):
        return f"x'{value[:32].hex()}{'…' if len(value) > 32 else ''}'"  # noqa: PLR2004  enough to recognise it
    return repr(value)
