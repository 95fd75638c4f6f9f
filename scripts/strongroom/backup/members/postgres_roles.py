"""The roles of a set: those that a server lacks are made; what it has already stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.postgres.connection import Connection, run_statement

_STATEMENT = re.compile(r"""\s*((?:[^'";]|'(?:[^']|'')*'|"(?:[^"]|"")*")*;)""")
_NAME = r'("(?:[^"]|"")*"|[^\s";]+)'
_ABOUT = re.compile(rf"(?:CREATE|ALTER) ROLE {_NAME}|COMMENT ON ROLE {_NAME}|SECURITY LABEL .* ON ROLE {_NAME}")
_MEMBER = re.compile(rf"GRANT {_NAME} TO {_NAME}")

_GRANTOR = re.compile(rf" GRANTED BY {_NAME};$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What became of the roles of a set."""

    made: tuple[str, ...]
    """Without passwords: a set holds none."""


def bring_roles(connection: Connection, text: str) -> Brought:
    """Make the roles that ``pg_dumpall --globals-only`` wrote and the server lacks, in one transaction.

    Tablespaces, and the settings of roles in single databases, are not its business. Raises psycopg.Error.
    """
    known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
    made: list[str] = []
    connection.execute("BEGIN")
    for statement in split_statements(text):
        about, member = _ABOUT.match(statement), _MEMBER.match(statement)
        if about is not None and " IN DATABASE " not in statement:
            name = _unquote(next(filter(None, about.groups())))
            if statement.startswith("CREATE ROLE") and name not in known:
                made.append(name)
            if name in made:
                run_statement(connection, statement)
        elif member is not None and any(_unquote(name) in made for name in member.groups()):
            run_statement(connection, _GRANTOR.sub(";", statement))  # who granted it may be another one here
    connection.execute("COMMIT")
    return Brought(made=tuple(made))


def split_statements(text: str) -> Iterator[str]:
    """Yield the statements of a file of globals, without remarks and what only psql understands."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(("--", "\\")))
    position = 0
    while (found := _STATEMENT.match(kept, position)) is not None:
        yield found[1]
        position = found.end()


def _unquote(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
