"""What a draft is: statements for PostgreSQL in their order, and what people are told about them."""

from __future__ import annotations

from dataclasses import dataclass, field

from strongroom.load.convert import Reading
from strongroom.sqlite.schema import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """One statement; its names stand without a schema, and quoted."""

    statement: str
    subject: str
    """For people: ``index users.by_mail``."""
    is_optional: bool = False
    """Whether it may fail in the server, whose SQL may not mean the same: then it is reported, and no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Statements in the order in which they run: types, tables, CHECKs, indexes, foreign keys, views."""

    statements: tuple[Drafted, ...]
    reported: tuple[str, ...]
    """What does not come along, or comes as something else than declared; one line each."""
    skipped: tuple[str, ...]
    """Source tables that are not loaded: virtual ones without content of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A column, and the type that it gets."""

    column: Column
    type: str
    """As PostgreSQL writes it; ``enum`` for an enum."""
    holds: frozenset[str] = frozenset()
    """The storage classes of its values, NULL aside."""
    reading: Reading = field(default_factory=Reading)
    labels: tuple[str, ...] = ()
    enum: str = ""
    """The name of the type that is made for ``enum``."""
    reported: str = ""
    """Why it is not what it declares, if so."""
    is_undecided: bool = False
    """Whether no type holds its values."""
