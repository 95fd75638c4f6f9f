"""What is kept about a work on a column while it goes on, whatever the database."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from typing import Any

from strongroom.rotate.columns.model import Position

PROGRESS = "strongroom_column_progress"
"""The table in which it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where a work on a column stands."""

    position: Position | None
    """How far a walk was that was interrupted."""
    changed: int
    """Rows that were changed by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """What was begun on a column and did not come to its end."""

    work: str
    version: str
    """The id under which its values are to be; empty where they are to be plain."""
    changed: int

    def __str__(self) -> str:
        """Say it in words."""
        return f"columns.{self.work}{f' to {self.version}' if self.version else ''} ({self.changed} rows so far)"


def spell_position(position: Position | None) -> str | None:
    """Write a position as JSON."""
    return None if position is None else json.dumps([_spell(part) for part in position])


def read_position(text: str | None) -> Position | None:
    """Read a position."""
    return None if text is None else tuple(_read(part) for part in json.loads(text))


def _spell(part: Any) -> Any:
    if isinstance(part, uuid.UUID):
        return {"uuid": str(part)}
    return {"bytes": base64.b64encode(part).decode()} if isinstance(part, bytes) else part


def _read(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return uuid.UUID(part["uuid"]) if "uuid" in part else base64.b64decode(part["bytes"])
