"""An application's schemas in PostgreSQL: applied file by file, compared with what is there."""

from strongroom.postgres.access import find_access, for_schemas
from strongroom.schema.apply import Applied, apply_schemas
from strongroom.schema.drift import Drift, compare_schemas
from strongroom.schema.files import FileSet, read_file_sets
from strongroom.schema.noting import Records

__all__ = [
    "Applied",
    "Drift",
    "FileSet",
    "Records",
    "apply_schemas",
    "compare_schemas",
    "find_access",
    "for_schemas",
    "read_file_sets",
]
