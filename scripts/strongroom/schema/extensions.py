"""Extensions that schema files ask for: those on a list, in a schema of their own, made by whoever may."""

from __future__ import annotations

import re
from collections.abc import Sequence

from strongroom.core.errors import ConfigurationError, GuardError
from strongroom.postgres.connection import Connection, Error, compose, identifier
from strongroom.schema.files import FileSet, Statement
from strongroom.schema.guards import OPEN

HOME = "extensions"
ALLOWED = frozenset({
    "btree_gin", "btree_gist", "citext", "cube", "fuzzystrmatch", "hstore", "intarray", "isn", "ltree", "pg_trgm",
    "pgcrypto", "seg", "tablefunc", "unaccent", "uuid-ossp", "vector",
})  # fmt: skip
"""Types, functions and indexes only; none reads files, reaches other servers or runs other languages."""
_FORM = re.compile(
    r'CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>"[^"]+"|[\w-]+)'
    r"(?:\s+WITH)?(?:\s+SCHEMA\s+\"?extensions\"?)?(?:\s+CASCADE)?\s*;?\s*",
    re.IGNORECASE,
)
_UNTRUSTED = f"""
    SELECT 'belongs to ' || pg_get_userbyid(n.nspowner) FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = %(schema)s AND NOT r.rolsuper AND r.rolname <> 'pg_database_owner'
      AND NOT pg_has_role(current_user, r.oid, 'MEMBER')
    UNION ALL {OPEN}"""


def list_extensions(files: FileSet) -> list[str]:
    """Return the extensions that a database's files ask for. Raises ConfigurationError for one not on the list."""
    every = (statement for file in files.files for statement in file.statements if statement.is_extension)
    return list(dict.fromkeys(map(_read_extension, every)))


def _read_extension(statement: Statement) -> str:
    found = _FORM.fullmatch(statement.text)
    if found is None:
        fact = "is no CREATE EXTENSION [IF NOT EXISTS] name; they all go into the schema extensions"
        raise ConfigurationError(statement.place(), fact, "leave SCHEMA and VERSION out")
    name = found["name"].strip('"').lower()
    if name not in ALLOWED:
        raise ConfigurationError(
            statement.place(), f"extension {name} is not allowed", f"one of: {', '.join(sorted(ALLOWED))}"
        )
    return name


def provide_extensions(connection: Connection, names: Sequence[str]) -> tuple[str, ...]:
    """Make the extensions that are missing, and return the schemas in which they stand.

    Raises GuardError where they may not be made, or where others could put objects beside them.
    """
    return tuple(dict.fromkeys(_provide(connection, name) for name in names))


def _provide(connection: Connection, name: str) -> str:
    home = _find_home(connection, name)
    if home is None:
        _refuse_open(connection, HOME)
        _create(connection, name)
        home = HOME
    _refuse_open(connection, home)
    return home


def _find_home(connection: Connection, name: str) -> str | None:
    asked = "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = %s"
    found = connection.execute(asked, (name,)).fetchone()
    return None if found is None else str(found[0])


def _create(connection: Connection, name: str) -> None:
    try:
        with connection.transaction():
            if connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (HOME,)).fetchone() is None:
                connection.execute(compose("CREATE SCHEMA {home}", home=identifier(HOME)))
                connection.execute(compose("GRANT USAGE ON SCHEMA {home} TO PUBLIC", home=identifier(HOME)))
            text = "CREATE EXTENSION {name} SCHEMA {home} CASCADE"
            connection.execute(compose(text, name=identifier(name), home=identifier(HOME)))
    except Error as error:
        said = (error.diag.message_primary or str(error)).strip().splitlines()[0]
        text = f'CREATE SCHEMA IF NOT EXISTS {HOME}; CREATE EXTENSION "{name}" SCHEMA {HOME}'
        raise GuardError(f"extension {name}", said, f"have a role that may do it run: {text}") from error


def _refuse_open(connection: Connection, schema: str) -> None:
    """Make sure that nobody else puts objects where the files' names are looked up."""
    found = connection.execute(_UNTRUSTED, {"schema": schema}).fetchone()
    if found is not None:
        hint = (
            f"files that need its extensions look names up there: REVOKE CREATE ON SCHEMA {schema} FROM …, or move them"
        )
        raise GuardError(f"schema {schema}", str(found[0]), hint)
