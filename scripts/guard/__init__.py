"""Guard what was brought together: no new database files, no hard-coded paths to databases."""

from scripts.guard.moving import move_stray
from scripts.guard.references import Reference, audit_code
from scripts.guard.stray import find_forbidden, find_stray

__all__ = ["Reference", "audit_code", "find_forbidden", "find_stray", "move_stray"]
