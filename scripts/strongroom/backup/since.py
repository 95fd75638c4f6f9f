"""What was written since a restore to what it put live. Read-only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from strongroom.backup.documents import Kind, MemberRecord
from strongroom.backup.fetching import find_difference
from strongroom.backup.going_back import has_log, is_same
from strongroom.backup.members.local import count_rows
from strongroom.backup.request import Surroundings
from strongroom.backup.restores import BuildSwap, Found, RestoreFolder, Swapped
from strongroom.core.engines import Engine
from strongroom.core.errors import StrongroomError
from strongroom.core.secret import Secret
from strongroom.sqlite.connection import open_source
from strongroom.sqlite.database import Database, state_of, under_key
from strongroom.sqlite.keyring import hold_needed


def find_changed(found: Found) -> tuple[Swapped, ...]:
    """Return the files that were written to since. Read-only."""
    folder, document = found
    return tuple(one for one in document.files if _is_changed(folder, one))


def _is_changed(folder: RestoreFolder, one: Swapped) -> bool:
    """Tell whether a live file is neither what was restored nor what was there before; one that is gone is not."""
    live, aside = folder.live(one), folder.aside(one)
    if not live.exists():
        return False
    if folder.is_swapped(one):
        return has_log(live) or find_difference(live, one.file) is not None
    return aside.exists() and not any(is_same(live, other) for other in (aside, folder.brought(one)))


def find_lost(found: Found, changed: Collection[Swapped], around: Surroundings, build: BuildSwap) -> tuple[str, ...]:
    """Say what was written since, and would not be live any more; not what is given up already. Read-only."""
    folder, document = found
    lost = list[str]()
    for one in changed:
        if document.discarded.get(one.live) != describe_state(folder.live(one)):
            said = _describe_change(folder.live(one), document.find_member(one), around.keys)
            lost += said or [f"{one.live} was written to"]
    for member in document.servers:
        lost += build(member, folder.new, folder.root).find_changes()
    return tuple(lost)


def describe_state(live: Path) -> str:
    """Return a text that is another one once a file or a log of it was written to, or replaced. Read-only."""
    return str(sorted(state_of(Database(live)).items()))


def _describe_change(live: Path, member: MemberRecord, keys: Mapping[str, Secret]) -> list[str]:
    """Say which tables have other rows than were restored; nothing for what cannot be read as a database."""
    if member.kind is Kind.FILE:
        return []
    try:
        with hold_needed(keys, (member.key,)), open_source(under_key(live, member.key, Engine.SYSTEM)) as connection:
            tables = count_rows(connection)
    except StrongroomError:
        return []
    said = []
    for name in sorted({*tables, *member.tables}):
        now, then = (have.get(name) for have in (tables, member.tables))
        if now != then:
            rows = "is gone" if now is None else f"has {now.rows} rows"
            before = "was not there" if then is None else f"{then.rows} were restored"
            said.append(f"{member.name}: table {name} {rows}, {before}")
    return said
