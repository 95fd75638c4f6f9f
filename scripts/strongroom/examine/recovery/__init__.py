"""Recover what is left of a damaged database. The damaged file keeps its bytes.

By SQLite's own recovery where the installed shell has it (https://sqlite.org/recovery.html), else by reading
around the damage, table by table; so an encrypted one is read always, and what is saved of it has its key.
"""

from strongroom.examine.recovery.recover import Recovered, recover

__all__ = ["Recovered", "recover"]
