"""The questions to PostgreSQL's catalogue: what stands in a schema, in the server's own words.

They are asked in a session that looks names up nowhere: so all are written whole, and mean the same to whoever asks.
Each returns names (``table t column c``) and texts. Objects that are part of an extension are the extension's.
"""

from __future__ import annotations

_RELATIONS = "c.relkind IN ('r', 'p', 'v', 'm', 'f')"
_OWN = """NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{table}'::regclass AND e.objid = {oid}
          AND e.deptype = 'e')"""


def _own(table: str, oid: str) -> str:
    """Return the condition under which an object is no part of an extension."""
    return _OWN.format(table=table, oid=oid)


def _rights(column: str, kind: str, owner: str) -> str:
    """Return who may do what with an object, whoever granted it, in one order."""
    return f"""(SELECT string_agg(who || '=' || what, ', ' ORDER BY who, what) FROM (
        SELECT coalesce(nullif(pg_get_userbyid(x.grantee), 'unknown (OID=0)'), 'PUBLIC') AS who,
               string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN '*' ELSE '' END, ' '
                          ORDER BY x.privilege_type) AS what
        FROM aclexplode(coalesce({column}, acldefault('{kind}', {owner}))) x GROUP BY 1) AS r)"""


QUESTIONS = {
    "server": "SELECT 'server', 'PostgreSQL ' || current_setting('server_version_num')::int / 10000",
    "schema": f"""
        SELECT 'schema', concat_ws('; ', 'owner ' || pg_get_userbyid(n.nspowner),
               'rights ' || {_rights("n.nspacl", "n", "n.nspowner")},
               'comment ' || obj_description(n.oid, 'pg_namespace'))
        FROM pg_namespace n WHERE n.oid = %(schema)s""",
    "later rights": f"""
        SELECT 'rights of later ' || CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
               WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE d.defaclobjtype::text END
               || ' of ' || pg_get_userbyid(d.defaclrole), {_rights("d.defaclacl", "r", "d.defaclrole")}
        FROM pg_default_acl d WHERE d.defaclnamespace = %(schema)s""",
    "table": f"""
        SELECT 'table ' || c.relname, CASE c.relpersistence WHEN 'u' THEN 'unlogged ' ELSE '' END
               || CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                                 WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' ELSE 'table' END
        FROM pg_class c WHERE c.relnamespace = %(schema)s AND {_RELATIONS} AND {_own("pg_class", "c.oid")}""",
    "table's own": f"""
        SELECT 'table ' || c.relname || ' ' || part.name, part.text
        FROM pg_class c CROSS JOIN LATERAL (VALUES
            ('owner', pg_get_userbyid(c.relowner)::text),
            ('rights', {_rights("c.relacl", "r", "c.relowner")}),
            ('comment', obj_description(c.oid, 'pg_class')),
            ('options', array_to_string(c.reloptions, ', ')),
            ('tablespace', (SELECT s.spcname::text FROM pg_tablespace s WHERE s.oid = c.reltablespace)),
            ('access method', (SELECT nullif(a.amname, 'heap')::text FROM pg_am a WHERE a.oid = c.relam)),
            ('row security', nullif(concat_ws(', ', CASE WHEN c.relrowsecurity THEN 'enabled' END,
                                              CASE WHEN c.relforcerowsecurity THEN 'forced' END), '')),
            ('replica identity', nullif(c.relreplident::text, 'd')),
            ('query', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END),
            ('partitions', pg_get_partkeydef(c.oid)),
            ('bounds', pg_get_expr(c.relpartbound, c.oid)),
            ('inherits', (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                          FROM pg_inherits i WHERE i.inhrelid = c.oid)),
            ('server', (SELECT s.srvname || coalesce(' ' || array_to_string(f.ftoptions, ' '), '')
                        FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
                        WHERE f.ftrelid = c.oid)),
            ('order of columns', (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
                                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
        ) AS part (name, text)
        WHERE c.relnamespace = %(schema)s AND {_RELATIONS} AND {_own("pg_class", "c.oid")}
          AND part.text IS NOT NULL""",
    "column": f"""
        SELECT 'table ' || c.relname || ' column ' || a.attname,
               concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                         (SELECT 'COLLATE ' || o.oid::regcollation FROM pg_collation o JOIN pg_type t
                          ON t.oid = a.atttypid WHERE o.oid = a.attcollation AND o.oid <> t.typcollation),
                         CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                         CASE WHEN a.attgenerated = '' THEN 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
                              ELSE 'GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ')'
                                   || CASE a.attgenerated WHEN 's' THEN ' STORED' ELSE ' VIRTUAL' END END,
                         CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY'
                                            WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = %(schema)s AND {_RELATIONS} AND a.attnum > 0 AND NOT a.attisdropped
          AND {_own("pg_class", "c.oid")}""",
    "column's own": f"""
        SELECT 'table ' || c.relname || ' column ' || a.attname || ' ' || part.name, part.text
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
        CROSS JOIN LATERAL (VALUES
            ('rights', CASE WHEN a.attacl IS NOT NULL THEN {_rights("a.attacl", "c", "c.relowner")} END),
            ('comment', col_description(c.oid, a.attnum)),
            ('storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END),
            ('compression', nullif(to_jsonb(a) ->> 'attcompression', '')), -- servers before 14 have none
            ('statistics', nullif(a.attstattarget, -1)::text),
            ('options', (SELECT string_agg(o, ', ') FROM unnest(a.attoptions || a.attfdwoptions) o
                         WHERE o !~ '^pg_')) -- the server's own notes
        ) AS part (name, text)
        WHERE c.relnamespace = %(schema)s AND {_RELATIONS} AND a.attnum > 0 AND NOT a.attisdropped
          AND {_own("pg_class", "c.oid")} AND part.text IS NOT NULL""",
    "constraint": """
        SELECT CASE WHEN o.conrelid <> 0 THEN 'table ' || c.relname ELSE 'type ' || t.typname END
               || ' constraint ' || o.conname,
               concat_ws('; ', pg_get_constraintdef(o.oid), 'comment ' || obj_description(o.oid, 'pg_constraint'),
                         (SELECT 'triggers ' || string_agg(DISTINCT g.tgenabled::text, '')
                          FROM pg_trigger g WHERE g.tgconstraint = o.oid AND g.tgisinternal
                          HAVING bool_or(g.tgenabled <> 'O')))
        FROM pg_constraint o LEFT JOIN pg_class c ON c.oid = o.conrelid LEFT JOIN pg_type t ON t.oid = o.contypid
        WHERE o.connamespace = %(schema)s AND o.contype IN ('p', 'u', 'f', 'c', 'x')""",
    "index": """
        SELECT 'table ' || t.relname || ' index ' || c.relname,
               concat_ws('; ', pg_get_indexdef(c.oid), CASE WHEN NOT i.indisvalid THEN 'not valid' END,
                         CASE WHEN i.indisclustered THEN 'clustered' END,
                         CASE WHEN i.indisreplident THEN 'replica identity' END,
                         (SELECT 'tablespace ' || s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace),
                         'comment ' || obj_description(c.oid, 'pg_class'))
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        WHERE c.relnamespace = %(schema)s""",
    "statistics": """
        SELECT 'statistics ' || s.stxname, concat_ws('; ', pg_get_statisticsobjdef(s.oid),
               'owner ' || pg_get_userbyid(s.stxowner), 'comment ' || obj_description(s.oid, 'pg_statistic_ext'))
        FROM pg_statistic_ext s WHERE s.stxnamespace = %(schema)s""",
    "trigger": """
        SELECT 'table ' || c.relname || ' trigger ' || g.tgname, pg_get_triggerdef(g.oid)
               || CASE g.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN '; disabled' WHEN 'R' THEN '; replica'
                                   ELSE '; always' END
               || coalesce('; comment ' || obj_description(g.oid, 'pg_trigger'), '')
        FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
        WHERE c.relnamespace = %(schema)s AND NOT g.tgisinternal""",
    "rule": """
        SELECT 'table ' || c.relname || ' rule ' || r.rulename,
               pg_get_ruledef(r.oid) || CASE r.ev_enabled WHEN 'O' THEN '' ELSE '; enabled ' || r.ev_enabled::text END
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        WHERE c.relnamespace = %(schema)s AND r.rulename <> '_RETURN'""",
    "policy": """
        SELECT 'table ' || c.relname || ' policy ' || p.polname,
               concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, 'for', p.polcmd::text,
                         'to', (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r)::text END, ', '
                                                  ORDER BY pg_get_userbyid(r)::text) FROM unnest(p.polroles) r),
                         'using ' || pg_get_expr(p.polqual, p.polrelid),
                         'with check ' || pg_get_expr(p.polwithcheck, p.polrelid))
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = %(schema)s""",
    "sequence": f"""
        SELECT 'sequence ' || c.relname,
               concat_ws(' ', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END, format_type(s.seqtypid, NULL),
                         'start', s.seqstart, 'increment', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax,
                         'cache', s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END,
                         (SELECT 'owned by ' || o.refobjid::regclass || '.' || a.attname FROM pg_depend o
                          JOIN pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
                          WHERE o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.deptype IN ('a', 'i')
                            AND o.refclassid = 'pg_class'::regclass LIMIT 1),
                         '; owner', pg_get_userbyid(c.relowner),
                         '; rights ' || {_rights("c.relacl", "s", "c.relowner")},
                         '; comment ' || obj_description(c.oid, 'pg_class'))
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
        WHERE c.relnamespace = %(schema)s AND {_own("pg_class", "c.oid")}""",
    "function": f"""
        SELECT CASE p.prokind WHEN 'a' THEN 'aggregate ' WHEN 'p' THEN 'procedure ' ELSE 'function ' END || p.proname
               || '(' || pg_get_function_identity_arguments(p.oid) || ')', part.text
        FROM pg_proc p LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid CROSS JOIN LATERAL (VALUES (concat_ws('; ',
               CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid)
                    ELSE concat_ws(' ', a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggtranstype::regtype,
                                   a.agginitval, a.aggkind::text, a.aggsortop::regoperator) END,
               'owner ' || pg_get_userbyid(p.proowner), 'rights ' || {_rights("p.proacl", "f", "p.proowner")},
               'comment ' || obj_description(p.oid, 'pg_proc')))) AS part (text)
        WHERE p.pronamespace = %(schema)s AND {_own("pg_proc", "p.oid")}""",
    "type": f"""
        SELECT 'type ' || t.typname, concat_ws('; ', CASE t.typtype
                 WHEN 'e' THEN 'enum ' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                                           FROM pg_enum e WHERE e.enumtypid = t.oid)
                 WHEN 'd' THEN concat_ws(' ', 'domain', format_type(t.typbasetype, t.typtypmod),
                                         CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault,
                                         'COLLATE ' || nullif(t.typcollation, 0)::regcollation)
                 WHEN 'c' THEN 'composite ' || (SELECT string_agg(a.attname || ' '
                                                || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
                                                FROM pg_attribute a
                                                WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
                 WHEN 'r' THEN 'range of ' || (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r
                                               WHERE r.rngtypid = t.oid)
                 ELSE t.typtype::text END,
               'owner ' || pg_get_userbyid(t.typowner), 'rights ' || {_rights("t.typacl", "T", "t.typowner")},
               'comment ' || obj_description(t.oid, 'pg_type'))
        FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typnamespace = %(schema)s AND (t.typrelid = 0 OR c.relkind = 'c') AND {_own("pg_type", "t.oid")}
          AND NOT EXISTS (SELECT FROM pg_type o WHERE o.typarray = t.oid)""",
    "other": """
        SELECT DISTINCT x.type || ' ' || x.identity, 'there'
        FROM pg_depend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) x
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = %(schema)s AND d.deptype IN ('n', 'a')
          AND d.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass,
                                'pg_constraint'::regclass, 'pg_statistic_ext'::regclass, 'pg_default_acl'::regclass)""",
}
