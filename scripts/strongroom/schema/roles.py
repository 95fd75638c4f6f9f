"""Three roles for each system, none of which can log in: an owner, a writer, a reader.

People and services are made members of one: ``GRANT aragora_writer TO the_application``. A member of the owner may
apply schemas, a member of the reader sees whether they are current.
"""

from __future__ import annotations

from strongroom.core.errors import GuardError
from strongroom.postgres.connection import Connection, compose, identifier

_SET_OPTION = 160000
"""The first version in which membership and the right to act as a role are two things."""
_KINDS = ("owner", "writer", "reader")
_LATER = "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
_READS, _WRITES = ("SELECT",), ("SELECT", "INSERT", "UPDATE", "DELETE")
_RIGHTS = {"writer": (_WRITES, ("USAGE", "SELECT", "UPDATE")), "reader": (_READS, ("SELECT",))}


def owner_of(system: str) -> str:
    """Return the role that owns a system's schemas."""
    return f"{system}_owner"


def reader_of(system: str) -> str:
    """Return the role that may read a system's tables and records."""
    return f"{system}_reader"


def provide_roles(connection: Connection, system: str) -> None:
    """Make the roles that are missing; whoever applies schemas becomes a member of the owner, unless it is one.

    Raises GuardError for a role of these names that is more than a name.
    """
    for role in (f"{system}_{kind}" for kind in _KINDS):
        asked = (
            "SELECT rolsuper OR rolcanlogin OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
            "FROM pg_catalog.pg_roles WHERE rolname = %s"
        )
        found = connection.execute(asked, (role,)).fetchone()
        if found is None:
            _unless_done(connection, "CREATE ROLE {role} NOLOGIN", role)
        elif found[0]:
            fact = "may log in, or do more than hold rights: somebody else's"
            raise GuardError(f"role {role}", fact, "rename it, or take that away: ALTER ROLE … NOLOGIN NOSUPERUSER …")
    _join(connection, owner_of(system))


def _join(connection: Connection, role: str) -> None:
    """Make whoever is connected a member of a role, unless it is one or needs not be."""
    # From PostgreSQL 16 on, whoever made a role is its member, and still may not act as it.
    how = "SET" if connection.info.server_version >= _SET_OPTION else "MEMBER"
    asked = "SELECT pg_catalog.pg_has_role(current_user, %s, %s)"
    if connection.execute(asked, (role, how)).fetchone() != (True,):
        _unless_done(connection, "GRANT {role} TO CURRENT_USER", role)


def _unless_done(connection: Connection, statement: str, role: str) -> None:
    """Carry out a statement about a role, unless another database's command did so while it waited for that.

    Roles are the server's: a fleet loads many databases of one at once.
    """
    text = f"DO $$ BEGIN {statement}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    connection.execute(compose(text, role=identifier(role)))


def let_owner_create(connection: Connection, system: str) -> None:
    """Let the owner make schemas in this database, where it may not yet and whoever is connected may give that."""
    owner = owner_of(system)
    asked = (
        "SELECT pg_catalog.has_database_privilege(%s, pg_catalog.current_database(), 'CREATE'), "
        "pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE WITH GRANT OPTION'), "
        "pg_catalog.current_database()"
    )
    has, can_give, database = connection.execute(asked, (owner,)).fetchone() or (True, False, "")
    if not has and can_give:
        text = "GRANT CREATE ON DATABASE {database} TO {owner}"
        connection.execute(compose(text, database=identifier(database), owner=identifier(owner)))


def grant(connection: Connection, system: str, schema: str) -> None:
    """Let the writer write rows and the reader read them, in tables that are there and that will be.

    Only what is missing is granted: an application that reads is not made to wait.
    """
    for kind, (tables, sequences) in _RIGHTS.items():
        role, owner = f"{system}_{kind}", owner_of(system)
        parts = {"role": identifier(role), "schema": identifier(schema), "owner": identifier(owner)}
        may_use = "SELECT pg_catalog.has_schema_privilege(%s, %s, 'USAGE')"
        if connection.execute(may_use, (role, schema)).fetchone() != (True,):
            connection.execute(compose("GRANT USAGE ON SCHEMA {schema} TO {role}", **parts))
        for kinds, rights, name in (("rpvmf", tables, "TABLES"), ("S", sequences, "SEQUENCES")):
            for relation in _find_closed(connection, schema, kinds, role, rights):
                text = f"GRANT {', '.join(rights)} ON {{relation}} TO {{role}}"
                if name == "SEQUENCES":
                    text = text.replace("ON {", "ON SEQUENCE {")
                connection.execute(compose(text, relation=identifier(schema, relation), role=parts["role"]))
            if not _is_given_later(connection, system, schema, role, kinds[0]):
                connection.execute(compose(f"{_LATER} GRANT {', '.join(rights)} ON {name} TO {{role}}", **parts))


def _find_closed(connection: Connection, schema: str, kinds: str, role: str, rights: tuple[str, ...]) -> list[str]:
    """Return the relations of these kinds on which a role lacks one of its rights."""
    has = "has_sequence_privilege" if kinds == "S" else "has_table_privilege"
    asked = (
        "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relkind::text = ANY (%s) AND NOT (SELECT bool_and("
        f"pg_catalog.{has}(%s, c.oid, one)) FROM unnest(%s::text[]) one) ORDER BY 1"
    )
    found = connection.execute(asked.encode(), (schema, list(kinds), role, list(rights))).fetchall()
    return [name for (name,) in found]


def _is_given_later(connection: Connection, system: str, schema: str, role: str, kind: str) -> bool:
    """Tell whether a role gets its rights on what the owner will make in a schema."""
    asked = (
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_namespace n "
        "ON n.oid = d.defaclnamespace, pg_catalog.aclexplode(d.defaclacl) x "
        "WHERE n.nspname = %s AND d.defaclobjtype = %s AND pg_catalog.pg_get_userbyid(d.defaclrole) = %s "
        "AND pg_catalog.pg_get_userbyid(x.grantee) = %s)"
    )
    found = connection.execute(asked, (schema, kind, owner_of(system), role)).fetchone()
    return found == (True,)
