"""An application's schemas in PostgreSQL: applied file by file, compared with what is there."""

from scripts.postgres.access import find_access
from scripts.postgres.apply import Applied, apply_schemas
from scripts.postgres.drift import Drift, compare_schemas
from scripts.postgres.files import FileSet, read_file_sets

__all__ = ["Applied", "Drift", "FileSet", "apply_schemas", "compare_schemas", "find_access", "read_file_sets"]
