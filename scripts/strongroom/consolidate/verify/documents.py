"""JSON documents as tables: the whole text, and a row for each object at a path of the plan; and what no path holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from strongroom.consolidate.verify.values import Value, decode_text
from strongroom.core.errors import DamagedSourceError
from strongroom.core.quoting import fold, quote, quote_all
from strongroom.sqlite.connection import Connection, open_snapshot, open_stage
from strongroom.sqlite.database import Database

DOCUMENT = "document"
_MEMBER = "key"
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


def make_tables(document: Database, path: str, rows: Mapping[str, str], into: Database) -> None:
    """Read a document (a file, or under a key the database that holds it) into tables of their own.

    Raises DamagedSourceError for what is no JSON, and for anything but objects at a path.
    """
    text = read_text(document, path)
    tree = parse(text, path)
    with open_stage(into) as connection:
        connection.execute("BEGIN")
        connection.execute(f"CREATE TABLE {DOCUMENT} (name TEXT, content TEXT)")
        connection.execute(f"INSERT INTO {DOCUMENT} VALUES (?, ?)", (PurePosixPath(path).name, text))
        for table, place in rows.items():
            found = find_part(tree, place)
            if found is not None:
                _make_table(connection, table, list(_list_objects(found, path, place)))
        connection.execute("COMMIT")


def read_text(document: Database, path: str) -> str:
    """Return the whole text of a document. Raises DamagedSourceError when it is no UTF-8."""
    if document.key is not None:
        with open_snapshot(document) as connection:
            connection.text_factory = decode_text
            return str(connection.execute(f"SELECT content FROM {DOCUMENT}").fetchone()[0])
    try:
        return document.path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DamagedSourceError(path, "is no UTF-8") from error


def parse(text: str, path: str) -> Any:
    """Parse a document. Raises DamagedSourceError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedSourceError(path, "is no JSON") from error


def find_part(tree: Any, place: str) -> Any:
    """Return what stands at a path (``$``, ``$.a.b``); None for nothing."""
    for name in place.removeprefix("$").split("."):
        if name:
            tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def find_homeless(tree: Any, places: Sequence[str]) -> list[str]:
    """Return the paths of what lies under none of ``places``, each as far up as it can be said."""
    wanted = [[name for name in place.removeprefix("$").split(".") if name] for place in places]
    return list(_walk(tree, [], wanted))


def _walk(tree: Any, here: list[str], wanted: list[list[str]]) -> Iterator[str]:
    if here in wanted:
        return
    below = [place for place in wanted if place[: len(here)] == here]
    if not below or not isinstance(tree, dict):
        yield ".".join(["$", *here])
        return
    for name, part in tree.items():
        yield from _walk(part, [*here, name], below)


def _list_objects(found: Any, path: str, place: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, or the members of an object with their names."""
    is_list = isinstance(found, list)
    if not is_list and not isinstance(found, dict):
        raise DamagedSourceError(path, f"holds neither a list nor an object at {place}")
    spelled: dict[str, str] = {}
    for name, part in enumerate(found) if is_list else found.items():
        if not isinstance(part, dict):
            raise DamagedSourceError(path, f"holds something else than objects at {place}")
        if any(spelled.setdefault(fold(member), member) != member for member in part):
            raise DamagedSourceError(path, f"holds members at {place} whose names differ in case only")
        yield part if is_list else {_MEMBER: name, **part}


def _make_table(connection: Connection, table: str, objects: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for one in objects for name in one))
    if not names:
        return  # a table needs a column
    connection.execute(f"CREATE TABLE {quote(table)} ({quote_all(names)})")
    holes = ", ".join("?" * len(names))
    connection.executemany(
        f"INSERT INTO {quote(table)} VALUES ({holes})",
        ([_as_value(one.get(name)) for name in names] for one in objects),
    )


def _as_value(part: Any) -> Value:
    if part is None or isinstance(part, str | float):
        return part
    if isinstance(part, bool):
        return int(part)
    if isinstance(part, int) and _LEAST <= part <= _MOST:
        return part
    return json.dumps(part, ensure_ascii=False)
