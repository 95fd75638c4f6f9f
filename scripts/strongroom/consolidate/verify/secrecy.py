"""What the plan encrypts is encrypted: targets, ledgers, and the copies of the sources that feed them."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.consolidate.verify.house import House
from strongroom.consolidate.verify.names import begins_as_database
from strongroom.sqlite.database import Database, key_of


def find_plain(house: House) -> Iterator[str]:
    """Say what should be under a key, by the plan's text, and is under another one or plain. Read-only."""
    for name, model in house.reading.targets.items():
        wanted = model.encrypt or None
        for what, held in (("", house.evidence.targets), ("ledger of ", house.evidence.ledgers)):
            if name in held and held[name].path.is_file():
                yield from _compare(f"{what}{name}", held[name], wanted)
    for name, source in house.reading.sources.items():
        copy = house.evidence.snapshots.get(source.path)
        fed = {rule.target for rule in house.reading.rules for feed in rule.feeds if feed.source == name}
        is_secret = source.key is not None or any(house.reading.targets[target].encrypt for target in fed)
        if copy is not None and is_secret and _is_plain(copy):
            yield f"copy of {source.path}: is plain, and should be encrypted"


def _compare(what: str, database: Database, wanted: str | None) -> Iterator[str]:
    if wanted is not None and _is_plain(database):
        yield f"{what}: is plain, and should be encrypted under {wanted}"
    elif key_of(database.key) != wanted:
        yield f"{what}: is under the key {database.key}, and should be under {wanted}"


def _is_plain(database: Database) -> bool:
    """Tell whether anybody could read a file: an encrypted one begins at random."""
    return database.key is None or begins_as_database(database.path)
