"""Try the keys of a run on what they are said to open, before anything is written."""

from __future__ import annotations

from strongroom.consolidate.opening import Opening
from strongroom.sqlite.connection import open_source
from strongroom.sqlite.keyring import refuse_passphrase


def try_keys(opening: Opening) -> None:
    """Open every encrypted source once, so that a wrong key ends it before anything is written. Read-only.

    A source in whose place a run of ours put its target, or was about to, may be under that one's key. Raises
    KeyMissingError, and UsageError for a target's key that is a passphrase: nothing new is put under one.
    """
    for target in opening.plan.targets.values():
        if target.key is not None:
            refuse_passphrase(target.key)
    home = opening.home
    is_replaced = home.read_current().run is not None or bool(home.name_open_keys())
    merged = set(opening.in_place.values()) if is_replaced else set()
    for name, database in opening.found.items():
        if database.key is not None and name not in merged:
            with open_source(database):
                pass
