"""Random schemas for PostgreSQL, as a person would write them: with and without the schema's name."""

from __future__ import annotations

from hypothesis import strategies as st

TYPES = {
    "BIGINT": ("7", "-1", "(2 + 3) * 4"),
    "SMALLINT": ("1",),
    "NUMERIC(12, 3)": ("0.125", "1e3"),
    "DOUBLE PRECISION": ("0.1", "'NaN'", "pi()"),
    "REAL": ("3.3", "1e-7"),
    "TEXT": ("'core.t0'", "''", "$$a 'b' \"c\"$$", "'a' || 'core.' || 'b'", "E'a\\tb'"),
    "VARCHAR(9)": ("'x'", "upper('core.')"),
    "CHAR(3)": ("'abc'",),
    "BOOLEAN": ("true", "(NOT false)"),
    "DATE": ("'2026-01-31'", "CURRENT_DATE"),
    "TIMESTAMPTZ": ("now()", "'2026-03-29 01:30:00 Europe/Berlin'", "'2026-01-01 12:00'"),
    "TIMESTAMP": ("'2026-01-01 00:00'", "localtimestamp"),
    "INTERVAL": ("'1 day 2 hours'", "'-00:00:01'"),
    "UUID": ("gen_random_uuid()",),
    "JSONB": ("'{\"core.t0\": 1}'", "jsonb_build_object('a', 1)"),
    "BYTEA": ("'\\x00ff'",),
    "INT[]": ("'{1,2}'", "ARRAY[1, 2]"),
    "MONEY": ("'12.34'",),
    "INET": ("'10.0.0.1/8'",),
    "INT4RANGE": ("'[1,5)'",),
    "kind": ("'one'", "'core.two'"),
    "core.small": ("3",),
}
"""A type to its defaults; ``kind`` and ``core.small`` are of the schema itself."""
OPENING = """CREATE TYPE kind AS ENUM ('one', 'core.two');
CREATE DOMAIN core.small AS INT DEFAULT 1 CONSTRAINT is_small CHECK (VALUE < 100);
CREATE FUNCTION twice (v BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS 'SELECT v * 2 -- core.twice';
CREATE FUNCTION core.touch () RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
    PERFORM 1 FROM core.t0; RETURN NEW; END $f$;
"""
NAMES = ("a", "b", '"Mixed Case"', '"core"', '"select"', '"ü.x"', "d1", "e_2")


@st.composite
def make_schema(draw: st.DrawFn) -> str:
    """Draw the text of a schema file."""
    tables = draw(st.integers(1, 4))
    parts = [OPENING]
    for number in range(tables):
        parts.append(make_table(draw, number, is_last=number == tables - 1))
        parts += make_company(draw, f"{draw(st.sampled_from(['', 'core.']))}t{number}", number)
    return "".join(parts)


def make_table(draw: st.DrawFn, number: int, *, is_last: bool) -> str:
    lines = ["id BIGINT" + draw(st.sampled_from(["", " GENERATED ALWAYS AS IDENTITY"])) + " PRIMARY KEY"]
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5)):
        kind = draw(st.sampled_from(sorted(TYPES)))
        default = draw(st.sampled_from(["", *(f" DEFAULT {one}" for one in TYPES[kind])]))
        lines.append(f"{name} {kind}{default}{draw(st.sampled_from(['', ' NOT NULL']))}")
    lines.append("v BIGINT" + draw(st.sampled_from(["", " UNIQUE", " CHECK (v > 0)", " DEFAULT twice(3)"])))
    lines.append("s " + draw(st.sampled_from(["BIGSERIAL", 'TEXT COLLATE "C"', "TEXT"])))
    if draw(st.booleans()):
        lines.append("g BIGINT GENERATED ALWAYS AS (core.twice(v)) STORED")
    if number and draw(st.booleans()):
        what = draw(st.sampled_from(["", " ON DELETE CASCADE", " DEFERRABLE INITIALLY DEFERRED"]))
        lines.append(f"p BIGINT REFERENCES {draw(st.sampled_from(['', 'core.']))}t{number - 1}{what}")
    kind = draw(st.sampled_from(["TABLE", "TABLE", "UNLOGGED TABLE"])) if is_last else "TABLE"
    columns = ",\n    ".join(lines)
    return f"CREATE {kind} {draw(st.sampled_from(['', 'core.']))}t{number} (\n    {columns}\n);\n"


COMPANY = (
    "CREATE INDEX i{n} ON {t} (v DESC NULLS LAST) WHERE v > 1;",
    "CREATE UNIQUE INDEX u{n} ON {t} (lower(s::text), (v + 1)) INCLUDE (id);",
    "CREATE VIEW v{n} AS SELECT id, v, 'core.t0' AS said FROM {t} WHERE v IN (1, 2);",
    "CREATE MATERIALIZED VIEW core.m{n} AS SELECT count(*) AS n, max(twice(v)) AS m FROM {t};",
    "COMMENT ON TABLE {t} IS 'a core.t0 of ''{n}'''; COMMENT ON COLUMN {t}.v IS E'two\\nlines';",
    "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY; CREATE POLICY p{n} ON {t} FOR SELECT USING (v > twice(id));",
    "CREATE TRIGGER g{n} BEFORE UPDATE OF v ON {t} FOR EACH ROW WHEN (OLD.v <> NEW.v) EXECUTE FUNCTION touch();",
    "GRANT SELECT (v), UPDATE (v) ON {t} TO PUBLIC;",
    "CREATE SEQUENCE core.q{n} INCREMENT 5 CYCLE MAXVALUE 1000 OWNED BY {t}.v;",
    "ALTER TABLE {t} ADD COLUMN late TEXT DEFAULT 'x', DROP COLUMN s;",
    "CREATE RULE r{n} AS ON DELETE TO {t} WHERE OLD.v > 3 DO INSTEAD NOTHING;",
    "ALTER TABLE {t} ALTER COLUMN v SET STATISTICS 50, SET (fillfactor = 80);",
    "CREATE STATISTICS st{n} (ndistinct, mcv) ON id, v FROM {t};",
    "INSERT INTO {t} (v) SELECT 5 WHERE false;",
)
"""What stands beside a table; each is drawn once at most, so that names stay unique."""


def make_company(draw: st.DrawFn, table: str, number: int) -> list[str]:
    chosen = draw(st.lists(st.sampled_from(range(len(COMPANY))), unique=True, max_size=6))
    if 9 in chosen:  # an index on a column that goes
        chosen = [one for one in chosen if one != 1]
    return [COMPANY[one].format(t=table, n=number) + "\n" for one in chosen]
