"""Explain rows that did not arrive plainly: what they held, what stands in their place, what followed. Read-only."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from strongroom.consolidate.kept_plan import read_kept_plan
from strongroom.consolidate.live_rows import LiveRows, holds, write_row
from strongroom.consolidate.masking import Masks, read_masks
from strongroom.consolidate.request import NO_KEYS
from strongroom.core.engines import Engine
from strongroom.core.errors import UnreachableError, UsageError
from strongroom.core.instants import Stored
from strongroom.core.quoting import dotted
from strongroom.core.secret import Secret
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
from strongroom.sqlite.connection import Connection, RawText, open_snapshot
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.keyring import hold_needed

_UNDECIDING = ("identical", "newest", "oldest", "quarantine")
"""The rules that may leave a group to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The row of an undecided group that the target shows."""

    source: str
    """``source.table``."""
    rowid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """One row that did not arrive plainly, with its values and those of the row that stands for it.

    Of columns that the plan calls secret the values are ``•••``, in JSON too, but for NULL: whether there is a value
    is no secret.
    """

    into: str
    source: str
    rowid: int
    disposition: str
    reason: str
    values: dict[str, str]
    """Column to value, written as SQL would: text in quotes, NULL, x'…'."""
    target: dict[str, str] | None
    differs: tuple[str, ...] = ()
    """The columns that hold something else in the target, secret ones too."""
    shown: Shown | None = None
    """In a group that nothing decided: the row that is shown, this one or that beside which it waits."""
    followed_by: dict[str, int] = field(default_factory=dict)
    """Tables of the same source to how many of their rows were rewritten with this row's id; with a key only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledgers:
    """The ledgers of a run, or of what else keeps ledgers as runs do, one for each target."""

    folder: Path
    keys: Mapping[str, str | None]
    """Target to the name of its ledger's key; None, or no entry, for a plain one."""
    masks: Masks
    what: str
    """What they belong to: ``run``."""
    tables: Collection[str] = ()
    """Tables (``target.table``) of it of which no row need be in a ledger."""
    find_live: Callable[[Database], Database | None] = lambda _: None
    """Returns the target of a ledger, in which the rows stand that stand for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """One input's table in a ledger."""

    into: str
    source: str
    table: str
    kept: str
    columns: Sequence[str]
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What is to be shown, and what of it is hidden."""

    table: str | None
    dispositions: tuple[str, ...]
    key: str | None
    masks: Masks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One ledger that is looked at, and the target that it belongs to."""

    wish: _Wish
    ledger: Connection
    live: LiveRows | None
    every: Sequence[_Kept]

    def find_shown(self, entry: _Kept, rowid: int, disposition: str, said: Sequence[Stored]) -> Shown | None:
        """Return the row of a group that nothing decided which is shown; None for any other row.

        ``said`` is rule, target's rowid, winner's input and rowid.
        """
        rule, _, number, winner = said
        if disposition == "inserted" and _decode(rule) in _UNDECIDING:
            return Shown(source=entry.kept, rowid=rowid)
        if disposition != "quarantined" or number is None or not isinstance(winner, int):
            return None
        beside = (one.kept for one in self.every if one.into == entry.into and one.number == number)
        return Shown(source=next(beside, ""), rowid=winner)


def explain(
    home: Home,
    *,
    run: str | None,
    table: str | None,
    dispositions: tuple[str, ...],
    key: str | None = None,
    keys: Mapping[str, Secret] = NO_KEYS,
) -> Iterator[KeptRow]:
    """Yield kept rows: of one target or source table, of some dispositions, holding one value; all by default.

    A row holds a value when it stood in the source's row or stands in the target's. Raises UnreachableError,
    UsageError for a table that is none of the run's, KeyMissingError, GuardError for a run whose plan was edited.
    """
    folder, _ = home.find_run(run)
    if not folder.ledger.is_dir():
        raise UnreachableError(folder.root, "has no ledger any more", "name another --run")
    ledgers = Ledgers(
        folder=folder.ledger,
        keys=folder.read_target_keys(),
        masks=read_masks(read_kept_plan(folder)),
        what="run",
        find_live=lambda kept: find_target(home, folder, replace(kept, path=folder.stage / kept.path.name)),
    )
    yield from explain_ledgers(ledgers, home.engine, table=table, dispositions=dispositions, key=key, keys=keys)


def explain_ledgers(
    ledgers: Ledgers,
    engine: Engine,
    *,
    table: str | None,
    dispositions: tuple[str, ...],
    key: str | None = None,
    keys: Mapping[str, Secret] = NO_KEYS,
) -> Iterator[KeptRow]:
    """Yield the rows of ledgers, as ``explain`` does. Raises UsageError for a table of none, KeyMissingError."""
    wish = _Wish(table=table, dispositions=dispositions, key=key, masks=ledgers.masks)
    with hold_needed(keys, ledgers.keys.values()):
        yield from _explain(ledgers, engine, wish)


def _explain(ledgers: Ledgers, engine: Engine, wish: _Wish) -> Iterator[KeptRow]:
    matched = wish.table in ledgers.tables
    for ledger in sorted(ledgers.folder.glob("*.db")):
        kept = under_key(ledger, ledgers.keys.get(ledger.stem), engine)
        live = ledgers.find_live(kept)
        with ExitStack() as stack:
            rows = None if live is None else LiveRows(database=live, connection=_open_raw(stack, live))
            connection = _open_raw(stack, kept)
            look = _Look(wish=wish, ledger=connection, live=rows, every=_read_inputs(connection))
            for entry in look.every:
                if wish.table is None or wish.table in (entry.into, f"{entry.source}.{entry.table}"):
                    matched = True
                    yield from _read_kept(look, entry)
    if wish.table is not None and not matched:
        fact = f"{wish.table} is no table of this {ledgers.what}"
        raise UsageError("--table", fact, "write target.table or source.table")


def _open_raw(stack: ExitStack, database: Database) -> Connection:
    connection = stack.enter_context(open_snapshot(database))
    connection.text_factory = RawText
    return connection


def _read_inputs(connection: Connection) -> list[_Kept]:
    rows = connection.execute(
        "SELECT number, into_table, source, source_table, kept_table, columns FROM inputs"
    ).fetchall()
    return [
        _Kept(into=into, source=source, table=table, kept=kept, columns=json.loads(columns), number=number)
        for number, (into, source, table, kept, columns) in ((row[0], map(_decode, row[1:])) for row in rows)
    ]


def _decode(text: Stored) -> str:
    return text.decode() if isinstance(text, bytes) else ""


def find_target(home: Home, folder: RunFolder, staged: Database) -> Database | None:
    """Return a run's target: staged, or where it was published to; None where it is neither."""
    if staged.path.is_file():
        return staged
    place = folder.place(home.target)
    journal = place.read_journal()
    for swap in journal.swaps if journal is not None else ():
        if Path(swap.staged).stem == staged.path.stem and place.live(swap).is_file():
            return place.database(swap)
    return None


def _read_kept(look: _Look, entry: _Kept) -> Iterator[KeptRow]:
    key, dispositions = look.wish.key, look.wish.dispositions
    where = f"_disposition IN ({', '.join('?' * len(dispositions))})"
    parameters: list[str] = list(dispositions)
    if key is not None:
        held = [f"CAST(c{number} AS TEXT) = ?" for number in range(len(entry.columns))]
        places = () if look.live is None else look.live.find(entry.into, key)
        stands = f"_target_rowid IN ({', '.join(map(str, places))})"
        where += f" AND ({' OR '.join([*held, stands])})"
        parameters += [key] * len(held)
    rows = look.ledger.execute(f"SELECT * FROM {dotted('main', entry.kept)} WHERE {where} ORDER BY _rowid", parameters)
    for row in rows.fetchall() if key is not None else rows:
        yield _describe(look, entry, row)


def _describe(look: _Look, entry: _Kept, row: Sequence[Stored]) -> KeptRow:
    """Return an entry of a ledger as it may be shown."""
    rowid, disposition, mask = cast("int", row[0]), _decode(row[1]), look.wish.masks.of(entry.into)
    kept = dict(zip(entry.columns, row[7:], strict=True))
    there = None if look.live is None else look.live.read(entry.into, row[4])
    values, target = write_row(kept), None if there is None else write_row(there)
    followers = {} if look.wish.key is None else _count_followers(look, entry, values, target or {})
    return KeptRow(
        into=entry.into,
        source=entry.kept,
        rowid=rowid,
        disposition=disposition,
        reason=mask.hide_reason(_decode(row[2])),
        values=mask.hide_source(entry.source, entry.table, values),
        target=None if target is None else mask.hide_target(target),
        differs=() if there is None else tuple(name for name, value in kept.items() if not holds(there, name, value)),
        shown=look.find_shown(entry, rowid, disposition, row[3:7]),
        followed_by=followers,
    )


def _count_followers(look: _Look, entry: _Kept, values: dict[str, str], target: dict[str, str]) -> dict[str, int]:
    """Count the rows of the same source whose reference to this one was rewritten."""
    changes = [f"{value} is now {target[name]}" for name, value in values.items() if target.get(name, value) != value]
    found = {}
    for other in look.every if changes else ():
        if other.source != entry.source or other.kept == entry.kept:
            continue
        said = " OR ".join(["instr(_reason, ?) > 0"] * len(changes))
        count = look.ledger.execute(
            f"SELECT count(*) FROM {dotted('main', other.kept)} WHERE {said}", changes
        ).fetchone()
        if count[0]:
            found[other.table] = int(count[0])
    return found
