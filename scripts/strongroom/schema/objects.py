"""What stands in a schema, as the server itself writes it, and how two such descriptions differ."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.postgres.connection import Connection
from strongroom.schema.catalogue import QUESTIONS

Objects = Mapping[str, str]
"""Name of an object, or of a part of one (``table t column c``), to how it is declared."""
_SHOWN = 120
_BEFORE = 30
"""Characters that are shown of a text, and before the place where two of them part."""


def read_objects(connection: Connection, schema: str) -> dict[str, str]:
    """Return what stands in a schema, in PostgreSQL's words; nothing where it is not there. Read-only."""
    found = connection.execute("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,)).fetchone()
    if found is None:
        return {}
    objects: dict[str, str] = {}
    for asked in QUESTIONS.values():
        for name, declared in connection.execute(asked, {"schema": found[0]}).fetchall():
            objects[name] = str(declared)
    return objects


def list_differences(wanted: Objects, held: Objects) -> list[str]:
    """Say what is missing, extra or another; of a table that is missing or extra, nothing but that."""
    if wanted and held and wanted["server"] != held["server"]:
        return [f"changed: server: {held['server']}; what the files mean was described by {wanted['server']}"]
    lines = []
    for name in sorted(wanted.keys() | held.keys()):
        if _is_told_by_its_table(name, wanted, held):
            continue
        if name not in held:
            lines.append(f"missing: {name}: {_shorten(wanted[name])}")
        elif name not in wanted:
            lines.append(f"extra: {name}: {_shorten(held[name])}")
        elif wanted[name] != held[name]:
            lines.append(f"changed: {name}: {_tell_apart(held[name], wanted[name])}")
    return lines


def _is_told_by_its_table(name: str, wanted: Objects, held: Objects) -> bool:
    """Tell whether a part belongs to a table, or a constraint to a type, that is missing or extra as a whole."""
    words = name.split(" ")
    if words[0] not in ("table", "type"):
        return False
    above = (" ".join(words[:count]) for count in range(2, len(words)))
    return any((whole in wanted) != (whole in held) for whole in above)


def _shorten(text: str) -> str:
    """Bring a text into one line that fits."""
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]} …"


def _tell_apart(held: str, wanted: str) -> str:
    """Show two texts from shortly before the place where they part."""
    pairs = enumerate(zip(held, wanted, strict=False))
    parts = next((place for place, (one, other) in pairs if one != other), min(len(held), len(wanted)))
    shared = max(0, parts - _BEFORE) if max(len(held), len(wanted)) > _SHOWN else 0
    mark = "… " if shared else ""
    return f"{mark}{_shorten(held[shared:])}, in the files {mark}{_shorten(wanted[shared:])}"
