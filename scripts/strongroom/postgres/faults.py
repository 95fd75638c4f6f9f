"""What goes wrong with single statements, and whether it may go right a moment later."""

from __future__ import annotations

import psycopg

from strongroom.core.errors import GuardError, PassingError, StrongroomError, UnreachableError
from strongroom.postgres.connection import Access, explain_postgres

COLLIDED = (psycopg.errors.UndefinedTable, psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation)
"""What is said to whoever makes a table, or a row of it, while somebody else makes or drops the same."""


def explain_statement(access: Access, error: psycopg.Error) -> StrongroomError:
    """Say what the server said of a statement with values in its parameters, not in its words: they may repeat them."""
    if type(error) is psycopg.errors.ObjectNotInPrerequisiteState:  # of a table without replica identity, say
        fact, way = explain_postgres(access, error).fact, error.diag.message_hint or "see to that first"
        return GuardError(f"PostgreSQL at {access.place}", fact, way)
    if isinstance(error, psycopg.OperationalError | psycopg.errors.InsufficientPrivilege):
        said = explain_postgres(access, error)
        return PassingError(said.subject, said.fact, said.hint) if isinstance(said, UnreachableError) else said
    place = error.diag.constraint_name or error.diag.column_name or error.diag.table_name
    what = f"{error.sqlstate}, {place}" if place else f"{error.sqlstate}"
    fact = f"refuses what is asked of it ({type(error).__name__}, {what})"
    return GuardError(f"PostgreSQL at {access.place}", fact, "a trigger, a constraint or its type stands in the way")
