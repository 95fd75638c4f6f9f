"""What a SQLite snapshot becomes in PostgreSQL where no schema files say it: types, tables, keys, indexes, views."""

from strongroom.load.draft.drafting import draft_column, draft_schema, draft_table
from strongroom.load.draft.epochs import describe_numbers, detect_epoch, find_zoneless
from strongroom.load.draft.model import Draft, Drafted

__all__ = [
    "Draft",
    "Drafted",
    "describe_numbers",
    "detect_epoch",
    "draft_column",
    "draft_schema",
    "draft_table",
    "find_zoneless",
]
