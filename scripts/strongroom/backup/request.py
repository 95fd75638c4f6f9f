"""What the presentation passes in beside a request, and the places where tests cut the power."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from strongroom.core.progress import Progress, Silent
from strongroom.core.secret import Secret

if TYPE_CHECKING:
    from strongroom.postgres.connection import Connection as PostgresConnection
    from strongroom.sqlite.connection import Connection as SqliteConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Clock, keys, environment and progress."""

    now: Callable[[], datetime]
    """The time, with its zone."""
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    """By the names that documents know them by, versions (``NAME@VERSION``) included."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What programs that we start may see, and where variables of ``system.yaml`` are looked up."""
    progress: Progress = field(default_factory=Silent)
    say: Callable[[str, str], None] = lambda _subject, _fact: None
    """Tells a person something on the way that is no error."""
    list_keys_in_file: Callable[[str, SqliteConnection], tuple[str, ...]] = lambda _name, _connection: ()
    """Names the keys that values of a database's columns are under, by its path in the data directory."""
    list_keys_in_database: Callable[[PostgresConnection], tuple[str, ...]] = lambda _connection: ()
    """The same of a database of PostgreSQL, in what a connection sees."""
    checkpoint: Callable[[str], None] = lambda _: None

    def reach(self, step: str) -> None:
        """Say that a step is done, by its name."""
        self.checkpoint(step)
