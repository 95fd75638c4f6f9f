"""Build a target in the stage from the snapshots, and keep a ledger of every row that did not arrive plainly.

All values stay inside SQLite: nothing is decoded, so invalid UTF-8, NUL and odd storage classes survive.
"""

from strongroom.consolidate.merge.archive import archive_table
from strongroom.consolidate.merge.build import build_target

__all__ = ["archive_table", "build_target"]
