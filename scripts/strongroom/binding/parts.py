"""Make sure that every part of a JSON source has a place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from strongroom.core.errors import PlanError
from strongroom.core.plan import Source
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database

DOCUMENT = "document"


def refuse_unplaced_parts(source: Source, database: Database, placed: AbstractSet[str]) -> None:
    """Refuse a document of which the plan takes some rows only, and neither keeps nor drops the rest.

    ``placed`` names its tables that have a place. Raises PlanError naming the first part.
    """
    if DOCUMENT in placed:
        return
    with open_snapshot(database) as connection:
        text = connection.execute(f"SELECT CAST(content AS BLOB) FROM {DOCUMENT}").fetchone()[0]
    covered = {_split(path) for table, path in source.rows.items() if table in placed}
    part = next(_list_uncovered(json.loads(text), (), covered), None)
    if part is not None:
        raise PlanError(
            f"{source.path}: {'.'.join(('$', *part))}",
            "the plan gives this part of the document no place",
            f"give {source.name}.{DOCUMENT} a place too, drop it with a reason, or name the part under rows:",
        )


def _split(path: str) -> tuple[str, ...]:
    return tuple(step for step in path.removeprefix("$").split(".") if step)


def _list_uncovered(
    value: object, path: tuple[str, ...], covered: AbstractSet[tuple[str, ...]]
) -> Iterator[tuple[str, ...]]:
    if path in covered:
        return
    if isinstance(value, Mapping) and any(other[: len(path)] == path for other in covered):
        for name, member in value.items():
            yield from _list_uncovered(member, (*path, name), covered)
    else:
        yield path
