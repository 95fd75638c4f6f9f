"""The kinds of table whose every row a transform or a followed reference changes: the rewritten variant's.

They are the other variants' kinds with a column or two changed, so that both sizes are alike. One row in
twenty is what SQLite's own functions would get wrong: other white space, letters beyond ASCII, fractions.
"""

from __future__ import annotations

from dataclasses import replace

from tests.bench.kinds import KINDS, Kind

USERS = "users"
"""The table of users, in every file that has some."""

REWRITTEN_AS = {
    "debates": "trimmed_document",
    "trace_events": "folded_event",
    "embeddings": "trimmed_embedding",
    "recalls": "dated_history",
    "elo_history": "played_history",
    "ratings": "dated_score",
    "predictions": "owned_history",
    "domain_scores": "dated_score",
    "persona_embeddings": "trimmed_embedding",
    "traits": "dated_history",
}
"""First table of a pair -> the kind of both."""

EPOCH = {"epoch": "auto", "to": "iso8601_utc"}


def change(kind: str, transform: dict[str, object], **columns: tuple[str, str]) -> Kind:
    """Return a kind with other columns of the same names, and what the plan makes of them."""
    return replace(KINDS[kind], columns=KINDS[kind].columns | columns, transform=transform)


def give_owner(kind: Kind) -> Kind:
    """Return a kind whose agent is a user of the same file, by id."""
    owner = ("INTEGER NOT NULL REFERENCES users (id)", "1 + s % :users")
    return replace(
        kind,
        columns={("user_id" if name == "agent" else name): column for name, column in kind.columns.items()}
        | {"user_id": owner},
        indexes=(("user_id",), ("updated_at",)),
    )


def surround(text: str) -> str:
    """Return the expression of a text with white space around it, beyond ASCII in one of twenty rows."""
    return f"CASE WHEN i % 20 THEN '  ' || {text} || char(10) ELSE char(160) || {text} || 'é' || char(8195) END"


EVERY_KIND = KINDS | {
    "user": Kind(
        columns={
            "id": ("INTEGER PRIMARY KEY", "i + 1"),
            "name": ("TEXT NOT NULL UNIQUE", "printf('user-%07d', i + :seed * (:users / 2))"),
            "email": ("TEXT", "printf('user-%07d@example.org', i + :seed * (:users / 2))"),
        },
        key=("name",),
        indexes=(),
    ),
    "trimmed_document": change(
        "document",
        {"task": "trim"},
        task=("TEXT NOT NULL", surround("CAST(substr(:words, 1 + s % 1000000, 56) AS TEXT)")),
    ),
    "folded_event": change(
        "event",
        {"event_type": "casefold"},
        event_type=("TEXT NOT NULL", "CASE WHEN i % 20 THEN 'Type-' ELSE 'Straße-' END || (k % 9)"),
    ),
    "trimmed_embedding": change(
        "embedding",
        {"text": "trim"},
        text=("TEXT NOT NULL", surround("CAST(substr(:words, 1 + s % 1000000, 76) AS TEXT)")),
    ),
    "dated_score": change(
        "score",
        {"updated_at": EPOCH},
        updated_at=("TIMESTAMP NOT NULL", "(1600000000 + 60 * k) * 1000 + s % 1000"),
    ),
    "dated_history": change(
        "history",
        {"updated_at": EPOCH},
        updated_at=("TIMESTAMP", "1600000000 + 60 * k + CASE WHEN i % 20 THEN 0 ELSE 0.25 END"),
    ),
    "owned_history": give_owner(KINDS["history"]),
    # The first file's users keep their ids: there it is the transform that changes a row.
    "played_history": give_owner(change("history", {"opponent": "trim"}, opponent=("TEXT", "' agent-' || (s % 37)"))),
}
