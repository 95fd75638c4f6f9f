"""What cutover and rollback are asked for, what is passed in beside it, and the steps that both take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from strongroom.core.errors import GuardError
from strongroom.load.documents import LoadDocument
from strongroom.load.place import LoadFolder
from strongroom.load.request import Objects, Schemas
from strongroom.load.switch.holding import Held, Mode, hold, list_tables, list_views
from strongroom.load.switch.outside import find_outside, point_views
from strongroom.load.switch.owning import act_as, owner_of, rename_schema
from strongroom.postgres.connection import GONE, Access, Connection
from strongroom.runs import Checkpoint

_LATE = 500
"""Milliseconds: whoever holds a schema's name by then, as ALTER SCHEMA does, is not waited for while others wait."""


class Records(Protocol):
    """The records of applied schema files, which follow the schemas; within the caller's transaction."""

    def describe(self, connection: Connection, staged: Mapping[str, str]) -> Mapping[str, Objects]:
        """Return what the files make of each live schema, by its name; ``staged`` says where each waits."""

    def note_applied(self, connection: Connection, database: str, objects: Objects) -> str:
        """Say that a schema is what its files make; return what was said before."""

    def put_back(self, connection: Connection, database: str, kept: str) -> None:
        """Say again what was said before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A load that is to go live, or was live and is to step back."""

    system: str
    access: Access
    folder: LoadFolder
    document: LoadDocument
    dry_run: bool = False

    @property
    def role(self) -> str:
        """Return the role that owns what is live and what is staged."""
        return self.document.role or owner_of(self.system)

    @property
    def mark(self) -> str:
        """Return what the load is known by in the server."""
        return self.folder.owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Clock, and what other subjects do for a switch."""

    now: Callable[[], datetime]
    schemas: Schemas
    records: Records
    refuse_changed_sources: Callable[[], None] = lambda: None
    """Raises SourceChangedError where a source was written to since it was loaded."""
    take_backup: Callable[[], str] | None = None
    """Backs up what is live, and returns what names the backup."""
    say: Callable[[str, str], None] = lambda _subject, _fact: None
    checkpoint: Checkpoint = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest(Asked):
    """A rollback, as asked for."""

    discard_changes: bool = False
    """Whether what was written since the cutover may step back with the load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackResult:
    """What is live again, or would be."""

    load: str
    live: tuple[str, ...]
    """Schemas that are as they were before."""
    gone: tuple[str, ...]
    """Schemas in whose place nothing was live before."""
    staged: tuple[str, ...]
    """Where the load stands again."""
    written: tuple[str, ...] = ()
    """What was written since, and stands in the staged schemas only; or what a dry run would refuse."""
    seconds: float = 0.0
    """For so long nobody could read or write."""
    is_done_before: bool = False
    dry_run: bool = False


@contextmanager
def acting(connection: Connection, asked: Asked, *, takes_back: bool = False) -> Iterator[None]:
    """Work in one transaction as the owner of what is live, for as long as it takes; ``takes_back`` changes nothing.

    All rows are seen, or it fails.

    Raises GuardError for a table that somebody drops meanwhile.
    """
    try:
        with connection.transaction(force_rollback=takes_back):
            connection.execute("SET LOCAL row_security = off")
            connection.execute("SET LOCAL statement_timeout = 0")
            act_as(connection, asked.role)
            yield
    except GONE as error:
        fact = "somebody dropped or renamed what was looked at; nothing was changed"
        raise GuardError(f"system {asked.system}", fact, "run the same command again") from error


def hold_quiet(connection: Connection, asked: Asked, around: Around, schemas: Sequence[str]) -> None:
    """Let nobody change the form of schemas' tables, while applications go on."""
    hold(connection, asked.access.place, Mode.QUIET, list_tables(connection, schemas), say=around.say)


def hold_unwritten(connection: Connection, asked: Asked, around: Around, schemas: Sequence[str]) -> None:
    """Let nobody write to tables that no application uses."""
    hold(connection, asked.access.place, Mode.UNWRITTEN, list_tables(connection, schemas), say=around.say)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What one target does."""

    live: str
    """The name that stays the same for applications."""
    aside: str | None
    """The name that the schema which bears it gets; None where there is none."""
    coming: str | None
    """The schema that gets it; None where nothing was live before."""


@contextmanager
def switched(connection: Connection, asked: Asked, around: Around, moves: Sequence[Move]) -> Iterator[None]:
    """Hold what is live against everybody, run the block, then rename; views elsewhere follow the names.

    All within the caller's transaction, so that others see all of it or nothing. Raises UnreachableError, GuardError.
    """
    # A schema in whose place nothing comes leaves no name for a view to follow.
    views = [view for move in moves if move.coming is not None for view in find_outside(connection, move.live)]
    outside = [Held(schema=view.schema, name=view.name, owner=view.owner) for view in views]
    schemas = [move.live for move in moves]
    seen = [*outside, *list_views(connection, schemas)]
    hold(connection, asked.access.place, Mode.ALONE, list_tables(connection, schemas), say=around.say, views=seen)
    connection.execute(f"SET LOCAL lock_timeout = {_LATE}")
    around.checkpoint("switch.held")
    act_as(connection, asked.role)
    yield
    for move in moves:
        if move.aside is not None:
            rename_schema(connection, asked.role, move.live, move.aside)
        if move.coming is not None:
            rename_schema(connection, asked.role, move.coming, move.live)
        around.checkpoint("switch.renamed")
    point_views(connection, views)
    act_as(connection, asked.role)
