"""What stands in other schemas and means objects of one that is to be renamed.

Names follow a rename, but PostgreSQL keeps objects by number: a view elsewhere would go on showing the old tables.
Views are made to mean what bears the name then; whatever else there is must be taken away by whose it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.errors import GuardError
from strongroom.core.quoting import dotted
from strongroom.load.switch.owning import act_as
from strongroom.postgres.connection import Connection, Error

_DEPENDENTS = """
    WITH home AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s),
    inside AS (
        SELECT 'pg_catalog.pg_class'::regclass AS class, c.oid FROM pg_catalog.pg_class c JOIN home h
            ON c.relnamespace = h.oid
        UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid FROM pg_catalog.pg_type t JOIN home h
            ON t.typnamespace = h.oid
        UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, p.oid FROM pg_catalog.pg_proc p JOIN home h
            ON p.pronamespace = h.oid
        UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, o.oid FROM pg_catalog.pg_constraint o JOIN home h
            ON o.connamespace = h.oid
        UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, o.oid FROM pg_catalog.pg_operator o JOIN home h
            ON o.oprnamespace = h.oid
        UNION ALL SELECT 'pg_catalog.pg_collation'::regclass, o.oid FROM pg_catalog.pg_collation o JOIN home h
            ON o.collnamespace = h.oid),
    found AS (
        SELECT DISTINCT d.classid, d.objid FROM pg_catalog.pg_depend d
        JOIN inside i ON i.class = d.refclassid AND i.oid = d.refobjid WHERE d.deptype IN ('n', 'a')
        UNION SELECT d.classid, d.objid FROM pg_catalog.pg_depend d JOIN home h ON h.oid = d.refobjid
        WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass
          AND d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')),
    placed AS (
        SELECT f.classid, f.objid, coalesce(
            (SELECT c.relnamespace FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
             WHERE f.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = f.objid),
            (SELECT c.relnamespace FROM pg_catalog.pg_attrdef a JOIN pg_catalog.pg_class c ON c.oid = a.adrelid
             WHERE f.classid = 'pg_catalog.pg_attrdef'::regclass AND a.oid = f.objid),
            (SELECT c.relnamespace FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
             WHERE f.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = f.objid),
            (SELECT c.relnamespace FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
             WHERE f.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = f.objid),
            (SELECT o.connamespace FROM pg_catalog.pg_constraint o
             WHERE f.classid = 'pg_catalog.pg_constraint'::regclass AND o.oid = f.objid),
            (SELECT c.relnamespace FROM pg_catalog.pg_class c
             WHERE f.classid = 'pg_catalog.pg_class'::regclass AND c.oid = f.objid),
            (SELECT t.typnamespace FROM pg_catalog.pg_type t
             WHERE f.classid = 'pg_catalog.pg_type'::regclass AND t.oid = f.objid),
            (SELECT p.pronamespace FROM pg_catalog.pg_proc p
             WHERE f.classid = 'pg_catalog.pg_proc'::regclass AND p.oid = f.objid),
            (SELECT s.stxnamespace FROM pg_catalog.pg_statistic_ext s
             WHERE f.classid = 'pg_catalog.pg_statistic_ext'::regclass AND s.oid = f.objid),
            (SELECT o.oprnamespace FROM pg_catalog.pg_operator o
             WHERE f.classid = 'pg_catalog.pg_operator'::regclass AND o.oid = f.objid)) AS home
        FROM found f)
    SELECT v.nspname, v.relname, v.owner, v.may, v.oid, CASE WHEN v.oid IS NULL THEN x.type || ' ' || x.identity END
    FROM placed p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.home
    LEFT JOIN LATERAL (
        SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner) AS owner, c.oid::bigint AS oid,
               pg_catalog.pg_has_role(session_user, c.relowner, 'MEMBER') AS may
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        WHERE p.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = p.objid AND c.relkind = 'v'
          AND r.rulename = '_RETURN') v ON true
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(p.classid, p.objid, 0) x
    WHERE p.home IS DISTINCT FROM (SELECT oid FROM home) AND coalesce(n.nspname, '') !~ '^pg_(toast|temp)'
    ORDER BY 1, 2, 6"""
_TEXT = """
    SELECT pg_catalog.pg_get_viewdef(c.oid), pg_catalog.array_to_string(c.reloptions, ', ')
    FROM pg_catalog.pg_class c WHERE c.oid = %s"""
_SAID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view of another schema, as it is written while the names are as they were."""

    schema: str
    name: str
    owner: str
    text: str
    options: str

    @property
    def statement(self) -> str:
        """Return what makes it mean the objects that bear the names now."""
        options = f" WITH ({self.options})" if self.options else ""
        return f"CREATE OR REPLACE VIEW {dotted(self.schema, self.name)}{options} AS {self.text}"


def find_outside(connection: Connection, schema: str) -> tuple[View, ...]:
    """Return the views of other schemas that show objects of this one.

    Raises GuardError for whatever else means objects of it by number: foreign keys, publications, defaults,
    materialised views; and for views that we may not replace. Read-only.
    """
    views, others = list[View](), list[str]()
    for home, name, owner, may, oid, other in connection.execute(_DEPENDENTS, (schema,)).fetchall():
        if oid is None:
            others.append(other)
        elif not may:
            others.append(f"view {home}.{name} of {owner}")
        else:
            text, options = connection.execute(_TEXT, (oid,)).fetchone() or ("", "")
            views.append(View(schema=home, name=name, owner=owner, text=text, options=options or ""))
    _refuse(schema, "would be under its other name too", others)
    return tuple(dict.fromkeys(views))


def refuse_outside(connection: Connection, schema: str) -> None:
    """Make sure that nothing of other schemas goes along when this one is dropped. Raises GuardError. Read-only."""
    views = find_outside(connection, schema)
    _refuse(schema, "is to be dropped", [f"view {view.schema}.{view.name} of {view.owner}" for view in views])


def _refuse(schema: str, why: str, others: Sequence[str]) -> None:
    if others:
        more = f"; and {len(others) - _SAID} more" if len(others) > _SAID else ""
        fact = f"is meant from elsewhere, and {why}: {'; '.join(others[:_SAID])}{more}"
        raise GuardError(f"schema {schema}", fact, "have it dropped by whose it is, and made again afterwards")


def point_views(connection: Connection, views: Sequence[View]) -> None:
    """Let views mean the objects that bear the names now. Raises GuardError where one's columns would be others."""
    for view in views:
        act_as(connection, view.owner)
        try:
            connection.execute(view.statement.encode())
        except Error as error:
            if connection.broken:
                raise
            said = (error.diag.message_primary or str(error)).strip().splitlines()[0]
            hint = "nothing was changed; drop the view, and make it again afterwards"
            raise GuardError(f"view {view.schema}.{view.name}", said, hint) from error
