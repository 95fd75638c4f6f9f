"""Guard what was brought together: no new database files, no hard-coded paths to databases."""

from strongroom.examine.guard.move import move_stray
from strongroom.examine.guard.references import Reference, audit_code
from strongroom.examine.guard.stray import find_forbidden, find_staged, find_stray

__all__ = ["Reference", "audit_code", "find_forbidden", "find_staged", "find_stray", "move_stray"]
