"""The kinds of table in the benchmark's data: columns, indexes, how a row follows from its number.

In the SELECTs ``i`` is the row's number, ``k`` the number behind its key and ``s`` the row's seed.
Both files of a pair share ``k`` for every fifth row when :shared is 1; ``s`` always differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from strongroom.core.quoting import quote

FILL = """
INSERT INTO {table}
WITH RECURSIVE
  counter(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counter WHERE i + 1 < :rows),
  numbers(i, k, s) AS (
    SELECT i,
           CASE WHEN :shared AND i % 5 THEN :rows + i ELSE i END,
           (i * 7919 + :seed * 104729) % 1000003
    FROM counter)
SELECT {values} FROM numbers
"""

KEY = "printf('%08x%06x', (k * 2654435761) % 4294967296, k)"
"""Unique, and in no order: like the UUIDs that applications use."""

UPDATED = """strftime('%Y-%m-%dT%H:%M:%S', 1600000000 + 60 * k
    + :second * (CASE WHEN i % 2 THEN 17 ELSE -17 END), 'unixepoch')"""
"""The second file's namesake is the newer one in half of the conflicts; there are no ties."""

AGENT = "'agent-' || (k % 41)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A shape of table."""

    columns: dict[str, tuple[str, str]]
    """Column name -> (declaration, SQL expression of its value)."""
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]
    constraint: str = ""
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    """Column name -> its rule where two files disagree; the others take the newest."""
    transform: dict[str, object] = field(default_factory=dict)
    """Column name -> what the plan makes of its values; for the rewritten variant."""

    def table_sql(self, name: str) -> str:
        """Return the CREATE TABLE statement."""
        lines = [f"{quote(column)} {declared}" for column, (declared, _) in self.columns.items()]
        lines += [self.constraint] if self.constraint else []
        return f"CREATE TABLE {quote(name)} (\n  " + ",\n  ".join(lines) + "\n)"

    def index_sql(self, name: str) -> list[str]:
        """Return the CREATE INDEX statements."""
        return [
            f"CREATE INDEX {quote('_'.join(('ix', name, *columns)))}"
            f" ON {quote(name)} ({', '.join(map(quote, columns))})"
            for columns in self.indexes
        ]

    def fill_sql(self, name: str) -> str:
        """Return the statement that generates all rows; parameters as in FILL and the values."""
        values = ",\n  ".join(expression for _, expression in self.columns.values())
        return FILL.format(table=quote(name), values=values)

    def column_rules(self) -> dict[str, dict[str, str]]:
        """Return the rule of every column outside the key."""
        newest = {"rule": "newest", "by": "updated_at"}
        return {column: self.rules.get(column, newest) for column in self.columns if column not in self.key}


KINDS = {
    "document": Kind(
        columns={
            "id": ("TEXT PRIMARY KEY", KEY),
            "slug": ("TEXT NOT NULL", "'debate-' || k || '-' || (k % 97)"),
            "task": ("TEXT NOT NULL", "CAST(substr(:words, 1 + s % 1000000, 60) AS TEXT)"),
            "artifact": (
                "TEXT NOT NULL",
                """json_object('round', i % 7, 'agents', json_array('agent-' || (i % 41),
                   'agent-' || (i % 37)), 'consensus', json('true'),
                   'answer', CAST(substr(:words, 1 + s, 900 + i % 120) AS TEXT))""",
            ),
            "rounds": ("INTEGER DEFAULT 0", "i % 7"),
            "confidence": ("REAL", "(s % 1000) / 999.0"),
            "note": ("TEXT", "CASE WHEN i % 3 THEN 'reviewed by ' || (s % 23) END"),
            "updated_at": ("TEXT NOT NULL", UPDATED),
        },
        key=("id",),
        indexes=(("slug",), ("updated_at",)),
        rules={"confidence": {"rule": "max"}, "note": {"rule": "first_non_null"}},
    ),
    "event": Kind(
        columns={
            "event_id": ("TEXT PRIMARY KEY", KEY),
            "trace_id": ("TEXT NOT NULL", "printf('trace-%06x', k / 12)"),
            "event_type": ("TEXT NOT NULL", "'type-' || (k % 9)"),
            "round": ("INTEGER", "i % 7"),
            "content": ("TEXT", "CAST(substr(:words, 1 + s % 1000000, 30 + i % 40) AS TEXT)"),
            "updated_at": ("TEXT NOT NULL", UPDATED),
        },
        key=("event_id",),
        indexes=(("trace_id",),),
        rules={"round": {"rule": "max"}, "content": {"rule": "first_non_null"}},
    ),
    "history": Kind(
        columns={
            "id": ("INTEGER PRIMARY KEY AUTOINCREMENT", "k + 1"),
            "agent": ("TEXT NOT NULL", AGENT),
            "opponent": ("TEXT", "CASE WHEN i % 4 THEN 'agent-' || (s % 37) END"),
            "value": ("REAL", "1500 + (s % 100000 - 50000) / 97.0"),
            "updated_at": ("TEXT DEFAULT CURRENT_TIMESTAMP", UPDATED),
        },
        key=("id",),
        indexes=(("agent",), ("updated_at",)),
        rules={"value": {"rule": "max"}, "opponent": {"rule": "first_non_null"}},
    ),
    "score": Kind(
        columns={
            "agent": ("TEXT NOT NULL", AGENT),
            "debate_id": ("TEXT NOT NULL", KEY),
            "wins": ("INTEGER DEFAULT 0", "s % 50"),
            "brier": ("REAL", "(s % 10007) / 10007.0"),
            "note": ("TEXT", "CASE WHEN i % 5 = 1 THEN 'provisional' END"),
            "updated_at": ("TEXT NOT NULL", UPDATED),
        },
        key=("agent", "debate_id"),
        constraint="PRIMARY KEY (agent, debate_id)",
        indexes=(("updated_at",),),
        rules={"wins": {"rule": "max"}, "note": {"rule": "first_non_null"}},
    ),
    "embedding": Kind(
        columns={
            "id": ("TEXT PRIMARY KEY", KEY),
            "text_hash": ("TEXT NOT NULL", "lower(hex(substr(:bytes, 1 + s, 16)))"),
            "text": ("TEXT NOT NULL", "CAST(substr(:words, 1 + s % 1000000, 80) AS TEXT)"),
            "embedding": ("BLOB NOT NULL", "substr(:bytes, 1 + s, 6144)"),
            "provider": ("TEXT", "CASE WHEN i % 3 THEN 'local' END"),
            "updated_at": ("TEXT NOT NULL", UPDATED),
        },
        key=("id",),
        indexes=(("text_hash",),),
        rules={"provider": {"rule": "first_non_null"}, "text": {"rule": "max"}},
    ),
}
